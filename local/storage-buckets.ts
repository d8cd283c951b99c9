import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { glob, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { getMimeType } from "hono/utils/mime";
import postgres, { type Row, type TransactionSql } from "postgres";
import { type Caller, service } from "./caller.ts";
import { readConfig } from "./config.ts";
import type { Settings } from "./settings.ts";
import { type Download, mustAccept, mustBeName, refusal, type Upload } from "./storage-files.ts";

export type Place = { bucket_id: string; name: string };
export type Store = ReturnType<typeof openStore>;

/** The size that no file may exceed: `2MiB`, say, in bytes; the project's own unless it is given. */
export function sizeLimit(settings: Settings, limit?: string): number {
  const size = limit ?? readConfig(settings.root).storage?.file_size_limit ?? "50MiB";
  const [unit = "b"] = /[bkmg]/.exec(size.toLowerCase()) ?? [];
  return Number.parseFloat(size) * 1024 ** "bkmg".indexOf(unit);
}

/**
 * Rows in the database, used as the caller under row-level security, and for each a file in the
 * data folder, called by the row's version. The file is there before the row is seen and goes after
 * it: whatever breaks leaves at most a file without a row, which the next start removes.
 */
export function openStore(settings: Settings) {
  const sql = postgres(settings.authenticatorUrl, { max: 8 });
  const folder = join(settings.dataDir, "storage");
  mkdirSync(folder, { recursive: true });
  const drop = (rows: Row[]) =>
    Promise.all(rows.map(({ version }) => rm(join(folder, version), { force: true })));

  /** Row-level security holds in here, and the triggers on Storage's tables let rows go. */
  const as = (caller: Caller, queries: (tx: TransactionSql) => Promise<Row[]>) =>
    sql.begin<Row[]>(async (tx) => {
      await tx`select set_config('request.jwt.claims', ${JSON.stringify(caller.claims)}, true),
        set_config('storage.allow_delete_query', 'true', true),
        set_config('role', ${caller.role}, true)`;
      return queries(tx);
    });
  const find = (tx: TransactionSql, { bucket_id, name }: Place) =>
    tx`select * from storage.objects where bucket_id = ${bucket_id} and name = ${name}`;

  async function findBucket(id: string): Promise<Row> {
    const [bucket] = await sql`select * from storage.buckets where id = ${id}`;
    return bucket ?? Promise.reject(refusal("NoSuchBucket"));
  }

  /** An object and its bytes; one that is replaced in between is looked for once more. */
  async function read(caller: Caller, place: Place, attempts = 2): Promise<Download> {
    const [object] = await as(caller, (tx) => find(tx, place));
    if (!object || attempts === 0) throw refusal("NoSuchKey");
    const bytes = await readFile(join(folder, object.version)).catch(() => null);
    return bytes ? { object, bytes } : read(caller, place, attempts - 1);
  }

  async function put(caller: Caller, place: Place, upload: Upload, upsert: boolean) {
    mustBeName(place.name);
    mustAccept(await findBucket(place.bucket_id), upload);
    const { bytes, ...told } = upload;
    const ids = { id: randomUUID(), version: randomUUID(), owner_id: caller.sub };
    const row = { ...place, ...ids, metadata: { ...told, size: bytes.length } };
    const Key = `${place.bucket_id}/${place.name}`;
    const replaced = await as(caller, async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${Key}, 0))`;
      const before = await find(tx, place);
      const columns = tx(row, "version", "metadata");
      const replace = tx`on conflict (bucket_id, name) do update set ${columns}`;
      await tx`insert into storage.objects ${tx(row)} ${upsert ? replace : tx``}`;
      await writeFile(join(folder, row.version), bytes);
      return before;
    });
    await drop(replaced);
    return { Id: replaced[0]?.id ?? row.id, Key };
  }

  /** All that is below a folder, in the order that is asked for. */
  const list = (caller: Caller, { bucket_id, name }: Place, column: string, isLastFirst: boolean) =>
    as(
      caller,
      (tx) => tx`select * from storage.objects
      where bucket_id = ${bucket_id} and starts_with(name, ${name})
      order by ${column === "name" ? tx`lower(name) collate "C"` : tx(column)}
        ${isLastFirst ? tx`desc` : tx``}`,
    );

  async function remove(caller: Caller, bucket_id: string, names: string[]) {
    const removed = await as(caller, (tx) => {
      return tx`delete from storage.objects
        where bucket_id = ${bucket_id} and name = any(${names}) returning *`;
    });
    await drop(removed);
    return removed;
  }

  async function dropOrphans() {
    const rows = await sql`select version from storage.objects`;
    const known = new Set(rows.map(({ version }) => version));
    const files = (await readdir(folder)).filter((version) => !known.has(version));
    await drop(files.map((version) => ({ version })));
  }

  return { sql, findBucket, read, put, list, remove, dropOrphans };
}

/** Makes the buckets of `config.toml`, and copies in what their `objects_path` has and they lack. */
export async function seedBuckets(settings: Settings): Promise<void> {
  const { sql, put } = openStore(settings);
  const { buckets = {} } = readConfig(settings.root).storage ?? {};
  for (const [id, { objects_path, ...config }] of Object.entries(buckets)) {
    const file_size_limit = sizeLimit(settings, config.file_size_limit);
    const bucket = { allowed_mime_types: null, ...config, id, name: id, file_size_limit };
    await sql`insert into storage.buckets ${sql(bucket)}
      on conflict (id) do update set ${sql(bucket)}`;
    const rows = await sql`select name from storage.objects where bucket_id = ${id}`;
    const known = new Set(rows.map(({ name }) => name));
    const cwd = join(settings.root, "supabase", objects_path ?? "");
    for await (const path of glob(objects_path ? "**/*.*" : [], { cwd })) {
      const place = { bucket_id: id, name: path.replaceAll(sep, "/") };
      const mimetype = getMimeType(path) ?? "application/octet-stream";
      const told = { mimetype, cacheControl: "max-age=3600" };
      if (known.has(place.name)) continue;
      await put(service, place, { bytes: await readFile(join(cwd, path)), ...told }, true);
    }
  }
  await sql.end();
}
