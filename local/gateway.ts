import { once } from "node:events";
import type { Server } from "node:http";
import { type HttpBindings, serve } from "@hono/node-server";
import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { createAuth } from "./auth.ts";
import { InvalidToken } from "./caller.ts";
import { readConfig } from "./config.ts";
import { createDataApi } from "./data-api.ts";
import { createFunctions } from "./functions.ts";
import type { Part, Settings } from "./settings.ts";
import { createStorage } from "./storage.ts";

/** Starts the API: all that a hosted project serves at its address. */
export async function startGateway(settings: Settings): Promise<Part> {
  const config = readConfig(settings.root, { ...process.env, ...settings.functionEnv });
  const dataApi = await createDataApi(settings, config);
  const auth = createAuth(settings, dataApi);
  const storage = await createStorage(settings);
  const functions = createFunctions(settings);

  const app = new Hono<{ Bindings: HttpBindings }>();
  app.onError((error, c) => {
    if (error instanceof InvalidToken) {
      if (error.message.includes('"exp"')) return refuse(401, "PGRST303", "JWT expired");
      return refuse(401, "PGRST301", "No suitable key or wrong key type");
    }
    console.error(`[api] ${c.req.method} ${c.req.path} failed:`, error);
    return refuse(500, "unexpected_failure", "Something broke here; the log tells what.");
  });
  app.notFound(() => refuse(404, "NOT_FOUND", "There is nothing at this path."));
  app.use(async (c, next) => {
    // The address is the one that called, whatever it says of itself.
    c.req.raw.headers.set("x-forwarded-for", c.env.incoming.socket.remoteAddress ?? "");
    await next();
  });
  const exposeHeaders = ["content-range", "content-location", "preference-applied"];
  const open = cors({ origin: "*", maxAge: 3600, exposeHeaders });
  for (const service of ["rest", "auth", "storage"]) app.use(`/${service}/v1/*`, open);
  for (const service of ["rest", "auth"]) app.use(`/${service}/v1/*`, requireKey(settings));

  app.all("/rest/v1/*", (c) => dataApi.fetch(c.req.raw));
  app.all("/auth/v1/*", (c) => auth.fetch(c.req.raw));
  app.all("/storage/v1/*", (c) => storage.fetch(c.req.raw));
  // Who may call a function, it says itself.
  app.all("/functions/v1/:name/*", (c) => functions.call(c.req.param("name"), c.req.raw));
  return await listen(app, settings.ports.api, functions, storage, dataApi);
}

type Served = Pick<Parameters<typeof serve>[0], "fetch">;

/** Serves an app on this machine alone, until it is stopped together with the parts behind it. */
export async function listen({ fetch }: Served, port: number, ...behind: { stop(): unknown }[]) {
  const server = serve({ fetch, port, hostname: "127.0.0.1" });
  await once(server, "listening");
  return {
    async stop() {
      server.close();
      (server as Server).closeAllConnections();
      await Promise.all(behind.map((part) => part.stop()));
    },
  };
}

/** Lets those pass whose key is good, as the gateway of a hosted project does. */
function requireKey({ keys: { publishable, secret } }: Settings): MiddlewareHandler {
  return async (c, next) => {
    const key = c.req.header("apikey");
    // To this one a browser comes by a link.
    if (key === publishable || (!key && c.req.path === "/auth/v1/verify")) return next();
    if (!key) return refuse(401, "UNAUTHORIZED_MISSING_API_KEY", "No API key found in request");
    if (key !== secret) return refuse(401, "UNAUTHORIZED_INVALID_API_KEY", "Invalid API key");
    if (!c.req.header("user-agent")?.startsWith("Mozilla/5.0")) return next();
    const message = "Forbidden use of secret API key in browser";
    return refuse(401, "UNAUTHORIZED_INVALID_API_KEY_TYPE", message);
  };
}

/** A refusal of the gateway's own; a browser may read it wherever it comes from. */
export function refuse(status: number, code: string, message: string): Response {
  const headers = { "access-control-allow-origin": "*", "sb-error-code": code };
  return Response.json({ code, message, details: null, hint: null }, { status, headers });
}
