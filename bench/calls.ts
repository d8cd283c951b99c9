import type postgres from "postgres";

/** The named arguments of `search_properties`. */
export type Call = Record<string, string | number | boolean>;

/** A row of its answer, as far as the bench looks at it. */
export type Home = { id: string; page_cursor: string };

/** Who calls: the role and the claims that the Data API sets for each request. */
export type Caller = { role: "anon" | "authenticated" | "postgres"; sub?: string };

/** Searches as the Data API does: a transaction, who is asking, one statement that answers in JSON. */
export async function search(sql: postgres.Sql, { role, sub }: Caller, call: Call) {
  const claims = JSON.stringify(sub ? { role, sub } : { role });
  const names = Object.keys(call).map((name, index) => `"${name}" := $${index + 1}`);
  const answer = await sql.begin("read only", async (transaction) => {
    await transaction`
      select set_config('search_path', 'public, extensions', true), set_config('role', ${role}, true),
        set_config('request.jwt.claims', ${claims}, true), set_config('request.method', 'POST', true),
        set_config('request.path', '/rpc/search_properties', true), set_config('request.headers', '{}', true)`;
    return await transaction.unsafe<{ body: Home[] }[]>(
      `with source as (select * from public.search_properties(${names}))
      select count(*) as page_total, coalesce(json_agg(home), '[]') as body
      from (select * from source) home`,
      Object.values(call),
      { prepare: true },
    );
  });
  return answer[0]!.body;
}

/** The large tables that a search reads from end to end: the names, which should be none. */
export async function tablesReadWhole(sql: postgres.Sql, notices: string[], call: Call) {
  const large = await sql<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and reltuples >= 10000`;
  const names = new Set(large.map(({ name }) => name));
  await sql.unsafe(`
    load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on;
    set auto_explain.log_format = json;
    set auto_explain.log_level = notice;
    set client_min_messages = notice`);
  notices.length = 0;
  await search(sql, { role: "anon" }, call);
  if (!notices.some((notice) => notice.includes("listings_"))) {
    throw new Error("auto_explain has not shown the plan of a search.");
  }
  const scans = notices
    .join("\n")
    .matchAll(/"Node Type": "Seq Scan",(?:.|\n)*?"Relation Name": "(\w+)"/g);
  return [...scans].map(([, name]) => name!).filter((name) => names.has(name));
}
