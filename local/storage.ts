import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { sign, verify } from "hono/jwt";
import { z } from "zod";
import { anon, type Caller, resolveCaller, service } from "./caller.ts";
import type { Settings } from "./settings.ts";
import { bytesOf, openStore, type Place } from "./storage-buckets.ts";
import { receive, refusal, serve } from "./storage-files.ts";

type Env = { Variables: { caller: Caller } };
const object = "/:bucket_id/:name{.+}";
const placeOf = (c: Context) => c.req.param() as Place;
const urlOf = (c: Context) => `/object/sign/${placeOf(c).bucket_id}/${placeOf(c).name}`;

const listBody = z.object({
  prefix: z.string(),
  search: z.string().default(""),
  limit: z.int().min(1).default(100),
  offset: z.int().min(0).default(0),
  sortBy: z.object({ column: z.enum(["name", "created_at", "updated_at"]), order: z.any() }),
});

/**
 * Serves `/storage/v1` as Supabase Storage does, to supabase-js: uploads, downloads, lists, removals
 * and signed URLs, but no moves, copies, signed uploads, changes of buckets or transformations.
 */
export async function createStorage(settings: Settings) {
  const store = openStore(settings);
  await store.dropOrphans();
  const app = new Hono<Env>().basePath("/storage/v1");
  app.onError((error) => asRefusal(error).getResponse());
  app.notFound(() => refusal("NotFound").getResponse());
  addRoutes(app, store, settings);
  return { fetch: app.fetch, stop: () => store.sql.end({ timeout: 5 }) };
}

function asRefusal(error: Error & { code?: string }): HTTPException {
  const { code = "", message } = error;
  if (error instanceof HTTPException) return error;
  if (code === "42501") return refusal("AccessDenied", message.replace(/ for table .*/, ""));
  if (code === "23505") return refusal("KeyAlreadyExists");
  const isNonsense = error instanceof z.ZodError || error instanceof SyntaxError;
  if (isNonsense || code.startsWith("22")) return refusal("InvalidRequest", message);
  // A fault is the gateway's to answer.
  throw error;
}

/** Public files and signed URLs need no key; for the rest the policies say who may do what. */
function addRoutes(app: Hono<Env>, store: ReturnType<typeof openStore>, settings: Settings): void {
  async function read(c: Context, caller: Caller) {
    const bucket = await store.findBucket(placeOf(c).bucket_id);
    return store.read(bucket.public ? service : caller, placeOf(c));
  }
  const download = async (c: Context, caller: Caller) => serve(c.req.raw, await read(c, caller));

  app.get(`/object/public${object}`, (c) => download(c, anon));
  app.get(`/object/sign${object}`, async (c) => {
    const verified = verify(c.req.query("token") ?? "", settings.jwk, "HS256");
    const claims = await verified.catch(() => null);
    if (claims?.url !== urlOf(c)) throw refusal("InvalidJWT");
    return download(c, service);
  });

  app.use(async (c, next) => {
    c.set("caller", await resolveCaller(c.req.raw, settings));
    await next();
  });
  app.get(`/object/info${object}`, async (c) => {
    const { metadata, ...row } = (await read(c, c.var.caller)).object;
    return c.json({ ...row, ...metadata, content_type: metadata.mimetype });
  });
  app.get(`/object/authenticated${object}`, (c) => download(c, c.var.caller));
  app.get(`/object${object}`, (c) => download(c, c.var.caller));
  app.post(`/object/sign${object}`, async (c) => {
    const { expiresIn } = z.object({ expiresIn: z.int().min(1) }).parse(await c.req.json());
    await store.read(c.var.caller, placeOf(c));
    const claims = { url: urlOf(c), exp: Math.floor(Date.now() / 1000) + expiresIn };
    return c.json({ signedURL: `${urlOf(c)}?token=${await sign(claims, settings.jwk)}` });
  });
  app.post("/object/list/:bucket_id", async (c) => {
    const { prefix, search, limit, offset, sortBy } = listBody.parse(await c.req.json());
    const folder = prefix.replace(/([^/])$/, "$1/");
    const rows = await store.as(c.var.caller, (sql) => {
      const { column, order } = sortBy;
      const key = column === "name" ? sql`lower(name) collate "C"` : sql(column);
      return sql`select * from storage.objects
        where bucket_id = ${placeOf(c).bucket_id} and starts_with(name, ${folder})
        order by ${key} ${order === "desc" ? sql`desc` : sql`asc`}`;
    });
    // The files right in the folder; a folder in it is an entry without an id, once.
    const entries = rows.map((row) => {
      const [name = "", inner] = row.name.slice(folder.length).split("/");
      return inner === undefined ? { ...row, name } : { name, id: null, metadata: null };
    });
    const found = [...new Map(entries.map((entry) => [entry.id ?? entry.name, entry])).values()];
    const wanted = found.filter(({ name }) => name.toLowerCase().startsWith(search.toLowerCase()));
    return c.json(wanted.slice(offset, offset + limit));
  });
  // A form is somewhat larger than its file.
  const limit = bytesOf(settings.config.storage.file_size_limit);
  const onError = () => refusal("EntityTooLarge").getResponse();
  const limited = bodyLimit({ maxSize: limit + 65_536, onError });
  app.on(["POST", "PUT"], `/object${object}`, limited, async (c) => {
    const upsert = c.req.method === "PUT" || c.req.header("x-upsert") === "true";
    return c.json(await store.put(c.var.caller, placeOf(c), await receive(c.req.raw), upsert));
  });
  app.delete("/object/:bucket_id", async (c) => {
    const { prefixes } = z.object({ prefixes: z.array(z.string()) }).parse(await c.req.json());
    const removed = await store.as(c.var.caller, (sql) => {
      return sql`delete from storage.objects
        where bucket_id = ${placeOf(c).bucket_id} and name = any(${prefixes}) returning *`;
    });
    await store.drop(removed.map(({ id }) => id));
    return c.json(removed);
  });
}
