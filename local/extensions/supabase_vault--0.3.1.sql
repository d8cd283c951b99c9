-- What migrations use of supabase_vault 0.3.1. Hosted, secrets are encrypted with a key that the
-- database does not hold. Here they are only encoded, so that nobody mistakes the column for them.

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text unique,
  description text not null default '',
  secret text not null,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);

create view vault.decrypted_secrets as
select *, convert_from(decode(secret, 'base64'), 'UTF8') as decrypted_secret from vault.secrets;

create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default ''
) returns uuid language sql set search_path = '' as $$
  insert into vault.secrets (secret, name, description)
  values (encode(convert_to(new_secret, 'UTF8'), 'base64'), new_name, new_description)
  returning id
$$;

create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null,
  new_description text default null
) returns void language sql set search_path = '' as $$
  update vault.secrets set
    secret = coalesce(encode(convert_to(new_secret, 'UTF8'), 'base64'), secret),
    name = coalesce(new_name, name),
    description = coalesce(new_description, description),
    updated_at = now()
  where id = secret_id
$$;

grant usage on schema vault to postgres, service_role;
grant all on all tables in schema vault to postgres, service_role;
