import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { requestReports } from "./handler.ts";

export default serve("daily-report", "secret", {
  wire: () => {
    const settings = readSettings(Deno.env.toObject(), "SUPABASE_DB_URL", "REPORT_TIMEZONE");
    return { database: connect(settings.SUPABASE_DB_URL), timezone: settings.REPORT_TIMEZONE };
  },
  handle: requestReports,
});
