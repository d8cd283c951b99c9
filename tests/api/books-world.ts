import { randomUUID } from "node:crypto";
import type postgres from "postgres";
import { expect } from "vitest";
import { inDays } from "./actors.ts";

/** Who takes part, and where they may stay. */
export type Cast = { host: string; agent: string; guests: string[]; homes: string[] };

type Session = {
  id: string;
  key: string;
  reservation: string;
  amount: number;
  status: "open" | "processing" | "complete" | "failed" | "expired";
};
type Charge = {
  intent: string;
  amount: number;
  refunded: number;
  dispute?: { id: string; status: string };
};
type StripeEvent = { id: string; delivered: boolean; body: object };
type Job = { id: string; kind: string; payload: { payment_id: string } };
type Stay = { id: string; guest_id: string; total: number };

const seller = { name: "S", address: "A", tax_id: "T", tax_rate_percent: 23 };

/**
 * A world in one transaction: the database as it is, a Stripe that is a few arrays, and a worker
 * that does jobs as the function `jobs` does. Each step is one thing that somebody does; numbers
 * pick among what there is at that moment, and a step for which there is nothing does nothing.
 */
export class World {
  /** From when to when all of it happens at Stripe, far from what other tests pay. */
  static readonly day: [Date, Date] = [new Date("2040-01-01"), new Date("2040-01-02")];

  readonly #charges: Charge[] = [];
  readonly #sessions: Session[] = [];
  readonly #events: StripeEvent[] = [];
  readonly #stays: Stay[] = [];
  readonly #refunds = new Set<string>();
  readonly #sql: postgres.TransactionSql;
  readonly #cast: Cast;

  constructor(sql: postgres.TransactionSql, cast: Cast) {
    this.#sql = sql;
    this.#cast = cast;
  }

  /** Does something as somebody; undefined when it is refused with a sentence. Any other error is one. */
  async #try<Row>(
    actor: string | null,
    query: (sql: postgres.TransactionSql) => PromiseLike<Row[]>,
  ): Promise<Row[] | undefined> {
    const claims = actor ? JSON.stringify({ sub: actor, role: "authenticated" }) : "{}";
    const [, , result] = await Promise.allSettled([
      this.#sql`savepoint step`,
      this.#sql`
        select set_config('request.jwt.claims', ${claims}, true),
          set_config('request.jwt.claim.sub', ${actor ?? ""}, true)`,
      query(this.#sql),
    ]);
    if (result.status === "fulfilled") {
      await this.#sql`release savepoint step`;
      return result.value;
    }
    await this.#sql`rollback to savepoint step`;
    if (!/^PT4\d\d$/.test(result.reason.code)) throw result.reason;
    return undefined;
  }

  #emit(type: string, object: object) {
    const id = `evt_${randomUUID()}`;
    const body = { id, type, created: World.day[0].getTime() / 1000, data: { object } };
    this.#events.push({ id, delivered: false, body });
  }

  // Guest, host and staff

  async reserve(guest: number, home: number, start: number, nights: number) {
    const caller = pick(this.#cast.guests, guest)!;
    const made = await this.#try<Stay>(
      caller,
      (sql) => sql`
        select id, guest_id, total
        from public.reserve(${pick(this.#cast.homes, home)!}, ${inDays(1 + start)}, ${inDays(2 + start + nights)}, 1)`,
    );
    this.#stays.push(...(made ?? []));
  }

  /** The usual way, from the search to the confirmation. */
  async book(guest: number, home: number, start: number, nights: number) {
    const before = this.#stays.length;
    await this.reserve(guest, home, start, nights);
    if (this.#stays.length === before) return;
    await this.checkout(before, "well");
    await this.pay(this.#with("open").length - 1, "now");
    await this.deliver(this.#events.length - 1);
  }

  async release(which: number) {
    const stay = pick(this.#stays, which);
    if (stay) await this.#try(stay.guest_id, (sql) => sql`select public.release_hold(${stay.id})`);
  }

  async cancel(which: number, as: "guest" | "host" | "agent") {
    const stay = pick(this.#stays, which);
    if (!stay) return;
    const caller = { guest: stay.guest_id, host: this.#cast.host, agent: this.#cast.agent }[as];
    await this.#try(caller, (sql) => sql`select public.cancel_reservation(${stay.id})`);
  }

  async block(home: number, start: number) {
    await this.#try(
      this.#cast.host,
      (sql) => sql`
        insert into public.property_blocks (property_id, check_in, check_out)
        values (${pick(this.#cast.homes, home)!}, ${inDays(1 + start)}, ${inDays(2 + start)})`,
    );
  }

  /** The function checkout, which may fail to reach Stripe or die before it notes the session down. */
  async checkout(which: number, ends: "well" | "unnoted" | "unreached") {
    const stay = pick(this.#stays, which);
    if (!stay) return;
    const [due] =
      (await this.#try<{ payment_id: string; amount: number; session_id: string; at: string }>(
        null,
        (sql) => sql`
          select payment_id, amount, session_id, expires_at::text as at
          from private.begin_checkout(${stay.guest_id}, ${stay.id})`,
      )) ?? [];
    if (!due || due.session_id || ends === "unreached") return;
    expect(due.amount).toBe(stay.total);
    // The second try may be worded otherwise: then Stripe makes a session of its own for it.
    const session = this.#sessionFor(`${due.payment_id} ${due.at} ${ends}`, stay);
    if (ends === "unnoted") return;
    await this
      .#sql`select private.record_checkout(${due.payment_id}, ${session.id}, 'https://pay.test')`;
  }

  /** Stripe's answer to a wish: for the same key the same session. */
  #sessionFor(key: string, stay: Stay): Session {
    const known = this.#sessions.find((session) => session.key === key);
    if (known) return known;
    const id = `cs_${randomUUID()}`;
    const session = { id, key, reservation: stay.id, amount: stay.total, status: "open" as const };
    this.#sessions.push(session);
    return session;
  }

  // Time

  async lapse(which: number) {
    const stay = pick(this.#stays, which);
    if (!stay) return;
    await this.#sql`
      update public.reservations set hold_expires_at = now() - interval '1 second'
      where id = ${stay.id} and status = 'held' and hold_expires_at > now()`;
  }

  async expire() {
    await this.#sql`select private.expire_holds()`;
  }

  // Stripe

  /** A guest pays: at once, or by a method that takes days. */
  async pay(which: number, when: "now" | "later") {
    const session = pick(this.#with("open"), which);
    if (!session) return;
    session.status = "processing";
    if (when === "now") this.#conclude(session, "checkout.session.completed");
    else this.#emit("checkout.session.completed", this.#show(session, "unpaid"));
  }

  async settle(which: number, paid: boolean) {
    const session = pick(this.#with("processing"), which);
    if (!session) return;
    if (paid) return this.#conclude(session, "checkout.session.async_payment_succeeded");
    session.status = "failed";
    this.#emit("checkout.session.async_payment_failed", this.#show(session, "unpaid"));
  }

  #conclude(session: Session, type: string) {
    session.status = "complete";
    this.#charges.push({ intent: `pi_${session.id}`, amount: session.amount, refunded: 0 });
    this.#emit(type, this.#show(session, "paid"));
  }

  async close(which: number) {
    const session = pick(this.#with("open"), which);
    if (session) this.#expire(session);
  }

  #expire(session: Session) {
    session.status = "expired";
    this.#emit("checkout.session.expired", this.#show(session, "unpaid"));
  }

  #with(status: Session["status"]) {
    return this.#sessions.filter((session) => session.status === status);
  }

  #show({ id, amount, reservation, status }: Session, payment_status: string) {
    const payment_intent = status === "expired" ? null : `pi_${id}`;
    const metadata = { reservation_id: reservation };
    return { id, amount_total: amount, currency: "usd", payment_status, payment_intent, metadata };
  }

  /** Somebody gives money back in Stripe's dashboard. */
  async refund(which: number, share: number) {
    const charge = pick(this.#charges, which);
    if (charge) this.#giveBack(charge, Math.ceil((charge.amount - charge.refunded) * share));
  }

  #giveBack(charge: Charge, amount: number): boolean {
    if (charge.dispute && charge.dispute.status !== "won") return false;
    if (amount < 1 || amount > charge.amount - charge.refunded) return false;
    charge.refunded += amount;
    const { intent, refunded } = charge;
    this.#emit("charge.refunded", { payment_intent: intent, amount_refunded: refunded });
    return true;
  }

  async dispute(which: number) {
    const charge = pick(this.#charges, which);
    if (!charge || charge.dispute) return;
    charge.dispute = { id: `du_${randomUUID()}`, status: "needs_response" };
    this.#emit("charge.dispute.created", { ...charge.dispute, payment_intent: charge.intent });
  }

  async decide(which: number, status: "won" | "lost") {
    const charge = pick(this.#charges, which);
    if (charge?.dispute?.status !== "needs_response") return;
    charge.dispute.status = status;
    this.#emit("charge.dispute.closed", { ...charge.dispute, payment_intent: charge.intent });
  }

  /** Any event comes at any time, and again. */
  async deliver(which: number) {
    const event = pick(this.#events, which);
    if (event) await this.#receive(event);
  }

  async #receive(event: StripeEvent) {
    const [{ outcome }] = await this.#sql<[{ outcome: string }]>`
      select private.apply_stripe_event(${JSON.stringify(event.body)}::text::jsonb) as outcome`;
    expect(["applied", "repeated", "unmatched"]).toContain(outcome);
    event.delivered = true;
  }

  // The worker

  /** Does a job, or dies in the middle of it: then it is still to be done. */
  async work(which: number, dies: boolean) {
    const job = pick(await this.#jobs(), which);
    if (!job) return;
    const done = await this.#perform(job, dies);
    if (!done) return;
    await this
      .#sql`update private.jobs set state = 'done', finished_at = now() where id = ${job.id}`;
  }

  async #jobs(): Promise<Job[]> {
    return await this.#sql<Job[]>`
      select id, kind, payload from private.jobs
      where created_at = now() and state = 'queued' order by kind, id`;
  }

  async #perform({ kind, payload }: Job, dies: boolean): Promise<boolean> {
    if (kind === "issue_documents") return await this.#issue(payload.payment_id, dies);
    if (kind === "refund_payment") return await this.#payBack(payload.payment_id, dies);
    if (kind === "close_checkout") await this.#closeCheckout(payload.payment_id);
    return !dies;
  }

  async #issue(paymentId: string, dies: boolean) {
    const documents = await this.#sql<{ id: string }[]>`
      select id from private.issue_documents(${paymentId}, ${this.#sql.json(seller)})`;
    if (dies) return false;
    for (const { id } of documents) {
      await this.#sql`select private.record_pdf(${id}, ${"0".repeat(64)})`;
    }
    return true;
  }

  async #payBack(paymentId: string, dies: boolean) {
    const owed = async () =>
      (
        await this.#sql<{ intent: string; amount: number; key: string }[]>`
          select payment_intent_id as intent, amount, idempotency_key as key
          from private.refund_to_make(${paymentId})`
      )[0];
    const first = await owed();
    if (!first) return true;
    const charge = this.#charges.find(({ intent }) => intent === first.intent)!;
    const learn = () => this.#sql`select private.record_refund(${paymentId}, ${charge.refunded})`;
    await learn();
    const refund = await owed();
    if (!refund) return true;
    const made = this.#refunds.has(refund.key) || this.#giveBack(charge, refund.amount);
    if (!made) return false;
    this.#refunds.add(refund.key);
    if (dies) return false;
    await learn();
    expect(await owed()).toBeUndefined();
    return true;
  }

  async #closeCheckout(paymentId: string) {
    const [{ id }] = await this.#sql<[{ id: string | null }]>`
      select private.open_session_of(${paymentId}) as id`;
    const session = this.#with("open").find((one) => one.id === id);
    if (session) this.#expire(session);
  }

  /** What Stripe's books say in the end, as the nightly job reads them. */
  books() {
    return this.#charges.map(({ intent, amount, refunded, dispute }) => ({
      charge: intent.replace("pi_", "ch_"),
      payment_intent: intent,
      amount,
      amount_refunded: refunded,
      currency: "usd",
      is_changing: false,
      is_disputed: dispute !== undefined && dispute.status !== "won",
    }));
  }

  /** In the end every slow payment is decided, every event arrives, and every job is done. */
  async settleDown() {
    for (const [number] of this.#with("processing").entries()) await this.settle(0, number % 2 > 0);
    for (let round = 0; round < 10; round++) {
      const late = this.#events.filter(({ delivered }) => !delivered);
      for (const event of round % 2 ? late : late.toReversed()) await this.#receive(event);
      const jobs = await this.#jobs();
      if (!jobs.length && !late.length) return;
      for (const _ of jobs) await this.work(0, false);
    }
    throw new Error(`There is still work to do: ${JSON.stringify(await this.#jobs())}`);
  }
}

function pick<Thing>(things: Thing[], which: number): Thing | undefined {
  return things[which % things.length];
}
