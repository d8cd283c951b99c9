import { afterAll, describe, expect, test } from "vitest";
import {
  type Actor,
  database,
  demo,
  inDays,
  list,
  mailTo,
  refusal,
  signUp,
  stack,
  unwrap,
  visitor,
  waitFor,
} from "./actors.ts";

afterAll(() => database.end());

/** A picture of so many bytes: a JPEG's beginning, and whatever. */
function picture(name: string, type = "image/jpeg", size = 400): File {
  const bytes = new Uint8Array(size);
  bytes.set([0xff, 0xd8, 0xff, 0xe0]);
  return new File([bytes], name, { type });
}

const filesOf = ({ client }: Actor) => client.storage.from("property-images");

/** Uploads a picture of a home and adds it to its images. */
async function addImage(host: Actor, property_id: string, file: File, alt_text = "") {
  const path = `${host.id}/${property_id}/${file.name}`;
  unwrap(await filesOf(host).upload(path, file));
  const image = { property_id, path, alt_text };
  return unwrap(
    await host.client
      .from("property_images")
      .insert(image)
      .select("id, path, url, position")
      .single(),
  );
}

const isServed = async (url: string | null) => (await fetch(url ?? "")).ok;

async function untilGone(url: string | null): Promise<void> {
  await waitFor(`${url} to go`, async () => !(await isServed(url)) || undefined);
}

describe("a home", () => {
  test("is listed with pictures, seen by everyone with its host, and found with its cover", async () => {
    const host = await signUp("Áine Ní Dhálaigh");
    const home = await list(host, { title: "Lighthouse keeper's cottage", city: "Dingle" });
    expect(home).toMatchObject({ host_id: host.id, status: "listed", currency: "usd" });
    const mail = await mailTo(host.email, /./);
    expect(mail.text).toContain("Lighthouse keeper's cottage");
    expect(mail.text).toContain(home.id);

    const cover = await addImage(host, home.id, picture("cover.jpg"), "The lamp at night");
    const stairs = await addImage(host, home.id, picture("stairs.webp", "image/webp"));
    expect([cover.position, stairs.position]).toEqual([0, 1]);

    const seen = unwrap(
      await visitor()
        .from("properties")
        .select("*, host:profiles(id, name, avatar_url), property_images(url, alt_text, position)")
        .eq("id", home.id)
        .order("position", { referencedTable: "property_images" })
        .single(),
    );
    expect(seen.host).toEqual({ id: host.id, name: "Áine Ní Dhálaigh", avatar_url: null });
    expect(seen.property_images).toEqual([
      { url: cover.url, alt_text: "The lamp at night", position: 0 },
      { url: stairs.url, alt_text: "", position: 1 },
    ]);
    const served = await fetch(cover.url ?? "");
    expect([served.status, served.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
    expect(served.headers.get("x-content-type-options")).toBe("nosniff");

    const found = unwrap(await visitor().rpc("search_properties", { host: host.id }));
    expect(found).toMatchObject([
      { id: home.id, host_name: "Áine Ní Dhálaigh", cover_url: cover.url, is_favorite: false },
    ]);
  });

  test("is changed by its host; what cannot be is refused with a sentence", async () => {
    const host = await signUp("Host");
    const home = await list(host);
    const change = (changes: object) =>
      host.client
        .from("properties")
        .update(changes as never)
        .eq("id", home.id)
        .select()
        .maybeSingle();
    const changed = await change({ title: "Σπίτι 家 🏡", price_per_night: 9_900, bathrooms: 0 });
    expect(changed.data).toMatchObject({ title: "Σπίτι 家 🏡", price_per_night: 9_900 });
    expect(Date.parse(changed.data?.updated_at ?? "")).toBeGreaterThan(Date.parse(home.updated_at));

    const wrong = [
      { title: "" },
      { title: "x".repeat(256) },
      { description: "x".repeat(10_001) },
      { price_per_night: 0 },
      { price_per_night: 1.5 },
      { currency: "eur" },
      { category: "palace" },
      { country_code: "XX" },
      { bedrooms: 51 },
      { bathrooms: -1 },
      { guests: 0 },
      { status: "sold" },
    ];
    for (const changes of wrong) {
      const { status, error } = await change(changes);
      expect([400, 409], JSON.stringify(changes)).toContain(status);
      expect(error?.message).not.toBe("");
    }
    for (const changes of [
      { id: crypto.randomUUID() },
      { host_id: host.id },
      { created_at: "2000-01-01" },
    ]) {
      expect((await change(changes)).status, JSON.stringify(changes)).toBe(403);
    }
  });

  test("is nobody else's to change, and a draft or an archived one does not exist for them", async () => {
    const [host, stranger, agent, admin] = await Promise.all([
      signUp("Host"),
      signUp("Stranger"),
      demo("agent"),
      demo("admin"),
    ]);
    const home = await list(host);
    const draft = await list(host, { status: "draft" });
    const image = await addImage(host, draft.id, picture("draft.jpg"));

    for (const { client } of [stranger, agent]) {
      const update = client.from("properties").update({ title: "Mine" }).eq("id", home.id).select();
      expect(unwrap(await update)).toEqual([]);
      expect(unwrap(await client.from("properties").delete().eq("id", home.id).select())).toEqual(
        [],
      );
      const forged = await client
        .from("properties")
        .insert({ ...newHome, host_id: host.id })
        .select();
      expect([forged.status, forged.error?.code]).toEqual([403, "42501"]);
    }
    expect((await visitor().from("properties").insert(newHome)).status).toBe(401);

    const stay = { property_id: draft.id, check_in: inDays(9), check_out: inDays(11), guests: 1 };
    for (const status of ["draft", "archived"] as const) {
      unwrap(await host.client.from("properties").update({ status }).eq("id", draft.id).select());
      for (const client of [stranger.client, visitor()]) {
        expect(unwrap(await client.from("properties").select().eq("id", draft.id))).toEqual([]);
        const images = client.from("property_images").select().eq("property_id", draft.id);
        expect(unwrap(await images)).toEqual([]);
        const embedded = client
          .from("profiles")
          .select("properties(id)")
          .eq("id", host.id)
          .single();
        expect(unwrap(await embedded).properties).toEqual([{ id: home.id }]);
        const counted = await client
          .from("properties")
          .select("*", { count: "exact", head: true })
          .eq("host_id", host.id);
        expect(counted.count).toBe(1);
        const found = unwrap(await client.rpc("search_properties", { host: host.id }));
        expect(found.map(({ id }) => id)).toEqual([home.id]);
        expect(refusal(await client.rpc("quote_stay", stay))).toEqual([404, "not_found"]);
        const { check_in, check_out } = stay;
        const range = { property_id: draft.id, from_date: check_in, to_date: check_out };
        expect(unwrap(await client.rpc("unavailable_ranges", range))).toEqual([]);
      }
      expect(refusal(await stranger.client.rpc("reserve", stay))).toEqual([404, "not_found"]);
      const like = await stranger.client.rpc("toggle_favorite", { property_id: draft.id });
      expect(refusal(like)).toEqual([404, "not_found"]);
      for (const { client } of [host, agent, admin]) {
        const [seen] = unwrap(
          await client.from("properties").select("status, property_images(id)").eq("id", draft.id),
        );
        expect(seen).toEqual({ status, property_images: [{ id: image.id }] });
      }
    }
  });

  test("may be listed, changed and deleted by an admin in its host's name", async () => {
    const [host, admin] = await Promise.all([signUp("Host"), demo("admin")]);
    const home = await list(admin, { host_id: host.id, title: "Listed for you" });
    expect(home.host_id).toBe(host.id);
    expect((await mailTo(host.email, /./)).text).toContain("Listed for you");
    const rename = { title: "Renamed for you" };
    expect(
      unwrap(await admin.client.from("properties").update(rename).eq("id", home.id).select()),
    ).toMatchObject([rename]);
    expect(
      unwrap(await admin.client.from("properties").delete().eq("id", home.id).select()),
    ).toHaveLength(1);
  });

  test("is deleted with its files, unless somebody booked it", async () => {
    const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
    const [free, booked] = await Promise.all([list(host), list(host)]);
    const image = await addImage(host, free.id, picture("used.jpg"));
    const unused = `${host.id}/${free.id}/unused.jpg`;
    unwrap(await filesOf(host).upload(unused, picture("unused.jpg")));
    const { publicUrl } = filesOf(host).getPublicUrl(unused).data;
    expect(await isServed(publicUrl)).toBe(true);

    const remove = (id: string) => host.client.from("properties").delete().eq("id", id).select();
    expect(unwrap(await remove(free.id))).toHaveLength(1);
    await Promise.all([untilGone(image.url), untilGone(publicUrl)]);

    const stay = { property_id: booked.id, check_in: inDays(20), check_out: inDays(22), guests: 1 };
    unwrap(await guest.client.rpc("reserve", stay));
    expect(refusal(await remove(booked.id))).toEqual([409, "has_reservations"]);
    const archive = { status: "archived" } as const;
    unwrap(await host.client.from("properties").update(archive).eq("id", booked.id).select());
    const theirs = guest.client.from("reservations").select("property_id");
    expect(unwrap(await theirs)).toEqual([{ property_id: booked.id }]);
  });
});

const newHome = {
  title: "A home",
  category: "cabin",
  country_code: "IE",
  city: "Cork",
  price_per_night: 10_000,
};

describe("images", () => {
  test("that come side by side each get a place; they are put in order, and go with their file", async () => {
    const host = await signUp("Host");
    const home = await list(host);
    const names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"];
    const images = await Promise.all(names.map((name) => addImage(host, home.id, picture(name))));
    expect(images.map(({ position }) => position).sort()).toEqual([0, 1, 2, 3, 4]);

    const image_ids = images.map(({ id }) => id).reverse();
    const order = { property_id: home.id, image_ids };
    const ordered = unwrap(await host.client.rpc("order_images", order));
    expect(ordered.map(({ id }) => id)).toEqual(image_ids);
    const stranger = await signUp("Stranger");
    expect(unwrap(await stranger.client.rpc("order_images", order))).toEqual([]);
    const coverOf = async () =>
      unwrap(await visitor().rpc("search_properties", { host: host.id }))[0]?.cover_url;
    expect(await coverOf()).toBe(images[4]?.url);

    unwrap(
      await host.client
        .from("property_images")
        .delete()
        .eq("id", images[4]?.id ?? "")
        .select(),
    );
    expect(await coverOf()).toBe(images[3]?.url);
    await untilGone(images[4]?.url ?? null);
    expect(await isServed(images[3]?.url ?? null)).toBe(true);
    const left = unwrap(await filesOf(host).list(`${host.id}/${home.id}`));
    expect(left.map(({ name }) => name)).toEqual(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
  });

  test("that are taken off and put back keep their file", async () => {
    const host = await signUp("Host");
    const home = await list(host);
    const image = await addImage(host, home.id, picture("again.jpg"));
    // A form that saves all pictures anew, before the worker comes.
    await database.begin(async (saving) => {
      await saving`delete from public.property_images where id = ${image.id}`;
      await saving`insert into public.property_images (property_id, path) values (${home.id}, ${image.path})`;
    });
    const job = await waitFor("the file to be looked for", async () => {
      const [done] = await database<{ result: object }[]>`
        select result from private.jobs
        where kind = 'remove_file' and payload ->> 'path' = ${image.path} and state = 'done'`;
      return done;
    });
    expect(job.result).toEqual({ kept: image.path });
    expect(await isServed(image.url)).toBe(true);
  });

  test("are at most 20, all at once or one after another", async () => {
    const host = await signUp("Host");
    const home = await list(host);
    const rows = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => ({
        property_id: home.id,
        path: `${host.id}/${home.id}/${from + index}.jpg`,
        position: from + index,
      }));
    const insert = (from: number, to: number) =>
      host.client.from("property_images").insert(rows(from, to)).select("id");
    expect(refusal(await insert(0, 21))).toEqual([409, "too_many_images"]);
    expect(unwrap(await insert(0, 19))).toHaveLength(19);
    const last = await Promise.all([insert(19, 20), insert(20, 21), insert(21, 22)]);
    expect(last.map((answer) => answer.error?.hint ?? "added").sort()).toEqual([
      "added",
      "too_many_images",
      "too_many_images",
    ]);
  });

  test("are pictures, of up to 8 MiB, in the host's folder of that home", async () => {
    const [host, other] = await Promise.all([signUp("Host"), signUp("Other")]);
    const [home, theirs] = await Promise.all([list(host), list(other)]);
    const folder = `${host.id}/${home.id}`;
    const upload = async (path: string, file: File) => {
      const { error } = await filesOf(host).upload(path, file);
      return (error as { statusCode?: string } | null)?.statusCode ?? "stored";
    };
    const page = new File(["<h1>Not a picture</h1>"], "page.png", { type: "text/html" });
    expect(await upload(`${folder}/page.png`, page)).toBe("415");
    const limit = 8 * 1024 * 1024;
    expect(await upload(`${folder}/8.jpg`, picture("8.jpg", "image/jpeg", limit))).toBe("stored");
    expect(await upload(`${folder}/9.jpg`, picture("9.jpg", "image/jpeg", limit + 1))).toBe("413");
    for (const path of [
      `${other.id}/${theirs.id}/x.jpg`,
      `${host.id}/${theirs.id}/x.jpg`,
      `${other.id}/${home.id}/x.jpg`,
      `${host.id}/x.jpg`,
      `${folder}/deeper/x.jpg`,
      "x.jpg",
    ]) {
      expect(await upload(path, picture("x.jpg")), path).toBe("403");
    }
    // A row cannot point to a file of others either.
    for (const path of [`${other.id}/${theirs.id}/x.jpg`, `${folder}/../x.jpg`, "x.jpg"]) {
      const row = { property_id: home.id, path };
      const { status } = await host.client.from("property_images").insert(row);
      expect([400, 403], path).toContain(status);
    }
    const row = { property_id: theirs.id, path: `${host.id}/${theirs.id}/x.jpg` };
    expect((await host.client.from("property_images").insert(row)).status).toBe(403);

    // What a page calls itself changes nothing of how it is served.
    const disguised = new File(["<script>alert(1)</script>"], "x.png", { type: "image/png" });
    expect(await upload(`${folder}/x.png`, disguised)).toBe("stored");
    const served = await fetch(
      `${stack.api}/storage/v1/object/public/property-images/${folder}/x.png`,
    );
    expect(served.headers.get("content-type")).toBe("image/png");
    expect(served.headers.get("x-content-type-options")).toBe("nosniff");
  });
});

describe("blocked dates", () => {
  const blocks = ({ client }: Actor) => client.from("property_blocks");

  test("and bookings never overlap, either way round", async () => {
    const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
    const { id: property_id } = await list(host);
    const dates = (from: number, to: number) => ({
      property_id,
      check_in: inDays(from),
      check_out: inDays(to),
    });
    const block = (from: number, to: number) =>
      blocks(host)
        .insert({ ...dates(from, to), note: "Painters" })
        .select()
        .single();
    const reserve = (from: number, to: number) =>
      guest.client.rpc("reserve", { ...dates(from, to), guests: 1 });

    const painters = unwrap(await block(10, 14));
    expect(refusal(await reserve(13, 15))).toEqual([409, "dates_unavailable"]);
    unwrap(await reserve(14, 16));
    expect(refusal(await block(15, 17))).toEqual([409, "dates_unavailable"]);
    const longer = blocks(host)
      .update({ check_out: inDays(15) })
      .eq("id", painters.id);
    expect(refusal(await longer)).toEqual([409, "dates_unavailable"]);
    const taken = { property_id, from_date: inDays(0), to_date: inDays(60) };
    expect(unwrap(await visitor().rpc("unavailable_ranges", taken))).toEqual([
      { check_in: inDays(10), check_out: inDays(16) },
    ]);
    const search = { host: host.id, check_in: inDays(9), check_out: inDays(12) };
    expect(unwrap(await visitor().rpc("search_properties", search))).toEqual([]);

    unwrap(await blocks(host).delete().eq("id", painters.id).select());
    expect(unwrap(await visitor().rpc("search_properties", search))).toHaveLength(1);
    unwrap(await reserve(10, 14));
  });

  test("are the host's alone", async () => {
    const [host, stranger, admin] = await Promise.all([
      signUp("Host"),
      signUp("Stranger"),
      demo("admin"),
    ]);
    const { id: property_id } = await list(host);
    const row = { property_id, check_in: inDays(3), check_out: inDays(4), note: "My birthday" };
    unwrap(await blocks(host).insert(row).select());
    for (const other of [stranger, admin]) {
      expect(unwrap(await blocks(other).select().eq("property_id", property_id))).toEqual([]);
      const { status } = await blocks(other).insert({ ...row, check_out: inDays(9) });
      expect(status).toBe(403);
      const gone = blocks(other).delete().eq("property_id", property_id).select();
      expect(unwrap(await gone)).toEqual([]);
    }
    expect((await visitor().from("property_blocks").select()).status).toBe(401);
    expect(unwrap(await blocks(host).select("note"))).toEqual([{ note: "My birthday" }]);
  });
});

describe("a calendar that several change at once", () => {
  test("two statements that block the same homes in another order both end", async () => {
    const host = await signUp("Host");
    const homes = await Promise.all([list(host), list(host)]);
    const blocks = (ids: string[], day: number) =>
      host.client.from("property_blocks").insert(
        ids.map((property_id) => ({
          ...{ property_id, check_in: inDays(day), check_out: inDays(day + 1) },
        })),
      );
    const ids = homes.map(({ id }) => id);
    for (let round = 0; round < 6; round++) {
      const [day, other] = [10 + 4 * round, 12 + 4 * round];
      const both = await Promise.all([blocks(ids, day), blocks(ids.toReversed(), other)]);
      expect(both.map(({ status }) => status)).toEqual([201, 201]);
    }
  });

  test("a host who moves a block and a guest who pays do not wait for each other", async () => {
    const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
    const { id: property_id } = await list(host);
    const dates = { check_in: inDays(20), check_out: inDays(22) };
    const stay = unwrap(await guest.client.rpc("reserve", { property_id, guests: 1, ...dates }));
    const row = { property_id, check_in: inDays(40), check_out: inDays(42) };
    const block = unwrap(
      await host.client.from("property_blocks").insert(row).select("id").single(),
    );
    let moved: PromiseLike<{ error: unknown }> | undefined;
    await database.begin(async (payment) => {
      await payment`select private.lock_stay(${stay.id})`;
      const change = { check_out: inDays(43) };
      moved = host.client.from("property_blocks").update(change).eq("id", block.id).then();
      await waitFor("the host to wait", async () => {
        const [waiting] = await database`
          select from pg_stat_activity where wait_event_type = 'Lock' and query like '%property_blocks%'`;
        return waiting;
      });
      await payment`update public.reservations set status = 'confirmed' where id = ${stay.id}`;
    });
    expect((await moved!).error).toBeNull();
  });
});

test("favorites are set and taken back, and nobody else learns of them", async () => {
  const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
  const { id: property_id } = await list(host);
  const toggle = async () => unwrap(await guest.client.rpc("toggle_favorite", { property_id }));
  const isFavorite = async ({ client }: Pick<Actor, "client">) =>
    unwrap(await client.rpc("search_properties", { host: host.id })).map((row) => row.is_favorite);
  expect(await toggle()).toBe(true);
  expect(await isFavorite(guest)).toEqual([true]);
  expect(await isFavorite(host)).toEqual([false]);
  expect(await isFavorite({ client: visitor() })).toEqual([false]);
  const mine = await guest.client.from("favorites").select("property:properties(id)");
  expect(unwrap(mine)).toEqual([{ property: { id: property_id } }]);
  expect(unwrap(await host.client.from("favorites").select())).toEqual([]);
  expect((await visitor().from("favorites").select()).status).toBe(401);
  expect((await visitor().rpc("toggle_favorite", { property_id })).status).toBe(401);
  const planted = { property_id, user_id: guest.id };
  expect((await host.client.from("favorites").insert(planted)).status).toBe(403);

  expect(await toggle()).toBe(false);
  expect(await isFavorite(guest)).toEqual([false]);
  const only = { favorites_only: true };
  expect(unwrap(await guest.client.rpc("search_properties", only))).toEqual([]);
});

test("categories and countries are everyone's to read and nobody's to write", async () => {
  const { client } = await demo("admin");
  expect(unwrap(await visitor().from("categories").select().order("position"))).toContainEqual({
    slug: "cabin",
    label: "Cabin",
    position: 3,
  });
  const france = visitor().from("countries").select().eq("code", "FR");
  expect(unwrap(await france)).toEqual([{ code: "FR", name: "France" }]);
  const country = { code: "XX", name: "Nowhere" };
  expect((await client.from("countries").insert(country as never)).status).toBe(403);
});
