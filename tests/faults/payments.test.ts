import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Settings } from "../../local/settings.ts";
import { statusOf } from "../../local/settings.ts";
import { startStack } from "../../local/stack.ts";
import { brokenRules } from "../api/rules.ts";
import { withFreshSettings } from "../stack.ts";

/**
 * Payments under faults, on a stack of their own: functions that are killed in the middle of each
 * step, Stripe and the mail server away. Afterwards everything is done, once. With `FAULTS=long` the
 * outages last a minute, and retries come when they are due.
 */
const isLong = process.env.FAULTS === "long";
const outage = isLong ? 60 : 2;
const patience = isLong ? 300 : 20;
const total = 25_925;

let settings: Settings;
let stopStack: () => Promise<void>;
let sql: postgres.Sql;
let mailServer: MailServer;
let actors: typeof import("../api/actors.ts");
let stays: typeof import("../api/stays.ts");
const began = new Date(Date.now() - 1000);

beforeAll(async () => {
  vi.spyOn(console, "log").mockReturnValue();
  vi.spyOn(console, "error").mockReturnValue();
  let release = () => {};
  let stopped: Promise<void> | undefined;
  settings = await new Promise<Settings>((resolve, reject) => {
    stopped = withFreshSettings(async (lent) => {
      mailServer = await MailServer.before(lent.ports.smtp);
      lent.functionEnv.SMTP_PORT = String(mailServer.port);
      const stack = await startStack(lent, () => {});
      resolve(lent);
      await new Promise<void>((done) => {
        release = done;
      });
      await stack.stop();
    });
    stopped.catch(reject);
  });
  stopStack = async () => {
    release();
    await stopped;
  };
  Object.assign(process.env, settings.functionEnv, statusOf(settings));
  actors = await import("../api/actors.ts");
  stays = await import("../api/stays.ts");
  sql = postgres(settings.databaseUrl, { max: 6, onnotice: () => {} });
}, 60_000);

afterAll(async () => {
  await Promise.all([sql?.end({ timeout: 1 }), actors?.database.end({ timeout: 1 })]);
  mailServer?.close();
  await stopStack?.();
});

/** The mail server as the functions see it: a line that may be cut. */
class MailServer {
  port = 0;
  #isDown = false;
  readonly #lines = new Set<Socket>();
  readonly #server: Server;

  private constructor(behind: number) {
    this.#server = createServer((line) => {
      if (this.#isDown) return line.destroy();
      const onwards = connect(behind, "127.0.0.1");
      for (const socket of [line, onwards]) {
        this.#lines.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#lines.delete(socket);
          line.destroy();
          onwards.destroy();
        });
      }
      line.pipe(onwards).pipe(line);
    });
  }

  static async before(port: number): Promise<MailServer> {
    const server = new MailServer(port);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    server.port = (server.#server.address() as { port: number }).port;
    return server;
  }

  set isDown(value: boolean) {
    this.#isDown = value;
    if (value) for (const line of this.#lines) line.destroy();
  }

  close() {
    this.isDown = true;
    this.#server.close();
  }
}

/** Homes and reservations of all the tests here, whose books are read after each. */
const homes: string[] = [];
const reservations: string[] = [];

async function hold(daysAhead = 20) {
  const [host, guest] = await stays.hostAndGuest();
  const stay = await stays.hold(host, guest, daysAhead);
  homes.push(stay.property.id);
  reservations.push(stay.id);
  return { ...stay, host, guest };
}

/** Holds something until it is let go: a lock that stops whoever comes to this point. */
async function freeze(lock: (sql: postgres.TransactionSql) => PromiseLike<unknown>) {
  let thaw = () => {};
  let over: Promise<unknown> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    over = sql.begin(async (transaction) => {
      await lock(transaction);
      resolve();
      await new Promise<void>((done) => {
        thaw = done;
      });
    });
    over.catch(reject);
  });
  return async () => {
    thaw();
    await over;
  };
}

/** Nobody claims a job meanwhile. */
const pauseWorker = () =>
  freeze((t) => t`select pg_advisory_xact_lock(hashtextextended('private.claim_jobs', 0))`);
const freezeStay = (id: string) =>
  freeze((t) => t`select from public.reservations where id = ${id} for no key update`);

/** Kills a function that waits in a call of the database, and the call with it. */
async function killIn(functionName: string, call: string) {
  const pid = await actors.waitFor(`${functionName} in ${call}`, async () => {
    const [row] = await sql`
      select pid from pg_stat_activity
      where application_name = 'djanobnb-functions' and wait_event_type = 'Lock'
        and query like ${`%private.${call}(%`}`;
    return row?.pid as number | undefined;
  });
  const processes = processesOf(functionName);
  expect(processes).not.toEqual([]);
  for (const id of processes) process.kill(id, "SIGKILL");
  await sql`select pg_terminate_backend(${pid})`;
}

/** The processes of a function, of this stack's alone. */
function processesOf(functionName: string): number[] {
  const of = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && of(pid, "cmdline").includes(`/${functionName}/index.ts`))
    .filter((pid) => of(pid, "environ").includes(`SUPABASE_URL=${settings.urls.api}\0`))
    .map(Number);
}

/** As if the time had passed that leases and retries take. */
async function timePasses(): Promise<void> {
  await sql`update private.jobs set leased_until = now() where state = 'running'`;
  if (!isLong) await sql`update private.jobs set run_at = now() where state = 'queued'`;
}

/** Waits until nothing is left to do. */
async function settle(): Promise<void> {
  const isDone = async () => {
    await timePasses();
    await stays.work();
    const [left] = await sql`select from private.jobs where state in ('queued', 'running') limit 1`;
    return left ? undefined : true;
  };
  await actors.waitFor("the jobs to be done", () => isDone().catch(() => undefined), patience);
}

/** After each fault the books are right, and each mail has come, and come as one. */
afterEach(
  async () => {
    await settle();
    const books = await stays.stripeBooks(reservations);
    const period: [Date, Date] = [began, new Date("2040-01-01")];
    expect(await brokenRules(sql, books, homes, period)).toEqual([]);
    const [failed] = await sql`select kind, last_error from private.jobs where state = 'failed'`;
    expect(failed).toBeUndefined();

    const received: { headers: Record<string, string> }[] = await (
      await fetch(`${actors.stack.mailbox}/email`)
    ).json();
    const ids = new Set(
      received.map(({ headers }) => headers["message-id"]!.replace(/[<>]|@.*/g, "")),
    );
    const written = await sql<{ id: string }[]>`select id from private.mails`;
    expect(ids).toEqual(new Set(written.map(({ id }) => id)));
  },
  (patience + 30) * 1000,
);

// Without /proc nobody knows which process to kill.
describe.skipIf(process.platform !== "linux")("a function that is killed", () => {
  test("between Stripe's answer and its note of it: the guest gets the same session", async () => {
    const [host, guest] = await stays.hostAndGuest();
    const property = await actors.list(host);
    homes.push(property.id);
    const { data } = await guest.client.rpc("reserve", {
      property_id: property.id,
      check_in: actors.inDays(20),
      check_out: actors.inDays(22),
      guests: 1,
    });
    reservations.push(data!.id!);
    await actors.stripe("slow?seconds=60&ms=300");
    const asked = stays.checkout(guest, { reservation_id: data!.id }).catch((error) => error);
    await actors.waitFor("Stripe to be asked", async () => isAskedFor(data!.id!));
    const thaw = await freezeStay(data!.id!);
    await killIn("checkout", "record_checkout");
    await thaw();
    await actors.stripe("slow?seconds=0");
    expect(await asked).toBeInstanceOf(Error);
    expect(await stays.booksOf(data!.id!)).toMatchObject({
      status: "held",
      payments: ["pending 0"],
    });

    const session = await stays.checkout(guest, { reservation_id: data!.id });
    const sessions = await stays.stripeSessions(data!.id!);
    expect(sessions.map(({ id }) => id)).toEqual([session.session_id]);
    await actors.stripe(`sessions/${session.session_id}/pay`);
    await stays.booksToBe(data!.id!, { status: "confirmed", documents: [`invoice ${total}`] });
  });

  test("while it takes in an event: Stripe sends it again", async () => {
    const { id, session } = await hold();
    const thaw = await freezeStay(id);
    const paid = actors.stripe(`sessions/${session.session_id}/pay`);
    await killIn("stripe-webhook", "apply_stripe_event");
    await thaw();
    await paid;
    await stays.booksToBe(id, { status: "confirmed", documents: [`invoice ${total}`] });
  });

  /** A stay that is paid while the worker rests, stopped by a lock before it goes on. */
  async function workUntil(lock: (id: string) => Promise<() => Promise<void>>) {
    const { id, session } = await hold();
    const resume = await pauseWorker();
    await actors.stripe(`sessions/${session.session_id}/pay`);
    const thaw = await lock(id);
    await resume();
    return { id, thaw };
  }

  test("while it takes a number: the number is free again", async () => {
    const { id, thaw } = await workUntil(() =>
      freeze((t) => t`lock table private.invoice_counters in exclusive mode`),
    );
    await killIn("jobs", "issue_documents");
    await thaw();
    await settle();
    await stays.booksToBe(id, { documents: [`invoice ${total}`] });
  });

  test("between the file and its note of it: there is one file", async () => {
    const { id, thaw } = await workUntil(freezeStay);
    await killIn("jobs", "record_pdf");
    await thaw();
    await settle();
    await stays.booksToBe(id, { documents: [`invoice ${total}`] });
    const [files] = await sql`
      select count(*)::integer from storage.objects o join public.invoices i on o.name like '%' || i.number || '.pdf'
      where i.reservation_id = ${id}`;
    expect(files).toEqual({ count: 1 });
  });

  test("before it could report: what is done is not done again", async () => {
    const { id, thaw } = await workUntil(freezeStay);
    await actors.waitFor("the file", async () => {
      const [blocked] = await sql`
        select from pg_stat_activity where wait_event_type = 'Lock' and query like '%record_pdf%'`;
      return blocked;
    });
    const thawJob = await freeze(
      (t) =>
        t`select from private.jobs where kind = 'issue_documents' and state = 'running' for update`,
    );
    await thaw();
    await killIn("jobs", "finish_job");
    await thawJob();
    await settle();
    await stays.booksToBe(id, { documents: [`invoice ${total}`] });
  });

  test("between a mail and its note of it: the mail comes again under the same name", async () => {
    const { id, thaw } = await workUntil((id) =>
      freeze(
        (t) => t`
          select from private.mails
          where template = 'booking_received' and props ->> 'reservation_id' = ${id} for update`,
      ),
    );
    await killIn("jobs", "record_mail");
    await thaw();
    await settle();
    await stays.booksToBe(id, { documents: [`invoice ${total}`] });
  });

  test("between a refund and its note of it: the money goes back once", async () => {
    const { id, guest, session } = await hold();
    await actors.stripe(`sessions/${session.session_id}/pay`);
    await settle();
    const { intent } = await stays.stripeIdsOf(session.session_id);
    const resume = await pauseWorker();
    await guest.client.rpc("cancel_reservation", { reservation_id: id });
    await actors.stripe("slow?seconds=60&ms=300");
    await resume();
    await actors.waitFor("the refund", async () => isAskedFor(intent));
    const thaw = await freezeStay(id);
    await killIn("jobs", "record_refund");
    await actors.stripe("slow?seconds=0");
    await thaw();
    await settle();
    await stays.booksToBe(id, {
      status: "cancelled",
      payments: [`refunded ${total}`],
      documents: [`invoice ${total}`, `credit_note ${total}`],
    });
    const refunds = (await stays.eventsAbout(intent)).filter(
      ({ type }) => type === "refund.created",
    );
    expect(refunds).toHaveLength(1);
  });
});

/** Whether somebody has asked Stripe to make something for it. */
async function isAskedFor(id: string): Promise<true | undefined> {
  const { data } = await (await fetch(`${actors.stack.stripe}/_test/requests`)).json();
  const calls: { method: string; params: unknown }[] = data;
  const found = calls.some(
    (one) => one.method === "POST" && JSON.stringify(one.params).includes(id),
  );
  return found || undefined;
}

test("Stripe is away", { timeout: 600_000 }, async () => {
  const booked = await Promise.all([hold(), hold(), hold()]);
  for (const { session } of booked) await actors.stripe(`sessions/${session.session_id}/pay`);
  await settle();

  await actors.stripe(`outage?seconds=${outage}`);
  for (const { id, guest } of booked) {
    await guest.client.rpc("cancel_reservation", { reservation_id: id });
  }
  // Nobody travels in vain meanwhile.
  for (const { guest, host } of booked) {
    await actors.mailTo(guest.email, /cancel/i);
    await actors.mailTo(host.email, /cancel/i);
  }
  const { property, guest } = booked[0]!;
  const dates = { check_in: actors.inDays(50), check_out: actors.inDays(52) };
  const { data } = await guest.client.rpc("reserve", {
    property_id: property.id,
    guests: 1,
    ...dates,
  });
  const refused = await actors.call(
    "checkout",
    { reservation_id: data!.id },
    { authorization: `Bearer ${guest.token}` },
  );
  expect([refused.status, refused.body.error.code]).toEqual([502, "payment_provider_unavailable"]);
  await actors.waitFor("the refunds to fail", async () => {
    const [tried] = await sql`
      select count(*)::integer from private.jobs where kind = 'refund_payment' and last_error is not null`;
    return tried!.count >= booked.length || undefined;
  });
  await new Promise((resolve) => setTimeout(resolve, outage * 1000));

  await settle();
  for (const { id } of booked) {
    await stays.booksToBe(id, { status: "cancelled", payments: [`refunded ${total}`] });
  }
  expect((await stays.checkout(guest, { reservation_id: data!.id })).url).toContain("http");
  reservations.push(data!.id!);
});

test("Stripe breaks while it makes a refund, and repeats so for that call", async () => {
  const { id, guest, session } = await hold();
  await actors.stripe(`sessions/${session.session_id}/pay`);
  await settle();
  await actors.stripe("fault?seconds=60");
  await guest.client.rpc("cancel_reservation", { reservation_id: id });
  await actors.waitFor("the refund to fail", async () => {
    const [tried] = await sql`
      select from private.jobs
      where kind = 'refund_payment' and last_error like '%broke%' and payload ->> 'payment_id' = (
        select p.id::text from public.payments p where p.reservation_id = ${id}
      )`;
    return tried;
  });
  await actors.stripe("fault?seconds=0");
  await settle();
  await stays.booksToBe(id, {
    status: "cancelled",
    payments: [`refunded ${total}`],
    documents: [`invoice ${total}`, `credit_note ${total}`],
  });
});

test("the mail server is away", { timeout: 600_000 }, async () => {
  mailServer.isDown = true;
  const booked = await Promise.all([hold(), hold(), hold()]);
  await Promise.all(
    booked.map(({ session }) => actors.stripe(`sessions/${session.session_id}/pay`)),
  );
  for (const { id } of booked) {
    await stays.booksToBe(id, { status: "confirmed", documents: [`invoice ${total}`] });
  }
  const hosts = booked.map(({ host }) => host.email);
  await actors.waitFor("the mails to fail", async () => {
    const [tried] = await sql`
      select count(*)::integer from private.mails where to_address = any(${hosts}) and response is not null`;
    return tried!.count >= booked.length || undefined;
  });
  if (isLong) await new Promise((resolve) => setTimeout(resolve, outage * 1000));
  mailServer.isDown = false;
  await settle();
  for (const { host, guest } of booked) {
    await actors.mailTo(host.email, /book/i);
    await actors.mailTo(guest.email, /confirmed/i);
  }
});
