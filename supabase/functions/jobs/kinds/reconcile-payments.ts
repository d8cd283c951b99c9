import Stripe from "stripe";
import { z } from "zod";
import { requestId } from "../../_shared/log.ts";
import { kind, type Tools } from "../tools.ts";

/** Stripe sends an event again for three days; what is still missing then is seen by some night. */
const days = 7;
/** What happened within the last hour may still be on its way. */
const grace = 3600;

/** A charge as far as the books are compared. */
type Charge = {
  charge: string;
  payment_intent: string | null;
  amount: number;
  amount_refunded: number;
  currency: string;
  is_changing: boolean;
};

/**
 * Compares what Stripe says was paid and given back in the last days with payments, reservations
 * and invoices. The admins get one mail with every difference, and none when there is none.
 */
export const reconcilePayments = kind({
  payload: z.object({}),
  async run(_, tools) {
    const until = Math.floor(Date.now() / 1000) - grace;
    const since = until - days * 86_400;
    const charges = await chargesBetween(tools, since, until);
    const { database } = tools;
    const [{ differences }] = await database<[{ differences: number }]>`
      select private.reconcile_payments(
        ${database.json([...charges.values()])}, to_timestamp(${since}), to_timestamp(${until})
      ) as differences
      from private.caused_by(${requestId()})`;
    return { charges: charges.size, differences };
  },
});

/** The charges that were made or given back in that time, and those of our payments from then. */
async function chargesBetween(tools: Tools, since: number, until: number) {
  const { stripe, database } = tools;
  const found = new Map<string, Charge>();
  const note = (charge: Stripe.Charge, changed: number) => {
    const known = found.get(charge.id);
    if (charge.status !== "succeeded") return;
    found.set(charge.id, {
      charge: charge.id,
      payment_intent: idOf(charge.payment_intent),
      amount: charge.amount_captured,
      amount_refunded: charge.amount_refunded,
      currency: charge.currency,
      is_changing: changed > until || known?.is_changing === true,
    });
  };

  for await (const charge of stripe.charges.list({ created: { gte: since }, limit: 100 })) {
    note(charge, charge.created);
  }
  const refunds = { created: { gte: since }, limit: 100, expand: ["data.charge"] };
  for await (const refund of stripe.refunds.list(refunds)) {
    if (refund.charge && typeof refund.charge !== "string") note(refund.charge, refund.created);
  }

  const listed = new Set([...found.values()].map(({ payment_intent }) => payment_intent));
  const ours = await database<{ id: string }[]>`
    select private.payment_intents_between(to_timestamp(${since}), to_timestamp(${until})) as id`;
  for (const { id } of ours.filter(({ id }) => !listed.has(id))) {
    const charge = await chargeOf(stripe, id);
    if (charge) note(charge, charge.created);
  }
  return found;
}

/** The charge of a payment that is not in Stripe's list, since its money took days to come. */
async function chargeOf(stripe: Stripe, paymentIntentId: string): Promise<Stripe.Charge | null> {
  try {
    const { latest_charge } = await stripe.paymentIntents.retrieve(paymentIntentId, {
      expand: ["latest_charge"],
    });
    return typeof latest_charge === "string" ? null : latest_charge;
  } catch (error) {
    const unknown = error instanceof Stripe.errors.StripeInvalidRequestError;
    if (unknown && error.code === "resource_missing") return null;
    throw error;
  }
}

function idOf(reference: string | { id: string } | null): string | null {
  return typeof reference === "string" ? reference : (reference?.id ?? null);
}
