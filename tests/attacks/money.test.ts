import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import {
  type Actor,
  database,
  inDays,
  list,
  signUp,
  stack,
  stripe,
  unwrap,
} from "../api/actors.ts";
import { booksOf, checkout, stripeSessions } from "../api/stays.ts";
import { ask, send } from "./ask.ts";
import { rowOf, stored, world } from "./world.ts";

/** Paying less, paying once for two, being paid back twice, and speaking in Stripe's name. */

const all = await world();
const { ana, gil, olga } = all.people;
const newHome = (changes = {}) => list(ana, { title: `House ${crypto.randomUUID()}`, ...changes });
const nights = (from: number, count = 2) => ({
  check_in: inDays(from),
  check_out: inDays(from + count),
});

/** What a guest who has just come holds, with the checkout page open. */
async function hold(guest: Actor, changes = {}) {
  const home = await newHome(changes);
  const session = await checkout(guest, { property_id: home.id, ...nights(30), guests: 1 });
  return { home, id: session.reservation_id, session: session.session_id };
}

/** An event of Stripe's about a session of checkout. */
const completed = (session: object, id = `evt_${crypto.randomUUID()}`) =>
  JSON.stringify({
    ...{ id, object: "event", type: "checkout.session.completed" },
    created: Math.floor(Date.now() / 1000),
    data: {
      object: { payment_status: "paid", currency: "usd", payment_intent: `pi_${id}`, ...session },
    },
  });

/** Hands in an event, signed as Stripe signs unless it is said otherwise. */
async function deliver(payload: string, signature?: string) {
  const signed = Stripe.webhooks.generateTestHeaderString({ payload, secret: stack.webhookSecret });
  const headers = { "content-type": "application/json", "stripe-signature": signature ?? signed };
  const { status, body } = await send("/functions/v1/stripe-webhook", { headers, body: payload });
  return { status, ...JSON.parse(body) };
}

describe("T23 a price", () => {
  test("T23 cannot be named by whoever reserves or pays", async () => {
    const home = await newHome();
    const stay = { property_id: home.id, ...nights(5), guests: 1 };
    const prices = [
      ...[{ price_per_night: 1 }, { total: 1 }, { amount: 1 }, { currency: "jpy" }, { nights: 1 }],
      ...[
        { service_fee: -1 },
        { line_items: [] },
        { discounts: [{ coupon: "x" }] },
        { subtotal: 0 },
      ],
    ];
    for (const price of prices) {
      const reserved = await ask(all, "olga", "/rest/v1/rpc/reserve", {
        body: { ...stay, ...price },
      });
      expect([404, 400], JSON.stringify(price)).toContain(reserved.status);
      const paid = await ask(all, "olga", "/functions/v1/checkout", {
        body: { ...stay, ...price },
      });
      expect([paid.status, JSON.parse(paid.body).error.code]).toEqual([400, "invalid_body"]);
    }
    const [found] = await database`
      select count(*)::integer as held from public.reservations where property_id = ${home.id}`;
    expect(found!.held).toBe(0);
  });

  test("T23 is the listing's times the nights, whatever stay is asked for", async () => {
    const home = await newHome();
    const wrong = [
      ...[
        { guests: 0 },
        { guests: -1 },
        { guests: 5 },
        { guests: 1.5 },
        nights(5, 0),
        nights(5, -3),
      ],
      ...[nights(-3), nights(5, 366), nights(731), { check_in: "infinity" }, { check_out: null }],
    ];
    for (const change of wrong) {
      const body = { property_id: home.id, ...nights(5), guests: 1, ...change };
      const { status, body: told } = await ask(all, "olga", "/rest/v1/rpc/reserve", { body });
      expect(status, `${JSON.stringify(change)}: ${told}`).toBe(400);
    }
    for (const price_per_night of [0, -1, 100_000_000, 0.5]) {
      const { status } = await ask(all, "ana", `/rest/v1/properties?id=eq.${home.id}`, {
        method: "PATCH",
        body: { price_per_night },
      });
      expect(status, String(price_per_night)).toBe(400);
    }
  });

  test("T23 stays what it was when the stay was held, also at Stripe", async () => {
    const guest = await signUp("Gus");
    const { home, id } = await hold(guest, { price_per_night: 10_000 });
    for (const price_per_night of [1, 90_000]) {
      unwrap(
        await ana.client.from("properties").update({ price_per_night }).eq("id", home.id).select(),
      );
      const again = await checkout(guest, { reservation_id: id });
      const [session, ...others] = await stripeSessions(id);
      expect([session?.id, session?.amount_total, others]).toEqual([again.session_id, 21_000, []]);
    }
  });
});

describe("T24 one payment", () => {
  test("T24 pays for one stay, however often and for whatever else it is told", async () => {
    const guest = await signUp("Gus");
    const [paid, other] = await Promise.all([hold(guest), hold(guest)]);
    const amount_total = (await stripeSessions(paid.id))[0]!.amount_total;
    const session = { id: paid.session, amount_total };
    const event = completed({ ...session, metadata: { reservation_id: paid.id } });
    const told = await Promise.all([1, 2, 3, 4].map(() => deliver(event)));
    expect(told.map(({ outcome }) => outcome).sort()).toEqual([
      "applied",
      ...Array(3).fill("repeated"),
    ]);
    const elsewhere = completed({ ...session, metadata: { reservation_id: other.id } });
    expect(await deliver(elsewhere)).toMatchObject({ status: 200, outcome: "repeated" });
    expect(await booksOf(paid.id)).toMatchObject({ status: "confirmed", payments: ["paid 0"] });
    expect(await booksOf(other.id)).toMatchObject({ status: "held", payments: ["pending 0"] });
  });

  test("T24 of another amount or currency confirms nothing", async () => {
    const guest = await signUp("Gus");
    const { id, session } = await hold(guest);
    const amount_total = (await stripeSessions(id))[0]!.amount_total!;
    for (const wrong of [
      { amount_total: 1 },
      { amount_total, currency: "jpy" },
      { amount_total: null },
    ]) {
      const { outcome } = await deliver(completed({ id: session, ...wrong }));
      expect(outcome, JSON.stringify(wrong)).toBe("mismatch");
    }
    expect(await booksOf(id)).toMatchObject({ status: "held", payments: ["pending 0"] });
  });
});

test("T25 nobody pays for, gives back or cancels a stay of others, or learns of it", async () => {
  const before = await stored(all);
  const reservation_id = rowOf(all, "reservations").key.id;
  const answers = await Promise.all(
    [reservation_id, crypto.randomUUID()].map(async (id) => {
      const body = { reservation_id: id };
      const paid = await ask(all, "olga", "/functions/v1/checkout", { body });
      return `${paid.status} ${paid.body}`;
    }),
  );
  expect(answers[0]).toBe(answers[1]);
  expect(answers[0]).toContain("404");
  // The host may cancel, but neither pay nor give back what the guest holds.
  const held = all.rows.find(({ values }) => values.status === "held")!.key.id;
  const asHost = { body: { reservation_id: held } };
  expect((await ask(all, "ana", "/functions/v1/checkout", asHost)).status).toBe(404);
  expect((await ask(all, "ana", "/rest/v1/rpc/release_hold", asHost)).status).toBe(404);
  expect(await stored(all)).toEqual(before);
});

describe("T26 one night", () => {
  test("T26 is one guest's, however many ask at once", async () => {
    const home = await newHome();
    const guests = await Promise.all([1, 2, 3, 4].map((n) => signUp(`Guest ${n}`)));
    const attempts = guests.flatMap(({ client }, index) =>
      [0, 1].map((shift) =>
        client.rpc("reserve", {
          property_id: home.id,
          guests: 1,
          ...nights(30 + ((index + shift) % 2)),
        }),
      ),
    );
    const block = { property_id: home.id, ...nights(31) };
    const blocked = ana.client.from("property_blocks").insert(block).select();
    const answers = [...(await Promise.all(attempts)), await blocked];
    expect(answers.filter(({ error }) => !error)).toHaveLength(1);
    for (const { error } of answers)
      expect(error?.hint ?? "dates_unavailable").toBe("dates_unavailable");
  });

  test("T26 that is booked cannot be blocked, nor a block be moved onto it", async () => {
    const home = await newHome();
    unwrap(await olga.client.rpc("reserve", { property_id: home.id, guests: 1, ...nights(30) }));
    const blocks = () => ana.client.from("property_blocks");
    const elsewhere = { property_id: home.id, ...nights(40) };
    const block = unwrap(await blocks().insert(elsewhere).select().single());
    expect((await blocks().insert({ property_id: home.id, ...nights(31) })).status).toBe(409);
    expect((await blocks().update(nights(29)).eq("id", block.id)).status).toBe(409);
  });
});

test("T27 what is cancelled is paid back once, and as the rule says", async () => {
  const guest = await signUp("Gus");
  const { id, session } = await hold(guest);
  await stripe(`sessions/${session}/pay`);
  const cancel = () => guest.client.rpc("cancel_reservation", { reservation_id: id });
  const answers = await Promise.all([cancel(), cancel(), cancel()]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  const [owed] = await database`
    select r.total, r.refund_amount, c.refund_wanted from public.reservations r
    join public.payments p on p.reservation_id = r.id
    join private.checkouts c on c.payment_id = p.id where r.id = ${id}`;
  expect(owed).toEqual({
    total: owed!.total,
    refund_amount: owed!.total,
    refund_wanted: owed!.total,
  });

  // On the eve of the stay nothing is due to a guest who cancels, and all of it when the host does.
  const dueTo = async (who: "gil" | "ana") => {
    const body = { reservation_id: rowOf(all, "reservations").key.id };
    return JSON.parse((await ask(all, who, "/rest/v1/rpc/preview_cancellation", { body })).body);
  };
  expect(await dueTo("gil")).toMatchObject({ refund_amount: 21_000 });
  const [soon] = await database`
    select private.refund_due(1001, private.today() + 1, 'guest') as guest,
      private.refund_due(1001, private.today() + 6, 'guest') as half,
      private.refund_due(1001, private.today(), 'host') as host`;
  expect(soon).toEqual({ guest: 0, half: 501, host: 1001 });
});

describe("T28 an event that is not Stripe's", () => {
  const payload = completed({ id: "cs_forged" }, "evt_forged");
  const sign = (changes: object) =>
    Stripe.webhooks.generateTestHeaderString({ payload, secret: stack.webhookSecret, ...changes });
  const seconds = Math.floor(Date.now() / 1000);
  const good = sign({});

  test.each(
    Object.entries({
      "without a signature": "",
      "with words in its place": "t=now,v1=yes",
      "signed with another secret": sign({ secret: "whsec_another" }),
      "signed with no secret": sign({ secret: "" }),
      "with the signature of another body": sign({ payload: `${payload} ` }),
      "of the scheme of test events": good.replace("v1=", "v0="),
      "with another time": good.replace(/t=\d+/, `t=${seconds + 1}`),
      "that is too old": sign({ timestamp: seconds - 301 }),
      "with two times": `t=${seconds},${sign({ timestamp: seconds - 301 })}`,
    }),
  )("T28 %s has no effect", async (_, signature) => {
    const answer = await deliver(payload, signature);
    expect(answer).toMatchObject({
      status: 400,
      error: { code: expect.stringMatching(/signature/) },
    });
    const [known] = await database`
      select count(*)::integer as events from private.stripe_events where id = 'evt_forged'`;
    expect(known!.events).toBe(0);
  });

  test("T28 does not confirm a hold whose session is known", async () => {
    const guest = await signUp("Gus");
    const { id, session } = await hold(guest);
    const body = completed({ id: session, amount_total: 25_925 });
    const headers = { "content-type": "application/json", apikey: stack.publishableKey };
    await ask(all, "olga", "/functions/v1/stripe-webhook", { body, headers });
    await deliver(body, sign({ secret: stack.publishableKey, payload: body }));
    for (const name of ["apply_stripe_event", "record_checkout", "take_room", "confirm_payment"]) {
      await ask(all, "olga", `/rest/v1/rpc/${name}`, { body: { event: JSON.parse(body) } });
    }
    expect(await booksOf(id)).toMatchObject({ status: "held", payments: ["pending 0"] });
  });
});

test("T29 an event of Stripe's that is sent again counts once, and not at all when it is old", async () => {
  const guest = await signUp("Gus");
  const { id, session } = await hold(guest);
  const amount_total = (await stripeSessions(id))[0]!.amount_total;
  const payload = completed({ id: session, amount_total });
  const timestamp = Math.floor(Date.now() / 1000) - 290;
  const captured = Stripe.webhooks.generateTestHeaderString({
    ...{ payload, secret: stack.webhookSecret, timestamp },
  });
  expect(await deliver(payload, captured)).toMatchObject({ status: 200, outcome: "applied" });
  expect(await deliver(payload, captured)).toMatchObject({ status: 200, outcome: "repeated" });
  const late = captured.replace(/t=\d+/, `t=${timestamp - 20}`);
  expect(await deliver(payload, late)).toMatchObject({ status: 400 });
  expect(await booksOf(id)).toMatchObject({ status: "confirmed", payments: ["paid 0"] });
});

test("T30 an invoice is never changed or taken away, not even by an operator", async () => {
  const { id } = rowOf(all, "invoices").key;
  const attempts = [
    database`update public.invoices set total = 1, subtotal = 1 where id = ${id!}`,
    database`update public.invoices set buyer = '{}' where id = ${id!}`,
    database`delete from public.invoices where id = ${id!}`,
    database`truncate public.invoices`,
    database`update private.audit_log set action = 'x' where false`,
    database`delete from private.audit_log where false`,
  ];
  for (const attempt of attempts) {
    await expect(attempt).rejects.toMatchObject({ code: "42501" });
  }
  const [kept] = await database`select total from public.invoices where id = ${id!}`;
  expect(kept).toEqual({ total: 21_000 });
  expect(gil.id).toBe(rowOf(all, "invoices").values.user_id);
});
