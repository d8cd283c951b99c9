import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Stripe from "stripe";
import { type Settings, writeWhole } from "../../local/settings.ts";
import {
  customerFields,
  day,
  newRefund,
  newSession,
  now,
  page,
  parse,
  type Row,
  refusal,
} from "./params.ts";

const newId = (prefix: string) =>
  `${prefix}_${randomBytes(18).toString("base64url").replace(/\W|_/g, "0")}`;

/** What is bought, as the session's `line_items` show it. */
function lineItem({ price_data: { currency, unit_amount, product_data }, quantity }: Row): Row {
  const amount = unit_amount * quantity;
  const amounts = { amount_subtotal: amount, amount_total: amount, currency, quantity };
  const price = { id: newId("price"), object: "price", currency, unit_amount, product_data };
  return { id: newId("li"), object: "item", ...amounts, description: product_data.name, price };
}

/** What Stripe remembers and what happens to it. Rows are changed in place, events hold copies. */
export class Ledger {
  /** By kind and id; beyond Stripe's kinds a session's `plan` and the `answer` to a key. */
  tables: Record<string, Map<string, Row>> = {};
  /** Events of which the webhook was not told yet. */
  news: Row[] = [];
  settings: Settings;
  #closed = false;
  #file: string;
  #timer: NodeJS.Timeout | undefined;
  #pause = 200;

  constructor(settings: Settings) {
    this.settings = settings;
    this.#file = join(settings.dataDir, "stripe.json");
    const stored = existsSync(this.#file) ? readFileSync(this.#file, "utf8") : "{}";
    const tables = Object.entries<[string, Row][]>(JSON.parse(stored));
    for (const [kind, rows] of tables) this.tables[kind] = new Map(rows);
    this.news = [...this.table("event").values()].filter((event) => event.pending_webhooks);
  }

  table(kind: string) {
    this.tables[kind] ??= new Map();
    return this.tables[kind];
  }

  make(kind: string, prefix: string, fields: Row) {
    const head = { id: newId(prefix), object: kind, created: now(), livemode: false };
    const row: Row = { ...head, ...fields };
    this.table(kind).set(row.id, row);
    this.touch();
    return row;
  }

  find(kind: string, id: string, param = "id") {
    const row = this.table(kind).get(id);
    if (!row || (row.deleted && param !== "id")) {
      throw refusal(`No such ${kind}: '${id}'`, "resource_missing", param, 404);
    }
    return row;
  }

  /** One page, newest first; parameters beyond the usual ones are fields that have to be equal. */
  list(kind: string, params: Row) {
    const { limit = 10, starting_after, created = {}, ...equal } = parse(page, params);
    const { gt = -1, gte = 0, lt = Infinity, lte = Infinity } = created;
    const rows = [...this.table(kind).values()]
      .filter((row) => Object.entries(equal).every(([field, value]) => row[field] === value))
      .filter(({ created: at }) => at > gt && at >= gte && at < lt && at <= lte)
      .reverse();
    const last = starting_after && this.find(kind, starting_after, "starting_after");
    const data = rows.slice(last ? rows.indexOf(last) + 1 : 0);
    const url = `/v1/${kind.replace(".", "/")}s`;
    return { object: "list", data: data.slice(0, limit), has_more: data.length > limit, url };
  }

  /** Customers by clauses such as `metadata['user_id']:'…' AND email:'…'`. */
  search({ query = "" }: Row) {
    const clauses = (query as string).split(" AND ").map((clause) => {
      const found = /^(?:(email|name)|metadata\[["'](.+)["']\]):["'](.*)["']$/.exec(clause.trim());
      if (!found) throw refusal("We were unable to parse your search query.", undefined, "query");
      const [, field, key, value] = found;
      return (row: Row) => (field ? row[field] : row.metadata?.[key!]) === value;
    });
    const rows = [...this.table("customer").values()];
    const data = rows.filter((row) => clauses.every((fits) => fits(row)));
    return { object: "search_result", data, has_more: false, next_page: null };
  }

  /** A copy of `thing` with the object itself where `path` leads to an id. */
  expand(thing: Row, [field, ...path]: string[]): Row {
    if (!field || !thing) return thing;
    if (Array.isArray(thing)) return thing.map((row) => this.expand(row, [field, ...path]));
    const lists: Record<string, () => Row | undefined> = {
      "charge.refunds": () => this.list("refund", { charge: thing.id, limit: "100" }),
      "checkout.session.line_items": () => this.table("plan").get(thing.id)?.line_items,
    };
    const rows = Object.values(this.tables).map((table) => table.get(thing[field]));
    const value =
      lists[`${thing.object}.${field}`]?.() ?? rows.find((row) => row?.object) ?? thing[field];
    if (typeof value === "object") return { ...thing, [field]: this.expand(value, path) };
    throw refusal(`This property cannot be expanded (${field}).`, undefined, "expand");
  }

  /** Notes what happened, for the webhook to be told; answers with the last row. */
  emit(happened: Record<string, Row>, previous_attributes?: Row) {
    for (const [type, row] of Object.entries(happened)) {
      const data = { object: structuredClone(row), previous_attributes };
      const request = { id: null, idempotency_key: null };
      const facts = { api_version: Stripe.API_VERSION, type, data, request, pending_webhooks: 1 };
      this.news.push(this.make("event", "evt", facts));
    }
    return Object.values(happened).at(-1)!;
  }

  createCustomer(params: Row) {
    const none = { address: null, description: null, email: null, name: null, phone: null };
    const fields = { ...none, balance: 0, metadata: {}, ...parse(customerFields, params) };
    return this.emit({ "customer.created": this.make("customer", "cus", fields) });
  }

  /** As with Stripe, an empty value clears a field, and metadata are merged. */
  updateCustomer(id: string, params: Row) {
    const row = this.find("customer", id);
    const { metadata, ...fields } = parse(customerFields, params);
    for (const [field, value] of Object.entries(fields)) row[field] = value || null;
    const merged = Object.entries({ ...row.metadata, ...metadata });
    row.metadata = Object.fromEntries(merged.filter(([, value]) => value));
    return this.emit({ "customer.updated": row });
  }

  /** What is left of a customer tells only that it is gone. */
  deleteCustomer(id: string) {
    this.emit({ "customer.deleted": this.find("customer", id) });
    const rest = { id, object: "customer", deleted: true };
    this.table("customer").set(id, rest);
    return rest;
  }

  createSession(params: Row) {
    const { line_items, payment_intent_data, ...asked } = parse(newSession, params);
    const data = Object.values(line_items).map(lineItem);
    const amount = data.reduce((sum, item) => sum + item.amount_total, 0);
    const { currency } = data[0]!;
    const mixed = data.some((item) => item.currency !== currency);
    if (mixed) throw refusal("The currencies differ.", "parameter_invalid", "line_items");
    if (amount < 50) throw refusal("The total is below $0.50.", "amount_too_small", "line_items");
    if (amount >= 1e8) throw refusal("The total is too high.", "amount_too_large", "line_items");
    const payer = asked.customer ? this.find("customer", asked.customer, "customer") : undefined;
    const email = payer?.email ?? asked.customer_email ?? null;
    const session = this.make("checkout.session", "cs_test", {
      ...{ amount_subtotal: amount, amount_total: amount, currency },
      ...{ status: "open", payment_status: "unpaid", payment_intent: null, ui_mode: "hosted_page" },
      ...{ cancel_url: null, client_reference_id: null, customer: null, customer_email: null },
      ...{
        customer_details: { email, name: payer?.name ?? null, phone: null, address: null },
        metadata: {},
      },
      ...{ billing_address_collection: null, invoice: null, expires_at: now() + day, ...asked },
      payment_method_types: ["card"],
    });
    session.url = `${this.settings.urls.stripe}/c/pay/${session.id}`;
    const items = { object: "list", data, has_more: false };
    this.table("plan").set(session.id, { line_items: items, intent: payment_intent_data });
    return session;
  }

  /** Ends the sessions whose time is over. */
  sweep() {
    for (const session of this.table("checkout.session").values()) {
      if (session.status === "open" && session.expires_at <= now()) this.end(session);
    }
  }

  end(session: Row) {
    Object.assign(session, { status: "expired", url: null });
    return this.emit({ "checkout.session.expired": session });
  }

  /** A session that can still be paid. */
  openSession(id: string) {
    const session = this.find("checkout.session", id);
    if (session.status === "open" && session.expires_at <= now()) this.end(session);
    if (session.status === "open") return session;
    throw refusal(`This Checkout Session is not open: its status is \`${session.status}\`.`);
  }

  /** A try to pay: a new charge of the session's intent, which the first try makes. */
  charge(session: Row) {
    const { amount_total: amount, currency, customer } = session;
    session.payment_intent ??= this.make("payment_intent", "pi", {
      ...{ amount, amount_capturable: 0, amount_received: 0, currency, customer },
      ...{ capture_method: "automatic", last_payment_error: null, payment_method_types: ["card"] },
      ...{ description: null, metadata: {}, ...this.table("plan").get(session.id)?.intent },
    }).id;
    const intent = this.find("payment_intent", session.payment_intent);
    const { id, description, metadata } = intent;
    const charge = this.make("charge", "ch", {
      ...{ amount, amount_captured: 0, amount_refunded: 0, currency, customer, description },
      ...{ captured: false, disputed: false, paid: false, refunded: false, status: "pending" },
      ...{ metadata, payment_intent: id, failure_code: null, failure_message: null },
      ...{ balance_transaction: null, billing_details: session.customer_details },
      payment_method_details: { type: "card", card: { brand: "visa", last4: "4242" } },
    });
    Object.assign(intent, { latest_charge: charge.id, status: "processing" });
  }

  /** The bank's word about the latest charge, and `type`, what it means for the session. */
  conclude(session: Row, good: boolean, type?: string) {
    const intent = this.find("payment_intent", session.payment_intent);
    const charge = this.find("charge", intent.latest_charge);
    const [code, message] = ["card_declined", "Your card was declined."];
    if (good) {
      Object.assign(charge, { paid: true, captured: true, amount_captured: charge.amount });
      Object.assign(intent, { amount_received: intent.amount, last_payment_error: null });
      session.payment_status = "paid";
    } else {
      Object.assign(charge, { failure_code: code, failure_message: message });
      intent.last_payment_error = { type: "card_error", code, message, charge: charge.id };
    }
    charge.status = good ? "succeeded" : "failed";
    intent.status = good ? "succeeded" : "requires_payment_method";
    const outcome = good ? "payment_intent.succeeded" : "payment_intent.payment_failed";
    this.emit({ [`charge.${charge.status}`]: charge, [outcome]: intent });
    return type ? this.emit({ [type]: session }) : session;
  }

  /** Pays at once, or `later`: then the bank's word is still to come. */
  pay(session: Row, { name, ...address }: Row, later = false) {
    const isAsked = session.billing_address_collection === "required";
    const home = isAsked ? { line2: null, state: null, ...address } : null;
    Object.assign(session.customer_details, { name, address: home });
    this.charge(session);
    Object.assign(session, { status: "complete", url: null });
    if (later) return this.emit({ "checkout.session.completed": session });
    return this.conclude(session, true, "checkout.session.completed");
  }

  decline(session: Row) {
    this.charge(session);
    return this.conclude(session, false);
  }

  /** The bank's word about what was paid `later`. */
  settle(id: string, outcome: "succeeded" | "failed") {
    const session = this.find("checkout.session", id);
    const intent = this.table("payment_intent").get(session.payment_intent);
    if (intent?.status !== "processing") throw refusal("No payment of it is being processed.");
    const type = `checkout.session.async_payment_${outcome}`;
    return this.conclude(session, outcome === "succeeded", type);
  }

  refund(params: Row) {
    const { amount: part, charge: of, ...asked } = parse(newRefund, params);
    const by = asked.payment_intent;
    const id = of ?? (by && this.find("payment_intent", by, "payment_intent").latest_charge);
    if (!id) throw refusal("Missing required param: charge.", "parameter_missing", "charge");
    const charge = this.find("charge", id, "charge");
    const { amount_refunded, currency, payment_intent } = charge;
    const left = charge.amount_captured - amount_refunded;
    const amount = part ?? left;
    if (charge.refunded) throw refusal(`${id} is refunded already.`, "charge_already_refunded");
    if (charge.disputed) throw refusal(`${id} has been charged back.`, "charge_disputed");
    if (amount > left || !left) throw refusal(`${id} has ${left} left.`, undefined, "amount");
    const facts = { amount, currency, status: "succeeded", reason: null, metadata: {}, ...asked };
    const refund = this.make("refund", "re", { ...facts, charge: id, payment_intent });
    Object.assign(charge, { amount_refunded: amount_refunded + amount, refunded: amount === left });
    this.emit({ "charge.refunded": charge }, { amount_refunded });
    return this.emit({ "refund.created": refund, "charge.refund.updated": refund });
  }

  dispute(id: string) {
    const charge = this.find("charge", id);
    const { amount, currency, payment_intent } = charge;
    charge.disputed = true;
    const facts = { amount, currency, charge: id, payment_intent, reason: "fraudulent" };
    const dispute = this.make("dispute", "du", { ...facts, status: "needs_response" });
    return this.emit({ "charge.dispute.created": dispute });
  }

  closeDispute(id: string, status: string) {
    const dispute = this.find("dispute", id);
    dispute.status = status;
    // A charge that was defended may be given back like any other.
    if (status === "won") this.find("charge", dispute.charge).disputed = false;
    return this.emit({ "charge.dispute.closed": dispute });
  }

  /** Has everything written soon, and more seldom the longer that takes. */
  touch() {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => this.save(), this.#pause).unref();
  }

  save() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const started = performance.now();
    const tables = Object.entries(this.tables).map(([kind, table]) => [kind, [...table]]);
    try {
      writeWhole(this.#file, JSON.stringify(Object.fromEntries(tables)));
    } catch (error) {
      console.error(`The Stripe double cannot save what it knows: ${error}`);
    }
    this.#pause = 200 + 10 * (performance.now() - started);
  }

  close() {
    this.#closed = true;
    this.save();
  }
}
