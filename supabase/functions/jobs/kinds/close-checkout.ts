import { z } from "zod";
import { kind } from "../tools.ts";

/** Closes the Stripe session of a hold that was given back, so that nobody pays for it any more. */
export const closeCheckout = kind({
  payload: z.object({ payment_id: z.uuid() }),
  async run({ payment_id }, { database, stripe }) {
    const [{ session_id }] = await database<[{ session_id: string | null }]>`
      select private.open_session_of(${payment_id}) as session_id`;
    if (!session_id) return undefined;

    const session = await stripe.checkout.sessions.retrieve(session_id);
    // Paid in the meantime: then the webhook gives the money back.
    if (session.status !== "open") return { status: session.status };
    await stripe.checkout.sessions.expire(session_id);
    return { status: "expired" };
  },
});
