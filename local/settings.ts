import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { parse, type TomlTable } from "smol-toml";

/** All that the parts of the local platform need to know. */
export type Settings = ReturnType<typeof loadSettings>;

/** What every `startX(settings)` of the platform returns. */
export type Part = { stop(): Promise<void> };

/** An error that the reader can do something about: printed as its sentence, without a stack. */
export class StartError extends Error {}

type Bucket = { file_size_limit?: string; objects_path?: string };
/** What the platform looks at in `supabase/config.toml`; the rest goes to lite as it is. */
type Config = {
  api: TomlTable;
  auth: TomlTable & { email: TomlTable & { template: Record<string, { content_path: string }> } };
  storage: { file_size_limit: string; buckets: Record<string, Bucket> };
};

/** Where a platform is: the first of its ports, and its data folder. */
export type Place = { port: number; dataDir: string };
export const usual = { port: 54321, dataDir: resolve(import.meta.dirname, "..", ".local") };

/** A command as it is typed for a place, with what is not as usual there. */
export function typed(command: string, { dataDir, port = usual.port }: Partial<Place>): string {
  const data = dataDir === usual.dataDir ? "" : ` --data ${dataDir}`;
  const options = data + (port === usual.port ? "" : ` --port ${port}`);
  return `\`${command}${options && ` --${options}`}\``;
}

/** Puts the settings together; makes the data folder and its keys when they are not there yet. */
export function loadSettings({
  port,
  dataDir,
  readDotEnv = true,
}: Place & { readDotEnv?: boolean }) {
  const root = resolve(import.meta.dirname, "..");
  const keys = loadKeys(dataDir);
  const env = readEnv(root, readDotEnv ? [".env.example", ".env"] : [".env.example"]);
  const names = ["api", "database", "studio", "mailbox", "smtp", "stripe"] as const;
  const numbered = names.map((name, offset) => [name, port + offset]);
  const ports: Record<(typeof names)[number], number> = Object.fromEntries(numbered);
  const at = (port: number) => `http://127.0.0.1:${port}`;
  const urls = {
    ...{ api: at(ports.api), studio: at(ports.studio), mailbox: at(ports.mailbox) },
    ...{ stripe: at(ports.stripe), site: env.SITE_URL ?? at(3000) },
  };
  const databaseUrlOf = (role: string) =>
    `postgresql://${role}:${keys.databasePassword}@127.0.0.1:${ports.database}/postgres`;
  // As `postgres`, who is no superuser: what a hosted project hands out.
  const databaseUrl = databaseUrlOf("postgres");
  // @supabase/server wants every token to name the key that signed it.
  const k = Buffer.from(keys.jwtSecret).toString("base64url");
  const jwk = { kty: "oct", alg: "HS256", kid: "local", k } as const;
  /** The whole environment of the edge functions: what a hosted project gives them, and its own. */
  const functionEnv: Record<string, string> = {
    STRIPE_SECRET_KEY: keys.stripeSecret,
    STRIPE_WEBHOOK_SECRET: keys.stripeWebhookSecret,
    // With a Stripe key of one's own the real Stripe is called.
    ...(env.STRIPE_SECRET_KEY ? {} : { STRIPE_API_URL: urls.stripe }),
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: String(ports.smtp),
    ...env,
    SUPABASE_URL: urls.api,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishable }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secret }),
    SUPABASE_JWKS: JSON.stringify({ keys: [jwk] }),
    SUPABASE_DB_URL: databaseUrl,
  };
  // The superuser is for the platform itself; the API connects as `authenticator`.
  const adminDatabaseUrl = databaseUrlOf("supabase_admin");
  const authenticatorUrl = databaseUrlOf("authenticator");
  const databaseUrls = { databaseUrl, adminDatabaseUrl, authenticatorUrl };
  const config = parse(fs.readFileSync(join(root, "supabase", "config.toml"), "utf8")) as Config;
  return { root, dataDir, ports, urls, keys, jwk, config, ...databaseUrls, functionEnv };
}

/** What `npm run status` tells, and what the tests find in their environment. */
export function statusOf({ urls, keys, databaseUrl }: Settings) {
  return {
    API_URL: urls.api,
    DB_URL: databaseUrl,
    STUDIO_URL: urls.studio,
    MAILBOX_URL: urls.mailbox,
    STRIPE_URL: urls.stripe,
    STRIPE_WEBHOOK_SECRET: keys.stripeWebhookSecret,
    PUBLISHABLE_KEY: keys.publishable,
    SECRET_KEY: keys.secret,
  };
}

/** The values of those files, the later ones over the earlier; an empty value counts as none. */
function readEnv(root: string, files: string[]): Record<string, string> {
  const found = files.map((file) => join(root, file)).filter((path) => fs.existsSync(path));
  const values = found.flatMap((path) => Object.entries(parseEnv(fs.readFileSync(path, "utf8"))));
  return Object.fromEntries(values.filter(([, value]) => value)) as Record<string, string>;
}

/** The keys of a data folder, readable by its owner alone. */
function loadKeys(dataDir: string): ReturnType<typeof makeKeys> {
  const path = join(dataDir, "keys.json");
  makeFolder(dataDir);
  if (!fs.existsSync(path)) writeWhole(path, JSON.stringify(makeKeys(), null, 2));
  try {
    return JSON.parse(fs.readFileSync(path, "utf8"));
  } catch {
    throw new StartError(`${path} is broken: bring it back, or remove ${dataDir} to begin anew.`);
  }
}

/** A folder for its owner alone. Not by `recursive`, which never comes to an end below /proc. */
export function makeFolder(path: string): void {
  if (fs.existsSync(path)) return;
  makeFolder(dirname(path));
  fs.mkdirSync(path, { mode: 0o700 });
}

function makeKeys() {
  const random = () => randomBytes(24).toString("hex");
  return {
    publishable: `sb_publishable_${random()}`,
    secret: `sb_secret_${random()}`,
    jwtSecret: random(),
    databasePassword: random(),
    stripeSecret: `sk_test_${random()}`,
    stripeWebhookSecret: `whsec_${random()}`,
  };
}

/** Writes a file for its owner alone, whole or not at all, should the disk be full. */
export function writeWhole(path: string, text: string): void {
  fs.writeFileSync(`${path}.new`, text, { mode: 0o600 });
  fs.renameSync(`${path}.new`, path);
}
