import { describe, log, reasonOf } from "../_shared/log.ts";

/** Looks at a part of the system: says in words how it is, or throws what is wrong with it. */
export type Check = (signal: AbortSignal) => Promise<string>;
export type Checks = Record<string, Check>;

type Part = { ok: boolean; why: string; ms: number };
export type Health = { checked_at: string; parts: Record<string, Part> };

/** What a part may take to answer. */
const patience = 2_500;

/**
 * Looks at all parts side by side, and tells what was seen for some seconds: however many ask, Stripe,
 * the mail server and the database are not asked more often.
 */
export function createHealth(checks: Checks, keepFor = 5_000): () => Promise<Health> {
  let seen: Promise<Health> | undefined;
  let lookAgainAt = 0;
  return () => {
    if (!seen || performance.now() >= lookAgainAt) {
      lookAgainAt = performance.now() + keepFor;
      seen = look(checks);
    }
    return seen;
  };
}

/** Anybody learns whether all is well, and a holder of the secret key what is not. */
export function answer({ checked_at, parts }: Health, withDetails: boolean): Response {
  const isWell = Object.values(parts).every(({ ok }) => ok);
  const status = isWell ? "ok" : "degraded";
  return Response.json(withDetails ? { status, checked_at, parts } : { status }, {
    status: isWell ? 200 : 503,
    headers: { "cache-control": "no-store" },
  });
}

async function look(checks: Checks): Promise<Health> {
  const checked_at = new Date().toISOString();
  const seen = Object.entries(checks).map(
    async ([name, check]) => [name, await lookAt(name, check)] as const,
  );
  return { checked_at, parts: Object.fromEntries(await Promise.all(seen)) };
}

async function lookAt(name: string, check: Check): Promise<Part> {
  const started = performance.now();
  const ms = () => Math.round(performance.now() - started);
  const timer = new AbortController();
  const timeOut = setTimeout(
    () => timer.abort(new Error(`No answer within ${patience / 1000} s.`)),
    patience,
  );
  const timeIsUp = new Promise<never>((_, reject) => {
    timer.signal.addEventListener("abort", () => reject(timer.signal.reason));
  });
  try {
    return { ok: true, why: await Promise.race([check(timer.signal), timeIsUp]), ms: ms() };
  } catch (error) {
    log("error", "not well", { part: name, error: describe(error) });
    return { ok: false, why: reasonOf(error), ms: ms() };
  } finally {
    clearTimeout(timeOut);
  }
}
