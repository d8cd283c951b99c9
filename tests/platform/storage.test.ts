import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServerType, serve } from "@hono/node-server";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { SignJWT } from "jose";
import postgres from "postgres";
import { parse } from "smol-toml";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startPostgres } from "../../local/postgres.ts";
import { loadSettings, type Part, type Settings } from "../../local/settings.ts";
import { createStorage } from "../../local/storage.ts";
import { seedBuckets } from "../../local/storage-buckets.ts";

const config = `
[storage]
file_size_limit = "40MiB"
[storage.buckets.avatars]
public = true
file_size_limit = "2MiB"
allowed_mime_types = ["image/png", "image/jpeg"]
objects_path = "./seeds/avatars"
[storage.buckets.vault]
public = false
[storage.buckets.open]
public = true
`;

/** Everyone signed in keeps own files in `vault` and `avatars`, in a folder named by the user's id. */
const policies = ["select", "insert", "update", "delete"].map(
  (
    command,
  ) => `create policy "Own files: ${command}" on storage.objects for ${command} to authenticated
    ${command === "insert" ? "with check" : "using"}
    (bucket_id in ('vault', 'avatars', 'open') and (storage.foldername(name))[1] = auth.uid()::text)`,
);

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const owner = randomUUID();
const stranger = randomUUID();

let settings: Settings;
let database: Part;
let storage: Awaited<ReturnType<typeof createStorage>>;
let server: ServerType;
let sql: postgres.Sql;
let url: string;
let as: Record<"anon" | "owner" | "stranger" | "service", SupabaseClient>;

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "storage-test-"));
  const real = loadSettings({ port: await freePort(), dataDir });
  const root = join(dataDir, "project");
  settings = { ...real, root, config: parse(config) as unknown as Settings["config"] };
  await mkdir(join(settings.root, "supabase/seeds/avatars/demo"), { recursive: true });
  await writeFile(join(settings.root, "supabase/seeds/avatars/demo/face.png"), png);
  database = await startPostgres(real);
  sql = postgres(settings.databaseUrl, { onnotice: () => {} });
  for (const policy of policies) await sql.unsafe(policy);
  await seedBuckets(settings);
  storage = await createStorage(settings);
  url = await listen();
  as = {
    anon: createClient(url, settings.keys.publishable),
    owner: await signedIn(owner),
    stranger: await signedIn(stranger),
    service: createClient(url, settings.keys.secret),
  };
}, 60_000);

afterAll(async () => {
  server?.close();
  await storage?.stop();
  await sql?.end();
  await database?.stop();
  await rm(settings.dataDir, { recursive: true });
});

async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
        .once("error", () => resolve(false))
        .listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

async function listen(): Promise<string> {
  const options = { hostname: "127.0.0.1", port: settings.ports.api };
  await new Promise<void>((resolve) => {
    server = serve({ ...options, fetch: (request) => storage.fetch(request) }, () => resolve());
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function token(claims: Record<string, unknown>, secret = settings.keys.jwtSecret, expires = "1h") {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(secret));
}

async function signedIn(sub: string): Promise<SupabaseClient> {
  const jwt = await token({ sub, role: "authenticated" });
  return createClient(url, settings.keys.publishable, { accessToken: async () => jwt });
}

const files = () => readdir(join(settings.dataDir, "storage"));
const ids = async () =>
  (await sql<{ id: string }[]>`select id from storage.objects`).map(({ id }) => id);
/** After whatever happened, each row has its file and each file its row. */
const expectInStep = async () => expect((await files()).sort()).toEqual((await ids()).sort());
const named = (name: string) => `${owner}/${name}`;

/** A raw HTTP request, as a client that is up to something sends it. */
async function raw(path: string, init: RequestInit & { key?: string } = {}) {
  const { key = await token({ sub: owner, role: "authenticated" }), ...rest } = init;
  const authorization = key ? { authorization: `Bearer ${key}` } : {};
  return fetch(`${url}/storage/v1${path}`, {
    ...rest,
    headers: { ...authorization, ...(rest.headers as Record<string, string>) },
  });
}

beforeEach(async () => {
  const names = await sql<{ bucket_id: string; name: string }[]>`
    select bucket_id, name from storage.objects where bucket_id <> 'avatars' or name not like 'demo/%'`;
  for (const { bucket_id, name } of names) await as.service.storage.from(bucket_id).remove([name]);
});

/** The refusal as supabase-js hands it over: the status that Storage means, and its code. */
const refused = (statusCode: string, code: string) => expect.objectContaining({ statusCode, code });

async function upload(name: string, body: string | Buffer | File = png, bucket = "vault") {
  const from = as.owner.storage.from(bucket);
  const { data, error } = await from.upload(name, body, { contentType: "image/png", upsert: true });
  if (error) throw error;
  return data;
}

const text = async (name: string, bucket = "vault") => {
  const { data, error } = await as.owner.storage.from(bucket).download(name);
  return error ? error : data.text();
};

describe("uploads", () => {
  const form = () => {
    const data = new FormData();
    data.append("file", new Blob([png], { type: "image/png" }));
    return data;
  };
  test.each([
    ["a File", () => new File([png], "face.png", { type: "image/png" }), png.length],
    ["a Blob", () => new Blob([png], { type: "image/png" }), png.length],
    ["a Blob without a type", () => new Blob([png]), png.length],
    ["an empty File", () => new File([], "empty.png", { type: "image/png" }), 0],
    ["a FormData", form, png.length],
    ["an ArrayBuffer", () => new Uint8Array(png).buffer, png.length],
    ["a Buffer", () => png, png.length],
    ["a stream", () => new Blob([png]).stream(), png.length],
    ["a string", () => "text, ünïcödé", 17],
  ])("%s arrives whole", async (_, body, size) => {
    const from = as.owner.storage.from("vault");
    const { data, error } = await from.upload(named("a.png"), body());
    expect(error).toBeNull();
    const path = named("a.png");
    expect(data).toEqual({ id: expect.any(String), path, fullPath: `vault/${path}` });
    const file = await from.download(path);
    expect(file.data?.size).toBe(size);
    await expectInStep();
  });

  test("what is told of a file is kept, in a form and in headers alike", async () => {
    const from = as.owner.storage.from("vault");
    const options = { contentType: "image/png", cacheControl: "60", upsert: true };
    for (const body of [png, new File([png], "a.png", { type: "image/png" })]) {
      await from.upload(named("a.png"), body, options);
      const { data } = await from.info(named("a.png"));
      expect(data).toMatchObject({
        ...{ name: named("a.png"), bucketId: "vault", size: png.length },
        ...{ contentType: "image/png", cacheControl: "max-age=60" },
      });
      expect(new Date(data?.createdAt ?? "").getTime()).toBeGreaterThan(Date.now() - 60_000);
    }
    const [row] = await sql`select owner_id from storage.objects where name = ${named("a.png")}`;
    expect(row?.owner_id).toBe(owner);
  });

  test("a name that is taken is refused, unless it is meant to be replaced", async () => {
    const from = as.owner.storage.from("vault");
    const first = await upload(named("a.txt"), "one");
    const again = await from.upload(named("a.txt"), "two");
    expect(again.error).toEqual(refused("409", "KeyAlreadyExists"));
    expect(await text(named("a.txt"))).toBe("one");
    const replaced = await from.upload(named("a.txt"), "three", { upsert: true });
    expect(replaced.data?.id).toBe(first.id);
    const { data: before } = await from.info(named("a.txt"));
    const updated = await from.update(named("a.txt"), "four");
    expect(updated.error).toBeNull();
    expect(await text(named("a.txt"))).toBe("four");
    expect((await from.info(named("a.txt"))).data?.version).not.toBe(before?.version);
    await expectInStep();
  });

  test.each([
    ["a form", () => new File([Buffer.alloc(3 << 20)], "big.png", { type: "image/png" })],
    ["a raw body", () => Buffer.alloc(3 << 20)],
    ["a stream of unknown length", () => new Blob([Buffer.alloc(3 << 20)]).stream()],
    ["a far larger body", () => new File([Buffer.alloc(45 << 20)], "b.png", { type: "image/png" })],
  ])("too large, as %s: refused, and nothing is left", async (_, body) => {
    const from = as.owner.storage.from("avatars");
    const { error } = await from.upload(named("a.png"), body(), { contentType: "image/png" });
    expect(error).toEqual(refused("413", "EntityTooLarge"));
    await expectInStep();
  });

  test("the limit of the whole project holds in a bucket without its own", async () => {
    const { error } = await as.owner.storage
      .from("vault")
      .upload(named("a"), Buffer.alloc(41 << 20));
    expect(error).toEqual(refused("413", "EntityTooLarge"));
  });

  test("20 upserts at once end in one whole file, and one insert of 20 wins", async () => {
    const bodies = Array.from({ length: 20 }, (_, index) => `${index} `.repeat(50_000));
    await Promise.all(bodies.map((body) => upload(named("a"), body)));
    expect(bodies).toContain(await text(named("a")));
    const from = as.owner.storage.from("vault");
    const inserts = await Promise.all(bodies.map((body) => from.upload(named("b"), body)));
    expect(inserts.filter(({ error }) => !error)).toHaveLength(1);
    for (const { error } of inserts)
      if (error) expect(error).toEqual(refused("409", "KeyAlreadyExists"));
    await expectInStep();
  });

  test("a file that is read while it is replaced is one or the other", async () => {
    const bodies = ["a".repeat(300_000), "b".repeat(300_000)];
    await upload(named("a"), bodies[0]);
    const writes = (async () => {
      for (let turn = 0; turn < 30; turn += 1) await upload(named("a"), bodies[turn % 2]);
    })();
    const reads = Array.from({ length: 4 }, async () => {
      for (let turn = 0; turn < 20; turn += 1) expect(bodies).toContain(await text(named("a")));
    });
    await Promise.all([writes, ...reads]);
  });

  test.each(["raw", "form"])("an upload that breaks off (%s) leaves nothing", async (kind) => {
    const before = await files();
    const key = await token({ sub: owner, role: "authenticated" });
    const part = '--x\r\ncontent-disposition: form-data; name=""; filename="a"\r\n\r\n';
    const type = kind === "form" ? "multipart/form-data; boundary=x" : "text/plain";
    const socket = connect(settings.ports.api, "127.0.0.1");
    const sent = once(socket, "drain");
    socket.write(
      `POST /storage/v1/object/vault/${named("broken")} HTTP/1.1\r\nhost: localhost\r\n` +
        `authorization: Bearer ${key}\r\ncontent-type: ${type}\r\ncontent-length: 9000000\r\n\r\n` +
        `${kind === "form" ? part : ""}${"x".repeat(500_000)}`,
    );
    await sent;
    socket.destroy();
    await expect.poll(files).toEqual(before);
    await expectInStep();
  });

  test.each([
    ["a form without a file", { method: "POST", body: new URLSearchParams("a=b") as BodyInit }],
    ["a form cut short", { method: "POST", body: "--x\r\ncontent-dis" }],
  ])("%s is no upload", async (_, init) => {
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    const response = await raw(`/object/vault/${named("a")}`, { ...init, headers });
    expect(await response.json()).toMatchObject({ statusCode: "400", error: "InvalidRequest" });
    await expectInStep();
  });
});

describe("content types", () => {
  const page = "<script>alert(1)</script>";

  test.each([
    ["a File", () => new File([page], "a.png", { type: "text/html" })],
    ["a raw body", () => page],
  ])("a page named .png, as %s, is refused by the type it declares", async (_, body) => {
    const from = as.owner.storage.from("avatars");
    const { error } = await from.upload(named("a.png"), body(), { contentType: "text/html" });
    expect(error).toEqual(refused("415", "InvalidMimeType"));
    expect(error?.message).toBe("mime type text/html is not supported");
    await expectInStep();
  });

  test.each(["image/svg+xml", "image/png, text/html", "text/html;image/png", "image/*", "png", ""])(
    "%j is refused where only PNG and JPEG are taken",
    async (type) => {
      const form = new FormData();
      form.append("contentType", type);
      form.append("", new Blob([page], { type: "text/html" }));
      const { error } = await as.owner.storage.from("avatars").upload(named("a.png"), form);
      expect(error).toEqual(refused("415", "InvalidMimeType"));
    },
  );

  test.each([
    ["image/png", "image/png"],
    ["text/html", "text/plain; charset=utf-8"],
    ["TEXT/HTML; charset=utf-8", "text/plain; charset=utf-8"],
    ["application/xhtml+xml", "text/plain; charset=utf-8"],
    ["text/html\r\nx-injected: 1", "application/octet-stream"],
    ["nonsense", "application/octet-stream"],
  ])("what says it is %j is served as %s, and never sniffed", async (type, served) => {
    const form = new FormData();
    form.append("contentType", type);
    form.append("", new Blob([page]));
    const { error } = await as.owner.storage.from("open").upload(named("a.png"), form);
    expect(error).toBeNull();
    const response = await raw(`/object/public/open/${named("a.png")}`, { key: "" });
    expect(response.headers.get("content-type")).toBe(served);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await response.text()).toBe(page);
  });
});

describe("rights", () => {
  test("nobody writes where the policies do not let them", async () => {
    await upload(named("a.txt"), "mine");
    for (const who of ["anon", "stranger"] as const) {
      const from = as[who].storage.from("vault");
      const body = new File(["theirs"], "a.txt");
      const insert = await from.upload(named("b.txt"), body);
      const upsert = await from.upload(named("a.txt"), body, { upsert: true });
      const update = await from.update(named("a.txt"), body);
      for (const { error } of [insert, upsert, update]) {
        expect(error).toEqual(refused("403", "AccessDenied"));
        expect(error?.message).toBe("new row violates row-level security policy");
      }
      expect(await from.remove([named("a.txt")])).toEqual({ data: [], error: null });
    }
    expect(await text(named("a.txt"))).toBe("mine");
    await expectInStep();
  });

  test("nobody reads what the policies hide, and does not learn that it is there", async () => {
    await upload(named("a.txt"), "mine");
    const attempts = (from: ReturnType<SupabaseClient["storage"]["from"]>, name: string) => [
      from.download(name),
      from.info(name),
      from.createSignedUrl(name, 60),
    ];
    for (const who of ["anon", "stranger"] as const) {
      const from = as[who].storage.from("vault");
      for (const name of [named("a.txt"), named("missing.txt")]) {
        for (const { error } of await Promise.all(attempts(from, name))) {
          expect(error).toEqual(refused("404", "NoSuchKey"));
        }
      }
      expect((await from.exists(named("a.txt"))).data).toBe(false);
      expect((await from.list(owner)).data).toEqual([]);
    }
    expect((await as.owner.storage.from("vault").exists(named("a.txt"))).data).toBe(true);
    expect((await as.service.storage.from("vault").download(named("a.txt"))).error).toBeNull();
  });

  test("who may only insert does just that, as into a letter box", async () => {
    await sql.unsafe(`create policy "Letters" on storage.objects for insert to anon
      with check (bucket_id = 'vault' and name like 'letters/%')`);
    onTestFinished(async () => void (await sql`drop policy "Letters" on storage.objects`));
    const from = as.anon.storage.from("vault");
    expect((await from.upload("letters/1", "hello")).error).toBeNull();
    expect((await from.upload("letters/2", "hi", { upsert: true })).error).toEqual(
      refused("403", "AccessDenied"),
    );
    expect((await from.download("letters/1")).error).toEqual(refused("404", "NoSuchKey"));
  });

  test("keys and tokens that are no good are refused", async () => {
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(
      JSON.stringify({ sub: owner, role: "service_role" }),
    ).toString("base64url")}.`;
    const bad = {
      expired: await token({ sub: owner, role: "authenticated" }, undefined, "-1s"),
      foreign: await token(
        { sub: owner, role: "service_role" },
        "another-secret-of-the-same-length",
      ),
      none,
      superuser: await token({ role: "postgres" }),
      signing: await token({ url: "/object/sign/vault/a" }),
      key: "sb_secret_of_another_project",
    };
    for (const key of Object.values(bad)) {
      for (const path of ["/object/list/vault", "/object/sign/vault/a", "/object/vault/a"]) {
        const response = await raw(path, { key, method: "POST", body: "{}" });
        expect(response.status).toBe(400);
        expect(await response.json()).toMatchObject({ statusCode: "403", error: "Unauthorized" });
      }
      const download = await raw(`/object/vault/${named("a")}`, { key });
      expect(await download.json()).toMatchObject({ statusCode: "403", error: "Unauthorized" });
    }
  });

  test("rows are not deleted by SQL, which would leave their files", async () => {
    await upload(named("a.txt"));
    const deleted = sql`delete from storage.objects where name = ${named("a.txt")}`;
    await expect(deleted).rejects.toMatchObject({ code: "42501" });
  });
});

describe("nonsense", () => {
  const values = [null, 1, "x", [], {}, { nested: [null] }, "\u0000", -1, 1e300];
  test.each(["list/vault", "sign/vault/a"])(
    "sent to %s is refused, and breaks nothing",
    async (path) => {
      const fields = "prefix search limit offset sortBy expiresIn";
      for (const value of values) {
        const whole = JSON.stringify(value);
        const each = Object.fromEntries(fields.split(" ").map((field) => [field, value]));
        for (const body of [whole, JSON.stringify(each), "{"]) {
          const response = await raw(`/object/${path}`, { method: "POST", body });
          expect(response.status, `${path} ${body}`).toBeLessThan(500);
        }
      }
    },
  );

  test.each([
    "multipart/form-data",
    "multipart/form-data; boundary=",
    'multipart/form-data; boundary="x',
  ])("as a form with the type %s is refused", async (type) => {
    const headers = { "content-type": type };
    const response = await raw(`/object/vault/${named("a")}`, {
      method: "POST",
      body: "--x",
      headers,
    });
    expect(response.status).toBe(400);
  });

  test("sent to removals is refused", async () => {
    for (const value of values) {
      const init = { method: "DELETE", body: JSON.stringify({ prefixes: value }) };
      expect((await raw("/object/vault", init)).status).toBeLessThan(500);
    }
  });
});

describe("names", () => {
  test.each([
    "House 12/Kitchen (1).png",
    "a_b-c!.*.PNG",
    ".hidden/..png",
    "at 12:30.txt",
    "it's +1 & @home=$2,3;.png",
  ])("%s is a name", async (name) => {
    const { fullPath } = await upload(named(name), "here", "open");
    expect(fullPath).toBe(`open/${named(name)}`);
    expect(await text(named(name), "open")).toBe("here");
    const { publicUrl } = as.anon.storage.from("open").getPublicUrl(named(name)).data;
    expect(await (await fetch(publicUrl)).text()).toBe("here");
    const { data } = await as.owner.storage.from("open").createSignedUrl(named(name), 60);
    expect(await (await fetch(data?.signedUrl ?? "")).text()).toBe("here");
    const folder = named(name).split("/").slice(0, -1).join("/");
    const list = await as.owner.storage.from("open").list(folder);
    expect(list.data?.map((file) => file.name)).toEqual([name.split("/").at(-1)]);
  });

  const bad = [
    // Letters that hosted does not take.
    ...[
      "Küche.png",
      "日本の家.png",
      "بيت.png",
      "🏠.png",
      "a\u00a0b",
      "a~b",
      "a[1]",
      "a{1}",
      "a^b",
      "a|b",
    ],
    ...["../x", "a/../../x", "a/./b", "a//b", "/a", "a/", ".", "..", "a\u0000b", "a\nb", "a\u007f"],
    ...[
      "a\\b",
      "a\u202egnp.exe",
      "a\u200bb",
      "a%b",
      "a#b",
      "<b>",
      'a"b',
      "x".repeat(1025),
      "家".repeat(342),
    ],
  ];
  test.each(bad)("%j is none, wherever it is sent", async (name) => {
    const path = name.split("/").map((step) => encodeURIComponent(step).replaceAll(".", "%2E"));
    const secret = settings.keys.secret;
    const upload = await raw(`/object/vault/${path.join("%2F")}`, {
      key: secret,
      method: "POST",
      body: "x",
    });
    expect((await upload.json()).error).toMatch(/InvalidKey|NotFound/);
    await expectInStep();
  });

  test("no path leads out of the folder", async () => {
    await writeFile(join(settings.dataDir, "outside"), "secret");
    for (const path of [
      "../outside",
      "..%2foutside",
      "%2e%2e/outside",
      "....//outside",
      "a/..%5c..%5coutside",
    ]) {
      for (const route of ["object/public/open", "object/open", "object/info/open"]) {
        const response = await raw(`/${route}/${path}`, { key: settings.keys.secret });
        expect(response.status, path).toBe(400);
        expect(await response.text()).not.toContain("secret");
      }
    }
  });
});

describe("downloads", () => {
  test("public files need no key, and private ones are not there without", async () => {
    await upload(named("a.png"), png, "open");
    await upload(named("a.png"), png, "vault");
    const publicUrl = as.anon.storage.from("open").getPublicUrl(named("a.png")).data.publicUrl;
    expect((await fetch(publicUrl)).status).toBe(200);
    expect((await raw(`/object/open/${named("a.png")}`, { key: "" })).status).toBe(200);
    for (const path of [
      "public/vault",
      "vault",
      "authenticated/vault",
      "info/vault",
      "public/missing",
    ]) {
      const response = await raw(`/object/${path}/${named("a.png")}`, { key: "" });
      expect(await response.json()).toMatchObject({ statusCode: "404" });
    }
    expect((await raw(`/object/authenticated/vault/${named("a.png")}`)).status).toBe(200);
    expect((await raw(`/object/public/vault/${named("a.png")}`)).status).toBe(400);
  });

  test("the headers of a file", async () => {
    const from = as.owner.storage.from("open");
    await from.upload(named("a.png"), png, { contentType: "image/png", cacheControl: "31536000" });
    const path = `/object/public/open/${named("a.png")}`;
    const response = await raw(path, { key: "" });
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      ...{ "cache-control": "max-age=31536000", "content-type": "image/png" },
      ...{ "content-length": String(png.length), "accept-ranges": "bytes" },
    });
    const head = await raw(path, { key: "", method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(png.length));
    expect(head.headers.get("etag")).toBe(headers.etag);
    for (const [name, value] of [
      ["if-none-match", headers.etag],
      ["if-none-match", `"other", ${headers.etag}`],
      ["if-modified-since", headers["last-modified"]],
    ]) {
      const again = await raw(path, { key: "", headers: { [name as string]: value as string } });
      expect(again.status).toBe(304);
      expect(again.headers.get("etag")).toBe(headers.etag);
    }
    await upload(named("a.png"), "changed", "open");
    const changed = await raw(path, {
      key: "",
      headers: { "if-none-match": headers.etag as string },
    });
    expect(await changed.text()).toBe("changed");
  });

  test.each([
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=-2", 206, "89", "bytes 8-9/10"],
    ["bytes=8-100", 206, "89", "bytes 8-9/10"],
    ["bytes=10-", 416, null, "bytes */10"],
  ])("the range %s", async (range, status, body, contentRange) => {
    await upload(named("digits"), "0123456789", "open");
    const path = `/object/public/open/${named("digits")}`;
    const response = await raw(path, { key: "", headers: { range } });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-range")).toBe(contentRange);
    if (body) expect(await response.text()).toBe(body);
    const stale = await raw(path, { key: "", headers: { range, "if-range": '"other"' } });
    expect(await stale.text()).toBe("0123456789");
  });

  test("?download= names the file that is saved", async () => {
    await upload(named("a.png"), png, "open");
    const from = as.anon.storage.from("open");
    const disposition = async (download: string | true) => {
      const { publicUrl } = from.getPublicUrl(named("a.png"), { download }).data;
      return (await fetch(publicUrl)).headers.get("content-disposition");
    };
    expect(await disposition(true)).toBe("attachment;");
    expect(await disposition('Haus "1"\r\nx: y 🏠.png')).toBe(
      "attachment; filename=Haus%20%221%22%0D%0Ax%3A%20y%20%F0%9F%8F%A0.png; " +
        "filename*=UTF-8''Haus%20%221%22%0D%0Ax%3A%20y%20%F0%9F%8F%A0.png;",
    );
  });

  test("a row whose file is lost is not there", async () => {
    await upload(named("a.txt"), "lost");
    const [row] = await sql`select id from storage.objects where name = ${named("a.txt")}`;
    await rm(join(settings.dataDir, "storage", row?.id));
    expect(await text(named("a.txt"))).toEqual(refused("404", "NoSuchKey"));
  });
});

describe("signed URLs", () => {
  test("open one private file to whoever has the address", async () => {
    await upload(named("a.txt"), "letter");
    const from = as.owner.storage.from("vault");
    const { data } = await from.createSignedUrl(named("a.txt"), 60, { download: "b.txt" });
    const response = await fetch(data?.signedUrl ?? "");
    expect(await response.text()).toBe("letter");
    expect(response.headers.get("content-disposition")).toContain("b.txt");
  });

  test("are worth nothing when they ran out, were changed or were meant for something else", async () => {
    await upload(named("a.txt"), "letter");
    await upload(named("b.txt"), "another");
    const from = as.owner.storage.from("vault");
    const signed = new URL((await from.createSignedUrl(named("a.txt"), 1)).data?.signedUrl ?? "");
    const good = signed.searchParams.get("token") ?? "";
    const [head, body, signature] = good.split(".");
    const claims = { url: `/object/sign/vault/${named("a.txt")}` };
    const tokens = {
      changed: `${head}.${Buffer.from(JSON.stringify({ ...claims, exp: 9e9 })).toString("base64url")}.${signature}`,
      unsigned: `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`,
      user: await token({ sub: owner, role: "authenticated" }),
      none: "",
    };
    for (const value of Object.values(tokens)) {
      const response = await raw(`/object/sign/vault/${named("a.txt")}?token=${value}`, {
        key: "",
      });
      expect(await response.json()).toMatchObject({ statusCode: "400", error: "InvalidJWT" });
    }
    const other = await raw(`/object/sign/vault/${named("b.txt")}?token=${good}`, { key: "" });
    expect(await other.json()).toMatchObject({ error: "InvalidJWT" });
    await expect.poll(async () => (await fetch(signed)).status, { timeout: 4000 }).toBe(400);
  });

  test("of many files at once are made for those that one may read", async () => {
    await upload(named("a (1).txt"), "first");
    await upload(named("b.txt"), "second");
    await as.service.storage.from("vault").upload(`${stranger}/c.txt`, "theirs");
    const paths = [named("a (1).txt"), `${stranger}/c.txt`, named("missing.txt"), named("b.txt")];
    const { data, error } = await as.owner.storage.from("vault").createSignedUrls(paths, 60);
    expect(error).toBeNull();
    expect(data?.map(({ path }) => path)).toEqual(paths);
    const texts = data!.map(async ({ signedUrl, error }) =>
      signedUrl ? await (await fetch(signedUrl)).text() : error,
    );
    const unknown = "Either the object does not exist or you do not have access to it";
    expect(await Promise.all(texts)).toEqual(["first", unknown, unknown, "second"]);
    const asAnon = await as.anon.storage.from("vault").createSignedUrls(paths, 60);
    expect(asAnon.data?.every(({ signedUrl }) => signedUrl === null)).toBe(true);
    const wrong = await as.owner.storage.from("vault").createSignedUrls(paths, 0);
    expect(wrong.error).toEqual(refused("400", "InvalidRequest"));
  });
});

test("what hosted has and the local platform has not says so", async () => {
  await upload(named("a.txt"), "letter");
  const from = as.owner.storage.from("vault");
  const asked = [
    from.move(named("a.txt"), named("b.txt")),
    from.copy(named("a.txt"), named("b.txt")),
    from.createSignedUploadUrl(named("b.txt")),
    from.uploadToSignedUrl(named("b.txt"), "token", "text"),
    from.listV2(),
    as.service.storage.listBuckets(),
    as.service.storage.getBucket("vault"),
    as.service.storage.createBucket("more"),
    as.service.storage.emptyBucket("vault"),
  ];
  for (const { error } of await Promise.all<{ error: unknown }>(asked)) {
    const message = "The local platform has nothing at this path";
    expect(error).toMatchObject({ statusCode: "404", code: "NotFound", message });
  }
});

describe("lists and removals", () => {
  test("a folder lists its files and folders, a page at a time", async () => {
    for (const name of [
      "b.txt",
      "A.txt",
      "c%.txt".replace("%", "_"),
      "sub/x.txt",
      "sub/deep/y.txt",
      "x/z",
    ]) {
      await upload(named(name), name);
    }
    const from = as.owner.storage.from("vault");
    const names = async (...args: Parameters<typeof from.list>) =>
      (await from.list(...args)).data?.map(({ name }) => name);
    expect(await names(owner)).toEqual(["A.txt", "b.txt", "c_.txt", "sub", "x"]);
    expect(await names(`${owner}/`, { limit: 2, offset: 1 })).toEqual(["b.txt", "c_.txt"]);
    expect(await names(owner, { sortBy: { column: "name", order: "desc" } })).toEqual([
      ...["x", "sub", "c_.txt", "b.txt", "A.txt"],
    ]);
    expect(await names(owner, { sortBy: { column: "created_at", order: "desc" } })).toEqual([
      ...["x", "sub", "c_.txt", "A.txt", "b.txt"],
    ]);
    expect(await names(owner, { search: "a." })).toEqual(["A.txt"]);
    expect(await names(owner, { search: "_" })).toEqual([]);
    expect(await names(`${owner}/sub`)).toEqual(["deep", "x.txt"]);
    expect(await names(`${owner}/su`)).toEqual([]);
    expect(await names("")).toEqual([owner]);
    const all = (await from.list(owner)).data ?? [];
    expect(all.find(({ name }) => name === "sub")).toMatchObject({ id: null, metadata: null });
    expect(all.find(({ name }) => name === "b.txt")?.metadata).toMatchObject({ size: 5 });
    const unknown = await from.list(owner, { sortBy: { column: "owner; drop", order: "asc" } });
    expect(unknown.error).toEqual(refused("400", "InvalidRequest"));
    expect(unknown.error?.message).toMatch(/^.*"last_accessed_at"\n.*at sortBy.column$/);
    const seen = { sortBy: { column: "last_accessed_at", order: "asc" } };
    expect((await names(owner, seen))?.slice(0, 2)).toEqual(["b.txt", "A.txt"]);
  });

  test("a removal takes what it may, says what it took, and the files are gone", async () => {
    await upload(named("a.txt"));
    await upload(named("b.txt"));
    await as.service.storage.from("vault").upload(`${stranger}/c.txt`, "theirs");
    const names = [named("a.txt"), named("b.txt"), named("missing.txt"), `${stranger}/c.txt`];
    const { data } = await as.owner.storage.from("vault").remove(names);
    expect(data?.map(({ name }) => name).sort()).toEqual([named("a.txt"), named("b.txt")]);
    expect(data?.[0]).toMatchObject({ bucket_id: "vault", owner_id: owner });
    await expectInStep();
    const kept = await as.service.storage.from("vault").download(`${stranger}/c.txt`);
    expect(await kept.data?.text()).toBe("theirs");
  });
});

describe("seeds and restarts", () => {
  test("buckets and their files are those of the project, and stay so", async () => {
    const [bucket] = await sql`select * from storage.buckets where id = 'avatars'`;
    expect(bucket).toMatchObject({ public: true, file_size_limit: String(2 << 20) });
    expect(bucket?.allowed_mime_types).toEqual(["image/png", "image/jpeg"]);
    const face = await raw("/object/public/avatars/demo/face.png", { key: "" });
    expect(face.headers.get("content-type")).toBe("image/png");
    expect(Buffer.from(await face.arrayBuffer())).toEqual(png);

    const before = await ids();
    await seedBuckets(settings);
    expect(await ids()).toEqual(before);
    await writeFile(join(settings.root, "supabase/seeds/avatars/demo/second.png"), png);
    await seedBuckets(settings);
    expect(await ids()).toHaveLength(before.length + 1);
    await expectInStep();
  });

  test("what a crash left behind is gone after the next start", async () => {
    await upload(named("a.txt"), "kept");
    await writeFile(join(settings.dataDir, "storage", randomUUID()), randomBytes(1000));
    await storage.stop();
    storage = await createStorage(settings);
    await expectInStep();
    expect(await text(named("a.txt"))).toBe("kept");
  });
});
