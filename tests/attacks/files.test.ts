import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { database, stack } from "../api/actors.ts";
import { ask, send } from "./ask.ts";
import { type Attacker, world } from "./world.ts";

/** Files of others, and files that are not what they say. */

const all = await world();
const { ana, gil, olga } = all.people;
const storage = (path: string) => `/storage/v1/${path}`;
const list = (prefix: string) => ({ prefix, sortBy: { column: "name", order: "asc" } });
const buckets = await database<{ id: string; public: boolean; types: string[] | null }[]>`
  select id, public, allowed_mime_types as types from storage.buckets order by id`;

/** A path that is sent as it is written here; `fetch` would tidy it up. */
function sendRaw(method: string, path: string, token: string, body = ""): Promise<number> {
  const headers = {
    ...{ apikey: stack.publishableKey, authorization: `Bearer ${token}` },
    ...{
      "content-type": "image/png",
      "content-length": Buffer.byteLength(body),
      "x-upsert": String(method === "PUT"),
    },
  };
  const { hostname, port } = new URL(stack.api);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", reject).end(body);
  });
}

/** All that is stored, so that one sees what became of it. */
const objects = () => database`
  select bucket_id, name, version, owner_id, metadata from storage.objects
  where name like ${`%${all.mark}%`} or owner_id in (${olga.id}, ${ana.id}, ${gil.id})
  order by bucket_id, name`;

describe("T31 a private file", () => {
  const files: Record<string, { path: string; hiddenFrom: Attacker[] }> = {
    invoices: { path: all.files.invoice, hiddenFrom: ["visitor", "olga", "ana"] },
    reports: { path: all.files.report, hiddenFrom: ["visitor", "olga", "gil", "ana", "cleo"] },
  };

  test("T31 is attacked in every bucket that is not public", () => {
    const closed = buckets.filter((bucket) => !bucket.public).map(({ id }) => id);
    expect(closed).toEqual(Object.keys(files));
  });

  test.each(Object.entries(files))("T31 of %s is nobody else's", async (bucket, file) => {
    const ways: [string, object?][] = [
      [`object/${bucket}/${file.path}`],
      [`object/public/${bucket}/${file.path}`],
      [`object/authenticated/${bucket}/${file.path}`],
      [`object/info/${bucket}/${file.path}`],
      [`object/info/public/${bucket}/${file.path}`],
      [`object/info/authenticated/${bucket}/${file.path}`],
      [`render/image/public/${bucket}/${file.path}`],
      [`object/sign/${bucket}/${file.path}`, { expiresIn: 60 }],
      [`object/sign/${bucket}/${file.path}?token=${olga.token}`],
      [
        "object/copy",
        {
          bucketId: bucket,
          sourceKey: file.path,
          destinationBucket: "avatars",
          destinationKey: `${olga.id}/x.png`,
        },
      ],
      [
        "object/move",
        { bucketId: bucket, sourceKey: file.path, destinationKey: `${olga.id}/x.pdf` },
      ],
    ];
    for (const who of file.hiddenFrom) {
      for (const [path, body] of ways) {
        const answer = await ask(all, who, storage(path), body ? { body } : {});
        expect(answer.status, `${who}: ${path}: ${answer.body}`).toBeGreaterThanOrEqual(400);
      }
      // Of several files asked for at once, each is answered with its own address or refusal.
      const several = { expiresIn: 60, paths: [file.path] };
      const signed = await ask(all, who, storage(`object/sign/${bucket}`), { body: several });
      expect(signed.body, who).toMatch(/"signedURL":null|"statusCode":"4\d\d"/);
      expect(signed.body, who).not.toContain("token=");
      const [folder] = file.path.split("/");
      for (const prefix of ["", folder!, `${folder}/`]) {
        const { body } = await ask(all, who, storage(`object/list/${bucket}`), {
          body: list(prefix),
        });
        expect(body, `${who}: ${prefix}`).not.toContain(all.mark);
      }
    }
  });

  test("T31 is opened by the address that its owner was given, and by no other", async () => {
    const path = `object/sign/invoices/${all.files.invoice}`;
    const signed = await ask(all, "gil", storage(path), { body: { expiresIn: 60 } });
    const url = storage(JSON.parse(signed.body).signedURL.slice(1));
    expect((await send(url)).body).toBe(all.mark);
    const others = [
      url.replace(gil.id, ana.id),
      url.replace("/invoices/", "/reports/"),
      url.replace(/token=[^.]+/, "token=eyJhbGciOiJub25lIn0"),
      url.replace(/\.[^.]+$/, "."),
      url.replace(/\?.*/, `?token=${gil.token}`),
      url.replace(/\?.*/, ""),
    ];
    for (const other of others) expect((await send(other)).status, other).toBe(400);
  });

  test("T31 of others is not listed, in a public bucket either", async () => {
    for (const [bucket, folder] of [
      ["avatars", gil.id],
      ["property-images", ana.id],
      ["property-images", `${ana.id}/${all.draft}`],
    ] as const) {
      for (const who of ["visitor", "olga"] as const) {
        const { body } = await ask(all, who, storage(`object/list/${bucket}`), {
          body: list(folder),
        });
        expect(JSON.parse(body), `${who}: ${bucket}/${folder}`).toEqual([]);
      }
    }
  });
});

test("T32 nobody writes, replaces or removes a file outside of their own folder", async () => {
  const before = await objects();
  const own = `${olga.id}/`;
  const places = [
    ...[`avatars/${all.files.avatar}`, `avatars/${gil.id}/new.png`, "avatars/new.png"],
    ...[`property-images/${all.files.image}`, `property-images/${ana.id}/${all.draft}/new.png`],
    ...[`property-images/${own}${all.draft}/new.png`, `property-images/${own}new.png`],
    ...[`invoices/${all.files.invoice}`, `invoices/${own}new.pdf`, "reports/2026-01-01.csv"],
    ...["avatars/../invoices", `avatars/${own}../${gil.id}`, `avatars/${own}..%2f${gil.id}`].map(
      (folder) => `${folder}/new.png`,
    ),
    ...[`avatars/${own}%2e%2e/${gil.id}`, `avatars/${own}%252e%252e%252f${gil.id}`].map(
      (folder) => `${folder}/new.png`,
    ),
    ...[
      `avatars/${own}..\\${gil.id}\\new.png`,
      `avatars//${gil.id}/new.png`,
      "avatars//etc/passwd",
    ],
    ...[`avatars/${own}%00/../../${gil.id}/x.png`, `avatars/${olga.id}%2f..%2f${gil.id}%2fx.png`],
  ];
  for (const place of places) {
    for (const method of ["POST", "PUT", "DELETE"]) {
      const status = await sendRaw(method, storage(`object/${place}`), olga.token, "x");
      expect(status, `${method} ${place}`).toBeGreaterThanOrEqual(400);
    }
  }
  for (const [bucket, path] of [
    ["avatars", all.files.avatar],
    ["property-images", all.files.image],
    ["invoices", all.files.invoice],
    ["reports", all.files.report],
  ] as const) {
    const body = { prefixes: [path] };
    await ask(all, "olga", storage(`object/${bucket}`), { method: "DELETE", body });
    const id = { body: { id: bucket, name: bucket, public: true } };
    for (const method of ["POST", "PUT", "DELETE"]) {
      const answer = await ask(all, "olga", storage(`bucket/${bucket}`), { method, ...id });
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
  }
  expect(await objects()).toEqual(before);
  // In one's own folder one may.
  expect(await sendRaw("POST", storage(`object/avatars/${own}me.png`), olga.token, "x")).toBe(200);
});

describe("T33 a file that is not what it says", () => {
  const upload = (bucket: string, name: string, type: string, who: Attacker = "olga") => {
    const headers = { "content-type": type, "x-upsert": "true" };
    const body = Buffer.from("<script>alert(1)</script>");
    return ask(all, who, storage(`object/${bucket}/${name}`), { method: "POST", headers, body });
  };

  test("T33 is not taken, or served as a picture that nothing runs in", async () => {
    const types = [
      ...["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "image/*", "*/*", "x"],
      ...["image/png, text/html", "text/html; image/png", "image/png;text/html", "IMAGE/PNG"],
      ...["image/png; charset=text/html", "application/javascript", "application/pdf"],
    ];
    for (const type of types) {
      const name = `${olga.id}/${crypto.randomUUID()}.html`;
      const { status } = await upload("avatars", name, type);
      if (status !== 200) continue;
      const served = await send(storage(`object/public/avatars/${name}`));
      expect(served.headers.get("content-type"), type).toMatch(
        /^(image\/(png|jpeg|webp)|text\/plain)\b/i,
      );
      expect(served.headers.get("x-content-type-options")).toBe("nosniff");
    }
    expect((await upload("avatars", `${olga.id}/a.html`, "text/html")).body).toContain("415");
    expect((await upload("avatars", `${olga.id}/a.svg`, "image/svg+xml")).body).toContain("415");
    const form = new FormData();
    form.set("contentType", "text/html");
    form.set("file", new File(["<script>"], "a.png", { type: "image/png" }));
    const sent = await olga.client.storage.from("avatars").upload(`${olga.id}/b.png`, form);
    expect(sent.error).toMatchObject({ statusCode: "415" });
  });

  test("T33 that a name turns into a header is served as a name", async () => {
    const name = `${olga.id}/h.png`;
    expect((await upload("avatars", name, "image/png")).status).toBe(200);
    const attack = encodeURIComponent('x"\r\nset-cookie: a=b\r\n\r\n<script>');
    const { headers } = await send(storage(`object/public/avatars/${name}?download=${attack}`));
    expect(headers.get("set-cookie")).toBeNull();
    expect(headers.get("content-disposition")).not.toMatch(/[\r\n<]/);
  });

  test("T33 of a kind or size that a bucket is not for is refused in all of them", async () => {
    expect(buckets.filter(({ types }) => !types?.length)).toEqual([]);
    const limits = await database<{ id: string; file_size_limit: number }[]>`
      select id, file_size_limit::float from storage.buckets order by id`;
    const mebibytes = limits.map(({ id, file_size_limit }) => [id, file_size_limit / 1024 ** 2]);
    expect(Object.fromEntries(mebibytes)).toEqual({
      ...{ avatars: 2, invoices: 1, "property-images": 8, reports: 50 },
    });
    const large = Buffer.alloc(2 * 1024 ** 2 + 1);
    const { error } = await olga.client.storage
      .from("avatars")
      .upload(`${olga.id}/large.png`, large, { contentType: "image/png" });
    expect(error).toMatchObject({ statusCode: "413" });
    // Not even those whom they are for write documents.
    for (const [who, bucket] of [
      ["gil", "invoices"],
      ["ada", "invoices"],
      ["ada", "reports"],
    ] as const) {
      const type = bucket === "reports" ? "text/csv" : "application/pdf";
      const { body } = await upload(bucket, `${all.people[who].id}/x.pdf`, type, who);
      expect(body, `${who}: ${bucket}`).toContain("403");
    }
  });
});
