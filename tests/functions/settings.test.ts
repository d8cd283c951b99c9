import { describe, expect, test, vi } from "vitest";
import type { Database } from "../../supabase/functions/_shared/database.ts";
import { NotConfigured } from "../../supabase/functions/_shared/errors.ts";
import { readSettings } from "../../supabase/functions/_shared/settings.ts";
import { requestReports } from "../../supabase/functions/daily-report/handler.ts";

// What would make every mail or report fail later is noticed when the settings are read.

type Name = "ADMIN_EMAIL" | "MAIL_FROM" | "REPORT_TIMEZONE";

function read(name: Name, value: string): unknown {
  try {
    return readSettings({ [name]: value }, name)[name];
  } catch (error) {
    expect((error as NotConfigured).names).toEqual([name]);
    return "refused";
  }
}

describe("ADMIN_EMAIL", () => {
  test.each([
    ["", []],
    ["ops@djanobnb.test", ["ops@djanobnb.test"]],
    [" a@x.test, b@bücher.test ,,a@x.test", ["a@x.test", "b@bücher.test"]],
    ["Ops <ops@djanobnb.test>", "refused"],
    ["ops@djanobnb.test; b@x.test", "refused"],
    ["ops@djanobnb.test, ops", "refused"],
  ])("%j is %j", (value, came) => expect(read("ADMIN_EMAIL", value)).toEqual(came));
});

describe("MAIL_FROM", () => {
  test.each([
    "Djanobnb <hello@djanobnb.test>",
    '"Djanobnb, Ltd" <hello@djanobnb.test>',
    "Дом <hello@xn--bcher-kva.test>",
    "hello@djanobnb.test",
  ])("may be %s", (value) => expect(read("MAIL_FROM", value)).toBe(value));

  test.each([
    "nobody",
    "Djanobnb",
    "Djanobnb hello@djanobnb.test",
    "Djanobnb <hello@djanobnb.test",
    "hello@bücher.test",
    "a@x.test, b@x.test",
    "",
  ])("may not be %j", (value) => expect(read("MAIL_FROM", value)).toBe("refused"));
});

describe("REPORT_TIMEZONE", () => {
  test.each([
    ...["UTC", "Etc/UTC", "Europe/Berlin", "Europe/Kyiv", "Europe/Kiev", "Asia/Kolkata"],
    ...["Asia/Calcutta", "America/Nuuk", "America/Argentina/Buenos_Aires"],
  ])("may be %s", (zone) => expect(read("REPORT_TIMEZONE", zone)).toBe(zone));

  test.each(["+02:00", "-0500", "UTC+2", "Europe/Nowhere", "Berlin", " UTC"])(
    "may not be %j",
    (zone) => expect(read("REPORT_TIMEZONE", zone)).toBe("refused"),
  );

  test("that Postgres alone does not know is a setting to mend, and no other fault is", async () => {
    const request = () => new Request("http://api/", { method: "POST", body: "{}" });
    const failing = (code: string) =>
      vi.fn().mockRejectedValue(Object.assign(new Error("no"), { code })) as unknown as Database;
    const ask = (code: string) =>
      requestReports(request(), { database: failing(code), timezone: "Mars/Base" }).catch((e) => e);
    expect(await ask("22023")).toMatchObject({ names: ["REPORT_TIMEZONE"] });
    expect(await ask("57P01")).not.toBeInstanceOf(NotConfigured);
  });
});
