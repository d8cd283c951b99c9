import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { splitSqlStatements } from "@supabase/lite";
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
    if (!error && lines.length === 0 && !file.endsWith(".test.sql")) continue;
    const { passed, failed } = count(lines);
    counts.passed += passed;
    counts.failed += failed;
    const sum = `${passed} of ${passed + failed}`;
    console.log(`${failed ? "not ok" : "ok"} supabase/tests/${file}: ${sum}`);
    if (failed) console.log(lines.filter((line) => /^(not ok|\s*#)/.test(line)).join("\n"));
    if (error) console.log(error);
  }
  return counts;
}

/** The lines of TAP that a file gives, statement by statement, and what stopped it before its end. */
async function runFile(databaseUrl: string, text: string) {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice: () => {} });
  const lines: string[] = [];
  let statement = "";
  try {
    for (statement of splitSqlStatements(text)) {
      const rows = await sql.unsafe(statement);
      const values = rows.map((row) => Object.values(row)[0]);
      lines.push(
        ...values
          .filter((value) => typeof value === "string")
          .join("\n")
          .split("\n"),
      );
    }
    return { lines, error: undefined };
  } catch (error) {
    return { lines, error: `${(error as Error).message}\nin: ${statement.trim()}` };
  } finally {
    await sql.end();
  }
}

/** Counts by a TAP parser, to which a plan that does not fit is a failure; so is no test at all. */
export function count(lines: string[]): Counts {
  const tap = new Parser();
  tap.end(lines.filter((line) => /^(ok|not ok|1\.\.|#)/.test(line)).join("\n"));
  const { ok, pass, fail } = tap.results ?? { ok: false, pass: 0, fail: 0 };
  return { passed: pass, failed: ok && pass > 0 ? 0 : Math.max(fail, 1) };
}
