import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { createStripe } from "../_shared/stripe.ts";
import { checkout, type Tools } from "./handler.ts";

let tools: Tools | undefined;

/** Made at the first call and kept, so that a missing setting is an answer and not a crash. */
function wire(): Tools {
  const settings = readSettings(
    Deno.env.toObject(),
    "SITE_URL",
    "SUPABASE_DB_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_API_URL",
  );
  return {
    siteUrl: settings.SITE_URL,
    database: connect(settings.SUPABASE_DB_URL),
    stripe: createStripe(settings),
  };
}

export default serve("checkout", "user", (request, context) => {
  tools ??= wire();
  return checkout(request, context, tools);
});
