import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { parse } from "smol-toml";
import { type Settings, StartError } from "./settings.ts";

/** What this platform reads of `supabase/config.toml`, the official CLI's own file. */
type Config = {
  db?: { seed?: { enabled?: boolean; sql_paths?: string[] } };
  storage?: { buckets?: Record<string, BucketConfig> };
};
export type BucketConfig = {
  public?: boolean;
  file_size_limit?: string;
  allowed_mime_types?: string[];
  objects_path?: string;
};

/** Reads `supabase/config.toml`. */
export function readConfig({ root }: Pick<Settings, "root">): Config {
  return parse(readFileSync(join(root, "supabase", "config.toml"), "utf8")) as Config;
}

/**
 * Applies what migrations and seeds are new, with the official CLI, and returns the names of those
 * that were applied before and have changed since. Nothing new: nothing is run.
 */
export async function applyMigrations(settings: Settings): Promise<string[]> {
  const note = join(settings.dataDir, "applied.json");
  const applied: Record<string, string> = existsSync(note)
    ? JSON.parse(readFileSync(note, "utf8"))
    : {};
  const current = hashes(settings);
  if (Object.keys(current).some((file) => applied[file] === undefined)) {
    await runCli(settings, ["db", "push", "--include-seed", "--yes"]);
    writeFileSync(note, JSON.stringify({ ...current, ...applied }));
  }
  return Object.keys(applied).filter((file) => applied[file] !== current[file]);
}

/** A hash of each file that makes the database what it is. */
function hashes({ root }: Settings): Record<string, string> {
  const seed = readConfig({ root }).db?.seed;
  const seeds = seed?.enabled === false ? [] : (seed?.sql_paths ?? ["./seed.sql"]);
  const cwd = join(root, "supabase");
  const files = ["migrations/*.sql", ...seeds].flatMap((pattern) => globSync(pattern, { cwd }));
  return Object.fromEntries(
    files.sort().map((file) => {
      const hash = createHash("sha256").update(readFileSync(join(cwd, file)));
      return [file, hash.digest("hex")];
    }),
  );
}

/** Makes the buckets of `config.toml`, as the CLI does for a hosted project. */
export async function createBuckets(settings: Settings): Promise<void> {
  const sql = postgres(settings.adminDatabaseUrl, { max: 1 });
  try {
    for (const [id, bucket] of Object.entries(readConfig(settings).storage?.buckets ?? {})) {
      const row = {
        id,
        name: id,
        public: bucket.public ?? false,
        file_size_limit: bucket.file_size_limit ? bytes(bucket.file_size_limit) : null,
        allowed_mime_types: bucket.allowed_mime_types ?? null,
      };
      await sql`insert into storage.buckets ${sql(row)} on conflict (id) do update set
        public = excluded.public, file_size_limit = excluded.file_size_limit,
        allowed_mime_types = excluded.allowed_mime_types`;
    }
  } finally {
    await sql.end();
  }
}

/** `'2MiB'`, `'2MB'` and the like as a number of bytes. */
function bytes(size: string): number {
  const [, amount, unit = "", binary] = /^(\d+)\s*([KMG]?)(i?)B?$/i.exec(size) ?? [];
  if (!amount) throw new StartError(`supabase/config.toml: "${size}" is no size of a file.`);
  const power = ["", "K", "M", "G"].indexOf(unit.toUpperCase());
  return Number(amount) * (binary ? 1024 : 1000) ** power;
}

/** The types of the API's schema, as `supabase gen types` writes them. */
export async function generateTypes(settings: Settings): Promise<string> {
  return await runCli(settings, ["gen", "types", "--lang", "typescript", "--schema", "public"]);
}

/** The advisors' findings; throws when there is an error among them. */
export async function runAdvisors(settings: Settings): Promise<string> {
  return await runCli(settings, ["db", "advisors", "--level", "info", "--fail-on", "error"]);
}

/** Runs a command of the official CLI against the database, as against a hosted project's. */
async function runCli({ root, databaseUrl }: Settings, args: string[]): Promise<string> {
  const cli = join(root, "node_modules", "supabase", "dist", "supabase.js");
  const target = ["--workdir", root, `--remote=${databaseUrl}`, "--agent", "no"];
  const env = { ...process.env, DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1" };
  const run = promisify(execFile)(process.execPath, [cli, ...args, ...target], {
    env,
    maxBuffer: 64 << 20,
  });
  return await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => {
      throw new StartError(`supabase ${args.join(" ")} failed:\n${error.stdout}${error.stderr}`);
    },
  );
}
