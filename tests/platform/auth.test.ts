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

describe("what is no request", () => {
  const ask = async (path: string, body: unknown, key = stack.publishableKey) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const init = { method: "POST", headers: { apikey: key }, body: text };
    const answer = await fetch(`${stack.api}/auth/v1/${path}`, init);
    return { status: answer.status, json: await answer.json() };
  };
  const paths = ["signup", "token?grant_type=password", "otp", "recover", "verify", "magiclink"];

  test.each(paths)("%s refuses what is of another type, or has a NUL", async (path) => {
    const sent = { email: newAddress(), password, type: "magiclink", token: "123456" };
    const refused = { status: 400, json: { code: 400, error_code: "validation_failed" } };
    for (const wrong of [
      ...[null, [], 5, "text"],
      ...[5, true, {}, ["x@people.test"]].map((email) => ({ ...sent, email })),
      ...[5, {}, ["x"]].map((value) => ({ ...sent, password: value })),
      ...[5, "text", ["x"]].map((data) => ({ ...sent, data })),
      { ...sent, email: "nul\u0000@people.test" },
      { ...sent, password: "\u0000" },
      { ...sent, data: { deep: [{ name: "a\u0000" }] } },
      { ...sent, data: { deep: [{ name: "\\\u0000" }] } },
    ]) {
      const answer = await ask(path, JSON.stringify(wrong));
      expect(answer, JSON.stringify(wrong)).toMatchObject(refused);
      expect(answer.json.msg).toEqual(expect.any(String));
    }
  });

  test("null stands for nothing, and a backslash before `u0000` for itself", async () => {
    for (const path of ["signup", "token?grant_type=password"]) {
      for (const sent of [
        { email: null, password },
        { email: newAddress(), password: null },
      ]) {
        expect((await ask(path, sent)).status).toBeOneOf([400, 422]);
      }
    }
    const name = "\\u0000";
    const made = await ask("signup", { email: newAddress(), password, data: { name } });
    expect(made).toMatchObject({ status: 200, json: { user: { user_metadata: { name } } } });
    expect((await ask("signup", "{")).json).toMatchObject({ error_code: "bad_json" });
  });

  test("what GoTrue has and the local platform has not is refused as GoTrue refuses", async () => {
    // Of a 501, supabase-js would say that one may try again.
    const refused = { status: 404, code: "not_implemented" };
    const { admin } = service().auth;
    const linked = await admin.generateLink({ type: "recovery", email: user.email });
    expect(linked.error).toMatchObject({
      ...refused,
      message: expect.stringContaining("generate_link"),
    });
    expect((await admin.inviteUserByEmail(newAddress())).error).toMatchObject(refused);
    expect((await admin.mfa.listFactors({ userId: user.id })).error).toMatchObject(refused);
    const { mfa } = user.client.auth;
    expect((await mfa.enroll({ factorType: "totp" })).error).toMatchObject(refused);
    expect((await visitor().auth.signInWithSSO({ domain: "people.test" })).error).toMatchObject(
      refused,
    );
    expect((await user.client.auth.getUserIdentities()).error).toBeNull();
  });
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

  test("what is told of somebody new who asks for a link is kept, of somebody known it is not", async () => {
    const email = newAddress();
    for (const name of ["Zora", "Zacharias"]) {
      const options = { data: { name, lang: "de" } };
      expect((await visitor().auth.signInWithOtp({ email, options })).error).toBeNull();
    }
    const [row] = await sql`select name, raw_user_meta_data as told from auth.users
      join public.profiles using (id) where email = ${email}`;
    expect(row).toMatchObject({ name: "Zora", told: { name: "Zora", lang: "de", email } });
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

  test("refuses what it cannot change, and changes nothing", async () => {
    const { id } = await signUp("Vera");
    const ban = { ban_duration: "24h", user_metadata: { name: "Veronika" } };
    const { error } = await admin().updateUserById(id, ban);
    expect(error).toMatchObject({ status: 400, code: "validation_failed" });
    expect(error?.message).toContain("ban_duration");
    const { data } = await admin().getUserById(id);
    expect(data.user?.user_metadata).toMatchObject({ name: "Vera" });
    const made = await admin().createUser({ email: newAddress(), role: "service_role" });
    expect(made.error?.status).toBe(400);
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
