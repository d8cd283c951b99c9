import { Cron } from "croner";
import postgres from "postgres";
import { type Part, type Settings, StartError } from "./settings.ts";

type Job = {
  jobid: string;
  schedule: string;
  command: string;
  database: string;
  username: string;
};
type HttpRequest = {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string> | null;
  body: Buffer | null;
  timeout_milliseconds: number;
};

/** pg_net's `batch_size`: so many calls are under way at once. */
const maxCalls = 200;

/** Does what the background workers of pg_cron and pg_net do on a hosted project. */
export async function startScheduler(settings: Settings): Promise<Part> {
  const parts = await Promise.all([startCron(settings), startHttpQueue(settings)]);
  return {
    stop: async () => {
      await Promise.all(parts.map((part) => part.stop()));
    },
  };
}

/** Runs the active jobs of `cron.job`, and looks anew whenever that table changes. */
async function startCron(settings: Settings): Promise<Part> {
  const sql = connect(settings.adminDatabaseUrl, "pg_cron");
  let timers: Cron[] = [];
  const load = async () => {
    const jobs = await activeJobs(sql);
    for (const timer of timers) timer.stop();
    timers = jobs.map((job) => schedule(job, () => runJob(settings, job)));
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
    const jobs = (await exists(sql, "cron.job")) ? await sql`select * from cron.job` : [];
    const job = jobs.find((row) => row.jobname === name) as Job | undefined;
    if (job) return await runJob(settings, job);
    const names = jobs.map((row) => row.jobname).join(", ");
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

/** Makes the calls that were queued with pg_net when their transactions have committed. */
async function startHttpQueue(settings: Settings): Promise<Part> {
  const sql = connect(settings.databaseUrl, "pg_net", 4);
  const calls = new Set<Promise<void>>();
  const stopping = new AbortController();

  const drain = guarded(async () => {
    const free = maxCalls - calls.size;
    if (free <= 0 || stopping.signal.aborted) return;
    if (!(await exists(sql, "net.http_request_queue"))) return;
    const requests = await sql<HttpRequest[]>`
      delete from net.http_request_queue
      where id in (select id from net.http_request_queue order by id limit ${free})
      returning *`;
    for (const request of requests) {
      const done = call(request).finally(() => {
        calls.delete(done);
        // As many as there was room for: more may be waiting.
        if (requests.length === free) drain();
      });
      calls.add(done);
    }
    await sql`delete from net._http_response where created < now() - interval '6 hours'`;
  });

  const call = guarded(async (request: HttpRequest) => {
    const { id, method, url, headers, body, timeout_milliseconds } = request;
    const timeout = AbortSignal.timeout(timeout_milliseconds);
    const answer = await fetch(url, {
      method: method.toUpperCase(),
      headers: headers ?? {},
      body: body && new Uint8Array(body),
      redirect: "manual",
      signal: AbortSignal.any([timeout, stopping.signal]),
    })
      .then(async (response) => ({
        status_code: response.status,
        content_type: response.headers.get("content-type"),
        headers: sql.json(Object.fromEntries(response.headers)),
        content: await response.text(),
        timed_out: false,
      }))
      .catch((error: Error & { cause?: Error }) => ({
        timed_out: timeout.aborted,
        error_msg: timeout.aborted
          ? `Timeout of ${timeout_milliseconds} ms reached`
          : (error.cause?.message ?? error.message),
      }));
    if (stopping.signal.aborted) return;
    await sql`insert into net._http_response ${sql({ id, ...answer })}`;
  });

  await sql.listen("pg_net", drain, drain);
  return {
    stop: async () => {
      stopping.abort();
      await Promise.allSettled(calls);
      await sql.end({ timeout: 1 });
    },
  };
}

function connect(url: string, application_name: string, max = 1) {
  return postgres(url, { max, connection: { application_name }, onnotice: () => {} });
}

async function exists(sql: postgres.Sql, table: string): Promise<boolean> {
  const [row] = await sql`select to_regclass(${table}) is not null as found`;
  return row?.found;
}

async function activeJobs(sql: postgres.Sql): Promise<Job[]> {
  if (!(await exists(sql, "cron.job"))) return [];
  return await sql<Job[]>`select * from cron.job where active`;
}

/** Work that nobody waits for: what goes wrong is told, and the next time it is tried again. */
function guarded<A extends unknown[]>(work: (...args: A) => Promise<unknown>) {
  return async (...args: A): Promise<void> => {
    await work(...args).catch((error: Error & { code?: string }) => {
      // The connection is closed when the platform stops.
      if (error.code !== "CONNECTION_ENDED") console.error(`scheduler: ${error.message}`);
    });
  };
}
