import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import postgres from "postgres";
import type { Database } from "../../types/database.ts";

/** The addresses and keys of the stack, as `npm run status -- --output env` prints them. */
export const stack = {
  api: setting("API_URL"),
  database: setting("DB_URL"),
  mailbox: setting("MAILBOX_URL"),
  stripe: setting("STRIPE_URL"),
  webhookSecret: setting("STRIPE_WEBHOOK_SECRET"),
  publishableKey: setting("PUBLISHABLE_KEY"),
  secretKey: setting("SECRET_KEY"),
};

export type Client = SupabaseClient<Database>;
export type Actor = { client: Client; id: string; email: string; token: string };

/** A picture of one pixel, as PNG. */
export const pixel = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

export const password = "correct-horse-battery-9";

/** A client as a browser has it, with nobody signed in. */
export function visitor(): Client {
  return connect(stack.publishableKey);
}

/** A client that holds the secret key. */
export function service(): Client {
  return connect(stack.secretKey);
}

/** The database as its owner, for looking behind the scenes. */
export const database = postgres(stack.database, { max: 4, onnotice: () => {} });

/** Somebody who has just signed up. */
export async function signUp(name: string): Promise<Actor> {
  const client = visitor();
  const email = `${crypto.randomUUID()}@people.test`;
  const { data, error } = await client.auth.signUp({
    email,
    password,
    options: { data: { name } },
  });
  if (error || !data.session) throw error ?? new Error("Nobody is signed in.");
  return { client, id: data.session.user.id, email, token: data.session.access_token };
}

/** One of the demo accounts. */
export async function demo(name: "admin" | "agent" | "host" | "guest"): Promise<Actor> {
  const client = visitor();
  const email = `${name}@djanobnb.test`;
  const { data, error } = await client.auth.signInWithPassword({
    email,
    password: "djanobnb-demo",
  });
  if (error) throw error;
  return { client, id: data.user.id, email, token: data.session.access_token };
}

/** A listed home of the host's. */
export async function list(
  host: Actor,
  changes: Partial<Database["public"]["Tables"]["properties"]["Insert"]> = {},
): Promise<Database["public"]["Tables"]["properties"]["Row"]> {
  const { data, error } = await host.client
    .from("properties")
    .insert({
      title: "A quiet cottage",
      description: "Two rooms and a stove.",
      category: "cabin",
      country_code: "IE",
      city: "Cork",
      price_per_night: 12_345,
      guests: 4,
      ...changes,
    })
    .select()
    .single();
  if (error) throw error;
  return data;
}

/** The date so many days from today (UTC), as YYYY-MM-DD. */
export function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

/** What was asked for, or an error that says what came instead. */
export function unwrap<Data>(answer: { data: Data; error: unknown }): NonNullable<Data> {
  if (answer.error) throw answer.error;
  if (answer.data === null || answer.data === undefined) throw new Error("No data came.");
  return answer.data;
}

/** What a person reads of a refusal: its status and code. */
export const refusal = ({ status, error }: { status: number; error: { hint: string } | null }) => [
  status,
  error?.hint,
];

/** Asks again until there is an answer that is not undefined; never for a fixed time. */
export async function waitFor<Found>(
  what: string,
  look: () => Promise<Found | undefined>,
  seconds = 20,
): Promise<Found> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`Waited ${seconds} s in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export type Mail = {
  id: string;
  subject: string;
  html: string;
  text: string;
  to: { address: string; name: string }[];
  headers: Record<string, string>;
  attachments?: { filename: string; generatedFileName: string; contentType: string }[];
};

/** The mails that have come for an address. */
export async function mailsTo(address: string): Promise<Mail[]> {
  const query = new URLSearchParams({ "to.address": address });
  return await (await fetch(`${stack.mailbox}/email?${query}`)).json();
}

/** The mail for an address whose subject fits, as soon as it has come. */
export async function mailTo(address: string, subject: RegExp): Promise<Mail> {
  return await waitFor(`a mail to ${address} about ${subject}`, async () =>
    (await mailsTo(address)).find((mail) => subject.test(mail.subject)),
  );
}

/** Calls the Stripe double as its page and dashboard do. */
export async function stripe(path: string): Promise<unknown> {
  const response = await fetch(`${stack.stripe}/_test/${path}`, { method: "POST" });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.json();
}

/** Calls an edge function and gives its status and body. */
export async function call(name: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${stack.api}/functions/v1/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json", apikey: stack.publishableKey, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

function connect(key: string): Client {
  return createClient<Database>(stack.api, key, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with \`npm run test:api\`.`);
  return value;
}
