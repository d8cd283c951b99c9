import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";

/** The name of the key that signs tokens; @supabase/server wants one in every token. */
export const jwtKeyId = "local";

/** All that the parts of the local platform need to know; made once by `loadSettings`. */
export type Settings = {
  /** The repository. */
  root: string;
  /** Where everything that a run leaves behind is kept. */
  dataDir: string;
  ports: Record<PortName, number>;
  urls: { api: string; studio: string; mailbox: string; stripe: string; site: string };
  keys: Keys;
  /** As `postgres`, who is no superuser: what a hosted project hands out. */
  databaseUrl: string;
  /** As the superuser, for the platform itself. */
  adminDatabaseUrl: string;
  /** As the role through which the API connects. */
  authenticatorUrl: string;
  /** The whole environment of the edge functions. */
  functionEnv: Record<string, string>;
};

/** What every `startX(settings)` of the platform returns. */
export type Part = { stop(): Promise<void> };

/** An error that the reader can do something about: printed as its sentence, without a stack. */
export class StartError extends Error {}

const portNames = ["api", "database", "studio", "mailbox", "smtp", "stripe"] as const;
type PortName = (typeof portNames)[number];

/** How each secret of a data folder begins, and of how many random bytes it is made. */
const keyKinds = {
  publishable: ["sb_publishable_", 24],
  secret: ["sb_secret_", 24],
  jwtSecret: ["", 32],
  databasePassword: ["", 18],
  stripeSecret: ["sk_test_", 24],
  stripeWebhookSecret: ["whsec_", 24],
  signingSecret: ["", 32],
} as const;
type Keys = Record<keyof typeof keyKinds, string>;

type Options = { port: number; dataDir: string; readDotEnv?: boolean };

/** Puts the settings together; makes the data folder and its keys when they are not there yet. */
export function loadSettings({ port, dataDir, readDotEnv = true }: Options): Settings {
  if (!Number.isInteger(port) || port < 1024 || port + portNames.length > 65536) {
    throw new StartError(`The port must be a number from 1024 to 65530, not ${port}.`);
  }
  const root = resolve(import.meta.dirname, "..");
  const data = resolve(root, dataDir);
  const ports = Object.fromEntries(
    portNames.map((name, index) => [name, port + index]),
  ) as Settings["ports"];
  const keys = loadKeys(data);
  const address = (name: PortName) => `http://127.0.0.1:${ports[name]}`;
  const database = (role: string) =>
    `postgresql://${role}:${keys.databasePassword}@127.0.0.1:${ports.database}/postgres`;
  const env = readEnv(root, readDotEnv);
  const settings = {
    root,
    dataDir: data,
    ports,
    urls: {
      api: address("api"),
      studio: address("studio"),
      mailbox: address("mailbox"),
      stripe: address("stripe"),
      site: env.SITE_URL ?? "http://127.0.0.1:3000",
    },
    keys,
    databaseUrl: database("postgres"),
    adminDatabaseUrl: database("supabase_admin"),
    authenticatorUrl: database("authenticator"),
  };
  return { ...settings, functionEnv: functionEnv(settings, env) };
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

/** The environment that a hosted project gives its functions, and the project's own settings. */
function functionEnv(
  { urls, ports, keys, databaseUrl }: Omit<Settings, "functionEnv">,
  env: Record<string, string>,
): Record<string, string> {
  const k = Buffer.from(keys.jwtSecret).toString("base64url");
  return {
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
    SUPABASE_JWKS: JSON.stringify({ keys: [{ kty: "oct", alg: "HS256", kid: jwtKeyId, k }] }),
    SUPABASE_DB_URL: databaseUrl,
  };
}

/** The values of `.env.example`, and over them those of `.env`; an empty value counts as none. */
function readEnv(root: string, readDotEnv: boolean): Record<string, string> {
  const env: Record<string, string> = {};
  for (const file of readDotEnv ? [".env.example", ".env"] : [".env.example"]) {
    const path = join(root, file);
    const values = existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
    for (const [name, value] of Object.entries(values)) if (value) env[name] = value;
  }
  return env;
}

/** The keys of a data folder, readable by its owner alone. */
function loadKeys(dataDir: string): Keys {
  const path = join(dataDir, "keys.json");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (statSync(dataDir).uid !== process.getuid?.()) {
    throw new StartError(
      `${dataDir} belongs to another user: start as that user, or with --data and another folder.`,
    );
  }
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Keys;
  if (readdirSync(dataDir).some((name) => !/^(stack\.log|keys\.json\.new)$/.test(name))) {
    throw new StartError(
      `${dataDir} holds other files: give an empty or a new folder with --data.`,
    );
  }
  const keys = Object.fromEntries(
    Object.entries(keyKinds).map(([name, [prefix, bytes]]) => [
      name,
      prefix + randomBytes(bytes).toString("hex"),
    ]),
  ) as Keys;
  writeWhole(path, `${JSON.stringify(keys, null, 2)}\n`);
  return keys;
}

/** Writes a file for its owner alone, whole or not at all, should the disk be full. */
export function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
