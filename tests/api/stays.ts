import { readSettings } from "../../supabase/functions/_shared/settings.ts";
import { createStripe } from "../../supabase/functions/_shared/stripe.ts";
import {
  type Actor,
  database,
  inDays,
  list,
  service,
  signUp,
  stack,
  unwrap,
  waitFor,
} from "./actors.ts";

/** What tests of bookings and payments have in common: stays, and a look behind the scenes. */

export type Checkout = {
  url: string;
  session_id: string;
  reservation_id: string;
  expires_at: string;
};

/** The checkout function's answer. */
export async function checkout(guest: Actor, body: object): Promise<Checkout> {
  return unwrap(await guest.client.functions.invoke<Checkout>("checkout", { body }));
}

/** A host and a guest who have just signed up. */
export async function hostAndGuest(): Promise<[Actor, Actor]> {
  return await Promise.all([signUp("Ana"), signUp("Gil")]);
}

/** A home of the host's that the guest holds for two nights, with the checkout page open. */
export async function hold(host: Actor, guest: Actor, daysAhead = 20) {
  const property = await list(host, { title: `House ${crypto.randomUUID()}` });
  const dates = { check_in: inDays(daysAhead), check_out: inDays(daysAhead + 2) };
  const session = await checkout(guest, { property_id: property.id, ...dates, guests: 2 });
  return { property, dates, session, id: session.reservation_id };
}

/** A reservation of the guest's for two nights in a home of the host's, nobody asked to pay yet. */
export async function reserve(host: Actor, guest: Actor, daysAhead = 20) {
  const { id } = await list(host);
  const dates = { check_in: inDays(daysAhead), check_out: inDays(daysAhead + 2) };
  return unwrap(await guest.client.rpc("reserve", { property_id: id, ...dates, guests: 1 }));
}

/** A hold's time is over. */
export async function lapse(reservationId: string): Promise<void> {
  await database`
    update public.reservations set hold_expires_at = now() - interval '1 second'
    where id = ${reservationId}`;
}

/** What the books say of a reservation: its status, and its payments and documents in order. */
export async function booksOf(reservationId: string) {
  const [books] = await database`
    select r.status,
      (select json_agg(p.status || ' ' || p.amount_refunded order by p.created_at, p.id)
       from public.payments p where p.reservation_id = r.id) as payments,
      (select json_agg(i.kind || ' ' || i.total order by i.issued_at, i.number)
       from public.invoices i where i.reservation_id = r.id and i.pdf_path is not null) as documents
    from public.reservations r where r.id = ${reservationId}`;
  return books as { status: string; payments: string[] | null; documents: string[] | null };
}

/** Waits until the books of a reservation are as they should be. */
export async function booksToBe(
  reservationId: string,
  expected: Partial<Awaited<ReturnType<typeof booksOf>>>,
) {
  const wanted = JSON.stringify(expected);
  let found = "";
  return await waitFor(`the books to be ${wanted}`, async () => {
    const books = await booksOf(reservationId);
    found = JSON.stringify({ ...expected, ...pick(books, Object.keys(expected)) });
    return found === wanted ? books : undefined;
  }).catch((error) => {
    throw new Error(`${error.message} They are ${found}.`);
  });
}

function pick(row: object, keys: string[]) {
  return Object.fromEntries(Object.entries(row).filter(([key]) => keys.includes(key)));
}

type Row = { id: string; type: string; data: { object: Record<string, string> } };

/** The events of Stripe's that are about a payment intent or a session. */
export async function eventsAbout(id: string): Promise<Row[]> {
  const { data } = (await (await fetch(`${stack.stripe}/_test/events`)).json()) as { data: Row[] };
  return data.filter(({ data: { object } }) => object.id === id || object.payment_intent === id);
}

/** What Stripe calls the payment of a paid session: its intent and its charge. */
export async function stripeIdsOf(sessionId: string) {
  const [completed] = await eventsAbout(sessionId);
  const intent = completed!.data.object.payment_intent!;
  const charge = (await eventsAbout(intent)).find(({ type }) => type === "charge.succeeded")!;
  return { intent, charge: charge.data.object.id!, completed: completed!.id };
}

/** Calls the worker, as the database does when there is work. */
export async function work() {
  return await service().functions.invoke("jobs", { body: {} });
}

/** All of Stripe's sessions for a reservation. */
export async function stripeSessions(reservationId: string) {
  const sessions = [];
  for await (const session of stripeApi().checkout.sessions.list({ limit: 100 })) {
    if (session.metadata?.reservation_id === reservationId) sessions.push(session);
  }
  return sessions;
}

function stripeApi() {
  return createStripe(readSettings(process.env, "STRIPE_SECRET_KEY", "STRIPE_API_URL"));
}

/** What Stripe's books say of the payments for reservations, as the nightly job reads them. */
export async function stripeBooks(reservationIds: string[]) {
  const ids = new Set(reservationIds);
  const books = [];
  for await (const charge of stripeApi().charges.list({ limit: 100 })) {
    if (charge.status !== "succeeded" || !ids.has(charge.metadata.reservation_id!)) continue;
    books.push({
      charge: charge.id,
      payment_intent: charge.payment_intent as string,
      amount: charge.amount,
      amount_refunded: charge.amount_refunded,
      currency: charge.currency,
      is_changing: false,
      is_disputed: charge.disputed,
    });
  }
  return books;
}
