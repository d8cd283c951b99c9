import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { jwtVerify } from "jose";
import { createAuth } from "./auth.ts";
import { type Caller, InvalidToken, resolveCaller } from "./caller.ts";
import { readConfig } from "./config.ts";
import { createDataApi } from "./data-api.ts";
import { createFunctions } from "./functions.ts";
import type { Part, Settings } from "./settings.ts";
import { createStorage } from "./storage.ts";

type Env = { Bindings: HttpBindings; Variables: { caller: Caller | null } };

/** What a browser comes to by a link, and so without a key. */
const keyless = /^\/auth\/v1\/(verify$|\.well-known\/)/;

/** Starts the API: all that a hosted project serves at its address. */
export async function startGateway(settings: Settings): Promise<Part> {
  const config = readConfig(settings.root, { ...process.env, ...settings.functionEnv });
  const dataApi = await createDataApi(settings, config);
  const auth = await createAuth(settings, config);
  const storage = await createStorage(settings);
  const functions = createFunctions(settings, config);

  const app = new Hono<Env>();
  app.onError(answerFault);
  app.notFound((c) => c.json({ message: "There is nothing at this path." }, 404));
  app.use(forwarded);
  const exposeHeaders = ["content-range", "content-location", "preference-applied"];
  for (const service of ["rest", "auth", "storage"]) {
    app.use(`/${service}/v1/*`, cors({ origin: "*", maxAge: 3600, exposeHeaders }));
  }
  // Storage has limits of its own, a bucket each.
  for (const service of ["rest", "auth", "functions"]) app.use(`/${service}/v1/*`, limitedBody);
  for (const service of ["rest", "auth"]) app.use(`/${service}/v1/*`, requireKey(settings));

  app.all("/rest/v1/*", async (c) => {
    const answer = await dataApi.fetch(c.req.raw, c.var.caller as Caller);
    if (answer.status !== 500) return answer;
    const { code, message } = await answer.clone().json();
    return code === "SUP" ? answerFault(new Error(message), c) : answer;
  });
  app.all("/auth/v1/*", (c) => auth.fetch(c.req.raw, c.var.caller));
  app.all("/storage/v1/*", (c) => storage.fetch(c.req.raw));
  app.all("/functions/v1/:name/*", async (c) => {
    const name = c.req.param("name");
    const found = functions.find(name);
    if (!found) return refuse(404, "NOT_FOUND", "Requested function was not found");
    if (found.verify_jwt && c.req.method !== "OPTIONS") {
      const token = c.req.header("authorization")?.replace(/^Bearer\s+/i, "");
      if (!token) return refuse(401, "UNAUTHORIZED_NO_AUTH_HEADER", "Missing authorization header");
      const key = new TextEncoder().encode(settings.keys.jwtSecret);
      const verified = jwtVerify(token, key, { algorithms: ["HS256"] }).catch(() => undefined);
      if (!(await verified)) return refuse(401, "UNAUTHORIZED_INVALID_JWT", "Invalid JWT");
    }
    return functions.call(name, c.req.raw);
  });

  const server = createServer(getRequestListener(app.fetch));
  server.listen(settings.ports.api, "127.0.0.1");
  await once(server, "listening");
  return {
    async stop() {
      server.close();
      server.closeAllConnections();
      await Promise.all([functions.stop(), storage.stop(), auth.stop(), dataApi.stop()]);
    },
  };
}

/** Says who called and by which address; what the client says of that itself is not believed. */
const forwarded: MiddlewareHandler<Env> = async (c, next) => {
  const { headers } = c.req.raw;
  if (!isDecodable(c.req.path)) return refuse(400, "BAD_PATH", "The path is not well encoded");
  headers.set("x-forwarded-for", c.env.incoming.socket.remoteAddress ?? "");
  headers.set("x-forwarded-host", c.req.header("host") ?? "");
  headers.set("x-forwarded-proto", "http");
  await next();
};

function isDecodable(path: string): boolean {
  try {
    return decodeURIComponent(path) !== "";
  } catch {
    return false;
  }
}

const limitedBody = bodyLimit({
  maxSize: 10 * 1024 * 1024,
  onError: () => refuse(413, "PAYLOAD_TOO_LARGE", "The request is larger than 10 MB"),
});

/** Lets those pass whose key and token are good, as the gateway of a hosted project does. */
function requireKey(settings: Settings): MiddlewareHandler<Env> {
  const { publishable, secret } = settings.keys;
  return async (c, next) => {
    const key = c.req.header("apikey");
    if (!key && !keyless.test(c.req.path)) {
      const hint = "No `apikey` request header or url param was found.";
      return refuse(401, "UNAUTHORIZED_MISSING_API_KEY", "No API key found in request", hint);
    }
    const caller = await resolveCaller(c.req.raw, settings).catch((error) => {
      if (error instanceof InvalidToken) return error;
      throw error;
    });
    if (key === secret && c.req.header("user-agent")?.startsWith("Mozilla/5.0")) {
      const message = "Forbidden use of secret API key in browser";
      return refuse(401, "UNAUTHORIZED_INVALID_API_KEY_TYPE", message);
    }
    if (!(caller instanceof InvalidToken)) c.set("caller", caller);
    else if (key && key !== publishable && key !== secret) {
      return refuse(401, "UNAUTHORIZED_INVALID_API_KEY", "Invalid API key");
    } else if (c.req.path.startsWith("/rest/")) {
      const expired = caller.message.includes('"exp"');
      if (expired) return refuse(401, "PGRST303", "JWT expired");
      return refuse(401, "PGRST301", "No suitable key or wrong key type");
    } else c.set("caller", null); // Auth words it itself.
    await next();
  };
}

/** A refusal of the gateway's own; a browser may read it wherever it comes from. */
function refuse(status: number, code: string, message: string, hint: string | null = null) {
  const headers = { "access-control-allow-origin": "*", "sb-error-code": code };
  return Response.json({ code, message, details: null, hint }, { status, headers });
}

/** A fault of ours: the log has it all, the answer only where to look there. */
function answerFault(error: Error, c: Context): Response {
  const id = randomUUID();
  console.error(`[api] ${c.req.method} ${c.req.path} failed, request ${id}:`, error);
  return refuse(500, "unexpected_failure", `Something broke here; the log tells what, as ${id}.`);
}
