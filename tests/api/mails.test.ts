import { afterAll, expect, test } from "vitest";
import {
  call,
  database,
  list,
  type Mail,
  mailsTo,
  mailTo,
  signUp,
  stack,
  waitFor,
} from "./actors.ts";

afterAll(() => database.end());

/** The headers of a mail as they came, each on one line. */
async function headersOf({ id }: Mail): Promise<string[]> {
  const source = await (await fetch(`${stack.mailbox}/email/${id}/source`)).text();
  const [head = ""] = source.split(/\r?\n\r?\n/);
  return head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
}

/** What became of the mails to an address about its listings, the first one first. */
async function statesOf(address: string): Promise<string[]> {
  const rows = await database`
    select state from private.mails where to_address = ${address} and template = 'property_created'
    order by created_at`;
  return rows.map(({ state }) => state);
}

test("a host unsubscribes from what is not essential by one click, and gets the rest", async () => {
  const host = await signUp("Host");
  await list(host);
  const mail = await mailTo(host.email, /listing was created/);
  const headers = await headersOf(mail);
  expect(headers).toContain("List-Unsubscribe-Post: List-Unsubscribe=One-Click");
  const [, url = ""] = /^List-Unsubscribe: <(.*)>$/m.exec(headers.join("\n"))!;
  expect(mail.html).toContain(`href="${url}"`);
  expect(mail.text).toContain(url);

  // A scanner that opens every link.
  const page = await fetch(url, { headers: { accept: "text/html" } });
  expect([page.status, page.headers.get("content-type")]).toEqual([
    200,
    "text/html; charset=utf-8",
  ]);
  expect(await page.text()).toContain('<form method="post">');
  await list(host);
  await waitFor("the second mail to be sent", async () =>
    (await statesOf(host.email))[1] === "sent" ? true : undefined,
  );

  // The button of a mail program (RFC 8058), and once more, by the page's own.
  const body = new URLSearchParams({ "List-Unsubscribe": "One-Click" });
  const click = await fetch(url, { method: "POST", body });
  expect([click.status, await click.json()]).toEqual([
    200,
    { status: "unsubscribed", topic: "listings" },
  ]);
  const again = await fetch(url, { method: "POST", body, headers: { accept: "text/html" } });
  expect(await again.text()).toContain("Unsubscribed");

  await list(host);
  await waitFor("the third mail to be left out", async () =>
    (await statesOf(host.email))[2] === "unsubscribed" ? true : undefined,
  );
  await host.client.from("inquiries").insert({ subject: "Taxes", message: "Which?" });
  const essential = await mailTo(host.email, /We got your inquiry/);
  expect((await headersOf(essential)).join("\n")).not.toContain("List-Unsubscribe");
  expect(essential.text).not.toContain("Unsubscribe");
  const created = (await mailsTo(host.email)).filter(({ subject }) => /created/.test(subject));
  expect(created).toHaveLength(2);
});

test("a link that nobody was sent unsubscribes nobody", async () => {
  for (const token of ["", "no-token", crypto.randomUUID()]) {
    const name = `unsubscribe?token=${token}`;
    expect(await call(name, "List-Unsubscribe=One-Click")).toMatchObject({
      status: 404,
      body: { error: { code: "not_found" } },
    });
  }
});

test("a mail's job knows the request that caused it", async () => {
  const id = crypto.randomUUID();
  const address = `${crypto.randomUUID()}@people.test`;
  const message = { name: "Maria", address, subject: "A garden?", message: "Is there one?" };
  const answer = await call("contact", message, { "x-request-id": id });
  expect(answer.headers.get("x-request-id")).toBe(id);
  await mailTo(address, /confirm/);
  const [job] = await database`
    select j.request_id from private.mails m join private.jobs j on j.key = 'mail:' || m.id
    where m.to_address = ${address}`;
  expect(job).toEqual({ request_id: id });
});
