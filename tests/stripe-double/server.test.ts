import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Stripe from "stripe";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { loadSettings, type Part, type Settings } from "../../local/settings.ts";
import type { Row } from "./params.ts";
import { startStripe } from "./server.ts";

let settings: Settings;
let double: Part;
let stripe: Stripe;
let webhook: Server;
/** What the webhook was sent, and with which status it answers. */
let received: Stripe.Event[] = [];
let answer: (event: Stripe.Event) => number | Promise<number> = () => 200;

beforeAll(async () => {
  webhook = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const signature = request.headers["stripe-signature"] as string;
    const secret = settings.keys.stripeWebhookSecret;
    const event = Stripe.webhooks.constructEvent(Buffer.concat(chunks), signature, secret);
    expect(request.url).toBe("/functions/v1/stripe-webhook");
    received.push(event);
    response.writeHead(await answer(event)).end("{}");
  });
  const dataDir = await mkdtemp(join(tmpdir(), "stripe-double-"));
  settings = await start(dataDir);
  const { hostname, port } = new URL(settings.urls.stripe);
  stripe = new Stripe(settings.keys.stripeSecret, {
    ...{ host: hostname, port, protocol: "http", maxNetworkRetries: 0, telemetry: false },
  });
});

afterAll(async () => {
  await double.stop();
  webhook.close();
  webhook.closeAllConnections();
  await rm(settings.dataDir, { recursive: true });
});

beforeEach(() => {
  received = [];
  answer = () => 200;
});

afterEach(() => Promise.all([lever("outage?seconds=0"), lever("slow?seconds=0")]));

/** Takes the first ports that are free, below those that the system hands out itself. */
async function start(dataDir: string): Promise<Settings> {
  for (let port = 20_200; port < 32_000; port += 10) {
    const tried = loadSettings({ port, dataDir, readDotEnv: false });
    try {
      double = await startStripe(tried);
      webhook.listen(port, "127.0.0.1");
      await once(webhook, "listening");
      return tried;
    } catch (error) {
      expect(error).toHaveProperty("code", "EADDRINUSE");
      await double?.stop();
    }
  }
  throw new Error("No port is free.");
}

async function lever(path: string): Promise<Row> {
  const response = await fetch(`${settings.urls.stripe}/_test/${path}`, { method: "POST" });
  return { httpStatus: response.status, ...(await response.json()) };
}

const look = async (path: string): Promise<Row[]> =>
  (await (await fetch(`${settings.urls.stripe}/_test/${path}`)).json()).data;

const types = () => received.map((event) => event.type).sort();
const soon = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

const wish = (
  over: Partial<Stripe.Checkout.SessionCreateParams> = {},
): Stripe.Checkout.SessionCreateParams => ({
  mode: "payment",
  line_items: [
    {
      quantity: 2,
      price_data: {
        currency: "usd",
        unit_amount: 12_345,
        product_data: { name: "Casa & Söhne <b>", description: "2 nights" },
      },
    },
  ],
  client_reference_id: "r1",
  metadata: { reservation_id: "r1" },
  payment_intent_data: { metadata: { reservation_id: "r1" } },
  expires_at: soon(1830),
  success_url: "http://127.0.0.1:3000/trips/1?session_id={CHECKOUT_SESSION_ID}",
  cancel_url: "http://127.0.0.1:3000/trips/1",
  ...over,
});

const open = (over = {}) => stripe.checkout.sessions.create(wish(over));

async function paid() {
  const { id } = await open();
  await lever(`sessions/${id}/pay`);
  const session = await stripe.checkout.sessions.retrieve(id, {
    expand: ["payment_intent.latest_charge"],
  });
  const intent = session.payment_intent as Stripe.PaymentIntent;
  return { session, intent, charge: intent.latest_charge as Stripe.Charge };
}

const refused = (what: Promise<unknown>, shape: object) =>
  expect(what).rejects.toMatchObject(shape);

describe("Checkout sessions", () => {
  test("are created and retrieved as Stripe shows them", async () => {
    const session = await open();
    expect(session).toMatchObject({
      ...{ object: "checkout.session", livemode: false, mode: "payment", currency: "usd" },
      ...{ amount_total: 24_690, status: "open", payment_status: "unpaid", payment_intent: null },
      ...{ customer: null, client_reference_id: "r1", metadata: { reservation_id: "r1" } },
      url: `${settings.urls.stripe}/c/pay/${session.id}`,
    });
    expect(session.id).toMatch(/^cs_test_\w{24,}$/);
    expect(await stripe.checkout.sessions.retrieve(session.id)).toEqual(session);
    const { line_items } = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ["line_items"],
    });
    expect(line_items?.data).toMatchObject([{ description: "Casa & Söhne <b>", quantity: 2 }]);
  });

  test.for([
    [{ mode: undefined }, "parameter_missing", "mode"],
    [{ success_url: undefined }, "parameter_missing", "success_url"],
    [{ line_items: undefined }, "parameter_missing", "line_items"],
    [{ line_items: [{ quantity: 1 }] }, "parameter_missing", "line_items[0][price_data]"],
    [{ success_url: "javascript:alert(1)" }, "url_invalid", "success_url"],
    [{ customer_email: "nobody" }, "email_invalid", "customer_email"],
    [{ colour: "red" }, "parameter_unknown", "colour"],
    [{ payment_intent_data: { colour: "x" } }, "parameter_unknown", "payment_intent_data[colour]"],
    [{ customer: "cus_none" }, "resource_missing", "customer"],
    [{ expires_at: soon(1700) }, "parameter_invalid", "expires_at"],
    [{ expires_at: soon(86_500) }, "parameter_invalid", "expires_at"],
    [{ expires_at: 1.5 }, "parameter_invalid_integer", "expires_at"],
  ] as const)("are refused: %j", async ([over, code, param]) => {
    await refused(open(over), { type: "StripeInvalidRequestError", code, param });
  });

  test.for([
    [49, 1, "amount_too_small"],
    [-5, 1, "parameter_invalid_integer"],
    [50, 0, "parameter_invalid_integer"],
    [99_999_999, 2, "amount_too_large"],
  ] as const)("cost %d × %d: %s", async ([unit_amount, quantity, code]) => {
    const price_data = { currency: "usd", unit_amount, product_data: { name: "A" } };
    await refused(open({ line_items: [{ quantity, price_data }] }), { code, statusCode: 400 });
  });

  test("cost 50 cents at least", async () => {
    const price_data = { currency: "usd", unit_amount: 50, product_data: { name: "A" } };
    expect(await open({ line_items: [{ quantity: 1, price_data }] })).toMatchObject({
      amount_total: 50,
    });
  });

  test("are listed by payment intent, newest first, page by page", async () => {
    const { session, intent } = await paid();
    const [later] = await Promise.all([open(), open()]);
    const { data } = await stripe.checkout.sessions.list({ payment_intent: intent.id });
    expect(data.map(({ id }) => id)).toEqual([session.id]);
    const first = await stripe.checkout.sessions.list({ limit: 2 });
    expect(first.has_more).toBe(true);
    expect(first.data.map(({ id }) => id)).toContain(later.id);
    const all = await stripe.checkout.sessions.list({ limit: 3 }).autoPagingToArray({ limit: 999 });
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.length).toBe((await stripe.checkout.sessions.list({ limit: 100 })).data.length);
    await refused(stripe.checkout.sessions.list({ limit: 101 }), { param: "limit" });
  });

  test("expire when asked to, and cannot be paid then", async () => {
    const { id } = await open();
    const expired = await stripe.checkout.sessions.expire(id);
    expect(expired).toMatchObject({ status: "expired", payment_status: "unpaid", url: null });
    await vi.waitFor(() => expect(types()).toEqual(["checkout.session.expired"]));
    expect(await lever(`sessions/${id}/pay`)).toMatchObject({ httpStatus: 400 });
    await refused(stripe.checkout.sessions.expire(id), { statusCode: 400 });
  });
});

describe("Who may call, and what is there", () => {
  test("a wrong key is refused with 401, an unknown path or id with 404", async () => {
    const { hostname, port } = new URL(settings.urls.stripe);
    const stranger = new Stripe("sk_test_wrong", { host: hostname, port, protocol: "http" });
    await refused(stranger.balance.retrieve(), { type: "StripeAuthenticationError" });
    await refused(stripe.products.list(), { statusCode: 404 });
    await refused(stripe.paymentIntents.retrieve("pi_none"), {
      ...{ statusCode: 404, code: "resource_missing", param: "id" },
    });
    expect(await stripe.balance.retrieve()).toMatchObject({ object: "balance" });
  });

  test("during an outage every call fails with 503 and nothing happens", async () => {
    const before = (await look("events")).length;
    await lever("outage?seconds=60");
    await refused(open(), { type: "StripeAPIError", statusCode: 503 });
    await lever("outage?seconds=0");
    expect(await look("events")).toHaveLength(before);
    await open();
  });

  test("calls are noted with their parameters and idempotency key", async () => {
    await stripe.customers.create({ name: "Ann" }, { idempotencyKey: "noted" });
    expect((await look("requests")).at(-1)).toEqual({
      ...{ method: "POST", path: "/v1/customers", idempotency_key: "noted" },
      params: { name: "Ann" },
    });
  });
});

describe("Idempotency keys", () => {
  const replayed = (thing: { lastResponse: { headers: Record<string, string> } }) =>
    thing.lastResponse.headers["idempotent-replayed"];

  test("give the same answer to the same wish, and none to another", async () => {
    const asked = wish();
    const options = { idempotencyKey: "checkout:1" };
    const first = await stripe.checkout.sessions.create(asked, options);
    await lever(`sessions/${first.id}/pay`);
    const again = await stripe.checkout.sessions.create(asked, options);
    expect(again).toEqual(first);
    expect([replayed(first), replayed(again)]).toEqual([undefined, "true"]);
    await refused(stripe.checkout.sessions.create(wish({ metadata: { a: "b" } }), options), {
      ...{ type: "StripeIdempotencyError", statusCode: 400 },
    });
  });

  test("are not spent by a wish that was malformed", async () => {
    const options = { idempotencyKey: "checkout:2" };
    await refused(stripe.checkout.sessions.create(wish({ mode: "setup" }), options), {});
    expect(await stripe.checkout.sessions.create(wish(), options)).toMatchObject({
      status: "open",
    });
  });

  test("repeat a refusal and a fault as well", async () => {
    const options = { idempotencyKey: "customer:fault" };
    const ask = () => stripe.customers.create({ name: "Fay" }, options);
    await lever("fault?seconds=60");
    await refused(ask(), { type: "StripeAPIError", statusCode: 500 });
    await lever("fault?seconds=0");
    await refused(ask(), { type: "StripeAPIError", statusCode: 500 });
    expect(await stripe.customers.create({ name: "Fay" })).toMatchObject({ name: "Fay" });
  });

  test("answer 409 while the first call is under way, which takes effect once", async () => {
    await lever("slow?seconds=60&ms=400");
    const options = { idempotencyKey: "refund:slow", timeout: 5000 };
    const calls = [1, 2, 3].map(() => stripe.customers.create({ name: "Slow" }, options));
    const outcomes = await Promise.allSettled(calls);
    const statuses = outcomes.map((o) => (o.status === "rejected" ? o.reason.statusCode : 200));
    expect(statuses.sort()).toEqual([200, 409, 409]);
    await lever("slow?seconds=0");
    const retried = await stripe.customers.create({ name: "Slow" }, options);
    expect(replayed(retried)).toBe("true");
  });

  test("save a call whose answer was lost", async () => {
    await lever("slow?seconds=60&ms=500");
    const options = { idempotencyKey: "lost", timeout: 100 };
    await refused(stripe.customers.create({ name: "Lost" }, options), {
      type: "StripeConnectionError",
    });
    await lever("slow?seconds=0");
    const again = await vi.waitFor(
      () => stripe.customers.create({ name: "Lost" }, { idempotencyKey: "lost" }),
      { timeout: 3000 },
    );
    expect(replayed(again)).toBe("true");
  });
});

describe("Paying", () => {
  test("makes intent and charge, and tells the webhook with signed events", async () => {
    const { session, intent, charge } = await paid();
    expect(session).toMatchObject({ status: "complete", payment_status: "paid", url: null });
    expect(intent).toMatchObject({ status: "succeeded", amount_received: 24_690, amount: 24_690 });
    expect(intent.metadata).toEqual({ reservation_id: "r1" });
    expect(charge).toMatchObject({
      paid: true,
      amount: 24_690,
      amount_refunded: 0,
      refunded: false,
    });
    expect(types()).toEqual(
      ["charge.succeeded", "checkout.session.completed", "payment_intent.succeeded"].sort(),
    );
    const completed = received.find(({ type }) => type === "checkout.session.completed")!;
    expect(completed).toMatchObject({ object: "event", api_version: Stripe.API_VERSION });
    expect(completed.data.object).toMatchObject({ id: session.id, payment_status: "paid" });
    expect((await stripe.events.retrieve(completed.id)).pending_webhooks).toBe(0);
    const { data } = await stripe.events.list({ type: "checkout.session.completed", limit: 1 });
    expect(data[0]?.id).toBe(completed.id);
  });

  test("happens once, however many try", async () => {
    const { id } = await open();
    const tries = await Promise.all([1, 2, 3, 4].map(() => lever(`sessions/${id}/pay`)));
    expect(tries.map((t) => t.httpStatus).sort()).toEqual([200, 400, 400, 400]);
    expect(types().filter((type) => type === "checkout.session.completed")).toHaveLength(1);
  });

  test("may be declined first; the session stays open", async () => {
    const { id } = await open();
    await lever(`sessions/${id}/decline`);
    expect(types()).toEqual(["charge.failed", "payment_intent.payment_failed"]);
    const declined = await stripe.checkout.sessions.retrieve(id, { expand: ["payment_intent"] });
    expect(declined).toMatchObject({ status: "open", payment_status: "unpaid" });
    expect(declined.payment_intent).toMatchObject({
      ...{ status: "requires_payment_method", last_payment_error: { code: "card_declined" } },
    });
    await lever(`sessions/${id}/pay`);
    const intent = (await stripe.checkout.sessions.retrieve(id)).payment_intent as string;
    const { data } = await stripe.charges.list({ payment_intent: intent });
    expect(data.map((charge) => charge.status)).toEqual(["succeeded", "failed"]);
  });

  test("later: unpaid at first, then settled or failed by the bank", async () => {
    const [good, bad] = await Promise.all([open(), open()]);
    for (const { id } of [good, bad]) {
      const pending = await lever(`sessions/${id}/pay?async=1`);
      expect(pending).toMatchObject({ status: "complete", payment_status: "unpaid" });
    }
    received = [];
    await lever(`sessions/${good.id}/settle`);
    expect(types()).toContain("checkout.session.async_payment_succeeded");
    expect(await stripe.checkout.sessions.retrieve(good.id)).toMatchObject({
      payment_status: "paid",
    });
    received = [];
    await lever(`sessions/${bad.id}/fail`);
    expect(types()).toContain("checkout.session.async_payment_failed");
    expect(await lever(`sessions/${bad.id}/settle`)).toMatchObject({ httpStatus: 400 });
  });
});

describe("Refunds", () => {
  test("accumulate, whole or in part, and never exceed what was paid", async () => {
    const { intent, charge } = await paid();
    received = [];
    const first = await stripe.refunds.create({
      ...{ payment_intent: intent.id, amount: 10_000, reason: "requested_by_customer" },
      metadata: { cancellation: "c1" },
    });
    expect(first).toMatchObject({ status: "succeeded", amount: 10_000, charge: charge.id });
    await vi.waitFor(() =>
      expect(types()).toEqual(["charge.refund.updated", "charge.refunded", "refund.created"]),
    );
    const told = received.find(({ type }) => type === "charge.refunded")!;
    expect(told.data.object).toMatchObject({ amount_refunded: 10_000, refunded: false });
    expect(told.data.previous_attributes).toMatchObject({ amount_refunded: 0 });
    await refused(stripe.refunds.create({ charge: charge.id, amount: 14_691 }), {
      ...{ statusCode: 400, param: "amount" },
    });
    await lever(`charges/${charge.id}/refund?amount=4690`);
    await stripe.refunds.create({ charge: charge.id });
    const full = await stripe.charges.retrieve(charge.id, { expand: ["refunds"] });
    expect(full).toMatchObject({ amount_refunded: 24_690, refunded: true });
    expect(full.refunds?.data.map(({ amount }) => amount)).toEqual([10_000, 4690, 10_000]);
    await refused(stripe.refunds.create({ charge: charge.id }), {
      code: "charge_already_refunded",
    });
    const { data } = await stripe.refunds.list({ payment_intent: intent.id });
    expect(data.map(({ id }) => id)).toContain(first.id);
    expect(await stripe.refunds.retrieve(first.id)).toEqual(first);
  });

  test("need a payment that exists and was paid", async () => {
    const { id } = await open();
    await lever(`sessions/${id}/decline`);
    const { payment_intent } = await stripe.checkout.sessions.retrieve(id);
    await refused(stripe.refunds.create({ payment_intent: payment_intent as string }), {
      statusCode: 400,
    });
    await refused(stripe.refunds.create({ payment_intent: "pi_none" }), {
      code: "resource_missing",
    });
    await refused(stripe.refunds.create({}), { code: "parameter_missing" });
  });

  test("are not possible while a charge is disputed", async () => {
    const { charge } = await paid();
    received = [];
    const dispute = await lever(`charges/${charge.id}/dispute`);
    await refused(stripe.refunds.create({ charge: charge.id }), { code: "charge_disputed" });
    expect(await stripe.disputes.retrieve(dispute.id)).toMatchObject({ status: "needs_response" });
    await lever(`disputes/${dispute.id}/close?status=won`);
    expect(received.map(({ type, data }) => [type, (data.object as Row).status])).toEqual([
      ["charge.dispute.created", "needs_response"],
      ["charge.dispute.closed", "won"],
    ]);
  });
});

describe("Customers", () => {
  test("are created, changed, found, listed and deleted", async () => {
    const metadata = { user_id: "u'1", old: "x" };
    const made = await stripe.customers.create({
      email: "ann@example.com",
      name: "Ann Lee",
      metadata,
    });
    await vi.waitFor(() => expect(types()).toEqual(["customer.created"]));
    const changed = await stripe.customers.update(made.id, { name: "", metadata: { old: "" } });
    expect(changed).toMatchObject({ name: null, metadata: { user_id: "u'1" } });
    expect(changed.metadata).not.toHaveProperty("old");
    const query = `metadata["user_id"]:"u'1" AND email:'ann@example.com'`;
    expect((await stripe.customers.search({ query })).data).toMatchObject([{ id: made.id }]);
    expect((await stripe.customers.search({ query: "name:'Ann Lee'" })).data).toEqual([]);
    await refused(stripe.customers.search({ query: "nonsense" }), { param: "query" });
    const { data } = await stripe.customers.list({ email: "ann@example.com" });
    expect(data).toHaveLength(1);
    expect((await open({ customer: made.id })).customer_details?.email).toBe("ann@example.com");
    expect(await stripe.customers.del(made.id)).toMatchObject({ deleted: true });
    expect(await stripe.customers.retrieve(made.id)).toMatchObject({ deleted: true });
    await refused(open({ customer: made.id }), { code: "resource_missing" });
    expect((await stripe.customers.list({ email: "ann@example.com" })).data).toEqual([]);
  });

  test("are listed by when they were made", async () => {
    const { id, created } = await stripe.customers.create({ name: "Now" });
    const since = await stripe.customers.list({ created: { gte: created }, limit: 100 });
    expect(since.data.map((customer) => customer.id)).toContain(id);
    expect((await stripe.customers.list({ created: { gt: created + 5 } })).data).toEqual([]);
  });
});

describe("Webhooks", () => {
  test("are sent again until the answer is 2xx", async () => {
    let tries = 0;
    answer = () => (++tries <= 2 ? 500 : 200);
    const { id } = await open();
    await stripe.checkout.sessions.expire(id);
    await vi.waitFor(() => expect(received).toHaveLength(3), { timeout: 5000 });
    expect(new Set(received.map((event) => event.id)).size).toBe(1);
    await vi.waitFor(async () =>
      expect((await stripe.events.retrieve(received[0]!.id)).pending_webhooks).toBe(0),
    );
  });

  test("come in parallel, and are kept back when a test wants it", async () => {
    const { id } = await open();
    const { payment_status } = await lever(`sessions/${id}/pay?deliver=0`);
    expect(payment_status).toBe("paid");
    const events = await look("events");
    const held = events.findLast((event) => event.type === "checkout.session.completed")!;
    expect(received).toEqual([]);
    answer = () => 418;
    expect(await lever(`events/${held.id}/deliver`)).toMatchObject({ status: 418 });
    answer = () => 200;
    const many = await Promise.all([1, 2, 3].map(() => lever(`events/${held.id}/deliver`)));
    expect(many.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(received).toHaveLength(4);
  });

  test("that were not delivered survive a restart, and so does everything else", async () => {
    answer = () => 500;
    const session = await open();
    const other = await open();
    const options = { idempotencyKey: "kept" };
    const customer = await stripe.customers.create({ name: "Kept" }, options);
    await lever(`sessions/${session.id}/pay`);
    const before = await stripe.checkout.sessions.list({ limit: 100 });
    await double.stop();

    // While nothing runs, the other session's time is over.
    const file = join(settings.dataDir, "stripe.json");
    const stored = JSON.parse(await readFile(file, "utf8"));
    for (const [id, row] of stored["checkout.session"]) if (id === other.id) row.expires_at = 1;
    await writeFile(file, JSON.stringify(stored));

    received = [];
    answer = () => 200;
    double = await startStripe(settings);
    await vi.waitFor(() => expect(types()).toContain("checkout.session.completed"), {
      timeout: 4000,
    });
    await vi.waitFor(() => expect(types()).toContain("checkout.session.expired"), {
      timeout: 4000,
    });
    expect(await stripe.checkout.sessions.retrieve(other.id)).toMatchObject({ status: "expired" });
    const after = await stripe.checkout.sessions.list({ limit: 100 });
    expect(after.data.map(({ id }) => id)).toEqual(before.data.map(({ id }) => id));
    const again = await stripe.customers.create({ name: "Kept" }, options);
    expect(again).toEqual(customer);
  });
});

describe("The checkout page", () => {
  const page = async (id: string) => (await fetch(`${settings.urls.stripe}/c/pay/${id}`)).text();
  const press = (id: string, action: string, typed = {}) =>
    fetch(`${settings.urls.stripe}/c/pay/${id}`, {
      ...{ method: "POST", body: new URLSearchParams({ action, ...typed }), redirect: "manual" },
    });

  test("shows what is bought, escaped, and leads back", async () => {
    const { id } = await open();
    const html = await page(id);
    expect(html).toContain("Casa &amp; Söhne &lt;b&gt;");
    expect(html).toContain("$246.90");
    expect(html).toContain('href="http://127.0.0.1:3000/trips/1"');
    expect(html).toContain("No money moves");
  });

  test("declines, pays after the webhook was told, and says so afterwards", async () => {
    const { id } = await open();
    const declined = await press(id, "decline");
    expect(declined.status).toBe(303);
    const again = new URL(declined.headers.get("location")!, settings.urls.stripe);
    expect(await (await fetch(again)).text()).toContain("card was declined");
    received = [];
    const gone = await press(id, "pay");
    expect(types()).toContain("checkout.session.completed");
    // No frontend listens at the success_url here: the page itself says how it went.
    expect(gone.headers.get("location")).toBe(`/c/pay/${id}`);
    const paid = await page(id);
    expect(paid).toContain("<title>Paid $246.90</title>");
    expect(paid).toContain(`in <a href="${settings.urls.mailbox}">the mailbox</a>`);
    expect(paid).toContain("where nothing answers yet");
    expect(paid).not.toContain("← Back");
    expect((await press(id, "pay")).status).toBe(303);
    expect(await page(id)).not.toContain("<form");
  });

  test("leads to the frontend when there is one", async () => {
    const success_url = `${settings.urls.stripe}/?session_id={CHECKOUT_SESSION_ID}`;
    const { id } = await open({ success_url });
    const gone = await press(id, "pay");
    expect(gone.headers.get("location")).toBe(`${settings.urls.stripe}/?session_id=${id}`);
    expect(await page(id)).toContain("Go on to the site");
  });

  test("asks for the address when the session wants it", async () => {
    const { id } = await open({ billing_address_collection: "required" });
    expect(await page(id)).toContain('name="postal_code"');
    const typed = {
      name: "Zoë",
      line1: "Gasse 1",
      postal_code: "1010",
      city: "Wien",
      country: "AT",
    };
    await press(id, "pay", typed);
    const { customer_details } = await stripe.checkout.sessions.retrieve(id);
    const { name, ...address } = typed;
    expect(customer_details).toMatchObject({ name, address });
    expect((await paid()).session.customer_details?.address).toBeNull();
  });

  test("says that a session has expired, or is not there", async () => {
    const { id } = await open();
    await lever(`sessions/${id}/expire`);
    const expired = await page(id);
    expect(expired).toContain("<title>Expired $246.90</title>");
    expect(expired).toContain("has expired");
    expect(expired).not.toContain("← Back");
    expect((await fetch(`${settings.urls.stripe}/c/pay/cs_none`)).status).toBe(404);
  });
});
