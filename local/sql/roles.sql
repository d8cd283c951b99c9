-- What a hosted project brings along before its first migration: the roles, the schemas
-- `extensions`, `auth` and `vault`, and the privileges by default. Run by the superuser
-- `supabase_admin`, before the tables of Auth are made.

create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
-- Hosted, `authenticator` has to switch to one of the roles above before it can do anything. The
-- server of the local API does not always switch, so that here it inherits and bypasses.
create role authenticator login inherit bypassrls;
create role supabase_auth_admin login noinherit;
create role supabase_storage_admin login noinherit createrole;
create role dashboard_user nologin createdb createrole replication;
create role supabase_read_only_user login bypassrls;
create role postgres login createdb createrole replication bypassrls;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
grant pg_create_subscription to postgres;
grant pg_read_all_data to supabase_read_only_user;
grant authenticator to supabase_storage_admin;
-- Hosted, an extension lets `postgres` write policies for tables of Storage.
grant supabase_storage_admin to postgres;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_admin set search_path = "$user", public, auth, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_storage_admin set search_path = storage;

alter database postgres owner to postgres;
grant create on database postgres to supabase_auth_admin, supabase_storage_admin;
grant usage on schema public to postgres, anon, authenticated, service_role;

do $$
declare
  maker text;
  kind text;
begin
  foreach maker in array array['postgres', 'supabase_admin'] loop
    foreach kind in array array['tables', 'functions', 'sequences'] loop
      execute format(
        'alter default privileges for role %I in schema public grant all on %s
           to postgres, anon, authenticated, service_role', maker, kind);
    end loop;
  end loop;
end $$;

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;

create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema extensions to postgres, dashboard_user;
create extension "uuid-ossp" with schema extensions;
create extension pgcrypto with schema extensions;

create schema vault;
create extension supabase_vault with schema vault;

create schema auth;
grant all on schema auth to supabase_auth_admin, postgres, dashboard_user;
grant usage on schema auth to anon, authenticated, service_role, authenticator;
alter default privileges for role supabase_auth_admin in schema auth
  grant all on tables to postgres, dashboard_user;
-- The server of the local API keeps Auth's tables.
alter default privileges for role supabase_auth_admin in schema auth
  grant select, insert, update, delete on tables to authenticator;
