import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";

/**
 * A rule taken away: what it was, the names that a test of it would mention, how it goes, and inside
 * of which function it was, if of one.
 */
export type Mutant = {
  class: string;
  name: string;
  about: string;
  sql: string;
  inside: string | null;
};

/** Every rule that the database has now: those of the catalog, and those inside functions. */
export async function readMutants(sql: Sql): Promise<Mutant[]> {
  const catalog = readFileSync(join(import.meta.dirname, "catalog.sql"), "utf8");
  const ofCatalog = await sql.unsafe<Mutant[]>(catalog);
  const functions = await sql<{ name: string; definition: string }[]>`
    select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition
    from pg_proc p
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and p.prokind = 'f'
    order by 1`;
  const inFunctions = functions.flatMap(({ name, definition }) => mutate(name, definition));
  return [...ofCatalog, ...inFunctions];
}

/** What is taken out of the body of a function, and what stands there instead. */
const cuts = [
  {
    class: "refusals",
    pattern: /\bprivate\.(?:refuse\w*|forbid|require_role)\(/g,
    endsWith: ")",
    instead: "null::void",
  },
  {
    class: "refusals",
    pattern: /\braise (?!log|notice|warning)/g,
    endsWith: ";",
    instead: "null;",
  },
  { class: "callers", pattern: /\bprivate\.require_user\(\)/g, instead: "(select auth.uid())" },
  { class: "callers", pattern: /\bprivate\.(?:has_role|is_staff)\([^)]*\)/g, instead: "true" },
  {
    class: "callers",
    pattern: /[\w.]+ = (?:caller\b|\(select auth\.uid\(\)\))/g,
    instead: "true",
  },
  {
    class: "callers",
    pattern: /[\w.]+ (?:<>|is distinct from) (?:caller\b|\(select auth\.uid\(\)\))/g,
    instead: "false",
  },
] as const;

function mutate(signature: string, definition: string): Mutant[] {
  const name = signature.replace(/\(.*/, "");
  const body = definition.search(/\bAS \$function\$|\bBEGIN ATOMIC\b|\bRETURN\b/);
  const seen = new Map<string, number>();
  return cuts.flatMap((cut) => {
    const found = [...definition.matchAll(cut.pattern)].filter(({ index }) => index > body);
    return found.flatMap(({ 0: match, index }) => {
      if (isComment(definition, index)) return [];
      const after = index + match.length;
      const to = "endsWith" in cut ? endOf(definition, after, cut.endsWith) : after;
      const text = definition.slice(index, to).replaceAll(/\s+/g, " ");
      const nth = (seen.get(text) ?? 0) + 1;
      seen.set(text, nth);
      return {
        class: cut.class,
        name: `${name}: ${text}${nth > 1 ? ` (${nth})` : ""}`,
        about: `${name} ${/'(\w+)'/.exec(text)?.[1] ?? ""}`,
        sql: definition.slice(0, index) + cut.instead + definition.slice(to),
        inside: name,
      };
    });
  });
}

function isComment(text: string, index: number): boolean {
  return text.slice(text.lastIndexOf("\n", index) + 1, index).includes("--");
}

/** Where a call or statement ends: past its closing sign, outside of quotes and inner brackets. */
function endOf(text: string, from: number, closing: ")" | ";"): number {
  let depth = 0;
  let quoted = false;
  for (let at = from; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === "'") quoted = !quoted;
    if (quoted) continue;
    if (sign === closing && depth === 0) return at + 1;
    if (sign === "(") depth += 1;
    if (sign === ")") depth -= 1;
  }
  throw new Error(`No ${closing} after ${text.slice(from, from + 40)}`);
}
