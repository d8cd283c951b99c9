import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { receive } from "./handler.ts";

export default serve("stripe-webhook", "none", {
  wire: () => {
    const settings = readSettings(Deno.env.toObject(), "SUPABASE_DB_URL", "STRIPE_WEBHOOK_SECRET");
    return {
      database: connect(settings.SUPABASE_DB_URL),
      webhookSecret: settings.STRIPE_WEBHOOK_SECRET,
    };
  },
  handle: receive,
});
