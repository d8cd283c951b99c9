-- What the catalog says: who may do what with each column, function and schema, and that everything
-- has its index, its comment and its row-level security. A privilege that nobody wrote down here fails.
begin;
set local search_path = public, extensions;
select no_plan();

-- Columns that nobody may write, by name, and those that one may.
select bag_eq(
  $$ select a.grantee::text || ' ' || a.privilege_type || 's ' || a.table_name || '.' || a.column_name
     from information_schema.column_privileges a
     where a.table_schema = 'public' and a.privilege_type in ('INSERT', 'UPDATE')
       and a.grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC') $$,
  $$ values
    ('authenticated UPDATEs profiles.name'), ('authenticated UPDATEs profiles.avatar_path'),
    ('authenticated INSERTs properties.host_id'), ('authenticated INSERTs properties.title'),
    ('authenticated INSERTs properties.description'), ('authenticated INSERTs properties.category'),
    ('authenticated INSERTs properties.country_code'), ('authenticated INSERTs properties.city'),
    ('authenticated INSERTs properties.price_per_night'), ('authenticated INSERTs properties.currency'),
    ('authenticated INSERTs properties.bedrooms'), ('authenticated INSERTs properties.bathrooms'),
    ('authenticated INSERTs properties.guests'), ('authenticated INSERTs properties.status'),
    ('authenticated UPDATEs properties.title'), ('authenticated UPDATEs properties.description'),
    ('authenticated UPDATEs properties.category'), ('authenticated UPDATEs properties.country_code'),
    ('authenticated UPDATEs properties.city'), ('authenticated UPDATEs properties.price_per_night'),
    ('authenticated UPDATEs properties.currency'), ('authenticated UPDATEs properties.bedrooms'),
    ('authenticated UPDATEs properties.bathrooms'), ('authenticated UPDATEs properties.guests'),
    ('authenticated UPDATEs properties.status'),
    ('authenticated INSERTs property_images.property_id'), ('authenticated INSERTs property_images.path'),
    ('authenticated INSERTs property_images.alt_text'), ('authenticated INSERTs property_images.position'),
    ('authenticated UPDATEs property_images.alt_text'), ('authenticated UPDATEs property_images.position'),
    ('authenticated INSERTs property_blocks.property_id'), ('authenticated INSERTs property_blocks.check_in'),
    ('authenticated INSERTs property_blocks.check_out'), ('authenticated INSERTs property_blocks.note'),
    ('authenticated UPDATEs property_blocks.check_in'), ('authenticated UPDATEs property_blocks.check_out'),
    ('authenticated UPDATEs property_blocks.note'),
    ('authenticated INSERTs favorites.user_id'), ('authenticated INSERTs favorites.property_id'),
    ('authenticated INSERTs inquiries.user_id'), ('authenticated INSERTs inquiries.subject'),
    ('authenticated INSERTs inquiries.message'), ('authenticated INSERTs inquiries.severity'),
    ('authenticated INSERTs inquiries.reservation_id'), ('authenticated UPDATEs inquiries.status'),
    ('authenticated UPDATEs inquiries.severity'), ('authenticated UPDATEs inquiries.assigned_to'),
    ('authenticated INSERTs inquiry_messages.inquiry_id'), ('authenticated INSERTs inquiry_messages.author_id'),
    ('authenticated INSERTs inquiry_messages.author_role'), ('authenticated INSERTs inquiry_messages.body'),
    ('authenticated INSERTs inquiry_messages.internal') $$,
  'no column can be written but these'
);

-- The private schema.
select ok(not has_schema_privilege(r, 'private', 'usage'), r || ' may not enter private')
from unnest(array['anon', 'authenticated']) r;

select is_empty(
  $$ select c.relname, r from pg_class c, unnest(array['anon', 'authenticated', 'service_role']) r
     where c.relnamespace = 'private'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
       and has_table_privilege(r, c.oid, 'select, insert, update, delete, truncate, references, trigger') $$,
  'no API role has a privilege on any private table'
);

select is_empty(
  $$ select c.relname from pg_class c
     where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
       and not c.relrowsecurity $$,
  'row-level security is on for every table'
);

select bag_eq(
  $$ select r || ': ' || p.proname from pg_proc p, unnest(array['anon', 'authenticated']) r
     where p.pronamespace = 'private'::regnamespace and has_function_privilege(r, p.oid, 'execute') $$,
  $$ values ('anon: project_url'), ('anon: public_file_url'), ('authenticated: project_url'), ('authenticated: public_file_url'),
    ('authenticated: account_id'), ('authenticated: has_role'), ('authenticated: is_staff'),
    ('authenticated: has_room_for_file'), ('authenticated: as_one_line'), ('authenticated: is_one_line'), ('authenticated: trimmed'),
    ('authenticated: my_property_ids'), ('authenticated: holder'), ('authenticated: is_assigning'),
    ('authenticated: reaches_inquiry') $$,
  'these private functions, which policies, constraints, indexes and computed columns call, and no others are a visitor''s or a user''s'
);

select bag_eq(
  $$ select p.proname::text from pg_proc p
     where p.pronamespace = 'public'::regnamespace and has_function_privilege('anon', p.oid, 'execute') $$,
  $$ values ('avatar_url'), ('url'), ('quote_stay'), ('search_properties'), ('unavailable_ranges') $$,
  'a visitor may call these functions and no others'
);

select is_empty(
  $$ select p.oid::regprocedure from pg_proc p
     where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
       and p.prosqlbody is null
       and coalesce(array_to_string(p.proconfig, ','), '') not like '%search_path=""%' $$,
  'every function has an empty search_path or a body that is resolved already'
);

select is_empty(
  $$ select p.oid::regprocedure from pg_proc p
     where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and obj_description(p.oid) is null
 $$,
  'every function says what it does'
);

select is_empty(
  $$ select c.oid::regclass from pg_class c
     where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
       and obj_description(c.oid) is null $$,
  'every table says what it holds'
);

select is_empty(
  $$ select t.oid::regtype from pg_type t left join pg_class c on c.oid = t.typrelid
     where t.typnamespace in ('public'::regnamespace, 'private'::regnamespace)
       and (t.typtype = 'e' or c.relkind = 'c') and obj_description(t.oid) is null $$,
  'every type says what it stands for'
);

-- A foreign key without an index makes a delete read the whole table.
select is_empty(
  $$ select k.conrelid::regclass, k.conname from pg_constraint k
     where k.contype = 'f' and k.connamespace in ('public'::regnamespace, 'private'::regnamespace)
       and not exists (
         select from pg_index i where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1]
       )
       and k.confrelid not in ('public.categories'::regclass, 'public.countries'::regclass, 'private.job_kinds'::regclass) $$,
  'every foreign key has its index (but to reference data, which is never deleted)'
);

-- What somebody adds without a word about grants.
create table public.added (id serial primary key);
create function public.added() returns integer language sql set search_path = '' as 'select 1';

select is_empty(
  $$ select r from unnest(array['anon', 'authenticated', 'service_role']) r
     where has_table_privilege(r, 'public.added', 'select, insert, update, delete, truncate, references, trigger')
       or has_sequence_privilege(r, 'public.added_id_seq', 'usage, select, update')
       or has_function_privilege(r, 'public.added()', 'execute') $$,
  'nobody may do anything with a new table, sequence or function'
);

select * from finish();
rollback;
