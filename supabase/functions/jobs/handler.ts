import { describe, log } from "../_shared/log.ts";
import { type Kind, PermanentError, type Tools } from "./tools.ts";

export type Outcome = { done: number; failed: number; remaining: number };

type Job = {
  id: string;
  kind: string;
  payload: unknown;
  attempt: number;
  lease_token: string;
};

/** How many jobs one call works on at a time: a slow mail server does not hold up invoices. */
const slots = 16;
/** No new job is begun after this; a call ends well within a minute. */
const longestRun = 40_000;
/** A retry that is due this soon is waited for rather than left to the next call. */
const longestWait = 3_000;
const heartbeat = 20_000;

let running: Promise<Outcome> | undefined;
let calledAgain = false;

/**
 * Does the work that is due and says how much. A call that comes while another one is at work makes
 * that one look again and answers at once: calls that pile up do no work twice.
 */
export async function work(tools: Tools, kinds: Record<string, Kind>): Promise<Outcome> {
  if (running) {
    calledAgain = true;
    return { done: 0, failed: 0, remaining: (await pending(tools)).due };
  }
  running = run(tools, kinds).finally(() => {
    running = undefined;
  });
  return await running;
}

async function run(tools: Tools, kinds: Record<string, Kind>): Promise<Outcome> {
  const deadline = Date.now() + longestRun;
  const outcome: Outcome = { done: 0, failed: 0, remaining: 0 };
  const active = new Set<Promise<void>>();

  while (Date.now() < deadline) {
    calledAgain = false;
    const jobs = active.size < slots ? await claim(tools, slots - active.size) : [];
    for (const job of jobs) {
      const attempt = tryJob(job, tools, kinds).then((succeeded) => {
        outcome[succeeded ? "done" : "failed"]++;
        active.delete(attempt);
      });
      active.add(attempt);
    }
    if (active.size) await Promise.race(active);
    else if (!jobs.length && !calledAgain && !(await waitForMore(tools, deadline))) break;
  }

  await Promise.all(active);
  outcome.remaining = (await pending(tools)).due;
  if (outcome.remaining) await tools.database`select private.wake_jobs()`;
  return outcome;
}

async function claim({ database }: Tools, count: number): Promise<Job[]> {
  return await database<Job[]>`
    select id, kind, payload, attempt, lease_token from private.claim_jobs(${count})`;
}

async function pending({ database }: Tools): Promise<{ due: number; nextIn: number | null }> {
  const [row] = await database<[{ due: string; next_in: number | null }]>`
    select due, extract(epoch from next_run_at - clock_timestamp())::float * 1000 as next_in
    from private.pending_jobs()`;
  return { due: Number(row.due), nextIn: row.next_in };
}

/** True when there is or soon will be something to do. */
async function waitForMore(tools: Tools, deadline: number): Promise<boolean> {
  const { due, nextIn } = await pending(tools);
  if (due > 0) return true;
  if (nextIn === null || nextIn > longestWait || Date.now() + nextIn > deadline) return false;
  await new Promise((resolve) => setTimeout(resolve, Math.max(nextIn, 0) + 10));
  return true;
}

/** One try of one job, from its lease to its report. Never throws for what the job did. */
async function tryJob(job: Job, tools: Tools, kinds: Record<string, Kind>): Promise<boolean> {
  const { database } = tools;
  const beat = setInterval(() => {
    database`select private.extend_lease(${job.id}, ${job.lease_token})`.catch((error) =>
      log("warn", "heartbeat failed", { job: job.id, error: describe(error) }),
    );
  }, heartbeat);

  try {
    const result = await perform(job, tools, kinds);
    await database`
      select private.finish_job(${job.id}, ${job.lease_token}, ${result ? database.json(result as never) : null})`;
    return true;
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
    return false;
  } finally {
    clearInterval(beat);
  }
}

async function perform(job: Job, tools: Tools, kinds: Record<string, Kind>) {
  const kind = kinds[job.kind];
  if (!kind) throw new PermanentError(`This worker knows no kind of job named ${job.kind}.`);
  const payload = kind.payload.safeParse(job.payload);
  if (!payload.success) {
    throw new PermanentError(`The payload does not fit: ${payload.error.message}`);
  }
  return await kind.run(payload.data, tools);
}

/** A report that does not arrive is no loss: the lease runs out, and the job is tried again. */
async function report(job: Job, { database }: Tools, error: unknown, permanent: boolean) {
  const reason = error instanceof Error ? error.message : String(error);
  await database`
    select private.fail_job(${job.id}, ${job.lease_token}, ${reason}, ${permanent})`.catch((lost) =>
    log("error", "report failed", { job: job.id, error: describe(lost) }),
  );
}
