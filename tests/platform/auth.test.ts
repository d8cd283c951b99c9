import { createClient } from "@supabase/supabase-js";
import { decodeJwt } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Actor,
  mailTo,
  password,
  service,
  signUp,
  database as sql,
  stack,
  unwrap,
  visitor,
} from "../api/actors.ts";

/** As `.env.example` has it, unless the environment says otherwise. */
const site = process.env.SITE_URL ?? "http://127.0.0.1:3000";

let user: Actor;
beforeAll(async () => {
  user = await signUp("Nora");
});

const codeIn = (text: string) => /\b\d{6,8}\b/.exec(text)?.[0] ?? "";
/** The page to which a mail leads, with the button that uses the token up. */
const linkIn = (text: string) => new URL(/http\S+/.exec(text)?.[0] ?? "");
/** The same by the address of the API, as a template with `ConfirmationURL` would have it. */
function verifyLink(text: string): string {
  const { searchParams } = linkIn(text);
  searchParams.set("token", searchParams.get("token_hash") ?? "");
  return `${stack.api}/auth/v1/verify?${searchParams}`;
}
const newAddress = () => `${crypto.randomUUID()}@people.test`;

describe("tokens", () => {
  test("say who it is as GoTrue's do, and go on saying so", async () => {
    const expected = {
      aud: "authenticated",
      role: "authenticated",
      iss: `${stack.api}/auth/v1`,
      sub: user.id,
      email: user.email,
      phone: "",
      app_metadata: { provider: "email", providers: ["email"] },
      user_metadata: { name: "Nora" },
      aal: "aal1",
      session_id: expect.any(String),
      is_anonymous: false,
      iat: expect.any(Number),
      exp: expect.any(Number),
    };
    expect(decodeJwt(user.token)).toMatchObject(expected);
    const { session } = unwrap(await user.client.auth.refreshSession());
    expect(decodeJwt(session?.access_token ?? "")).toMatchObject(expected);
    const claims = unwrap(await user.client.auth.getClaims(user.token));
    expect(claims.claims.sub).toBe(user.id);
  });

  test("what is said of a user is stored as JSON and reaches the trigger", async () => {
    const [row] = await sql`
      select jsonb_typeof(raw_user_meta_data) as type, name from auth.users
      join public.profiles using (id) where id = ${user.id}`;
    expect(row).toEqual({ type: "object", name: "Nora" });
  });

  test("end with signing out", async () => {
    const { client, token } = await signUp("Olga");
    expect((await client.auth.getUser(token)).error).toBeNull();
    expect((await client.auth.signOut()).error).toBeNull();
    expect((await client.auth.getUser(token)).error?.name).toBe("AuthSessionMissingError");
  });
});

test("a wrong password, a weak one and an address that is taken are refused", async () => {
  const auth = visitor().auth;
  const attempt = { email: user.email, password: "wrong-password-1" };
  expect((await auth.signInWithPassword(attempt)).error?.code).toBe("invalid_credentials");
  expect((await auth.signUp({ email: newAddress(), password: "short1" })).error?.status).toBe(422);
  const again = await auth.signUp({ email: user.email, password });
  expect(again.error?.code).toBe("user_already_exists");
});

describe("mails", () => {
  test("a new password by mail: to a page of the site, by the API and on to where was asked for", async () => {
    const { email } = await signUp("Petra");
    const redirectTo = `${site}/new-password`;
    await visitor().auth.resetPasswordForEmail(email, { redirectTo });
    const { text, html } = await mailTo(email, /password/i);
    const { href, origin, pathname } = linkIn(text);
    expect(origin + pathname).toBe(`${site}/auth/confirm`);
    expect(html).toContain(href.replaceAll("&", "&amp;"));
    const link = verifyLink(text);
    const first = await fetch(link, { redirect: "manual" });
    const [page, fragment] = first.headers.get("location")?.split("#") ?? [];
    expect([first.status, page]).toEqual([303, redirectTo]);
    const session = new URLSearchParams(fragment);
    expect(decodeJwt(session.get("access_token") ?? "")).toMatchObject({ email, aal: "aal1" });
    const client = visitor();
    await client.auth.setSession({
      access_token: session.get("access_token") ?? "",
      refresh_token: session.get("refresh_token") ?? "",
    });
    const changed = "another-password-1";
    expect((await client.auth.updateUser({ password: changed })).error).toBeNull();
    const signedIn = await visitor().auth.signInWithPassword({ email, password: changed });
    expect(signedIn.error).toBeNull();
    const second = await fetch(link, { redirect: "manual" });
    expect(second.headers.get("location")).toContain("error_code=otp_expired");
  });

  test("nobody is led to an address of others", async () => {
    const { email } = await signUp("Quinn");
    await visitor().auth.resetPasswordForEmail(email, { redirectTo: "https://evil.example/" });
    const link = linkIn((await mailTo(email, /password/i)).text);
    expect(link.searchParams.get("redirect_to")).toBe(site);
    const { searchParams } = link;
    searchParams.set("token", searchParams.get("token_hash") ?? "");
    searchParams.set("redirect_to", "https://evil.example/");
    const answer = await fetch(`${stack.api}/auth/v1/verify?${searchParams}`, {
      redirect: "manual",
    });
    const location = answer.headers.get("location") ?? "";
    expect(new URL(location).origin).toBe(new URL(site).origin);
  });

  test("a code signs in once, by type `email`, and so does the hash of the link", async () => {
    const { email } = await signUp("Rosa");
    await visitor().auth.signInWithOtp({ email });
    const { text } = await mailTo(email, /sign-in link/i);
    const verify = { email, token: codeIn(text), type: "email" } as const;
    expect((await visitor().auth.verifyOtp(verify)).data.user?.email).toBe(email);
    expect((await visitor().auth.verifyOtp(verify)).error?.code).toBe("otp_expired");
    const stranger = newAddress();
    await visitor().auth.signInWithOtp({ email: stranger });
    const link = linkIn((await mailTo(stranger, /sign-in link/i)).text);
    const token_hash = link.searchParams.get("token_hash") ?? "";
    const verified = await visitor().auth.verifyOtp({ token_hash, type: "email" });
    expect(verified.data.user?.email).toBe(stranger);
  });

  test("another address counts once its mail was answered", async () => {
    const { client, email } = await signUp("Sven");
    const next = newAddress();
    expect((await client.auth.updateUser({ email: next })).error).toBeNull();
    const { text } = await mailTo(next, /new address/i);
    expect(
      (await visitor().auth.signInWithPassword({ email: next, password })).error,
    ).not.toBeNull();
    await fetch(verifyLink(text), { redirect: "manual" });
    expect((await visitor().auth.signInWithPassword({ email: next, password })).error).toBeNull();
    expect((await visitor().auth.signInWithPassword({ email, password })).error).not.toBeNull();
  });
});

describe("auth.admin", () => {
  const admin = () => service().auth.admin;

  test("makes, reads, changes and deletes users", async () => {
    const email = newAddress();
    const attributes = { email, password, email_confirm: true, user_metadata: { name: "Tess" } };
    const made = (await admin().createUser(attributes)).data.user!;
    expect(made).toMatchObject({ email, user_metadata: { name: "Tess" } });
    expect((await admin().createUser(attributes)).error?.code).toBe("email_exists");
    expect((await visitor().auth.signInWithPassword({ email, password })).error).toBeNull();
    const [profile] = await sql`select name from public.profiles where id = ${made.id}`;
    expect(profile).toEqual({ name: "Tess" });

    const change = { app_metadata: { plan: "pro" }, user_metadata: { lang: "de" } };
    const changed = await admin().updateUserById(made.id, change);
    expect(changed.data.user?.user_metadata).toEqual({ name: "Tess", lang: "de" });
    const read = await admin().getUserById(made.id);
    expect(read.data.user?.app_metadata).toMatchObject({ plan: "pro" });

    expect((await admin().deleteUser(made.id)).error).toBeNull();
    expect((await admin().getUserById(made.id)).error?.status).toBe(404);
  });

  test("lists page by page", async () => {
    await signUp("Uwe");
    const { data: first } = await admin().listUsers({ page: 1, perPage: 1 });
    const { data: second } = await admin().listUsers({ page: 2, perPage: 1 });
    expect(first.users).toHaveLength(1);
    expect(first.users[0]?.id).not.toBe(second.users[0]?.id);
  });

  test("is for the secret key alone", async () => {
    const options = { global: { headers: { Authorization: `Bearer ${user.token}` } } };
    const asUser = createClient(stack.api, stack.publishableKey, options);
    for (const client of [visitor(), asUser]) {
      expect((await client.auth.admin.listUsers()).error?.status).toBe(403);
      expect((await client.auth.admin.deleteUser(user.id)).error?.status).toBe(403);
    }
  });
});
