import Stripe from "stripe";
import { findRunning } from "../local/processes.ts";
import { loadSettings, StartError } from "../local/settings.ts";
import { createStripe } from "./functions/_shared/stripe.ts";

/**
 * `npm run stripe:replay -- evt_…`: fetches events from Stripe and hands them, signed anew, to the
 * webhook: of the platform that runs here, or with SUPABASE_URL and Stripe's keys set, of a project.
 * True when all of them were taken.
 */
export async function replay(dataDir: string, ids: string[]): Promise<boolean> {
  const env = process.env.SUPABASE_URL ? process.env : settingsHere(dataDir);
  const { STRIPE_SECRET_KEY = "", STRIPE_WEBHOOK_SECRET: secret = "", STRIPE_API_URL } = env;
  if (!env.SUPABASE_URL || !STRIPE_SECRET_KEY || !secret || !ids.length) {
    throw new StartError(
      "Name events of Stripe's: npm run stripe:replay -- evt_… They go to the platform that runs here, " +
        "or with SUPABASE_URL, STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET set to that project.",
    );
  }
  const stripe = createStripe({ STRIPE_SECRET_KEY, STRIPE_API_URL });
  let isTaken = true;
  for (const id of ids) {
    const event = await stripe.events.retrieve(id).catch(({ message }: Error) => {
      throw new StartError(`Stripe does not hand out ${id}: ${message}`);
    });
    const payload = JSON.stringify(event);
    const headers = {
      "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload, secret }),
    };
    const url = `${env.SUPABASE_URL}/functions/v1/stripe-webhook`;
    const answer = await fetch(url, { method: "POST", body: payload, headers }).catch((error) => {
      throw new StartError(`${url} does not answer: ${error.cause?.message ?? error.message}`);
    });
    console.log(`${id}: ${answer.status} ${await answer.text()}`);
    isTaken &&= answer.ok;
  }
  return isTaken;
}

function settingsHere(dataDir: string): Record<string, string | undefined> {
  const running = findRunning(dataDir);
  return running ? loadSettings({ port: running.port, dataDir }).functionEnv : {};
}
