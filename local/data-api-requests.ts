import type { AnyAST, IntrospectResult as Catalog, EmbedDef } from "@supabase/lite";
import type { KyselyPlugin, PluginTransformQueryArgs, PluginTransformResultArgs } from "kysely";

type SelectEntry = NonNullable<AnyAST["select"]>[number];

/** Mends what lite makes of a request where PostgREST understands it otherwise. */
export function mend(ast: AnyAST, catalog: Catalog): void {
  const qualify = qualifierFor(ast, catalog);
  if ("order" in ast) {
    for (const by of ast.order ?? []) if (!by.embed) by.column = qualify(by.column);
  }
  // Without embeds and aliases a change answers by `returning`, which knows no computed columns.
  const returning = ast.type !== "query" && ast.select?.every((entry) => typeof entry === "string");
  const mended = (entry: SelectEntry) => {
    if (typeof entry === "string") return returning ? qualify(entry) : entry;
    for (const column of Object.values(entry)) {
      if ("column" in column && column.column) column.column = qualify(column.column);
    }
    return entry;
  };
  if (ast.select) ast.select = ast.select.map(mended);
  if (ast.from) nameRelations(ast, ast.from, catalog);
  // Of several rows each has the columns of all, null where it says nothing, as in PostgREST.
  const { columns = [], missing } = ast.$meta ?? {};
  if ("values" in ast && Array.isArray(ast.values) && missing !== "default") {
    for (const row of ast.values) for (const name of columns) row[name] ??= null;
  }
}

/** Postgres takes `table.name` for the function `name(table)`, and so for a computed column. */
function qualifierFor({ from }: AnyAST, { functions = [] }: Catalog) {
  const computed = functions.filter(
    ({ schema, arg_types: [type, ...more] }) =>
      more.length === 0 && (type === from || type === `${schema}.${from}`),
  );
  const names = new Set(computed.map(({ name }) => name));
  return (column: string) => (names.has(column) ? `${from}.${column}` : column);
}

/**
 * Names the relation of each embed where PostgREST sees one alone. lite takes every table with keys
 * to both sides for a junction; for PostgREST its primary key has to hold them.
 */
function nameRelations(level: Pick<EmbedDef, "select" | "join">, parent: string, catalog: Catalog) {
  for (const entry of level.select ?? []) {
    if (typeof entry === "string") continue;
    for (const [alias, embed] of Object.entries(entry)) {
      if (!("select" in embed)) continue;
      const join = level.join?.[alias];
      const child = join?.from ?? alias;
      const hint = join?.hint ?? onlyRelation(parent, child, catalog);
      if (hint) level.join = { ...level.join, [alias]: { ...join, hint } };
      nameRelations(embed, child, catalog);
    }
  }
}

function onlyRelation(parent: string, child: string, { foreign_keys, primary_keys }: Catalog) {
  const joins = (from: string, to: string) =>
    foreign_keys.filter((key) => key.table === from && key.ref_table === to);
  const direct = [...joins(parent, child), ...joins(child, parent)];
  const isJunction = ({ table, columns }: Catalog["primary_keys"][number]) =>
    [parent, child].every((to) => joins(table, to).some(({ column }) => columns.includes(column)));
  const [name, ...others] = new Set(direct.map((key) => key.foreign_key_name));
  const isOnly = others.length === 0 && parent !== child && !primary_keys.some(isJunction);
  return isOnly ? name : undefined;
}

/** lite finds updated rows again by the request's filter, which the update may have made untrue. */
export class FilterOnce implements KyselyPlugin {
  readonly #ast: AnyAST;
  #update: unknown;

  constructor(ast: AnyAST) {
    this.#ast = ast;
  }

  transformQuery({ node, queryId }: PluginTransformQueryArgs) {
    if (node.kind === "UpdateQueryNode") this.#update = queryId;
    return node;
  }

  async transformResult({ result, queryId }: PluginTransformResultArgs) {
    if (queryId === this.#update) delete this.#ast.where;
    return result;
  }
}

/** One row as an object, where lite forgets after a change that one was asked for. */
export async function asked<T>({ $meta }: AnyAST, made: T): Promise<T> {
  const answer = made as Response;
  const isList = answer.ok && answer.headers.get("content-type")?.startsWith("application/json");
  if ($meta?.cardinality !== "one" || !isList || !answer.body) return made;
  const rows: unknown = await answer.json();
  const headers = { "content-type": "application/vnd.pgrst.object+json; charset=utf-8" };
  if (!Array.isArray(rows)) return Response.json(rows, { status: answer.status, headers }) as T;
  if (rows.length === 1) return Response.json(rows[0], { status: answer.status, headers }) as T;
  const message = "Cannot coerce the result to a single JSON object";
  const details = `The result contains ${rows.length} rows`;
  return Response.json({ code: "PGRST116", details, hint: null, message }, { status: 406 }) as T;
}
