import { once } from "node:events";
import type { Server } from "node:http";
import { type HttpBindings, serve } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { type RequestIdVariables, requestId } from "hono/request-id";
import { createDataApi } from "./data-api.ts";
import { isDown } from "./data-api-errors.ts";
import { createFunctions } from "./functions.ts";
import { refuse } from "./refuse.ts";
import type { Part, Settings } from "./settings.ts";
import { createStorage } from "./storage.ts";
import { createStudio } from "./studio.ts";

/** Starts the API, all that a hosted project serves at its address, and the table editor on it. */
export async function startGateway(settings: Settings): Promise<Part> {
  const dataApi = await createDataApi(settings);
  const storage = await createStorage(settings);
  const functions = createFunctions(settings);

  const app = new Hono<{ Bindings: HttpBindings; Variables: RequestIdVariables }>();
  app.onError((error, c) => {
    if (isDown(error)) return refuse(503, "database_down", "The database is down: ask again soon.");
    const id = c.var.requestId;
    console.error(`[api] ${c.req.method} ${c.req.path} failed, request ${id}:`, error);
    return refuse(500, "unexpected_failure", `Something broke here; the log tells what, as ${id}.`);
  });
  app.notFound(() => refuse(404, "NOT_FOUND", "There is nothing at this path."));
  app.use(requestId(), async (c, next) => {
    // The address is the one that called, whatever it says of itself.
    c.req.raw.headers.set("x-forwarded-for", c.env.incoming.socket.remoteAddress ?? "");
    await next();
  });
  const exposeHeaders = ["content-range", "content-location", "preference-applied", "x-request-id"];
  const open = cors({ origin: "*", maxAge: 3600, exposeHeaders });
  // Storage has limits of its own, a bucket each.
  const onError = () => refuse(413, "PAYLOAD_TOO_LARGE", "The request is larger than 10 MB.");
  const limited = bodyLimit({ maxSize: 10 << 20, onError });
  app.on("ALL", ["/rest/v1/*", "/auth/v1/*"], open, limited, ({ req: { raw } }) => {
    // Hono drops the body for HEAD, by which lite would read no arguments of a function.
    return dataApi.fetch(raw.method === "HEAD" ? new Request(raw, { method: "GET" }) : raw);
  });
  app.all("/storage/v1/*", open, (c) => storage.fetch(c.req.raw));
  // Who may call a function, it says itself.
  app.all("/functions/v1/:name/*", limited, (c) => functions.call(c.req.param("name"), c.req.raw));
  const studio = await listen(createStudio(settings, dataApi), settings.ports.studio);
  return await listen(app, settings.ports.api, studio, functions, storage, dataApi);
}

type Served = Pick<Parameters<typeof serve>[0], "fetch">;

/** Serves an app on this machine alone, until it is stopped together with the parts behind it. */
async function listen({ fetch }: Served, port: number, ...behind: { stop(): unknown }[]) {
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
