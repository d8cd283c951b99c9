import { z } from "zod";
import { kind } from "../tools.ts";

type Person = { email: string | null; name: string; customer_id: string | null };

/** Makes the Stripe customer of a new user, once. */
export const createStripeCustomer = kind({
  payload: z.object({ user_id: z.uuid() }),
  async run({ user_id }, { database, stripe }) {
    const [person] = await database<Person[]>`
      select email, name, customer_id from private.stripe_customer_of(${user_id})`;
    // No row: the account has been deleted since.
    if (!person || person.customer_id) return undefined;

    const customer = await stripe.customers.create(
      { name: person.name, metadata: { user_id }, ...(person.email && { email: person.email }) },
      { idempotencyKey: `customer:${user_id}` },
    );
    await database`select private.record_stripe_customer(${user_id}, ${customer.id})`;
    return { customer_id: customer.id };
  },
});
