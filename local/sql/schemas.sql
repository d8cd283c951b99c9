-- What the schemas of Auth and Storage lack when they have just been made, and the notice to the
-- API when the schema changes. Run by the superuser `supabase_admin`.

grant usage on schema auth, storage to anon, authenticated, service_role, authenticator;
grant all on schema auth, storage to postgres;
grant all on all tables in schema auth, storage to postgres;
grant select, insert, update, delete on all tables in schema auth to authenticator;
grant all on all tables in schema storage to anon, authenticated, service_role;

-- Claims come as one object, as PostgREST hands them in.
create or replace function auth.jwt() returns jsonb
language sql stable as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
create or replace function auth.uid() returns uuid
language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
create or replace function auth.role() returns text
language sql stable as $$ select auth.jwt() ->> 'role' $$;
create or replace function auth.email() returns text
language sql stable as $$ select auth.jwt() ->> 'email' $$;

-- A row deleted by SQL would leave its file behind: Storage alone deletes, and says so.
create function storage.protect_delete() returns trigger
language plpgsql as $$
begin
  raise insufficient_privilege using message =
    'Direct deletion from storage tables is not allowed. Use the Storage API instead.';
end $$;
create trigger protect_objects_delete before delete on storage.objects for each statement
when (current_setting('storage.allow_delete_query', true) is distinct from 'true')
execute function storage.protect_delete();

-- The API keeps what it knows of the schema until it hears of a change.
create function extensions.pgrst_ddl_watch() returns event_trigger
language plpgsql set search_path = '' as $$ begin notify pgrst, 'reload schema'; end $$;
create event trigger pgrst_ddl_watch on ddl_command_end
execute function extensions.pgrst_ddl_watch();
