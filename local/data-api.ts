import {
  type AnyAST,
  App,
  type ConnectionContextOptions,
  type HonoContext,
  RelationNotFoundError,
  type VarsContext,
} from "@supabase/lite";
import { PostgresConnection } from "@supabase/lite/postgres";
import type { MiddlewareHandler } from "hono";
import { sql } from "kysely";
import type { Caller } from "./caller.ts";
import type { Config } from "./config.ts";
import { asDatabaseError, type DatabaseError, refusal } from "./data-api-errors.ts";
import { asked, FilterOnce, mend } from "./data-api-requests.ts";
import type { Settings } from "./settings.ts";

type Catalog = Awaited<ReturnType<PostgresConnection["introspect"]>>;
type Database = PostgresConnection["kysely"];
type RpcContext = ConnectionContextOptions["rpc"];

/** PostgREST as far as this project needs it, for callers whose keys are checked already. */
export type DataApi = {
  fetch(request: Request, caller: Caller): Promise<Response>;
  stop(): Promise<void>;
};

const text = (oid: number, parse: (value: string) => unknown) => ({
  to: oid,
  from: [oid],
  serialize: String,
  parse,
});

/** Postgres prints `2026-11-23 05:00:00+00`, PostgREST and JSON `2026-11-23T05:00:00+00:00`. */
const instant = (value: string) => value.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");

/** lite hands JSON over as text that is ready, but a string that is a JSON value as it is. */
const json = (oid: number) => ({
  ...text(oid, JSON.parse),
  serialize: (value: unknown) => (isJson(value) ? value : JSON.stringify(value)),
});

function isJson(value: unknown): boolean {
  try {
    return typeof value === "string" && JSON.parse(value) !== undefined;
  } catch {
    return false;
  }
}

/** How values travel between lite and Postgres. */
export const types = {
  json: json(114),
  jsonb: json(3802),
  timestamp: text(1114, instant),
  timestamptz: text(1184, instant),
  numeric: text(1700, (value) => (Number.isFinite(Number(value)) ? Number(value) : value)),
};

class DataConnection extends PostgresConnection {
  readonly #catalogReader: PostgresConnection;
  #catalog: Promise<Catalog> | undefined;

  constructor(settings: Settings) {
    super({ url: settings.authenticatorUrl, postgresOptions: { types, onnotice: () => {} } });
    const postgresOptions = { max: 1, idle_timeout: 5 };
    this.#catalogReader = new PostgresConnection({ url: settings.databaseUrl, postgresOptions });
  }

  /** Reads the catalog as the tables' owner: `authenticator` owns nothing and would see nothing. */
  override introspect(): Promise<Catalog> {
    this.#catalog ??= this.#catalogReader.introspect().then((catalog) => {
      if (!catalog.functions) this.#catalog = undefined;
      // As PostgREST, tell "one" from "many" by constraints alone: a partial unique index says neither.
      return { ...catalog, indexes: [] };
    });
    return this.#catalog;
  }

  override async clearSchemaCache(): Promise<void> {
    this.#catalog = undefined;
  }

  /** Keeps what lite made of the request for `withContext`, and mends it. */
  override async onPostgrestAST(ast: AnyAST, vars: VarsContext = {}): Promise<AnyAST> {
    vars.ast = ast;
    mend(ast, await this.introspect());
    // A table that is not there is the caller's mistake; lite would log it as a fault.
    return super.onPostgrestAST(ast).catch((error) => {
      if (!(error instanceof RelationNotFoundError)) throw error;
      vars.missing = Object.assign(error, { code: "PGRST205" });
      return ast;
    });
  }

  /**
   * Every request is one transaction as its caller, and one that answers with an error leaves
   * nothing behind. Replaces lite's own, which would grant everything on every table to everybody.
   */
  override async withContext<T>(
    vars: VarsContext | undefined,
    work: (db: Database) => Promise<T>,
    options?: ConnectionContextOptions,
  ): Promise<T> {
    const caller = vars?.auth as { role: string; jwt: Caller["claims"] };
    if (vars?.missing) return refusal(vars.missing as DatabaseError, caller.role) as T;
    try {
      return await this.kysely.transaction().execute(async (transaction) => {
        await become(transaction, caller, options?.rpc);
        const ast = vars?.ast as AnyAST;
        const answer = await asked(ast, await work(transaction.withPlugin(new FilterOnce(ast))));
        if (isRefusal(answer)) throw new Refusal(answer);
        return answer;
      });
    } catch (error) {
      if (error instanceof Refusal) return error.answer as T;
      const known = asDatabaseError(error);
      if (!known) throw error;
      return refusal(known, caller.role) as T;
    }
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), this.#catalogReader.close()]);
  }
}

/** Told by its status: what `Response` is depends on who made it. */
const isRefusal = (answer: unknown): answer is Response => (answer as Response)?.status >= 400;

class Refusal extends Error {
  readonly answer: Response;
  constructor(answer: Response) {
    super("The request is answered with an error.");
    this.answer = answer;
  }
}

/** Takes on the caller's role and claims until the transaction ends. */
async function become(
  transaction: Database,
  { role, jwt }: { role: string; jwt: Caller["claims"] },
  rpc: RpcContext,
): Promise<void> {
  await sql`select
    set_config('role', ${role}, true),
    set_config('request.jwt.claims', ${JSON.stringify(jwt)}, true),
    set_config('request.jwt.claim.sub', ${String(jwt.sub ?? "")}, true),
    set_config('statement_timeout', ${role === "anon" ? "3s" : "8s"}, true),
    set_config('request.method', ${rpc?.method ?? ""}, true),
    set_config('request.path', ${rpc?.path ?? ""}, true),
    set_config('request.headers', ${JSON.stringify(rpc?.requestHeaders ?? {})}, true),
    set_config('response.status', '', true),
    set_config('response.headers', '', true),
    set_config('transaction_read_only', ${rpc?.readOnly ? "on" : "off"}, true)
  `.execute(transaction);
}

/** Tells lite who calls, so that it checks no key and looks up no session of its own. */
const identify: MiddlewareHandler<HonoContext> = async (c, next) => {
  const { caller } = c.env as unknown as { caller: Caller };
  c.set("apiKeyType", caller.role === "service_role" ? "secret" : "publishable");
  c.set("ignoreAuthorization", true);
  c.set("jwt", { ...caller.claims, role: caller.role });
  await next();
};

/** Starts the Data API: `@supabase/lite` as PostgREST, on Postgres, for callers who are checked. */
export async function createDataApi(settings: Settings, config: Config): Promise<DataApi> {
  const connection = new DataConnection(settings);
  const app = new App({
    connection,
    api: { ...config.api, enabled: true, pg_safe_update: true },
    auth: { enabled: false },
    storage: { enabled: false },
    db: { migrations: { enabled: false } },
    options: { server: { apiKeys: false, disableStudio: true, middlewares: [identify] } },
  });
  const forget = () => void connection.clearSchemaCache();
  await connection.driver.listen("pgrst", forget, forget);
  await Promise.all([app.init(), connection.introspect()]);
  return {
    fetch: async (request, caller) => app.server.fetch(request, { caller }),
    stop: () => connection.close(),
  };
}
