/**
 * `npm run bench:booking`: how a night that everybody wants is fought for, how many stays can be
 * reserved and paid in a second, and how long guests wait for their invoices. Runs on a stack of its
 * own with fresh data. Prints a table, writes it to `bench/booking.md`, and fails when a limit is
 * missed.
 */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { SignJWT } from "jose";
import postgres from "postgres";
import Stripe from "stripe";
import type { Settings } from "../local/settings.ts";
import { denoOptions } from "../tests/run.ts";
import { withFreshStack } from "../tests/stack.ts";
import { atLeast, below, machine, percentile, type Row, table } from "./report.ts";

const rivals = 200;
/** Payments one after another, while nothing else happens. */
const alone = 40;
/** Payments at once, as many as that for each of the two measurements. */
const crowd = 1_000;
/** How many of Stripe's deliveries are under way at a time: as many as are answered soonest; a flood. */
const lanes = { steady: 6, flood: 25 };
const reserves = 3_000;
const connections = 8;

/** A stay that waits for its payment: the nth guest's at the nth home. */
type Stay = { n: number; reservation_id: string; total: number };
const stays = alone + 2 * crowd;
/** Homes and guests beyond those. */
const wantedHome = stays + 1;
const firstFree = stays + 2;

type Bench = { settings: Settings; sql: postgres.Sql; stackPid: number };

/** Runs the bench. */
export async function run({ root }: Settings): Promise<void> {
  const about = machine();
  const rows = await withFreshStack(measureStack);
  rows.push(...measureInvoices(root));
  const report = `# Bookings

${about} Stripe, the mail server and all
callers run on the same machine.

${table(rows)}
`;
  writeFileSync(join(root, "bench", "booking.md"), report);
  console.log(`\n${report}`);
  if (rows.some(({ isKept }) => !isKept)) process.exitCode = 1;
}

async function measureStack(settings: Settings, stackPid: number): Promise<Row[]> {
  const sql = postgres(settings.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  const bench = { settings, sql, stackPid };
  try {
    console.log("Making homes, guests and stays");
    const counts = { stays, guests: firstFree + reserves / 3, homes: firstFree + reserves };
    for (const [name, count] of Object.entries(counts)) {
      await sql`select set_config(${`bench.${name}`}, ${count}::text, false)`;
    }
    await sql.unsafe(readFileSync(join(settings.root, "bench", "booking.sql"), "utf8"));
    const all = await sql<Stay[]>`select n, reservation_id, total from bench.stays order by n`;
    return [
      ...(await race(bench)),
      await reserveStays(bench),
      ...(await payOneByOne(bench, all.slice(0, alone))),
      ...(await takeWebhooks(bench, all.slice(alone, alone + crowd))),
      ...(await payAtOnce(bench, all.slice(alone + crowd))),
    ];
  } finally {
    await sql.end();
  }
}

/** All reserve one night of one home, each as a guest of their own. */
async function race({ settings, sql }: Bench): Promise<Row[]> {
  console.log(`${rivals} guests reserve the same night`);
  const [night] = await sql`
    select bench.id('home', ${wantedHome}) as property_id, (current_date + 50)::text as check_in,
      (current_date + 51)::text as check_out, 2 as guests`;
  const guests = await sql<{ id: string }[]>`
    select bench.id('guest', n) as id from generate_series(1, ${rivals}::integer) n`;
  const tokens = await Promise.all(guests.map(({ id }) => tokenOf(settings, id)));
  const answers = await Promise.all(
    tokens.map(async (token) => {
      const started = performance.now();
      const answer = await fetch(`${settings.urls.api}/rest/v1/rpc/reserve`, {
        method: "POST",
        headers: {
          apikey: settings.keys.publishable,
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(night),
      });
      const { hint } = (await answer.json()) as { hint?: string };
      const seconds = (performance.now() - started) / 1000;
      return { came: answer.ok ? "won" : `${answer.status} ${hint}`, seconds };
    }),
  );
  const count = (what: string) => answers.filter(({ came }) => came === what).length;
  const [won, lost] = [count("won"), count("409 dates_unavailable")];
  const slowest = Math.max(...answers.map(({ seconds }) => seconds));
  const [{ deadlocks } = { deadlocks: 0 }] = await sql`
    select deadlocks::integer from pg_stat_database where datname = current_database()`;
  return [
    {
      what: `${rivals} guests reserve the same night at once: win, read \`dates_unavailable\`, read anything else`,
      figure: `${won}, ${lost}, ${rivals - won - lost}`,
      limit: `1, ${rivals - 1}, 0`,
      isKept: won === 1 && lost === rivals - 1,
    },
    { what: "… deadlocks", figure: `${deadlocks}`, limit: "none", isKept: deadlocks === 0 },
    {
      what: "… the last of them has an answer after",
      figure: `${slowest.toFixed(2)} s`,
      ...below(slowest, 2, "s"),
    },
  ];
}

async function tokenOf({ keys }: Settings, sub: string): Promise<string> {
  return await new SignJWT({ sub, role: "authenticated" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(keys.jwtSecret));
}

/** Reserves distinct homes as the Data API does: a transaction, who is asking, one statement. */
async function reserveStays({ settings, sql }: Bench): Promise<Row> {
  console.log(`${count(reserves)} stays are reserved`);
  // Three a guest, who may hold no more; no guest waits for an own reservation.
  const wanted = await sql<{ home: string; claims: string }[]>`
    select bench.id('home', ${firstFree}::integer + n) as home,
      json_build_object('role', 'authenticated', 'sub', bench.id('guest', ${firstFree}::integer + n % ${reserves / 3}::integer))::text as claims
    from generate_series(0, ${reserves - 1}::integer) n`;
  const api = postgres(settings.authenticatorUrl, { max: connections });
  await Promise.all(Array.from({ length: connections }, () => api`select pg_sleep(0.1)`));
  const started = performance.now();
  await inLanes(connections, wanted, async ({ home, claims }) => {
    await api.begin(async (transaction) => {
      await transaction`
        select set_config('role', 'authenticated', true), set_config('request.jwt.claims', ${claims}, true)`;
      await transaction`select public.reserve(${home}, current_date + 20, current_date + 23, 2)`;
    });
  });
  const rate = (reserves * 1000) / (performance.now() - started);
  await api.end();
  return {
    what: `\`reserve\` for distinct homes by ${connections} connections`,
    figure: `${rate.toFixed()} a second`,
    ...atLeast(rate, 500, "a second"),
  };
}

/** From Stripe's word to the mail with the invoice, one payment after another. */
async function payOneByOne(bench: Bench, stays: Stay[]): Promise<Row[]> {
  console.log(`${stays.length} payments, one after another`);
  const { settings } = bench;
  const seconds: number[] = [];
  for (const stay of stays) {
    const word = wordOf(settings, stay);
    const started = performance.now();
    await tell(settings, word);
    while (!guestsWithInvoice(await mails(settings)).includes(addressOf(stay))) await wait(20);
    seconds.push((performance.now() - started) / 1000);
    await untilDone(bench);
    await emptyMailbox(settings);
  }
  const p95 = percentile(seconds, 0.95);
  return [
    {
      what: `from payment to PDF in the mailbox on an idle stack, 95 % (median: ${percentile(seconds, 0.5).toFixed(2)} s)`,
      figure: `${p95.toFixed(2)} s`,
      ...below(p95, 3, "s"),
    },
  ];
}

/**
 * Signed events by HTTP, through Deno, into the database. Nobody works on what they queue, which on a
 * hosted project is done elsewhere: the Vault does not say whom to call.
 */
async function takeWebhooks({ settings, sql }: Bench, stays: Stay[]): Promise<Row[]> {
  console.log(`${count(stays.length)} webhooks`);
  await sql`delete from vault.secrets where name = 'project_url'`;
  const times: number[] = [];
  const words = stays.map((stay) => wordOf(settings, stay));
  const started = performance.now();
  await inLanes(lanes.steady, words, async (word) => {
    const sent = performance.now();
    await tell(settings, word);
    times.push(performance.now() - sent);
  });
  const rate = (stays.length * 1000) / (performance.now() - started);
  await sql`delete from private.jobs where state = 'queued'`;
  await sql`select vault.create_secret(${settings.urls.api}, 'project_url')`;
  const median = percentile(times, 0.5);
  return [
    {
      what: `signed webhooks, ${lanes.steady} at a time`,
      figure: `${rate.toFixed()} a second`,
      ...atLeast(rate, 150, "a second"),
    },
    { what: "… median", figure: `${median.toFixed(1)} ms`, ...below(median, 50, "ms") },
  ];
}

async function payAtOnce(bench: Bench, stays: Stay[]): Promise<Row[]> {
  console.log(`${count(stays.length)} payments at once, invoiced and mailed`);
  const { settings, sql } = bench;
  const words = stays.map((stay) => wordOf(settings, stay));
  const started = performance.now();
  await inLanes(lanes.flood, words, (word) => tell(settings, word));
  await untilDone(bench);
  const seconds = (performance.now() - started) / 1000;
  const invoiced = guestsWithInvoice(await mails(settings));
  const [{ numbers, last } = { numbers: 0, last: 0 }] = await sql`
    select count(*)::integer as numbers, max(split_part(number, '-', 2)::integer) as last
    from public.invoices where kind = 'invoice'`;
  const memory = peakMemory(bench.stackPid);
  return [
    {
      what: `${count(stays.length)} bookings paid at once are invoiced and mailed after`,
      figure: `${seconds.toFixed(1)} s`,
      ...below(seconds, 90, "s"),
    },
    {
      what: `… mails with an invoice, to ${count(new Set(invoiced).size)} guests`,
      figure: count(invoiced.length),
      limit: "each once",
      isKept: invoiced.length === stays.length && new Set(invoiced).size === stays.length,
    },
    {
      what: `… numbers left out among ${count(numbers)} invoices`,
      figure: `${last - numbers}`,
      limit: "none",
      isKept: last === numbers && numbers === alone + stays.length,
    },
    ...(memory === undefined
      ? []
      : [
          {
            what: "… memory of the function `jobs`, at most (resident, Deno itself included)",
            figure: `${memory.toFixed()} MB`,
            ...below(memory, 256, "MB"),
          },
        ]),
  ];
}

/** The most memory that the function `jobs` has had, in MB. Linux alone tells. */
function peakMemory(stackPid: number): number | undefined {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      return "";
    }
  };
  const peaks = globSync("[0-9]*", { cwd: "/proc" })
    .filter((pid) => read(pid, "cmdline").includes("/functions/jobs/index.ts"))
    .map((pid) => read(pid, "status"))
    .filter((status) => status.includes(`\nPPid:\t${stackPid}\n`))
    .map((status) => Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) / 1024);
  return peaks.length ? Math.max(...peaks) : undefined;
}

/** Does the work for all of them, so many at a time. */
async function inLanes<T>(count: number, all: Iterable<T>, work: (one: T) => Promise<unknown>) {
  const waiting = all[Symbol.iterator]();
  const lane = async () => {
    // Each takes the next one that nobody has.
    for (const one of { [Symbol.iterator]: () => waiting }) await work(one);
  };
  await Promise.all(Array.from({ length: count }, lane));
}

/** Stripe's word that a stay is paid, signed now: it is good for five minutes. */
function wordOf({ keys }: Settings, stay: Stay): { payload: string; signature: string } {
  const payload = JSON.stringify(completed(stay), null, 2);
  const secret = keys.stripeWebhookSecret;
  return { payload, signature: Stripe.webhooks.generateTestHeaderString({ payload, secret }) };
}

/** Brings that word to the webhook. */
async function tell({ urls }: Settings, { payload, signature }: ReturnType<typeof wordOf>) {
  const answer = await fetch(`${urls.api}/functions/v1/stripe-webhook`, {
    method: "POST",
    headers: { "content-type": "application/json", "stripe-signature": signature },
    body: payload,
  });
  const text = await answer.text();
  if (!text.includes('"applied"')) throw new Error(`The webhook says ${answer.status}: ${text}`);
}

/** The event that a guest has paid, as Stripe writes it. */
function completed(stay: Stay) {
  const created = Math.floor(Date.now() / 1000);
  const session = {
    ...{ id: `cs_test_bench_${stay.n}`, object: "checkout.session", created, livemode: false },
    ...{ amount_subtotal: stay.total, amount_total: stay.total, currency: "usd", mode: "payment" },
    ...{ status: "complete", payment_status: "paid", payment_intent: `pi_bench_${stay.n}` },
    ...{ cancel_url: "http://127.0.0.1:3000/", success_url: "http://127.0.0.1:3000/", url: null },
    ...{ customer: null, customer_email: addressOf(stay), payment_method_types: ["card"] },
    customer_details: {
      ...{ email: addressOf(stay), name: "Maria da Silva", phone: null, tax_exempt: "none" },
      address: {
        ...{ line1: "7 Long Lane", line2: null, postal_code: "T12 AB34", city: "Cork" },
        ...{ state: null, country: "IE" },
      },
    },
    metadata: { reservation_id: stay.reservation_id },
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
  };
  return {
    ...{ id: `evt_bench_${stay.n}`, object: "event", type: "checkout.session.completed", created },
    ...{ api_version: Stripe.API_VERSION, livemode: false, pending_webhooks: 1 },
    data: { object: session },
    request: { id: null, idempotency_key: null },
  };
}

function addressOf({ n }: Stay): string {
  return `guest${n}@bench.test`;
}

type Mail = { to: { address: string }[]; attachments?: { contentType: string }[] };

async function mails({ urls }: Settings): Promise<Mail[]> {
  return (await (await fetch(`${urls.mailbox}/email`)).json()) as Mail[];
}

async function emptyMailbox({ urls }: Settings): Promise<void> {
  await fetch(`${urls.mailbox}/email/all`, { method: "DELETE" });
}

/** To whom mails with a PDF have come, one address a mail. */
function guestsWithInvoice(mails: Mail[]): string[] {
  const isPdf = ({ contentType }: { contentType: string }) => contentType === "application/pdf";
  return mails.filter((mail) => mail.attachments?.some(isPdf)).map(({ to }) => to[0]!.address);
}

/** Waits until no job is left. */
async function untilDone({ sql }: Bench): Promise<void> {
  for (;;) {
    const [{ left, failed } = { left: 0, failed: 0 }] = await sql`
      select count(*)::integer as left, count(*) filter (where state = 'failed')::integer as failed
      from private.jobs where state <> 'done'`;
    if (failed) throw new Error(`${failed} jobs have failed.`);
    if (!left) return;
    await wait(50);
  }
}

/** The invoices alone, in a process of the functions' runtime. */
function measureInvoices(root: string): Row[] {
  console.log("Invoices");
  const script = join(import.meta.dirname, "booking-invoices.ts");
  const deno = join(root, "node_modules", ".bin", "deno");
  const env = { ...process.env, NODE_ENV: "production" };
  const answer = execFileSync(deno, ["run", "-A", "--quiet", ...denoOptions, "--no-lock", script], {
    ...{ cwd: root, env, encoding: "utf8" as const },
  });
  const { times, worst } = JSON.parse(answer);
  const median = percentile(times, 0.5);
  return [
    {
      what: `an invoice's PDF, warm, median (95 %: ${percentile(times, 0.95).toFixed(1)} ms)`,
      figure: `${median.toFixed(1)} ms`,
      ...below(median, 40, "ms"),
    },
    {
      what: "the worst invoice (200 lines of 255 characters in ten scripts), cold: time of the processor",
      figure: `${worst.toFixed(2)} s`,
      ...below(worst, 2, "s"),
    },
  ];
}

function count(things: number): string {
  return things.toLocaleString("en");
}
