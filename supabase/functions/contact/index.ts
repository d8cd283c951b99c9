import { connect } from "../_shared/database.ts";
import { serve } from "../_shared/serve.ts";
import { readSettings } from "../_shared/settings.ts";
import { contact, type Tools } from "./handler.ts";

let tools: Tools | undefined;

function wire(): Tools {
  const settings = readSettings(Deno.env.toObject(), "SUPABASE_DB_URL");
  return { database: connect(settings.SUPABASE_DB_URL) };
}

export default serve("contact", "none", (request) => {
  tools ??= wire();
  return contact(request, tools);
});
