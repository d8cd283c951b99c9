import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { Parser } from "tap-parser";
import type { Settings } from "../local/settings.ts";

/** How many tests passed and failed. */
export type Counts = { passed: number; failed: number };

/**
 * Runs `supabase/tests` as `supabase test db` does: file by file in the order of their names, each
 * on a connection of its own as `postgres`. Files that are not called `*.test.sql` prepare.
 */
export async function runDatabaseTests({ root, databaseUrl }: Settings): Promise<Counts> {
  const cwd = join(root, "supabase", "tests");
  const counts = { passed: 0, failed: 0 };
  for (const file of globSync("**/*.sql", { cwd }).sort()) {
    const { lines, error } = await runFile(databaseUrl, readFileSync(join(cwd, file), "utf8"));
    const { passed, failed } = count(lines, error !== undefined || file.endsWith(".test.sql"));
    counts.passed += passed;
    counts.failed += failed;
    console.log(
      `${failed ? "not ok" : "ok"} supabase/tests/${file}: ${passed} of ${passed + failed}`,
    );
    if (failed) console.log(lines.filter((line) => /^(not ok|\s*#)/.test(line)).join("\n"));
    if (error) console.log(error);
  }
  return counts;
}

/** The lines of TAP that a file gives, and what stopped it before its end. */
async function runFile(databaseUrl: string, text: string) {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const results = await sql.unsafe(text);
    // Several statements give a list of results, a single one its rows.
    const rows = (results.flat() as postgres.Row[]).map((row) => Object.values(row)[0]);
    const lines = rows
      .filter((value) => typeof value === "string")
      .join("\n")
      .split("\n");
    return { lines, error: undefined };
  } catch (error) {
    const { message, position, where } = error as postgres.PostgresError;
    const line = text.slice(0, Number(position ?? 0)).split("\n").length;
    return { lines: [], error: `${message}${position ? ` (line ${line})` : ""}\n${where ?? ""}` };
  } finally {
    await sql.end();
  }
}

/** Counts with the help of a TAP parser, to which a plan that does not fit is a failure too. */
function count(lines: string[], expectsTests: boolean): Counts {
  if (!expectsTests) return { passed: 0, failed: 0 };
  const tap = new Parser();
  tap.end(lines.filter((line) => /^(ok|not ok|1\.\.|#)/.test(line)).join("\n"));
  const { ok, pass, fail } = tap.results ?? { ok: false, pass: 0, fail: 0 };
  return { passed: pass, failed: ok ? 0 : Math.max(fail, 1) };
}
