import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Actor,
  database,
  inDays,
  list,
  mailTo,
  password,
  pixel,
  signUp,
  stack,
  unwrap,
  visitor,
  waitFor,
} from "../api/actors.ts";

afterAll(() => database.end());

const executablePath = [process.env.CHROMIUM ?? "", "/usr/bin/chromium"].find(existsSync);
const library = createRequire(import.meta.url).resolve(
  "@supabase/supabase-js/dist/umd/supabase.js",
);

/** A page on an origin of its own, as a frontend has, with supabase-js as it comes from npm. */
function serveFrontend(settings: object): Server {
  const files: Record<string, [type: string, body: () => string | Buffer]> = {
    "/": ["text/html", () => readFileSync(new URL("page.html", import.meta.url))],
    "/supabase.js": ["text/javascript", () => readFileSync(library)],
    "/settings.json": ["application/json", () => JSON.stringify(settings)],
  };
  return createServer(({ url = "/" }, response) => {
    const [type, body] = files[url] ?? files["/"]!;
    response.setHeader("content-type", type).end(body());
  }).listen(0, "127.0.0.1");
}

const title = executablePath
  ? "In a browser"
  : "In a browser (skipped: there is no Chromium at /usr/bin/chromium or where CHROMIUM says)";

describe.skipIf(!executablePath)(title, () => {
  const settings = { api: stack.api, key: stack.publishableKey, stay: {} };
  let browser: Browser;
  let frontend: Server;
  let origin: string;

  beforeAll(async () => {
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser = await chromium.launch({ executablePath: executablePath!, args });
    frontend = serveFrontend(settings);
    await once(frontend, "listening");
    origin = `http://127.0.0.1:${(frontend.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await browser?.close();
    frontend?.close();
  });

  const said = (page: Page, text: string | RegExp) =>
    page.locator("#said", { hasText: text }).waitFor();

  /** The frontend's page, open as somebody who has signed in. */
  async function open({ email }: Actor): Promise<Page> {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(origin);
    await said(page, "Ready");
    await page.evaluate(
      async ([api, key, email, password]) => {
        const { supabase } = window as unknown as {
          supabase: typeof import("@supabase/supabase-js");
        };
        const client = supabase.createClient(api!, key!);
        const { error } = await client.auth.signInWithPassword({
          email: email!,
          password: password!,
        });
        if (error) throw error;
      },
      [stack.api, stack.publishableKey, email, password],
    );
    await page.reload();
    await said(page, "Ready");
    return page;
  }

  test("an avatar is uploaded from a page on another origin, and shown there", async () => {
    const ana = await signUp("Ana");
    const page = await open(ana);
    await page.getByLabel("Picture").setInputFiles({
      name: "me.png",
      mimeType: "image/png",
      buffer: pixel,
    });
    await page.getByRole("button", { name: "Upload" }).click();
    const avatar = page.locator("#avatar[src]");
    await avatar.waitFor({ state: "attached" });
    await waitFor(
      "the picture",
      async () =>
        (await avatar.evaluate((image: HTMLImageElement) => image.naturalWidth)) === 1 || undefined,
    );
    const me = unwrap(await ana.client.rpc("me"));
    expect(await avatar.getAttribute("src")).toBe(me.avatar_url);

    await page.getByLabel("Picture").setInputFiles({
      name: "page.png",
      mimeType: "text/html",
      buffer: Buffer.from("<h1>No picture</h1>"),
    });
    await page.getByRole("button", { name: "Upload" }).click();
    await said(page, "Failed: mime type text/html is not supported");
    await page.context().close();
  });

  test("a stay is paid on the checkout page, and the mail is in the mailbox", async () => {
    const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
    const city = `Dingle ${crypto.randomUUID().slice(0, 8)}`;
    const home = await list(host, { city });
    settings.stay = {
      property_id: home.id,
      check_in: inDays(30),
      check_out: inDays(33),
      guests: 2,
    };
    const page = await open(guest);
    await page.getByRole("button", { name: "Book" }).click();
    await page.waitForURL(`${stack.stripe}/**`);
    await page.getByText("A quiet cottage").first().waitFor();
    await page.getByRole("button", { name: /^Pay/ }).click();

    const status = await waitFor("the confirmation", async () => {
      const { data } = await guest.client.from("reservations").select("status").single();
      return data?.status === "held" ? undefined : data?.status;
    });
    expect(status).toBe("confirmed");
    const { subject } = await mailTo(guest.email, new RegExp(city));
    const mailbox = await page.context().newPage();
    await mailbox.goto(stack.mailbox);
    await mailbox.getByText(subject).first().click();
    await mailbox
      .getByText(/\d{4}-\d{6}\.pdf/)
      .first()
      .waitFor();
    await page.context().close();
  });

  test("a link in a mail is opened by a scanner, and its button still works for the reader", async () => {
    const { email } = await signUp("Otto");
    await visitor().auth.signInWithOtp({ email });
    const { html } = await mailTo(email, /sign-in link/i);
    const reader = await (await browser.newContext()).newPage();
    await reader.setContent(html);
    const link = await reader.getByRole("link", { name: "Sign in" }).getAttribute("href");
    const here = link!.replace(new URL(link!).origin, origin);

    const scanner = await (await browser.newContext()).newPage();
    await scanner.goto(here);
    await said(scanner, "Ready");
    await scanner.context().close();

    await reader.goto(here);
    await said(reader, "Ready");
    await reader.getByRole("button", { name: "Confirm" }).click();
    await said(reader, `Welcome, ${email}`);
    await reader.reload();
    await said(reader, "Ready");
    await reader.getByRole("button", { name: "Confirm" }).click();
    await said(reader, /^Failed: .*(expired|invalid)/);
    await reader.context().close();
  });
});
