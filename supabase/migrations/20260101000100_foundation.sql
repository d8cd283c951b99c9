-- Foundation: who may enter what, and the few helpers that every module uses.
--
-- `public` is the API and holds nothing else. Everything that no client has any business with
-- (helpers, the queue, Stripe's ids, the audit log) lives in `private`, which is not exposed and
-- which no API role may enter. A policy may still call a function in there when that function is
-- granted to the role by name.

create extension if not exists btree_gist with schema extensions;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists unaccent with schema extensions;
create extension if not exists pgcrypto with schema extensions;
create extension if not exists supabase_vault with schema vault;
create extension if not exists pg_net with schema extensions;
create extension if not exists pg_cron with schema pg_catalog;


-- Privileges ------------------------------------------------------------------------------------

-- Postgres lets everyone execute a new function, and Supabase grants new objects in `public` to the
-- API roles. Both are taken back before there is anything, so that every grant stands beside its
-- object. The first statement has to be global: with `in schema` it would change nothing.
alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

create schema private;
comment on schema private is
  'Helpers, queue, ledger and audit log. Not exposed by the API; no API role may enter.';
revoke all on schema private from public;
grant usage on schema private to service_role;


-- Refusals --------------------------------------------------------------------------------------

create function private.refuse(status integer, code text, message text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using
    errcode = 'PT' || refuse.status,
    message = refuse.message,
    hint = refuse.code;
end;
$$;
comment on function private.refuse is
  'Ends the transaction with a sentence for a person (message), a stable code for a program (hint) and '
  'the HTTP status that the Data API answers with (PostgREST reads it from SQLSTATE PTxyz).';

create function private.forbid(message text default 'You are not allowed to do this.')
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise insufficient_privilege using message = forbid.message, hint = 'forbidden';
end;
$$;
comment on function private.forbid is 'Refuses with 42501, which the Data API answers with HTTP 403.';


-- Small helpers ---------------------------------------------------------------------------------

create function private.today()
returns date
language sql stable
set search_path = ''
as $$ select (now() at time zone 'utc')::date $$;
comment on function private.today is 'The current date in UTC, by which nights are counted everywhere.';

create function private.as_one_line(raw text)
returns text
language sql immutable
-- C0 and C1 controls, line and paragraph separators, and the marks that turn text around
return regexp_replace(raw, '[\u0001-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]', '', 'g');
comment on function private.as_one_line is 'A text without what would break a line, a header or the direction of the text around it.';

create function private.is_one_line(raw text)
returns boolean
language sql immutable
return raw = private.as_one_line(raw);
comment on function private.is_one_line is 'Whether a text may stand in a line, such as a subject or a name: constraints ask.';
grant execute on function private.as_one_line, private.is_one_line to authenticated, service_role;

create function private.check_page_size(page_size integer)
returns void
language plpgsql immutable
set search_path = ''
as $$
begin
  if page_size is null or page_size not between 1 and 100 then
    perform private.refuse(400, 'invalid_page_size', 'A page has 1 to 100 rows.');
  end if;
end;
$$;
comment on function private.check_page_size is 'Refuses with 400 a page of fewer than 1 or more than 100 rows.';

create function private.is_seeding()
returns boolean
language sql stable
return coalesce(current_setting('djanobnb.seeding', true), '') = 'on';
comment on function private.is_seeding is
  'True while demo data is loaded (`set djanobnb.seeding = ''on''`): then nothing is queued or mailed.';

create function private.touch_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end;
$$;
comment on function private.touch_updated_at is 'Before update: keeps updated_at.';

create function private.project_url()
returns text
language plpgsql stable -- which keeps its plan: every search asks
security definer -- the Vault is closed to the API roles; this gives away the public address alone
set search_path = ''
as $$
begin
  return (select rtrim(decrypted_secret, '/') from vault.decrypted_secrets where name = 'project_url');
end;
$$;
comment on function private.project_url is
  'The address of this project (Vault secret `project_url`), e.g. https://abc.supabase.co.';
grant execute on function private.project_url to anon, authenticated, service_role;

create function private.public_file_url(bucket text, path text)
returns text
language sql stable
security definer -- calls private.project_url for whoever reads a file's address
set search_path = ''
as $$
  select private.project_url() || '/storage/v1/object/public/' || bucket || '/' || path
  where path is not null
$$;
comment on function private.public_file_url is 'The public address of a file in a public bucket, or null.';
grant execute on function private.public_file_url to anon, authenticated, service_role;


-- Audit log -------------------------------------------------------------------------------------

create table private.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor_id uuid,
  action text not null,
  subject text not null,
  subject_id uuid not null,
  details jsonb not null default '{}'
);
comment on table private.audit_log is 'Who did what to what, and when. Only ever added to.';
comment on column private.audit_log.actor_id is 'The signed-in user, or null for a job, a webhook or an operator.';
comment on column private.audit_log.action is 'A verb in the past tense, e.g. reservation.cancelled.';
create index audit_log_by_subject on private.audit_log (subject_id, at);
create index audit_log_by_actor on private.audit_log (actor_id, at) where actor_id is not null;
alter table private.audit_log enable row level security;

create function private.keep_audit_log()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The audit log is only ever added to.' using errcode = 'insufficient_privilege';
end;
$$;
comment on function private.keep_audit_log is 'Before update, delete or truncate: refuses.';

create trigger keep_audit_log
  before update or delete on private.audit_log
  for each statement execute function private.keep_audit_log();

create trigger keep_whole_audit_log
  before truncate on private.audit_log
  for each statement execute function private.keep_audit_log();

create function private.audit(action text, subject text, subject_id uuid, details jsonb default '{}')
returns void
language plpgsql
security definer -- writes a table that nobody may write
set search_path = ''
as $$
begin
  insert into private.audit_log (actor_id, action, subject, subject_id, details)
  values ((select auth.uid()), action, subject, subject_id, details);
end;
$$;
comment on function private.audit is 'Adds a line to the audit log with the caller as the actor.';
