import { join, resolve } from "node:path";
import Stripe from "stripe";
import { findRunning } from "../local/processes.ts";
import { loadSettings } from "../local/settings.ts";
import { createStripe } from "./functions/_shared/stripe.ts";

// `npm run stripe:replay -- evt_…`: fetches events from Stripe and hands them, signed anew, to the
// webhook: of the platform that runs here, or with SUPABASE_URL and Stripe's keys set, of a project.
const dataDir = resolve(process.env.DATA || join(import.meta.dirname, "..", ".local"));
const running = findRunning(dataDir);
const here = () => (running ? loadSettings({ port: running.port, dataDir }).functionEnv : {});
const env = process.env.SUPABASE_URL ? process.env : here();
const { SUPABASE_URL, STRIPE_SECRET_KEY = "", STRIPE_WEBHOOK_SECRET: secret = "" } = env;
if (!SUPABASE_URL) throw new Error("Nothing runs here, and SUPABASE_URL names no project.");
for (const id of process.argv.slice(2)) {
  const stripe = createStripe({ STRIPE_SECRET_KEY, STRIPE_API_URL: env.STRIPE_API_URL });
  const payload = JSON.stringify(await stripe.events.retrieve(id));
  const headers = {
    "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret }),
  };
  const url = `${SUPABASE_URL}/functions/v1/stripe-webhook`;
  const answer = await fetch(url, { method: "POST", body: payload, headers });
  console.log(`${id}: ${answer.status} ${await answer.text()}`);
  if (!answer.ok) process.exitCode = 1;
}
