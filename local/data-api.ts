import { type AnyAST, App, type IntrospectResult, type VarsContext } from "@supabase/lite";
import { PostgresConnection } from "@supabase/lite/postgres";
import { HTTPException } from "hono/http-exception";
import { sql } from "kysely";
import { authConfig, createAuth, createMailer } from "./auth.ts";
import { isDown, refusal } from "./data-api-errors.ts";
import { asked, filterOnce, mend } from "./data-api-requests.ts";
import type { Settings } from "./settings.ts";

/** lite hands JSON over as text that is ready. */
const serialize = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
const type = (oid: number, parse: (value: string) => unknown) => {
  return { to: oid, from: [oid], serialize, parse };
};

/** Postgres prints `2026-11-23 05:00:00+00`, PostgREST and JSON `2026-11-23T05:00:00+00:00`. */
const instant = (value: string) => value.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");

/** How values travel between lite and Postgres. */
const types = {
  json: type(114, JSON.parse),
  jsonb: type(3802, JSON.parse),
  timestamp: type(1114, instant),
  timestamptz: type(1184, instant),
  numeric: type(1700, (value) => (Number.isFinite(Number(value)) ? Number(value) : value)),
};

class DataConnection extends PostgresConnection {
  /** Reads the catalog as the tables' owner: `authenticator` owns nothing and would see nothing. */
  readonly owner: PostgresConnection;
  #looking: Promise<IntrospectResult> | undefined;

  constructor({ authenticatorUrl, databaseUrl }: Settings) {
    super({ url: authenticatorUrl, postgresOptions: { types, onnotice: () => {} } });
    this.owner = new PostgresConnection({ url: databaseUrl, postgresOptions: { max: 1 } });
  }

  override async introspect(): Promise<IntrospectResult> {
    // After a change of the schema many ask at once: one look serves them all.
    this.#looking ??= this.owner.introspect({ useCache: true }).finally(() => {
      this.#looking = undefined;
    });
    const catalog = await this.#looking;
    if (!catalog.functions) throw Object.assign(new Error(), { code: "CONNECTION_LOST" });
    // As PostgREST, tell "one" from "many" by constraints alone: a partial unique index says neither.
    return { ...catalog, indexes: [] };
  }

  /** Keeps what lite made of the request for `withContext`, and mends it. */
  override async onPostgrestAST(ast: AnyAST, vars: VarsContext = {}): Promise<AnyAST> {
    vars.ast = ast;
    mend(ast, await this.introspect());
    return super.onPostgrestAST(ast);
  }

  /** Leaves to the gateway what is no refusal. */
  override normalizeDbError(error: Error): Error {
    if (isDown(error) || error instanceof TypeError) throw error;
    return error;
  }

  /** One transaction as the caller. In lite's own everything would be granted to everybody. */
  override async withContext<T>(
    vars: VarsContext | undefined,
    work: (db: PostgresConnection["kysely"]) => Promise<T>,
    options?: Parameters<PostgresConnection["withContext"]>[2],
  ): Promise<T> {
    const { auth, ast } = vars as { auth: { role: string; jwt: object }; ast: AnyAST };
    const { role, jwt } = auth;
    const { readOnly, requestHeaders = {} } = options?.rpc ?? {};
    const request = this.kysely.transaction().execute(async (transaction) => {
      await sql`select
        set_config('role', ${role}, true),
        set_config('request.jwt.claims', ${JSON.stringify(jwt)}, true),
        set_config('request.headers', ${JSON.stringify(requestHeaders)}, true),
        set_config('statement_timeout', ${role === "anon" ? "3s" : "8s"}, true),
        set_config('transaction_read_only', ${readOnly ? "on" : "off"}, true)
      `.execute(transaction);
      const made = await work(transaction.withPlugin(filterOnce(ast)));
      const res = await asked(ast, made as Response);
      if (res.status >= 400) throw new HTTPException(400, { res });
      return res;
    });
    return (await request.catch((error) => refusal(error, role))) as T;
  }
}

export type DataApi = Awaited<ReturnType<typeof createDataApi>>;

/** Starts the Data API and Auth: `@supabase/lite` as PostgREST and GoTrue, on Postgres. */
export async function createDataApi(settings: Settings) {
  const connection = new DataConnection(settings);
  const app = new App({
    connection,
    auth: authConfig(settings),
    // Who sends a key is `anon`; what is no token is refused.
    api: { ...settings.config.api, pg_safe_update: true, anonymous_enabled: false },
    storage: { enabled: false },
    db: { migrations: { enabled: false } },
    options: {
      server: { disableStudio: true, middlewares: [createAuth(settings, connection.driver)] },
      drivers: { email: createMailer(settings) },
    },
  });
  // A fault is the gateway's to answer.
  app.server.onError((error) => Promise.reject(error));
  const forget = () => void connection.owner.clearSchemaCache();
  await connection.driver.listen("pgrst", forget, forget);
  await Promise.all([app.init(), connection.introspect()]);
  return {
    fetch: app.server.fetch,
    introspect: () => connection.introspect(),
    stop: () => Promise.all([connection.close(), connection.owner.close()]),
  };
}
