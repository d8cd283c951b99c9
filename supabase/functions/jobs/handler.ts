import { describe, forRequest, log, reasonOf, requestId } from "../_shared/log.ts";
import { type Kind, PermanentError, type Tools } from "./tools.ts";

export type Outcome = { done: number; failed: number; remaining: number };

type Job = {
  id: string;
  kind: string;
  payload: unknown;
  attempt: number;
  is_last_attempt: boolean;
  lease_token: string;
  /** The request that caused it. */
  request_id: string | null;
};

/** How many jobs one call works on at a time. */
const slots = 16;
/**
 * How many one call begins. Hosted, a call may use two seconds of CPU: 400 mails take that much, and
 * a first invoice as much as thirty. For the rest the call asks for another one.
 */
const mostJobs = 150;
/** No new job is begun after this, … */
const longestRun = 40_000;
/** … and nobody waits longer than this for the last ones: a call ends well within a minute. */
const longestEnd = 12_000;
/** A retry that is due this soon is waited for rather than left to the next call. */
const longestWait = 3_000;
/** How often to look for what has become due while jobs are under way. */
const lookEvery = 1_000;
const heartbeat = 20_000;

let isWorking = false;
let lookAgain = () => {};

/**
 * Does the work that is due and says how much. A call that comes while another one is at work makes
 * that one look again and answers at once: calls that pile up do no work twice.
 */
export async function work(tools: Tools, kinds: Record<string, Kind>): Promise<Outcome> {
  const outcome: Outcome = { done: 0, failed: 0, remaining: 0 };
  if (isWorking) {
    lookAgain();
    return { ...outcome, remaining: (await pending(tools)).due };
  }
  isWorking = true;
  try {
    await run(tools, kinds, outcome);
  } finally {
    isWorking = false;
  }
  // Looked up after the last call that could only be told to wait: nothing is left behind.
  const { due, claimable, nextIn } = await pending(tools);
  const isSoon = nextIn !== null && nextIn <= longestWait;
  if (claimable || isSoon) await tools.database`select private.wake_jobs()`;
  return { ...outcome, remaining: due };
}

async function run(tools: Tools, kinds: Record<string, Kind>, outcome: Outcome): Promise<void> {
  const deadline = performance.now() + longestRun;
  const active = new Set<Promise<void>>();
  let begun = 0;
  try {
    while (performance.now() < deadline && begun < mostJobs) {
      const called = new Promise<void>((resolve) => {
        lookAgain = resolve;
      });
      const room = Math.min(slots - active.size, mostJobs - begun);
      const jobs = room ? await claim(tools, room) : [];
      begun += jobs.length;
      for (const job of jobs) {
        const cause = job.request_id ?? requestId() ?? job.id;
        const attempt = forRequest(cause, () => tryJob(job, tools, kinds)).then((came) => {
          if (came !== "lost") outcome[came]++;
          active.delete(attempt);
        });
        active.add(attempt);
      }
      if (active.size) await within(lookEvery, ...active, called);
      else if (!(await waitForMore(tools, deadline))) break;
    }
  } finally {
    // What takes longer still reports when it is done; should it not live so long, its lease ends.
    // When more is to do, one that hangs does not keep the next call from it.
    await within(begun < mostJobs ? longestEnd : lookEvery, Promise.all(active));
    if (active.size) outlive(Promise.all(active));
  }
}

/** Tells Supabase's runtime, where there is one, not to end before this is done, though the call is answered. */
function outlive(work: Promise<unknown>): void {
  const { EdgeRuntime } = globalThis as {
    EdgeRuntime?: { waitUntil(work: Promise<unknown>): void };
  };
  EdgeRuntime?.waitUntil(work);
}

/** Waits for the first of them, but no longer than that. */
async function within(milliseconds: number, ...events: Promise<unknown>[]): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeUp = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([...events, timeUp]);
  clearTimeout(timer);
}

async function claim({ database }: Tools, count: number): Promise<Job[]> {
  return await database<Job[]>`
    select id, kind, payload, attempt, is_last_attempt, lease_token, request_id
    from private.claim_jobs(${count})`;
}

type Pending = {
  /** All that is due. */
  due: number;
  /** What of it may begin: as many of a kind as its limits leave room for. */
  claimable: number;
  /** Milliseconds until more is due, or until a limit lets more of it begin. */
  nextIn: number | null;
};

async function pending({ database }: Tools): Promise<Pending> {
  const [row] = await database<[Pending]>`
    select due::integer, claimable::integer,
      extract(epoch from next_run_at - clock_timestamp())::float * 1000 as "nextIn"
    from private.pending_jobs()`;
  return row;
}

/** True when there is or soon will be something to do. */
async function waitForMore(tools: Tools, deadline: number): Promise<boolean> {
  const { claimable, nextIn } = await pending(tools);
  if (claimable) return true;
  if (nextIn === null || nextIn > longestWait || performance.now() + nextIn > deadline)
    return false;
  await new Promise((resolve) => setTimeout(resolve, Math.max(nextIn, 0) + 10));
  return true;
}

/** One try of one job, from its lease to its report. Never throws for what the job did. */
async function tryJob(
  job: Job,
  tools: Tools,
  kinds: Record<string, Kind>,
): Promise<"done" | "failed" | "lost"> {
  const { database } = tools;
  const stopHeart = keepLease(job, tools);
  try {
    const result = (await perform(job, tools, kinds)) ?? null;
    const [row] = await database<[{ reported: boolean | null }]>`
      select private.finish_job(
        ${job.id}, ${job.lease_token}, ${result && database.json(result)}
      ) as reported`;
    if (!row.reported) log("warn", "done, but the lease was lost", { job: job.id, kind: job.kind });
    return row.reported ? "done" : "lost";
  } catch (error) {
    const permanent = error instanceof PermanentError;
    log("error", "job failed", {
      job: job.id,
      kind: job.kind,
      attempt: job.attempt,
      permanent,
      error: describe(error),
    });
    await report(job, tools, error, permanent);
    return "failed";
  } finally {
    stopHeart();
  }
}

/** Lengthens the lease again and again, until it is lost or the job is over. */
function keepLease({ id, lease_token }: Job, { database }: Tools): () => void {
  const beat = setInterval(async () => {
    try {
      const [row] = await database<[{ held: boolean | null }]>`
        select private.extend_lease(${id}, ${lease_token}) as held`;
      if (!row.held) clearInterval(beat);
    } catch (error) {
      log("warn", "heartbeat failed", { job: id, error: describe(error) });
    }
  }, heartbeat);
  return () => clearInterval(beat);
}

async function perform(job: Job, tools: Tools, kinds: Record<string, Kind>) {
  const kind = kinds[job.kind];
  if (!kind) throw new PermanentError(`This worker knows no kind of job named ${job.kind}.`);
  const payload = kind.payload.safeParse(job.payload);
  if (!payload.success) {
    throw new PermanentError(`The payload does not fit: ${payload.error.message}`);
  }
  return await kind.run(payload.data, tools, job.is_last_attempt);
}

/** A report that does not arrive is no loss: the lease runs out, and the job is tried again. */
async function report(job: Job, { database }: Tools, error: unknown, permanent: boolean) {
  const reason = reasonOf(error).replaceAll("\0", ""); // which Postgres takes in no text
  await database`
    select private.fail_job(${job.id}, ${job.lease_token}, ${reason}, ${permanent})`.catch((lost) =>
    log("error", "report failed", { job: job.id, error: describe(lost) }),
  );
}
