import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  database,
  inDays,
  mailTo,
  password,
  pixel,
  signUp,
  stack,
  stripe,
  waitFor,
} from "../api/actors.ts";
import { writeFrontend } from "./frontend-module.ts";

/** The code of docs/frontend.md compiles, and each of its functions does what the document says. */

const folder = mkdtempSync(join(tmpdir(), "djanobnb-frontend-"));
const api = { url: stack.api, key: stack.publishableKey };
const { file, names } = writeFrontend(folder, api);
const called = new Set<string>();

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.end();
  expect(names.filter((name) => !called.has(name)).join(", ")).toBe("");
});

// biome-ignore lint/suspicious/noExplicitAny: the module is made of the document, where tsc checks it
type Frontend = Record<string, any>;

/** The module as a browser tab has it: with a session of its own. */
async function openTab(): Promise<Frontend> {
  const module = await import(/* @vite-ignore */ `${pathToFileURL(file)}?${crypto.randomUUID()}`);
  const watched = names.map((name) => [
    name,
    (...args: unknown[]) => {
      called.add(name);
      return module[name](...args);
    },
  ]);
  return Object.fromEntries(watched);
}

/** A tab together with who is signed in there. */
async function known(tab: Frontend) {
  const { id, email }: { id: string; email: string } = await tab.whoAmI();
  return { ...tab, id, email } as Frontend & { id: string; email: string };
}

/** A tab in which somebody has just signed up. */
async function newcomer(name: string) {
  const tab = await openTab();
  const said = await tab.signUp(`${crypto.randomUUID()}@people.test`, password, name);
  expect(said).toBe("signed in");
  return await known(tab);
}

/** A tab of a demo account's. */
async function staff(name: "admin" | "agent") {
  const tab = await openTab();
  await tab.signIn(`${name}@djanobnb.test`, "djanobnb-demo");
  return await known(tab);
}

/** The browser's address bar. */
const site = process.env.SITE_URL!;
const bar = { origin: site, href: `${site}/`, search: "", assign: vi.fn<(url: unknown) => void>() };

beforeEach(() => {
  bar.assign.mockReset();
  vi.stubGlobal("location", bar);
});

/** Where the page has sent the browser. */
const gone = () => String(bar.assign.mock.lastCall?.[0]);

/** Follows a link of a mail. */
function open(text: string, link = /http\S+/): void {
  bar.search = new URL(link.exec(text)![0]).search;
}

const refusal = (hint: string) => expect.objectContaining({ hint, message: expect.any(String) });

const picture = () => new File([pixel], "picture.png", { type: "image/png" });
const statusOf = async (url: string) => (await fetch(url)).status;

/** A home that its host has just listed. */
async function listed(host: Frontend) {
  const { id } = await host.draft();
  return await host.change(id, { status: "listed" });
}

test("it compiles, as strict as can be", async () => {
  const tsc = join(dirname(import.meta.dirname), "../node_modules/.bin/tsc");
  const said = await promisify(execFile)(tsc, ["-p", folder]).then(
    () => "",
    ({ stdout, message }) => stdout || message,
  );
  expect(said).toBe("");
});

describe("an account", () => {
  test("signs up, changes its profile, goes and comes back", async () => {
    const ana = await newcomer("Ana");
    expect(await ana.whoAmI()).toMatchObject({
      ...{ name: "Ana", email: ana.email, avatar_url: null, role: "user" },
      ...{ isStaff: false, isAdmin: false },
    });
    expect((await ana.rename(ana.id, "Анна")).name).toBe("Анна");
    const url = await ana.changeAvatar(ana.id, picture());
    expect(await statusOf(url)).toBe(200);
    expect(await ana.takeAvatarOff(ana.id)).toBeNull();
    const page = new File(["<h1>"], "page.png", { type: "text/html" });
    await expect(ana.changeAvatar(ana.id, page)).rejects.toMatchObject({ statusCode: "415" });

    const seen: (string | undefined)[] = [];
    const stop = ana.watchSession((id: string | undefined) => seen.push(id));
    await ana.signOut();
    await expect(ana.whoAmI()).rejects.toMatchObject({ code: "42501" });
    await ana.signIn(ana.email, password);
    stop();
    await ana.signOut();
    expect(seen.at(-1)).toBe(ana.id);
    expect(seen).toContain(undefined);
    await expect(ana.signIn(ana.email, "wrong")).rejects.toMatchObject({
      code: "invalid_credentials",
    });
  });

  test("comes in by mail, with a code or a new password, under a new address", async () => {
    const { email } = await newcomer("Petra");
    const tab = await openTab();
    await tab.signInByMail(email);
    const [code] = /\b\d{8}\b/.exec((await mailTo(email, /sign-in link/i)).text)!;
    expect((await tab.confirmByCode(email, code)).user.email).toBe(email);

    const other = await openTab();
    await other.forgotPassword(email);
    open((await mailTo(email, /password/i)).text);
    await other.confirm();
    expect(gone()).toBe(`${site}/account/new-password`);
    await other.setPassword("a-new-password-7");
    await expect(other.confirm()).rejects.toMatchObject({ code: "otp_expired" });

    const next = `${crypto.randomUUID()}@people.test`;
    await other.changeAddress(next);
    open((await mailTo(next, /new address/i)).text);
    await other.confirm();
    expect((await tab.signIn(next, "a-new-password-7")).user.email).toBe(next);
  });

  test("goes to another provider, and is not led astray by a link", async () => {
    const tab = await openTab();
    const { url } = await tab.signInWith("google");
    expect(url).toContain(`${stack.api}/auth/v1/authorize?provider=google`);
    expect(new URL(url).searchParams.get("redirect_to")).toBe(`${site}/welcome`);

    const { email } = await signUp("Quinn");
    await tab.signInByMail(email);
    open((await mailTo(email, /sign-in link/i)).text);
    const asked = new URLSearchParams(bar.search);
    asked.set("redirect_to", "https://evil.example/");
    bar.search = `?${asked}`;
    await tab.confirm();
    expect(gone()).toBe("/");
  });
});

test("a host lists a home with pictures, keeps dates free, and takes it off", async () => {
  const host = await newcomer("Áine");
  const home = await host.draft();
  const visitor = await openTab();
  expect(await visitor.home(home.id)).toBeNull();
  const images = [];
  for (const name of ["Front", "Kitchen", "Garden"]) {
    images.push(await host.addImage(home, picture(), name));
  }
  expect(await statusOf(images[0].url)).toBe(200);
  const ids = images.map(({ id }) => id).reverse();
  await host.orderImages(home.id, ids);
  await host.removeImage(ids[1]);
  const changed = await host.change(home.id, { status: "listed", price_per_night: 10_000 });
  expect(changed).toMatchObject({ status: "listed", price_per_night: 10_000 });
  await expect(host.change(home.id, { title: " " })).rejects.toMatchObject({
    code: "23514",
    message: expect.stringContaining("title_of_1_to_255_characters"),
  });
  expect(await visitor.home(home.id)).toMatchObject({
    ...{ category: { label: "Cabin" }, country: { name: "Ireland" }, host: { name: "Áine" } },
    property_images: [{ alt_text: "Garden" }, { alt_text: "Front" }],
  });
  expect(await host.myListings(host.id)).toMatchObject([
    { id: home.id, property_images: [{ url: images[2].url }] },
  ]);

  const nights = [inDays(40), inDays(42)] as const;
  const block = await host.block(home.id, ...nights, "Family");
  expect(await host.blocks(home.id)).toMatchObject([{ id: block.id, note: "Family" }]);
  const [check_in, check_out] = nights;
  expect(await visitor.taken(home.id, inDays(30), inDays(60))).toEqual([{ check_in, check_out }]);
  const again = host.block(home.id, ...nights, "Twice");
  await expect(again).rejects.toEqual(refusal("dates_unavailable"));
  await host.unblock(block.id);
  expect(await visitor.taken(home.id, inDays(30), inDays(60))).toEqual([]);
  expect(await host.takeOff(home.id)).toBe("deleted");

  open((await mailTo(host.email, /listing was created/)).text, /http\S+unsubscribe\S+/);
  expect(await visitor.unsubscribe()).toBe("listings");
});

describe("a guest", () => {
  test("finds a home, books it, has the invoice, and cancels", async () => {
    const [host, guest] = [await newcomer("Host"), await newcomer("Guest")];
    const home = await listed(host);
    const { categories, countries } = await guest.searchForm();
    expect(categories).toContainEqual({ slug: "cabin", label: "Cabin" });
    expect(countries).toContainEqual({ code: "IE", name: "Ireland" });

    const dates = { check_in: inDays(30), check_out: inDays(33) };
    const first = await guest.search({ host: host.id, guests: 2, ...dates });
    expect(first).toMatchObject({ homes: [{ id: home.id, is_favorite: false }], next: undefined });
    expect(await guest.toggleFavorite(home.id)).toBe(true);
    expect((await guest.search({ favorites_only: true })).homes).toMatchObject([{ id: home.id }]);
    const pages = [await guest.search({ page_size: 2 })];
    pages.push(await guest.search({ page_size: 2, page_cursor: pages[0].next }));
    expect(new Set(pages.flatMap(({ homes }) => homes.map(({ id }: typeof home) => id))).size).toBe(
      4,
    );
    await expect(guest.search({ country: "Ireland" })).rejects.toEqual(refusal("invalid_country"));

    const stay = { property_id: home.id, ...dates, guests: 2 };
    const quote = await guest.quote(stay);
    expect(quote).toMatchObject({ nights: 3, total: 40_635, available: true });
    expect(guest.money(quote.total, quote.currency, "en")).toBe("$406.35");

    const held = await guest.hold(stay);
    await guest.pay({ reservation_id: held.id });
    expect(gone()).toMatch(`${stack.stripe}/`);
    const arrived = guest.afterPayment(held.id);
    await stripe(`sessions/${gone().split("/").at(-1)}/pay`);
    expect(await arrived).toMatchObject({
      ...{ status: "confirmed", total: 40_635, property: { host: { name: "Host" } } },
      payments: [{ status: "paid", amount: 40_635 }],
    });
    expect(await guest.trips(guest.id)).toMatchObject([
      { id: held.id, property: { title: home.title } },
    ]);
    expect(await host.bookings(home.id)).toMatchObject([{ guest: { name: "Guest" } }]);
    expect(await host.takeOff(home.id)).toBe("archived");

    const documents = async (count: number) =>
      await waitFor(`${count} documents`, async () => {
        const all = await guest.invoices(held.id);
        return all.filter(({ pdf_path }: { pdf_path: string }) => pdf_path).length === count
          ? all
          : undefined;
      });
    const [invoice] = await documents(1);
    const file = await fetch(await guest.download(invoice.pdf_path));
    expect(file.headers.get("content-type")).toBe("application/pdf");
    expect(file.headers.get("content-disposition")).toMatch("attachment");

    expect(await guest.cancellation(held.id)).toEqual({ refund_amount: 40_635, currency: "usd" });
    expect((await guest.cancel(held.id)).status).toBe("cancelled");
    await expect(guest.cancel(held.id)).rejects.toEqual(refusal("not_cancellable"));
    expect(await documents(2)).toMatchObject([{ kind: "invoice" }, { kind: "credit_note" }]);
  });

  test("pays in one step, gives a hold back, and reads why something cannot be", async () => {
    const [host, guest, other] = [
      await newcomer("Host"),
      await newcomer("Guest"),
      await newcomer("Other"),
    ];
    const home = await listed(host);
    const stay = {
      ...{ property_id: home.id, guests: 2 },
      ...{ check_in: inDays(50), check_out: inDays(52) },
    };
    await guest.pay(stay);
    const [trip] = await guest.trips(guest.id);
    await expect(other.pay(stay)).rejects.toEqual(refusal("dates_unavailable"));
    await expect(other.invoke("checkout", {})).rejects.toEqual(refusal("invalid_body"));
    expect((await guest.giveBack(trip.id)).status).toBe("cancelled");
    expect((await guest.trip(trip.id)).status).toBe("cancelled");
    expect(await other.trip(trip.id)).toBeNull();
    expect((await other.hold(stay)).status).toBe("held");
    expect(() => guest.unwrap({ data: null, error: { hint: "any" } })).toThrow();
  });
});

test("a customer asks, an agent answers, and both see where it stands", async () => {
  const [customer, agent, admin] = [
    await newcomer("Carla"),
    await staff("agent"),
    await staff("admin"),
  ];
  const subject = `The key ${crypto.randomUUID()}`;
  const asked = await customer.ask({ subject, message: "Where is it?", severity: "urgent" });
  expect(await customer.myInquiries(customer.id)).toMatchObject([{ subject, status: "active" }]);

  const inQueue = async (page_cursor?: string): Promise<unknown> => {
    const { rows, next } = await agent.queue({ severity: "urgent", page_size: 100, page_cursor });
    const found = rows.find(({ id }: { id: string }) => id === asked.id);
    return found ?? (next && (await inQueue(next)));
  };
  expect(await inQueue()).toMatchObject({ author_name: "Carla", assigned_to: null });
  expect(await agent.assign(asked.id, agent.id)).toMatchObject({ status: "pending" });
  expect((await agent.agents()).map(({ id }: { id: string }) => id)).toContain(agent.id);
  expect((await agent.setSeverity(asked.id, "high")).severity).toBe("high");
  await agent.write(asked.id, "She asks every year.", true);
  await agent.write(asked.id, "Under the mat.");
  expect(await agent.inquiry(asked.id)).toMatchObject({ inquiry_messages: { length: 2 } });
  expect(await customer.inquiry(asked.id)).toMatchObject({
    agent: { id: agent.id },
    inquiry_messages: [{ body: "Under the mat.", author_role: "customer_service" }],
  });
  await expect(customer.rate(asked.id, 5)).rejects.toEqual(refusal("not_resolved"));
  expect(await customer.setStatus(asked.id, "resolved")).toBe("resolved");
  expect((await customer.rate(asked.id, 5, "Quick.")).rating).toBe(5);
  expect(await agent.history(asked.id)).toContainEqual(
    expect.objectContaining({ change: "status", to_value: "resolved", actor: { name: "Carla" } }),
  );
  const figures = await admin.deskFigures(inDays(-1), inDays(1));
  expect(figures).toContainEqual(expect.objectContaining({ grouped_by: "all" }));
});

test("a visitor writes without an account, and confirms the address", async () => {
  // Ten an hour may come from one network, and other tests have written, too.
  await database`update private.contacts set created_at = created_at - interval '1 hour'`;
  const visitor = await openTab();
  const address = `${crypto.randomUUID()}@visitors.test`;
  const letter = { name: "Vera", address, subject: "A garden", message: "Is there one?" };
  expect(await visitor.contact(letter)).toBe("confirmation_sent");
  open((await mailTo(address, /confirm/i)).text);
  expect(await visitor.confirmContact()).toBe("confirmed");
  bar.search = `?token=${"0".repeat(64)}`;
  await expect(visitor.confirmContact()).rejects.toEqual(refusal("invalid_token"));
});

test("an admin gives roles, and sees what waits and what failed", async () => {
  const [admin, person] = [await staff("admin"), await newcomer("Ines")];
  expect(await admin.searchUsers(person.email)).toMatchObject([{ id: person.id, role: "user" }]);
  await admin.setRole(person.id, "customer_service");
  expect(await person.whoAmI()).toMatchObject({ isStaff: true, isAdmin: false });
  await admin.setRole(person.id, "user");
  await expect(person.jobs()).rejects.toMatchObject({ code: "42501" });

  const [job] = await database`
    insert into private.jobs (kind, payload, max_attempts, state, attempts, finished_at, last_error)
    values ('remove_file', '{"bucket": "avatars", "path": "gone"}', 1, 'failed', 1, now(), 'A try.')
    returning id`;
  const { stats, failed } = await admin.jobs();
  expect(stats.failed).toBeGreaterThan(0);
  expect(failed).toContainEqual(expect.objectContaining({ id: job!.id, last_error: "A try." }));
  await admin.retry(job!.id);
  await expect(admin.retry(crypto.randomUUID())).rejects.toEqual(refusal("not_found"));
  expect(await admin.reports()).toBeInstanceOf(Array);
});
