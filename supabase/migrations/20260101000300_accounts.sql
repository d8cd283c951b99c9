-- Accounts: who people are to each other (profiles), what they may do (roles), and the private ids
-- under which Stripe knows them. E-mail addresses stay in auth.users, which the API does not show.

create type public.user_role as enum ('user', 'customer_service', 'admin');
comment on type public.user_role is
  'user: guests and hosts alike; customer_service: agents of the help desk; admin: also gives roles. Staff are the last two.';


-- Profiles --------------------------------------------------------------------------------------

create table public.profiles (
  id uuid primary key,
  name text not null,
  avatar_path text,
  provider_avatar_url text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint name_of_1_to_255_characters check (char_length(name) between 1 and 255),
  constraint name_without_outer_spaces check (name = btrim(name)),
  constraint name_without_control_characters check (private.is_one_line(name)),
  constraint avatar_in_own_folder check (avatar_path ~ ('^' || id || '/[^/]+$')),
  constraint provider_avatar_from_provider
    check (provider_avatar_url ~ '^https://(lh[0-9]+\.googleusercontent\.com|avatars\.githubusercontent\.com)/')
);
comment on table public.profiles is
  'What everyone may know of a person. Outlives the account (without its name) where a booking or an invoice needs it.';
comment on column public.profiles.id is 'The id in auth.users, for as long as the account exists.';
comment on column public.profiles.name is '1 to 255 characters in any script; Anon- and 8 hex digits when none was given.';
comment on column public.profiles.avatar_path is 'A file in the bucket avatars, <user id>/<file>.';
comment on column public.profiles.provider_avatar_url is 'The picture at Google or GitHub with which the account was opened.';

create trigger touch_updated_at
  before update on public.profiles
  for each row execute function private.touch_updated_at();

alter table public.profiles enable row level security;
grant select on public.profiles to anon, authenticated, service_role;
grant update (name, avatar_path) on public.profiles to authenticated;

create policy "Everyone reads profiles"
  on public.profiles for select to anon, authenticated
  using (true);

create function private.trimmed(raw text)
returns text
language sql immutable
-- Spaces of all scripts, and what has no width: joiners, marks of direction, fillers, the byte order mark. A variation
-- selector belongs to what stands before it, so only at the beginning is it nothing.
return regexp_replace(regexp_replace(raw,
  '^[\s\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]+', ''),
  '[\s\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufeff\uffa0]+$', '');
comment on function private.trimmed is
  'A text without what is not seen at its ends: spaces of all scripts, and what has no width. Constraints ask whether anything is left.';
grant execute on function private.trimmed to authenticated, service_role;

create function private.trim_name()
returns trigger
language plpgsql
security definer -- whoever writes a name cannot call helpers in private
set search_path = ''
as $$
begin
  new.name := private.trimmed(new.name);
  return new;
end;
$$;
comment on function private.trim_name is 'Before insert or update: takes spaces off the ends of a name.';

create trigger trim_name
  before insert or update of name on public.profiles
  for each row execute function private.trim_name();

create function public.avatar_url(profile public.profiles)
returns text
language sql stable
-- Parsed when it is made: whoever reads the column need not enter private.
return coalesce(private.public_file_url('avatars', profile.avatar_path), profile.provider_avatar_url);
comment on function public.avatar_url is 'Computed column: the public address of the avatar, or null.';
grant execute on function public.avatar_url to anon, authenticated, service_role;


-- Roles -----------------------------------------------------------------------------------------

create table public.user_roles (
  user_id uuid primary key references public.profiles (id) on delete cascade,
  role public.user_role not null default 'user',
  updated_at timestamptz not null default now()
);
comment on table public.user_roles is
  'What a person may do, looked up at each request: a role given or taken works at once.';
create index user_roles_of_staff on public.user_roles (role, user_id) where role <> 'user';

create trigger touch_updated_at
  before update on public.user_roles
  for each row execute function private.touch_updated_at();

alter table public.user_roles enable row level security;
grant select on public.user_roles to authenticated, service_role;

create function private.has_role(variadic roles public.user_role[])
returns boolean
language sql stable
security definer -- is asked by policies of this very table
set search_path = ''
as $$
  select exists (
    select from public.user_roles r
    where r.user_id = (select auth.uid()) and r.role = any (roles)
  )
$$;
comment on function private.has_role is
  'Whether the caller has one of the roles now. In a policy: (select private.has_role(''admin'')).';
grant execute on function private.has_role to authenticated, service_role;

create function private.is_staff()
returns boolean
language sql stable
return private.has_role('customer_service', 'admin');
comment on function private.is_staff is 'Whether the caller is an agent or an admin now. In a policy: (select private.is_staff()).';
grant execute on function private.is_staff to authenticated;

create policy "People read their own role and staff all"
  on public.user_roles for select to authenticated
  using (user_id = (select auth.uid()) or (select private.is_staff()));

create function private.account_id()
returns uuid
language sql stable
security definer -- is asked by policies
set search_path = ''
as $$ select r.user_id from public.user_roles r where r.user_id = (select auth.uid()) $$;
comment on function private.account_id is
  'The caller''s id while the account exists, else null: a token outlives its account for up to an hour, and a profile with bookings for good.';
grant execute on function private.account_id to authenticated, service_role;

create policy "People change their own profile"
  on public.profiles for update to authenticated
  using (id = (select private.account_id()))
  with check (id = (select private.account_id()));

create function private.require_role(variadic roles public.user_role[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  if not private.has_role(variadic roles) then
    perform private.forbid();
  end if;
end;
$$;
comment on function private.require_role is 'Refuses with 403 a caller who has none of the roles.';

create function private.require_user()
returns uuid
language plpgsql stable
set search_path = ''
as $$
declare
  caller uuid := private.account_id();
begin
  if caller is null then
    perform private.refuse(
      401, 'not_signed_in',
      case when auth.uid() is null then 'Please sign in first.' else 'This account no longer exists.' end
    );
  end if;
  return caller;
end;
$$;
comment on function private.require_user is 'The caller''s id; refuses with 401 when nobody is signed in, or with a token that outlived its account.';

create function private.admin_addresses()
returns setof text
language sql stable
security definer -- addresses are in auth.users
set search_path = ''
as $$
  select u.email
  from public.user_roles r
  join auth.users u on u.id = r.user_id
  where r.role = 'admin' and u.email is not null
  order by u.email
$$;
comment on function private.admin_addresses is 'Where mails to the admins go when ADMIN_EMAIL is unset.';
grant execute on function private.admin_addresses to service_role;


-- Stripe customers ------------------------------------------------------------------------------

create table private.stripe_customers (
  user_id uuid primary key references public.profiles (id) on delete cascade,
  customer_id text not null,
  created_at timestamptz not null default now(),
  constraint customer_is_one_persons unique (customer_id)
);
comment on table private.stripe_customers is 'Under which id Stripe knows a person.';
alter table private.stripe_customers enable row level security;

insert into private.job_kinds (kind, priority, max_running, description) values
  ('create_stripe_customer', 50, 4, 'Makes the Stripe customer of a new user.');

create function private.stripe_customer_of(user_id uuid)
returns table (email text, name text, customer_id text)
language sql stable
security definer -- the worker learns an address only to hand it to Stripe
set search_path = ''
as $$
  select u.email, p.name, c.customer_id
  from public.profiles p
  join auth.users u on u.id = p.id
  left join private.stripe_customers c on c.user_id = p.id
  where p.id = stripe_customer_of.user_id
$$;
comment on function private.stripe_customer_of is 'What Stripe is told of a user, and the customer id when there is one.';
grant execute on function private.stripe_customer_of to service_role;

create function private.record_stripe_customer(user_id uuid, customer_id text)
returns void
language sql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
  insert into private.stripe_customers (user_id, customer_id)
  values (user_id, customer_id)
  on conflict do nothing
$$;
comment on function private.record_stripe_customer is 'Keeps the id of a user''s Stripe customer.';
grant execute on function private.record_stripe_customer to service_role;


-- Sign-up and farewell --------------------------------------------------------------------------

create function private.clean_name(given jsonb, field text)
returns text
language sql immutable
set search_path = ''
as $$
  select nullif(private.trimmed(left(private.trimmed(
    private.as_one_line(given ->> field)
  ), 255)), '')
  where jsonb_typeof(given -> field) = 'string'
$$;
comment on function private.clean_name is
  'A name as it may stand in a profile, since a sign-up never fails for its name; null when nothing of it is left.';

create function private.default_name(user_id uuid)
returns text
language sql immutable
set search_path = ''
as $$ select 'Anon-' || left(replace(user_id::text, '-', ''), 8) $$;
comment on function private.default_name is 'What somebody is called who has given no name.';

create function private.open_account()
returns trigger
language plpgsql
security definer -- runs as the auth service, which owns none of these tables
set search_path = ''
as $$
declare
  given jsonb := coalesce(new.raw_user_meta_data, '{}');
  picture text := coalesce(given ->> 'avatar_url', given ->> 'picture');
begin
  insert into public.profiles (id, name, provider_avatar_url)
  values (
    new.id,
    coalesce(
      private.clean_name(given, 'name'),
      private.clean_name(given, 'full_name'),
      private.clean_name(given, 'user_name'), -- at GitHub, where a name may be left empty
      private.default_name(new.id)
    ),
    -- Anyone can send metadata at sign-up; the provider's name is set by the auth service alone.
    case
      when new.raw_app_meta_data ->> 'provider' in ('google', 'github')
        and picture ~ '^https://(lh[0-9]+\.googleusercontent\.com|avatars\.githubusercontent\.com)/'
      then picture
    end
  );
  insert into public.user_roles (user_id) values (new.id);
  perform private.enqueue('create_stripe_customer', jsonb_build_object('user_id', new.id), 'stripe_customer:' || new.id);
  return new;
end;
$$;
comment on function private.open_account is 'After a sign-up: profile, role and Stripe customer.';

create trigger open_account
  after insert on auth.users
  for each row execute function private.open_account();

create function private.close_account()
returns trigger
language plpgsql
security definer -- runs as the auth service, which owns none of these tables
set search_path = ''
as $$
begin
  delete from public.user_roles where user_id = old.id;
  -- All that is in their folder, chosen as the avatar or not.
  perform private.remove_file(o.bucket_id, o.name)
  from storage.objects o
  where o.bucket_id = 'avatars' and o.name like old.id || '/%';
  begin
    delete from public.profiles where id = old.id;
  exception when foreign_key_violation then
    -- A booking or an invoice names this person: the row stays, the name goes.
    update public.profiles
    set name = private.default_name(old.id), avatar_path = null, provider_avatar_url = null
    where id = old.id;
  end;
  perform private.audit('account.deleted', 'profiles', old.id);
  return old;
end;
$$;
comment on function private.close_account is
  'After an account was deleted: the profile goes too, or loses its name where bookings need it.';

create trigger close_account
  after delete on auth.users
  for each row execute function private.close_account();

-- Auth can leave the row and forget whose it was (deleteUser(id, true)): the account is closed all the same.
create trigger close_account_softly
  after update of deleted_at on auth.users
  for each row when (old.deleted_at is null and new.deleted_at is not null)
  execute function private.close_account();


-- Functions -------------------------------------------------------------------------------------

create type public.account as (
  id uuid,
  email text,
  name text,
  avatar_url text,
  role public.user_role,
  created_at timestamptz
);
comment on type public.account is 'The signed-in user as they see themselves.';

create function public.me()
returns public.account
language plpgsql stable
security definer -- the address is in auth.users
set search_path = ''
as $$
declare
  caller uuid := private.require_user();
  found_account public.account;
begin
  select p.id, u.email::text, p.name, public.avatar_url(p), r.role, p.created_at
  into found_account
  from public.profiles p
  join auth.users u on u.id = p.id
  join public.user_roles r on r.user_id = p.id
  where p.id = caller;
  return found_account;
end;
$$;
comment on function public.me is 'The signed-in user: id, email, name, avatar_url, role, created_at.';
grant execute on function public.me to authenticated;

create function public.set_user_role(user_id uuid, role public.user_role)
returns void
language plpgsql
security definer -- nobody may write user_roles directly
set search_path = ''
as $$
declare
  before public.user_role;
begin
  perform private.require_role('admin');
  -- One change of roles at a time: two admins who demote each other leave one, so it is asked again.
  lock table public.user_roles in share row exclusive mode;
  perform private.require_role('admin');

  select r.role into before from public.user_roles r where r.user_id = set_user_role.user_id;
  if not found then
    perform private.refuse(404, 'not_found', 'There is no such user.');
  end if;
  if set_user_role.role is null then
    perform private.refuse(400, 'invalid_role', 'Please name a role: user, customer_service or admin.');
  end if;
  if before = 'admin' and set_user_role.role <> 'admin' and not exists (
    select from public.user_roles r where r.role = 'admin' and r.user_id <> set_user_role.user_id
  ) then
    perform private.refuse(409, 'last_admin', 'This is the last admin. Make somebody else an admin first.');
  end if;

  update public.user_roles r set role = set_user_role.role
  where r.user_id = set_user_role.user_id and r.role <> set_user_role.role;
end;
$$;
comment on function public.set_user_role is
  'Admins only. Gives a user a role, from their next request on. 409 last_admin, 404 not_found.';
grant execute on function public.set_user_role to authenticated;

create function private.audit_role()
returns trigger
language plpgsql
security definer -- also runs for an operator's statement in the SQL editor
set search_path = ''
as $$
begin
  perform private.audit(
    'role.changed', 'profiles', coalesce(new.user_id, old.user_id),
    jsonb_build_object('from', coalesce(old.role, 'user'), 'to', coalesce(new.role, 'user'))
  );
  return null;
end;
$$;
comment on function private.audit_role is 'After a change of role: a line in the audit log.';

create trigger audit_role
  after update of role on public.user_roles
  for each row when (old.role is distinct from new.role)
  execute function private.audit_role();

create trigger audit_given_role
  after insert on public.user_roles
  for each row when (new.role <> 'user')
  execute function private.audit_role();

create trigger audit_lost_role
  after delete on public.user_roles
  for each row when (old.role <> 'user')
  execute function private.audit_role();

create function public.search_users(query text default '', page_size integer default 20)
returns table (id uuid, email text, name text, role public.user_role, created_at timestamptz)
language plpgsql stable
security definer -- addresses are in auth.users
set search_path = ''
as $$
declare
  -- What is typed is looked for as it is: % and _ are no wildcards here.
  pattern text := '%' || regexp_replace(left(coalesce(query, ''), 255), '([\\%_])', '\\\1', 'g') || '%';
begin
  perform private.require_role('admin');
  perform private.check_page_size(page_size);

  return query
  select p.id, u.email::text, p.name, r.role, p.created_at
  from public.profiles p
  join auth.users u on u.id = p.id
  join public.user_roles r on r.user_id = p.id
  where u.email ilike pattern or p.name ilike pattern
  order by p.created_at desc, p.id
  limit page_size;
end;
$$;
comment on function public.search_users is 'Admins only. Users whose name or address contains the query, newest first; pages of 1 to 100.';
grant execute on function public.search_users to authenticated;


-- Avatars ---------------------------------------------------------------------------------------

-- The bucket is in config.toml. Public to read by address; these policies are for writing.

create policy "People list their own avatars"
  on storage.objects for select to authenticated
  using (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text);

create policy "People upload avatars to their own folder"
  on storage.objects for insert to authenticated
  with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select private.account_id())::text);

create policy "People replace their own avatars"
  on storage.objects for update to authenticated
  using (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select private.account_id())::text)
  with check (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select private.account_id())::text);

create policy "People delete their own avatars"
  on storage.objects for delete to authenticated
  using (bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text);

create function private.remove_old_avatar()
returns trigger
language plpgsql
security definer -- queues
set search_path = ''
as $$
begin
  perform private.remove_file('avatars', old.avatar_path);
  return null;
end;
$$;
comment on function private.remove_old_avatar is 'After a change of avatar: the old file goes, in the background.';

create trigger remove_old_avatar
  after update of avatar_path on public.profiles
  for each row when (old.avatar_path is not null and old.avatar_path is distinct from new.avatar_path)
  execute function private.remove_old_avatar();

create trigger remove_last_avatar
  after delete on public.profiles
  for each row when (old.avatar_path is not null)
  execute function private.remove_old_avatar();
