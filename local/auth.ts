import { AsyncLocalStorage } from "node:async_hooks";
import { resolve } from "node:path";
import { type EmailMessage, pick, SmtpEmailDriver } from "@supabase/lite";
import { decodeJwt, SignJWT } from "jose";
import type { Sql } from "postgres";
import { plainTextOptions } from "../supabase/functions/_shared/mail/plain-text.ts";
import { createAuthAdmin } from "./auth-admin.ts";
import { resolveCaller } from "./caller.ts";
import type { Config } from "./config.ts";
import type { DataApi } from "./data-api.ts";
import { jwtKeyId, type Settings } from "./settings.ts";

/** Where the request that is answered now wants its mail to lead back to. */
const redirects = new AsyncLocalStorage<string>();

/**
 * Auth: `@supabase/lite`'s, and around it what that lacks. Not there: OAuth, PKCE by mail, phones,
 * MFA, anonymous sign-in, bans, hooks, a second mail for a sign-up, limits a minute.
 */
export function createAuth(settings: Settings, { sql, ask }: Pick<DataApi, "sql" | "ask">) {
  const admin = createAuthAdmin(sql);
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
      const sent = method === "POST" ? await bodyOf(request.clone()) : {};
      const verify = (type: string) => {
        const body = JSON.stringify({ ...sent, type });
        return ask(new Request(request.url, { method, headers, body }));
      };
      const answer = await redirects.run(searchParams.get("redirect_to") ?? "", async () => {
        if (!isVerify || sent.type !== "email") return ask(request);
        // It stands for two kinds of token, of which lite wants to be told one.
        const confirmed = await verify("signup");
        return confirmed.ok ? confirmed : verify("magiclink");
      });
      if (pathname.endsWith("/signup") && answer.status === 429) return pretendSignUp(sent);
      const means = isVerify ? "otp" : "password";
      return completeAnswer(answer, (token) => completeToken(token, means, sql, settings));
    },
  };
}

const bodyOf = (request: Request) => request.json().catch(() => ({}));

/** lite tells that an address is taken; GoTrue answers as if it had just been told of a new one. */
function pretendSignUp({ email, data = {} }: { email: string; data?: object }): Response {
  const now = new Date().toISOString();
  return Response.json({
    ...{ id: crypto.randomUUID(), aud: "authenticated", role: "authenticated", phone: "" },
    ...{ email: email.toLowerCase(), user_metadata: data, identities: [], is_anonymous: false },
    app_metadata: { provider: "email", providers: ["email"] },
    ...{ confirmation_sent_at: now, created_at: now, updated_at: now },
  });
}

/** An error as GoTrue words it. */
export function refuse(status: number, code: string, msg: string): Response {
  const headers = { "x-sb-error-code": code };
  return Response.json({ code: status, error_code: code, msg }, { status, headers });
}

/** The part of `config.toml` that lite knows, with the keys of this platform. */
export function authConfig({ root, keys, urls, functionEnv }: Settings, { auth }: Config) {
  // Its mail with a code to reauthenticate keeps lite's own look.
  const { reauthentication: _, ...ours } = auth.email?.template ?? {};
  const template = Object.entries(ours).map(([name, { content_path, ...rest }]) => {
    return [name, { ...rest, content_path: resolve(root, content_path) }];
  });
  const email = {
    ...pick(auth.email ?? {}, ["enable_signup", "otp_length", "otp_expiry"]),
    template: Object.fromEntries(template),
    // To sign up and go on at once is what one wants at home; hosted, the mail proves the address.
    enable_confirmations:
      (process.env.AUTH_CONFIRM_EMAIL ?? functionEnv.AUTH_CONFIRM_EMAIL) === "true",
    // With this on, lite would take the new address unproved.
    double_confirm_changes: false,
  };
  return {
    site_url: urls.site,
    ...pick(auth, ["site_url", "additional_redirect_urls", "jwt_expiry", "enable_signup"]),
    ...pick(auth, ["enable_refresh_token_rotation", "minimum_password_length"]),
    ...{ enabled: true, jwt_secret: keys.jwtSecret, email },
  } as { site_url: string };
}

/** Sends by the mailbox. What was asked for as the way back is left out unless it is on the site. */
export function createMailer({ ports, functionEnv }: Settings, { site_url }: { site_url: string }) {
  const from = functionEnv.MAIL_FROM ?? "auth@localhost";
  const options = { host: "127.0.0.1", port: ports.smtp, secure: false, requireTls: false, from };
  const driver = new SmtpEmailDriver(options);
  return {
    async send(message: EmailMessage) {
      // A third of a second to load, for which the start need not wait.
      const { toPlainText } = await import("react-email");
      const asked = URL.parse(redirects.getStore() ?? "");
      const redirect_to = asked?.origin === new URL(site_url).origin ? asked.href : site_url;
      const query = new URLSearchParams({ redirect_to }).toString();
      const html = `${message.html}`.replaceAll(`redirect_to=${site_url}`, query);
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
