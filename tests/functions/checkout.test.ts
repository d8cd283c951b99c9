import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Database } from "../../supabase/functions/_shared/database.ts";
import { ApiError } from "../../supabase/functions/_shared/errors.ts";
import { checkout } from "../../supabase/functions/checkout/handler.ts";

// The handler alone: a database that answers by the book, and a Stripe that does not.

const reservationId = "0b6e7a1c-53a8-4c4e-9f5e-6a0d6c1f2b11";
const guestId = "9d1f0a52-7f6e-4a2b-8b1d-0d6a4f3f7c11";
const due = {
  payment_id: "5a0c6a57-2f84-4b6e-8ad8-1d0a5d0fb0aa",
  session_id: null as string | null,
  url: null as string | null,
  expires_at: new Date("2026-12-01T12:35:00Z"),
  amount: 21_000,
  currency: "usd",
  customer_id: null as string | null,
  email: "gil@people.test",
  title: "A quiet cottage",
  city: "Cork",
  check_in: "2026-12-24",
  check_out: "2026-12-26",
  nights: 2,
};
const good = { id: "cs_test_1", url: "https://pay.test/1", amount_total: 21_000, currency: "usd" };

let server: Server;
let answer: RequestListener;
let asked: { key: string | undefined; body: URLSearchParams }[];
let recorded: unknown[][];
let forgotten: unknown[][];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const key = request.headers["idempotency-key"];
    asked.push({ key: key?.toString(), body: new URLSearchParams(body) });
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
  [asked, recorded, forgotten] = [[], [], []];
  answer = (_, response) => response.end(JSON.stringify(good));
});

/** A database that knows the two calls of the handler. */
function databaseWith(first = due, later = first, kept: object = {}): Database {
  let begun = 0;
  const query = async (text: TemplateStringsArray, ...values: unknown[]) => {
    const statement = text.join("?");
    if (statement.includes("private.begin_checkout")) {
      expect(values).toEqual([guestId, reservationId]);
      return [begun++ ? later : first];
    }
    if (statement.includes("private.forget_stripe_customer")) return void forgotten.push(values);
    if (!statement.includes("private.record_checkout")) throw new Error(statement);
    recorded.push(values);
    return [{ session_id: values[2], url: values[3], ...kept }];
  };
  return query as unknown as Database;
}

async function ask(database = databaseWith(), more = {}) {
  const { port } = server.address() as AddressInfo;
  const stripe = new Stripe("sk_test_x", {
    httpClient: Stripe.createFetchHttpClient(),
    host: "127.0.0.1",
    port,
    protocol: "http",
    timeout: 300,
    maxNetworkRetries: 0,
    telemetry: false,
  });
  const request = new Request("http://localhost/checkout", {
    method: "POST",
    body: JSON.stringify({ reservation_id: reservationId, ...more }),
  });
  const context = { userClaims: { id: guestId } } as Parameters<typeof checkout>[2];
  const tools = { siteUrl: "https://djanobnb.test", database, stripe };
  return await (await checkout(request, tools, context)).json();
}

/** The refusal's status and code. */
async function refusal(database?: Database, more?: object) {
  const error = await ask(database, more).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  return [error.status, error.code];
}

const isUnavailable = [502, "payment_provider_unavailable"];

test("asks Stripe for what the reservation says, and notes the session down", async () => {
  expect(await ask()).toEqual({
    url: good.url,
    session_id: good.id,
    reservation_id: reservationId,
    expires_at: "2026-12-01T12:35:00.000Z",
  });
  expect(recorded).toEqual([[null, due.payment_id, good.id, good.url]]);
  const { body, key } = asked[0]!;
  expect(Object.fromEntries(body)).toMatchObject({
    mode: "payment",
    "line_items[0][price_data][unit_amount]": "21000",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][quantity]": "1",
    customer_email: "gil@people.test",
    expires_at: String(due.expires_at.getTime() / 1000),
    client_reference_id: reservationId,
    "metadata[reservation_id]": reservationId,
    "payment_intent_data[metadata][reservation_id]": reservationId,
  });
  expect(key).toMatch(new RegExp(`^checkout:${reservationId}:[0-9a-f]{16}$`));
});

test.each([{ amount: 1 }, { currency: "xxx" }, { user_id: guestId }, { price_per_night: 1 }])(
  "takes no more from the body than which stay: %o",
  async (more) => {
    expect(await refusal(databaseWith(), more)).toEqual([400, "invalid_body"]);
    expect(asked).toEqual([]);
  },
);

test("the same wish has the same idempotency key, another one another", async () => {
  await ask();
  await ask();
  await ask(databaseWith({ ...due, expires_at: new Date("2026-12-01T13:00:00Z") }));
  const [first, second, third] = asked.map(({ key }) => key);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});

test("a session that is open is answered without asking Stripe", async () => {
  const open = { ...due, session_id: "cs_test_0", url: "https://pay.test/0" };
  expect(await ask(databaseWith(open))).toMatchObject({ session_id: "cs_test_0", url: open.url });
  expect(asked).toEqual([]);
  expect(recorded).toEqual([]);
});

describe("Stripe that does not answer as it should", () => {
  const json = (body: unknown, status = 200): RequestListener => {
    return (_, response) => response.writeHead(status).end(JSON.stringify(body));
  };
  test.each<[string, RequestListener]>([
    ["says nothing at all", () => {}],
    ["cuts the line", (request) => request.socket.destroy()],
    ["begins and stops", (_, response) => void response.writeHead(200).write('{"id": "cs_')],
    ["shows a web page", (_, response) => response.end("<h1>Welcome to nginx!</h1>")],
    ["answers with nothing", (_, response) => response.end()],
    ["answers with another thing", json([1, 2, 3])],
    ["answers null", json(null)],
    ["forgets the address", json({ ...good, url: null })],
    ["gives no address of the web", json({ ...good, url: "javascript:alert(1)" })],
    ["names no session", json({ ...good, id: 17 })],
    ["names something else", json({ ...good, id: "pi_1" })],
    ["asks for another amount", json({ ...good, amount_total: 1 })],
    ["asks for another currency", json({ ...good, currency: "jpy" })],
    ["refuses our key", json({ error: { type: "invalid_request_error", message: "No." } }, 401)],
    [
      "refuses a parameter",
      json({ error: { type: "invalid_request_error", message: "No." } }, 400),
    ],
    ["has too much to do", json({ error: { type: "rate_limit_error", message: "Slow!" } }, 429)],
    ["is broken", json({ error: { type: "api_error", message: "Oh." } }, 500)],
    ["is away", (_, response) => response.writeHead(503).end("upstream connect error")],
  ])("%s", async (_, listener) => {
    answer = listener;
    const started = performance.now();
    expect(await refusal()).toEqual(isUnavailable);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(recorded).toEqual([]);
  });

  test("is asked for the same again, and then does", async () => {
    answer = json({ error: { type: "api_error", message: "Oh." } }, 500);
    expect(await refusal()).toEqual(isUnavailable);
    answer = json(good);
    expect(await ask()).toMatchObject({ session_id: good.id });
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
  });

  test("has answered the guest's other call meanwhile", async () => {
    answer = json({ error: { type: "idempotency_error", message: "In progress." } }, 409);
    const open = { ...due, session_id: good.id, url: good.url };
    expect(await ask(databaseWith(due, open))).toMatchObject({ session_id: good.id });
  });
});

test("a hold that was given back meanwhile is not paid for", async () => {
  const gone = databaseWith(due, due, { session_id: null, url: null });
  expect(await refusal(gone)).toEqual([409, "hold_expired"]);
});

test("of two sessions that two calls got, the one that was noted down first counts", async () => {
  const other = { session_id: "cs_test_0", url: "https://pay.test/0" };
  expect(await ask(databaseWith(due, due, other))).toMatchObject(other);
});

test("a customer that Stripe knows no more keeps nobody from paying", async () => {
  const known = { ...due, customer_id: "cus_gone" };
  answer = (_, response) => {
    const isGone = asked.at(-1)!.body.get("customer") === "cus_gone";
    const error = { type: "invalid_request_error", code: "resource_missing", param: "customer" };
    response.writeHead(isGone ? 404 : 200).end(JSON.stringify(isGone ? { error } : good));
  };
  expect(await ask(databaseWith(known, due))).toMatchObject({ session_id: good.id });
  expect(forgotten).toEqual([[guestId, "cus_gone", null]]);
  expect(asked.map(({ body }) => body.get("customer") ?? body.get("customer_email"))).toEqual([
    "cus_gone",
    due.email,
  ]);
});

test("a title is cut between letters, not inside of one", async () => {
  const long = { ...due, title: `a${"😀".repeat(254)}` };
  await ask(databaseWith(long));
  const name = asked[0]!.body.get("line_items[0][price_data][product_data][name]")!;
  expect(name).toBe(`a${"😀".repeat(249)}`);
});

test("a database that fails is no fault of Stripe's", async () => {
  const broken = (() => Promise.reject(new Error("connection lost"))) as unknown as Database;
  await expect(ask(broken)).rejects.toThrow("connection lost");
  expect(asked).toEqual([]);
});
