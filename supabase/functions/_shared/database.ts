import postgres from "postgres";

export type Database = postgres.Sql;

/** A connection that was open has ended: the server shut it, the line broke, or it never came back. */
const ENDED = /^(57P0[125]|08\w{3}|CONNECTION_CLOSED|CONNECT_TIMEOUT|ECONNRESET|EPIPE)$/;

/**
 * A direct connection for what has to be one transaction or is nobody's business but ours. It acts
 * as `service_role`, which may call what the migrations grant it in `private`, and no more.
 *
 * After a connection has ended, queries go to new ones: the driver (3.4.9) never sends anything again
 * by one that ended before it had written what it was about to, and waits for it in vain each time.
 */
export function connect(url: string, options: postgres.Options<never> = {}): Database {
  const open = () =>
    postgres(url, {
      max: 8,
      idle_timeout: 30,
      connect_timeout: 10,
      // After a restart of the database: 0.1 s, 0.2 s, 0.4 s … up to a second.
      backoff: (retries) => Math.min(0.05 * 2 ** retries, 1),
      connection: { application_name: "djanobnb-functions", role: "service_role" },
      onnotice: () => {},
      ...options,
    });
  let pool = open();
  return new Proxy(pool, {
    apply(_target, _this, args) {
      const used = pool;
      const query = Reflect.apply(used, undefined, args);
      onFailure(query, ({ code }) => {
        if (ENDED.test(code ?? "") && pool === used) pool = open();
      });
      return query;
    },
    get: (_target, name) => Reflect.get(pool, name),
  });
}

/** Listens without beginning the query, which waits for somebody to want its rows. */
function onFailure(query: unknown, listen: (error: { code?: string }) => void): void {
  if (!(query instanceof Promise)) return;
  const waiting = query as unknown as { reject(error: { code?: string }): void };
  const { reject } = waiting;
  waiting.reject = (error) => {
    listen(error);
    reject(error);
  };
}
