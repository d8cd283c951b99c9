import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createChecks } from "../../supabase/functions/health/checks.ts";
import { answer, createHealth, type Health } from "../../supabase/functions/health/handler.ts";
import { database, stack, visitor, waitFor } from "../api/actors.ts";

// The real checks against the stack, and against servers that are not there or say nothing.

const sockets: Socket[] = [];
const silent = createServer((socket) => sockets.push(socket.on("error", () => {})));
let silentPort: number;
let closedPort: number;

beforeAll(async () => {
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  silentPort = (silent.address() as AddressInfo).port;
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  closedPort = (closed.address() as AddressInfo).port;
  closed.close();
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await database.end();
});
beforeEach(() => {
  vi.spyOn(console, "error").mockReturnValue();
});

/** Everything that a health check asks, at that port. */
const allAt = (port: number) => ({
  ...process.env,
  SUPABASE_DB_URL: `postgresql://postgres:secret@127.0.0.1:${port}/postgres`,
  SMTP_PORT: String(port),
  STRIPE_API_URL: `http://127.0.0.1:${port}`,
});

async function look(environment: Record<string, string | undefined>): Promise<Health["parts"]> {
  return (await createHealth(createChecks(environment))()).parts;
}

const url = `${stack.api}/functions/v1/health`;

test("all is well, says the function, and the details only to the secret key", async () => {
  // The first call starts the function, which a busy machine takes its time for.
  const anybody = await waitFor("all to be well", async () => {
    const answered = await fetch(url);
    return answered.ok ? answered : undefined;
  });
  expect([anybody.status, await anybody.json()]).toEqual([200, { status: "ok" }]);
  expect(anybody.headers.get("cache-control")).toBe("no-store");
  for (const apikey of [stack.publishableKey, "sb_secret_guessed"]) {
    expect(await (await fetch(url, { headers: { apikey } })).json()).toEqual({ status: "ok" });
  }
  const { data } = await visitor().functions.invoke("health", { method: "GET" });
  expect(data).toEqual({ status: "ok" });

  const insider = await fetch(url, { headers: { apikey: stack.secretKey } });
  const part = { ok: true, why: expect.any(String), ms: expect.any(Number) };
  expect([insider.status, await insider.json()]).toEqual([
    200,
    {
      status: "ok",
      checked_at: expect.any(String),
      parts: { database: part, queue: part, mail: part, stripe: part },
    },
  ]);
});

test("a monitor that asks by HEAD has the status alone", async () => {
  const answered = await fetch(url, { method: "HEAD" });
  expect([answered.status, await answered.text()]).toEqual([200, ""]);
});

test("only GET is answered", async () => {
  const answered = await fetch(url, { method: "POST", body: "{}" });
  expect([answered.status, (await answered.json()).error.code]).toEqual([
    405,
    "method_not_allowed",
  ]);
});

test("everything is away: every part says so", async () => {
  const parts = await look(allAt(closedPort));
  for (const [name, part] of Object.entries(parts)) expect(part, name).toMatchObject({ ok: false });
  expect(parts.database!.why).toContain("ECONNREFUSED");
  expect(parts.mail!.why).toContain("ECONNREFUSED");
  expect(parts.stripe!.why).toContain("connection to Stripe");
  expect(JSON.stringify(parts)).not.toContain(process.env.STRIPE_SECRET_KEY);
});

test("everything hangs: the answer comes within three seconds all the same", async () => {
  const started = performance.now();
  const parts = await look(allAt(silentPort));
  expect(performance.now() - started).toBeLessThan(3_000);
  const hung = { ok: false, why: "No answer within 2.5 s.", ms: expect.any(Number) };
  expect(parts).toEqual({ database: hung, queue: hung, mail: hung, stripe: hung });
});

test("a wrong key, a wrong password, a missing setting: each is named, without its value", async () => {
  const { queue, ...parts } = await look({
    ...process.env,
    SUPABASE_DB_URL: stack.database.replace(/:[^:@]+@/, ":wrong-password@"),
    STRIPE_SECRET_KEY: "sk_test_wrong_key",
    SMTP_HOST: "",
  });
  expect(parts).toMatchObject({
    database: { ok: false, why: expect.stringContaining("password authentication failed") },
    mail: { ok: false, why: "Not set, or without sense: SMTP_HOST." },
    stripe: { ok: false, why: expect.stringContaining("Invalid API Key") },
  });
  expect(JSON.stringify([queue, parts])).not.toMatch(/wrong[-_]/);
});

describe("the queue", () => {
  /** What is said while the oldest job that nobody takes has been due for so long. */
  async function seenWith(seconds: number) {
    const key = `health:${crypto.randomUUID()}`;
    return await database.begin(async (sql) => {
      // No worker claims a job meanwhile.
      await sql`select pg_advisory_xact_lock(hashtextextended('private.claim_jobs', 0))`;
      await database`
        insert into private.jobs (kind, payload, key, run_at, max_attempts)
        values ('remove_file', '{}', ${key}, now() - make_interval(secs => ${seconds}), 1)`;
      const { queue } = await look({ ...process.env });
      await database`delete from private.jobs where key = ${key}`;
      return queue!;
    });
  }

  test("stands still when what is due was not begun for five minutes", async () => {
    expect(await seenWith(330)).toMatchObject({
      ok: false,
      why: expect.stringMatching(/^Nobody does the work: \d+ due, the oldest for 33\d s/),
    });
  });

  test("may be busy", async () => {
    expect(await seenWith(60)).toMatchObject({ ok: true });
  });
});

test("what was seen is told for a while: nobody is asked more often because many ask", async () => {
  let asked = 0;
  const health = createHealth({ part: async () => `${++asked}` }, 50);
  const [one, other] = await Promise.all([health(), health()]);
  expect([asked, other]).toEqual([1, one]);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await health();
  expect(asked).toBe(2);
});

test("one part is enough to be degraded, and strangers do not learn which", async () => {
  const well = { ok: true, why: "Answers.", ms: 1 };
  const parts = { database: well, stripe: { ok: false, why: "Away.", ms: 1 } };
  const health = { checked_at: "2026-12-01T00:00:00Z", parts };
  const toAnybody = answer(health, false);
  expect([toAnybody.status, await toAnybody.json()]).toEqual([503, { status: "degraded" }]);
  expect(await answer(health, true).json()).toEqual({ status: "degraded", ...health });
});
