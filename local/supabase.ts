import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Settings, StartError, writeWhole } from "./settings.ts";

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
    writeWhole(note, JSON.stringify({ ...current, ...applied }));
  }
  return Object.keys(applied).filter((file) => applied[file] !== current[file]);
}

/** A hash of each file that makes the database what it is. */
function hashes({ root }: Settings): Record<string, string> {
  const cwd = join(root, "supabase");
  const files = globSync(["migrations/*.sql", "seed.sql"], { cwd });
  return Object.fromEntries(
    files.sort().map((file) => {
      const hash = createHash("sha256").update(readFileSync(join(cwd, file)));
      return [file, hash.digest("hex")];
    }),
  );
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
  const target = ["--workdir", root, `--remote=${databaseUrl}?sslmode=disable`, "--agent", "no"];
  const env = { ...process.env, DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1" };
  const run = promisify(execFile)(process.execPath, [cli, ...args, ...target], {
    env,
    maxBuffer: 64 << 20,
  });
  return await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => {
      const said = `${error.stdout}${error.stderr}`.trim();
      throw new StartError(
        `${said}\n\n\`supabase ${args.join(" ")}\` failed: mend what it names above and try again.`,
      );
    },
  );
}
