import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { startPostgres } from "../local/postgres.ts";
import { claimFolder, endLeftovers } from "../local/processes.ts";
import { loadSettings, type Part, type Settings } from "../local/settings.ts";

/** A running server with a database for each number of homes. */
export type BenchServer = Part & {
  /** Connects to the database with so many homes. */
  connect(homes: number, as: Role, options?: postgres.Options<Record<string, never>>): postgres.Sql;
};
type Role = "owner" | "authenticator" | "superuser";

/** As much memory for pages as an instance with 8 GB has; nothing that runs by itself. */
export const serverSettings = { shared_buffers: "2GB", autovacuum: "off" };

/** The files that the data is made by: when one of them changes, it is made anew. */
const sources = ["supabase/migrations/*_{properties,reservations}.sql", "bench/homes.sql"];

/** Tables that are filled without their indexes and checks, those that take longest first. */
const filledTables = [
  ...["private.occupancies", "private.listings", "private.vacancies", "public.reservations"],
  ...["public.properties", "public.property_images", "public.favorites", "public.profiles"],
];

/**
 * Starts a server of the bench's own, on the ports 100 above the platform's, and sees to it that it
 * has a database for each of the sizes. They stay in the folder `bench` of the data between runs.
 */
export async function startBenchServer(
  platform: Settings,
  sizes: readonly number[],
  fresh: boolean,
): Promise<BenchServer> {
  const dataDir = join(platform.dataDir, "bench");
  const settings = loadSettings({ port: platform.ports.api + 100, dataDir });
  const urls: Record<Role, string> = {
    owner: settings.databaseUrl,
    authenticator: settings.authenticatorUrl,
    superuser: settings.adminDatabaseUrl,
  };
  const folder = claimFolder(settings);
  await endLeftovers(settings);
  let server = await startPostgres(settings);
  const bench: BenchServer = {
    connect: (homes, as, options) =>
      postgres(urls[as], {
        database: databaseOf(homes),
        max: 1,
        onnotice: () => {},
        ...options,
      }),
    stop: async () => {
      await server.stop();
      folder.release();
    },
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => bench.stop().finally(() => process.exit(1)));
  }
  try {
    if (await configure(urls.superuser)) {
      await server.stop();
      server = await startPostgres(settings);
    }
    for (const homes of sizes) await provide(bench, settings, homes, fresh);
    return bench;
  } catch (error) {
    await bench.stop();
    throw error;
  }
}

function databaseOf(homes: number): string {
  return `homes_${homes}`;
}

/** Writes the settings that hold from the next start on; false when they hold already. */
async function configure(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1 });
  const [{ current } = { current: "" }] = await sql`
    select current_setting('shared_buffers') as current`;
  for (const [name, value] of Object.entries(serverSettings)) {
    await sql.unsafe(`alter system set ${name} = '${value}'`);
  }
  await sql.end();
  return current !== serverSettings.shared_buffers;
}

/** Makes the database with so many homes, unless it is there as the sources are now. */
async function provide(bench: BenchServer, settings: Settings, homes: number, fresh: boolean) {
  const { root, adminDatabaseUrl } = settings;
  const name = databaseOf(homes);
  const mark = fingerprint(root);
  const admin = postgres(adminDatabaseUrl, { max: 1, onnotice: () => {} });
  try {
    const [found] = await admin`
      select shobj_description(oid, 'pg_database') as mark from pg_database where datname = ${name}`;
    if (!fresh && found?.mark === mark) return;
    const started = performance.now();
    console.log(`Making the database with ${homes.toLocaleString("en")} homes`);
    await admin.unsafe(`drop database if exists ${name}`);
    await admin.unsafe(`create database ${name} template postgres owner postgres`);
    await migrate(bench, root, homes);
    await fill(bench, root, homes);
    await admin.unsafe(`comment on database ${name} is '${mark}'`);
    console.log(`  made in ${((performance.now() - started) / 1000).toFixed()} s`);
  } finally {
    await admin.end();
  }
}

function fingerprint(root: string): string {
  const hash = createHash("sha256");
  for (const file of globSync(sources, { cwd: root }).sort()) {
    hash.update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

async function migrate(bench: BenchServer, root: string, homes: number): Promise<void> {
  const sql = bench.connect(homes, "owner");
  for (const file of globSync("supabase/migrations/*.sql", { cwd: root }).sort()) {
    await sql.unsafe(readFileSync(join(root, file), "utf8"));
  }
  await sql.end();
}

async function fill(bench: BenchServer, root: string, homes: number): Promise<void> {
  const sql = bench.connect(homes, "superuser", {
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
  await sql.unsafe(readFileSync(join(root, "bench", "homes.sql"), "utf8"));
  console.log("  filled; making its indexes");
  await Promise.all([1, 2].map(() => makeIndexes(bench, homes, tables)));
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
async function makeIndexes(bench: BenchServer, homes: number, tables: string[][]): Promise<void> {
  const sql = bench.connect(homes, "superuser", {
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
