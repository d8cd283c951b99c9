import { connect } from "../_shared/database.ts";
import { createMailer } from "../_shared/mail/send.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { createStripe } from "../_shared/stripe.ts";
import { work } from "./handler.ts";
import { kinds } from "./kinds.ts";

export default serve("jobs", "secret", {
  wire: () => {
    const settings = readSettings(
      Deno.env.toObject(),
      "SITE_URL",
      "SUPABASE_DB_URL",
      "STRIPE_SECRET_KEY",
      "STRIPE_API_URL",
      "SMTP_HOST",
      "SMTP_PORT",
      "SMTP_USER",
      "SMTP_PASS",
      "MAIL_FROM",
      "ADMIN_EMAIL",
      "SELLER_NAME",
      "SELLER_ADDRESS",
      "SELLER_TAX_ID",
      "TAX_RATE_PERCENT",
    );
    return {
      settings,
      database: connect(settings.SUPABASE_DB_URL),
      stripe: createStripe(settings),
      mailer: createMailer(settings),
    };
  },
  handle: async (_request, tools, { supabaseAdmin }) =>
    Response.json(await work({ ...tools, storage: supabaseAdmin.storage }, kinds)),
});
