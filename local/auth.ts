import { resolve } from "node:path";
import { type EmailMessage, type HonoContext, omit, pick, SmtpEmailDriver } from "@supabase/lite";
import type { MiddlewareHandler } from "hono";
import { decode, sign } from "hono/jwt";
import type { Sql } from "postgres";
import { z } from "zod";
import { plainTextOptions } from "../supabase/functions/_shared/mail/plain-text.ts";
import { createAuthAdmin, refuse } from "./auth-admin.ts";
import type { Settings } from "./settings.ts";

export type AuthService = HonoContext["Variables"]["authService"];
type Session = Awaited<ReturnType<AuthService["refreshSession"]>>;

/** What there is of GoTrue: no MFA, invitations, SSO, phones, bans, hooks and limits a minute. */
const served =
  /^\/auth\/v1\/(signup|token|otp|magiclink|verify|recover|resend|logout|user|reauthenticate|settings|health|authorize|callback|\.well-known\/.+|admin\/users(\/[^/]+)?)$/;
const [text, record] = [z.string().nullish(), z.looseObject({}).nullish()];
/** What lite works with as it comes. */
const body = z.looseObject({ email: text, password: text, refresh_token: text, data: record });

/** What `@supabase/lite`'s Auth lacks or does otherwise than GoTrue, as a middleware of it. */
export function createAuth(settings: Settings, sql: Sql): MiddlewareHandler<HonoContext> {
  const admin = createAuthAdmin(sql);
  return async (c, next) => {
    const { app, authService: service } = c.var;
    const { path } = c.req;
    if (!path.startsWith("/auth/v1/")) {
      // As hosted, the Data API takes a good token's word; these keep lite from two queries for it.
      c.set("userId", "unused");
      c.set("sessionId", "unused");
      return next();
    }
    if (!served.test(path)) return refuse(404, "not_implemented", `There is no ${path} here`);
    const isFree = !path.includes("/admin/") || c.req.header("apikey") === settings.keys.secret;
    if (!isFree) return refuse(403, "not_admin", "User not allowed");
    if (path.includes("/admin/")) return admin.fetch(c.req.raw, { service });
    // What is no JSON, lite refuses as GoTrue does. A NUL is in no text of Postgres.
    const { data: sent } = body.safeParse(await c.req.json().catch(() => ({})));
    const isFit = sent && !/(?<!\\)(\\\\)*\\u0000/.test(await c.req.text());
    if (!isFit) return refuse(400, "validation_failed", "A field is not of its type, or has a NUL");
    if (c.req.method !== "GET") {
      // A mail leads back to where was asked for, if that is allowed. Templates quote it in a link.
      const back = encodeURIComponent(service.resolveEmailRedirect(c.req.query("redirect_to")));
      Object.assign(service, { config: { ...app.config.auth, site_url: back } });
    }
    if (path.endsWith("/verify") && sent.type === "email") {
      // It stands for two kinds of token, both of which lite finds as `magiclink`.
      c.req.bodyCache.text = JSON.stringify({ ...sent, type: "magiclink" });
    }
    mendService(service, settings, sent.data ?? {});
    await next();
    if (c.error && c.res.status === 500) throw c.error;
  };
}

/** Has lite's service do what GoTrue does. */
function mendService(service: AuthService, settings: Settings, data: object): void {
  const createUser = service.repo.createUser.bind(service.repo);
  // Of who signs up by a link, lite forgets what is told.
  service.repo.createUser = ({ raw_user_meta_data: made, ...user }) =>
    createUser({ ...user, raw_user_meta_data: Object.assign({}, data, made) });
  const makers = service as unknown as Record<string, (...facts: unknown[]) => Promise<Session>>;
  for (const name of ["createSessionForUser", "createRefreshResponse"]) {
    const make = makers[name]!;
    makers[name] = async (...facts) => completeToken(await make.apply(service, facts), settings);
  }
}

/** A session whose token has the claims that GoTrue's has, and names its key. */
async function completeToken(session: Session, { urls, jwk }: Settings): Promise<Session> {
  const { payload } = decode(session.access_token);
  const user = pick(session.user, ["phone", "app_metadata", "user_metadata", "is_anonymous"]);
  const claims = { ...payload, iss: `${urls.api}/auth/v1`, aal: "aal1", ...user };
  return { ...session, access_token: await sign(claims, jwk) };
}

/** The part of `config.toml` that lite knows, with the keys of this platform. */
export function authConfig({ root, keys, urls, functionEnv, config: { auth } }: Settings) {
  // Its mail with a code to reauthenticate keeps lite's own look.
  const template = omit(auth.email.template, ["reauthentication"]);
  for (const ours of Object.values(template)) ours.content_path = resolve(root, ours.content_path);
  const email = {
    ...pick(auth.email, ["enable_signup", "otp_length", "otp_expiry"]),
    template,
    // To sign up and go on at once is what one wants at home; hosted, the mail proves the address.
    enable_confirmations:
      (process.env.AUTH_CONFIRM_EMAIL ?? functionEnv.AUTH_CONFIRM_EMAIL) === "true",
    // With this on, lite would take the new address unproved.
    double_confirm_changes: false,
  };
  return {
    ...pick(auth, ["jwt_expiry", "enable_signup", "minimum_password_length"]),
    ...pick(auth, ["enable_refresh_token_rotation", "additional_redirect_urls"]),
    ...{ site_url: urls.site, enabled: true, jwt_secret: keys.jwtSecret, email },
    ...{ publishable_key: keys.publishable, secret_key: keys.secret },
  };
}

/** Sends by the mailbox, and words the text from the page. */
export function createMailer({ ports, functionEnv }: Settings) {
  const from = functionEnv.MAIL_FROM ?? "auth@localhost";
  const options = { host: "127.0.0.1", port: ports.smtp, secure: false, requireTls: false, from };
  const driver = new SmtpEmailDriver(options);
  return {
    async send(message: EmailMessage) {
      // A third of a second to load, for which the start need not wait.
      const { toPlainText } = await import("react-email");
      return driver.send({ ...message, text: toPlainText(`${message.html}`, plainTextOptions) });
    },
  };
}
