import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { splitSqlStatements } from "@supabase/lite";
import type { Sql } from "postgres";
import { count } from "../db.ts";
import type { Mutant } from "./mutants.ts";

/**
 * A file of pgTAP, what it costs, the functions that it runs (as far as known), and how often it has
 * noticed mutants of this or that object.
 */
type Tests = {
  file: string;
  text: string;
  statements: string[];
  seconds: number;
  functions?: Set<string>;
  noticed: Map<string, number>;
};

/** What became of a mutant: the file that noticed it, or none. */
export type Fate = { class: string; name: string; noticedBy: string | undefined };

/** The files that test, each without its own transaction: that of the mutant is around it. */
export function readTests(root: string): Tests[] {
  const cwd = join(root, "supabase", "tests");
  return globSync("**/*.test.sql", { cwd }).map((file) => {
    const text = readFileSync(join(cwd, file), "utf8");
    const isOurs = (statement: string) =>
      !/^(--.*\s+)*(begin|rollback);?\s*$/.test(statement.trim());
    const statements = splitSqlStatements(text).filter(isOurs);
    return { file, text, statements, seconds: text.length / 50_000, noticed: new Map() };
  });
}

/** Runs all files on the database as it is, and keeps how long each takes and what it runs. */
export async function getToKnow(sql: Sql, tests: Tests[]): Promise<void> {
  for (const test of tests) {
    const start = performance.now();
    await sql.unsafe(
      "begin; set local track_functions = 'all'; set local session authorization postgres",
    );
    if (!(await passes(sql, test.statements))) throw new Error(`${test.file} fails as it is.`);
    await sql.unsafe("reset role");
    const run = await sql<{ name: string }[]>`
      select funcid::regproc::text as name from pg_stat_xact_user_functions`;
    await sql.unsafe("rollback");
    test.functions = new Set(run.map(({ name }) => name));
    test.seconds = (performance.now() - start) / 1000;
  }
}

/** Runs file by file in a database without that rule until one notices. Nothing is left of it. */
export async function tryMutant(sql: Sql, mutant: Mutant, tests: Tests[]): Promise<Fate> {
  const fate = { class: mutant.class, name: mutant.name, noticedBy: undefined };
  const { inside } = mutant;
  const running = tests.filter(({ functions }) => inside && functions?.has(inside));
  // A function that is planned into its callers is not seen to run: then any file may notice.
  const able = running.length ? running : tests;
  for (const test of able.toSorted((a, b) => chance(b, mutant) - chance(a, mutant))) {
    // A transaction for each: to a test, `now()` is a moment ago.
    await sql.unsafe("begin");
    await sql.unsafe(mutant.sql);
    // A trigger of a table that Auth owns needs a superuser to drop it; the tests run as always.
    await sql.unsafe("set local session authorization postgres");
    const passed = await passes(sql, test.statements);
    await sql.unsafe("rollback");
    if (passed) continue;
    for (const key of keysOf(mutant)) test.noticed.set(key, (test.noticed.get(key) ?? 0) + 1);
    return { ...fate, noticedBy: test.file };
  }
  return fate;
}

/** True when every test of a file passes; ends with the first that does not. */
async function passes(sql: Sql, statements: string[]): Promise<boolean> {
  const lines: string[] = [];
  for (const statement of statements) {
    const rows = await sql.unsafe(statement).catch(() => undefined);
    const said = rows?.map((row) => Object.values(row)[0]).filter((it) => typeof it === "string");
    if (!said || said.some((line) => line.startsWith("not ok"))) return false;
    lines.push(...said.join("\n").split("\n"));
  }
  return count(lines).failed === 0;
}

/** How likely a file is to notice, for the time that it takes. */
function chance(test: Tests, mutant: Mutant): number {
  const words = new Set(mutant.about.split(/[^a-z_]+/).filter((word) => word.length > 3));
  const mentions = [...words].reduce((sum, word) => sum + test.text.split(word).length - 1, 0);
  const noticed = keysOf(mutant).reduce((sum, key) => sum + (test.noticed.get(key) ?? 0), 0);
  return (1 + Math.min(mentions, 20) + 5 * noticed) / test.seconds;
}

const keysOf = ({ class: kind, about }: Mutant) => [kind, about];
