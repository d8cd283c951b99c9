import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import {
  call,
  database,
  demo,
  inDays,
  list,
  mailsTo,
  mailTo,
  signUp,
  stack,
  stripe,
  unwrap,
  waitFor,
} from "./actors.ts";
import {
  booksOf,
  booksToBe,
  checkout,
  eventsAbout,
  hold,
  hostAndGuest,
  lapse,
  reserve,
  stripeIdsOf,
} from "./stays.ts";

afterAll(() => database.end());

const total = 25_925;
const deliver = (eventId: string) => stripe(`events/${eventId}/deliver`);

/** A stay that is paid and has its invoice. */
async function book() {
  const [host, guest] = await hostAndGuest();
  const stay = await hold(host, guest);
  await stripe(`sessions/${stay.session.session_id}/pay`);
  await booksToBe(stay.id, { status: "confirmed", documents: [`invoice ${total}`] });
  return { ...stay, host, guest, ...(await stripeIdsOf(stay.session.session_id)) };
}

test("what is given back in Stripe's dashboard is credited, and all of it ends the stay", async () => {
  const { id, host, guest, charge } = await book();
  await stripe(`charges/${charge}/refund?amount=5000`);
  await booksToBe(id, {
    status: "confirmed",
    payments: ["partially_refunded 5000"],
    documents: [`invoice ${total}`, "credit_note 5000"],
  });
  const part = await mailTo(guest.email, /refund/i);
  expect(part.text).toContain("$50.00");
  expect(part.attachments?.[0]?.filename).toMatch(/^CN-\d{4}-\d{6}\.pdf$/);

  await stripe(`charges/${charge}/refund`);
  await booksToBe(id, {
    status: "cancelled",
    payments: [`refunded ${total}`],
    documents: [`invoice ${total}`, "credit_note 5000", `credit_note ${total - 5000}`],
  });
  await mailTo(host.email, /cancel/i);
  await mailTo(guest.email, /cancel/i);
  const rest = await mailTo(guest.email, /refund of \$209\.25/i);
  expect(rest.attachments?.[0]?.filename).toMatch(/^CN-\d{4}-\d{6}\.pdf$/);
});

test("a checkout by dates that met a Stripe that was away is asked for again, and has its hold", async () => {
  const [host, guest] = await hostAndGuest();
  const { id } = await list(host);
  const stay = { property_id: id, check_in: inDays(20), check_out: inDays(22), guests: 2 };
  const authorization = { authorization: `Bearer ${guest.token}` };
  await stripe("outage?seconds=60");
  const refused = await call("checkout", stay, authorization);
  await stripe("outage?seconds=0");
  expect([refused.status, refused.body.error.code]).toEqual([502, "payment_provider_unavailable"]);
  const session = await checkout(guest, stay);
  expect(await checkout(guest, stay)).toEqual(session);
  expect(await booksOf(session.reservation_id)).toMatchObject({ status: "held" });
  // Other dates that overlap, and other people, are refused as ever.
  const olga = { authorization: `Bearer ${(await signUp("Olga")).token}` };
  const others = await call("checkout", stay, olga);
  expect([others.status, others.body.error.code]).toEqual([409, "dates_unavailable"]);
  const longer = await call("checkout", { ...stay, check_out: inDays(23) }, authorization);
  expect([longer.status, longer.body.error.code]).toEqual([409, "dates_unavailable"]);
});

test("a guest whose customer was deleted at Stripe pays all the same, and gets another one", async () => {
  const [host, guest] = await hostAndGuest();
  const customer = () =>
    waitFor("the customer", async () => {
      const [row] = await database<{ id: string }[]>`
        select customer_id as id from private.stripe_customers where user_id = ${guest.id}`;
      return row?.id;
    });
  const first = await customer();
  await fetch(`${stack.stripe}/v1/customers/${first}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${process.env.STRIPE_SECRET_KEY}` },
  });
  const { id, session } = await hold(host, guest);
  expect(await customer()).not.toBe(first);
  await stripe(`sessions/${session.session_id}/pay`);
  await booksToBe(id, { status: "confirmed", documents: [`invoice ${total}`] });
});

test("a guest who cancels after a part was given back gets the rest of what is due", async () => {
  const { id, guest, charge } = await book();
  await stripe(`charges/${charge}/refund?amount=5000`);
  const { data } = await guest.client.rpc("cancel_reservation", { reservation_id: id });
  expect(data).toMatchObject({ status: "cancelled", refund_amount: total });
  await booksToBe(id, { status: "cancelled", payments: [`refunded ${total}`] });
  const refunds = (await eventsAbout((await stripeIdsOf(await sessionOf(id))).intent)).filter(
    ({ type }) => type === "refund.created",
  );
  expect(refunds.map(({ data: { object } }) => object.amount)).toEqual([5000, total - 5000]);
});

test("a disputed payment is frozen, the admins are told, and it thaws when it is won", async () => {
  const { id, charge, intent } = await book();
  const dispute = (await stripe(`charges/${charge}/dispute`)) as { id: string };
  expect(await booksOf(id)).toMatchObject({ status: "confirmed", payments: ["disputed 0"] });
  const admin = await demo("admin");
  await waitFor("the alert", async () =>
    (await mailsTo(admin.email)).find(({ text }) => text.includes(dispute.id)),
  );

  // What is cancelled now is owed only once the bank has given the money back to us.
  const refunds = async () =>
    (await eventsAbout(intent)).filter(({ type }) => type === "refund.created").length;
  const agent = await demo("agent");
  unwrap(await agent.client.rpc("cancel_reservation", { reservation_id: id }));
  expect(await refunds()).toBe(0);
  await stripe(`disputes/${dispute.id}/close?status=won`);
  expect(await booksOf(id)).toMatchObject({ status: "cancelled", payments: ["paid 0"] });
});

test("money for a hold that somebody else has taken goes back by itself", async () => {
  const [host, guest] = await hostAndGuest();
  const { id, property, dates, session } = await hold(host, guest);
  await lapse(id);
  const other = await signUp("Olga");
  unwrap(await other.client.rpc("reserve", { property_id: property.id, ...dates, guests: 1 }));

  await stripe(`sessions/${session.session_id}/pay`);
  await booksToBe(id, { payments: [`refunded ${total}`], documents: null });
  const mail = await mailTo(guest.email, /money back/i);
  expect(mail.text).toContain("$259.25");
  expect(mail.text).toContain(property.title);
  expect(await mailsTo(guest.email)).toHaveLength(1);
});

test("money for a hold that has run out buys the stay as long as nobody else came", async () => {
  const [host, guest] = await hostAndGuest();
  const { id, session } = await hold(host, guest);
  await lapse(id);
  await database`select private.expire_holds()`;
  expect((await booksOf(id)).status).toBe("expired");
  await stripe(`sessions/${session.session_id}/pay`);
  await booksToBe(id, { status: "confirmed", documents: [`invoice ${total}`] });
});

test("events that come together, twice, and in the wrong order", async () => {
  const [host, guest] = await hostAndGuest();
  for (let round = 0; round < 8; round++) {
    const { id, session } = await hold(host, guest, 30 + 3 * round);
    await stripe(`sessions/${session.session_id}/pay?deliver=0`);
    const { intent, charge } = await stripeIdsOf(session.session_id);
    await stripe(`charges/${charge}/refund?amount=1000&deliver=0`);
    await stripe(`charges/${charge}/dispute?deliver=0`);
    const about = [...(await eventsAbout(session.session_id)), ...(await eventsAbout(intent))];
    const ids = [...new Set(about.map((event) => event.id))];
    const order = round % 2 ? ids : ids.toReversed();
    await Promise.all([...order, ...order].map(deliver));
    expect(await booksOf(id)).toMatchObject({ status: "confirmed", payments: ["disputed 1000"] });
    await booksToBe(id, { documents: [`invoice ${total}`, "credit_note 1000"] });
  }
});

test("Stripe that takes its time is waited for, and two clicks open one page", async () => {
  const [host, guest] = await hostAndGuest();
  const { id } = await reserve(host, guest);
  await stripe("slow?seconds=60&ms=400");
  try {
    const click = () => checkout(guest, { reservation_id: id });
    const [one, other] = await Promise.all([click(), click()]);
    expect(other).toEqual(one);
  } finally {
    await stripe("slow?seconds=0");
  }
});

test("what Stripe told nobody is found at night, and can be told again", async () => {
  const [host, guest] = await hostAndGuest();
  const { id, session } = await hold(host, guest);
  await stripe(`sessions/${session.session_id}/pay?deliver=0`);
  const { intent, charge, completed } = await stripeIdsOf(session.session_id);
  await stripe(`charges/${charge}/age?seconds=7200`);
  await database`select private.enqueue('reconcile_payments')`;
  const admin = await demo("admin");
  const alert = await waitFor("the alert", async () =>
    (await mailsTo(admin.email)).find(({ text }) => text.includes(intent)),
  );
  expect(alert.text).toContain("Paid at Stripe, not here");
  expect(alert.text).toContain("259.25 USD");

  const replay = async (...ids: string[]) => {
    const commands = resolve(import.meta.dirname, "../../commands.ts");
    return await promisify(execFile)(process.execPath, [commands, "stripe:replay", ...ids]);
  };
  expect((await replay(completed)).stdout).toBe(
    `${completed}: 200 {"received":true,"outcome":"applied"}\n`,
  );
  await booksToBe(id, { status: "confirmed", documents: [`invoice ${total}`] });
  expect((await replay(completed)).stdout).toContain('"outcome":"repeated"');
  await expect(replay("evt_unknown")).rejects.toMatchObject({
    stderr: expect.stringMatching(/^Stripe does not hand out evt_unknown: No such event[^\n]*\n$/),
  });
});

test("a hold that is given back while Stripe is asked is not paid for", async () => {
  const [host, guest] = await hostAndGuest();
  const { id } = await reserve(host, guest);
  await stripe("slow?seconds=60&ms=10000");
  try {
    const answer = call(
      "checkout",
      { reservation_id: id },
      { authorization: `Bearer ${guest.token}` },
    );
    await waitFor("Stripe to be asked", async () => {
      const { data } = await (await fetch(`${stack.stripe}/_test/requests`)).json();
      return JSON.stringify(data).includes(id) || undefined;
    });
    unwrap(await guest.client.rpc("release_hold", { reservation_id: id }));
    await stripe("slow?seconds=0");
    const { status, body } = await answer;
    expect([status, body.error.code]).toEqual([409, "hold_expired"]);
  } finally {
    await stripe("slow?seconds=0");
  }
  const session = await sessionOf(id);
  await waitFor("the session to close", async () => {
    const [event] = await eventsAbout(session);
    return event?.type === "checkout.session.expired" || undefined;
  });
  expect(await booksOf(id)).toMatchObject({ status: "cancelled", payments: ["expired 0"] });
});

async function sessionOf(reservationId: string): Promise<string> {
  const [payment] = await database`
    select stripe_checkout_session_id as id from public.payments
    where reservation_id = ${reservationId} order by created_at desc limit 1`;
  return payment!.id;
}
