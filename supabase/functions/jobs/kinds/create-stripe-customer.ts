import { z } from "zod";
import { sha256 } from "../../_shared/sha256.ts";
import { kind } from "../tools.ts";

type Person = { email: string | null; name: string; customer_id: string | null };

/**
 * Makes the Stripe customer of a new user, once; or another one for somebody whose customer is gone,
 * deleted in Stripe's dashboard for instance.
 */
export const createStripeCustomer = kind({
  payload: z.object({ user_id: z.uuid(), replaces: z.string().optional() }),
  async run({ user_id, replaces }, { database, stripe }) {
    const [person] = await database<Person[]>`
      select email, name, customer_id from private.stripe_customer_of(${user_id})`;
    // No row: the account has been deleted since.
    if (!person || person.customer_id) return undefined;

    const wanted = {
      name: person.name,
      metadata: { user_id, ...(replaces && { replaces }) },
      ...(person.email && { email: person.email }),
    };
    // Whose name has changed since the last try asks for something else, which wants another key.
    const hash = sha256(JSON.stringify(wanted)).slice(0, 16);
    const idempotencyKey = `customer:${user_id}:${hash}`;
    const customer = await stripe.customers.create(wanted, { idempotencyKey });
    await database`select private.record_stripe_customer(${user_id}, ${customer.id})`;
    return { customer_id: customer.id };
  },
});
