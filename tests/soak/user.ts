import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { Database } from "../../types/database.ts";
import type { Tally } from "./tally.ts";

/** What a user does, and how often among a hundred times. */
export const shares = {
  search: 80,
  read: 10,
  hold: 3,
  pay: 2,
  cancel: 1,
  inquire: 2,
  upload: 2,
} as const;
export type Deed = keyof typeof shares;

/** Refusals that belong to such traffic: somebody else was faster, or one does a thing too often. */
export const expectedRefusals: Partial<Record<Deed, string[]>> = {
  // What was given back before, and the answer lost, cannot be given back again.
  hold: ["dates_unavailable", "too_many_holds", "not_held"],
  pay: ["dates_unavailable", "too_many_holds", "not_held"],
  cancel: ["not_cancellable"],
  inquire: ["too_many_requests"],
  // The cover of an earlier search, which its host has replaced since.
  read: ["not_found"],
};

export type World = {
  url: string;
  publishableKey: string;
  stripeUrl: string;
  tally: Tally;
  /** All homes that can be found, and those of the users, which they book. */
  found: string[];
  homes: { id: string; host: string }[];
};

const picture = readFileSync(
  join(
    import.meta.dirname,
    "../../supabase/buckets/avatars/a0000000-0000-4000-8000-000000000001/avatar.webp",
  ),
);
const words = ["house", "sea", "quiet", "garden", "lake", "old town", "stove", "view"];
const countries = ["PT", "IE", "FR", "IT", "ES", "JP"];
const categories = ["house", "cabin", "apartment", "villa"];
/** Milliseconds between two things that somebody does: half of it on average. */
const longestThought = 400;

/** Somebody who searches, reads, books, pays, cancels, asks and uploads, one thing after another. */
export class User {
  readonly #world: World;
  readonly #client: SupabaseClient<Database>;
  readonly #fetch: typeof fetch;
  #id = "";
  #home = "";
  #doing: Deed | "begin" = "begin";
  #cursor: string | undefined;
  #covers: string[] = [];
  #holds: string[] = [];
  #stays: string[] = [];
  #inquiries: string[] = [];
  #pictures: { id: string; path: string }[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#fetch = world.tally.fetcher(() => this.#doing);
    this.#client = createClient<Database>(world.url, world.publishableKey, {
      auth: { persistSession: false, autoRefreshToken: false },
      global: { fetch: this.#fetch },
    });
  }

  /** Signs up and lists a home. */
  async begin(name: string): Promise<void> {
    const email = `${crypto.randomUUID()}@people.test`;
    const password = "correct-horse-battery-9";
    const options = { data: { name } };
    const { data, error } = await this.#client.auth.signUp({ email, password, options });
    if (error || !data.user) throw error ?? new Error("Nobody signed up.");
    this.#id = data.user.id;
    const home = await this.#client
      .from("properties")
      .insert({
        ...{ title: `The home of ${name}`, description: "With a stove.", category: "cabin" },
        ...{ country_code: "IE", city: "Cork", price_per_night: 10_000 + pick(9_000), guests: 4 },
      })
      .select("id")
      .single();
    if (home.error) throw home.error;
    this.#home = home.data.id;
    this.#world.homes.push({ id: this.#home, host: this.#id });
  }

  /** Goes on until that moment. */
  async live(until: number): Promise<void> {
    while (performance.now() < until) {
      await this.do(draw());
      await wait(pick(longestThought));
    }
  }

  /** Does that now. What is refused is noted down by the tally. */
  async do(deed: Deed): Promise<void> {
    this.#doing = deed;
    await this[deed]().catch(() => {});
  }

  async search(): Promise<void> {
    const stay = datesFrom(pick(300), 3);
    const query = one([
      {},
      { country: one(countries) },
      { category: one(categories), guests: 2 },
      { min_price: 5_000, max_price: 20_000, sort: "price_asc" },
      { ...stay, guests: 2 },
      { query: one(words) },
      this.#cursor ? { page_cursor: this.#cursor } : {},
    ]);
    const { data } = await this.#client.rpc("search_properties", query);
    if (!data?.length) return;
    this.#cursor = "sort" in query ? undefined : (data.at(-1)!.page_cursor ?? undefined);
    this.#covers = data.flatMap(({ cover_url }) => cover_url ?? []);
  }

  async read(): Promise<void> {
    const client = this.#client;
    const id = one(this.#world.found);
    await one([
      () =>
        client
          .from("properties")
          .select("*, host:profiles(id, name, avatar_url), property_images(url, alt_text)")
          .eq("id", id)
          .maybeSingle(),
      () =>
        client.rpc("unavailable_ranges", {
          property_id: id,
          from_date: inDays(0),
          to_date: inDays(365),
        }),
      () =>
        client
          .from("reservations")
          .select("*, property:properties(title, city)")
          .eq("guest_id", this.#id)
          .order("check_in")
          .limit(20),
      () => client.from("invoices").select("number, total, pdf_path").eq("user_id", this.#id),
      () => client.rpc("me"),
      async () => {
        const [cover] = this.#covers;
        if (cover) await (await this.#fetch(cover)).arrayBuffer();
      },
    ])();
  }

  /** Looks at a price, holds the stay, and gives it back. */
  async hold(): Promise<void> {
    if (await this.#reserve()) await this.#giveBack();
  }

  /** From the price to the payment on Stripe's page. */
  async pay(): Promise<void> {
    const held = await this.#reserve();
    if (!held) return;
    const { data } = await this.#client.functions.invoke<{ session_id: string }>("checkout", {
      body: { reservation_id: held },
    });
    if (!data) return await this.#giveBack();
    this.#holds = this.#holds.filter((id) => id !== held);
    const lever = `${this.#world.stripeUrl}/_test/sessions/${data.session_id}/pay`;
    await fetch(lever, { method: "POST" });
    this.#stays.push(held);
  }

  async #reserve(): Promise<string | undefined> {
    await this.#giveBack();
    const { id } = one(this.#world.homes.filter(({ host }) => host !== this.#id));
    const stay = { property_id: id, guests: 1, ...datesFrom(pick(700), 1 + pick(4)) };
    const { data: quote } = await this.#client.rpc("quote_stay", stay);
    if (!quote?.available) return undefined;
    const { data: held } = await this.#client.rpc("reserve", stay);
    if (held?.id) this.#holds.push(held.id);
    return held?.id ?? undefined;
  }

  async #giveBack(): Promise<void> {
    for (const reservation_id of this.#holds) {
      const { status } = await this.#client.rpc("release_hold", { reservation_id });
      if (status > 0 && status < 500)
        this.#holds = this.#holds.filter((id) => id !== reservation_id);
    }
  }

  async cancel(): Promise<void> {
    if (!this.#stays.length) {
      this.#doing = "pay";
      await this.pay();
      this.#doing = "cancel";
    }
    const [reservation_id] = this.#stays;
    if (!reservation_id) return;
    const { status } = await this.#client.rpc("cancel_reservation", { reservation_id });
    if (status > 0 && status < 500) this.#stays.shift();
  }

  async inquire(): Promise<void> {
    const [inquiry_id] = this.#inquiries;
    if (inquiry_id && pick(2)) {
      const body = "Is there any news?";
      await this.#client.from("inquiry_messages").insert({ inquiry_id, body });
      return;
    }
    const { data } = await this.#client
      .from("inquiries")
      .insert({ subject: "The key", message: "Where do I find it?" })
      .select("id")
      .single();
    if (data) this.#inquiries.push(data.id);
  }

  /** A picture for the own home, of which five stay. */
  async upload(): Promise<void> {
    const path = `${this.#id}/${this.#home}/${crypto.randomUUID()}.webp`;
    const bucket = this.#client.storage.from("property-images");
    const { error } = await bucket.upload(path, picture, { contentType: "image/webp" });
    if (error) return;
    const { data } = await this.#client
      .from("property_images")
      .insert({ property_id: this.#home, path })
      .select("id, path")
      .single();
    if (data) this.#pictures.push(data);
    if (this.#pictures.length <= 5) return;
    const [oldest] = this.#pictures;
    const gone = await this.#client.from("property_images").delete().eq("id", oldest!.id);
    if (!gone.error) this.#pictures.shift();
  }
}

function pick(below: number): number {
  return Math.floor(Math.random() * below);
}

function one<Thing>(things: readonly Thing[]): Thing {
  return things[pick(things.length)]!;
}

function draw(): Deed {
  let left = Math.random() * Object.values(shares).reduce((sum, share) => sum + share, 0);
  for (const [deed, share] of Object.entries(shares)) {
    left -= share;
    if (left < 0) return deed as Deed;
  }
  return "search";
}

function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

function datesFrom(day: number, nights: number) {
  return { check_in: inDays(day + 1), check_out: inDays(day + 1 + nights) };
}
