import { stack } from "../api/actors.ts";
import type { Attacker, World } from "./world.ts";

/** The API as an attacker asks it: any path, any header, any body. */

export type Answer = { status: number; headers: Headers; body: string };
type Request = { method?: string; headers?: Record<string, string>; body?: unknown };

/** Asks with these headers alone. */
export async function send(path: string, { method, headers, body }: Request = {}): Promise<Answer> {
  const isJson = body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
  const response = await fetch(stack.api + path, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { ...(isJson && { "content-type": "application/json" }), ...headers },
    redirect: "manual",
    ...(body !== undefined && { body: isJson ? JSON.stringify(body) : (body as string) }),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** Asks as somebody: with the publishable key, and the token of whoever has signed in. */
export function ask(world: World, who: Attacker, path: string, request: Request = {}) {
  const authorization =
    who === "visitor" ? {} : { authorization: `Bearer ${world.people[who].token}` };
  const headers = { apikey: stack.publishableKey, ...authorization, ...request.headers };
  return send(path, { ...request, headers });
}

/** All of what an attacker can tell answers apart by. */
export function told({ status, headers, body }: Answer): string {
  const range = headers.get("content-range");
  return `${status} ${range} ${body}`;
}

/** What of that an answer gives away. */
export function leaks({ body }: Answer, secrets: string[]): string[] {
  return secrets.filter((secret) => body.includes(secret));
}
