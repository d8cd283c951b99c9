import type { AnyAST, IntrospectResult as Catalog, EmbedDef } from "@supabase/lite";
import type { KyselyPlugin } from "kysely";

/** Mends what lite makes of a request where PostgREST understands it otherwise. */
export function mend(ast: AnyAST, catalog: Catalog): void {
  const { from = "", $meta: meta = {}, values = [] } = ast;
  const qualify = qualifierFor(from, catalog);
  for (const by of ast.order ?? []) if (!by.embed) by.column = qualify(by.column);
  // Without embeds and aliases a change answers by `returning`, which knows no computed columns.
  const returning = ast.type !== "query" && ast.select?.every((entry) => typeof entry === "string");
  const select = ast.select?.map((entry) => {
    if (typeof entry === "string") return returning ? qualify(entry) : entry;
    for (const column of Object.values(entry)) {
      if ("column" in column && column.column) column.column = qualify(column.column);
    }
    return entry;
  });
  if (select) ast.select = select;
  nameRelations(ast, from, catalog);
  // lite estimates everything, PostgREST only what is beyond `max_rows`.
  if (meta.count === "estimated") meta.count = "exact";
  // What a row lacks of the `columns` is null, or the default, which undefined stands for.
  const lacked = meta.missing === "default" ? undefined : null;
  const blank = Object.fromEntries((meta.columns ?? []).map((column) => [column, lacked]));
  if (meta.columns) ast.values = [values].flat().map((row) => ({ ...blank, ...row }));
}

/** Postgres takes `table.name` for the function `name(table)`, and so for a computed column. */
function qualifierFor(from: string, { functions = [] }: Catalog) {
  const computed = functions.filter(
    ({ schema, arg_types: [type, ...more] }) =>
      more.length === 0 && (type === from || type === `${schema}.${from}`),
  );
  const names = new Set(computed.map(({ name }) => name));
  return (column: string) => (names.has(column) ? `${from}.${column}` : column);
}

/** Names the one key between two tables: lite takes any table with keys to both for a rival. */
function nameRelations(level: Pick<EmbedDef, "select" | "join">, parent: string, catalog: Catalog) {
  const entries = (level.select ?? []).filter((entry) => typeof entry !== "string");
  for (const [alias, embed] of entries.flatMap((entry) => Object.entries(entry))) {
    if (!("select" in embed)) continue;
    const join = level.join?.[alias];
    const child = join?.from ?? alias;
    const isBetween = (from: string, to: string) =>
      (from === parent && to === child) || (from === child && to === parent);
    const keys = catalog.foreign_keys.filter((key) => isBetween(key.table, key.ref_table));
    const [name, ...others] = new Set(keys.map((key) => key.foreign_key_name));
    const hint = join?.hint ?? (parent === child || others.length ? undefined : name);
    if (hint) level.join = { ...level.join, [alias]: { ...join, hint } };
    nameRelations(embed, child, catalog);
  }
}

/** lite finds updated rows again by the request's filter, which the update may have made untrue. */
export const filterOnce = (ast: AnyAST): KyselyPlugin => ({
  transformQuery({ node }) {
    if (node.kind === "UpdateQueryNode") delete ast.where;
    return node;
  },
  transformResult: async ({ result }) => result,
});

/** One row as an object, where lite forgets after a change that one was asked for. */
export async function asked({ $meta }: AnyAST, answer: Response): Promise<Response> {
  const isList = answer.ok && answer.headers.get("content-type")?.startsWith("application/json");
  if ($meta?.cardinality !== "one" || !isList || !answer.body) return answer;
  const rows = [await answer.json()].flat();
  const headers = { "content-type": "application/vnd.pgrst.object+json; charset=utf-8" };
  if (rows.length === 1) return Response.json(rows[0], { status: answer.status, headers });
  const message = "Cannot coerce the result to a single JSON object";
  const details = `The result contains ${rows.length} rows`;
  return Response.json({ code: "PGRST116", details, hint: null, message }, { status: 406 });
}
