import fc from "fast-check";
import { database } from "../api/actors.ts";
import { type Call, callers } from "./calls.ts";
import { anything, contentOf, type Field, inAddress, valueFor } from "./values.ts";

type Table = { name: string; fields: (Field & { writable: boolean })[] };

/** Calls that read and write every table of the API. */
export async function tables(ids: string[]): Promise<fc.Arbitrary<Call>[]> {
  return (await readTables()).map((table) => callOf(table, ids));
}

async function readTables(): Promise<Table[]> {
  return await database`
    select c.relname as name, json_agg(json_build_object(
      'name', a.attname,
      'type', format_type(a.atttypid, null),
      'labels', array(select enumlabel from pg_enum where enumtypid = a.atttypid),
      'writable', has_column_privilege('authenticated', c.oid, a.attnum, 'insert, update')
    )) as fields
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and not a.attisdropped
    group by 1 order by 1`;
}

function callOf(table: Table, ids: string[]): fc.Arbitrary<Call> {
  // Mostly what a user may write at all, since the rest is refused before it is looked at.
  const writable = table.fields.filter((field) => field.writable);
  const content = fc.oneof(
    { weight: 3, arbitrary: contentOf(writable, ids) },
    { weight: 1, arbitrary: contentOf(table.fields, ids) },
  );
  const reads = fc.tuple(fc.constantFrom("GET", "HEAD", "DELETE"), fc.constant({}));
  const writes = fc.tuple(fc.constantFrom("POST", "PATCH", "PUT"), content);
  return fc
    .tuple(fc.constantFrom(...callers), fc.oneof(reads, writes), queryOf(table, ids), prefer)
    .map(([by, [method, content], query, prefer]) => {
      const path = `/rest/v1/${table.name}?${query}`;
      return { by, method, path, headers: { prefer }, ...content };
    });
}

/** The part of an address after `?`: conditions, what to select, order, and pages. */
function queryOf({ fields }: Table, ids: string[]): fc.Arbitrary<string> {
  const field = fc.constantFrom(...fields);
  const condition = field.chain(({ name, type, labels }) => {
    const value = fc.oneof(valueFor(type, labels, ids).map(inAddress), list);
    const comparison = fc.tuple(operator, value).map((pair) => pair.join("."));
    return fc.tuple(fc.constant(name), comparison);
  });
  const order = field.map(({ name }) => `${name}.desc`);
  const part = fc.oneof(
    { weight: 6, arbitrary: condition },
    { weight: 1, arbitrary: fc.tuple(fc.constant("select"), selection) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("order"), fc.oneof(order, nonsense)) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom("limit", "offset"), limit) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom("or", "and", "on_conflict", "x"), nonsense) },
  );
  const parts = fc.array(part, { minLength: 1, maxLength: 3 });
  return parts.map((pairs) => new URLSearchParams(pairs).toString());
}

const operator = fc.oneof(
  fc.constantFrom("eq", "neq", "gt", "lte", "in", "is", "not.eq", "isdistinct"),
  fc.constantFrom(
    ...["like", "ilike", "match", "imatch", "fts", "wfts", "cs", "cd", "ov", "sl", "adj"],
    ...["not.in", "eq(any)", "like(all)", "nonsense", ""],
  ),
);
const list = fc.constantFrom("(1,2)", "(", "()", '("a)', "{1,2}", "{", "[1,2)", "null", "(null)");
const selection = fc.constantFrom(
  ...["*", "id", "id,id", "nonsense", "id::text", "id::nonsense", "count()", "id.sum()", "(", ""],
  ...["*,profiles(*)", "host:profiles(name)", "...profiles(name)", "a->b->>c"],
  ...["*,property_images(*)", "properties!inner(id)", "properties!nonsense(id)"],
);
const limit = fc.constantFrom("0", "-1", "1", "1.5", "99999999999999999999", "nonsense", "");
const nonsense = fc.oneof(
  anything.map(inAddress),
  fc.constantFrom("(id.eq.1)", "(id.eq.1,", "(and(id.is.null))", "((((", "id.nonsense", "id"),
);
const prefer = fc.constantFrom(
  ...["", "return=representation", "return=minimal", "count=exact", "count=nonsense"],
  ...["resolution=merge-duplicates,return=representation", "missing=default"],
  ...["handling=strict,nonsense", "max-affected=1,handling=strict", "tx=rollback"],
);
