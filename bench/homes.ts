import { readFileSync } from "node:fs";
import { join } from "node:path";
import type postgres from "postgres";
import type { BenchServer } from "./database.ts";

/** Tables that are filled without their indexes and checks, those that take longest first. */
const filledTables = [
  ...["private.occupancies", "private.listings", "private.vacancies", "public.reservations"],
  ...["public.properties", "public.property_images", "public.favorites", "public.profiles"],
];

export function homesDatabase(homes: number): string {
  return `homes_${homes}`;
}

/** Sees to it that there is a database with so many homes, as `bench/homes.sql` makes them. */
export async function provideHomes(server: BenchServer, homes: number, fresh: boolean) {
  await server.provide(homesDatabase(homes), {
    sources: ["supabase/migrations/*_{properties,reservations}.sql", "bench/homes.sql"],
    fresh,
    fill: () => fill(server, homes),
  });
}

async function fill(server: BenchServer, homes: number): Promise<void> {
  const sql = server.connect(homesDatabase(homes), "superuser", {
    connection: {
      // Without triggers and foreign keys.
      session_replication_role: "replica",
      synchronous_commit: "off",
      work_mem: "256MB",
      parallel_tuple_cost: 0,
      "bench.homes": homes,
    } as Record<string, string | number>,
  });
  const tables = await Promise.all(filledTables.map((table) => takeIndexes(sql, table)));
  await sql.unsafe(readFileSync(join(import.meta.dirname, "homes.sql"), "utf8"));
  console.log("  filled; making its indexes");
  await Promise.all([1, 2].map(() => makeIndexes(server, homes, tables)));
  await sql.unsafe("vacuum (analyze)");
  await sql.end();
}

/** Drops what slows the filling of a table down; returns the statements that make it again. */
async function takeIndexes(sql: postgres.Sql, table: string): Promise<string[]> {
  const found = await sql<{ taking: string; making: string }[]>`
    select format('alter table %s drop constraint %I', conrelid::regclass, conname) as taking,
      format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        || case contype when 'c' then ' not valid' else '' end as making
    from pg_constraint
    where conrelid = ${table}::regclass and contype in ('u', 'x', 'c')
    union all
    select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    from pg_index i
    where indrelid = ${table}::regclass
      and not exists (select from pg_constraint c where c.conindid = i.indexrelid)`;
  for (const { taking } of found) await sql.unsafe(taking);
  return found.map(({ making }) => making);
}

/** Makes the indexes of one table after the other, as long as there are tables that nobody took. */
async function makeIndexes(server: BenchServer, homes: number, tables: string[][]): Promise<void> {
  const sql = server.connect(homesDatabase(homes), "superuser", {
    connection: { maintenance_work_mem: "1GB", max_parallel_maintenance_workers: 0 } as Record<
      string,
      string | number
    >,
  });
  for (let table = tables.shift(); table; table = tables.shift()) {
    for (const statement of table) await sql.unsafe(statement);
  }
  await sql.end();
}
