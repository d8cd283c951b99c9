import { randomBytes, randomInt } from "node:crypto";
import Papa from "papaparse";
import { describe, expect, test } from "vitest";
import {
  call,
  database,
  list,
  mailsTo,
  password,
  service,
  signUp,
  stack,
  unwrap,
  visitor,
  waitFor,
} from "../api/actors.ts";
import { ask, send } from "./ask.ts";
import { world } from "./world.ts";

/** Text that wants to be more than text: in searches, mails, files and addresses. */

const all = await world();
const { olga, gil } = all.people;
const site = process.env.SITE_URL ?? "http://127.0.0.1:3000";
const network = () => ({ "cf-connecting-ip": `2001:db8:${randomBytes(2).toString("hex")}::1` });
const newAddress = () => `${crypto.randomUUID()}@people.test`;

/** The mails to an address, when there are so many. */
const mailsFor = (address: string, count: number) =>
  waitFor(`${count} mails to ${address}`, async () => {
    const mails = await mailsTo(address);
    return mails.length >= count ? mails : undefined;
  });

describe("T09 a home that is not listed", () => {
  test("T09 is not found, priced, booked, liked or seen in a calendar", async () => {
    const { ana } = all.people;
    const dates = { check_in: "2027-02-01", check_out: "2027-02-03" };
    const hidden = await list(ana, { title: `${all.mark}z`, status: "archived" });
    unwrap(
      await ana.client
        .from("property_blocks")
        .insert({ property_id: hidden.id, ...dates })
        .select(),
    );
    for (const who of ["visitor", "olga", "gil"] as const) {
      const found = async (name: string, body: object) =>
        (await ask(all, who, `/rest/v1/rpc/${name}`, { body })).body;
      expect(await found("search_properties", { query: all.mark })).toBe("[]");
      const ofHost = JSON.parse(await found("search_properties", { host: ana.id, page_size: 100 }));
      expect(JSON.stringify(ofHost)).not.toContain(hidden.id);
      for (const property_id of [hidden.id, all.draft]) {
        const range = { property_id, from_date: "2027-01-01", to_date: "2027-06-01" };
        expect(await found("unavailable_ranges", range)).toBe("[]");
        const stay = { property_id, ...dates, guests: 1 };
        expect(await found("quote_stay", stay)).toContain('"not_found"');
      }
    }
    const favorite = { body: { property_id: hidden.id } };
    expect((await ask(all, "olga", "/rest/v1/favorites", favorite)).status).toBe(403);
    expect((await ask(all, "olga", "/rest/v1/rpc/toggle_favorite", favorite)).status).toBe(404);
    const stay = {
      property_id: hidden.id,
      check_in: "2027-03-01",
      check_out: "2027-03-02",
      guests: 1,
    };
    expect((await ask(all, "olga", "/rest/v1/rpc/reserve", { body: stay })).status).toBe(404);
    expect((await ask(all, "olga", "/functions/v1/checkout", { body: stay })).status).toBe(404);
  });
});

describe("T35 HTML in what people write", () => {
  test("T35 is text in every mail", async () => {
    const attack = `"><img src=x onerror=alert(1)><a href="javascript:alert(1)">x</a><style>*{}</style>`;
    const mallory = await signUp(attack);
    const body = { subject: attack, message: `${attack}\n<script>alert(1)</script>` };
    unwrap(await mallory.client.from("inquiries").insert(body).select());
    await list(mallory, { title: attack, city: attack });
    const contact = newAddress();
    const letter = { name: attack, address: contact, subject: attack, message: attack };
    expect((await call("contact", letter, network())).status).toBe(202);
    const mails = [...(await mailsFor(mallory.email, 2)), ...(await mailsFor(contact, 1))];
    for (const { html } of mails) {
      expect(html).toContain("&lt;img src=x");
      expect(html).not.toMatch(/<img src=x|<script|<style>\*|<a [^>]*href="javascript/i);
    }
  });

  test("T37 no link of a mail leads elsewhere than to the site", async () => {
    const { email } = await signUp("Mia");
    const evil = encodeURIComponent("https://evil.test/");
    const headers = { apikey: stack.publishableKey };
    await send(`/auth/v1/recover?redirect_to=${evil}`, { headers, body: { email } });
    await send(`/auth/v1/otp?redirect_to=${evil}`, {
      headers,
      body: { email, data: { x: "https://evil.test" } },
    });
    const address = newAddress();
    const letter = {
      name: "https://evil.test",
      address,
      subject: "https://evil.test",
      message: "https://evil.test/m",
    };
    await call("contact", letter, network());
    for (const mail of [...(await mailsFor(email, 2)), ...(await mailsFor(address, 1))]) {
      const links = [...mail.html.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(
        ([, url]) => url!,
      );
      const elsewhere = links.filter(
        (url) => new URL(url.replaceAll("&amp;", "&")).origin !== new URL(site).origin,
      );
      expect(elsewhere).toEqual([]);
      expect(decodeURIComponent(links.join())).not.toContain("evil");
      // What a stranger wrote does not go out under our name before the address is confirmed.
      expect(mail.text).not.toContain("evil.test/m");
    }
  });
});

describe("T36 line breaks, and marks that turn text around", () => {
  const attacks = [
    "x\r\nBcc: evil@people.test",
    "x\nSubject: y",
    "x\u202ey",
    "x\u0000y",
    "x\u2028y",
    "x\u0085y",
    // nothing to see at all
    "\u200e\u2060\ufeff",
  ];

  test.each(attacks.map((text) => [JSON.stringify(text), text]))(
    "T36 %s is in no name, title or subject",
    async (_, text) => {
      const email = newAddress();
      const data = { name: text };
      const signedUp = await visitor().auth.signUp({ email, password, options: { data } });
      const id = signedUp.data.user?.id;
      if (id) {
        const [{ name }] = await database<[{ name: string }]>`
        select name from public.profiles where id = ${id}`;
        expect(name).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }
      const listing = { category: "cabin", country_code: "IE", price_per_night: 1 };
      const tries: [string, string, object][] = [
        ["PATCH", `rest/v1/profiles?id=eq.${olga.id}`, { name: text }],
        ["POST", "rest/v1/properties", { ...listing, title: text, city: "x" }],
        ["POST", "rest/v1/properties", { ...listing, title: "x", city: text }],
        ["POST", "rest/v1/inquiries", { subject: text, message: "x" }],
        [
          "POST",
          "functions/v1/contact",
          { name: text, address: email, subject: "x", message: "x" },
        ],
        [
          "POST",
          "functions/v1/contact",
          { name: "x", address: email, subject: text, message: "x" },
        ],
        [
          "POST",
          "functions/v1/contact",
          { name: "x", address: `${email}${text.slice(1)}`, subject: "x", message: "x" },
        ],
      ];
      for (const [method, path, body] of tries) {
        const { status, body: told } = await ask(all, "olga", `/${path}`, {
          method,
          body,
          headers: network(),
        });
        expect(status, `${path} ${JSON.stringify(body)}: ${told}`).toBe(400);
      }
    },
  );

  test("T36 nor does a name or an address lead a mail to somebody else", async () => {
    const victim = newAddress();
    const person = await signUp(`"M" <${victim}>, ${victim}`);
    const body = { subject: `To: ${victim}`, message: "x" };
    unwrap(await person.client.from("inquiries").insert(body).select());
    const [mail] = await mailsFor(person.email, 1);
    expect(mail!.to.map(({ address }) => address)).toEqual([person.email]);
    expect(Object.keys(mail!.headers).map((name) => name.toLowerCase())).not.toContain("bcc");
    for (const address of [
      `${victim},${newAddress()}`,
      `a@b.test <${victim}>`,
      `${victim}\nBcc:x@y.test`,
      "root",
      "a b@c.test",
    ]) {
      const letter = { name: "x", address, subject: "x", message: "x" };
      expect((await call("contact", letter, network())).status, address).toBe(400);
    }
    expect(await mailsTo(victim)).toEqual([]);
  });
});

test("T48 nobody unsubscribes others, and looking at the link changes nothing", async () => {
  const host = await signUp("Hal");
  await list(host);
  const [mail] = await mailsFor(host.email, 1);
  const path = /\/functions\/v1\/unsubscribe\?token=[\w-]+/.exec(mail!.html)![0];
  const ended = async () =>
    (
      await database`
      select unsubscribed_at from private.mail_subscriptions where address = ${host.email}`
    )[0]!.unsubscribed_at;
  for (const other of [crypto.randomUUID(), host.id, mail!.id, host.email, "%", ""]) {
    const place = path.replace(/token=.*/, `token=${encodeURIComponent(other)}`);
    const answers = [await send(place, { body: "" }), await send(place)];
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  }
  const looked = await send(path, { headers: { accept: "text/html" } });
  expect(looked.status).toBe(200);
  expect(looked.body).not.toContain(host.email);
  expect(await ended()).toBeNull();
  const left = await send(path, { body: "" });
  expect([left.status, left.body.includes(host.email)]).toEqual([200, false]);
  expect(await ended()).not.toBeNull();
});

test("T38 a cell of a report's file is never a formula", async () => {
  const date = `${randomInt(1100, 1800)}-05-06`;
  const attacks = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    '=HYPERLINK("https://evil.test")',
    "\t=1+1",
    "\r=1+1",
  ];
  const host = await signUp("=cmd|' /C calc'!A0");
  // Titles take no control characters, descriptions are not in the file.
  const titles = attacks.filter((text) => !/[\t\r]/.test(text));
  await database.begin(async (sql) => {
    await sql`select set_config('djanobnb.seeding', 'on', true)`;
    await sql`
      insert into public.properties (host_id, title, category, country_code, city, price_per_night, created_at, status)
      select ${host.id}, (${titles}::text[])[n % ${titles.length}::integer + 1], 'cabin', 'IE',
        (${titles}::text[])[n % 3 + 1], 100, ${date}::timestamptz + interval '12 hours', 'archived'
      from generate_series(1, 201) n`;
  });
  try {
    await call("daily-report", { date }, { apikey: stack.secretKey });
    const file = await waitFor(
      "the file",
      async () =>
        (await service().storage.from("reports").download(`${date}.csv`)).data ?? undefined,
    );
    const { data } = Papa.parse<string[]>((await file.text()).trim());
    expect(data).toHaveLength(202);
    const cells = data.slice(1).flat();
    expect(cells.filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
    expect(cells).toContain("'=1+1");
  } finally {
    await database`delete from public.properties where host_id = ${host.id}`;
  }
});

describe("T39 a search", () => {
  const word = `w${randomBytes(9).toString("hex")}`;
  const search = async (body: object) =>
    ask(all, "visitor", "/rest/v1/rpc/search_properties", { body });
  const idsOf = async (query: string) => {
    const { status, body } = await search({ query });
    expect(status, `${JSON.stringify(query)}: ${body}`).toBe(200);
    return JSON.parse(body).map(({ id }: { id: string }) => id);
  };

  test("T39 takes nothing typed for a wildcard, an operator or SQL", async () => {
    const { id } = await list(all.people.ana, { title: `Cabin ${word} & 100%_off` });
    for (const query of [
      word,
      `!${word}`,
      `${word}:*`,
      `"${word}"`,
      `(${word}`,
      `${word}'`,
      `${word} <->`,
      `\\${word}`,
      `${word}%`,
    ]) {
      expect(await idsOf(query), query).toEqual([id]);
    }
    const part = word.slice(0, 9);
    for (const query of [
      ...[
        `${word} | zzzzqq`,
        `zzzzqq or ${word}`,
        `${word.slice(0, 8)}_${word.slice(9)}`,
        `%${word.slice(4)}`,
      ],
      ...[
        `*${word.slice(4)}`,
        `${part}.*${word.slice(-2)}`,
        `' or title like '${part}%`,
        `zzzzqq' or '1'='1`,
      ],
      ...["zzzzqq' ; select pg_sleep(9); --", "zzzzqq\\", "%zzzzqq%", "zzzzqq) or true --"],
    ]) {
      expect(await idsOf(query), query).toEqual([]);
    }
    for (const query of [
      "%",
      "_",
      "*",
      "'",
      "''",
      "\\",
      "&",
      "|",
      "!",
      ":*",
      "<->",
      "()",
      "%%%%",
      "\u00a0",
    ]) {
      const { status, body } = await search({ query, page_size: 1 });
      expect(status, `${query}: ${body}`).toBe(200);
    }
  });

  test("T39 and its other arguments are checked before they are part of a statement", async () => {
    const wrong = [
      ...[{ sort: "newest; drop table x" }, { sort: "l.created_at" }, { sort: "" }, { sort: null }],
      ...[
        { country: "FR' or '1'='1" },
        { category: "cabin' or true --" },
        { page_size: 0 },
        { page_size: 101 },
      ],
      ...[
        "newest~1~' or 1=1",
        "newest~1",
        "price_asc~1~",
        `newest~99999999999999999~${gil.id}`,
        "~~",
        "'",
      ].map((page_cursor) => ({ page_cursor })),
      { query: "\u0000" },
    ];
    for (const body of wrong) {
      const answer = await search(body);
      expect(answer.status, `${JSON.stringify(body)}: ${answer.body}`).toBe(400);
    }
  });

  test("T39 for people takes what is typed as it is", async () => {
    /** Who is found, but for those who are called just so. */
    const find = async (query: string) => {
      const answer = await ask(all, "ada", "/rest/v1/rpc/search_users", {
        body: { query, page_size: 100 },
      });
      expect(answer.status, query).toBe(200);
      const found: { id: string; name: string }[] = JSON.parse(answer.body);
      return found.flatMap(({ id, name }) => (name.includes(query) ? [] : [id]));
    };
    expect(await find(gil.email)).toEqual([gil.id]);
    const start = gil.email.slice(0, 8);
    for (const query of [
      `${start}%people.test`,
      `${start}_${gil.email.slice(9)}`,
      "%_%",
      "' or 1=1 --",
      "\\",
    ]) {
      expect(await find(query), query).toEqual([]);
    }
  });

  test("T39 by the Data API runs nothing that is written into it", async () => {
    const wrong = [
      ...[
        "select=pg_sleep(5)",
        "order=(select 1)",
        "order=title;drop table x",
        "select=*,(select 1)",
      ],
      ...["id=eq.1;delete from x", "or=(1=1)", "select=id::text;x"],
    ];
    for (const query of wrong) {
      const started = performance.now();
      const answer = await ask(all, "olga", `/rest/v1/properties?${query}`);
      expect([400, 404, 416], `${query}: ${answer.status} ${answer.body.slice(0, 200)}`).toContain(
        answer.status,
      );
      expect(performance.now() - started).toBeLessThan(4000);
    }
  });
});
