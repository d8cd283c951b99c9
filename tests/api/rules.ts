import { readFileSync } from "node:fs";
import { join } from "node:path";
import type postgres from "postgres";

const rules = readFileSync(join(import.meta.dirname, "books-rules.sql"), "utf8");

/** The rules of `books-rules.sql` that are broken in these homes: none, it is to be hoped. */
export async function brokenRules(
  sql: postgres.ISql,
  books: object[],
  homeIds: string[],
  [since, until]: [Date, Date],
): Promise<unknown[]> {
  return await sql.unsafe(rules, [JSON.stringify(books), homeIds, since, until]);
}
