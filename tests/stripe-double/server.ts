import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import Stripe from "stripe";
import type { Part, Settings } from "../../local/settings.ts";
import { Ledger } from "./ledger.ts";
import { checkoutPage, pageHeaders, payerOf } from "./page.ts";
import { day, nest, now, type Row, refusal } from "./params.ts";

const kinds = "checkout.session payment_intent charge refund customer dispute event".split(" ");

/** Tells the webhook of this project what happens, signed as Stripe signs. */
class Postman {
  readonly stopping = new AbortController();
  readonly ledger: Ledger;
  #sending = 0;
  #waiting: (() => void)[] = [];

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** Sends the news; settles when each event had its first try. */
  tell() {
    return Promise.all(this.ledger.news.splice(0).map((event) => this.deliver(event)));
  }

  /** Keeps the news back: it is sent only when a test asks for it. */
  hold() {
    for (const event of this.ledger.news.splice(0)) event.pending_webhooks = 0;
  }

  /** Sends until the webhook agrees or a day is over, with pauses of 1, 2, 4 … 60 seconds. */
  async deliver(event: Row, pause = 1) {
    // A flood waits here: 25 at once are what a busy account sees.
    if (this.#sending++ >= 25) await new Promise<void>((go) => this.#waiting.push(go));
    await this.send(event);
    this.#sending--;
    this.#waiting.shift()?.();
    const over = this.stopping.signal.aborted || event.created < now() - day;
    if (!event.pending_webhooks || over) return;
    setTimeout(() => this.deliver(event, Math.min(pause * 2, 60)), pause * 1000).unref();
  }

  /** Sends once; answers with the webhook's status, or 0 when none came. */
  async send(event: Row) {
    const { urls, keys } = this.ledger.settings;
    const payload = JSON.stringify(event, null, 2);
    const secret = keys.stripeWebhookSecret;
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret });
    const status = await fetch(`${urls.api}/functions/v1/stripe-webhook`, {
      method: "POST",
      headers: { "content-type": "application/json", "stripe-signature": signature },
      body: payload,
      redirect: "manual",
      signal: AbortSignal.any([this.stopping.signal, AbortSignal.timeout(10_000)]),
    })
      .then((answer) => answer.text().then(() => answer.status))
      .catch(() => 0);
    if (status >= 200 && status < 300) event.pending_webhooks = 0;
    this.ledger.touch();
    return status;
  }
}

type App = Hono<{ Variables: { params: Row; expand: string[] } }>;
/** What tests make of the API calls: until when they fail, break, and are slow and how much. */
type Weather = { outage: number; fault: number; slow: number; ms: number };

/** Lets a call in or not, and does it once for each idempotency key. */
function guardApi(app: App, ledger: Ledger, weather: Weather, requests: Row[]) {
  const answers = ledger.table("answer");
  const underWay = new Set<string>();
  app.use("/v1/*", async (c, next) => {
    const { method, path } = c.req;
    const query = new URL(c.req.url).search;
    const form = new URLSearchParams(method === "POST" ? await c.req.text() : query);
    const { expand = {}, ...params } = nest(form);
    c.set("params", params);
    c.set("expand", Object.values(expand));
    const key = method === "POST" ? c.req.header("idempotency-key") : undefined;
    requests.push({ method, path, params, idempotency_key: key ?? null });
    if (Date.now() < weather.outage) throw refusal("Out of order.", "outage", undefined, 503);
    if (c.req.header("authorization") !== `Bearer ${ledger.settings.keys.stripeSecret}`) {
      throw refusal("Invalid API Key provided.", undefined, undefined, 401);
    }
    if (!key) {
      await next();
      return void (await pause(weather));
    }

    const asked = `${method} ${path} ${form}`;
    const earlier = answers.get(key);
    const busy = `There is another call in progress with the key ${key}.`;
    if (underWay.has(key)) throw refusal(busy, "idempotency_key_in_use", undefined, 409);
    if (earlier && earlier.asked !== asked) {
      throw refusal(`The key ${key} was used with other parameters.`, "idempotency_error");
    }
    const replayed = { "idempotent-replayed": "true" };
    if (earlier) return c.json(earlier.answer, earlier.status, replayed);
    underWay.add(key);
    const fault = { error: { type: "api_error", message: "Something broke." } };
    if (Date.now() < weather.fault) c.res = c.json(fault, 500);
    else await next();
    await pause(weather);
    underWay.delete(key);
    // Whatever came of a wish is repeated, a refusal and a fault as well; not that it was malformed.
    const answer = await c.res.clone().json();
    const isMalformed = answer.error?.code?.startsWith("parameter_");
    if (!isMalformed) answers.set(key, { asked, answer, status: c.res.status });
    ledger.touch();
  });
}

/** Waits as long as the weather says, or until it has changed. */
async function pause(weather: Weather): Promise<void> {
  const end = Date.now() + weather.ms;
  while (Date.now() < Math.min(end, weather.slow)) await sleep(20);
}

/** The calls of Stripe's API that this project makes. */
function serveApi(app: App, ledger: Ledger, postman: Postman) {
  const on = (method: string, path: string, work: (params: Row, id: string) => Row) =>
    app.on(method, `/v1/${path}`, (c) => {
      const result = work(c.get("params"), c.req.param("id") ?? "");
      void postman.tell();
      const expand = (row: Row, field: string) => ledger.expand(row, field.split("."));
      return c.json(c.get("expand").reduce(expand, result));
    });
  on("GET", "customers/search", (params) => ledger.search(params));
  for (const kind of kinds) {
    const path = `${kind.replace(".", "/")}s`;
    on("GET", path, (params) => ledger.list(kind, params));
    on("GET", `${path}/:id`, (_, id) => ledger.find(kind, id));
  }
  on("POST", "customers", (params) => ledger.createCustomer(params));
  on("POST", "customers/:id", (params, id) => ledger.updateCustomer(id, params));
  on("DELETE", "customers/:id", (_, id) => ledger.deleteCustomer(id));
  on("POST", "checkout/sessions", (params) => ledger.createSession(params));
  on("POST", "checkout/sessions/:id/expire", (_, id) => ledger.end(ledger.openSession(id)));
  on("POST", "refunds", (params) => ledger.refund(params));
  on("GET", "balance", () => ({ object: "balance", available: [], pending: [], livemode: false }));
  app.all("/v1/*", ({ req }) => {
    const asked = `${req.method}: ${req.path}`;
    throw refusal(`Unrecognized request URL (${asked}).`, undefined, undefined, 404);
  });
}

/** What tests steer the double with. */
function serveLevers(app: App, ledger: Ledger, postman: Postman, weather: Weather) {
  /** A lever answers when the webhook was told, which `?deliver=0` prevents. */
  const lever = (path: string, pull: (id: string, query: Record<string, string>) => unknown) =>
    app.post(`/_test/${path}`, async (c) => {
      const result = pull(c.req.param("id") ?? "", c.req.query());
      if (c.req.query("deliver") === "0") postman.hold();
      await postman.tell();
      return c.json((await result) as Row);
    });
  const open = (id: string) => ledger.openSession(id);
  const until = (seconds = "0") => Date.now() + Number(seconds) * 1000;
  lever("sessions/:id/pay", (id, query) =>
    ledger.pay(
      open(id),
      { ...payerOf(open(id)), ...(query.name && { name: query.name }) },
      query.async === "1",
    ),
  );
  lever("sessions/:id/decline", (id) => ledger.decline(open(id)));
  lever("sessions/:id/expire", (id) => ledger.end(open(id)));
  lever("sessions/:id/settle", (id) => ledger.settle(id, "succeeded"));
  lever("sessions/:id/fail", (id) => ledger.settle(id, "failed"));
  lever("charges/:id/refund", (charge, { amount }) =>
    ledger.refund(amount ? { charge, amount } : { charge }),
  );
  lever("charges/:id/dispute", (id) => ledger.dispute(id));
  lever("charges/:id/age", (id, { seconds = "0" }) => {
    const charge = ledger.find("charge", id);
    return Object.assign(charge, { created: charge.created - Number(seconds) });
  });
  lever("disputes/:id/close", (id, { status }) => ledger.closeDispute(id, status ?? "lost"));
  lever("events/:id/deliver", async (id) => ({
    status: await postman.send(ledger.find("event", id)),
  }));
  lever("outage", (_, query) => Object.assign(weather, { outage: until(query.seconds) }));
  lever("fault", (_, query) => Object.assign(weather, { fault: until(query.seconds) }));
  lever("slow", (_, { seconds, ms = "1000" }) =>
    Object.assign(weather, { slow: until(seconds), ms: Number(ms) }),
  );
}

/** The checkout page, and what its two buttons do. */
function servePage(app: App, ledger: Ledger, postman: Postman, mailbox: string) {
  app.get("/c/pay/:id", async (c) => {
    const session = ledger.find("checkout.session", c.req.param("id"));
    const { line_items } = ledger.find("plan", session.id);
    const declined = c.req.query("declined") !== undefined;
    const { status, success_url } = session;
    const siteAnswers = status === "open" || (await isListening(success_url));
    const page = checkoutPage(session, line_items.data, declined, { mailbox, siteAnswers });
    return c.html(page, 200, pageHeaders);
  });
  app.post("/c/pay/:id", async (c) => {
    ledger.sweep();
    const session = ledger.find("checkout.session", c.req.param("id"));
    const { action, ...typed } = await c.req.parseBody();
    if (session.status !== "open") return c.redirect(c.req.path, 303);
    if (action === "decline") ledger.decline(session);
    else ledger.pay(session, { ...payerOf(session), ...typed });
    // As at Stripe, the guest waits for the webhook, but not for ever.
    await Promise.race([postman.tell(), sleep(10_000)]);
    if (action === "decline") return c.redirect(`${c.req.path}?declined`, 303);
    const next = session.success_url.replaceAll("{CHECKOUT_SESSION_ID}", session.id);
    return c.redirect((await isListening(next)) ? next : c.req.path, 303);
  });
}

/** Without a frontend at SITE_URL yet, this page says that it is paid, and not the browser that nobody answers. */
async function isListening(url: string): Promise<boolean> {
  return await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(2000) }).then(
    () => true,
    (error) => error.cause?.code !== "ECONNREFUSED",
  );
}

function createApp(ledger: Ledger, postman: Postman, mailbox: string): App {
  const app: App = new Hono();
  const weather: Weather = { outage: 0, fault: 0, slow: 0, ms: 0 };
  const requests: Row[] = [];
  app.onError((error, c) => {
    if (error instanceof HTTPException) return c.json({ error: error.cause }, error.status);
    console.error(error);
    return c.json({ error: { type: "api_error", message: "The Stripe double broke." } }, 500);
  });
  app.get("/", (c) =>
    c.text("A stand-in for Stripe: a checkout session's url opens its page here."),
  );
  app.get("/_test/events", (c) => c.json({ data: [...ledger.table("event").values()] }));
  app.get("/_test/requests", (c) => c.json({ data: requests }));
  guardApi(app, ledger, weather, requests);
  serveApi(app, ledger, postman);
  serveLevers(app, ledger, postman, weather);
  servePage(app, ledger, postman, mailbox);
  return app;
}

/** Starts the double of Stripe on its port; what it remembers is kept in the data folder. */
export async function startStripe(settings: Settings): Promise<Part> {
  const ledger = new Ledger(settings);
  const postman = new Postman(ledger);
  const server = createServer(
    getRequestListener(createApp(ledger, postman, settings.urls.mailbox).fetch),
  );
  server.listen(settings.ports.stripe, "127.0.0.1");
  await once(server, "listening");
  const clock = setInterval(() => {
    ledger.sweep();
    void postman.tell();
  }, 1000).unref();
  return {
    async stop() {
      clearInterval(clock);
      postman.stopping.abort();
      server.close();
      server.closeAllConnections();
      ledger.close();
    },
  };
}
