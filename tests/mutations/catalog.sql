-- Every rule that the catalog knows, each with the statement that takes it away, and the function that
-- a test has to run to notice, where there is one. What is inside of functions is left to mutants.ts.
with
  tables as (
    select c.oid, n.nspname, c.relname, c.relrowsecurity, format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname in ('public', 'private')
  ),
  policies as (
    select format('%I.%I', schemaname, tablename) as table_name, policyname, qual, with_check
    from pg_policies where schemaname in ('public', 'private', 'storage')
  ),
  functions as (
    select p.oid, p.oid::regprocedure::text as name, n.nspname
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('public', 'private')
  ),
  api_roles as (select unnest(array['anon', 'authenticated', 'service_role']) as role)

select 'policies dropped' as class, table_name || ': ' || policyname as name, table_name as about,
  format('drop policy %I on %s', policyname, table_name) as sql, null as inside
from policies

union all
select 'policies opened', table_name || ': ' || policyname || ' (using)', table_name,
  format('alter policy %I on %s using (true)', policyname, table_name), null
from policies where qual <> 'true'

union all
select 'policies opened', table_name || ': ' || policyname || ' (with check)', table_name,
  format('alter policy %I on %s with check (true)', policyname, table_name), null
from policies where with_check <> 'true'

union all
select 'row-level security off', name, name, format('alter table %s disable row level security', name), null
from tables where relrowsecurity

union all
select 'tables granted', name || ' to ' || role, name, format('grant all on %s to %I', name, role), null
from tables, api_roles
where exists (
  select from unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as privilege
  where not has_table_privilege(role, oid, privilege)
)

union all
-- The secret key's role enters `private` and calls what the worker needs; the API shows it none of it.
select 'functions granted', name || ' to ' || role, name, format('grant execute on function %s to %I', name, role), null
from functions, api_roles
where role <> 'service_role' and not has_function_privilege(role, oid, 'execute')

union all
select 'schemas granted', 'private to ' || role, 'private', format('grant usage on schema private to %I', role), null
from api_roles where not has_schema_privilege(role, 'private', 'usage')

union all
select 'defaults granted', kind || ' in public to ' || role, 'public',
  format('alter default privileges for role postgres in schema public grant all on %s to %I', kind, role), null
from api_roles, unnest(array['tables', 'sequences', 'functions']) as kind

union all
select 'defaults granted', 'functions to public', 'public',
  'alter default privileges for role postgres grant execute on functions to public', null

union all
select 'constraints: ' || case k.contype when 'c' then 'check' when 'f' then 'foreign key' when 'u' then 'unique' else 'exclusion' end,
  t.name || ': ' || k.conname, t.name, format('alter table %s drop constraint %I cascade', t.name, k.conname), null
from pg_constraint k join tables t on t.oid = k.conrelid
where k.contype in ('c', 'f', 'u', 'x')

union all
select 'constraints: unique', t.name || ': ' || i.indexrelid::regclass::text, t.name, format('drop index %s', i.indexrelid::regclass), null
from pg_index i join tables t on t.oid = i.indrelid
where i.indisunique and not exists (select from pg_constraint k where k.conindid = i.indexrelid)

union all
select 'triggers', t.tgrelid::regclass || ': ' || t.tgname, t.tgrelid::regclass || ' ' || t.tgfoid::regproc,
  format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass), t.tgfoid::regproc::text
from pg_trigger t join functions f on f.oid = t.tgfoid
where not t.tgisinternal

order by 1, 2;
