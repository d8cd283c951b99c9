import { createHmac, randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import {
  database,
  inDays,
  password,
  service,
  signUp,
  stack,
  unwrap,
  visitor,
} from "../api/actors.ts";
import { ask, send } from "./ask.ts";
import { world } from "./world.ts";

/** Pretending to be somebody else, or more than one is. */

const all = await world();
const { gil, olga, cleo } = all.people;
const newAddress = () => `${crypto.randomUUID()}@people.test`;
const roleOf = async (id: string) =>
  (await database`select role from public.user_roles where user_id = ${id}`)[0]?.role;

test("T14 an address that is not proved takes over nothing that was asked from it", async () => {
  const address = newAddress();
  const [inquiry] = await database`
    insert into public.inquiries (visitor_name, subject, message) values ('Vera', 'x', 'x') returning id`;
  await database`
    insert into private.inquiry_visitors (inquiry_id, address) values (${inquiry!.id}, ${address})`;
  const owner = async () =>
    (await database`select user_id from public.inquiries where id = ${inquiry!.id}`)[0]!.user_id;
  const admin = service().auth.admin;
  const { data } = await admin.createUser({ email: address, password });
  expect(await owner()).toBeNull();
  await admin.updateUserById(data.user!.id, { email_confirm: true });
  expect(await owner()).toBe(data.user!.id);
});

test("T15 what is said at a sign-up or later gives no role", async () => {
  const said = {
    role: "admin",
    user_role: "admin",
    app_metadata: { role: "admin" },
    is_admin: true,
  };
  const email = newAddress();
  const { status, body } = await send("/auth/v1/signup", {
    headers: { apikey: stack.publishableKey },
    body: { email, password, ...said, data: { name: "Mallory", ...said } },
  });
  expect(status).toBe(200);
  const { access_token, user } = JSON.parse(body);
  const bearer = { apikey: stack.publishableKey, authorization: `Bearer ${access_token}` };
  const change = { data: said, ...said };
  await send("/auth/v1/user", { method: "PUT", headers: bearer, body: change });
  const renewed = await send("/auth/v1/token?grant_type=password", {
    headers: { apikey: stack.publishableKey },
    body: { email, password },
  });
  for (const token of [access_token, JSON.parse(renewed.body).access_token]) {
    const headers = { apikey: stack.publishableKey, authorization: `Bearer ${token}` };
    const me = await send("/rest/v1/rpc/me", { headers, body: {} });
    expect(JSON.parse(me.body).role).toBe("user");
    const users = await send("/rest/v1/rpc/search_users", { headers, body: {} });
    expect(users.status).toBe(403);
  }
  expect(await roleOf(user.id)).toBe("user");
  const [{ app }] = await database<[{ app: object }]>`
    select raw_app_meta_data as app, role from auth.users where id = ${user.id}`;
  expect(app).toEqual({ provider: "email", providers: ["email"] });
});

test("T17 nobody writes a role, whether their own or another's", async () => {
  const path = "/rest/v1/user_roles";
  for (const who of ["visitor", "olga", "cleo", "ada"] as const) {
    const id = who === "visitor" ? olga.id : all.people[who].id;
    const row = { user_id: id, role: "admin" };
    const tries = [
      await ask(all, who, `${path}?user_id=eq.${id}`, { method: "PATCH", body: { role: "admin" } }),
      await ask(all, who, path, { body: row }),
      await ask(all, who, `${path}?on_conflict=user_id`, {
        body: [row],
        headers: { prefer: "resolution=merge-duplicates" },
      }),
      await ask(all, who, `${path}?user_id=eq.${id}`, { method: "DELETE" }),
    ];
    const codes = tries.map(({ body }) => JSON.parse(body).code);
    expect(codes, who).toEqual(tries.map(() => "42501"));
  }
  expect([await roleOf(olga.id), await roleOf(cleo.id)]).toEqual(["user", "customer_service"]);
});

/** The key with which this stack signs its tokens, where it is one that tests may know. */
const signingKey = Buffer.from(
  JSON.parse(process.env.SUPABASE_JWKS ?? '{"keys":[]}').keys[0]?.k ?? "",
  "base64url",
);
const now = () => Math.floor(Date.now() / 1000);
const sign = (claims: object, secret: Uint8Array = signingKey) =>
  new SignJWT({ aud: "authenticated", role: "authenticated", exp: now() + 600, ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(secret);

/** Whether each service takes this token for somebody's. */
async function servicesThatTake(token: string): Promise<string[]> {
  const headers = { apikey: stack.publishableKey, authorization: `Bearer ${token}` };
  const asked = {
    rest: send("/rest/v1/user_roles?limit=1", { headers }),
    function: send("/rest/v1/rpc/me", { headers, body: {} }),
    auth: send("/auth/v1/user", { headers }),
    storage: send("/storage/v1/object/list/invoices", {
      headers,
      body: { prefix: gil.id, sortBy: { column: "name", order: "asc" } },
    }),
    checkout: send("/functions/v1/checkout", { headers, body: { reservation_id: gil.id } }),
    jobs: send("/functions/v1/jobs", { headers, body: {} }),
  };
  const taken = Object.entries(asked).map(async ([name, answer]) => {
    const { status, body } = await answer;
    return [400, 401, 403].includes(status) && !body.includes('"invalid_body"') ? [] : [name];
  });
  return (await Promise.all(taken)).flat();
}

describe("T18 claims", () => {
  test("T18 of a token give no role, even when it is well signed", async () => {
    const staff = {
      user_role: "admin",
      user_metadata: { role: "admin" },
      app_metadata: { role: "admin" },
    };
    const headers = {
      apikey: stack.publishableKey,
      authorization: `Bearer ${await sign({ sub: olga.id, ...staff })}`,
    };
    const me = await send("/rest/v1/rpc/me", { headers, body: {} });
    expect(JSON.parse(me.body)).toMatchObject({ id: olga.id, role: "user" });
    const roles = await send("/rest/v1/user_roles?select=user_id", { headers });
    expect(JSON.parse(roles.body)).toEqual([{ user_id: olga.id }]);
    for (const name of ["search_users", "list_agents", "job_stats"]) {
      expect((await send(`/rest/v1/rpc/${name}`, { headers, body: {} })).status, name).toBe(403);
    }
  });

  test("T18 in headers and parameters of a request are not believed", async () => {
    const lies = {
      ...{
        "request.jwt.claims": `{"sub":"${gil.id}","role":"service_role"}`,
        "x-role": "service_role",
      },
      ...{ role: "service_role", "x-user-id": gil.id, "x-forwarded-user": gil.id },
      cookie: `sb-access-token=${gil.token}; access_token=${gil.token}`,
    };
    const me = await ask(all, "olga", "/rest/v1/rpc/me", { headers: lies, body: {} });
    expect(JSON.parse(me.body).id).toBe(olga.id);
    const roles = await ask(all, "visitor", "/rest/v1/user_roles", { headers: lies });
    expect(roles.status).toBe(401);
  });
});

describe("T19 a token that was not signed here", () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { sub: gil.id, role: "authenticated", aud: "authenticated", exp: now() + 600 };
  const forge = (header: object, payload: object, secret?: string | Buffer) => {
    const head = `${encode({ typ: "JWT", ...header })}.${encode(payload)}`;
    const signature = secret && createHmac("sha256", secret).update(head).digest("base64url");
    return `${head}.${signature ?? ""}`;
  };
  const serviceClaims = { ...claims, role: "service_role" };
  const [head, , signature] = gil.token.split(".");
  test.each(
    Object.entries({
      "of the algorithm none": forge({ alg: "none" }, claims),
      "of the algorithm nOnE": forge({ alg: "nOnE" }, claims),
      "without an algorithm": forge({}, claims, "secret"),
      "signed with another secret": forge({ alg: "HS256" }, claims, randomBytes(32)),
      "signed with the publishable key": forge(
        { alg: "HS256" },
        serviceClaims,
        stack.publishableKey,
      ),
      "signed with an empty secret": forge({ alg: "HS256" }, serviceClaims, "\0"),
      "that brings its own key": forge(
        {
          alg: "HS256",
          jwk: { kty: "oct", k: encode({}) },
          jku: "https://evil.test/jwks",
          kid: "../../dev/null",
        },
        serviceClaims,
        Buffer.from(encode({}), "base64url"),
      ),
      "of an algorithm that is not ours": forge({ alg: "RS256" }, claims, stack.publishableKey),
      "of another person's": `${head}.${encode({ ...claims, sub: olga.id })}.${signature}`,
      "without its signature": `${head}.${gil.token.split(".")[1]}.`,
      "that is the publishable key with more": `${stack.publishableKey}x`,
    }),
  )("T19 %s is nobody's", async (_, token) => {
    expect(await servicesThatTake(token)).toEqual([]);
  });

  test("T19 while one that was is", async () => {
    const services = ["rest", "function", "auth", "storage", "checkout"];
    expect(await servicesThatTake(gil.token)).toEqual(services);
  });
});

test("T20 a token that has run out, or does not begin yet, is nobody's", async () => {
  const as = { sub: gil.id, session_id: JSON.parse(atob(gil.token.split(".")[1]!)).session_id };
  const good = await servicesThatTake(await sign(as));
  expect(good).toContain("rest");
  for (const times of [{ exp: now() - 60 }, { exp: 1 }, { nbf: now() + 600 }]) {
    expect(await servicesThatTake(await sign({ ...as, ...times })), JSON.stringify(times)).toEqual(
      [],
    );
  }
});

describe("T21 a token that outlives", () => {
  test("T21 its account does nothing any more", async () => {
    const ghost = await signUp("Ghost");
    // Somebody who has booked leaves a profile behind, to which rows may still refer.
    const stay = { property_id: all.spare, check_in: inDays(60), check_out: inDays(61), guests: 1 };
    unwrap(await ghost.client.rpc("reserve", stay));
    expect((await service().auth.admin.deleteUser(ghost.id)).error).toBeNull();
    const headers = { apikey: stack.publishableKey, authorization: `Bearer ${ghost.token}` };
    const dates = { check_in: inDays(40), check_out: inDays(42), guests: 1 };
    const listing = {
      title: "x",
      category: "cabin",
      country_code: "IE",
      city: "x",
      price_per_night: 1,
    };
    const tries: [string, object][] = [
      ["rest/v1/rpc/me", {}],
      ["rest/v1/rpc/reserve", { property_id: all.home, ...dates }],
      ["rest/v1/rpc/toggle_favorite", { property_id: all.home }],
      ["rest/v1/inquiries", { subject: "x", message: "x" }],
      ["rest/v1/properties", listing],
      ["functions/v1/checkout", { property_id: all.home, ...dates }],
    ];
    for (const [path, body] of tries) {
      const { status, body: told } = await send(`/${path}`, { headers, body });
      expect([401, 403, 404, 409], `${path}: ${status} ${told}`).toContain(status);
    }
  });

  test("T21 its role has that role no more", async () => {
    const deputy = await signUp("Deputy");
    await database`update public.user_roles set role = 'admin' where user_id = ${deputy.id}`;
    const users = () => deputy.client.rpc("search_users");
    expect((await users()).error).toBeNull();
    await database`update public.user_roles set role = 'user' where user_id = ${deputy.id}`;
    expect((await users()).status).toBe(403);
    expect(unwrap(await deputy.client.from("user_roles").select("user_id"))).toHaveLength(1);
  });

  test("T21 its session is no way to another one", async () => {
    const leaver = await signUp("Leaver");
    const { data } = await leaver.client.auth.getSession();
    await leaver.client.auth.signOut();
    const { refresh_token } = data.session!;
    const again = await visitor().auth.refreshSession({ refresh_token });
    expect(again.error).not.toBeNull();
  });
});

test("T22 functions for the secret key are for nobody else", async () => {
  for (const name of ["jobs", "daily-report"]) {
    const keys = [
      {},
      { apikey: stack.publishableKey },
      { apikey: stack.publishableKey, authorization: `Bearer ${all.people.ada.token}` },
      { apikey: "sb_secret_wrong", authorization: "Bearer sb_secret_wrong" },
      { apikey: all.people.ada.token },
      { authorization: `Bearer ${stack.publishableKey}` },
    ];
    for (const headers of keys) {
      const { status } = await send(`/functions/v1/${name}`, {
        headers,
        body: { date: "1990-01-01" },
      });
      expect([401, 403], `${name} ${JSON.stringify(headers)}`).toContain(status);
    }
  }
  const publishable = { apikey: stack.publishableKey };
  const body = { property_id: all.home };
  expect((await send("/functions/v1/checkout", { headers: publishable, body })).status).toBe(401);
  // How well each part is, is for operators; that something is not, for everyone.
  for (const headers of [{}, publishable, { apikey: all.people.ada.token }]) {
    const health = JSON.parse((await send("/functions/v1/health", { headers })).body);
    expect(Object.keys(health)).toEqual(["status"]);
  }
});

describe("T40 who has an account", () => {
  const post = async (path: string, body: object) => {
    const headers = { apikey: stack.publishableKey };
    const { status, body: text } = await send(`/auth/v1/${path}`, { headers, body });
    return `${status} ${text}`;
  };
  test.each([
    ["signing in", "token?grant_type=password", { password: "not-this-one-1" }],
    ["asking for a new password", "recover", {}],
    ["asking for a sign-in link", "otp", {}],
    ["a wrong code", "verify", { token: "12345678", type: "email" }],
  ])("T40 is not told by %s", async (_, path, body) => {
    const email = newAddress();
    const known = await post(path, { email: gil.email, ...body });
    expect(known.replaceAll(gil.email, email)).toBe(await post(path, { email, ...body }));
  });

  test("T40 is not told by the form for visitors", async () => {
    const network = { "cf-connecting-ip": `2001:db8:${randomBytes(2).toString("hex")}::1` };
    const write = async (address: string) => {
      const body = { name: "V", address, subject: "x", message: "x" };
      return (await send("/functions/v1/contact", { headers: network, body })).body;
    };
    expect(await write(gil.email)).toBe(await write(newAddress()));
  });

  test("T40 no address can be read or searched for, but by admins", async () => {
    for (const column of ["email", "auth_users", "raw_user_meta_data", "users(email)"]) {
      const { status } = await ask(all, "olga", `/rest/v1/profiles?select=${column}&limit=1`);
      expect(status, column).toBeGreaterThanOrEqual(400);
    }
    for (const who of ["visitor", "olga", "cleo"] as const) {
      const found = await ask(all, who, "/rest/v1/rpc/search_users", {
        body: { query: gil.email },
      });
      expect([401, 403], who).toContain(found.status);
      const users = await ask(all, who, "/auth/v1/admin/users");
      expect([401, 403], who).toContain(users.status);
      const user = await ask(all, who, `/auth/v1/admin/users/${gil.id}`);
      expect([401, 403], who).toContain(user.status);
    }
  });
});

test("T47 no picture of another site's becomes an avatar", async () => {
  const evil = "https://evil.test/pixel.png?lh3.googleusercontent.com/";
  const ids = await Promise.all(
    [evil, "https://lh3.googleusercontent.com/a/x"].map(async (avatar_url) => {
      const client = visitor();
      const data = { name: "M", avatar_url, picture: avatar_url, provider: "google" };
      const { user } = unwrap(
        await client.auth.signUp({ email: newAddress(), password, options: { data } }),
      );
      return user!.id;
    }),
  );
  const profiles = await ask(all, "visitor", `/rest/v1/profiles?select=avatar_url&id=in.(${ids})`);
  expect(JSON.parse(profiles.body)).toEqual([{ avatar_url: null }, { avatar_url: null }]);
  for (const avatar_path of [`${olga.id}/../${gil.id}/x.png`, evil, `${olga.id}/a/b.png`]) {
    const { status } = await ask(all, "olga", `/rest/v1/profiles?id=eq.${olga.id}`, {
      method: "PATCH",
      body: { avatar_path },
    });
    expect(status, avatar_path).toBe(400);
  }
});
