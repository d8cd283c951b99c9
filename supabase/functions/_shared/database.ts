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
    connection: { application_name: "djanobnb-functions", role: "service_role" },
    onnotice: () => {},
  });
}
