import { copyFile } from "node:fs/promises";
import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { jwtVerify, SignJWT } from "jose";
import type { PostgresError } from "postgres";
import { z } from "zod";
import { type Caller, InvalidToken, resolveCaller } from "./caller.ts";
import type { Settings } from "./settings.ts";
import { bodyOf, bucketRoutes, readStorageConfig } from "./storage-buckets.ts";
import { receive, refusal, save, serve } from "./storage-files.ts";
import {
  mustAccept,
  mustBeName,
  noSuchBucket,
  noSuchKey,
  openStore,
  type Place,
  type Store,
  service,
} from "./storage-store.ts";

type Env = { Variables: { caller: Caller } };

/**
 * Serves `/storage/v1` as Supabase Storage does, to supabase-js: objects, signed URLs and buckets,
 * but no image transformations, resumable uploads or S3.
 */
export async function createStorage(settings: Settings) {
  const store = openStore(settings);
  await store.dropOrphans();
  const app = new Hono<Env>().basePath("/storage/v1");
  app.use(async (c, next) => {
    await next();
    c.header("x-content-type-options", "nosniff");
  });
  app.onError((error) => asRefusal(error).getResponse());
  app.notFound((c) => refusal(404, "NotFound", `No ${c.req.method} ${c.req.path}`).getResponse());
  openRoutes(app, store);
  app.use(async (c, next) => {
    const caller = await resolveCaller(c.req.raw, settings);
    if (!caller) throw refusal(401, "AccessDenied", "No API key found in request", "Unauthorized");
    c.set("caller", caller);
    await next();
  });
  objectRoutes(app, store);
  bucketRoutes(app, store);
  return {
    fetch: async (request: Request) => app.fetch(request),
    stop: () => store.sql.end({ timeout: 5 }),
  };
}

function asRefusal(error: Error): HTTPException {
  if (error instanceof HTTPException) return error;
  const denied = (message: string) => refusal(403, "AccessDenied", message, "Unauthorized");
  if (error instanceof InvalidToken) return denied(error.message);
  const { code = "", detail = "", message } = error as PostgresError;
  if (code === "42501") return denied(message.replace(/ for table .*/, ""));
  if (code === "23505") {
    return refusal(409, "KeyAlreadyExists", "The resource already exists", "Duplicate");
  }
  if (code === "23503" && detail.includes("still referenced")) {
    return refusal(409, "InvalidRequest", "The bucket you tried to delete is not empty");
  }
  if (code === "23503") return noSuchBucket();
  if (code.startsWith("22")) return refusal(400, "InvalidParameter", message);
  if (code !== "ECONNRESET") console.error(error);
  return refusal(500, "InternalError", "Internal server error");
}

const signingKey = ({ settings }: Store) => new TextEncoder().encode(settings.keys.signingSecret);

/** A token for a signed URL: for one file, one use and some time. */
function sign(store: Store, use: "read" | "write", url: string, seconds: number, claims = {}) {
  const token = new SignJWT({ ...claims, use, url }).setProtectedHeader({ alg: "HS256" });
  return token.setExpirationTime(`${seconds} seconds`).sign(signingKey(store));
}

/** What the token of a signed URL says, if it is meant for this use of this file. */
async function verify(c: Context, store: Store, use: "read" | "write") {
  const token = c.req.query("token") ?? "";
  const verified = jwtVerify(token, signingKey(store), { algorithms: ["HS256"] });
  const { payload } = await verified.catch((error) => {
    throw refusal(400, "InvalidJWT", error.message);
  });
  if (payload.use === use && payload.url === keyOf(placeOf(c))) return payload;
  throw refusal(400, "InvalidSignature", "Invalid signature");
}

const object = "/:bucket/:name{.+}";
const keyOf = ({ bucket_id, name }: Place) => `${bucket_id}/${name}`;
const placeOf = (c: Context): Place => {
  const { bucket = "", name = "" } = c.req.param() as Record<string, string>;
  return { bucket_id: bucket, name };
};

async function download(c: Context, store: Store, reader: Caller) {
  const { file, metadata } = await store.openFile(reader, placeOf(c));
  return serve(c.req.raw, file, metadata);
}

async function upload(c: Context, store: Store, caller: Caller, upsert: boolean) {
  const file = await receive(c.req.raw);
  try {
    const bucket = await store.findBucket(placeOf(c).bucket_id);
    mustAccept(bucket, file.mimetype);
    const { mimetype, userMetadata: user_metadata } = file;
    const row = { ...placeOf(c), metadata: { mimetype }, user_metadata };
    await store.mustBeAllowed(caller, row, upsert);
    const { fileSizeLimit: most } = readStorageConfig(store.settings);
    const limit = Math.min(bucket.file_size_limit ?? most, most);
    return c.json(await store.put(caller, row, upsert, (path) => save(file, path, limit)));
  } finally {
    file.body.resume(); // a client that is cut off in the middle does not hear of a refusal
  }
}

/** As whom a file is read: in a public bucket policies do not matter, nor does a key. */
async function readerOf(c: Context, store: Store): Promise<Caller> {
  const bucket = await store.findBucket(placeOf(c).bucket_id);
  const caller = bucket.public ? service : await resolveCaller(c.req.raw, store.settings);
  if (caller) return caller;
  throw noSuchBucket();
}

/** What can be had without a key: public files, and what a signed URL opens. */
function openRoutes(app: Hono<Env>, store: Store): void {
  app.get(`/object/public${object}`, async (c) => {
    const bucket = await store.findBucket(placeOf(c).bucket_id);
    if (!bucket.public) throw noSuchBucket();
    return download(c, store, service);
  });
  app.get(`/object/sign${object}`, async (c) => {
    const { exp = 0 } = await verify(c, store, "read");
    const response = await download(c, store, service);
    response.headers.delete("cache-control");
    response.headers.set("expires", new Date(exp * 1000).toUTCString());
    return response;
  });
  app.put(`/object/upload/sign${object}`, async (c) => {
    const { owner, upsert } = await verify(c, store, "write");
    return upload(c, store, { ...service, sub: owner as string | null }, upsert === true);
  });
  app.get(`/object/info${object}`, async (c) => {
    const { metadata, ...row } = await store.find(await readerOf(c, store), placeOf(c));
    return c.json({
      ...{ id: row.id, name: row.name, bucket_id: row.bucket_id, version: row.version },
      ...{ size: metadata.size, content_type: metadata.mimetype, etag: metadata.eTag },
      ...{ cache_control: metadata.cacheControl, metadata: row.user_metadata },
      ...{ created_at: row.created_at, last_modified: row.updated_at },
    });
  });
  app.on("GET", [`/object/authenticated${object}`, `/object${object}`], async (c) =>
    download(c, store, await readerOf(c, store)),
  );
}

const signBody = z.object({ expiresIn: z.int().min(1), paths: z.array(z.string()).default([]) });
const removeBody = z.object({ prefixes: z.array(z.string()) });
const transferBody = z.object({
  bucketId: z.string(),
  sourceKey: z.string(),
  destinationKey: z.string(),
  destinationBucket: z.string().optional(),
});
const listBody = z.object({
  prefix: z.string().default(""),
  search: z.string().default(""),
  limit: z.int().min(1).max(1000).default(100),
  offset: z.int().min(0).default(0),
  sortBy: z
    .object({
      column: z.enum(["name", "created_at", "updated_at", "last_accessed_at"]).default("name"),
      order: z.enum(["asc", "desc"]).default("asc"),
    })
    .prefault({}),
});

const wantsUpsert = (c: Context) => c.req.header("x-upsert") === "true";

/** What the caller of a key may do with objects, as the policies have it. */
function objectRoutes(app: Hono<Env>, store: Store): void {
  const signedUrl = async (key: string, seconds: number) =>
    `/object/sign/${key}?token=${await sign(store, "read", key, seconds)}`;

  app.post(`/object/upload/sign${object}`, async (c) => {
    const place = placeOf(c);
    const upsert = wantsUpsert(c);
    await store.mustBeAllowed(c.var.caller, place, upsert);
    const claims = { owner: c.var.caller.sub, upsert };
    const token = await sign(store, "write", keyOf(place), 7200, claims);
    return c.json({ url: `/object/upload/sign/${keyOf(place)}?token=${token}`, token });
  });
  app.post(`/object/sign${object}`, async (c) => {
    const { expiresIn } = await bodyOf(c, signBody);
    await store.find(c.var.caller, placeOf(c));
    return c.json({ signedURL: await signedUrl(keyOf(placeOf(c)), expiresIn) });
  });
  app.post("/object/sign/:bucket", async (c) => {
    const { bucket } = c.req.param();
    const { expiresIn, paths } = await bodyOf(c, signBody);
    const found = await store.query(c.var.caller)`
      select name from storage.objects where bucket_id = ${bucket} and name = any(${paths})`;
    const names = new Set(found.map(({ name }) => name));
    const error = "Either the object does not exist or you do not have access to it";
    const signed = paths.map(async (path) =>
      names.has(path)
        ? { path, error: null, signedURL: await signedUrl(`${bucket}/${path}`, expiresIn) }
        : { path, error, signedURL: null },
    );
    return c.json(await Promise.all(signed));
  });
  app.post("/object/list/:bucket", async (c) => c.json(await list(c, store)));
  app.post("/object/move", async (c) => {
    const { source, target } = await transfer(c, store);
    const moved = await store.query(c.var.caller)`
      update storage.objects set ${store.sql(target)} where id = ${source.id} returning id`;
    if (moved.length === 0) throw noSuchKey();
    return c.json({ message: "Successfully moved" });
  });
  app.post("/object/copy", async (c) => {
    const { source, target } = await transfer(c, store);
    const { version, metadata, user_metadata } = source;
    const row = { ...target, metadata, user_metadata };
    const copied = await store.put(c.var.caller, row, wantsUpsert(c), async (path) => {
      await copyFile(store.pathOf(version), path);
      return metadata;
    });
    return c.json(copied);
  });
  app.delete("/object/:bucket", async (c) => {
    const { bucket } = c.req.param();
    const { prefixes } = await bodyOf(c, removeBody);
    const removed = await store.query(c.var.caller)`
      delete from storage.objects where bucket_id = ${bucket} and name = any(${prefixes})
      returning *`;
    await store.drop(removed);
    return c.json(removed);
  });
  app.on(["POST", "PUT"], `/object${object}`, (c) =>
    upload(c, store, c.var.caller, c.req.method === "PUT" || wantsUpsert(c)),
  );
}

/** What is moved or copied, which the caller must see, and where to, which must take it. */
async function transfer(c: Context<Env>, store: Store) {
  const { bucketId, sourceKey, destinationKey, ...to } = await bodyOf(c, transferBody);
  const source = await store.find(c.var.caller, { bucket_id: bucketId, name: sourceKey });
  const target = { bucket_id: to.destinationBucket ?? bucketId, name: destinationKey };
  mustBeName(target.name);
  mustAccept(await store.findBucket(target.bucket_id), source.metadata.mimetype);
  return { source, target };
}

/** The files right in a folder, and the folders in it as rows without an id. */
async function list(c: Context<Env>, { sql, query }: Store) {
  const { prefix, search, limit, offset, sortBy } = await bodyOf(c, listBody);
  const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const depth = folder.split("/").length;
  const pattern = `${search.replace(/[\\%_]/g, "\\$&")}%`;
  const direction = sortBy.order === "desc" ? sql`desc` : sql`asc`;
  const times = sql`id is not null, ${sql(sortBy.column)} ${direction},`;
  return query(c.var.caller)`
    with inside as (
      select path_tokens[${depth}] as name, array_length(path_tokens, 1) > ${depth} as is_folder,
        id, updated_at, created_at, last_accessed_at, metadata
      from storage.objects
      where bucket_id = ${placeOf(c).bucket_id} and starts_with(name, ${folder})
        and path_tokens[${depth}] ilike ${pattern}
    ), entries as (
      select name, id, updated_at, created_at, last_accessed_at, metadata from inside
      where not is_folder
      union all
      select distinct name, null::uuid, null::timestamptz, null::timestamptz, null::timestamptz,
        null::jsonb from inside where is_folder
    )
    select * from entries
    order by ${sortBy.column === "name" ? sql`` : times} lower(name) collate "C" ${direction}
    limit ${limit} offset ${offset}`;
}
