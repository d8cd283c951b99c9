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
const urlOf = ({ bucket_id, name }: Place) => `/object/sign/${bucket_id}/${name}`;
const signBody = z.object({ expiresIn: z.int().min(1), paths: z.array(z.string()).optional() });
const unknown = "Either the object does not exist or you do not have access to it";
const columns = ["name", "created_at", "updated_at", "last_accessed_at"] as const;
const listBody = z.object({
  ...{ prefix: z.string(), search: z.string().default("") },
  ...{ limit: z.int().min(1).default(100), offset: z.int().min(0).default(0) },
  sortBy: z.object({ column: z.enum(columns), order: z.any() }),
});

/** Serves `/storage/v1` as Supabase Storage does: what of it, `addRoutes` says. */
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
  const { code = "", message: text } = error;
  if (error instanceof HTTPException) return error;
  if (code === "42501") return refusal("AccessDenied", text.replace(/ for table .*/, ""));
  if (code === "23505") return refusal("KeyAlreadyExists");
  if (error instanceof z.ZodError) return refusal("InvalidRequest", z.prettifyError(error));
  if (error instanceof SyntaxError || code.startsWith("22")) return refusal("InvalidRequest", text);
  // A fault is the gateway's to answer.
  throw error;
}

/** Public files and signed URLs need no key; for the rest the policies say who may do what. */
function addRoutes(app: Hono<Env>, store: ReturnType<typeof openStore>, settings: Settings): void {
  const download = async (c: Context, caller: Caller) =>
    serve(c.req.raw, await store.read(caller, placeOf(c)));

  app.get(`/object/public${object}`, (c) => download(c, anon));
  app.get(`/object/sign${object}`, async (c) => {
    const verified = verify(c.req.query("token") ?? "", settings.jwk, "HS256");
    const claims = await verified.catch(() => null);
    if (claims?.url !== urlOf(placeOf(c))) throw refusal("InvalidJWT");
    return download(c, service);
  });

  app.use(async (c, next) => {
    c.set("caller", await resolveCaller(c.req.raw, settings));
    await next();
  });
  app.get(`/object/info${object}`, async (c) => {
    const { metadata, ...row } = (await store.read(c.var.caller, placeOf(c))).object;
    return c.json({ ...row, ...metadata, content_type: metadata.mimetype });
  });
  app.get(`/object/authenticated${object}`, (c) => download(c, c.var.caller));
  app.get(`/object${object}`, (c) => download(c, c.var.caller));
  app.on("POST", ["/object/sign/:bucket_id", `/object/sign${object}`], async (c) => {
    const { bucket_id, name } = placeOf(c);
    const { expiresIn, paths = [name] } = signBody.parse(await c.req.json());
    const rows = await store.find(c.var.caller, bucket_id, paths);
    const known = new Set(rows.map(({ name }) => name));
    if (name && !known.has(name)) throw refusal("NoSuchKey");
    const exp = Math.floor(Date.now() / 1000) + expiresIn;
    const signed = paths.map(async (path) => {
      const url = urlOf({ bucket_id, name: path });
      if (!known.has(path)) return { path, signedURL: null, error: unknown };
      const token = await sign({ url, exp }, settings.jwk);
      return { path, signedURL: `${url}?token=${token}`, error: null };
    });
    return c.json(name ? await signed[0] : await Promise.all(signed));
  });
  app.all("/object/:path{(upload|list-v2)/.+}", (c) => c.notFound());
  app.post("/object/list/:bucket_id", async (c) => {
    const { prefix, search, limit, offset, sortBy } = listBody.parse(await c.req.json());
    const folder = prefix.replace(/([^/])$/, "$1/");
    const rows = await store.as(c.var.caller, (sql) => {
      const key = sortBy.column === "name" ? sql`lower(name) collate "C"` : sql(sortBy.column);
      return sql`select * from storage.objects
        where bucket_id = ${placeOf(c).bucket_id} and starts_with(name, ${folder})
        order by ${key} ${sortBy.order === "desc" ? sql`desc` : sql`asc`}`;
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
