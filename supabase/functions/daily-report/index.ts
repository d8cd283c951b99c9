import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { requestReports, type Tools } from "./handler.ts";

let tools: Tools | undefined;

function wire(): Tools {
  const settings = readSettings(Deno.env.toObject(), "SUPABASE_DB_URL", "REPORT_TIMEZONE");
  return { database: connect(settings.SUPABASE_DB_URL), timezone: settings.REPORT_TIMEZONE };
}

export default serve("daily-report", "secret", (request) => {
  tools ??= wire();
  return requestReports(request, tools);
});
