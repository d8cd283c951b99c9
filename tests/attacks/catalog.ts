import { database } from "../api/actors.ts";

/** What there is to attack, read from the database: what is added later is attacked as well. */

/** A column, and the values that it may have when these are few. */
export type Column = { name: string; type: string; labels: string[] | null };
export type Table = { name: string; columns: Column[] };
export type ForeignKey = { name: string; table: string; refTable: string };
type Argument = { name: string; type: string };
export type DatabaseFunction = { name: string; args: Argument[]; comment: string };

/** The columns of the primary key of each table of the API. */
export async function primaryKeys(): Promise<Record<string, string[]>> {
  const rows = await database<{ name: string; columns: string[] }[]>`
    select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)
    where k.contype = 'p' and c.relnamespace = 'public'::regnamespace
    group by c.relname`;
  return Object.fromEntries(rows.map(({ name, columns }) => [name, columns]));
}

/** The tables and views of the API, with all their columns. */
export async function tables(): Promise<Table[]> {
  return await database<Table[]>`
    select c.relname as name, json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, null),
      'labels', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = a.atttypid)
    ) order by a.attnum) as columns
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
    group by c.relname order by c.relname`;
}

/** The foreign keys between tables of the API, along which one may embed. */
export async function foreignKeys(): Promise<ForeignKey[]> {
  return await database<ForeignKey[]>`
    select k.conname as name, t.relname as table, r.relname as "refTable"
    from pg_constraint k
    join pg_class t on t.oid = k.conrelid
    join pg_class r on r.oid = k.confrelid
    where k.contype = 'f' and t.relnamespace = 'public'::regnamespace
      and r.relnamespace = 'public'::regnamespace
    order by 2, 1`;
}

/** The functions of our schemas that are not triggers'; computed columns left out. */
export async function functions(schema: "public" | "private"): Promise<DatabaseFunction[]> {
  return await database<DatabaseFunction[]>`
    select p.proname as name, coalesce(obj_description(p.oid), '') as comment,
      coalesce((
        select json_agg(json_build_object('name', p.proargnames[i], 'type', format_type(p.proargtypes[i - 1], null)) order by i)
        from generate_series(1, p.pronargs) i
      ), '[]') as args
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    left join pg_type t on t.oid = p.proargtypes[0]
    where n.nspname = ${schema} and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
      and (n.nspname = 'private' or p.pronargs <> 1 or t.typrelid = 0)
    order by p.proname`;
}
