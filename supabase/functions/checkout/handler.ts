import type { SupabaseContext } from "@supabase/server";
import Stripe from "stripe";
import { z } from "zod";
import type { Database as Schema } from "../../../types/database.ts";
import type { Database } from "../_shared/database.ts";
import { ApiError, toApiError } from "../_shared/errors.ts";
import { formatCount, formatStay } from "../_shared/format.ts";
import { describe, log, requestId } from "../_shared/log.ts";
import { readJson } from "../_shared/request.ts";
import { sha256 } from "../_shared/sha256.ts";

export type Tools = { siteUrl: string; database: Database; stripe: Stripe };

const ByReservation = z.strictObject({ reservation_id: z.uuid() });
const ByStay = z.strictObject({
  property_id: z.uuid(),
  check_in: z.iso.date(),
  check_out: z.iso.date(),
  guests: z.int(),
});
const Body = z.union([ByReservation, ByStay], {
  error: "send { reservation_id } or { property_id, check_in, check_out, guests } and nothing else",
});

/** What a guest needs of Stripe's answer; anything else in its place is no session. */
const Answer = z.object({ id: z.string().startsWith("cs_"), url: z.url({ protocol: /^https?$/ }) });
type Session = z.infer<typeof Answer>;

/** What there is to pay: a row of private.begin_checkout. */
type Checkout = {
  payment_id: string;
  session_id: string | null;
  url: string | null;
  expires_at: Date;
  amount: number;
  currency: string;
  customer_id: string | null;
  email: string | null;
  title: string;
  city: string;
  check_in: string;
  check_out: string;
  nights: number;
};

/**
 * Opens Stripe's checkout page for a hold, or for a stay that is reserved first. Answers
 * `{ url, session_id, reservation_id, expires_at }`; the same session as long as it is open.
 */
export async function checkout(
  request: Request,
  tools: Tools,
  context: SupabaseContext<Schema>,
): Promise<Response> {
  const body = await readJson(request, Body);
  const reservationId =
    "reservation_id" in body ? body.reservation_id : await reserve(context, body);
  const userId = context.userClaims!.id;

  const due = await begin(tools.database, userId, reservationId);
  const session =
    due.session_id && due.url
      ? { id: due.session_id, url: due.url }
      : await open(tools, userId, reservationId, due);

  return Response.json({
    url: session.url,
    session_id: session.id,
    reservation_id: reservationId,
    expires_at: due.expires_at.toISOString(),
  });
}

/** Holds the stay. Who asked before, and lost the answer or met a Stripe that was away, has it already. */
async function reserve(
  context: SupabaseContext<Schema>,
  stay: z.infer<typeof ByStay>,
): Promise<string> {
  const { data, error } = await context.supabase.rpc("reserve", stay);
  if (!error) return data.id;
  const held = error.hint === "dates_unavailable" && (await ownHold(context, stay));
  if (held) return held;
  throw toApiError(error) ?? error;
}

async function ownHold(
  { supabase, userClaims }: SupabaseContext<Schema>,
  stay: z.infer<typeof ByStay>,
): Promise<string | undefined> {
  const { data } = await supabase
    .from("reservations")
    .select("id")
    .match({ guest_id: userClaims!.id, status: "held", ...stay })
    .gt("hold_expires_at", new Date().toISOString())
    .maybeSingle()
    .throwOnError();
  return data?.id;
}

async function begin(database: Database, userId: string, reservationId: string): Promise<Checkout> {
  const [due] = await database<[Checkout]>`
    select payment_id, session_id, url, expires_at, amount, currency, customer_id, email,
      title, city, check_in::text, check_out::text, nights
    from private.begin_checkout(${userId}, ${reservationId})`;
  return due;
}

/** Asks Stripe for a session and notes it down. */
async function open(
  tools: Tools,
  userId: string,
  reservationId: string,
  due: Checkout,
): Promise<Session> {
  const { database } = tools;
  const session = await create(tools, reservationId, due).catch(async (error) => {
    const refusal = noSession(reservationId, error);
    const isCustomerGone = isWithoutCustomer(error);
    if (isCustomerGone) {
      await database`
        select private.forget_stripe_customer(${userId}, ${due.customer_id})
        from private.caused_by(${requestId()})`;
    }
    // The guest may have asked twice, and the other call may have been answered.
    const again = await begin(database, userId, reservationId);
    if (again.session_id && again.url) return { id: again.session_id, url: again.url };
    if (!isCustomerGone) throw refusal;
    return await create(tools, reservationId, again).catch((failed) => {
      throw noSession(reservationId, failed);
    });
  });
  const [{ session_id, url }] = await database<[Pick<Checkout, "session_id" | "url">]>`
    select kept.session_id, kept.url
    from private.caused_by(${requestId()}),
      private.record_checkout(${due.payment_id}, ${session.id}, ${session.url}) kept`;
  if (!session_id || !url) {
    throw new ApiError(409, "hold_expired", "This hold was given back or paid meanwhile.");
  }
  return { id: session_id, url };
}

/** Stripe knows the guest's customer no more: it was deleted there, or made with other keys. */
function isWithoutCustomer(error: unknown): boolean {
  return (
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.code === "resource_missing" &&
    error.param === "customer"
  );
}

async function create({ stripe, siteUrl }: Tools, reservationId: string, due: Checkout) {
  const wanted = sessionFor(due, reservationId, siteUrl);
  // The same wish has the same key: asked again after a lost answer, Stripe gives the same session.
  const hash = sha256(JSON.stringify(wanted));
  const idempotencyKey = `checkout:${reservationId}:${hash.slice(0, 16)}`;
  const answer = await stripe.checkout.sessions.create(wanted, { idempotencyKey });
  const { id, url } = Answer.parse(answer);
  if (answer.amount_total !== due.amount || answer.currency !== due.currency) {
    throw new Error(`Stripe's session ${id} is about ${answer.amount_total} ${answer.currency}.`);
  }
  return { id, url };
}

/** Stripe made no session: the log has why, and the guest may try again. */
function noSession(reservationId: string, error: unknown): ApiError {
  log("error", "Stripe made no checkout session", { reservationId, error: describe(error) });
  return new ApiError(
    502,
    "payment_provider_unavailable",
    "The payment page could not be opened. Your dates are still held; please try again in a moment.",
  );
}

/** Whole letters: half of an emoji is nothing that can be sent. */
function firstLetters(text: string, most: number): string {
  return [...text].slice(0, most).join("");
}

/** What Stripe is told: all of it from the reservation, nothing from the caller. */
function sessionFor(
  due: Checkout,
  reservationId: string,
  siteUrl: string,
): Stripe.Checkout.SessionCreateParams {
  const metadata = { reservation_id: reservationId, payment_id: due.payment_id };
  return {
    mode: "payment",
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency: due.currency,
          unit_amount: due.amount,
          product_data: {
            name: firstLetters(`${due.title}, ${due.city}`, 250),
            description: `${formatCount(due.nights, "night")}, ${formatStay(due.check_in, due.check_out)}, service fee included`,
          },
        },
      },
    ],
    ...(due.customer_id
      ? { customer: due.customer_id }
      : due.email
        ? { customer_email: due.email }
        : {}),
    // The buyer's address belongs on the invoice (VAT Directive 2006/112/EC, article 226).
    billing_address_collection: "required",
    client_reference_id: reservationId,
    metadata,
    payment_intent_data: { metadata },
    expires_at: Math.floor(due.expires_at.getTime() / 1000),
    success_url: `${siteUrl}/trips/${reservationId}?session_id={CHECKOUT_SESSION_ID}`,
    cancel_url: `${siteUrl}/trips/${reservationId}`,
  };
}
