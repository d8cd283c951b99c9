import { Cron } from "croner";
import postgres from "postgres";
import { type Part, type Settings, StartError } from "./settings.ts";

type Job = Record<"jobid" | "schedule" | "command" | "database" | "username" | "jobname", string>;
type Call = Record<"id" | "method" | "url", string> & {
  headers: Record<string, string> | null;
  body: Buffer | null;
  timeout_milliseconds: number;
};

/**
 * Does what pg_cron and pg_net do on a hosted project: runs the active jobs of `cron.job`, and makes
 * the calls that committed transactions queued. Both tables tell when there is something new.
 */
export async function startExtensions(settings: Settings): Promise<Part> {
  const sql = connect(settings);
  const stopping = new AbortController();
  let timers: Cron[] = [];
  const schedule = async () => {
    const jobs = await sql<Job[]>`select * from cron.job where active`;
    for (const timer of timers) timer.stop();
    timers = jobs.map((job) => startTimer(settings, job));
  };
  const call = async () => {
    const calls = await sql<Call[]>`delete from net.http_request_queue returning *`;
    for (const call of calls) makeCall(sql, call, stopping.signal);
    await sql`delete from net._http_response where created < now() - interval '6 hours'`;
  };
  await sql.listen("pg_cron", schedule, schedule);
  await sql.listen("pg_net", call, call);
  return {
    stop: async () => {
      for (const timer of timers) timer.stop();
      stopping.abort();
      await sql.end({ timeout: 1 });
    },
  };
}

/** A timer for pg_cron's syntax, which knows seconds as an interval and `$` as a month's last day. */
function startTimer(settings: Settings, job: Job): Cron {
  const seconds = /^\s*(\d+) seconds?\s*$/i.exec(job.schedule)?.[1];
  const pattern = seconds ? "* * * * * *" : job.schedule.replace("$", "L");
  // Hosted, `cron.timezone` is GMT. A run that is due while the last one goes on is left out.
  const options = { timezone: "UTC", protect: true, interval: Number(seconds ?? 0) };
  return new Cron(pattern, { ...options, catch: (error) => console.error(error) }, async () => {
    await runJob(settings, job);
  });
}

/** Runs the job of that name once, as pg_cron would, and tells how it went. */
export async function runJobNow(settings: Settings, name: string): Promise<string> {
  const sql = connect(settings);
  const jobs = await sql<Job[]>`select * from cron.job`.finally(() => sql.end());
  const names = jobs.map(({ jobname }) => jobname);
  const job = jobs[names.indexOf(name)];
  if (!job) throw new StartError(`No scheduled job "${name}". There are: ${names.join(", ")}.`);
  const { status, return_message } = await runJob(settings, job);
  if (status === "failed") throw new StartError(return_message);
  return `${status}: ${return_message}`;
}

/** One run on a connection of its own, in the role of the job's user, with its row of details. */
async function runJob(settings: Settings, { jobid, database, username, command }: Job) {
  const sql = connect(settings);
  try {
    const row = sql({ jobid, database, username, command });
    const [run] = await sql`insert into cron.job_run_details ${row} returning runid`;
    await sql`select set_config('search_path', '"$user", public, extensions', false),
                     set_config('session_authorization', ${username}, false)`;
    const outcome = await sql.unsafe(command).then(
      () => ({ status: "succeeded", return_message: "" }),
      (error: Error) => ({ status: "failed", return_message: `ERROR:  ${error.message}` }),
    );
    // Whatever the command has left open ends here, as when pg_cron closes its connection.
    await sql.unsafe("rollback; reset session authorization");
    await sql`update cron.job_run_details set ${sql(outcome)}, end_time = clock_timestamp()
              where runid = ${run?.runid}`;
    return outcome;
  } finally {
    await sql.end();
  }
}

/** Makes a call that was queued, and keeps its answer. */
async function makeCall(sql: postgres.Sql, call: Call, stopping: AbortSignal): Promise<void> {
  const { id, url, method, timeout_milliseconds } = call;
  const timeout = AbortSignal.timeout(timeout_milliseconds);
  const signal = AbortSignal.any([timeout, stopping]);
  const headers = call.headers ?? {};
  const body = call.body && new Uint8Array(call.body);
  const answer = await fetch(url, { method, headers, body, signal, redirect: "manual" })
    .then(async (response) => ({
      status_code: response.status,
      content_type: response.headers.get("content-type"),
      headers: sql.json(Object.fromEntries(response.headers)),
      content: await response.text(),
      timed_out: false,
    }))
    .catch(({ message, cause = { message } }) => ({
      timed_out: timeout.aborted,
      error_msg: timeout.aborted ? `Timeout of ${timeout_milliseconds} ms reached` : cause.message,
    }));
  if (!stopping.aborted) await sql`insert into net._http_response ${sql({ id, ...answer })}`;
}

function connect({ adminDatabaseUrl }: Settings): postgres.Sql {
  const connection = { application_name: "pg_cron and pg_net" };
  return postgres(adminDatabaseUrl, { max: 1, connection, fetch_types: false, onnotice: () => {} });
}
