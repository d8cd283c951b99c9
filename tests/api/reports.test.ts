import { afterAll, expect, test } from "vitest";
import {
  call,
  database,
  demo,
  inDays,
  list,
  mailsTo,
  signUp,
  stack,
  unwrap,
  waitFor,
} from "./actors.ts";

afterAll(() => database.end());

const secret = { apikey: stack.secretKey };

test("the admins get the report of a day once, however often it is asked for", async () => {
  // A day of the past that no schedule makes up and no other run of this test has asked for.
  const date = inDays(-6000 - Math.floor(Math.random() * 5000));
  const home = await list(await signUp("Host"));
  await database`
    update public.properties set created_at = ${date}::date + time '12:00' where id = ${home.id}`;

  const first = await call("daily-report", { date }, secret);
  expect([first.status, first.body]).toEqual([200, { queued: [date] }]);
  const again = await call("daily-report", { date }, secret);
  expect([again.status, again.body]).toEqual([200, { queued: [] }]);

  const admin = await demo("admin");
  const report = await waitFor("the report to be sent", async () => {
    const { data } = await admin.client
      .from("daily_reports")
      .select()
      .eq("report_date", date)
      .not("sent_at", "is", null)
      .maybeSingle();
    return data ?? undefined;
  });
  expect(report.property_count).toBe(1);
  const mails = await mailsTo(admin.email);
  expect(mails.filter(({ html }) => html.includes(`/admin/reports/${date}`))).toHaveLength(1);
});

test("a day that is not over, or no date at all, is refused with a sentence", async () => {
  for (const [date, code] of [
    [inDays(1), "invalid_date"],
    ["yesterday", "invalid_body"],
  ]) {
    const answer = await call("daily-report", { date }, secret);
    expect([answer.status, answer.body.error.code]).toEqual([400, code]);
  }
});

test("reports are asked for by holders of the secret key and read by admins", async () => {
  const guest = await signUp("Guest");
  const user = { authorization: `Bearer ${guest.token}` };
  expect((await call("daily-report", {})).status).toBe(401);
  expect((await call("daily-report", {}, user)).status).toBe(401);
  expect(unwrap(await guest.client.from("daily_reports").select())).toEqual([]);
});
