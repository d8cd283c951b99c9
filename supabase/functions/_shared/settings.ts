import { z } from "zod";
import { NotConfigured } from "./errors.ts";
import { isAddress, parseSender } from "./mail/address.ts";

/** Every setting there is; `.env.example` says what they mean. */
const schema = z.object({
  SITE_URL: z.url().transform((url) => url.replace(/\/+$/, "")),
  SUPABASE_DB_URL: z.string().min(1),
  STRIPE_SECRET_KEY: z.string().min(1),
  STRIPE_WEBHOOK_SECRET: z.string().min(1),
  STRIPE_API_URL: z.url().optional(),
  SMTP_HOST: z.string().min(1),
  SMTP_PORT: z.coerce.number().int().min(1).max(65535),
  SMTP_USER: z.string().optional(),
  SMTP_PASS: z.string().optional(),
  MAIL_FROM: z.string().refine(parseSender),
  ADMIN_EMAIL: z
    .string()
    .default("")
    .transform((list) => [...new Set(list.split(",").flatMap((address) => address.trim() || []))])
    .refine((addresses) => addresses.every(isAddress)),
  REPORT_TIMEZONE: z.string().default("UTC").refine(isTimeZone),
  SELLER_NAME: z.string().min(1),
  SELLER_ADDRESS: z.string().min(1),
  SELLER_TAX_ID: z.string().min(1),
  TAX_RATE_PERCENT: z.coerce.number().min(0).max(100),
});

/** By its name. An offset is none: a zone has summers. Whether Postgres knows it too is seen where it is used. */
function isTimeZone(name: string): boolean {
  try {
    return /^[a-z]/i.test(name) && Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

export type AllSettings = z.infer<typeof schema>;
export type Environment = Record<string, string | undefined>;

/**
 * Reads the named settings from the environment. An empty value counts as none.
 * Throws `NotConfigured` with the names, never the values, of what is missing or makes no sense.
 */
export function readSettings<Name extends keyof AllSettings>(
  environment: Environment,
  ...names: Name[]
): Pick<AllSettings, Name> {
  const wanted = Object.fromEntries(names.map((name) => [name, schema.shape[name]]));
  const given = Object.fromEntries(names.map((name) => [name, environment[name] || undefined]));
  const parsed = z.object(wanted).safeParse(given);
  if (!parsed.success) {
    throw new NotConfigured(parsed.error.issues.map((issue) => String(issue.path[0])));
  }
  return parsed.data as unknown as Pick<AllSettings, Name>;
}
