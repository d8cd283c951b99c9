import { jwtVerify } from "jose";
import type { Settings } from "./settings.ts";

/** On whose behalf a request runs: the role in Postgres, and the claims that policies read. */
export type Caller = { role: string; sub: string | null; claims: Record<string, unknown> };

const callerOf = (role: string): Caller => ({ role, sub: null, claims: { role } });
/** Whom the secret key stands for, and the platform itself: policies do not bind it. */
export const service = callerOf("service_role");

/** A key or token that nobody may use; the message says what is wrong with it. */
export class InvalidToken extends Error {}

/**
 * The caller of a request, as hosted tells: `apikey` has to be good, and a user's token goes before
 * it. (supabase-js sends the key as the token too while nobody is signed in.) Null without either.
 */
export async function resolveCaller(request: Request, { keys }: Pick<Settings, "keys">) {
  const bearer = request.headers.get("authorization")?.replace(/^Bearer\s+/i, "");
  let caller: Caller | null = null;
  for (const credential of [request.headers.get("apikey"), bearer]) {
    if (credential) caller = await identify(credential, keys);
  }
  return caller;
}

async function identify(credential: string, keys: Settings["keys"]): Promise<Caller> {
  if (credential === keys.publishable) return callerOf("anon");
  if (credential === keys.secret) return service;
  const secret = new TextEncoder().encode(keys.jwtSecret);
  // The algorithm is ours to say, not the token's: `none` and others never get this far.
  const verified = jwtVerify(credential, secret, { algorithms: ["HS256"] });
  const { payload } = await verified.catch((error: Error) => {
    throw new InvalidToken(error.message);
  });
  const { role = "anon", sub = null } = payload;
  if (/^(anon|authenticated|service_role)$/.test(`${role}`)) {
    return { role: `${role}`, sub, claims: payload };
  }
  throw new InvalidToken("The role of this token may not be used");
}
