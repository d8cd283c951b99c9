import { globSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import {
  call,
  database,
  inDays,
  list,
  password,
  signUp,
  stack,
  stripe,
  visitor,
} from "../api/actors.ts";
import { type Answer, ask, send } from "./ask.ts";
import { world } from "./world.ts";

/** What must stand nowhere: in the repository, in logs, in answers, in mails, in tables. */

const all = await world();
const root = resolve(import.meta.dirname, "../..");

describe("T43 the repository", () => {
  /** How secrets look; what is plainly made up has words or dots where a secret has noise. */
  const shapes = [
    /\b[sr]k_(?:live|test)_(?=\w*\d)[A-Za-z0-9]{16,}/,
    /\bwhsec_(?=\w*\d)[A-Za-z0-9+/]{16,}/,
    /\bsb_secret_(?=\w*\d)\w{16,}/,
    /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/,
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
    /\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|xox[abp]-[\w-]{10,}|SG\.[\w-]{16,}\.)/,
    /\bpostgres(?:ql)?:\/\/\w+:(?=\w*\d)\w{16,}@/,
  ];
  const gitignore = readFileSync(resolve(root, ".gitignore"), "utf8").split("\n");
  const ignored = [".git", ...gitignore.map((line) => basename(line))].filter(Boolean);

  test("T43 holds no key of anybody's", () => {
    const files = globSync("**/*", {
      ...{ cwd: root, withFileTypes: true },
      exclude: ({ name }) => ignored.includes(name) || name.endsWith(".log"),
    }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(300);
    const found = files.flatMap(({ parentPath, name }) => {
      const text = readFileSync(resolve(parentPath, name), "latin1");
      return shapes.flatMap((shape) =>
        shape.exec(text) ? [`${parentPath}/${name}: ${shape}`] : [],
      );
    });
    expect(found).toEqual([]);
  });

  test("T43 and would be found to hold one", () => {
    const noise = "4eC39HqLyjWDarjtT1zdp7dc";
    const keys = [
      `sk_live_${noise}`,
      `whsec_${noise}`,
      stack.secretKey,
      all.people.gil.token,
      stack.database,
    ];
    for (const key of keys)
      expect(
        shapes.some((shape) => shape.test(key)),
        key.slice(0, 8),
      ).toBe(true);
    for (const key of ["sk_test_...", "whsec_test", "sb_secret_wrong", "sb_publishable_x"]) {
      expect(
        shapes.some((shape) => shape.test(key)),
        key,
      ).toBe(false);
    }
  });
});

/** The real secrets of this stack, by name. */
const signing = JSON.parse(process.env.SUPABASE_JWKS ?? '{"keys":[]}').keys[0]?.k ?? "";
const secrets: Record<string, string> = {
  "the secret key": stack.secretKey,
  "Stripe's webhook secret": stack.webhookSecret,
  "Stripe's secret key": process.env.STRIPE_SECRET_KEY ?? "",
  "the database's password": new URL(stack.database).password,
  "the key of tokens": signing,
  "the key of tokens in plain": Buffer.from(signing, "base64url").toString(),
  "a password": password,
  "a token": all.people.gil.token,
  "another token": all.people.ada.token,
};
const secretsIn = (text: string) =>
  Object.entries(secrets).flatMap(([name, value]) => (value && text.includes(value) ? [name] : []));

/** What a caller has no business with: stacks, statements, paths, addresses of our own. */
const insides =
  /\bat (?:async )?\S+ \(|node_modules|file:\/\/|\.tsx?:\d+|\/tmp\/|postgres(?:ql)?:\/\/|PL\/pgSQL|ECONNREFUSED|127\.0\.0\.1:\d+\b/;

/** Everything that goes wrong when one wants it to. */
async function mishaps(): Promise<[string, Answer][]> {
  const sign = (payload: string) => {
    const signature = Stripe.webhooks.generateTestHeaderString({
      payload,
      secret: stack.webhookSecret,
    });
    return { body: payload, headers: { "stripe-signature": signature } };
  };
  const event = (changes: object) =>
    sign(
      JSON.stringify({
        id: `evt_${crypto.randomUUID()}`,
        type: "charge.refunded",
        created: 1,
        ...changes,
      }),
    );
  const text = { "content-type": "application/json" };
  const bodies = [
    "{",
    "[]",
    "null",
    '"x"',
    "\u0000",
    "{}",
    '{"reservation_id":1}',
    '{"a":'.repeat(2000),
  ];
  const places = [
    ...["checkout", "contact", "stripe-webhook", "jobs", "daily-report"].map(
      (name) => `functions/v1/${name}`,
    ),
    ...["rpc/reserve", "rpc/me", "properties", "inquiries", "rpc/nothing"].map(
      (name) => `rest/v1/${name}`,
    ),
    ...[
      "auth/v1/signup",
      "auth/v1/token?grant_type=password",
      "auth/v1/recover",
      "storage/v1/object/list/avatars",
    ],
  ];
  const wrong = places.flatMap((place) =>
    bodies.map((body) => [place, ask(all, "olga", `/${place}`, { body, headers: text })] as const),
  );
  const uuid = encodeURIComponent("'; select 1/0 --");
  const more = {
    "functions/v1/stripe-webhook, with an event that the database cannot take": send(
      "/functions/v1/stripe-webhook",
      event({ created: 1e300 }),
    ),
    "functions/v1/stripe-webhook, with an event without an object": send(
      "/functions/v1/stripe-webhook",
      event({ data: { object: 7 } }),
    ),
    "an id that is none": ask(all, "olga", `/rest/v1/properties?id=eq.${uuid}`),
    "a column that is not there": ask(all, "olga", "/rest/v1/profiles?select=password"),
    "a date that is none": ask(all, "olga", "/rest/v1/rpc/quote_stay", {
      body: { property_id: all.home, check_in: "x", check_out: "y", guests: 1 },
    }),
    "a file that is not there": ask(all, "olga", "/storage/v1/object/avatars/x.png"),
    "a function that is not there": ask(all, "olga", "/functions/v1/nothing"),
  };
  const answers = [...wrong, ...Object.entries(more)];
  return await Promise.all(
    answers.map(async ([name, answer]) => [name, await answer] as [string, Answer]),
  );
}

test("T45 whatever goes wrong, the answer tells nothing of what is inside", async () => {
  for (const [name, { status, body }] of await mishaps()) {
    expect(body, name).not.toMatch(insides);
    expect(secretsIn(body), name).toEqual([]);
    if (status < 500 || !name.startsWith("functions/")) continue;
    // A fault of ours: an id to look for, and no word of what it was.
    expect(JSON.parse(body), name).toEqual({
      error: { code: "internal_error", message: "Something went wrong on our side." },
    });
  }
});

describe("T44 a secret", () => {
  test("T44 is in no answer, log line or dead letter of a payment that failed", async () => {
    const guest = await signUp("Unlucky");
    const home = await list(all.people.ana);
    const body = { property_id: home.id, check_in: inDays(9), check_out: inDays(10), guests: 1 };
    await stripe("outage?seconds=60");
    const answer = await call("checkout", body, {
      authorization: `Bearer ${guest.token}`,
    }).finally(() => stripe("outage?seconds=0"));
    expect([answer.status, answer.body.error.code]).toEqual([502, "payment_provider_unavailable"]);
    expect(secretsIn(JSON.stringify(answer.body))).toEqual([]);
  });

  test("T44 is in none of the mails", async () => {
    const mails = await (await fetch(`${stack.mailbox}/email`)).text();
    expect(mails.length).toBeGreaterThan(1000);
    expect(secretsIn(mails)).toEqual([]);
  });

  test("T44 is in no table but the Vault's", async () => {
    const tables = await database<{ name: string }[]>`
      select n.nspname || '.' || c.relname as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and n.nspname in ('public', 'private', 'cron', 'net', 'storage')
        -- What waits to be sent has the key with it; it is nobody's to read.
        and c.relname <> 'http_request_queue'`;
    const found = tables.map(async ({ name }) => {
      const values = Object.values(secrets).filter(Boolean);
      const [row] = await database`
        select count(*)::integer as rows from ${database(name)} t
        where exists (select from unnest(${values}::text[]) s where position(s in t::text) > 0)`;
      return row!.rows ? [name] : [];
    });
    expect((await Promise.all(found)).flat()).toEqual([]);
  });

  test.runIf(process.env.STACK_LOG)("T44 is in no log, nor are addresses and tokens", () => {
    const log = readFileSync(process.env.STACK_LOG!, "utf8");
    expect(log).toContain('"level":"error"');
    expect(secretsIn(log.replace(/^\w+=\S+$/gm, ""))).toEqual([]);
    expect(log).not.toMatch(/\beyJ[\w-]{10,}\./);
    for (const { email } of Object.values(all.people)) expect(log).not.toContain(email);
  });
});

test("T46 another site's page can do nothing in somebody's name", async () => {
  const origin = { origin: "https://evil.test" };
  const { email } = all.people.olga;
  const answers = [
    await ask(all, "olga", "/rest/v1/profiles?limit=1", { headers: origin }),
    await ask(all, "olga", "/auth/v1/user", { headers: origin }),
    await ask(all, "olga", "/functions/v1/checkout", { headers: origin, body: {} }),
    await ask(all, "visitor", "/auth/v1/token?grant_type=password", {
      ...{ headers: origin, body: { email, password } },
    }),
    await ask(all, "visitor", "/rest/v1/profiles", { method: "OPTIONS", headers: origin }),
  ];
  for (const { headers } of answers) {
    expect(headers.get("set-cookie")).toBeNull();
    expect(headers.get("access-control-allow-credentials")).toBeNull();
  }
  // What a browser would send along by itself is no way in.
  const cookie = {
    apikey: stack.publishableKey,
    cookie: `sb-access-token=${all.people.olga.token}`,
  };
  expect((await send("/rest/v1/user_roles", { headers: cookie })).status).toBe(401);
  expect((await visitor().rpc("me")).status).toBe(401);
});
