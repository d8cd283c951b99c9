import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Actor,
  service,
  signUp,
  database as sql,
  stack,
  unwrap,
  visitor,
  waitFor,
} from "../api/actors.ts";

/** Tables of this test's own, since the Data API is tested here and not the schema. */
const schema = `
  create type public.probe_state as enum ('open', 'closed');
  create table public.probe_owners (
    id uuid primary key default auth.uid(), name text not null
  );
  create table public.probes (
    id int generated always as identity primary key,
    owner_id uuid not null default auth.uid() references public.probe_owners,
    title text not null constraint title_is_short check (char_length(title) < 20),
    state public.probe_state not null default 'open',
    details jsonb, tags text[] not null default '{}', rate numeric(6, 2), note text,
    during daterange, made_at timestamptz not null default '2026-11-23 05:00:00.123+00',
    constraint probes_do_not_overlap exclude using gist (during with &&)
  );
  -- No junction for PostgREST: its primary key is one of its own.
  create table public.probe_stays (
    id int primary key, owner_id uuid references public.probe_owners,
    probe_id int references public.probes
  );
  alter table public.probe_owners enable row level security;
  alter table public.probes enable row level security;
  alter table public.probe_stays enable row level security;
  grant select, insert, update on public.probe_owners to authenticated;
  grant select, insert, update, delete on public.probes to authenticated;
  grant select on public.probes, public.probe_owners to anon;
  create policy "All" on public.probe_owners to authenticated, anon using (true);
  create policy "Own" on public.probes to authenticated using (owner_id = auth.uid());
  create policy "Open" on public.probes for select to anon using (state = 'open');
  create function public.label(public.probes) returns text language sql stable
    set search_path = '' as $$ select 'Probe ' || ($1).title $$;
  create function public.initial(public.probe_owners) returns text language sql stable
    set search_path = '' as $$ select left(($1).name, 1) $$;
  create function public.probe_raise(code text, hint text default '', detail text default '')
    returns void language plpgsql set search_path = ''
    as $$ begin raise exception 'It is so.' using errcode = code, hint = hint, detail = detail; end $$;
  create function public.probe_caller() returns jsonb language sql stable set search_path = ''
    as $$ select jsonb_build_object('uid', auth.uid(), 'user', current_user, 'claims', auth.jwt(),
      'address', current_setting('request.headers', true)::jsonb -> 'x-forwarded-for') $$;
  create function public.probe_echo(value jsonb) returns jsonb language sql immutable
    set search_path = '' as $$ select jsonb_build_object('is', jsonb_typeof(value), 'value', value) $$;
  create function public.probe_numbers(until int) returns setof int language sql immutable
    set search_path = '' as $$ select generate_series(1, until) $$;
  grant execute on function public.probe_numbers, public.label, public.initial, public.probe_raise, public.probe_caller,
    public.probe_echo to anon, authenticated, service_role;`;
const dropped = `
  drop table if exists public.probe_stays, public.probes, public.probe_owners cascade;
  drop function if exists public.probe_raise, public.probe_caller, public.probe_echo,
    public.probe_numbers;
  drop type if exists public.probe_state;`;

// biome-ignore lint/suspicious/noExplicitAny: the tables of this test are not in the schema's types.
type Untyped = any;
let owner: Omit<Actor, "client"> & { client: Untyped };
let anon: Untyped;

beforeAll(async () => {
  await sql.unsafe(dropped + schema);
  owner = await signUp("Pia");
  anon = visitor();
  await waitFor("the new tables", async () => {
    const { error } = await owner.client.from("probe_owners").upsert({ name: "Pia" });
    return error ? undefined : true;
  });
});
afterAll(async () => {
  await sql.unsafe(dropped);
});

const add = async (row: object = {}, columns = "*") =>
  unwrap(
    await owner.client
      .from("probes")
      .insert({ title: "T", ...row })
      .select(columns)
      .single(),
  ) as Untyped;

describe("rights", () => {
  const grants = () => sql`
    select n.nspname, relname, relacl::text, null from pg_class c
      join pg_namespace n on n.oid = relnamespace where nspname in ('public', 'auth', 'private')
    union all select nspname, null, nspacl::text, null from pg_namespace
    union all select null, defaclobjtype::text, defaclacl::text, defaclnamespace::text
      from pg_default_acl order by 1, 2, 3, 4`;

  test("are those of the migrations after a hundred requests", async () => {
    const before = await grants();
    const clients = [anon, owner.client, service() as Untyped];
    const asked = Array.from({ length: 100 }, (_, n) => clients[n % 3].from("probes").select("id"));
    await Promise.all(asked);
    expect(await grants()).toEqual(before);
  });

  test("a request's role and claims end with it", async () => {
    const callers = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const { data } = await (n % 2 ? anon : owner.client).rpc("probe_caller");
        return [n % 2 ? "anon" : "authenticated", n % 2 ? null : owner.id, data] as const;
      }),
    );
    for (const [role, uid, data] of callers) {
      expect(data).toMatchObject({ user: role, uid, claims: { role } });
      expect("email" in data.claims).toBe(role !== "anon");
    }
  });

  test("the address is the caller's, whatever it says", async () => {
    const headers = { apikey: stack.publishableKey, "x-forwarded-for": "6.6.6.6" };
    const answer = await fetch(`${stack.api}/rest/v1/rpc/probe_caller`, { headers });
    expect((await answer.json()).address).toBe("127.0.0.1");
  });
});

describe("errors", () => {
  test.each([
    ["P0001", 400],
    ["22023", 400],
    ["23502", 400],
    ["23503", 409],
    ["23505", 409],
    ["23514", 400],
    ["23P01", 400],
    ["40001", 500],
    ["53300", 503],
    ["55P03", 500],
    ["57014", 500],
    ["P0002", 500],
    ["PT404", 404],
    ["PT409", 409],
    ["PT429", 429],
  ])("%s is answered with %i, with hint and details", async (code, status) => {
    const asked = { code, hint: "dates_unavailable", detail: "More." };
    const answer = await anon.rpc("probe_raise", asked);
    expect(answer.status).toBe(status);
    expect(answer.error).toMatchObject({
      ...{ code, message: "It is so.", hint: "dates_unavailable", details: "More." },
    });
  });

  test("a database that is going down is a 503 with a sentence", async () => {
    const answer = await anon.rpc("probe_raise", { code: "57P01" });
    expect(answer.status).toBe(503);
    expect(answer.error).toMatchObject({ message: "The database is down: ask again soon." });
  });

  test("42501 is 401 for anon and 403 for users", async () => {
    expect((await anon.from("probe_stays").select()).status).toBe(401);
    const refused = await owner.client.from("probe_stays").select();
    expect(refused).toMatchObject({ status: 403, error: { code: "42501" } });
  });

  test("what is not there is 404, and what is no value is 400", async () => {
    const probes = owner.client.from("probes");
    expect(await anon.from("nothing").select()).toMatchObject({
      ...{ status: 404, error: { code: "PGRST205" } },
    });
    expect(await anon.rpc("nothing")).toMatchObject({ status: 404, error: { code: "PGRST202" } });
    expect(await probes.select("nothing")).toMatchObject({ status: 400, error: { code: "42703" } });
    expect(await probes.insert({ title: "T", state: "odd" })).toMatchObject({
      ...{ status: 400, error: { code: "22P02" } },
    });
    expect(await probes.insert({ title: "T".repeat(20) })).toMatchObject({
      ...{ status: 400, error: { code: "23514" } },
    });
  });

  test("a change without a filter is refused", async () => {
    const refused = { status: 400, error: { code: "21000" } };
    expect(await owner.client.from("probes").update({ note: "all" })).toMatchObject(refused);
    expect(await owner.client.from("probes").delete()).toMatchObject(refused);
  });

  test("what is answered with an error has not happened", async () => {
    const note = crypto.randomUUID();
    await Promise.all([add({ note }), add({ note })]);
    const both = owner.client.from("probes").update({ title: "Both" }).eq("note", note);
    expect(await both.select().single()).toMatchObject({ status: 406 });
    const rows = unwrap(await owner.client.from("probes").select("title").eq("note", note));
    expect(rows).toEqual([{ title: "T" }, { title: "T" }]);
  });
});

describe("values", () => {
  test("come back as they went in", async () => {
    const row = { details: { deep: [1, { a: null }] }, tags: ["a,b", 'c"d'], rate: 10.5 };
    const added = await add(row);
    expect(added).toMatchObject({ ...row, made_at: "2026-11-23T05:00:00.123+00:00" });
    expect(added).toMatchObject({ state: "open", owner_id: owner.id });
  });

  test.each([{ a: 1 }, [1, "2"], 5, null])("JSON stays what it is: %j", async (value) => {
    const is = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
    const { details } = await add({ details: value });
    expect(details).toEqual(value);
    if (value !== null) {
      expect(unwrap(await anon.rpc("probe_echo", { value }))).toEqual({ is, value });
    }
  });

  test("of several rows each has the columns of all", async () => {
    const rows = [{ title: "One", note: "n" }, { title: "Two" }];
    const added = unwrap(await owner.client.from("probes").insert(rows).select("title, note"));
    expect(added).toEqual([
      { title: "One", note: "n" },
      { title: "Two", note: null },
    ]);
  });
});

describe("what a row lacks that others have", () => {
  const rows = [{ title: "One", state: "closed" }, { title: "Two" }];

  test("is null, and refused where nothing may be null", async () => {
    const refused = await owner.client.from("probes").insert(rows).select();
    expect(refused).toMatchObject({ status: 400, error: { code: "23502" } });
  });

  test("is the default where that is preferred, and answered as it is stored", async () => {
    const note = crypto.randomUUID();
    const noted = [...rows, { title: "Three", state: null }].map((row) => ({ ...row, note }));
    const insert = (some: object[]) =>
      owner.client.from("probes").insert(some, { defaultToNull: false }).select("title, state");
    const states = [
      { title: "One", state: "closed" },
      { title: "Two", state: "open" },
    ];
    expect(unwrap(await insert(noted.slice(0, 2)))).toEqual(states);
    const stored = owner.client.from("probes").select("title, state").eq("note", note).order("id");
    expect(unwrap(await stored)).toEqual(states);
    expect(await insert(noted)).toMatchObject({ status: 400, error: { code: "23502" } });
  });

  test("is so of rows that are there already, too", async () => {
    const { id } = await add({ note: "old" });
    const { id: other } = await add({ note: "old" });
    const changed = [
      { id, title: "One", note: "new" },
      { id: other, title: "Two" },
    ];
    const upserted = owner.client.from("probes").upsert(changed, { defaultToNull: false });
    // The key of such a table is always made.
    expect((await upserted.select()).error?.code).toBe("428C9");
    const names = [{ id: owner.id, name: "Pia" }, { id: owner.id }];
    const refused = await owner.client.from("probe_owners").upsert(names).select();
    expect(refused.error?.code).toBe("23502");
  });
});

describe("counts", () => {
  test("come without rows from functions with arguments, too", async () => {
    const options = { head: true, count: "exact" } as const;
    const { data, count, status } = await anon.rpc("probe_numbers", { until: 7 }, options);
    expect({ data, count, status }).toEqual({ data: null, count: 7, status: 200 });
    const init = { method: "HEAD", headers: { apikey: stack.publishableKey } };
    for (const [call, expected] of [
      ["probe_numbers?until=7&offset=2&limit=3", 200],
      ["probe_numbers?unknown=7", 404],
    ] as const) {
      const answer = await fetch(`${stack.api}/rest/v1/rpc/${call}`, init);
      expect([answer.status, await answer.text()]).toEqual([expected, ""]);
      if (answer.ok) expect(answer.headers.get("content-range")).toBe("2-4/*");
    }
  });

  test("are exact where they are estimated of few rows", async () => {
    const note = crypto.randomUUID();
    await Promise.all([add({ note }), add({ note }), add({ note })]);
    const estimate = (options: object) =>
      owner.client.from("probes").select("id", options).eq("note", note);
    expect((await estimate({ count: "estimated" })).count).toBe(3);
    expect((await estimate({ count: "estimated", head: true })).count).toBe(3);
  });
});

test("what cannot be embedded is missed in the schema of the API", async () => {
  const { error } = await anon.from("probes").select("id, categories(slug)");
  expect(error).toMatchObject({ code: "PGRST200" });
  expect(error.details).toContain("in the schema 'public', but no matches were found");
});

describe("computed columns", () => {
  test("are read, filtered, sorted by and embedded", async () => {
    const note = crypto.randomUUID();
    const { id } = await add({ note, title: "B" });
    await add({ note, title: "A" });
    const read = (columns: string) => anon.from("probes").select(columns).eq("note", note);
    expect(unwrap(await read("id, label").eq("label", "Probe B"))).toEqual([
      { id, label: "Probe B" },
    ]);
    expect(unwrap(await read("label").order("label"))).toEqual([
      { label: "Probe A" },
      { label: "Probe B" },
    ]);
    expect(unwrap(await read("l:label").eq("id", id))).toEqual([{ l: "Probe B" }]);
    const embedded = await read("owner:probe_owners(name, initial)").eq("id", id);
    expect(unwrap(embedded)).toEqual([{ owner: { name: "Pia", initial: "P" } }]);
  });

  test("are answered by changes, too", async () => {
    const { id, label } = await add({ title: "New" }, "id, label");
    expect(label).toBe("Probe New");
    const change = (columns: string) =>
      owner.client.from("probes").update({ title: "Old" }).eq("id", id).select(columns).single();
    expect(unwrap(await change("label"))).toEqual({ label: "Probe Old" });
    expect(unwrap(await change("label, owner:probe_owners(initial)"))).toEqual({
      ...{ label: "Probe Old", owner: { initial: "P" } },
    });
  });
});

describe("changes", () => {
  test("answer with the rows that they have changed, also when those fit the filter no more", async () => {
    const { id } = await add();
    const closed = owner.client.from("probes").update({ state: "closed" }).eq("id", id);
    const answer = await closed.eq("state", "open").select("state, owner:probe_owners(name)");
    expect(unwrap(answer)).toEqual([{ state: "closed", owner: { name: "Pia" } }]);
  });

  test("answer with one row as an object, or not at all", async () => {
    const note = crypto.randomUUID();
    const columns = "note, owner:probe_owners(name)";
    const row = { note, owner: { name: "Pia" } };
    expect(await add({ note }, columns)).toEqual(row);
    await add({ note });
    const gone = (of: string) =>
      owner.client.from("probes").delete().eq("note", of).select(columns);
    const refused = { status: 406, error: { code: "PGRST116" } };
    expect(await gone("none").single()).toMatchObject(refused);
    expect(await gone("none").maybeSingle()).toMatchObject({ data: null, error: null });
    expect(await gone(note).single()).toMatchObject(refused);
    expect(unwrap(await gone(note))).toEqual([row, row]);
  });

  test("honour how many rows they may touch", async () => {
    const note = crypto.randomUUID();
    await Promise.all([add({ note }), add({ note })]);
    const both = owner.client.from("probes").update({ title: "Both" }).eq("note", note);
    expect((await both.maxAffected(1)).error?.code).toBe("PGRST124");
  });
});

test("a column that has just been added can be read", async () => {
  await sql.unsafe("alter table public.probes add column fresh text default 'yes'");
  const row = await waitFor("the new column", async () => {
    const { data } = await anon.from("probes").select("fresh").limit(1);
    return data ?? undefined;
  });
  expect(row).toEqual([{ fresh: "yes" }]);
});
