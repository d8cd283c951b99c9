import Papa from "papaparse";
import { afterAll, expect, test } from "vitest";
import { call, database, demo, mailTo, signUp, stack, unwrap } from "./actors.ts";

const date = "2001-02-03";
const formulas = ['=HYPERLINK("https://evil.test","x")', "+1+1", "-1+1", "@SUM(A1)"];

afterAll(async () => {
  await database`delete from public.properties where created_at < '2002-01-01'`;
  await database.end();
});

test("a day with more than 200 listings comes with a file of all, which a spreadsheet opens safely", async () => {
  const host = await signUp("=1+1");
  await database`
    insert into public.properties (host_id, title, category, country_code, city, price_per_night, created_at)
    select ${host.id}, coalesce((${formulas}::text[])[n], 'Home "' || n || '", Łódź'), 'cabin', 'IE', 'Cork', 12345,
      ${date}::timestamptz + n * interval '1 second'
    from generate_series(1, 201) n`;
  const answer = await call("daily-report", { date }, { apikey: stack.secretKey });
  expect(answer.body).toEqual({ queued: [date] });

  const admin = await demo("admin");
  const mail = await mailTo(admin.email, /^Daily report, 3 February 2001: 201 new listings$/);
  expect(mail.text).toContain("These are 200 of 201");
  expect(mail.attachments?.map(({ filename }) => filename)).toEqual([`new-properties-${date}.csv`]);

  const bucket = (person: typeof admin) => person.client.storage.from("reports");
  const file = await unwrap(await bucket(admin).download(`${date}.csv`)).arrayBuffer();
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(file);
  expect(text[0], "Excel opens it as UTF-8").toBe("\ufeff");
  const { data, errors } = Papa.parse<Record<string, string>>(text.trim(), { header: true });
  expect([errors, data.length]).toEqual([[], 201]);
  expect(data.slice(0, 4).map(({ title }) => title)).toEqual(formulas.map((text) => `'${text}`));
  expect(data[200]).toMatchObject({
    ...{ title: 'Home "201", Łódź', price_per_night: "123.45", host_name: "'=1+1" },
    created_at: "2001-02-03T00:03:21.000Z",
  });
  expect((await bucket(host).download(`${date}.csv`)).error, "nobody else's").not.toBeNull();
});
