import { Cron } from "croner";
import postgres, { type Row } from "postgres";
import { type Part, type Settings, StartError } from "./settings.ts";

/**
 * Does what pg_cron and pg_net do on a hosted project: runs the active jobs of `cron.job`, and makes
 * the calls that committed transactions queued. Both tables tell when there is something new.
 */
export async function startExtensions(settings: Settings): Promise<Part> {
  const sql = connect(settings);
  const stopping = new AbortController();
  let timers: Cron[] = [];
  const schedule = async () => {
    const jobs = await sql`select * from cron.job where active`;
    for (const timer of timers) timer.stop();
    timers = jobs.map((job) => startTimer(settings, job));
  };
  const call = async () => {
    const calls = await sql`delete from net.http_request_queue returning *`;
    for (const call of calls) makeCall(sql, call, stopping.signal);
    await sql`delete from net._http_response where created < now() - interval '6 hours'`;
  };
  // Whoever stops meanwhile has ended the connection.
  const calmly = (work: () => Promise<void>) => () =>
    work().catch((error) => stopping.signal.aborted || console.error(error));
  await sql.listen("pg_cron", calmly(schedule), calmly(schedule));
  await sql.listen("pg_net", calmly(call), calmly(call));
  return {
    stop: async () => {
      for (const timer of timers) timer.stop();
      stopping.abort();
      await sql.end({ timeout: 1 });
    },
  };
}

/** A timer for pg_cron's syntax, which knows `10 seconds`, and `$` as a month's last day. */
function startTimer(settings: Settings, job: Row): Cron {
  const inSeconds = job.schedule.replace(/^\s*(\d+) seconds?\s*$/i, "*/$1 * * * * *");
  // Hosted, `cron.timezone` is GMT. A run that is due while the last one goes on is left out.
  const options = {
    timezone: "UTC",
    protect: true,
    catch: (error: unknown) => console.error(error),
  };
  return new Cron(inSeconds.replace("$", "L"), options, async () => {
    await runJob(settings, job);
  });
}

/** Runs the job of that name once, as pg_cron would, and tells how it went. */
export async function runJobNow(settings: Settings, name: string): Promise<string> {
  const sql = connect(settings);
  const jobs = await sql`select * from cron.job`.finally(() => sql.end());
  const names = jobs.map(({ jobname }) => jobname);
  const job = jobs[names.indexOf(name)];
  if (!job) throw new StartError(`No scheduled job "${name}". There are: ${names.join(", ")}.`);
  const { status, return_message } = await runJob(settings, job);
  if (status === "failed") throw new StartError(return_message);
  return status;
}

/** One run on a connection of its own, in the role of the job's user, with its row of details. */
async function runJob(settings: Settings, { jobid, database, username, command }: Row) {
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
async function makeCall(sql: postgres.Sql, call: Row, stopping: AbortSignal): Promise<void> {
  const { id, url, method, headers, body, timeout_milliseconds } = call;
  const signal = AbortSignal.any([AbortSignal.timeout(timeout_milliseconds), stopping]);
  const sent = { method, headers: headers ?? {}, body, signal, redirect: "manual" } as const;
  const answer = await fetch(url, sent)
    .then(async (response) => ({
      status_code: response.status,
      content_type: response.headers.get("content-type"),
      headers: sql.json(Object.fromEntries(response.headers)),
      content: await response.text(),
    }))
    .catch(({ name, message, cause }) => ({
      timed_out: name === "TimeoutError",
      error_msg: cause?.message ?? message,
    }));
  if (!stopping.aborted) await sql`insert into net._http_response ${sql({ id, ...answer })}`;
}

function connect({ adminDatabaseUrl }: Settings): postgres.Sql {
  const connection = { application_name: "pg_cron and pg_net" };
  return postgres(adminDatabaseUrl, { max: 1, connection, fetch_types: false, onnotice: () => {} });
}
