import Stripe from "stripe";
import type { AllSettings } from "./settings.ts";

/** The Stripe client. `STRIPE_API_URL` leads to the local test double. */
export function createStripe(
  settings: Pick<AllSettings, "STRIPE_SECRET_KEY" | "STRIPE_API_URL">,
): Stripe {
  return new Stripe(settings.STRIPE_SECRET_KEY, {
    httpClient: Stripe.createFetchHttpClient(),
    // A guest waits: one answer within this time, or a clean refusal.
    timeout: 12_000,
    maxNetworkRetries: 1,
    telemetry: false,
    ...address(settings.STRIPE_API_URL),
  });
}

function address(url: string | undefined) {
  if (!url) return {};
  const { hostname, port, protocol } = new URL(url);
  const scheme = protocol === "http:" ? ("http" as const) : ("https" as const);
  return { host: hostname, protocol: scheme, ...(port && { port }) };
}
