import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { call, database, inDays, list, signUp } from "../api/actors.ts";
import { checkout, stripeSessions } from "../api/stays.ts";
import { ask, send } from "./ask.ts";
import { functions } from "./catalog.ts";
import { world } from "./world.ts";

/** Too many, and too much at once. What is counted is counted one after the other. */

const all = await world();
const { ana, olga } = all.people;
const times = (count: number) => Array.from({ length: count }, (_, index) => index);
/** How many answers there are of each status. */
const tally = (statuses: number[]) =>
  Object.fromEntries(
    [...new Set(statuses)].map((status) => [status, statuses.filter((s) => s === status).length]),
  );

describe("T41 at once", () => {
  test("T41 a guest holds three stays", async () => {
    const guest = await signUp("Greedy");
    const homes = await Promise.all(times(6).map(() => list(ana)));
    const dates = { check_in: inDays(30), check_out: inDays(31), guests: 1 };
    const answers = await Promise.all(
      homes.map(({ id }) => guest.client.rpc("reserve", { property_id: id, ...dates })),
    );
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 3, 429: 3 });
  });

  test("T41 a hold has one checkout session, and lasts an hour or so at most", async () => {
    const guest = await signUp("Keen");
    const { id } = await list(ana);
    const dates = { check_in: inDays(30), check_out: inDays(31), guests: 1 };
    const { data } = await guest.client.rpc("reserve", { property_id: id, ...dates });
    const reservation_id = data!.id;
    await Promise.allSettled(times(4).map(() => checkout(guest, { reservation_id })));
    expect(await stripeSessions(reservation_id)).toHaveLength(1);
    await database`
      update public.reservations
      set created_at = now() - interval '69 minutes', hold_expires_at = now() + interval '1 minute'
      where id = ${reservation_id}`;
    await database`
      update private.checkouts c set url = null, expires_at = now()
      from public.payments p where p.id = c.payment_id and p.reservation_id = ${reservation_id}`;
    const late = await call(
      "checkout",
      { reservation_id },
      { authorization: `Bearer ${guest.token}` },
    );
    expect([late.status, late.body.error.code]).toEqual([409, "hold_expired"]);
  });

  test("T41 somebody opens ten inquiries, and writes sixty messages", async () => {
    const writer = await signUp("Talker");
    const write = () =>
      writer.client.from("inquiries").insert({ subject: "x", message: "x" }).select("id");
    const answers = await Promise.all(times(12).map(write));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 201: 10, 429: 2 });
    const inquiry_id = answers.find(({ data }) => data)!.data![0]!.id;
    await database`
      insert into public.inquiry_messages (inquiry_id, author_id, body, internal, author_role)
      select ${inquiry_id}, ${writer.id}, 'x', true, 'admin' from generate_series(1, 58)`;
    const say = () => writer.client.from("inquiry_messages").insert({ inquiry_id, body: "x" });
    const said = await Promise.all(times(4).map(say));
    expect(tally(said.map(({ status }) => status))).toEqual({ 201: 2, 429: 2 });
  });

  test("T41 a visitor writes three times from an address, ten times from a network", async () => {
    const letter = { name: "x", subject: "x", message: "x" };
    const [site, other] = [randomBytes(2).toString("hex"), randomBytes(2).toString("hex")];
    const write = (address: string, ip: string) =>
      call("contact", { ...letter, address }, { "cf-connecting-ip": ip }).then(
        ({ status }) => status,
      );
    const address = `${crypto.randomUUID()}@visitors.test`;
    const spelled = [address, address.toUpperCase(), ` ${address}`, address, address];
    const first = await Promise.all(
      spelled.map((text, n) => write(text, `2001:db8:${site}:${n}::1`)),
    );
    expect(tally(first)).toEqual({ 202: 3, 429: 2 });
    // Whoever has one address of IPv6 has very many.
    const second = times(12).map((n) => write(`${n}-${address}`, `2001:db8:${other}::${n + 1}`));
    expect(tally(await Promise.all(second))).toEqual({ 202: 10, 429: 2 });
  });

  test("T41 a property has twenty images", async () => {
    const { id } = await list(ana);
    await database`
      insert into public.property_images (property_id, path, position)
      select ${id}, ${`${ana.id}/${id}/`} || n || '.png', n from generate_series(0, 17) n`;
    const add = (n: number) =>
      ana.client
        .from("property_images")
        .insert({ property_id: id, path: `${ana.id}/${id}/new${n}.png` });
    const answers = await Promise.all(times(4).map(add));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 201: 2, 409: 2 });
  });
});

describe("T42 a request", () => {
  test("T42 gets no more rows than a page has", async () => {
    const paged = (await functions("public")).filter(({ args }) =>
      args.some(({ name }) => name === "page_size"),
    );
    expect(paged.length).toBeGreaterThan(3);
    for (const { name } of paged) {
      for (const page_size of [0, -1, 101, 2_000_000_000, null]) {
        const answer = await ask(all, "ada", `/rest/v1/rpc/${name}`, { body: { page_size } });
        expect([answer.status, JSON.parse(answer.body).hint], name).toEqual([
          400,
          "invalid_page_size",
        ]);
      }
    }
    const years = { property_id: all.home, from_date: "2000-01-01", to_date: "2100-01-01" };
    const calendar = await ask(all, "visitor", "/rest/v1/rpc/unavailable_ranges", { body: years });
    expect(calendar.status).toBe(400);
    const stats = { from_date: "0001-01-01", to_date: "9999-01-01" };
    expect((await ask(all, "ada", "/rest/v1/rpc/inquiry_stats", { body: stats })).status).toBe(400);
  });

  test("T42 stores no more than a field takes", async () => {
    const listing = {
      title: "x",
      category: "cabin",
      country_code: "IE",
      city: "x",
      price_per_night: 1,
    };
    const tries: [string, object][] = [
      ...[
        { title: "x".repeat(256) },
        { description: "x".repeat(10_001) },
        { city: "x".repeat(256) },
      ].map((long): [string, object] => ["rest/v1/properties", { ...listing, ...long }]),
      ["rest/v1/inquiries", { subject: "x".repeat(256), message: "x" }],
      ["rest/v1/inquiries", { subject: "x", message: "x".repeat(10_001) }],
      [
        "functions/v1/contact",
        { name: "x", address: "x@y.test", subject: "x", message: "x".repeat(10_001) },
      ],
    ];
    for (const [path, body] of tries) {
      expect((await ask(all, "olga", `/${path}`, { body })).status, path).toBe(400);
    }
    const body = { name: "x".repeat(256) };
    const rename = { method: "PATCH", body };
    expect((await ask(all, "olga", `/rest/v1/profiles?id=eq.${olga.id}`, rename)).status).toBe(400);
    const large = { headers: { "stripe-signature": "t=1,v1=x" }, body: "x".repeat(1024 ** 2 + 1) };
    expect((await send("/functions/v1/stripe-webhook", large)).status).toBe(413);
  });
});
