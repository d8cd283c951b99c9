-- What the tables of Auth and Storage lack when they have just been made, and the notice to the
-- API when the schema changes. Run by the superuser `supabase_admin`.

-- Claims come one by one or as one object, depending on the server that hands them in.
create function auth._claim(name text) returns text
language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.' || name, true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> name
  )
$$;
create or replace function auth.uid() returns uuid
language sql stable as $$ select auth._claim('sub')::uuid $$;
create or replace function auth.role() returns text
language sql stable as $$ select auth._claim('role') $$;
create or replace function auth.email() returns text
language sql stable as $$ select auth._claim('email') $$;
create or replace function auth.jwt() returns jsonb
language sql stable as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;

alter table storage.buckets
  add avif_autodetection boolean default false,
  add type text not null default 'STANDARD';
create index idx_objects_bucket_id_name on storage.objects (bucket_id, name collate "C");

create function storage.update_updated_at_column() returns trigger
language plpgsql as $$
begin
  new.updated_at = now();
  return new;
end $$;
create trigger update_objects_updated_at before update on storage.objects
for each row execute function storage.update_updated_at_column();

-- A row deleted by SQL would leave its file behind: Storage alone deletes, and says so.
create function storage.protect_delete() returns trigger
language plpgsql as $$
begin
  if coalesce(current_setting('storage.allow_delete_query', true), 'false') <> 'true' then
    raise exception 'Direct deletion from storage tables is not allowed. Use the Storage API instead.'
      using errcode = '42501';
  end if;
  return null;
end $$;
create trigger protect_objects_delete before delete on storage.objects
for each statement execute function storage.protect_delete();
create trigger protect_buckets_delete before delete on storage.buckets
for each statement execute function storage.protect_delete();

-- The API keeps what it knows of the schema until it hears of a change.
create function extensions.pgrst_ddl_watch() returns event_trigger
language plpgsql set search_path = '' as $$ begin notify pgrst, 'reload schema'; end $$;
create event trigger pgrst_ddl_watch on ddl_command_end
execute function extensions.pgrst_ddl_watch();
create event trigger pgrst_drop_watch on sql_drop
execute function extensions.pgrst_ddl_watch();
