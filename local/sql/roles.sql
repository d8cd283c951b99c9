-- What a hosted project brings along before its first migration: roles, schemas and the privileges
-- that new objects get by default. Run by the superuser `supabase_admin`.

create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
-- Hosted, `authenticator` has to become one of the roles above before it can do anything. The
-- server of the local API does not always do so: here it inherits from them and bypasses policies.
create role authenticator login inherit bypassrls;
create role supabase_auth_admin login noinherit;
create role supabase_storage_admin login noinherit createrole;
create role postgres login createdb createrole replication bypassrls;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
grant pg_create_subscription to postgres;
-- Hosted, an extension lets `postgres` write policies for the tables of Storage.
grant supabase_storage_admin to postgres;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_storage_admin set search_path = storage;

alter database postgres owner to postgres;
grant create on database postgres to supabase_auth_admin, supabase_storage_admin;
grant usage on schema public to postgres, anon, authenticated, service_role;
alter default privileges for role postgres, supabase_admin in schema public
  grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres, supabase_admin in schema public
  grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres, supabase_admin in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;

create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema extensions to postgres;
create extension "uuid-ossp" with schema extensions;
create extension pgcrypto with schema extensions;

create schema vault;
create extension supabase_vault with schema vault;

create schema auth;
grant all on schema auth to supabase_auth_admin, postgres;
grant usage on schema auth to anon, authenticated, service_role, authenticator;
alter default privileges for role supabase_auth_admin in schema auth
  grant all on tables to postgres;
-- Auth is part of the local API's server.
alter default privileges for role supabase_auth_admin in schema auth
  grant select, insert, update, delete on tables to authenticator;

create schema storage;
grant all on schema storage to supabase_storage_admin, postgres with grant option;
grant usage on schema storage to anon, authenticated, service_role;
alter default privileges for role supabase_storage_admin in schema storage
  grant all on tables to postgres with grant option;
alter default privileges for role supabase_storage_admin in schema storage
  grant all on tables to anon, authenticated, service_role;
