import { verify } from "hono/jwt";
import type { Settings } from "./settings.ts";
import { refusal } from "./storage-files.ts";

/** On whose behalf Storage works: the claims that policies read, with the role in Postgres. */
export type Caller = { role: string; sub?: string };
/** Who names nobody. */
export const anon: Caller = { role: "anon" };
/** Whom the secret key stands for, and the platform itself: policies do not bind it. */
export const service: Caller = { role: "service_role" };

/** Whom a request names, by a user's token or else by a key. */
export async function resolveCaller({ headers }: Request, { keys, jwk }: Settings) {
  const token = headers.get("authorization")?.replace(/^Bearer\s+/i, "") ?? headers.get("apikey");
  if (!token || token === keys.publishable) return anon;
  if (token === keys.secret) return service;
  // The algorithm is ours to say, not the token's: `none` and others never get this far.
  const claims = await verify(token, jwk, "HS256").catch(() => ({ role: "nobody" }));
  if (/^(anon|authenticated|service_role)$/.test(`${claims.role}`)) return claims as Caller;
  throw refusal("AccessDenied", "Invalid token");
}
