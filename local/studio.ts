import { fileURLToPath } from "node:url";
import { serveStatic } from "@hono/node-server/serve-static";
import { studioRouteHandler } from "@supabase/lite";
import { Hono } from "hono";
import type { DataApi } from "./data-api.ts";
import type { Settings } from "./settings.ts";

/**
 * The table editor of `@supabase/lite`. It sees and changes everything: the secret key comes to what
 * its own page asks, and to nothing that comes from elsewhere.
 */
export function createStudio({ keys }: Settings, dataApi: DataApi): Hono {
  const root = fileURLToPath(new URL("static", import.meta.resolve("@supabase/lite")));
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
  app.get("/_system/introspect", async (c) => c.json(await dataApi.introspect()));
  app.all("/rest/v1/*", (c) => {
    const { headers } = c.req.raw;
    for (const name of ["authorization", "user-agent"]) headers.delete(name);
    headers.set("apikey", keys.secret);
    return dataApi.fetch(c.req.raw);
  });
  return app;
}
