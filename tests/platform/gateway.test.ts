import { createHmac, randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { signUp, stack } from "../api/actors.ts";

const get = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(stack.api + path, { headers, ...init });
const apikey = stack.publishableKey;
const rest = "/rest/v1/categories?select=slug&limit=1";

describe("keys", () => {
  test("a request without one, or with a wrong one, is 401", async () => {
    expect((await get(rest)).status).toBe(401);
    for (const wrong of ["", "sb_publishable_wrong", "sb_secret_wrong", "wrong"]) {
      expect((await get(rest, { apikey: wrong })).status).toBe(401);
    }
    expect((await get(rest, { authorization: `Bearer ${apikey}` })).status).toBe(401);
  });

  test("the publishable one is anon, the secret one is service_role", async () => {
    const table = "/rest/v1/user_roles?select=role&limit=1";
    expect((await get(rest, { apikey })).status).toBe(200);
    expect((await get(table, { apikey })).status).toBe(401);
    expect((await get(table, { apikey: stack.secretKey })).status).toBe(200);
    const admin = "/auth/v1/admin/users";
    expect((await get(admin, { apikey })).status).toBe(403);
    expect((await get(admin, { apikey: stack.secretKey })).status).toBe(200);
  });
});

test("the secret key is refused from a browser", async () => {
  const browser = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0" };
  expect((await get(rest, { apikey: stack.secretKey, ...browser })).status).toBe(401);
  expect((await get(rest, { apikey, ...browser })).status).toBe(200);
});

describe("forged tokens", () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { role: "service_role", sub: crypto.randomUUID(), exp: now + 600 };
  const unsigned = `${encode({ alg: "none", typ: "JWT" })}.${encode(claims)}.`;
  const byKey = (secret: string, alg = "HS256") => {
    const head = `${encode({ alg, typ: "JWT" })}.${encode(claims)}`;
    return `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`;
  };
  const forgeries: Record<string, () => Promise<string> | string> = {
    "signed with another secret": () =>
      new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(randomBytes(32)),
    "signed with the publishable key": () => byKey(apikey),
    "of the algorithm none": () => unsigned,
    "of the algorithm NONE": () => unsigned.replace(/^[^.]+/, encode({ alg: "NONE" })),
    "of an algorithm that is not ours": () => byKey(apikey, "RS256"),
    "with a signature cut off": async () => (await signUp("Mallory")).token.slice(0, -10),
    "with another's claims": async () => {
      const [head, , signature] = (await signUp("Mallory")).token.split(".");
      return `${head}.${encode(claims)}.${signature}`;
    },
    "that is none": () => "not-a-token",
  };

  for (const [name, forge] of Object.entries(forgeries)) {
    test(`one ${name} is 401`, async () => {
      const headers = { apikey, authorization: `Bearer ${await forge()}` };
      expect((await get(rest, headers)).status).toBe(401);
      const checkout = await get("/functions/v1/checkout", headers, { method: "POST", body: "{}" });
      expect(checkout.status).toBe(401);
      expect((await get("/auth/v1/user", headers)).status).toBeOneOf([401, 403]);
    });
  }
});

describe("browsers of any origin", () => {
  const preflight = {
    origin: "https://shop.example",
    "access-control-request-method": "PATCH",
    "access-control-request-headers": "apikey,authorization,content-type,prefer,x-client-info",
  };

  test.each(["rest/v1/profiles", "auth/v1/user", "storage/v1/bucket", "functions/v1/checkout"])(
    "may call %s",
    async (path) => {
      const asked = await get(`/${path}`, preflight, { method: "OPTIONS" });
      expect(asked.ok).toBe(true);
      expect(asked.headers.get("access-control-allow-origin")).toBe("*");
      const allowed = asked.headers.get("access-control-allow-headers")?.toLowerCase();
      for (const name of ["apikey", "authorization", "x-client-info"]) {
        expect(allowed).toContain(name);
      }
      const refused = await get(`/${path}`, { origin: "https://shop.example" });
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(refused.headers.get("access-control-allow-origin")).toBe("*");
    },
  );

  test("may read how many rows there are", async () => {
    const answer = await get(rest, { apikey, prefer: "count=exact" });
    expect(answer.headers.get("access-control-expose-headers")).toContain("content-range");
    expect(answer.headers.get("content-range")).toMatch(/^0-0\/\d+$/);
  });
});

test("a body of more than 10 MB is refused with a sentence", async () => {
  const tooLarge = { method: "POST", body: new Uint8Array(11 << 20) };
  for (const service of ["rest/v1/profiles", "auth/v1/signup", "functions/v1/stripe-webhook"]) {
    const answer = await get(`/${service}`, { apikey }, tooLarge);
    expect(answer.status).toBe(413);
    expect((await answer.json()).message).toBe("The request is larger than 10 MB.");
  }
});

test("a fault is answered without detail, with the id under which the log has it", async () => {
  // No JSON in Postgres has half a character, and Auth does not look.
  const email = `${crypto.randomUUID()}@people.test`;
  const body = JSON.stringify({ email, password: "long-enough-1", data: { half: "\ud800" } });
  const asked = { method: "POST", body };
  const answer = await get("/auth/v1/signup", { apikey }, asked);
  expect(answer.status).toBe(500);
  const id = answer.headers.get("x-request-id");
  expect(await answer.json()).toMatchObject({
    message: `Something broke here; the log tells what, as ${id}.`,
  });
});

test("requests that make no sense are refused without a fault", async () => {
  expect((await get("/_system/config", { apikey })).status).toBe(404);
  expect((await get("/editor", { apikey })).status).toBe(404);
  expect((await get("/functions/v1/_shared", { apikey })).status).toBe(404);
});

test("the table editor works for its own page alone", async () => {
  const studio = process.env.STUDIO_URL ?? "";
  const ask = async (path: string, headers: Record<string, string>) =>
    (await fetch(studio + path, { headers })).status;
  const rows = "/rest/v1/user_roles?limit=1";
  expect(await ask("/editor", {})).toBe(200);
  expect(await ask(rows, { "sec-fetch-site": "same-origin" })).toBe(200);
  for (const site of ["cross-site", "same-site", "none"]) {
    expect(await ask(rows, { "sec-fetch-site": site })).toBe(403);
    expect(await ask("/_system/introspect", { "sec-fetch-site": site })).toBe(403);
  }
  expect(await ask(rows, {})).toBe(403);
});
