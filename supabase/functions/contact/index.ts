import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { contact } from "./handler.ts";

export default serve("contact", "none", {
  wire: () => {
    const settings = readSettings(Deno.env.toObject(), "SUPABASE_DB_URL");
    return { database: connect(settings.SUPABASE_DB_URL) };
  },
  handle: contact,
});
