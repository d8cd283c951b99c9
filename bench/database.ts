import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { startPostgres } from "../local/postgres.ts";
import { claimFolder, endLeftovers } from "../local/processes.ts";
import { loadSettings, type Part, type Settings } from "../local/settings.ts";

type Role = "owner" | "authenticator" | "superuser";

/** A running server with databases for measuring. */
export type BenchServer = Part & {
  connect(
    database: string,
    as: Role,
    options?: postgres.Options<Record<string, never>>,
  ): postgres.Sql;
  /** Makes a database anew, with what the migrations make and nothing else. */
  create(database: string): Promise<void>;
  /** Sees to it that a database is there and filled, as its sources are now. */
  provide(database: string, content: Content): Promise<void>;
};
type Content = {
  /** The files that the data is made by: when one of them changes, it is made anew. */
  sources: string[];
  /** Make it anew in any case. */
  fresh: boolean;
  fill(): Promise<void>;
};

/** As much memory for pages as an instance with 8 GB has; nothing that runs by itself. */
export const serverSettings = { shared_buffers: "2GB", autovacuum: "off" };

/**
 * Starts a server of the bench's own, on the ports 100 above the platform's. Its databases stay in
 * the folder `bench` of the data between runs.
 */
export async function startBenchServer(platform: Settings): Promise<BenchServer> {
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
  const connect: BenchServer["connect"] = (database, as, options) =>
    postgres(urls[as], { database, max: 1, onnotice: () => {}, ...options });
  const stop = async () => {
    await server.stop();
    folder.release();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => stop().finally(() => process.exit(1)));
  }

  // Not to the database `postgres`, which cannot be copied while somebody is in it.
  const administer = () => connect("template1", "superuser");
  const create = async (database: string) => {
    const admin = administer();
    await admin.unsafe(`drop database if exists ${database}`);
    await admin.unsafe(`create database ${database} template postgres owner postgres`);
    await admin.end();
    const owner = connect(database, "owner");
    for (const migration of read(settings.root, ["supabase/migrations/*.sql"])) {
      await owner.unsafe(migration);
    }
    await owner.end();
  };
  const provide = async (database: string, { sources, fresh, fill }: Content) => {
    const mark = createHash("sha256").update(read(settings.root, sources).join()).digest("hex");
    const admin = administer();
    try {
      const [found] = await admin`
        select shobj_description(oid, 'pg_database') as mark from pg_database where datname = ${database}`;
      if (!fresh && found?.mark === mark) return;
      const started = performance.now();
      console.log(`Making the database ${database}`);
      await create(database);
      await fill();
      await admin.unsafe(`comment on database ${database} is '${mark}'`);
      console.log(`  made in ${((performance.now() - started) / 1000).toFixed()} s`);
    } finally {
      await admin.end();
    }
  };

  try {
    if (await configure(urls.superuser)) {
      await server.stop();
      server = await startPostgres(settings);
    }
    return { connect, create, provide, stop };
  } catch (error) {
    await stop();
    throw error;
  }
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

/** The texts of files, in the order of their names. */
function read(root: string, patterns: string[]): string[] {
  const files = globSync(patterns, { cwd: root }).sort();
  return files.map((file) => readFileSync(join(root, file), "utf8"));
}
