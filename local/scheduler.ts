import { Cron } from "croner";
import postgres from "postgres";
import { type Part, type Settings, StartError } from "./settings.ts";

type Job = {
  jobid: string;
  schedule: string;
  command: string;
  database: string;
  username: string;
  active: boolean;
  jobname: string | null;
};

/**
 * Does what pg_cron does on a hosted project: runs the active jobs of `cron.job`, and looks anew
 * whenever that table changes.
 */
export async function startScheduler(settings: Settings): Promise<Part> {
  const sql = connect(settings.adminDatabaseUrl, "pg_cron");
  let timers: Cron[] = [];
  const load = async () => {
    const jobs = await readJobs(sql);
    for (const timer of timers) timer.stop();
    timers = jobs
      .filter((job) => job.active)
      .map((job) => schedule(job, () => runJob(settings, job)));
  };
  if (await exists(sql, "cron.job_run_details")) {
    await sql`update cron.job_run_details set status = 'failed', return_message = 'server restarted'
              where status in ('starting', 'running')`;
  }
  await sql.listen("pg_cron", guarded(load), guarded(load));
  return {
    stop: async () => {
      for (const timer of timers) timer.stop();
      await sql.end({ timeout: 1 });
    },
  };
}

/** A timer for pg_cron's syntax, which knows seconds as an interval and `$` as a month's last day. */
function schedule(job: Job, run: () => Promise<unknown>): Cron {
  const seconds = /^\s*(\d+) seconds?\s*$/i.exec(job.schedule)?.[1];
  const pattern = seconds ? "* * * * * *" : job.schedule.replace("$", "L");
  // Hosted, `cron.timezone` is GMT. A run that is due while the last one goes on is left out.
  const options = { timezone: "UTC", protect: true, interval: Number(seconds ?? 0) };
  return new Cron(pattern, options, guarded(run));
}

/** Runs the job of that name once, as pg_cron would; returns its row of `cron.job_run_details`. */
export async function runJobNow(settings: Settings, name: string) {
  const sql = connect(settings.adminDatabaseUrl, "pg_cron");
  try {
    const jobs = await readJobs(sql);
    const job = jobs.find(({ jobname }) => jobname === name);
    if (job) return await runJob(settings, job);
    const names = jobs.map(({ jobname }) => jobname).join(", ");
    throw new StartError(`There is no scheduled job "${name}". There are: ${names || "none"}.`);
  } finally {
    await sql.end();
  }
}

/** One run on a connection of its own, in the role of the job's user, with its row of details. */
async function runJob(settings: Settings, job: Job) {
  const sql = connect(settings.adminDatabaseUrl, "pg_cron");
  try {
    const [run] = await sql`
      insert into cron.job_run_details
        (jobid, job_pid, database, username, command, status, start_time)
      values (${job.jobid}, pg_backend_pid(), ${job.database}, ${job.username}, ${job.command},
              'running', clock_timestamp())
      returning runid`;
    await sql`select set_config('search_path', '"$user", public, extensions', false),
                     set_config('session_authorization', ${job.username}, false)`;
    const outcome = await sql.unsafe(job.command).then(
      (result) => ({ status: "succeeded", return_message: summary(result) }),
      (error: Error) => ({ status: "failed", return_message: `ERROR:  ${error.message}` }),
    );
    // Whatever the command has left open ends here, as when pg_cron closes its connection.
    await sql.unsafe("rollback");
    await sql`reset session authorization`;
    const [done] = await sql`update cron.job_run_details
      set ${sql(outcome)}, end_time = clock_timestamp() where runid = ${run?.runid} returning *`;
    return done as { status: string; return_message: string };
  } finally {
    await sql.end();
  }
}

/** What pg_cron notes of a run: how many rows a query had, or else the command's own tag. */
function summary(result: postgres.RowList<postgres.Row[]>): string {
  // Several statements give a list of results, of which the last one counts.
  const { command, count } = (Array.isArray(result[0]) ? result.at(-1) : result) as typeof result;
  if (command === "SELECT") return `${count} row${count === 1 ? "" : "s"}`;
  return [command, count].filter((word) => word !== null).join(" ");
}

/** A connection that says in `pg_stat_activity` for which extension it stands in. */
export function connect(url: string, application_name: string, max = 1) {
  const connection = { application_name };
  return postgres(url, { max, connection, fetch_types: false, onnotice: () => {} });
}

/** Whether there is that table: an extension need not be installed. */
export async function exists(sql: postgres.Sql, table: string): Promise<boolean> {
  const [row] = await sql`select to_regclass(${table}) is not null as found`;
  return row?.found;
}

async function readJobs(sql: postgres.Sql): Promise<Job[]> {
  return (await exists(sql, "cron.job")) ? await sql<Job[]>`select * from cron.job` : [];
}

/** Work that nobody waits for: what goes wrong is told, and the next time it is tried again. */
export function guarded<A extends unknown[]>(work: (...args: A) => Promise<unknown>) {
  return async (...args: A): Promise<void> => {
    await work(...args).catch((error: Error & { code?: string }) => {
      // The connection is closed when the platform stops.
      if (error.code !== "CONNECTION_ENDED") console.error(`scheduler: ${error.message}`);
    });
  };
}
