import fc from "fast-check";
import { afterAll, beforeAll, expect } from "vitest";
import { type Actor, database, demo, inDays, list, signUp, stack } from "../api/actors.ts";
import { write } from "./values.ts";

/** How long each test goes on; `FUZZ_SECONDS=300` looks for what nobody has tried yet. */
const asked = Number(process.env.FUZZ_SECONDS ?? 0);
const seconds = asked || 2;
const seed = asked ? Date.now() : 1;
export const timeout = (seconds + 60) * 1000;

/** Nobody, somebody with a home and a stay, and an agent. */
export const callers = ["visitor", "user", "agent"] as const;
type Caller = (typeof callers)[number];

/** What is sent: a value as JSON, or a text as it is. */
export type Call = {
  by: Caller;
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
  raw?: string;
};

/** Opens a world for the tests of a file: who calls, and ids of what is there. */
export function openWorld() {
  const world = { keys: {} as Record<Caller, Record<string, string>>, ids: [] as string[] };
  const people: Actor[] = [];
  beforeAll(async () => {
    people.push(...(await Promise.all(["Flo", "Ana"].map(signUp))));
    const [user, host] = people as [Actor, Actor];
    const agent = await demo("agent");
    const homes = await Promise.all([list(user), list(host)]);
    const stay = { check_in: inDays(30), check_out: inDays(33), guests: 2 };
    const asked = { property_id: homes[1].id, ...stay };
    const { data: reservation } = await user.client.rpc("reserve", asked).throwOnError();
    world.ids = [user, host, agent, ...homes, reservation].map(({ id }) => id);
    const key = { apikey: stack.publishableKey };
    const keyOf = ({ token }: Actor) => ({ ...key, authorization: `Bearer ${token}` });
    world.keys = { visitor: key, user: keyOf(user), agent: keyOf(agent) };
  });
  afterAll(async () => {
    await database`delete from auth.users where id in ${database(people.map(({ id }) => id))}`;
    await database.end();
  });
  return world;
}

/** Makes such calls until the time is over. The first wrong answer ends it, with call and seed. */
export async function tryCalls(
  { keys }: ReturnType<typeof openWorld>,
  calls: fc.Arbitrary<Call>,
): Promise<void> {
  const property = fc.asyncProperty(calls, async (call) => {
    const { by, method, path, headers, body, raw } = call;
    const sent = method === "GET" || method === "HEAD" ? {} : { body: raw ?? write(body) };
    const options = { "content-type": "application/json", ...keys[by], ...headers };
    await check(call, await fetch(stack.api + path, { method, headers: options, ...sent }));
  });
  await fc.assert(property, {
    ...{ seed, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000 },
  });
}

/** What no answer may tell: SQL, code, files, names from behind the API. */
const inside =
  /\bselect .* from |insert into |update .* set |PL\/pgSQL|\bprivate\.|\bat \S+ \(|\.[jt]s:\d|node_modules|file:\/\/|\/supabase\/|ECONN/i;

/** Never a fault of ours: what is refused is refused with a sentence and a code. */
async function check({ method, path, raw, body }: Call, response: Response): Promise<void> {
  const { status } = response;
  const text = await response.text();
  const sent = (raw ?? JSON.stringify(body) ?? "").slice(0, 300);
  const about = `${method} ${path}\n${sent}\n${status} ${text.slice(0, 600)}`;
  // It says how all is.
  if (path.startsWith("/functions/v1/health") && status === 503) return;
  // A list in a list in a list …: Postgres calls it too complex, and so PostgREST answers 500.
  if (text.includes('"code":"54000"')) return;
  expect(status, about).toBeLessThan(500);
  if (status < 400 || method === "HEAD") return;
  expect(text, about).not.toMatch(inside);
  const answer = JSON.parse(text);
  const { code, message } = answer.error ?? answer;
  expect(code, about).toEqual(expect.stringMatching(/^\w+$/));
  expect(message, about).toEqual(expect.stringMatching(/\S \S/));
}
