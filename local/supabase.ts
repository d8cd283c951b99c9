import { execFile } from "node:child_process";
import { hash } from "node:crypto";
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
  const applied = existsSync(note) ? JSON.parse(readFileSync(note, "utf8")) : {};
  const cwd = join(settings.root, "supabase");
  const files = globSync(["migrations/*.sql", "seed.sql"], { cwd });
  const hashOf = (file: string) => hash("sha256", readFileSync(join(cwd, file)));
  const current = Object.fromEntries(files.map((file) => [file, hashOf(file)]));
  if (files.some((file) => applied[file] === undefined)) {
    await runCli(settings, ["db", "push", "--include-seed", "--yes"]);
    writeWhole(note, JSON.stringify({ ...current, ...applied }));
  }
  return Object.keys(applied).filter((file) => applied[file] !== current[file]);
}

/** Runs a command of the official CLI against the database, as against a hosted project's. */
export async function runCli({ root, databaseUrl }: Settings, args: string[]): Promise<string> {
  const cli = join(root, "node_modules", "supabase", "dist", "supabase.js");
  const target = ["--workdir", root, `--remote=${databaseUrl}?sslmode=disable`, "--agent", "no"];
  const env = { ...process.env, DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1" };
  const options = { env, maxBuffer: 64 << 20 };
  const run = promisify(execFile)(process.execPath, [cli, ...args, ...target], options);
  const { stdout } = await run.catch(({ stdout, stderr }) => {
    const said = `${stdout}${stderr}`.trim();
    const remedy = "failed: mend what it names above and try again.";
    throw new StartError(`${said}\n\n\`supabase ${args.join(" ")}\` ${remedy}`);
  });
  return stdout;
}
