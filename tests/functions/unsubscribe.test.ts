import { expect, test } from "vitest";
import type { Database } from "../../supabase/functions/_shared/database.ts";
import { unsubscribe } from "../../supabase/functions/unsubscribe/handler.ts";

const token = "0b6e7a1c-53a8-4c4e-9f5e-6a0d6c1f2b11";

/** Asks with a link, to a project at that address; tells what the database was asked for as well. */
async function ask(method: string, query = `?token=${token}`, options: object = {}) {
  const {
    accept = "text/html",
    url = "http://127.0.0.1:54321",
    topic = "listings",
  } = options as {
    accept?: string;
    url?: string;
    topic?: string | null;
  };
  const asked: string[] = [];
  const sql = async (text: TemplateStringsArray) => {
    const name = /private\.(\w+)/.exec(text.join(""))![1]!;
    asked.push(name);
    return [name === "project_url" ? { url } : { topic }];
  };
  const request = new Request(`${url}/functions/v1/unsubscribe${query}`, {
    method,
    headers: { accept },
  });
  const tools = { database: sql as unknown as Database, siteUrl: "https://djanobnb.test" };
  const response = await unsubscribe(request, tools);
  return { response, text: await response.text(), asked };
}

test("a look changes nothing: it shows a button that does", async () => {
  const { response, text, asked } = await ask("GET");
  expect(asked).toEqual(["topic_of", "project_url"]);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(text).toContain("<h1>Stop mails with news of your listings?</h1>");
  expect(text).toContain('<form method="post"><button name="List-Unsubscribe" value="One-Click">');
});

test("the button unsubscribes and says so, on a page or to a program", async () => {
  const page = await ask("POST");
  expect(page.asked).toEqual(["unsubscribe"]);
  expect(page.text).toContain("You get no more mails with news of your listings.");
  const program = await ask("POST", undefined, { accept: "*/*", topic: "reports" });
  expect(JSON.parse(program.text)).toEqual({ status: "unsubscribed", topic: "reports" });
});

test("on Supabase's own domain, which serves no pages, the site has the button", async () => {
  const { response } = await ask("GET", undefined, { url: "https://abc.supabase.co" });
  expect([response.status, response.headers.get("location")]).toEqual([
    303,
    `https://djanobnb.test/unsubscribe?token=${token}`,
  ]);
});

test.each(["", "?token=", "?token=a'b", `?token=${token}0`])(
  "a link with %j never reaches the database",
  async (query) => {
    for (const method of ["GET", "POST"]) {
      const { response, text, asked } = await ask(method, query);
      expect([response.status, asked]).toEqual([404, []]);
      expect(text).toContain("This link does not work");
      expect(text).toContain('<a href="https://djanobnb.test">Back to the site</a>');
      await expect(ask(method, query, { accept: "*/*" })).rejects.toMatchObject({ status: 404 });
    }
  },
);

test("a link that nobody was sent is none", async () => {
  expect((await ask("POST", undefined, { topic: null })).response.status).toBe(404);
  expect((await ask("GET", undefined, { topic: null })).response.status).toBe(404);
});
