import { jwtVerify } from "jose";
import type { Settings } from "./settings.ts";

/** On whose behalf a request runs: the role in Postgres, and the claims that policies read. */
export type Caller = { role: string; sub: string | null; claims: Record<string, unknown> };

/** A key or token that nobody may use; the message says what is wrong with it. */
export class InvalidToken extends Error {}

const roles = ["anon", "authenticated", "service_role"];

/**
 * The caller of a request, told by its key and token as hosted does: `apikey` has to be good, and a
 * user's token in `Authorization` goes before it. (supabase-js sends the key in both headers while
 * nobody is signed in.) Null when there is neither; throws `InvalidToken` for a bad one.
 */
export async function resolveCaller(
  request: Request,
  settings: Pick<Settings, "keys">,
): Promise<Caller | null> {
  const bearer = request.headers.get("authorization")?.replace(/^Bearer\s+/i, "");
  let caller: Caller | null = null;
  for (const credential of [request.headers.get("apikey"), bearer]) {
    if (credential) caller = await identify(credential, settings.keys);
  }
  return caller;
}

async function identify(credential: string, keys: Settings["keys"]): Promise<Caller> {
  if (credential === keys.publishable) return callerOf({ role: "anon" });
  if (credential === keys.secret) return callerOf({ role: "service_role" });
  const secret = new TextEncoder().encode(keys.jwtSecret);
  // The algorithm is ours to say, not the token's: `none` and others never get this far.
  const verified = jwtVerify(credential, secret, { algorithms: ["HS256"] });
  const { payload } = await verified.catch((error: Error) => {
    throw new InvalidToken(error.message);
  });
  return callerOf(payload);
}

function callerOf(claims: Record<string, unknown>): Caller {
  const role = String(claims.role ?? "anon");
  if (!roles.includes(role)) throw new InvalidToken("The role of this token may not be used");
  return { role, sub: typeof claims.sub === "string" ? claims.sub : null, claims };
}
