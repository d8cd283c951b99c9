import Stripe from "stripe";
import { z } from "zod";
import { kind } from "../tools.ts";

type Refund = { payment_intent_id: string; amount: number; idempotency_key: string };

/** Gives back what is owed of a payment, and notes down what Stripe has given back in all. */
export const refundPayment = kind({
  payload: z.object({ payment_id: z.uuid() }),
  async run({ payment_id }, { database, stripe }) {
    const [refund] = await database<Refund[]>`
      select payment_intent_id, amount, idempotency_key from private.refund_to_make(${payment_id})`;
    if (!refund) return undefined;

    await stripe.refunds
      .create(
        {
          payment_intent: refund.payment_intent_id,
          amount: refund.amount,
          metadata: { payment_id },
        },
        { idempotencyKey: refund.idempotency_key },
      )
      .catch(ignoreAlreadyRefunded);

    const refunded = await amountRefunded(stripe, refund.payment_intent_id);
    await database`select private.record_refund(${payment_id}, ${refunded})`;
    return { amount_refunded: refunded };
  },
});

/** Somebody was faster in Stripe's dashboard: what counts is read from the charge afterwards. */
function ignoreAlreadyRefunded(error: unknown): void {
  const already =
    error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.code === "charge_already_refunded";
  if (!already) throw error;
}

async function amountRefunded(stripe: Stripe, paymentIntentId: string): Promise<number> {
  const intent = await stripe.paymentIntents.retrieve(paymentIntentId, {
    expand: ["latest_charge"],
  });
  const charge = intent.latest_charge;
  if (!charge || typeof charge === "string") {
    throw new Error(`Stripe showed no charge for ${paymentIntentId}.`);
  }
  return charge.amount_refunded;
}
