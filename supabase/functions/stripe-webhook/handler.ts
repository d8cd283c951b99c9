import Stripe from "stripe";
import type { Database } from "../_shared/database.ts";
import { ApiError } from "../_shared/errors.ts";
import { log } from "../_shared/log.ts";

export type Tools = { database: Database; webhookSecret: string };

/** Stripe's events are a few KB; a charge with many refunds may grow to some tens. */
const largestBody = 1024 * 1024;

/**
 * Takes in one event of Stripe's: checks the signature over the raw body, then hands it to the
 * database, which notes it down and lets it take effect in one transaction. 200 when it is done, was
 * done before or is of no interest; 400 for a bad signature; a failure is a 500, and Stripe sends
 * the event again.
 */
export async function receive(request: Request, tools: Tools): Promise<Response> {
  const event = await verify(request, tools.webhookSecret);
  const [{ outcome }] = await tools.database<[{ outcome: string }]>`
    select private.apply_stripe_event(${event}::text::jsonb) as outcome`;
  const { id, type } = JSON.parse(event);
  log("info", "event", { event: id, type, outcome });
  return Response.json({ received: true, outcome });
}

/** The raw body, when Stripe has signed it within the last five minutes. */
async function verify(request: Request, secret: string): Promise<string> {
  const signature = request.headers.get("stripe-signature");
  if (!signature) throw new ApiError(400, "missing_signature", "The signature is missing.");
  const body = await request.text();
  if (body.length > largestBody)
    throw new ApiError(413, "body_too_large", "The body is too large.");
  const event = await Stripe.webhooks
    .constructEventAsync(body, signature, secret, 300, Stripe.createSubtleCryptoProvider())
    .catch(() => {
      throw new ApiError(400, "invalid_signature", "The signature does not fit the body.");
    });
  if (!event.id || !event.type || !event.created) {
    throw new ApiError(400, "invalid_event", "This is not an event of Stripe's.");
  }
  return body;
}
