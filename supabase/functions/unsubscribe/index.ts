import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { unsubscribe } from "./handler.ts";

export default serve("unsubscribe", "none", {
  wire: () => {
    const settings = readSettings(Deno.env.toObject(), "SITE_URL", "SUPABASE_DB_URL");
    return { siteUrl: settings.SITE_URL, database: connect(settings.SUPABASE_DB_URL) };
  },
  handle: unsubscribe,
  methods: ["GET", "POST"],
});
