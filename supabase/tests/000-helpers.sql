-- Actors for the tests that follow: who is asking, and people to ask as. Lives in the tested database alone.

set client_min_messages = error;
create extension if not exists pgtap with schema extensions;
-- The first migration takes execute on new functions away from everyone; whoever is asking has to compare.
grant execute on all functions in schema extensions to public;


drop schema if exists tests cascade;
create schema tests;
grant usage on schema tests to public;

create function tests.create_user(name text, role public.user_role default 'user')
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
  new_id uuid := gen_random_uuid();
begin
  insert into auth.users (id, aud, role, email, raw_user_meta_data, raw_app_meta_data, created_at, updated_at)
  values (
    new_id, 'authenticated', 'authenticated', new_id || '@tests.test',
    jsonb_build_object('name', name), '{"provider": "email"}', now(), now()
  );
  update public.user_roles r set role = create_user.role where r.user_id = new_id;
  return new_id;
end;
$$;
comment on function tests.create_user is 'Somebody who has signed up, and their role.';

create function tests.create_property(host_id uuid, title text default 'A test home', price integer default 10000)
returns uuid
language sql
security definer
set search_path = ''
as $$
  insert into public.properties (host_id, title, category, country_code, city, price_per_night, guests)
  values (host_id, title, 'house', 'IE', 'Cork', price, 4)
  returning id
$$;
comment on function tests.create_property is 'A listed home for four.';

create function tests.act_as(role text, claims jsonb)
returns void
language sql
set search_path = ''
as $$
  select set_config('request.jwt.claims', claims::text, true),
    set_config('request.jwt.claim.sub', coalesce(claims ->> 'sub', ''), true),
    set_config('request.jwt.claim.role', role, true),
    set_config('role', role, true)
$$;

create function tests.as_user(user_id uuid)
returns void
language sql
set search_path = ''
as $$ select tests.act_as('authenticated', jsonb_build_object('sub', user_id, 'role', 'authenticated')) $$;
comment on function tests.as_user is 'From here on this user is asking.';

create function tests.as_visitor()
returns void
language sql
set search_path = ''
as $$ select tests.act_as('anon', '{"role": "anon"}') $$;
comment on function tests.as_visitor is 'From here on somebody is asking who has not signed in.';

create function tests.as_service()
returns void
language sql
set search_path = ''
as $$ select tests.act_as('service_role', '{"role": "service_role"}') $$;
comment on function tests.as_service is 'From here on a holder of the secret key is asking.';

create function tests.as_operator()
returns void
language sql
set search_path = ''
as $$ select tests.act_as('postgres', '{}') $$;
comment on function tests.as_operator is 'From here on the owner of the tables is asking, as in the SQL editor.';

create function tests.refuses(statement text, status integer, code text, description text)
returns text
language plpgsql
set search_path = public, extensions
as $$
declare
  got_state text;
  got_code text;
  got_message text;
begin
  begin
    execute statement;
    return ok(false, description || ' (it was accepted)');
  exception when others then
    get stacked diagnostics got_state = returned_sqlstate, got_code = pg_exception_hint, got_message = message_text;
  end;
  return is(
    got_state || ' ' || coalesce(nullif(got_code, ''), got_message),
    case status when 403 then '42501' else 'PT' || status end || ' ' || code,
    description
  );
end;
$$;
comment on function tests.refuses is 'The statement is refused with this HTTP status and this code (403: the code is the hint or the message).';

grant execute on all functions in schema tests to public;

begin;
select extensions.plan(1);
select extensions.has_function('tests', 'create_user', array['text', 'user_role'], 'the actors are ready');
select * from extensions.finish();
rollback;
