import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { receive, type Tools } from "./handler.ts";

let tools: Tools | undefined;

function wire(): Tools {
  const settings = readSettings(Deno.env.toObject(), "SUPABASE_DB_URL", "STRIPE_WEBHOOK_SECRET");
  return {
    database: connect(settings.SUPABASE_DB_URL),
    webhookSecret: settings.STRIPE_WEBHOOK_SECRET,
  };
}

export default serve("stripe-webhook", "none", (request) => {
  tools ??= wire();
  return receive(request, tools);
});
