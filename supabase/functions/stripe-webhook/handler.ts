import Stripe from "stripe";
import { z } from "zod";
import type { Database } from "../_shared/database.ts";
import { ApiError } from "../_shared/errors.ts";
import { describe, log, requestId } from "../_shared/log.ts";
import { readText } from "../_shared/request.ts";

export type Tools = { database: Database; webhookSecret: string };

const Event = z.object({ id: z.string().min(1), type: z.string().min(1), created: z.number() });

/**
 * Takes in one event of Stripe's: checks the signature over the raw body, then hands it to the
 * database, which notes it down and lets it take effect in one transaction. 200 when it is done, was
 * done before or is of no interest; 400 for a bad signature; a failure is a 500, and Stripe sends
 * the event again.
 */
export async function receive(request: Request, tools: Tools): Promise<Response> {
  const { id, type, body } = await verify(request, tools.webhookSecret);
  const [{ outcome }] = await tools.database<[{ outcome: string }]>`
    select private.apply_stripe_event(${storable(body)}::text::jsonb) as outcome
    from private.caused_by(${requestId()})`.catch((error) => {
    // Whatever the database refuses here is no fault of Stripe's, who is to send the event again.
    throw new Error(`Event ${id} had no effect: ${describe(error)}`);
  });
  log("info", "event", { event: id, type, outcome });
  return Response.json({ received: true, outcome });
}

/** JSON may say what no text in a database can hold: a null character, or half of a character. */
function storable(json: string): string {
  if (!/\\u(0000|d[89a-f])/i.test(json)) return json;
  return JSON.stringify(
    JSON.parse(json, (_, value) =>
      typeof value === "string" ? value.replaceAll("\0", "").toWellFormed() : value,
    ),
  );
}

/** The event and its raw body, when Stripe has signed it within the last five minutes. */
async function verify(request: Request, secret: string) {
  const signature = request.headers.get("stripe-signature");
  if (!signature) throw new ApiError(400, "missing_signature", "The signature is missing.");
  const body = await readText(request);
  const payload = await Stripe.webhooks
    .constructEventAsync(body, signature, secret, 300, Stripe.createSubtleCryptoProvider())
    .catch(() => {
      throw new ApiError(400, "invalid_signature", "The signature does not fit the body.");
    });
  const event = Event.safeParse(payload);
  if (!event.success) {
    throw new ApiError(400, "invalid_event", "This is not an event of Stripe's.");
  }
  return { ...event.data, body };
}
