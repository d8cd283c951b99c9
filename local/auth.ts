import { AsyncLocalStorage } from "node:async_hooks";
import { resolve } from "node:path";
import { App, type EmailMessage, pick, SmtpEmailDriver } from "@supabase/lite";
import { PostgresConnection } from "@supabase/lite/postgres";
import { decodeJwt, SignJWT } from "jose";
import postgres, { type Sql } from "postgres";
import { plainTextOptions } from "../supabase/functions/_shared/mail/plain-text.ts";
import { createAuthAdmin } from "./auth-admin.ts";
import { resolveCaller } from "./caller.ts";
import type { Config } from "./config.ts";
import { types } from "./data-api.ts";
import { jwtKeyId, type Settings } from "./settings.ts";

/**
 * Starts Auth: `@supabase/lite`'s, and around it what that lacks. Not there: OAuth, PKCE by mail,
 * phones, MFA, anonymous sign-in, bans, hooks, a second mail for a sign-up, limits a minute.
 */
export async function createAuth(settings: Settings, config: Config) {
  const sql = postgres(settings.adminDatabaseUrl, { max: 4, onnotice: () => {} });
  const connection = new PostgresConnection({
    url: settings.adminDatabaseUrl,
    postgresOptions: { types, onnotice: () => {}, connection: { role: "supabase_auth_admin" } },
  });
  const site = config.auth.site_url ?? settings.urls.site;
  const redirects = new AsyncLocalStorage<string>();
  const app = new App({
    connection,
    auth: authConfig(settings, config, site),
    api: { enabled: false },
    storage: { enabled: false },
    db: { migrations: { enabled: false } },
    options: {
      server: { apiKeys: false, disableStudio: true },
      drivers: { email: createMailer(settings, site, redirects) },
    },
  });
  const admin = createAuthAdmin(sql);
  await app.init();
  return {
    async fetch(request: Request): Promise<Response> {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname.startsWith("/auth/v1/admin/")) {
        const caller = await resolveCaller(request, settings);
        if (caller?.role === "service_role") return admin.fetch(request);
        return refuse(403, "not_admin", "User not allowed");
      }
      const { method, headers } = request;
      const isVerify = pathname.endsWith("/verify");
      const sent = isVerify && method === "POST" ? await request.clone().json() : {};
      const ask = async (type: string) => {
        const body = JSON.stringify({ ...sent, type });
        return app.server.fetch(new Request(request.url, { method, headers, body }));
      };
      const answer = await redirects.run(searchParams.get("redirect_to") ?? site, async () => {
        if (sent.type !== "email") return app.server.fetch(request);
        // It stands for two kinds of token, of which lite wants to be told one.
        const confirmed = await ask("signup");
        return confirmed.ok ? confirmed : ask("magiclink");
      });
      const means = isVerify ? "otp" : "password";
      return completeAnswer(answer, (token) => completeToken(token, means, sql, settings));
    },
    stop: () => Promise.all([connection.close(), sql.end()]),
  };
}

/** An error as GoTrue words it. */
export function refuse(status: number, code: string, msg: string): Response {
  const headers = { "x-sb-error-code": code };
  return Response.json({ code: status, error_code: code, msg }, { status, headers });
}

/** The part of `config.toml` that lite knows, with the keys of this platform. */
function authConfig({ root, keys, functionEnv }: Settings, { auth }: Config, site_url: string) {
  // Its mail with a code to reauthenticate keeps lite's own look.
  const { reauthentication: _, ...ours } = auth.email?.template ?? {};
  const templates = Object.entries(ours).map(([name, template]) => [
    name,
    { ...template, content_path: resolve(root, template.content_path) },
  ]);
  const { AUTH_CONFIRM_EMAIL } = { ...process.env, ...functionEnv };
  return {
    ...pick(auth, ["additional_redirect_urls", "jwt_expiry", "enable_signup"]),
    ...pick(auth, ["enable_refresh_token_rotation", "minimum_password_length"]),
    enabled: true,
    site_url,
    jwt_secret: keys.jwtSecret,
    email: {
      ...pick(auth.email ?? {}, ["enable_signup", "otp_length", "otp_expiry"]),
      template: Object.fromEntries(templates),
      // To sign up and go on at once is what one wants at home; hosted, the mail proves the address.
      enable_confirmations: AUTH_CONFIRM_EMAIL === "true",
      // With this on, lite would take the new address unproved.
      double_confirm_changes: false,
    },
  } as object;
}

/** Sends by the mailbox. What was asked for as the way back is left out unless it is on the site. */
function createMailer(settings: Settings, site: string, redirects: AsyncLocalStorage<string>) {
  const from = settings.functionEnv.MAIL_FROM ?? "auth@localhost";
  const options = { host: "127.0.0.1", port: settings.ports.smtp, secure: false };
  const driver = new SmtpEmailDriver({ ...options, requireTls: false, from });
  return {
    async send(message: EmailMessage) {
      // A third of a second to load, for which the start need not wait.
      const { toPlainText } = await import("react-email");
      const asked = redirects.getStore() ?? site;
      const isOurs = URL.parse(asked)?.origin === new URL(site).origin;
      const redirect = new URLSearchParams({ redirect_to: isOurs ? asked : site });
      const html = `${message.html}`.replaceAll(`redirect_to=${site}`, `${redirect}`);
      return driver.send({ ...message, html, text: toPlainText(html, plainTextOptions) });
    },
  };
}

/** Completes the token of an answer that has one, in its body or in the address it leads to. */
async function completeAnswer(answer: Response, complete: (token: string) => Promise<string>) {
  const [page, fragment] = (answer.headers.get("location") ?? "").split("#");
  const isJson = answer.ok && answer.headers.get("content-type")?.includes("json");
  const inLink = Object.fromEntries(new URLSearchParams(fragment));
  const session = isJson ? await answer.clone().json() : inLink;
  if (!session.access_token) return answer;
  session.access_token = await complete(session.access_token);
  if (isJson) return Response.json(session);
  return Response.redirect(`${page}#${new URLSearchParams(session)}`, 303);
}

/** lite's token with the claims that GoTrue's has. */
async function completeToken(token: string, method: string, sql: Sql, settings: Settings) {
  const session = decodeJwt(token);
  const [user] = await sql`
    update auth.sessions s set tag = coalesce(s.tag, ${method}) from auth.users u
    where s.id = ${`${session.session_id}`} and u.id = s.user_id
    returning coalesce(u.phone, '') as phone, u.raw_app_meta_data as app_metadata,
      u.raw_user_meta_data as user_metadata, u.is_anonymous, 'aal1' as aal, jsonb_build_array(
        jsonb_build_object('method', s.tag, 'timestamp', extract(epoch from s.created_at)::int)
      ) as amr`;
  return new SignJWT({ ...session, iss: `${settings.urls.api}/auth/v1`, ...user })
    .setProtectedHeader({ alg: "HS256", kid: jwtKeyId, typ: "JWT" })
    .sign(new TextEncoder().encode(settings.keys.jwtSecret));
}
