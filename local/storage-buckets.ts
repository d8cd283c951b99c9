import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { glob, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { getMimeType } from "hono/utils/mime";
import postgres, { type Row, type TransactionSql } from "postgres";
import { type Caller, service } from "./caller.ts";
import type { Settings } from "./settings.ts";
import { type Download, mustAccept, mustBeName, refusal, type Upload } from "./storage-files.ts";

export type Place = { bucket_id: string; name: string };

/** A size as `config.toml` has it, `2MiB` say, in bytes. */
export function bytesOf(size: string): number {
  const [unit = "b"] = /[bkmg]/.exec(size.toLowerCase()) ?? [];
  return Number.parseFloat(size) * 1024 ** "bkmg".indexOf(unit);
}

/**
 * Rows in the database, and for each a file in the data folder, called by its id. It is whole before
 * the row is seen and goes after it: what breaks leaves files alone, which the next start removes.
 */
export function openStore(settings: Settings) {
  const sql = postgres(settings.authenticatorUrl, { max: 8 });
  const folder = join(settings.dataDir, "storage");
  mkdirSync(folder, { recursive: true });
  const drop = (ids: string[]) =>
    Promise.all(ids.map((id) => rm(join(folder, id), { force: true })));

  /** Row-level security holds in here, and the triggers on Storage's tables let rows go. */
  const as = (caller: Caller, queries: (tx: TransactionSql) => Promise<Row[]>) =>
    sql.begin<Row[]>(async (tx) => {
      await tx`select set_config('request.jwt.claims', ${JSON.stringify(caller)}, true),
        set_config('storage.allow_delete_query', 'true', true),
        set_config('role', ${caller.role}, true)`;
      return queries(tx);
    });

  async function findBucket(id: string): Promise<Row> {
    const [bucket] = await sql`select * from storage.buckets where id = ${id}`;
    return bucket ?? Promise.reject(refusal("NoSuchBucket"));
  }

  function find(caller: Caller, bucket_id: string, names: string[]) {
    const asked = sql`bucket_id = ${bucket_id} and name = any(${names})`;
    return as(caller, (tx) => tx`select * from storage.objects where ${asked}`);
  }

  async function read(caller: Caller, { bucket_id, name }: Place): Promise<Download> {
    const bucket = await findBucket(bucket_id);
    const [object] = await find(bucket.public ? service : caller, bucket_id, [name]);
    const bytes = object && (await readFile(join(folder, object.id)).catch(() => null));
    if (bytes) return { object, bytes };
    throw refusal("NoSuchKey");
  }

  async function put(caller: Caller, place: Place, upload: Upload, upsert: boolean) {
    mustBeName(place.name);
    mustAccept(await findBucket(place.bucket_id), upload);
    const { bytes, ...told } = upload;
    const metadata = { ...told, size: bytes.length };
    const written = { metadata, version: randomUUID(), updated_at: new Date() };
    const row = { ...place, ...written, id: randomUUID(), owner_id: caller.sub ?? null };
    const [stored = row] = await as(caller, async (tx) => {
      const replace = tx`on conflict (bucket_id, name) do update set ${tx(written)} returning id`;
      const replaced = await tx`insert into storage.objects ${tx(row)} ${upsert ? replace : tx``}`;
      // Who writes to this row too waits for the commit; who reads gets the one file or the other.
      const part = join(folder, `${row.id}.part`);
      await writeFile(part, bytes);
      await rename(part, join(folder, replaced[0]?.id ?? row.id));
      return replaced;
    });
    return { Id: stored.id, Key: `${place.bucket_id}/${place.name}` };
  }

  async function dropOrphans() {
    const known = new Set((await sql`select id from storage.objects`).map(({ id }) => id));
    await drop((await readdir(folder)).filter((id) => !known.has(id)));
  }

  return { sql, as, find, read, put, drop, dropOrphans };
}

/** Makes the buckets of `config.toml`, and copies in what their `objects_path` has and they lack. */
export async function seedBuckets(settings: Settings): Promise<void> {
  const store = openStore(settings);
  const { file_size_limit, buckets } = settings.config.storage;
  const seeded = Object.entries(buckets).map(async ([id, { objects_path, ...config }]) => {
    const size = bytesOf(config.file_size_limit ?? file_size_limit);
    const row = { allowed_mime_types: null, ...config, id, name: id, file_size_limit: size };
    await store.sql`insert into storage.buckets ${store.sql(row)}
      on conflict (id) do update set ${store.sql(row)}`;
    const rows = await store.sql`select name from storage.objects where bucket_id = ${id}`;
    const cwd = join(settings.root, "supabase", objects_path ?? "");
    for await (const path of glob(objects_path ? "**/*.*" : [], { cwd })) {
      const name = path.replaceAll(sep, "/");
      if (rows.some((row) => row.name === name)) continue;
      const told = { mimetype: getMimeType(path) ?? "", cacheControl: "max-age=3600" };
      const upload = { bytes: await readFile(join(cwd, path)), ...told };
      await store.put(service, { bucket_id: id, name }, upload, false);
    }
  });
  await Promise.all(seeded).finally(() => store.sql.end());
}
