import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Context, Hono } from "hono";
import { getMimeType } from "hono/utils/mime";
import { z } from "zod";
import type { Caller } from "./caller.ts";
import { readConfig } from "./config.ts";
import type { Settings } from "./settings.ts";
import { refusal, save } from "./storage-files.ts";
import {
  type Bucket,
  mustAccept,
  noSuchBucket,
  openStore,
  type Store,
  service,
} from "./storage-store.ts";

/** A size like `2MiB` in bytes; its unit is 1024 in `config.toml` and 1000 in the Storage API. */
function bytes(size: string | number, unit: number): number {
  const [, amount, prefix = ""] = /^([\d.]+) *([kmgt]?)i?b?$/i.exec(String(size)) ?? [];
  if (!amount) throw refusal(400, "InvalidRequest", `Invalid file size: ${size}`);
  return Math.round(Number(amount) * unit ** " kmgt".indexOf(prefix.toLowerCase() || " "));
}

type BucketConfig = Partial<Pick<Bucket, "public" | "allowed_mime_types">> & {
  file_size_limit?: string;
  objects_path?: string;
};
type Config = { storage?: { file_size_limit?: string; buckets?: Record<string, BucketConfig> } };

/** `[storage]` of `supabase/config.toml`: the buckets, and the size that no file may exceed. */
export function readStorageConfig({ root }: Settings) {
  const { storage } = readConfig(root) as Config;
  const { file_size_limit = "50MiB", buckets = {} } = storage ?? {};
  return { fileSizeLimit: bytes(file_size_limit, 1024), buckets };
}

/**
 * Creates or updates the buckets of `supabase/config.toml` and copies in the files below their
 * `objects_path`, as `supabase seed buckets` does. A file that has not changed is left alone.
 */
export async function seedBuckets(settings: Settings): Promise<void> {
  const store = openStore(settings);
  const { sql } = store;
  try {
    for (const [id, config] of Object.entries(readStorageConfig(settings).buckets)) {
      const { public: open = false, allowed_mime_types = null, file_size_limit: size } = config;
      const file_size_limit = size ? bytes(size, 1024) : null;
      const bucket = { id, public: open, allowed_mime_types, file_size_limit };
      await sql`insert into storage.buckets ${sql({ ...bucket, name: id })}
        on conflict (id) do update set ${sql(bucket)}`;
      const { objects_path: path } = config;
      if (path) await seedObjects(store, bucket, join(settings.root, "supabase", path));
    }
  } finally {
    await sql.end();
  }
}

async function seedObjects(store: Store, bucket: Bucket, folder: string): Promise<void> {
  const stored = await store.sql<{ name: string; size: number; updated_at: Date }[]>`
    select name, (metadata -> 'size')::int as size, updated_at from storage.objects
    where bucket_id = ${bucket.id}`;
  const known = new Map(stored.map((row) => [row.name, row]));
  const seed = async (path: string) => {
    const name = relative(folder, path).split(sep).join("/");
    const { size, mtime } = await stat(path);
    const before = known.get(name);
    if (before?.size === size && before.updated_at > mtime) return;
    const mimetype = getMimeType(path) ?? "application/octet-stream";
    mustAccept(bucket, mimetype);
    const file = { body: createReadStream(path), mimetype, cacheControl: "max-age=3600" };
    const limit = bucket.file_size_limit ?? Infinity;
    const make = (target: string) => save(file, target, limit);
    await store.put(service, { bucket_id: bucket.id, name }, true, make);
  };
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const seeds = files.filter((file) => file.isFile());
  await Promise.all(seeds.map((file) => seed(join(file.parentPath, file.name))));
}

export async function bodyOf<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const body = schema.safeParse(await c.req.json().catch(() => null));
  if (body.success) return body.data;
  throw refusal(400, "InvalidRequest", z.prettifyError(body.error));
}

const bucketBody = z.object({
  name: z.string().regex(/^[\w!.*'() &$@=;:+,?-]{1,100}$/, "Bucket name invalid"),
  public: z.boolean().optional(),
  file_size_limit: z.union([z.number(), z.string()]).nullish(),
  allowed_mime_types: z.array(z.string()).nullish(),
});

type Env = { Variables: { caller: Caller } };

/** `/bucket`: read and changed as the caller, which is to say with the secret key. */
export function bucketRoutes(app: Hono<Env>, { sql, query, drop }: Store): void {
  /** The columns that were given: what is left out stays as it is, null takes a limit away. */
  const columns = async (c: Context) => {
    const { file_size_limit: size, ...body } = await bodyOf(c, bucketBody);
    const given = Object.entries({ ...body, file_size_limit: size && bytes(size, 1000) });
    return Object.fromEntries(given.filter(([, value]) => value !== undefined));
  };
  const only = <T>([bucket]: T[]) => {
    if (!bucket) throw noSuchBucket();
    return bucket;
  };

  app.get("/bucket", async (c) =>
    c.json(await query(c.var.caller)`select * from storage.buckets order by name`),
  );
  app.post("/bucket", async (c) => {
    const row = await columns(c);
    await query(c.var.caller)`insert into storage.buckets ${sql({ ...row, id: row.name })}`;
    return c.json({ name: row.name });
  });
  app.get("/bucket/:id", async (c) => {
    const { id } = c.req.param();
    return c.json(only(await query(c.var.caller)`select * from storage.buckets where id = ${id}`));
  });
  app.put("/bucket/:id", async (c) => {
    const { id } = c.req.param();
    const { name: _, ...row } = await columns(c);
    const updated = await query(c.var.caller)`
      update storage.buckets set ${sql({ ...row, updated_at: new Date() })}
      where id = ${id} returning id`;
    only(updated);
    return c.json({ message: "Successfully updated" });
  });
  app.post("/bucket/:id/empty", async (c) => {
    const { id } = c.req.param();
    const objects = await query(c.var.caller)`
      delete from storage.objects where bucket_id = ${id} returning version`;
    await drop(objects);
    return c.json({ message: "Successfully emptied" });
  });
  app.delete("/bucket/:id", async (c) => {
    const { id } = c.req.param();
    only(await query(c.var.caller)`delete from storage.buckets where id = ${id} returning id`);
    return c.json({ message: "Successfully deleted" });
  });
}
