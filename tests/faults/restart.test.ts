import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createFunctions } from "../../local/functions.ts";
import type { Settings } from "../../local/settings.ts";
import { isFree } from "../../local/stack.ts";
import { brokenRules } from "../api/rules.ts";
import { Sink, World } from "./world.ts";

/**
 * The database breaks down and is restarted while payments come in and invoices are written: the real functions
 * over a database of their own, with a Stripe that sends again until it hears a 200. With
 * `FAULTS=long` ten times as many payments and restarts.
 */
const scale = process.env.FAULTS === "long" ? 10 : 1;
const payments = 40 * scale;
const restarts = 2 * scale;

const sink = new Sink();
const files = new Map<string, Buffer>();
/** Storage as far as the worker needs it: files are put and fetched. */
const storage = createServer(async (request, response) => {
  const path = request.url!.replace("/storage/v1/object/", "");
  if (request.method === "GET") {
    const file = files.get(path);
    return response.writeHead(file ? 200 : 404, { "content-type": "application/pdf" }).end(file);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  files.set(path, Buffer.concat(chunks));
  response
    .writeHead(200, { "content-type": "application/json" })
    .end(JSON.stringify({ Key: path }));
});
let world: World;
let settings: Settings;
let functions: ReturnType<typeof createFunctions>;

beforeAll(async () => {
  vi.spyOn(console, "log").mockReturnValue();
  let port = 0;
  while (!port || !(await isFree(port + 1))) port = randomInt(10_000, 32_000);
  world = new World(port);
  storage.listen(0, "127.0.0.1");
  await Promise.all([sink.open(), world.start(), once(storage, "listening")]);
  const functionEnv = {
    ...world.settings.functionEnv,
    SMTP_PORT: String(sink.port),
    SUPABASE_URL: `http://127.0.0.1:${(storage.address() as AddressInfo).port}`,
  };
  settings = { ...world.settings, functionEnv };
  functions = createFunctions(settings);
});
afterAll(async () => {
  await functions.stop();
  await world.stop();
  await sink.close();
  storage.closeAllConnections();
  storage.close();
});

async function call(name: string, headers: Record<string, string>, body: string): Promise<number> {
  const url = `${world.settings.urls.api}/functions/v1/${name}`;
  const request = new Request(url, { method: "POST", headers, body });
  const answer = await functions.call(name, request);
  await answer.text();
  return answer.status;
}

const work = () => call("jobs", { apikey: world.settings.keys.secret }, "{}");

/** An event of Stripe's: sent again and again until it is taken in. */
async function send(object: object): Promise<void> {
  const created = Math.floor(Date.now() / 1000);
  const event = { id: `evt_${randomUUID()}`, type: "checkout.session.completed", created };
  const payload = JSON.stringify({ ...event, data: { object } });
  const secret = world.settings.keys.stripeWebhookSecret;
  for (let tries = 0; tries < 100; tries++) {
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret });
    if ((await call("stripe-webhook", { "stripe-signature": signature }, payload)) === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("Stripe gave up.");
}

/** A guest a stay, each with the checkout page open; gives the homes and the sessions. */
async function hold(count: number) {
  const { sql } = world;
  const people = await sql<{ id: string }[]>`
    insert into auth.users (id, aud, role, email, raw_user_meta_data, raw_app_meta_data)
    select gen_random_uuid(), 'authenticated', 'authenticated', 'guest-' || n || '@people.test',
      jsonb_build_object('name', 'Guest ' || n), '{}'
    from generate_series(0, ${count}) n
    returning id`;
  // There is no Stripe to make them customers.
  await sql`delete from private.jobs where kind = 'create_stripe_customer'`;
  const [host, ...guests] = people.map(({ id }) => id);
  const homes = await sql<{ id: string }[]>`
    insert into public.properties (host_id, title, category, country_code, city, price_per_night, guests)
    select ${host!}, 'Home ' || n, 'house', 'IE', 'Cork', 10000, 2 from generate_series(1, ${count}) n
    returning id`;
  const sessions = await sql<{ id: string; reservation_id: string }[]>`
    with held as (
      insert into public.reservations
        (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, hold_expires_at)
      select home, guest, private.today() + 20, private.today() + 22, 1, 10000, 20000, 1000, 'usd', now() + interval '35 minutes'
      from unnest(${homes.map(({ id }) => id)}::uuid[], ${guests}::uuid[]) as t(home, guest)
      returning id, guest_id
    ),
    paid as (
      insert into public.payments (reservation_id, user_id, amount, currency, stripe_checkout_session_id)
      select id, guest_id, 21000, 'usd', 'cs_' || id from held
      returning id, reservation_id, stripe_checkout_session_id
    ),
    opened as (
      insert into private.checkouts (payment_id, expires_at) select id, now() + interval '35 minutes' from paid
    )
    select stripe_checkout_session_id as id, reservation_id from paid`;
  return { homes: homes.map(({ id }) => id), sessions };
}

/** A backend dies as none should: the server ends all connections and recovers from its log. */
async function breakDatabase(): Promise<void> {
  const [victim] = await world.sql`select pg_backend_pid() as pid`;
  process.kill(victim!.pid, "SIGKILL");
}

test("payments come in and invoices go out while the database is restarted", {
  timeout: 600_000,
}, async () => {
  const began = new Date(Date.now() - 1000);
  const { homes, sessions } = await hold(payments);
  await work();
  const books = sessions.map(({ id }) => ({
    charge: id.replace("cs_", "ch_"),
    payment_intent: id.replace("cs_", "pi_"),
    amount: 21_000,
    amount_refunded: 0,
    currency: "usd",
    is_changing: false,
    is_disputed: false,
  }));

  let isOver = false;
  const waiting = sessions.map(({ id, reservation_id }) => ({
    ...{ id, amount_total: 21_000, currency: "usd", payment_status: "paid" },
    payment_intent: id.replace("cs_", "pi_"),
    metadata: { reservation_id },
  }));
  const stripe = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await send(next);
  };
  const worker = async () => {
    while (!isOver) {
      await work();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const working = worker();
  const paying = Promise.all([stripe(), stripe(), stripe(), stripe()]);
  for (let n = 1; n <= restarts; n++) {
    const rest = payments * (1 - n / (restarts + 1));
    while (waiting.length > rest) await new Promise((resolve) => setTimeout(resolve, 10));
    await (n % 2 ? breakDatabase() : world.restartDatabase());
  }
  await paying;
  isOver = true;
  // As hosted, where a function's process lives for minutes: a connection that the driver has lost
  // for good (porsager/postgres#1208) goes with it.
  await functions.stop();
  await working;
  functions = createFunctions(settings);

  const { sql } = world;
  for (let left = true; left; ) {
    await sql`update private.jobs set leased_until = now() where state = 'running'`;
    await sql`update private.jobs set run_at = now() where state = 'queued'`;
    await work();
    const [row] = await sql`
      select from private.jobs where state in ('queued', 'running')`;
    left = row !== undefined;
  }
  expect(await brokenRules(sql, books, homes, [began, new Date("2040-01-01")])).toEqual([]);
  const [counts] = await sql`
    select (select count(*)::integer from public.reservations where status = 'confirmed') as stays,
      (select count(*)::integer from public.invoices where pdf_path is not null) as invoices,
      (select count(*)::integer from private.mails where state = 'sent') as mails`;
  expect(counts).toEqual({ stays: payments, invoices: payments, mails: 3 * payments });
  expect(files.size).toBe(payments);
  expect(new Set(sink.taken).size).toBe(3 * payments);
});
