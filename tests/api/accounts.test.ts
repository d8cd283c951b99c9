import { afterAll, describe, expect, test } from "vitest";
import {
  type Actor,
  call,
  database,
  demo,
  inDays,
  list,
  mailTo,
  password,
  pixel,
  refusal,
  service,
  signUp,
  stack,
  stripe,
  unwrap,
  visitor,
  waitFor,
} from "./actors.ts";

afterAll(() => database.end());

const newAddress = () => `${crypto.randomUUID()}@people.test`;
const site = process.env.SITE_URL ?? "";

/** A picture of one pixel, so many bytes large. */
function picture(name: string, type = "image/png", size = 68): File {
  return new File([pixel, new Uint8Array(Math.max(0, size - pixel.length))], name, { type });
}

const avatarsOf = ({ client }: Actor) => client.storage.from("avatars");

/** Uploads a picture and shows it from now on; answers with its path. */
async function wear(person: Actor, file: File): Promise<string> {
  const { path } = unwrap(await avatarsOf(person).upload(`${person.id}/${file.name}`, file));
  unwrap(
    await person.client
      .from("profiles")
      .update({ avatar_path: path })
      .eq("id", person.id)
      .select()
      .single(),
  );
  return path;
}

const publicUrl = (path: string) => `${stack.api}/storage/v1/object/public/avatars/${path}`;

/** Waits until a file is gone, as the background has it. */
async function untilGone(path: string): Promise<void> {
  await waitFor(`${path} to go`, async () => !(await fetch(publicUrl(path))).ok || undefined);
}

describe("names", () => {
  const names = {
    Latin: "Zoë Müller-Łukasiewicz",
    Greek: "Ελένη Παπαδοπούλου",
    Cyrillic: "Наталья Ёлкина",
    Hebrew: "יעל כהן",
    Arabic: "فاطمة الزهراء",
    Devanagari: "आदित्य शर्मा",
    Han: "王小明",
    Kana: "さくら タナカ",
    Hangul: "김민준",
    Thai: "สมชาย ใจดี",
    Georgian: "ნინო ბერიძე",
    Ethiopic: "ሰላም ተስፋዬ",
    emoji: "Ana 👩🏽‍🚀",
  };

  test.each(Object.entries(names))("in %s is kept as it was given", async (_, name) => {
    const { client } = await signUp(name);
    expect(unwrap(await client.rpc("me")).name).toBe(name);
  });

  test("who gives none is called Anon, and may change that", async () => {
    const client = visitor();
    const email = newAddress();
    const { user } = unwrap(await client.auth.signUp({ email, password }));
    const id = user?.id ?? "";
    const nameOf = async () =>
      unwrap(await visitor().from("profiles").select("name").eq("id", id).single()).name;
    expect(await nameOf()).toMatch(/^Anon-[0-9a-f]{8}$/);

    const rename = (name: string) =>
      client.from("profiles").update({ name }).eq("id", id).select("name").maybeSingle();
    expect((await rename("  \u3000Ines\u00a0 ")).data?.name).toBe("Ines");
    expect((await rename("é".repeat(255))).error).toBeNull();
    for (const wrong of ["", " \t ", "x".repeat(256), "In\u0007es", "In\nes", "Ines\u202esenI"]) {
      const { status, error } = await rename(wrong);
      expect([status, error?.code], JSON.stringify(wrong)).toEqual([400, "23514"]);
    }
    expect(await nameOf()).toBe("é".repeat(255));
  });
});

describe("avatars", () => {
  test("one is shown, replaced and taken off; no file is left behind", async () => {
    const ana = await signUp("Ana");
    const first = await wear(ana, picture("first.png"));
    const me = unwrap(await ana.client.rpc("me"));
    expect(me.avatar_url).toBe(publicUrl(first));
    const served = await fetch(me.avatar_url ?? "");
    expect([served.status, served.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect(served.headers.get("x-content-type-options")).toBe("nosniff");

    const second = await wear(ana, picture("second.webp", "image/webp"));
    await untilGone(first);
    expect((await fetch(publicUrl(second))).status).toBe(200);

    unwrap(
      await ana.client.from("profiles").update({ avatar_path: null }).eq("id", ana.id).select(),
    );
    await untilGone(second);
    expect(unwrap(await ana.client.rpc("me")).avatar_url).toBeNull();
    expect(unwrap(await avatarsOf(ana).list(ana.id))).toEqual([]);
  });

  test("a picture that is uploaded again under the name of one that goes stays", async () => {
    const ana = await signUp("Ana");
    const path = await wear(ana, picture("me.png"));
    const [stored] = await database`
      select version from storage.objects where bucket_id = 'avatars' and name = ${path}`;
    unwrap(
      await avatarsOf(ana).upload(path, picture("me.png", "image/png", 100), { upsert: true }),
    );
    // The job that a change of avatar had queued comes late.
    const [job] = await database`
      insert into private.jobs (kind, payload, max_attempts) values
        ('remove_file', ${database.json({ bucket: "avatars", path, version: stored?.version })}, 1) returning id`;
    await waitFor("the job", async () => {
      await call("jobs", {}, { apikey: stack.secretKey });
      const [found] = await database`select state from private.jobs where id = ${job?.id}`;
      return found?.state === "done" || undefined;
    });
    expect((await fetch(publicUrl(path))).status).toBe(200);
  });

  test("what is no picture, is too large, or goes to another's folder is refused", async () => {
    const [ana, gil] = await Promise.all([signUp("Ana"), signUp("Gil")]);
    const page = new File(["<script>alert(1)</script>"], "me.png", { type: "text/html" });
    const asPage = await avatarsOf(ana).upload(`${ana.id}/me.png`, page);
    expect(asPage.error).toMatchObject({ statusCode: "415" });
    const drawing = new File(["<svg/>"], "me.svg", { type: "image/svg+xml" });
    expect((await avatarsOf(ana).upload(`${ana.id}/me.svg`, drawing)).error).toMatchObject({
      statusCode: "415",
    });
    const large = picture("large.png", "image/png", 2 * 1024 * 1024 + 1);
    expect((await avatarsOf(ana).upload(`${ana.id}/large.png`, large)).error).toMatchObject({
      statusCode: "413",
    });
    const exact = picture("exact.png", "image/png", 2 * 1024 * 1024);
    expect((await avatarsOf(ana).upload(`${ana.id}/exact.png`, exact)).error).toBeNull();

    for (const path of [`${gil.id}/me.png`, "me.png", `${ana.id}/../${gil.id}/me.png`]) {
      const { error } = await avatarsOf(ana).upload(path, picture("me.png"));
      expect(error, path).not.toBeNull();
    }
    const anonymous = visitor().storage.from("avatars");
    const stranger = await anonymous.upload(`${ana.id}/x.png`, picture("x.png"));
    expect(stranger.error).toMatchObject({ statusCode: "403" });

    const path = await wear(gil, picture("gil.png"));
    expect(unwrap(await avatarsOf(ana).remove([path]))).toEqual([]);
    expect(
      (await avatarsOf(ana).upload(path, picture("x.png"), { upsert: true })).error,
    ).toMatchObject({ statusCode: "403" });
    expect(unwrap(await avatarsOf(ana).list(gil.id))).toEqual([]);
    expect((await fetch(publicUrl(path))).status).toBe(200);
    const { status, error } = await ana.client
      .from("profiles")
      .update({ avatar_path: path })
      .eq("id", ana.id);
    expect([status, error?.code]).toEqual([400, "23514"]);
  });
});

describe("roles", () => {
  const setRole = (by: Actor, user_id: string, role: "user" | "customer_service" | "admin") =>
    by.client.rpc("set_user_role", { user_id, role });

  test("one that is given or taken works on the next request, without a new sign-in", async () => {
    const [admin, cleo] = await Promise.all([demo("admin"), signUp("Cleo")]);
    const everyone = async () =>
      unwrap(await cleo.client.from("user_roles").select("user_id")).length > 1;
    const roleOf = async () => unwrap(await cleo.client.rpc("me")).role;
    expect([await roleOf(), await everyone()]).toEqual(["user", false]);

    expect((await setRole(admin, cleo.id, "customer_service")).error).toBeNull();
    expect([await roleOf(), await everyone()]).toEqual(["customer_service", true]);
    expect(refusal(await cleo.client.rpc("search_users"))).toEqual([403, "forbidden"]);

    expect((await setRole(admin, cleo.id, "admin")).error).toBeNull();
    expect((await cleo.client.rpc("search_users")).error).toBeNull();

    expect((await setRole(admin, cleo.id, "user")).error).toBeNull();
    expect([await roleOf(), await everyone()]).toEqual(["user", false]);
    expect(refusal(await cleo.client.rpc("search_users"))).toEqual([403, "forbidden"]);

    const log = await database`
      select actor_id, details ->> 'from' as was, details ->> 'to' as is from private.audit_log
      where action = 'role.changed' and subject_id = ${cleo.id} order by id`;
    expect(log.map(({ actor_id, was, is }) => [actor_id, was, is])).toEqual([
      [admin.id, "user", "customer_service"],
      [admin.id, "customer_service", "admin"],
      [admin.id, "admin", "user"],
    ]);
  });

  test("there is always an admin", async () => {
    const [admin, deputy] = await Promise.all([demo("admin"), signUp("Deputy")]);
    expect(refusal(await setRole(admin, admin.id, "user"))).toEqual([409, "last_admin"]);
    expect((await setRole(admin, deputy.id, "admin")).error).toBeNull();
    // Both at once demote the other: one of them is late, and no longer an admin.
    const answers = await Promise.all([
      setRole(admin, deputy.id, "user"),
      setRole(deputy, admin.id, "user"),
    ]);
    expect(answers.map(({ error }) => error?.hint ?? "done").sort()).toEqual(["done", "forbidden"]);
    if (answers[1]?.error === null) {
      expect((await setRole(deputy, admin.id, "admin")).error).toBeNull();
      expect((await setRole(admin, deputy.id, "user")).error).toBeNull();
    }
  });

  test("nobody makes themselves staff", async () => {
    const email = newAddress();
    const client = visitor();
    const data = { name: "Mallory", role: "admin", user_role: "admin" };
    const { user } = unwrap(await client.auth.signUp({ email, password, options: { data } }));
    const id = user?.id ?? "";
    expect((await client.auth.updateUser({ data: { role: "admin" } })).error).toBeNull();
    expect(unwrap(await client.rpc("me")).role).toBe("user");
    const mallory = { client, id, email, token: "" };
    expect(refusal(await setRole(mallory, id, "admin"))).toEqual([403, "forbidden"]);
    const direct = [
      await client
        .from("user_roles")
        .update({ role: "admin" } as never)
        .eq("user_id", id),
      await client.from("user_roles").insert({ user_id: id, role: "admin" } as never),
      await client.from("user_roles").upsert({ user_id: id, role: "admin" } as never),
      await client.from("user_roles").delete().eq("user_id", id),
    ];
    expect(direct.map(({ status, error }) => [status, error?.code])).toEqual(
      direct.map(() => [403, "42501"]),
    );
    expect((await visitor().rpc("set_user_role", { user_id: id, role: "admin" })).status).toBe(401);
    expect(unwrap(await client.rpc("me")).role).toBe("user");
  });

  test("a role or a user that does not exist is refused with a sentence", async () => {
    const admin = await demo("admin");
    expect(refusal(await setRole(admin, crypto.randomUUID(), "user"))).toEqual([404, "not_found"]);
    expect((await setRole(admin, admin.id, "king" as never)).status).toBe(400);
    expect(refusal(await setRole(admin, admin.id, null as never))).toEqual([400, "invalid_role"]);
  });
});

test("an admin finds people by name or address, and nothing typed is a pattern", async () => {
  const name = `${crypto.randomUUID()} 100%_\\ O'Neil`;
  const [admin, user] = await Promise.all([demo("admin"), signUp(name)]);
  const find = async (query?: string, page_size?: number) =>
    unwrap(
      await admin.client.rpc("search_users", {
        ...(query && { query }),
        ...(page_size && { page_size }),
      }),
    );
  const row = { id: user.id, email: user.email, name, role: "user" };
  for (const query of [
    name.slice(20).toLowerCase(),
    user.email.toUpperCase(),
    user.email.slice(0, 12),
  ]) {
    const found = await find(query);
    expect(found, query).toHaveLength(1);
    expect(found[0]).toMatchObject({ ...row, created_at: expect.any(String) });
  }
  expect(await find("%%%")).toEqual([]);
  expect(await find("' or 1=1; --")).toEqual([]);
  expect(await find("", 2)).toHaveLength(2);
  expect(refusal(await admin.client.rpc("search_users", { page_size: 101 }))).toEqual([
    400,
    "invalid_page_size",
  ]);
  expect((await visitor().rpc("search_users")).status).toBe(401);
});

describe("what others learn of a person", () => {
  test("is the name, the avatar and since when; no address, role or Stripe id", async () => {
    const [ana, gil] = await Promise.all([signUp("Ana"), signUp("Gil")]);
    const [seen] = unwrap(await visitor().from("profiles").select().eq("id", ana.id));
    expect(Object.keys(seen ?? {}).sort()).toEqual(
      ["avatar_path", "created_at", "id", "name", "provider_avatar_url", "updated_at"].sort(),
    );
    expect(JSON.stringify(seen)).not.toContain(ana.email);
    const computed = unwrap(
      await visitor().from("profiles").select("name, avatar_url").eq("id", ana.id).single(),
    );
    expect(computed).toEqual({ name: "Ana", avatar_url: null });
    for (const column of ["email", "role", "stripe_customer_id", "user_roles(role)"]) {
      const answer = await visitor().from("profiles").select(column).eq("id", ana.id);
      expect(answer.error, column).not.toBeNull();
    }
    expect(unwrap(await gil.client.from("user_roles").select())).toMatchObject([
      { user_id: gil.id, role: "user" },
    ]);
    expect((await visitor().from("user_roles").select()).status).toBe(401);
    expect((await visitor().rpc("me")).status).toBe(401);
  });

  test("is not for them to change", async () => {
    const [ana, gil] = await Promise.all([signUp("Ana"), signUp("Gil")]);
    const rename = { name: "Gil was here" };
    const update = gil.client.from("profiles").update(rename).eq("id", ana.id).select();
    expect(unwrap(await update)).toEqual([]);
    const refused = [
      await visitor().from("profiles").update(rename).eq("id", ana.id),
      await gil.client.from("profiles").insert({ id: crypto.randomUUID(), ...rename } as never),
      await gil.client.from("profiles").delete().eq("id", gil.id),
      await gil.client
        .from("profiles")
        .update({ id: ana.id } as never)
        .eq("id", gil.id),
      await gil.client
        .from("profiles")
        .update({ created_at: "2000-01-01" } as never)
        .eq("id", gil.id),
      await gil.client
        .from("profiles")
        .update({ provider_avatar_url: "https://avatars.githubusercontent.com/u/1" } as never)
        .eq("id", gil.id),
    ];
    expect(refused.map(({ status }) => status)).toEqual([401, 403, 403, 403, 403, 403]);
  });
});

test("each user becomes a customer of Stripe's, in the background", async () => {
  const { id } = await signUp("Sam");
  const customer = await waitFor("the customer", async () => {
    const [row] = await database`
      select customer_id from private.stripe_customers where user_id = ${id}`;
    return row?.customer_id as string | undefined;
  });
  expect(customer).toMatch(/^cus_/);

  await stripe("outage?seconds=60");
  try {
    const later = await signUp("Sue");
    expect(unwrap(await later.client.rpc("me")).name).toBe("Sue");
  } finally {
    await stripe("outage?seconds=0");
  }
});

describe("an account that is deleted", () => {
  test("takes profile, role, listings and files along, and its token is worth nothing", async () => {
    const ana = await signUp("Ana");
    const avatar = await wear(ana, picture("me.png"));
    const spare = unwrap(await avatarsOf(ana).upload(`${ana.id}/spare.png`, picture("spare.png")));
    const home = await list(ana);
    expect((await service().auth.admin.deleteUser(ana.id)).error).toBeNull();
    expect(unwrap(await visitor().from("profiles").select().eq("id", ana.id))).toEqual([]);
    expect(unwrap(await visitor().from("properties").select().eq("id", home.id))).toEqual([]);
    expect(refusal(await ana.client.rpc("me"))).toEqual([401, "not_signed_in"]);
    expect((await ana.client.auth.getUser(ana.token)).error).not.toBeNull();
    await Promise.all([untilGone(avatar), untilGone(spare.path)]);
  });

  test("leaves a guest what is booked: the host goes nameless, the listing out of sight", async () => {
    const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
    const home = await list(host);
    const avatar = await wear(host, picture("me.png"));
    const stay = { property_id: home.id, check_in: inDays(20), check_out: inDays(22), guests: 1 };
    const held = unwrap(await guest.client.rpc("reserve", stay));
    expect((await service().auth.admin.deleteUser(host.id)).error).toBeNull();

    const kept = await guest.client
      .from("reservations")
      .select("id, property:properties(title)")
      .eq("id", held.id ?? "")
      .single();
    expect(kept.error).toBeNull();
    const profile = await visitor().from("profiles").select("name, avatar_url").eq("id", host.id);
    expect(unwrap(profile)).toEqual([
      { name: expect.stringMatching(/^Anon-[0-9a-f]{8}$/), avatar_url: null },
    ]);
    expect(unwrap(await visitor().from("properties").select().eq("id", home.id))).toEqual([]);
    await untilGone(avatar);
  });
});

/** The button's link of a mail. */
const linkIn = (text: string) => new URL(/http\S+/.exec(text)?.[0] ?? "");

describe("passwords", () => {
  test("a forgotten one: the same answer whoever asks, and a link that survives being opened", async () => {
    const { email } = await signUp("Petra");
    const redirectTo = `${site}/account`;
    const ask = (address: string) => visitor().auth.resetPasswordForEmail(address, { redirectTo });
    expect(await ask(newAddress())).toEqual(await ask(email));

    const link = linkIn((await mailTo(email, /password/i)).text);
    expect(link.origin + link.pathname).toBe(`${site}/auth/confirm`);
    expect(link.searchParams.get("redirect_to")).toBe(redirectTo);
    // What a scanner opens is a page of the frontend, which uses nothing up: the button does.
    const token_hash = link.searchParams.get("token_hash") ?? "";
    const client = visitor();
    const opened = unwrap(await client.auth.verifyOtp({ token_hash, type: "recovery" }));
    expect(opened.user?.email).toBe(email);
    expect((await client.auth.updateUser({ password: "another-password-1" })).error).toBeNull();
    const signIn = (word: string) => visitor().auth.signInWithPassword({ email, password: word });
    expect((await signIn(password)).error?.code).toBe("invalid_credentials");
    expect((await signIn("another-password-1")).error).toBeNull();
    const again = await visitor().auth.verifyOtp({ token_hash, type: "recovery" });
    expect(again.error?.code).toBe("otp_expired");
  });

  test("a sign-in by mail answers the same to known and unknown addresses", async () => {
    const { email } = await signUp("Otto");
    const answers = [
      await visitor().auth.signInWithOtp({ email }),
      await visitor().auth.signInWithOtp({ email: newAddress() }),
    ];
    expect(answers[0]).toEqual(answers[1]);
    const wrong = [email, newAddress()].map((address) =>
      visitor().auth.signInWithPassword({ email: address, password: "not-this-one-1" }),
    );
    const [known, unknown] = (await Promise.all(wrong)).map(({ error }) => [
      error?.status,
      error?.code,
      error?.message,
    ]);
    expect(known).toEqual(unknown);
  });

  test("a short one is refused", async () => {
    const short = await visitor().auth.signUp({ email: newAddress(), password: "seven77" });
    expect([short.error?.status, short.error?.code]).toEqual([422, "weak_password"]);
  });
});

test("an address that is not proved lets nobody in, and the button of a mail proves it", async () => {
  const email = newAddress();
  expect((await service().auth.admin.createUser({ email, password })).error).toBeNull();
  const signIn = () => visitor().auth.signInWithPassword({ email, password });
  expect((await signIn()).error?.code).toBe("email_not_confirmed");

  await visitor().auth.signInWithOtp({ email, options: { emailRedirectTo: `${site}/welcome` } });
  const { searchParams } = linkIn((await mailTo(email, /./)).text);
  expect(searchParams.get("type")).toBe("email");
  expect(searchParams.get("redirect_to")).toBe(`${site}/welcome`);
  const token_hash = searchParams.get("token_hash") ?? "";
  const { session } = unwrap(await visitor().auth.verifyOtp({ token_hash, type: "email" }));
  expect(session?.user.email).toBe(email);
  expect((await signIn()).error).toBeNull();
});
