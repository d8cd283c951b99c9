import fc from "fast-check";
import { database } from "../api/actors.ts";
import { type Call, callers } from "./calls.ts";
import { contentOf, type Field } from "./values.ts";

/** Calls of every function of the database that the API shows. */
export async function databaseFunctions(ids: string[]): Promise<fc.Arbitrary<Call>[]> {
  const functions = await readFunctions();
  return functions.map(({ name, fields }) =>
    fc
      .tuple(fc.constantFrom(...callers), contentOf(fields, ids))
      .map(([by, content]) => ({ by, method: "POST", path: `/rest/v1/rpc/${name}`, ...content })),
  );
}

async function readFunctions(): Promise<{ name: string; fields: Field[] }[]> {
  return await database`
    select p.proname as name, coalesce((
      select json_agg(json_build_object(
        'name', p.proargnames[n],
        'type', format_type(type, null),
        'labels', array(select enumlabel from pg_enum where enumtypid = type)
      ))
      from unnest(p.proargtypes) with ordinality as argument (type, n)
    ), '[]') as fields
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
      and p.prorettype <> 'trigger'::regtype
    order by 1`;
}
