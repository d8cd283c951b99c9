import { type AuthConfig, createSupabaseContext, type SupabaseContext } from "@supabase/server";
import { corsHeaders } from "@supabase/supabase-js/cors";
import type { Database as Schema } from "../../../types/database.ts";
import { ApiError, isUnreachable, NotConfigured, toApiError } from "./errors.ts";
import { describe, forRequest, log } from "./log.ts";

/** Who may call: a signed-in user, a holder of the secret key, or anybody (Stripe, which signs). */
export type Auth = "user" | "secret" | "none";

/** As `@supabase/server` calls it. Any secret key, whatever its name: one is replaced without a gap. */
const modes: Record<Auth, AuthConfig> = {
  user: "user",
  secret: "secret:*",
  none: ["secret:*", "none"],
};

type Method = "GET" | "POST";

type Context = SupabaseContext<Schema>;

/** What a function works with, and what it does. */
export type Definition<Tools> = {
  /** Called at the first request, so that a setting that is missing is an answer and no crash. */
  wire(): Tools;
  handle(request: Request, tools: Tools, context: Context): Promise<Response>;
  /** Where it is GET, HEAD is answered alike, without a body: monitors ask so. */
  methods?: Method[];
};

const cors = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  // What supabase-js sends, and what callers may add.
  "access-control-allow-headers": `${corsHeaders["Access-Control-Allow-Headers"]}, x-region, x-request-id, x-supabase-api-version`,
  "access-control-expose-headers": "x-request-id",
  "access-control-max-age": "86400",
};

/**
 * An edge function: checks who calls, answers preflights, gives each request an id, and turns
 * whatever is thrown into `{ error: { code, message } }`. A fault of ours is logged with the
 * request's id, and the caller learns no detail. (`withSupabase` itself answers in another shape.)
 */
export function serve<Tools>(
  name: string,
  auth: Auth,
  { wire, handle, methods = ["POST"] }: Definition<Tools>,
): { fetch(request: Request): Promise<Response> } {
  let tools: Tools | undefined;
  const answer = async (request: Request) => {
    const context = await admit(request, auth, methods);
    tools ??= wire();
    return await handle(request, tools, context);
  };
  return {
    async fetch(request) {
      if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: cors });

      const requestId = request.headers.get("x-request-id")?.slice(0, 100) || crypto.randomUUID();
      return await forRequest(requestId, async () => {
        const started = performance.now();
        const response = await answer(request).catch((error) => refuse(error, name));
        const ms = Math.round(performance.now() - started);
        log("info", "answered", { function: name, status: response.status, ms });
        for (const [header, value] of Object.entries(cors)) response.headers.set(header, value);
        response.headers.set("x-request-id", requestId);
        return request.method === "HEAD" ? new Response(null, response) : response;
      });
    },
  };
}

/** Who calls, if that is somebody who may. */
async function admit(request: Request, auth: Auth, methods: Method[]): Promise<Context> {
  const asked = request.method === "HEAD" ? "GET" : request.method;
  if (!methods.some((method) => method === asked)) {
    const answered = methods.join(" and ");
    throw new ApiError(405, "method_not_allowed", `Only ${answered} is answered here.`);
  }
  const { data: context, error } = await createSupabaseContext<Schema>(request, {
    auth: modes[auth],
  });
  if (!error) return context;
  if (error.status >= 500) throw error;
  log("info", "turned away", { auth, reason: error.code });
  throw new ApiError(401, "not_signed_in", whoMayCall[auth]);
}

const whoMayCall: Record<Auth, string> = {
  user: "Please sign in first.",
  secret: "This is for holders of the secret key.",
  none: "This call could not be accepted.",
};

const internalError = new ApiError(500, "internal_error", "Something went wrong on our side.");
const unavailable = new ApiError(
  503,
  "unavailable",
  "We cannot do this right now. Please try again in a moment.",
);

function refuse(error: unknown, name: string): Response {
  const known = toApiError(error);
  if (error instanceof NotConfigured) {
    log("error", "settings are missing", { function: name, settings: error.names });
  } else if (!known) {
    log("error", "fault", { function: name, error: describe(error) });
  }
  const { status, code, message } = known ?? (isUnreachable(error) ? unavailable : internalError);
  return Response.json({ error: { code, message } }, { status });
}
