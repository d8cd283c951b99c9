import { resolve } from "node:path";
import { type EmailMessage, type HonoContext, omit, pick, SmtpEmailDriver } from "@supabase/lite";
import type { MiddlewareHandler } from "hono";
import { decode, sign } from "hono/jwt";
import type { Sql } from "postgres";
import { plainTextOptions } from "../supabase/functions/_shared/mail/plain-text.ts";
import { createAuthAdmin, refuse } from "./auth-admin.ts";
import type { Settings } from "./settings.ts";

export type AuthService = HonoContext["Variables"]["authService"];
type Session = Awaited<ReturnType<AuthService["refreshSession"]>>;

/**
 * What `@supabase/lite`'s Auth lacks, as a middleware of it. Not there: OAuth, PKCE by mail, MFA,
 * phones, anonymous sign-in, bans, hooks, a second mail for a sign-up, limits a minute.
 */
export function createAuth(settings: Settings, sql: Sql): MiddlewareHandler<HonoContext> {
  const admin = createAuthAdmin(sql);
  return async (c, next) => {
    const { app, authService: service } = c.var;
    if (!c.req.path.startsWith("/auth/v1/")) {
      // As hosted, the Data API takes a good token's word; these keep lite from two queries for it.
      c.set("userId", "unused");
      c.set("sessionId", "unused");
      return next();
    }
    if (c.req.path.startsWith("/auth/v1/admin/")) {
      const isAdmin = c.req.header("apikey") === settings.keys.secret;
      return isAdmin
        ? admin.fetch(c.req.raw, { service })
        : refuse(403, "not_admin", "User not allowed");
    }
    if (c.req.method !== "GET") {
      // A mail leads back to where was asked for, if that is allowed. Templates quote it in a link.
      const back = encodeURIComponent(service.resolveEmailRedirect(c.req.query("redirect_to")));
      Object.assign(service, { config: { ...app.config.auth, site_url: back } });
    }
    if (c.req.method === "POST" && c.req.path === "/auth/v1/verify") {
      // `email` stands for two kinds of token, both of which lite finds as `magiclink`.
      const asked = (await c.req.text()).replace(/"type"\s*:\s*"email"/, '"type":"magiclink"');
      c.req.bodyCache.text = asked;
    }
    mendService(service, settings);
    await next();
    if (c.error && c.res.status === 500) throw c.error;
  };
}

/** Has lite's service do what GoTrue does. */
function mendService(service: AuthService, settings: Settings): void {
  const { signUp, signInWithPassword, refreshSession, verifyOtp } = service;
  const complete = (session: Session) => completeToken(session, settings);
  service.signInWithPassword = async (...sent) =>
    complete(await signInWithPassword.apply(service, sent));
  service.refreshSession = async (token) => complete(await refreshSession.call(service, token));
  service.verifyOtp = async (sent) => complete(await verifyOtp.call(service, sent));
  service.signUp = async (...sent) => {
    const made = await signUp.apply(service, sent);
    return made.session ? { ...made, session: await complete(made.session) } : made;
  };
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
  const ours = Object.entries(omit(auth.email.template, ["reauthentication"]));
  const template = ours.map(([name, { content_path, ...rest }]) => {
    return [name, { ...rest, content_path: resolve(root, content_path) }];
  });
  const email = {
    ...pick(auth.email, ["enable_signup", "otp_length", "otp_expiry"]),
    template: Object.fromEntries(template),
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
