import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { type Tools, unsubscribe } from "./handler.ts";

let tools: Tools | undefined;

function wire(): Tools {
  const settings = readSettings(Deno.env.toObject(), "SITE_URL", "SUPABASE_DB_URL");
  return { siteUrl: settings.SITE_URL, database: connect(settings.SUPABASE_DB_URL) };
}

export default serve(
  "unsubscribe",
  "none",
  (request) => {
    tools ??= wire();
    return unsubscribe(request, tools);
  },
  ["GET", "POST"],
);
