import { SignJWT } from "jose";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { serve } from "../../supabase/functions/_shared/serve.ts";

// How keys are replaced without a gap, as docs/operations.md says: both are good for a while, then
// the new one alone. The environment is what the platform gives a function.

beforeEach(() => {
  vi.spyOn(console, "log").mockReturnValue();
  vi.stubEnv("SUPABASE_URL", "http://127.0.0.1:1");
  vi.stubEnv("SUPABASE_PUBLISHABLE_KEYS", JSON.stringify({ default: "sb_publishable_1" }));
  vi.stubEnv("SUPABASE_SECRET_KEYS", JSON.stringify({ default: "sb_secret_old" }));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const forWorkers = serve("jobs", "secret", {
  wire: () => undefined,
  handle: async () => new Response("done"),
});
const forUsers = serve("checkout", "user", {
  wire: () => undefined,
  handle: async (_request, _tools, { userClaims }) => Response.json(userClaims?.id),
});

async function statusWith(func: typeof forWorkers, headers: Record<string, string>) {
  return (await func.fetch(new Request("http://api/", { method: "POST", headers }))).status;
}

test("a secret key: a new one beside the old one, then the old one is deleted", async () => {
  const statuses = async () => [
    await statusWith(forWorkers, { apikey: "sb_secret_old" }),
    await statusWith(forWorkers, { apikey: "sb_secret_new" }),
  ];
  expect(await statuses()).toEqual([200, 401]);
  const both = { default: "sb_secret_old", next: "sb_secret_new" };
  vi.stubEnv("SUPABASE_SECRET_KEYS", JSON.stringify(both));
  expect(await statuses()).toEqual([200, 200]);
  vi.stubEnv("SUPABASE_SECRET_KEYS", JSON.stringify({ next: "sb_secret_new" }));
  expect(await statuses()).toEqual([401, 200]);
});

test("the key that signs users' tokens: those of the old one hold until it is revoked", async () => {
  const keys = {
    old: "the old key of thirty-two letters",
    new: "the new key of thirty-two letters",
  };
  const trust = (...names: (keyof typeof keys)[]) => {
    const jwks = names.map((kid) => ({
      ...{ kty: "oct", alg: "HS256", kid },
      k: Buffer.from(keys[kid]).toString("base64url"),
    }));
    vi.stubEnv("SUPABASE_JWKS", JSON.stringify({ keys: jwks }));
  };
  const tokenOf = (kid: keyof typeof keys) =>
    new SignJWT({ role: "authenticated", aud: "authenticated" })
      .setProtectedHeader({ alg: "HS256", kid })
      .setSubject("9d1f0a52-7f6e-4a2b-8b1d-0d6a4f3f7c11")
      .setExpirationTime("1h")
      .sign(Buffer.from(keys[kid]));
  const statuses = async () => [
    await statusWith(forUsers, { authorization: `Bearer ${await tokenOf("old")}` }),
    await statusWith(forUsers, { authorization: `Bearer ${await tokenOf("new")}` }),
  ];
  trust("old");
  expect(await statuses()).toEqual([200, 401]);
  trust("new", "old");
  expect(await statuses()).toEqual([200, 200]);
  trust("new");
  expect(await statuses()).toEqual([401, 200]);
});
