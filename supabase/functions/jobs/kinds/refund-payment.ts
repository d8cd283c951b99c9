import Stripe from "stripe";
import { z } from "zod";
import { requestId } from "../../_shared/log.ts";
import { kind, type Tools } from "../tools.ts";

type Refund = { payment_intent_id: string; amount: number; idempotency_key: string };

/** Gives back what is owed of a payment, and notes down what Stripe has given back in all. */
export const refundPayment = kind({
  payload: z.object({ payment_id: z.uuid() }),
  async run({ payment_id }, tools) {
    const owed = await refundToMake(tools, payment_id);
    if (!owed) return undefined;
    // Staff may have given back a part in Stripe's dashboard, and its event may be late.
    await learn(tools, payment_id, owed);
    const refund = await refundToMake(tools, payment_id);
    if (!refund) return undefined;

    await tools.stripe.refunds
      .create(
        {
          payment_intent: refund.payment_intent_id,
          amount: refund.amount,
          metadata: { payment_id },
        },
        { idempotencyKey: refund.idempotency_key },
      )
      .catch((error) => refused(tools, payment_id, error));

    const refunded = await learn(tools, payment_id, refund);
    if (await refundToMake(tools, payment_id)) {
      throw new Error(`Stripe has given back ${refunded} in all, which is less than is owed.`);
    }
    return { amount_refunded: refunded };
  },
});

async function refundToMake({ database }: Tools, paymentId: string): Promise<Refund | undefined> {
  const [refund] = await database<Refund[]>`
    select payment_intent_id, amount, idempotency_key from private.refund_to_make(${paymentId})`;
  return refund;
}

/**
 * Stripe repeats what it answered as long as it knows the key of a call, a refusal or a fault of its
 * own as well (docs.stripe.com/api/idempotent_requests): the next try needs another key, and asks
 * before it what was given back. Without an answer the key stays, so that nothing is given back twice.
 */
async function refused({ database }: Tools, paymentId: string, error: unknown): Promise<void> {
  if (!(error instanceof Stripe.errors.StripeError) || !error.statusCode) throw error;
  // Somebody was faster in Stripe's dashboard: what counts is read from the charge afterwards.
  if (error.code === "charge_already_refunded") return;
  await database`select private.note_refused_refund(${paymentId})`;
  throw error;
}

/** Asks Stripe how much it has given back in all, and notes that down. */
async function learn({ stripe, database }: Tools, paymentId: string, refund: Refund) {
  const intent = await stripe.paymentIntents.retrieve(refund.payment_intent_id, {
    expand: ["latest_charge"],
  });
  const charge = intent.latest_charge;
  if (!charge || typeof charge === "string") {
    throw new Error(`Stripe showed no charge for ${refund.payment_intent_id}.`);
  }
  await database`
    select private.record_refund(${paymentId}, ${charge.amount_refunded})
    from private.caused_by(${requestId()})`;
  return charge.amount_refunded;
}
