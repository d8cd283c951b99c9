import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { createStripe } from "../_shared/stripe.ts";
import { checkout } from "./handler.ts";

export default serve("checkout", "user", {
  wire: () => {
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
  },
  handle: checkout,
});
