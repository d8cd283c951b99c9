import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { serveStatic } from "@hono/node-server/serve-static";
import { studioRouteHandler } from "@supabase/lite";
import { Hono } from "hono";
import { proxy } from "hono/proxy";
import { readCatalog } from "./data-api.ts";
import { listen } from "./gateway.ts";
import type { Part, Settings } from "./settings.ts";

/**
 * Starts the table editor of `@supabase/lite`. It sees and changes everything: this server adds the
 * secret key to what its own page asks, and to nothing that comes from elsewhere.
 */
export async function startStudio(settings: Settings): Promise<Part> {
  const { ports, urls, keys } = settings;
  const root = join(dirname(fileURLToPath(import.meta.resolve("@supabase/lite"))), "static");
  const app = new Hono();
  app.use(async (c, next) => {
    // Another name that leads here is a page that had its own name pointed at this machine.
    const { hostname } = new URL(c.req.url);
    if (!/^(127\.0\.0\.1|localhost)$/.test(hostname)) return c.text("Open it as 127.0.0.1.", 421);
    await next();
    c.header("x-frame-options", "DENY");
  });
  app.get("/", (c) => c.redirect("/editor"));
  app.get("/editor/*", (c) => studioRouteHandler(c.req.raw));
  app.get("/static/*", serveStatic({ root, rewriteRequestPath: (path) => path.slice(7) }));

  app.use(async (c, next) => {
    if (c.req.header("sec-fetch-site") === "same-origin") return next();
    return c.text("Only the page itself may ask for this.", 403);
  });
  app.get("/_system/info", (c) => c.json({ admin: true }));
  app.get("/_system/introspect", async (c) => c.json(await readCatalog(settings)));
  app.all("/rest/v1/*", (c) => {
    const { pathname, search } = new URL(c.req.url);
    const headers = new Headers(c.req.raw.headers);
    for (const name of ["authorization", "cookie", "user-agent"]) headers.delete(name);
    headers.set("apikey", keys.secret);
    return proxy(urls.api + pathname + search, { raw: c.req.raw, headers });
  });
  return await listen(app, ports.studio);
}
