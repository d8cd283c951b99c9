import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { App, type EmailMessage, pick, SmtpEmailDriver } from "@supabase/lite";
import { PostgresConnection } from "@supabase/lite/postgres";
import { decodeJwt, SignJWT } from "jose";
import postgres, { type Sql } from "postgres";
import { z } from "zod";
import { plainTextOptions } from "../supabase/functions/_shared/mail/plain-text.ts";
import { createAuthAdmin } from "./auth-admin.ts";
import type { Caller } from "./caller.ts";
import type { Config } from "./config.ts";
import { types } from "./data-api.ts";
import { jwtKeyId, type Settings } from "./settings.ts";

/** GoTrue as far as this project needs it: mail and password, and what an admin does to users. */
export type Auth = {
  fetch(request: Request, caller: Caller | null): Promise<Response>;
  stop(): Promise<void>;
};

/**
 * Starts Auth: `@supabase/lite`'s, and around it what that lacks. Not there: OAuth, PKCE by mail,
 * phones, MFA, anonymous sign-in, hooks, a second mail for a sign-up, limits a minute.
 */
export async function createAuth(settings: Settings, config: Config): Promise<Auth> {
  const sql = postgres(settings.adminDatabaseUrl, { max: 4, onnotice: () => {} });
  const connection = new PostgresConnection({
    url: settings.adminDatabaseUrl,
    postgresOptions: { types, onnotice: () => {}, connection: { role: "supabase_auth_admin" } },
  });
  const auth = authConfig(settings, config);
  const redirects = new AsyncLocalStorage<string>();
  const app = new App({
    connection,
    auth,
    api: { enabled: false },
    storage: { enabled: false },
    db: { migrations: { enabled: false } },
    options: {
      server: { apiKeys: false, disableStudio: true },
      drivers: { email: createMailer(settings, auth.site_url, redirects) },
    },
  });
  const admin = createAuthAdmin(sql);
  await app.init();
  return {
    async fetch(request, caller) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname.startsWith("/auth/v1/admin/")) {
        if (caller?.role === "service_role") return admin(request);
        return refuse(caller ? 403 : 401, "not_admin", "User not allowed");
      }
      const readable = await prepare(request, sql);
      if ("status" in readable) return readable;
      const target = searchParams.get("redirect_to") ?? auth.site_url;
      const sent = readable.clone();
      const answer = await redirects.run(target, async () => app.server.fetch(readable));
      if (pathname.endsWith("/signup") && answer.status === 429) return pretendSignUp(sent);
      const method = pathname === "/auth/v1/verify" ? "otp" : "password";
      return completeAnswer(answer, (token) => completeToken(token, method, sql, settings));
    },
    stop: async () => void (await Promise.all([connection.close(), sql.end()])),
  };
}

/** An error as GoTrue words it. */
export function refuse(status: number, code: string, msg: string): Response {
  const headers = { "x-sb-error-code": code };
  return Response.json({ code: status, error_code: code, msg }, { status, headers });
}

/** The part of `config.toml` that lite knows, with the keys of this platform. */
function authConfig({ root, keys, urls, functionEnv }: Settings, { auth }: Config) {
  const { email = {}, site_url = urls.site } = auth;
  const templates = Object.entries(email.template ?? {}).map(([name, template]) => [
    name,
    { ...template, content_path: resolve(root, template.content_path) },
  ]);
  // lite knows no other look than its own for this one.
  const { reauthentication: _, ...known } = Object.fromEntries(templates);
  const { AUTH_CONFIRM_EMAIL } = { ...process.env, ...functionEnv };
  return {
    ...pick(auth, ["additional_redirect_urls", "jwt_expiry", "enable_signup"]),
    ...pick(auth, ["enable_refresh_token_rotation", "minimum_password_length"]),
    ...(auth.password_requirements && pick(auth, ["password_requirements"])),
    enabled: true,
    site_url,
    jwt_secret: keys.jwtSecret,
    email: {
      ...pick(email, ["enable_signup", "otp_length", "otp_expiry"]),
      template: known,
      // To sign up and go on at once is what one wants at home; hosted, the mail proves the address.
      enable_confirmations: AUTH_CONFIRM_EMAIL === "true",
      // With this on, lite would take the new address unproved.
      double_confirm_changes: false,
    },
  };
}

/** Sends by the mailbox. What was asked for as the way back is left out unless it is on the site. */
function createMailer(settings: Settings, site: string, redirects: AsyncLocalStorage<string>) {
  const { ports, functionEnv } = settings;
  const from = functionEnv.MAIL_FROM ?? "auth@localhost";
  const options = { host: "127.0.0.1", port: ports.smtp, secure: false, requireTls: false };
  const driver = new SmtpEmailDriver({ ...options, from });
  const redirect = (to: string) => new URLSearchParams({ redirect_to: to }).toString();
  return {
    async send(message: EmailMessage) {
      // A third of a second to load, for which the start need not wait.
      const { toPlainText } = await import("react-email");
      const asked = redirects.getStore() ?? site;
      const target = URL.parse(asked)?.origin === new URL(site).origin ? asked : site;
      const html = `${message.html}`.replaceAll(`redirect_to=${site}`, redirect(target));
      return driver.send({ ...message, html, text: toPlainText(html, plainTextOptions) });
    },
  };
}

/** A taken address gets the answer of a new one, so that nobody learns who has an account. */
async function pretendSignUp(sent: Request): Promise<Response> {
  const { email, data = {} } = await sent.json();
  const now = new Date().toISOString();
  return Response.json({
    ...{ id: randomUUID(), aud: "authenticated", role: "authenticated", phone: "" },
    ...{ email: email.toLowerCase(), user_metadata: data, identities: [], is_anonymous: false },
    app_metadata: { provider: "email", providers: ["email"] },
    ...{ confirmation_sent_at: now, created_at: now, updated_at: now },
  });
}

const text = z.string().nullish();
const textFields = { email: text, password: text, type: text, token: text, token_hash: text };
const bodySchema = z.looseObject({ ...textFields, refresh_token: text });

/** The request as lite understands it; a refusal when its body makes no sense. */
async function prepare(request: Request, sql: Sql): Promise<Request | Response> {
  const url = new URL(request.url);
  const { method, headers } = request;
  const sent = await request.text();
  const parsed = bodySchema.safeParse(sent ? asJson(sent) : {});
  if (!parsed.success) return refuse(400, "bad_json", "Could not parse request body as JSON");
  const given = sent ? parsed.data : Object.fromEntries(url.searchParams);
  const { type, token, token_hash, email } = given;
  const body = (fields: object) => (sent ? JSON.stringify(fields) : null);
  // `email` and `invite` stand for two kinds of token, of which lite wants to be told one.
  if (!url.pathname.endsWith("/verify") || (type !== "email" && type !== "invite")) {
    return new Request(url, { method, headers, body: body(given) });
  }
  const hash = token_hash || (sent ? hashOf(`${email}`, `${token}`) : `${token}`);
  const [unconfirmed] = await sql`select from auth.users where confirmation_token = ${hash}`;
  const known = unconfirmed ? "signup" : "magiclink";
  url.searchParams.set("type", known);
  return new Request(url, { method, headers, body: body({ ...given, type: known }) });
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A mailed code is kept as this, and a mailed link carries it. */
function hashOf(email: string, code: string): string {
  return createHash("sha256")
    .update(email.toLowerCase() + code)
    .digest("hex");
}

/** Completes the token of an answer that has one, in its body or in the address it leads to. */
async function completeAnswer(
  answer: Response,
  complete: (token: string) => Promise<string | null>,
): Promise<Response> {
  const [page, fragment] = (answer.headers.get("location") ?? "").split("#");
  const inLink = new URLSearchParams(fragment);
  const isJson = answer.ok && answer.headers.get("content-type")?.includes("json");
  const body = isJson ? await answer.clone().json() : {};
  const token = inLink.get("access_token") ?? body?.access_token;
  if (!token) return answer;
  const access_token = await complete(token);
  if (!access_token) return refuse(400, "user_banned", "User is banned");
  if (isJson) return Response.json({ ...body, access_token });
  inLink.set("access_token", access_token);
  return Response.redirect(`${page}#${inLink}`, 303);
}

/** lite's token with the claims that GoTrue's has; none for a user who is banned. */
async function completeToken(token: string, method: string, sql: Sql, settings: Settings) {
  const session = decodeJwt(token) as { session_id: string };
  const [user] = await sql`
    update auth.sessions s set tag = coalesce(s.tag, ${method}) from auth.users u
    where s.id = ${session.session_id} and u.id = s.user_id
    returning s.tag as method, extract(epoch from s.created_at)::int as timestamp,
      u.phone, u.raw_app_meta_data, u.raw_user_meta_data, u.is_anonymous,
      coalesce(u.banned_until > now(), false) as banned`;
  if (!user || user.banned) {
    await sql`delete from auth.sessions where id = ${session.session_id}`;
    return null;
  }
  const claims = {
    ...session,
    iss: `${settings.urls.api}/auth/v1`,
    phone: user.phone ?? "",
    app_metadata: user.raw_app_meta_data,
    user_metadata: user.raw_user_meta_data,
    aal: "aal1",
    amr: [{ method: user.method, timestamp: user.timestamp }],
    is_anonymous: user.is_anonymous,
  };
  const secret = new TextEncoder().encode(settings.keys.jwtSecret);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", kid: jwtKeyId, typ: "JWT" })
    .sign(secret);
}
