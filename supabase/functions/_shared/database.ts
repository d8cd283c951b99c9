import postgres from "postgres";

export type Database = postgres.Sql;

/**
 * A direct connection for what has to be one transaction or is nobody's business but ours. It acts
 * as `service_role`, which may call what the migrations grant it in `private`, and no more.
 */
export function connect(url: string): Database {
  return postgres(url, {
    max: 8,
    idle_timeout: 30,
    connect_timeout: 10,
    // After a restart of the database: 0.1 s, 0.2 s, 0.4 s … up to a second.
    backoff: (retries) => Math.min(0.05 * 2 ** retries, 1),
    connection: { application_name: "djanobnb-functions", role: "service_role" },
    onnotice: () => {},
  });
}
