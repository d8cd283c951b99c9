import { randomInt } from "node:crypto";
import type postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { isFree } from "../../local/stack.ts";
import { freePort, Sink, World } from "./world.ts";

/**
 * The queue under faults: workers that are killed, mail servers that misbehave, a database that
 * goes away. Afterwards every job is done or a dead letter that says why, and no reader sees a mail
 * twice.
 */

// Workers start and end in each of them, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 60_000 });

let world: World;
let sink: Sink;
let slowly: ReturnType<typeof sendSlowly>;

beforeAll(async () => {
  // The workers complain of what is done to them.
  vi.spyOn(console, "log").mockReturnValue();
  let port = 0;
  while (!port || !(await isFree(port + 1))) port = randomInt(10_000, 32_000);
  world = new World(port);
  [sink] = await Promise.all([new Sink().open(), world.start()]);
  slowly = sendSlowly(await world.twin("slow"));
  // Its failure is for the test that waits for it.
  slowly.catch(() => {});
});
afterAll(async () => {
  await world.stop();
  await sink.close();
});
beforeEach(async () => {
  await world.sql`truncate private.jobs, private.mails, private.mail_suppressions`;
  sink.taken.length = 0;
  sink.wellBehaved = false;
});

/** Queues mails in one transaction; gives their Message-IDs. */
async function queue(...addresses: string[]): Promise<string[]> {
  return await queueIn(world.sql, addresses);
}

async function queueIn(sql: postgres.ISql, addresses: string[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select private.send_mail(
      'admin_alert', address, 'Maria',
      '{"alert": "reconciliation", "summary": "Something is off.", "facts": []}', address
    ) as id
    from unnest(${addresses}::text[]) address`;
  return rows.map(({ id }) => `${id}@djanobnb.test`);
}

const addresses = (word: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${word}-${n}@example.com`);

/** What became of mails and their jobs, as `state/state of the job: answer`. */
async function outcome(): Promise<Record<string, string>> {
  const rows = await world.sql<{ address: string; came: string }[]>`
    select m.to_address as address,
      m.state || '/' || j.state || case when m.state = 'sent' then '' else ': ' || m.response end as came
    from private.mails m join private.jobs j on j.key = 'mail:' || m.id
    order by 1`;
  return Object.fromEntries(rows.map(({ address, came }) => [address.split("@")[0], came]));
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 25_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** As if the time had passed that leases and retries take. */
async function timePasses(): Promise<void> {
  await world.sql`update private.jobs set leased_until = now() where state = 'running'`;
  await world.sql`update private.jobs set run_at = now() where state = 'queued'`;
}

/**
 * One mail to a server that takes half a minute for it, and one to a reader it serves at once. In a
 * database of its own, so that the other tests need not wait.
 */
async function sendSlowly({ sql, settings }: Awaited<ReturnType<World["twin"]>>) {
  const server = await new Sink().open();
  server.slowness = 30_000;
  try {
    const ids = await queueIn(sql, ["slow-1@example.com", "fine-1@example.com"]);
    const started = performance.now();
    const answer = await world.worker(server.port, settings).call();
    const seconds = (performance.now() - started) / 1000;
    const states = await sql`select m.state, j.state as job, j.attempts
      from private.mails m join private.jobs j on j.key = 'mail:' || m.id`;
    return { ids, answer, seconds, states: [...states], taken: server.taken };
  } finally {
    await Promise.all([sql.end(), server.close()]);
  }
}

/** Whether a worker waits for a row that somebody else has locked. */
async function isBlocked(): Promise<boolean> {
  const rows = await world.sql`
    select from pg_stat_activity
    where application_name = 'djanobnb-functions' and datname = current_database()
      and wait_event_type = 'Lock'`;
  return rows.length > 0;
}

/** Kills a worker at the moment when it wants to write that row; what it did before has happened. */
async function killWhenWriting(table: "private.mails" | "private.jobs"): Promise<void> {
  const worker = world.worker(sink.port);
  let calling: Promise<unknown> | undefined;
  await world.sql.begin(async (sql) => {
    if (table === "private.mails") await sql`select from private.mails for update`;
    calling = worker.call().catch(() => {});
    if (table === "private.jobs") {
      await until("the mail to be taken", () => sink.taken.length > 0);
      await sql`select from private.jobs for update`;
    }
    await until("the worker to write", isBlocked);
    await worker.kill();
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'djanobnb-functions' and datname = current_database()`;
  });
  await calling;
}

test("a worker that is killed before it could write that a mail was sent: it comes again as the same", async () => {
  const [messageId] = await queue("maria@example.com");
  await killWhenWriting("private.mails");
  expect(sink.taken).toEqual([messageId]);
  const worker = world.worker(sink.port);
  expect(await worker.call(), "its lease holds").toMatchObject({ done: 0 });
  await timePasses();
  expect(await worker.call()).toMatchObject({ status: 200, done: 1, remaining: 0 });
  expect(await outcome()).toEqual({ maria: "sent/done" });
  expect(sink.taken).toEqual([messageId, messageId]);
  await worker.kill();
});

test("leases that run out at once, as when a clock jumps: another worker takes over, one of them reports", async () => {
  const [first, second] = [world.worker(sink.port), world.worker(sink.port)];
  // Both have started, so that the second one is there while the first one is at work.
  await Promise.all([first.call(), second.call()]);
  const ids = await queue(...addresses("slow", 12));
  const lost = first.call();
  await until("the first worker to be at work", () => sink.taken.length > 0);
  await timePasses();
  const took = await second.call();
  const left = await lost;
  expect(took.done! + left.done!).toBe(12);
  expect(took.done).toBeGreaterThan(0);
  expect(Object.values(await outcome())).toEqual(Array(12).fill("sent/done"));
  expect(new Set(sink.taken)).toEqual(new Set(ids));
  await Promise.all([first.kill(), second.kill()]);
});

test("a clock that is set back an hour: what runs is finished, what waits is done once it has caught up", async () => {
  const worker = world.worker(sink.port);
  await worker.call();
  const ids = await queue(...addresses("dead", 6));
  // By a worker that is never heard of again.
  await world.sql`select private.claim_jobs(6)`;
  ids.push(...(await queue(...addresses("slow", 3))));
  const call = worker.call();
  await until("the worker to be at work", () => sink.taken.length > 0);
  await world.sql.begin(async (sql) => {
    ids.push(...(await queueIn(sql, addresses("maria", 5))));
    await sql`
      update private.jobs
      set run_at = run_at + interval '1 hour', leased_until = leased_until + interval '1 hour'`;
  });
  expect(await call).toMatchObject({ done: 3, failed: 0, remaining: 0 });
  expect(await worker.call()).toMatchObject({ done: 0, failed: 0, remaining: 0 });
  await world.sql`
    update private.jobs
    set run_at = run_at - interval '1 hour', leased_until = leased_until - interval '1 hour'`;
  await timePasses();
  expect(await worker.call()).toMatchObject({ done: 11, failed: 0, remaining: 0 });
  expect(Object.values(await outcome())).toEqual(Array(14).fill("sent/done"));
  expect([...sink.taken].sort()).toEqual(ids.sort());
  await worker.kill();
});

test("a mail server with moods: what may pass is tried again, what lasts is kept with its reason", async () => {
  const worker = world.worker(sink.port);
  await queue(
    ...["gone-1", "refuse-1", "busy-1", "leave-1", "cut-1", "content-1", "fine-1"].map(
      (name) => `${name}@example.com`,
    ),
  );
  expect(await worker.call()).toMatchObject({ done: 1 });
  expect(await outcome()).toEqual({
    "busy-1": expect.stringMatching(/^queued\/queued: .*451/),
    "content-1": expect.stringMatching(/^failed\/failed: .*554/),
    "cut-1": expect.stringMatching(/^queued\/queued: ./),
    "fine-1": "sent/done",
    "gone-1": expect.stringMatching(/^refused\/failed: .*550 5\.1\.1/),
    "leave-1": expect.stringMatching(/^queued\/queued: ./),
    "refuse-1": expect.stringMatching(/^failed\/failed: .*550 5\.7\.1/),
  });
  expect(await world.sql`select address from private.mail_suppressions`).toEqual([
    { address: "gone-1@example.com" },
  ]);

  sink.wellBehaved = true;
  await queue("GONE-1@example.com");
  await timePasses();
  expect(await worker.call()).toMatchObject({ done: 4, failed: 0, remaining: 0 });
  expect(await outcome()).toMatchObject({
    ...{ "busy-1": "sent/done", "cut-1": "sent/done", "leave-1": "sent/done" },
    "GONE-1": expect.stringMatching(/^suppressed\/done/),
  });
  expect(new Set(sink.taken).size).toBe(sink.taken.length);
  await worker.kill();
});

test("a mail to several admins, one of whose servers says later: each of them has it once", async () => {
  const ADMIN_EMAIL = "fine-1@example.com,busy-1@example.com,fine-2@example.com";
  const functionEnv = { ...world.settings.functionEnv, ADMIN_EMAIL };
  const worker = world.worker(sink.port, { ...world.settings, functionEnv });
  await world.sql`select private.alert_admins('reconciliation', 'Something is off.', '[]', 'to all')`;
  expect(await worker.call()).toMatchObject({ done: 0 });
  expect(sink.taken).toHaveLength(2);
  sink.wellBehaved = true;
  await timePasses();
  expect(await worker.call()).toMatchObject({ done: 1, failed: 0, remaining: 0 });
  expect(sink.taken).toHaveLength(3);
  const [mail] = await world.sql`select state, response from private.mails`;
  expect(mail!.state).toBe("sent");
  expect(mail!.response.split("\n")).toHaveLength(3);
  await worker.kill();
});

test("no mail server at all: after the last try each mail is a dead letter, and goes out when retried", async () => {
  const nobody = world.worker(await freePort());
  await queue(...addresses("maria", 3));
  await world.sql`update private.jobs set max_attempts = 2`;
  await nobody.call();
  await timePasses();
  await nobody.call();
  await nobody.kill();
  expect(Object.values(await outcome())).toEqual(
    Array(3).fill(expect.stringMatching(/^failed\/failed: .*ECONNREFUSED/)),
  );
  await world.sql`update private.jobs set state = 'queued', attempts = 0, finished_at = null`;
  const worker = world.worker(sink.port);
  expect(await worker.call()).toMatchObject({ done: 3 });
  expect(Object.values(await outcome())).toEqual(Array(3).fill("sent/done"));
  await worker.kill();
});

test("a mail server that hangs holds up no other work", async () => {
  const worker = world.worker(sink.port);
  sink.slowness = 20_000;
  await queue(...addresses("slow", 30));
  const call = worker.call();
  await until("it to hang", () => sink.taken.length >= 8);
  await world.sql`
    select private.enqueue('write_daily_report', '{"report_date": "2026-01-01", "timezone": "UTC"}', 'report')`;
  expect((await worker.call()).done, "a second call says what is left and goes").toBe(0);
  await until("the report", async () => {
    const [job] = await world.sql`select state from private.jobs where key = 'report'`;
    return job!.state === "done";
  });
  const [mails] = await world.sql`
    select count(*)::integer as sent from private.mails where state = 'sent' and template = 'admin_alert'`;
  expect(mails).toEqual({ sent: 0 });
  await worker.kill();
  await call.catch(() => {});
});

test("a mail server that takes 30 seconds: it is waited for, and has the mail once", async () => {
  const { ids, answer, seconds, states, taken } = await slowly;
  expect(answer).toEqual({ status: 200, done: 2, failed: 0, remaining: 0 });
  expect(seconds).toBeGreaterThan(30);
  expect(states).toEqual(Array(2).fill({ state: "sent", job: "done", attempts: 1 }));
  expect([...taken].sort()).toEqual([...ids].sort());
});

test("a database that goes away under a thousand jobs: none is lost, none is sent as another", async () => {
  const ids = await queue(...addresses("maria", 1000));
  const worker = world.worker(sink.port);
  const call = worker.call();
  await until("it to be well under way", () => sink.taken.length >= 100);
  await world.restartDatabase();
  await call;
  const unfinished = async () => {
    const [row] = await world.sql`
      select count(*)::integer from private.jobs where state in ('queued', 'running')`;
    return row?.count as number;
  };
  for (let calls = 0; (await unfinished()) && calls < 20; calls++) {
    await timePasses();
    await worker.call();
  }
  const counts = await world.sql`select state, count(*)::integer from private.jobs group by state`;
  expect(counts).toEqual([{ state: "done", count: 1000 }]);
  expect(new Set(sink.taken)).toEqual(new Set(ids));
  // Those that were under way came again, under their own Message-ID.
  expect(sink.taken.length).toBeLessThanOrEqual(1000 + 2 * 16);
  await worker.kill();
});
