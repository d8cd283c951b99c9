import type { SupabaseClient } from "@supabase/supabase-js";
import type { JSONValue } from "postgres";
import type Stripe from "stripe";
import type { z } from "zod";
import type { Database } from "../_shared/database.ts";
import type { Mailer } from "../_shared/mail/send.ts";
import type { AllSettings } from "../_shared/settings.ts";

/** What a job works with. */
export type Tools = {
  settings: Pick<
    AllSettings,
    | "SITE_URL"
    | "MAIL_FROM"
    | "ADMIN_EMAIL"
    | "SELLER_NAME"
    | "SELLER_ADDRESS"
    | "SELLER_TAX_ID"
    | "TAX_RATE_PERCENT"
  >;
  database: Database;
  stripe: Stripe;
  mailer: Mailer;
  storage: SupabaseClient["storage"];
};

/** How a kind of job is done. Safe to run twice; what it returns is kept as the job's result. */
export type Kind<Payload extends z.ZodType = z.ZodType> = {
  payload: Payload;
  run(
    payload: z.infer<Payload>,
    tools: Tools,
    isLastAttempt: boolean,
  ): Promise<Record<string, JSONValue> | undefined>;
};

export function kind<Payload extends z.ZodType>(definition: Kind<Payload>): Kind {
  return definition;
}

/** Thrown by a job that no further try can mend: it becomes a dead letter at once. */
export class PermanentError extends Error {}
