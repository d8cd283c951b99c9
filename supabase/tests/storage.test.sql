-- Who may do what with whose files, by the policies on storage.objects: one expected answer for every
-- folder, actor and operation, tried for real.
begin;
set local search_path = public, extensions;
set local storage.allow_delete_query = 'true'; -- hosted projects refuse deletes that pass the Storage API by
select no_plan();

create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil, tests.create_user('Olga') as olga,
  tests.create_user('Cleo', 'customer_service') as agent, tests.create_user('Ada', 'admin') as admin;
grant select on cast_of to public;
create temp table props on commit drop as
select tests.create_property(ana, 'Ana''s cottage') as home, tests.create_property(olga, 'Olga''s barn') as barn from cast_of;
grant select on props to public;

-- A folder, with a file that is there already.
create temp table folders (what text primary key, bucket text, folder text) on commit drop;
grant select on folders to public;
insert into folders
select 'Gil''s avatars', 'avatars', gil::text from cast_of union all
select 'Ana''s images', 'property-images', ana || '/' || home from cast_of, props union all
select 'Ana''s folder with Olga''s home', 'property-images', ana || '/' || barn from cast_of, props union all
select 'Ana''s folder without a home', 'property-images', ana::text from cast_of union all
select 'a folder below Ana''s home', 'property-images', ana || '/' || home || '/deeper' from cast_of, props union all
select 'Olga''s folder with Ana''s home', 'property-images', olga || '/' || home from cast_of, props union all
select 'Gil''s invoices', 'invoices', gil::text from cast_of union all
select 'reports', 'reports', '2026' union all
select 'Gil''s folder elsewhere', 'nowhere', gil::text from cast_of;
insert into storage.buckets (id, name)
select bucket, bucket from folders on conflict do nothing;
insert into storage.objects (bucket_id, name) select bucket, folder || '/old.webp' from folders;

create function pg_temp.attempt(statement text) returns text language plpgsql as $$
declare
  affected integer;
begin
  begin
    execute statement;
    get diagnostics affected = row_count;
    raise exception using errcode = 'ZZ001'; -- undo it
  exception
    when sqlstate 'ZZ001' then return case when affected > 0 then 'yes' else 'none' end;
    when insufficient_privilege then return 'no';
  end;
end $$;

create function pg_temp.answers(actor text, f folders) returns text language plpgsql as $$
declare
  old_file text := format('bucket_id = %L and name = %L', f.bucket, f.folder || '/old.webp');
  result text;
  who uuid;
begin
  execute format('select %I from cast_of', coalesce(nullif(actor, 'visitor'), 'ana')) into who;
  perform case when actor = 'visitor' then tests.as_visitor() else tests.as_user(who) end;
  result := concat_ws(' ',
    pg_temp.attempt(format('select from storage.objects where %s', old_file)),
    pg_temp.attempt(format('insert into storage.objects (bucket_id, name) values (%L, %L)', f.bucket, f.folder || '/new.webp')),
    pg_temp.attempt(format('update storage.objects set metadata = ''{}'' where %s', old_file)),
    pg_temp.attempt(format('delete from storage.objects where %s', old_file))
  );
  perform tests.as_operator();
  return result;
end $$;
grant execute on all functions in schema pg_temp to public;

-- yes: it is done; none: no row came back or was touched; no: refused. In this order: select insert update delete.
create temp table expected (what text, actor text, answer text) on commit drop;
insert into expected values
  ('Gil''s avatars', 'gil', 'yes yes yes yes'),
  ('Ana''s images', 'ana', 'yes yes yes yes'),
  ('Ana''s folder with Olga''s home', 'ana', 'yes no no yes'),
  ('Ana''s folder without a home', 'ana', 'yes no no yes'),
  ('a folder below Ana''s home', 'ana', 'yes no no yes'),
  ('Olga''s folder with Ana''s home', 'olga', 'yes no no yes'),
  ('Gil''s invoices', 'gil', 'yes no none none'),
  ('Gil''s invoices', 'agent', 'yes no none none'),
  ('Gil''s invoices', 'admin', 'yes no none none'),
  ('reports', 'admin', 'yes no none none');

select is(
  pg_temp.answers(a.actor, f),
  coalesce(e.answer, 'none no none none'),
  format('%s and %s (select insert update delete)', a.actor, f.what)
)
from folders f
cross join unnest(array['visitor', 'ana', 'gil', 'olga', 'agent', 'admin']) a (actor)
left join expected e on e.what = f.what and e.actor = a.actor;

-- From a folder of one's own into one that is not.
select tests.as_user(gil) from cast_of;
select throws_ok(
  format('update storage.objects set name = %L where bucket_id = ''avatars'' and name = %L', ana || '/new.webp', gil || '/old.webp'),
  '42501', null, 'a file cannot be moved to somebody else''s avatars'
) from cast_of;
select tests.as_user(ana) from cast_of;
select throws_ok(
  format('update storage.objects set name = %L where bucket_id = ''property-images'' and name = %L',
    ana || '/' || barn || '/new.webp', ana || '/' || home || '/old.webp'),
  '42501', null, 'nor to the images of somebody else''s home'
) from cast_of, props;

select * from finish();
rollback;
