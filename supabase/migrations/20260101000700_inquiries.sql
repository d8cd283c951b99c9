-- Inquiries: what customers ask, who answers, by when, and what became of it.
--
-- Clients write with plain insert and update. Policies say which rows a caller reaches; triggers,
-- which see the row locked and as it is now, say which step may be taken and do what follows from it.
-- On one's own inquiry one is its author and nothing else, whatever one's role.

create type public.inquiry_severity as enum ('normal', 'high', 'urgent');
comment on type public.inquiry_severity is 'How soon an answer is due: in 72, 24 or 4 hours.';
create type public.inquiry_status as enum ('active', 'pending', 'resolved');
comment on type public.inquiry_status is 'active: nobody works on it yet; pending: somebody does; resolved: until its author writes again.';
create type public.inquiry_change as enum ('author', 'status', 'severity', 'assigned_to', 'overdue', 'rating');
comment on type public.inquiry_change is 'What an entry of the history tells of. author: a visitor has an account now; overdue: nobody had answered by due_at.';

create table private.inquiry_settings (
  is_only_row boolean primary key default true,
  auto_assign boolean not null default false,
  address_salt text not null default encode(extensions.gen_random_bytes(32), 'hex'),
  constraint one_row check (is_only_row)
);
comment on table private.inquiry_settings is
  'How the desk works; one row, changed by an operator: update private.inquiry_settings set auto_assign = true.';
comment on column private.inquiry_settings.auto_assign is 'Gives each new inquiry to the agent with the fewest open ones.';
comment on column private.inquiry_settings.address_salt is 'Goes into the hashes of visitors'' IP addresses, which are kept nowhere themselves.';
alter table private.inquiry_settings enable row level security;
insert into private.inquiry_settings default values;

create function private.answer_within(severity public.inquiry_severity)
returns interval
language sql immutable
set search_path = ''
as $$
  select case severity
    when 'urgent' then interval '4 hours'
    when 'high' then interval '24 hours'
    when 'normal' then interval '72 hours'
  end
$$;
comment on function private.answer_within is 'How long a customer waits at most for an answer.';

create function private.holder(assigned_to uuid)
returns uuid
language sql immutable parallel safe
return coalesce(assigned_to, '00000000-0000-0000-0000-000000000000');
comment on function private.holder is 'The agent who has an inquiry, or the nil id for what nobody has, so that one index finds both.';
-- The index on it is kept up by whoever changes an inquiry.
grant execute on function private.holder to authenticated, service_role;


-- Inquiries -------------------------------------------------------------------------------------

create table public.inquiries (
  id uuid primary key default gen_random_uuid(),
  user_id uuid default auth.uid() references public.profiles (id),
  visitor_name text,
  subject text not null,
  message text not null,
  severity public.inquiry_severity not null default 'normal',
  status public.inquiry_status not null default 'active',
  assigned_to uuid references public.profiles (id),
  reservation_id uuid references public.reservations (id),
  due_at timestamptz,
  assigned_at timestamptz,
  left_queue_at timestamptz,
  first_response_at timestamptz,
  resolved_at timestamptz,
  rating smallint,
  rating_comment text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint by_a_user_or_a_visitor check (num_nonnulls(user_id, visitor_name) = 1),
  constraint visitor_name_of_1_to_255_characters
    check (private.trimmed(visitor_name) <> '' and char_length(visitor_name) <= 255),
  constraint visitor_name_without_control_characters check (private.is_one_line(visitor_name)),
  constraint subject_of_1_to_255_characters check (private.trimmed(subject) <> '' and char_length(subject) <= 255),
  constraint subject_without_control_characters check (private.is_one_line(subject)),
  constraint message_of_1_to_10000_characters
    check (message ~ '[^ \t\r\n]' and char_length(message) <= 10000),
  constraint nobody_answers_themselves check (assigned_to <> user_id),
  constraint assigned_has_a_time check ((assigned_to is null) = (assigned_at is null)),
  constraint only_what_is_assigned_left_the_queue check (assigned_to is not null or left_queue_at is null),
  constraint resolved_has_a_time check ((status = 'resolved') = (resolved_at is not null)),
  constraint nothing_resolved_is_due check (status <> 'resolved' or due_at is null),
  constraint rating_from_1_to_5 check (rating between 1 and 5),
  constraint comment_up_to_1000_characters check (char_length(rating_comment) <= 1000),
  constraint comment_with_its_rating check (rating is not null or rating_comment is null)
);
comment on table public.inquiries is
  'What customers ask. The author reads the own ones, an agent those assigned to them and those that nobody has, an admin all.';
comment on column public.inquiries.user_id is 'The author; null for a visitor without an account.';
comment on column public.inquiries.visitor_name is 'What a visitor without an account is called.';
comment on column public.inquiries.status is
  'active: waits to be taken up; pending: somebody is at it, or the customer has been answered; resolved.';
comment on column public.inquiries.assigned_to is 'The agent who has it; null for one that is in the queue.';
comment on column public.inquiries.due_at is
  'When the customer should have an answer. Null while nothing is owed: the customer has the last word to say, or it is resolved.';
comment on column public.inquiries.assigned_at is 'Since when the agent has it.';
comment on column public.inquiries.left_queue_at is 'When it was taken out of the queue, for whoever tries to take it a moment later.';
comment on column public.inquiries.first_response_at is 'When staff first wrote to the customer.';
comment on column public.inquiries.rating is 'The author''s: 1 (poor) to 5 (very good), given once.';
create index inquiries_newest on public.inquiries (created_at desc, id desc);
create index inquiries_of_user on public.inquiries (user_id, created_at desc);
create index inquiries_of_agent on public.inquiries (assigned_to, created_at desc) where assigned_to is not null;
create index inquiries_of_reservation on public.inquiries (reservation_id) where reservation_id is not null;
create index inquiries_resolved on public.inquiries (resolved_at) where resolved_at is not null;
-- The queue, whole and of one holder: by severity, what is due first and then what is with the customer.
create index inquiries_open on public.inquiries
  (severity, coalesce(due_at, 'infinity'), created_at, id) where status <> 'resolved';
create index inquiries_open_of_holder on public.inquiries
  (private.holder(assigned_to), severity, coalesce(due_at, 'infinity'), created_at, id)
  include (assigned_to) -- so that counting what somebody has needs no row
  where status <> 'resolved';

create trigger touch_updated_at
  before update on public.inquiries
  for each row execute function private.touch_updated_at();

create function private.is_assigning()
returns boolean
language sql stable
set search_path = ''
as $$ select coalesce(current_setting('djanobnb.assigning', true), '') = 'on' $$;
comment on function private.is_assigning is 'True within a statement that updates assigned_to.';
grant execute on function private.is_assigning to authenticated, service_role;

create function private.mark_assigning()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform set_config('djanobnb.assigning', case tg_when when 'BEFORE' then 'on' else 'off' end, true);
  return null;
end;
$$;
comment on function private.mark_assigning is 'Before and after a statement that updates assigned_to: what private.is_assigning() says.';

create trigger begin_assigning
  before update of assigned_to on public.inquiries
  for each statement execute function private.mark_assigning();

create trigger end_assigning
  after update of assigned_to on public.inquiries
  for each statement execute function private.mark_assigning();

create function private.reaches_inquiry(user_id uuid, assigned_to uuid, left_queue_at timestamptz)
returns boolean
language sql stable
security definer -- asks who has which role
set search_path = ''
as $$
  select user_id = (select private.account_id())
    or private.has_role('admin')
    or private.has_role('customer_service') and (
      assigned_to is null
      or assigned_to = (select auth.uid())
      or private.is_assigning() and left_queue_at > now() - interval '5 minutes'
    )
$$;
comment on function private.reaches_inquiry is 'The rule of reading, for the one row that somebody tries to change.';
grant execute on function private.reaches_inquiry to authenticated, service_role;

alter table public.inquiries enable row level security;
grant select on public.inquiries to authenticated, service_role;
grant insert (user_id, subject, message, severity, reservation_id) on public.inquiries to authenticated;
grant update (status, severity, assigned_to) on public.inquiries to authenticated;

-- Two agents take the same inquiry: the second one is told who was faster rather than that nothing
-- is there. So in a statement that assigns an agent reaches what everybody could read in the queue
-- five minutes ago, and private.check_assignment() refuses.
create policy "Authors read their inquiries, agents theirs and the queue"
  on public.inquiries for select to authenticated
  using (
    user_id = (select auth.uid())
    or (select private.has_role('admin'))
    or (select private.has_role('customer_service')) and (
      assigned_to is null
      or assigned_to = (select auth.uid())
      or (select private.is_assigning()) and left_queue_at > now() - interval '5 minutes'
    )
  );

create policy "Users write inquiries of their own"
  on public.inquiries for insert to authenticated
  with check (user_id = (select auth.uid()));

create policy "Authors and staff change the inquiries that they see"
  on public.inquiries for update to authenticated
  using (private.reaches_inquiry(user_id, assigned_to, left_queue_at))
  with check (private.reaches_inquiry(user_id, assigned_to, left_queue_at));


-- History ---------------------------------------------------------------------------------------

create table public.inquiry_events (
  id uuid primary key default gen_random_uuid(),
  inquiry_id uuid not null references public.inquiries (id) on delete cascade,
  change public.inquiry_change not null,
  from_value text,
  to_value text,
  actor_id uuid references public.profiles (id),
  created_at timestamptz not null default clock_timestamp()
);
comment on table public.inquiry_events is 'What changed of an inquiry, for staff. Written by triggers alone.';
comment on column public.inquiry_events.change is
  'The column that changed; author: a visitor has signed up; overdue: it was due without a first answer.';
comment on column public.inquiry_events.actor_id is 'Who did it; null for the desk itself (auto_assign, due times, an operator).';
create index inquiry_events_of_inquiry on public.inquiry_events (inquiry_id, created_at);
create index inquiry_events_by_actor on public.inquiry_events (actor_id) where actor_id is not null;

alter table public.inquiry_events enable row level security;
grant select on public.inquiry_events to authenticated, service_role;

create policy "Staff read the history of the inquiries that they see"
  on public.inquiry_events for select to authenticated
  using (
    (select private.is_staff())
    and exists (
      select from public.inquiries i
      where i.id = inquiry_id and i.user_id is distinct from (select auth.uid())
    )
  );

create function private.record_inquiry_change(
  inquiry_id uuid,
  change public.inquiry_change,
  from_value text,
  to_value text
)
returns uuid
language sql
security definer -- nobody writes the history but through here
set search_path = ''
as $$
  insert into public.inquiry_events (inquiry_id, change, from_value, to_value, actor_id)
  values (inquiry_id, change, from_value, to_value, (select auth.uid()))
  returning id
$$;
comment on function private.record_inquiry_change is 'Adds a line to an inquiry''s history with the caller as the actor.';


-- Who is who ------------------------------------------------------------------------------------

create table private.inquiry_visitors (
  inquiry_id uuid primary key references public.inquiries (id) on delete cascade,
  address text not null,
  constraint address_in_lower_case check (address = lower(address))
);
comment on table private.inquiry_visitors is
  'The confirmed addresses of those who wrote without an account, until they have one.';
create index inquiry_visitors_by_address on private.inquiry_visitors (address);
alter table private.inquiry_visitors enable row level security;

create type private.inquiry_party as enum ('author', 'agent', 'admin', 'desk');
comment on type private.inquiry_party is
  'As what somebody acts on an inquiry: its author, an agent who has or may take it, an admin, or the desk itself.';

create function private.party_to(user_id uuid, assigned_to uuid)
returns private.inquiry_party
language sql stable
security definer -- asks who has which role
set search_path = ''
as $$
  select case
    when (select auth.uid()) is null then 'desk'
    when user_id = (select auth.uid()) then 'author'
    when private.has_role('admin') then 'admin'
    when coalesce(assigned_to, (select auth.uid())) = (select auth.uid())
      and private.has_role('customer_service') then 'agent'
  end::private.inquiry_party
$$;
comment on function private.party_to is
  'As what the caller acts on an inquiry: its author, an agent who has it or may take it, an admin, or the desk itself '
  '(schedules, operators, Auth). Null for everyone to whom it is not there.';

create function private.inquiry_author(inquiry_id uuid, out name text, out address text)
language sql stable
security definer -- addresses are in auth.users
set search_path = ''
as $$
  select coalesce(p.name, i.visitor_name), coalesce(u.email, v.address)
  from public.inquiries i
  left join public.profiles p on p.id = i.user_id
  left join auth.users u on u.id = i.user_id
  left join private.inquiry_visitors v on v.inquiry_id = i.id
  where i.id = inquiry_author.inquiry_id
$$;
comment on function private.inquiry_author is 'Name and address of whoever asked; no address when the account is gone.';

create function private.least_busy_agent(except_for uuid)
returns uuid
language plpgsql
security definer -- asks who has which role
set search_path = ''
as $$
declare
  chosen uuid;
begin
  -- One after another, or a burst of inquiries would all go to the same agent.
  perform pg_advisory_xact_lock(hashtextextended('private.least_busy_agent', 0));
  select r.user_id into chosen
  from public.user_roles r
  where r.role = 'customer_service' and r.user_id is distinct from except_for
  order by
    (select count(*) from public.inquiries i where private.holder(i.assigned_to) = r.user_id and i.status <> 'resolved'),
    random()
  limit 1
  for share of r;
  return chosen;
end;
$$;
comment on function private.least_busy_agent is 'The agent with the fewest open inquiries, or null when there is none.';


-- A new inquiry --------------------------------------------------------------------------------

create function private.lock_account(user_id uuid)
returns void
language plpgsql
security definer -- locks what the caller may not
set search_path = ''
as $$
begin
  perform from public.profiles p
  where p.id = lock_account.user_id
    and exists (select from public.user_roles r where r.user_id = p.id)
  for no key update;
  if not found then
    perform private.refuse(401, 'not_signed_in', 'This account no longer exists.');
  end if;
end;
$$;
comment on function private.lock_account is
  'One at a time: so that what is counted of a user still holds when it is acted on. Refuses with 401 when the account is gone.';

create function private.open_inquiry()
returns trigger
language plpgsql
security definer -- counts, asks for reservations and agents whatever the caller may see
set search_path = ''
as $$
declare
  caller uuid := (select auth.uid());
begin
  if caller is not null then
    perform private.lock_account(caller);
    if (
      select count(*) from public.inquiries i
      where i.user_id = caller and i.created_at > now() - interval '1 hour'
    ) >= 10 then
      perform private.refuse(429, 'too_many_requests', 'You have opened ten inquiries within an hour. Please wait a while.');
    end if;
    if new.reservation_id is not null and not exists (
      select from public.reservations r
      join public.properties p on p.id = r.property_id
      where r.id = new.reservation_id and caller in (r.guest_id, p.host_id)
    ) then
      perform private.refuse(404, 'not_found', 'There is no such reservation.');
    end if;
  end if;

  if new.status = 'active' then
    new.due_at := coalesce(new.due_at, new.created_at + private.answer_within(new.severity));
  end if;
  if new.status = 'active' and new.assigned_to is null
    and (select s.auto_assign from private.inquiry_settings s) and not private.is_seeding()
  then
    new.assigned_to := private.least_busy_agent(new.user_id);
    if new.assigned_to is not null then
      new.status := 'pending';
      new.assigned_at := now();
    end if;
  end if;
  return new;
end;
$$;
comment on function private.open_inquiry is
  'Before insert: at most ten an hour, about an own reservation, due by severity, assigned when auto_assign is on. '
  '429 too_many_requests, 404 not_found.';

create trigger open_inquiry
  before insert on public.inquiries
  for each row execute function private.open_inquiry();

create function private.announce_assignment(inquiry public.inquiries, event_id uuid)
returns void
language sql
security definer -- reads addresses
set search_path = ''
as $$
  select private.send_mail(
    'inquiry_assigned', u.email, a.name,
    jsonb_build_object(
      'recipient_name', a.name, 'inquiry_id', inquiry.id, 'subject', inquiry.subject,
      'severity', inquiry.severity, 'author_name', (private.inquiry_author(inquiry.id)).name,
      'due_at', inquiry.due_at, 'message', inquiry.message
    ),
    'inquiry_assigned:' || event_id
  )
  from public.profiles a
  join auth.users u on u.id = a.id
  where a.id = inquiry.assigned_to
$$;
comment on function private.announce_assignment is 'Tells the agent of what is assigned to them now.';

create function private.announce_inquiry()
returns trigger
language plpgsql
security definer -- reads addresses
set search_path = ''
as $$
begin
  if private.is_seeding() then
    return null; -- demo data tells its history itself
  end if;
  perform private.send_mail(
    'inquiry_received', author.address, author.name,
    jsonb_build_object(
      'recipient_name', author.name, 'inquiry_id', new.id, 'subject', new.subject,
      'severity', new.severity, 'message', new.message
    ),
    'inquiry_received:' || new.id
  )
  from private.inquiry_author(new.id) author
  where author.address is not null;

  if new.assigned_to is not null then
    perform private.announce_assignment(
      new,
      private.record_inquiry_change(new.id, 'assigned_to', null, new.assigned_to::text)
    );
  end if;
  return null;
end;
$$;
comment on function private.announce_inquiry is 'After insert: a mail to the author, and to the agent who got it at once.';

create trigger announce_inquiry
  after insert on public.inquiries
  for each row execute function private.announce_inquiry();


-- Steps -----------------------------------------------------------------------------------------

-- These run in the order of their names: first what is not allowed, then what follows.

create function private.check_assignment()
returns trigger
language plpgsql
security definer -- asks who has which role, whatever the caller may see
set search_path = ''
as $$
declare
  caller uuid := (select auth.uid());
  party private.inquiry_party := private.party_to(old.user_id, old.assigned_to);
begin
  if party is null then
    perform private.refuse(409, 'already_assigned', p.name || ' has this inquiry already.')
    from public.profiles p where p.id = old.assigned_to;
  end if;
  if new.assigned_to is not distinct from old.assigned_to then
    return new;
  end if;

  -- Deeper, an agent has lost the role or the account, which may well be the author's doing.
  if party = 'author' and pg_trigger_depth() = 1 then
    perform private.forbid('Who answers your inquiry is for staff to say.');
  elsif party = 'agent' and new.assigned_to <> caller then
    perform private.forbid('Only an admin assigns inquiries to somebody else.');
  elsif new.assigned_to = old.user_id then
    perform private.refuse(400, 'own_inquiry', 'Nobody answers an inquiry of their own.');
  end if;
  if new.assigned_to is not null then
    -- Locked: somebody who loses the role at this moment waits, and then gives back this one, too.
    perform from public.user_roles r
    where r.user_id = new.assigned_to and r.role = 'customer_service'
    for share;
    if not found then
      perform private.refuse(400, 'not_an_agent', 'Inquiries are assigned to agents of the customer service.');
    end if;
  end if;
  return new;
end;
$$;
comment on function private.check_assignment is
  'Before update of assigned_to: an admin gives it to any agent, an agent takes it out of the queue or gives it back. '
  '403 forbidden; 409 already_assigned; 400 not_an_agent, own_inquiry.';

create trigger check_assignment
  before update of assigned_to on public.inquiries
  for each row execute function private.check_assignment();

create function private.check_severity()
returns trigger
language plpgsql
security definer -- asks who has which role
set search_path = ''
as $$
begin
  if new.severity <> old.severity and private.party_to(old.user_id, old.assigned_to) = 'author' then
    perform private.forbid('How urgent an inquiry is, is for staff to say once it is sent.');
  end if;
  return new;
end;
$$;
comment on function private.check_severity is 'Before update of severity: staff alone.';

create trigger check_severity
  before update of severity on public.inquiries
  for each row execute function private.check_severity();

create function private.check_status()
returns trigger
language plpgsql
security definer -- asks who has which role
set search_path = ''
as $$
begin
  if (old.status, new.status) not in (
    ('active', 'pending'), ('active', 'resolved'),
    ('pending', 'active'), ('pending', 'resolved'),
    ('resolved', 'active')
  ) then
    perform private.refuse(
      409, 'invalid_transition',
      format('This inquiry is %s and cannot become %s.', old.status, new.status)
    );
  end if;
  -- Deeper, it follows from a message that the author may well write.
  if pg_trigger_depth() = 1 and 'resolved' not in (old.status, new.status)
    and private.party_to(old.user_id, old.assigned_to) = 'author'
  then
    perform private.forbid('You may resolve your inquiry or reopen it; the rest is for staff.');
  end if;
  return new;
end;
$$;
comment on function private.check_status is
  'Before update of status: one of the five steps, of which the author may resolve and reopen. 409 invalid_transition.';

create trigger check_status
  before update of status on public.inquiries
  for each row execute function private.check_status();

create function private.settle_inquiry()
returns trigger
language plpgsql
security definer -- asks who has which role
set search_path = ''
as $$
begin
  new.due_at := new.due_at - private.answer_within(old.severity) + private.answer_within(new.severity);

  if new.status = 'resolved' and old.status <> 'resolved' then
    new.resolved_at := now();
    new.due_at := null;
  elsif new.status = 'active' and old.status <> 'active' then
    new.resolved_at := null;
    new.due_at := coalesce(new.due_at, now() + private.answer_within(new.severity));
    if old.status = 'resolved' then
      -- Long ago, by somebody who is no agent any more. Locked: who loses the role at this moment
      -- either is seen here or finds this one open.
      perform from public.user_roles r
      where r.user_id = new.assigned_to and r.role = 'customer_service'
      for share;
      if not found then
        new.assigned_to := null;
      end if;
    end if;
  end if;

  if new.assigned_to is distinct from old.assigned_to then
    new.assigned_at := case when new.assigned_to is not null then now() end;
    new.left_queue_at := case when old.assigned_to is null then now() end;
    if new.assigned_to is not null and new.status = 'active' then
      new.status := 'pending';
    elsif new.assigned_to is null and new.status = 'pending' and new.due_at is not null then
      new.status := 'active';
    end if;
  end if;
  return new;
end;
$$;
comment on function private.settle_inquiry is
  'Before update: what a step brings along. Resolved: nothing is due. Active again: due again. Assigned: pending. '
  'Back in the queue with an answer owed: active.';

create trigger settle_inquiry
  before update of status, severity, assigned_to on public.inquiries
  for each row execute function private.settle_inquiry();

create function private.record_inquiry_step()
returns trigger
language plpgsql
security definer -- writes the history and reads addresses
set search_path = ''
as $$
declare
  event_id uuid;
begin
  if new.assigned_to is distinct from old.assigned_to then
    event_id := private.record_inquiry_change(new.id, 'assigned_to', old.assigned_to::text, new.assigned_to::text);
    perform private.announce_assignment(new, event_id);
  end if;
  if new.severity <> old.severity then
    perform private.record_inquiry_change(new.id, 'severity', old.severity::text, new.severity::text);
  end if;
  if new.status <> old.status then
    perform private.record_inquiry_change(new.id, 'status', old.status::text, new.status::text);
  end if;
  return null;
end;
$$;
comment on function private.record_inquiry_step is 'After update: the history, and a mail to an agent who has it now.';

create trigger record_inquiry_step
  after update of status, severity, assigned_to on public.inquiries
  for each row execute function private.record_inquiry_step();

create function private.give_back_inquiries()
returns trigger
language plpgsql
security definer -- also runs as the auth service, which owns none of these tables
set search_path = ''
as $$
begin
  update public.inquiries set assigned_to = null
  where private.holder(assigned_to) = old.user_id and status <> 'resolved';
  return null;
end;
$$;
comment on function private.give_back_inquiries is 'After an agent lost the role or the account: open inquiries go back to the queue.';

create trigger give_back_inquiries
  after update of role on public.user_roles
  for each row when (old.role = 'customer_service' and new.role <> 'customer_service')
  execute function private.give_back_inquiries();

create trigger give_back_inquiries_of_account
  after delete on public.user_roles
  for each row when (old.role = 'customer_service')
  execute function private.give_back_inquiries();


-- Messages --------------------------------------------------------------------------------------

create table public.inquiry_messages (
  id uuid primary key default gen_random_uuid(),
  inquiry_id uuid not null references public.inquiries (id) on delete cascade,
  author_id uuid not null default auth.uid() references public.profiles (id),
  author_role public.user_role not null default 'user',
  body text not null,
  internal boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  constraint body_of_1_to_10000_characters check (body ~ '[^ \t\r\n]' and char_length(body) <= 10000),
  constraint notes_are_by_staff check (not internal or author_role <> 'user')
);
comment on table public.inquiry_messages is
  'What was said, read by whoever sees the inquiry; and notes of staff to each other, which its author never reads.';
comment on column public.inquiry_messages.author_role is 'As what they wrote: user is the author of the inquiry, whatever their role.';
comment on column public.inquiry_messages.internal is 'A note of staff. Leaves no trace that the author of the inquiry could see.';
create index inquiry_messages_of_inquiry on public.inquiry_messages (inquiry_id, created_at);
create index inquiry_messages_of_author on public.inquiry_messages (author_id, created_at);

alter table public.inquiry_messages enable row level security;
grant select on public.inquiry_messages to authenticated, service_role;
-- Author and role may be sent, as every client does; the database sets them all the same.
grant insert (inquiry_id, author_id, author_role, body, internal) on public.inquiry_messages to authenticated;

create policy "Messages are seen with their inquiry, notes by staff alone"
  on public.inquiry_messages for select to authenticated
  using (
    exists (
      select from public.inquiries i
      where i.id = inquiry_id and (not internal or i.user_id is distinct from (select auth.uid()))
    )
  );

create policy "Users write as themselves"
  on public.inquiry_messages for insert to authenticated
  with check (
    author_id = (select auth.uid())
    and exists (select from public.inquiries i where i.id = inquiry_id)
  );

create function private.sign_message()
returns trigger
language plpgsql
security definer -- locks the inquiry and counts, whatever the caller may see
set search_path = ''
as $$
declare
  caller uuid := (select auth.uid());
  inquiry public.inquiries;
  party private.inquiry_party;
begin
  select * into inquiry from public.inquiries i where i.id = new.inquiry_id for no key update;
  if caller is null then
    return new; -- an operator, who says whose words they are
  end if;

  party := private.party_to(inquiry.user_id, inquiry.assigned_to);
  if inquiry.id is null or party is null then
    perform private.refuse(404, 'not_found', 'There is no such inquiry.');
  elsif party = 'author' and new.internal then
    perform private.forbid('Notes are for staff to write.');
  elsif party = 'agent' and inquiry.assigned_to is null then
    perform private.forbid('Please take this inquiry before you write to it.');
  end if;

  perform private.lock_account(caller);
  if (
    select count(*) from public.inquiry_messages m
    where m.author_id = caller and m.created_at > now() - interval '1 hour'
  ) >= (case party when 'author' then 60 else 600 end) then
    perform private.refuse(429, 'too_many_requests', 'You have written a lot within an hour. Please wait a while.');
  end if;

  new.author_id := caller;
  new.author_role := case party when 'author' then 'user' when 'agent' then 'customer_service' when 'admin' then 'admin' end::public.user_role;
  return new;
end;
$$;
comment on function private.sign_message is
  'Before insert: says who wrote and as what. Sixty messages an hour, staff ten times as many. '
  '404 not_found, 403 forbidden, 429 too_many_requests.';

create trigger sign_message
  before insert on public.inquiry_messages
  for each row execute function private.sign_message();

create function private.follow_message()
returns trigger
language plpgsql
security definer -- nobody writes these columns but through here
set search_path = ''
as $$
begin
  if private.is_seeding() then
    return null; -- demo data says itself where an inquiry stands
  end if;
  if new.author_role = 'user' then
    update public.inquiries
    set status = 'active'
    where id = new.inquiry_id
      and (status = 'resolved' or status = 'pending' and assigned_to is null); -- nobody is at it
    update public.inquiries
    set due_at = coalesce(due_at, new.created_at + private.answer_within(severity))
    where id = new.inquiry_id;
  else
    update public.inquiries set status = 'pending' where id = new.inquiry_id and status = 'active';
    update public.inquiries
    set first_response_at = coalesce(first_response_at, new.created_at), due_at = null
    where id = new.inquiry_id;
  end if;
  perform private.queue_inquiry_mail(
    new.inquiry_id, new.id,
    case new.author_role when 'user' then 'agent' else 'author' end::private.inquiry_side
  );
  return null;
end;
$$;
comment on function private.follow_message is
  'After insert, but not of a note: the author''s reopens what was resolved and is due like a new inquiry; staff''s first one is '
  'the first response, and with each the customer has the word. Both are mailed to the other side.';

create trigger follow_message
  after insert on public.inquiry_messages
  for each row when (not new.internal)
  execute function private.follow_message();


-- Mails about messages --------------------------------------------------------------------------

insert into private.job_kinds (kind, priority, max_running, payload_fields, description) values
  ('mail_inquiry_messages', 20, 8, '{inquiry_id,audience}', 'Mails what was written to an inquiry within two minutes to the other side, as one mail.');

create type private.inquiry_side as enum ('author', 'agent');
comment on type private.inquiry_side is 'For whom a mail about new messages is: the author, or the agent.';

create table private.inquiry_mails (
  inquiry_id uuid not null references public.inquiries (id) on delete cascade,
  audience private.inquiry_side not null,
  first_message_id uuid not null,
  primary key (inquiry_id, audience)
);
comment on table private.inquiry_mails is 'Mails that wait for more messages, and the first one of each.';
alter table private.inquiry_mails enable row level security;

create function private.queue_inquiry_mail(inquiry_id uuid, message_id uuid, audience private.inquiry_side)
returns void
language plpgsql
security definer -- nobody writes the table but through here
set search_path = ''
as $$
begin
  insert into private.inquiry_mails (inquiry_id, audience, first_message_id)
  select i.id, queue_inquiry_mail.audience, message_id
  from public.inquiries i
  where i.id = queue_inquiry_mail.inquiry_id
    and (queue_inquiry_mail.audience = 'author' or i.assigned_to is not null)
  on conflict do nothing;
  if found then
    perform private.enqueue(
      'mail_inquiry_messages',
      jsonb_build_object('inquiry_id', inquiry_id, 'audience', audience),
      'inquiry_mail:' || message_id,
      now() + interval '2 minutes'
    );
  else
    -- One that has failed for good gets another chance with the next message.
    update private.jobs j
    set state = 'queued', run_at = now() + interval '2 minutes', attempts = 0, finished_at = null
    from private.inquiry_mails m
    where m.inquiry_id = queue_inquiry_mail.inquiry_id and m.audience = queue_inquiry_mail.audience
      and j.key = 'inquiry_mail:' || m.first_message_id and j.state = 'failed';
  end if;
end;
$$;
comment on function private.queue_inquiry_mail is 'A mail in two minutes, unless one waits already or nobody has the inquiry, which the caller has locked.';

create function private.mail_inquiry_messages(inquiry_id uuid, audience private.inquiry_side)
returns uuid
language plpgsql
security definer -- the worker may send the mail, not read the messages
set search_path = ''
as $$
declare
  inquiry public.inquiries;
  recipient record;
  first_id uuid;
  thread jsonb;
begin
  -- Locked as by every writer: what is written from here on waits for the next mail.
  select * into inquiry from public.inquiries i where i.id = mail_inquiry_messages.inquiry_id for no key update;
  delete from private.inquiry_mails m
  where m.inquiry_id = inquiry.id and m.audience = mail_inquiry_messages.audience
  returning m.first_message_id into first_id;
  if first_id is null then
    return null; -- this mail is written already
  end if;

  if audience = 'author' then
    select a.name, a.address into recipient from private.inquiry_author(inquiry.id) a;
  else
    select p.name, u.email::text as address into recipient
    from public.profiles p join auth.users u on u.id = p.id
    where p.id = inquiry.assigned_to;
  end if;
  if recipient.address is null then
    return null; -- nobody has it, or the account is gone
  end if;

  select jsonb_agg(to_jsonb(said) order by said.created_at desc) into thread
  from (
    select p.name as author_name, m.author_role, m.body, m.created_at
    from public.inquiry_messages m
    join public.profiles p on p.id = m.author_id
    where m.inquiry_id = inquiry.id and not m.internal
    union all
    select a.name, 'user', inquiry.message, inquiry.created_at
    from private.inquiry_author(inquiry.id) a
    order by created_at desc
    limit 10
  ) said;

  return private.send_mail(
    case audience when 'author' then 'inquiry_reply' else 'inquiry_customer_message' end,
    recipient.address, recipient.name,
    jsonb_build_object(
      'recipient_name', recipient.name, 'inquiry_id', inquiry.id, 'subject', inquiry.subject, 'messages', thread
    ),
    'inquiry_messages:' || first_id
  );
end;
$$;
comment on function private.mail_inquiry_messages is
  'Writes the mail that waits for one side of an inquiry: its last ten messages, newest first, without notes. '
  'Null when there is none or nobody to write to.';
grant execute on function private.mail_inquiry_messages to service_role;


-- Due times -------------------------------------------------------------------------------------

create function private.escalate_due_inquiries()
returns void
language plpgsql
security definer -- run by pg_cron
set search_path = ''
as $$
declare
  inquiry public.inquiries;
begin
  for inquiry in
    select * from public.inquiries i
    where i.status <> 'resolved' and i.first_response_at is null
      -- as the index of open ones has it
      and i.severity = any (enum_range(null::public.inquiry_severity)) and coalesce(i.due_at, 'infinity') <= now()
      and not exists (
        select from public.inquiry_events e where e.inquiry_id = i.id and e.change = 'overdue'
      )
    order by i.due_at
    for no key update skip locked
  loop
    perform private.record_inquiry_change(inquiry.id, 'overdue', null, inquiry.due_at::text);
    perform private.mail_admins(
      'inquiry_overdue',
      jsonb_build_object(
        'inquiry_id', inquiry.id, 'subject', inquiry.subject, 'severity', inquiry.severity,
        'author_name', (private.inquiry_author(inquiry.id)).name, 'due_at', inquiry.due_at,
        'assigned_to_name', (select p.name from public.profiles p where p.id = inquiry.assigned_to)
      ),
      'inquiry_overdue:' || inquiry.id
    );
  end loop;

  -- Whoever had it in time and kept silent gives it back; whoever took it late has an hour.
  update public.inquiries
  set assigned_to = null
  where id in (
    select i.id from public.inquiries i
    where i.status <> 'resolved'
      and i.severity = any (enum_range(null::public.inquiry_severity)) and coalesce(i.due_at, 'infinity') <= now()
      and (i.assigned_at <= i.due_at or i.assigned_at <= now() - interval '1 hour')
    for no key update skip locked
  );
end;
$$;
comment on function private.escalate_due_inquiries is
  'Tells the admins, once, of each inquiry that is due without a first answer, and puts what is due back into the queue.';


-- Rating ----------------------------------------------------------------------------------------

create function public.rate_inquiry(inquiry_id uuid, rating integer, comment text default null)
returns public.inquiries
language plpgsql
security definer -- nobody writes these columns but through here
set search_path = ''
as $$
declare
  caller uuid := private.require_user();
  inquiry public.inquiries;
begin
  select * into inquiry from public.inquiries i
  where i.id = rate_inquiry.inquiry_id and i.user_id = caller
  for no key update;
  if not found then
    perform private.refuse(404, 'not_found', 'There is no such inquiry.');
  elsif rating is null or rating not between 1 and 5 then
    perform private.refuse(400, 'invalid_rating', 'A rating is a number from 1 to 5.');
  elsif char_length(comment) > 1000 then
    perform private.refuse(400, 'invalid_comment', 'A comment has at most 1,000 characters.');
  elsif inquiry.rating is not null then
    perform private.refuse(409, 'already_rated', 'You have rated this inquiry already.');
  elsif inquiry.status <> 'resolved' then
    perform private.refuse(409, 'not_resolved', 'An inquiry is rated once it is resolved.');
  end if;

  update public.inquiries i
  set rating = rate_inquiry.rating, rating_comment = nullif(btrim(comment), '')
  where i.id = inquiry.id
  returning * into inquiry;
  perform private.record_inquiry_change(inquiry.id, 'rating', null, inquiry.rating::text);
  return inquiry;
end;
$$;
comment on function public.rate_inquiry is
  'The author rates a resolved inquiry, once: 1 (poor) to 5 (very good), and a word. '
  '404 not_found; 400 invalid_rating, invalid_comment; 409 not_resolved, already_rated.';
grant execute on function public.rate_inquiry to authenticated;


-- For staff -------------------------------------------------------------------------------------

create function public.list_agents()
returns table (id uuid, name text, email text, open_inquiries bigint)
language plpgsql stable
security definer -- addresses are in auth.users
set search_path = ''
as $$
begin
  perform private.require_role('customer_service', 'admin');

  return query
  select p.id, p.name, u.email::text,
    (select count(*) from public.inquiries i where private.holder(i.assigned_to) = p.id and i.status <> 'resolved') as held
  from public.user_roles r
  join public.profiles p on p.id = r.user_id
  join auth.users u on u.id = r.user_id
  where r.role = 'customer_service'
  order by held, p.name, p.id;
end;
$$;
comment on function public.list_agents is 'Staff only. The agents and how many open inquiries each has, fewest first.';
grant execute on function public.list_agents to authenticated;

create type public.inquiry_in_queue as (
  id uuid,
  subject text,
  severity public.inquiry_severity,
  status public.inquiry_status,
  user_id uuid,
  author_name text,
  assigned_to uuid,
  agent_name text,
  due_at timestamptz,
  is_overdue boolean,
  first_response_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  page_cursor text
);
comment on type public.inquiry_in_queue is 'An open inquiry as a list of work shows it. page_cursor asks for the page after it.';

create function private.microseconds(instant timestamptz)
returns bigint
language sql immutable
set search_path = ''
as $$ select (extract(epoch from instant) * 1000000)::bigint $$;
comment on function private.microseconds is 'An instant as a number that says all of it.';

create function private.instant(microseconds bigint)
returns timestamptz
language sql immutable
set search_path = ''
as $$ select timestamptz 'epoch' + microseconds * interval '1 microsecond' $$;
comment on function private.instant is 'The other way round than private.microseconds().';

create function private.decode_queue_cursor(
  page_cursor text,
  out as_of timestamptz, out lane integer, out due_at timestamptz, out created_at timestamptz, out id uuid
)
language plpgsql stable
set search_path = ''
as $$
begin
  if page_cursor is null then
    as_of := now();
    lane := 0;
    return;
  end if;
  select private.instant(parts[1]::bigint), parts[2]::integer,
    coalesce(private.instant(nullif(parts[3], '')::bigint), 'infinity'), private.instant(parts[4]::bigint), parts[5]::uuid
  into strict as_of, lane, due_at, created_at, id
  from string_to_array(page_cursor, '~') as parts;
  if num_nulls(as_of, lane, due_at, created_at, id) > 0 then
    raise data_exception;
  end if;
exception when others then
  perform private.refuse(400, 'invalid_cursor', 'This page_cursor is not one that the queue has given out.');
end;
$$;
comment on function private.decode_queue_cursor is
  'The place after which a page begins: <what counts as now>~<lane>~<due, or nothing>~<created>~<id>. Without one: the very beginning.';

create function public.inquiry_queue(
  severity public.inquiry_severity default null,
  assigned_to uuid default null,
  unassigned_only boolean default false,
  overdue_only boolean default false,
  page_size integer default 25,
  page_cursor text default null
)
returns setof public.inquiry_in_queue
language plpgsql stable
security definer -- says itself what is seen, so that each lane is one range of one index
set search_path = ''
as $$
declare
  caller uuid := private.require_user();
  -- Whose inquiries; null for everybody's.
  holders uuid[];
  start record;
begin
  perform private.require_role('customer_service', 'admin');
  perform private.check_page_size(page_size);
  if unassigned_only then
    holders := array[private.holder(null)];
  elsif inquiry_queue.assigned_to is not null then
    holders := array[inquiry_queue.assigned_to];
  elsif not private.has_role('admin') then
    holders := array[private.holder(null), caller];
  end if;
  if not private.has_role('admin') and not holders <@ array[private.holder(null), caller] then
    perform private.forbid('What other agents have is for them and for admins to see.');
  end if;
  -- All pages of one reading agree on what is overdue.
  start := private.decode_queue_cursor(page_cursor);

  -- A lane is one severity (the urgent first) of what is overdue (1 to 3), due later (4 to 6) or
  -- with the customer (7 to 9). Each gives a page at most, from one range of the index.
  return query execute format(
    $sql$
      with stages (stage, after_due, until_due) as (
        values (0, timestamptz '-infinity', $1), (1, $1, timestamptz '9999-12-31'), (2, timestamptz '9999-12-31', timestamptz 'infinity')
      ),
      lanes as materialized (
        select n.lane, h.holder, s.severity, stages.until_due,
          case when n.lane = $2 then $3 else stages.after_due end as after_due,
          case when n.lane = $2 then $4 else 'infinity' end as after_created,
          case when n.lane = $2 then $5 else private.holder(null) end as after_id
        from stages
        cross join unnest(enum_range(null::public.inquiry_severity)) with ordinality as s (severity, level)
        cross join lateral (select (stage * 3 + 4 - level)::integer as lane) n
        cross join unnest($6) as h (holder)
        where n.lane >= $2 and (not $7 or stage = 0) and ($8 is null or s.severity = $8)
      ),
      page as (
        select lanes.lane, i.*
        from lanes
        cross join lateral (
          select i.* from public.inquiries i
          where i.status <> 'resolved' and i.severity = lanes.severity and %s
            and (coalesce(i.due_at, 'infinity'), i.created_at, i.id) > (lanes.after_due, lanes.after_created, lanes.after_id)
            and coalesce(i.due_at, 'infinity') <= lanes.until_due
            and i.user_id is distinct from $9
          order by coalesce(i.due_at, 'infinity'), i.created_at, i.id
          limit $10
        ) i
        order by lanes.lane, coalesce(i.due_at, 'infinity'), i.created_at, i.id
        limit $10
      )
      select i.id, i.subject, i.severity, i.status, i.user_id, coalesce(author.name, i.visitor_name),
        i.assigned_to, agent.name, i.due_at, i.lane <= 3, i.first_response_at, i.created_at, i.updated_at,
        format(
          '%%s~%%s~%%s~%%s~%%s',
          private.microseconds($1), i.lane, private.microseconds(i.due_at), private.microseconds(i.created_at), i.id
        )
      from page i
      left join public.profiles author on author.id = i.user_id
      left join public.profiles agent on agent.id = i.assigned_to
      order by i.lane, coalesce(i.due_at, 'infinity'), i.created_at, i.id
    $sql$,
    case when holders is null then 'true' else 'private.holder(i.assigned_to) = lanes.holder' end
  )
  using start.as_of, start.lane, start.due_at, start.created_at, start.id,
    coalesce(holders, array[private.holder(null)]), overdue_only, severity, caller, page_size;
end;
$$;
comment on function public.inquiry_queue is
  'Staff only. Open inquiries in the order in which they should be worked: overdue, then due, then with the customer; in each the '
  'urgent first, and of those whoever waits longest. An agent''s: the own ones and nobody''s; an admin''s: all. '
  'Pages of 1 to 100; the page_cursor of the last row asks for the next page. 400 invalid_page_size, invalid_cursor; 403 forbidden.';
grant execute on function public.inquiry_queue to authenticated;

create type public.inquiry_statistics as (
  severity public.inquiry_severity,
  agent_id uuid,
  agent_name text,
  grouped_by text,
  opened bigint,
  resolved bigint,
  first_response_median_seconds integer,
  first_response_p90_seconds integer,
  resolution_median_seconds integer,
  resolution_p90_seconds integer,
  ratings bigint,
  average_rating numeric
);
comment on type public.inquiry_statistics is
  'grouped_by says what a row counts: all, one severity, one agent (null: nobody had it), or both. '
  'First responses are of what was opened in the period, resolutions and ratings of what was resolved in it. '
  'Median and p90: half and nine tenths of them took no longer.';

create function public.inquiry_stats(from_date date, to_date date)
returns setof public.inquiry_statistics
language plpgsql stable
security definer -- counts what the caller may not read
set search_path = ''
as $$
declare
  begins constant timestamptz := from_date::timestamp at time zone 'utc';
  ends constant timestamptz := to_date::timestamp at time zone 'utc';
begin
  perform private.require_role('customer_service', 'admin');
  if from_date is null or to_date is null or not isfinite(from_date) or not isfinite(to_date)
    or from_date >= to_date or to_date - from_date > 400
  then
    perform private.refuse(400, 'invalid_dates', 'Please give a from_date before to_date, at most 400 days apart.');
  end if;

  return query
  with newly_opened as materialized (
    select i.severity, i.assigned_to, date_part('epoch', i.first_response_at - i.created_at)::integer as seconds
    from public.inquiries i
    where i.created_at >= begins and i.created_at < ends
  ),
  opened as (
    select grouping(n.severity, n.assigned_to) as level, n.severity, n.assigned_to, count(*) as opened,
      percentile_disc(array[0.5, 0.9]) within group (order by n.seconds) as response
    from newly_opened n
    group by grouping sets (rollup (n.assigned_to, n.severity), (n.severity))
  ),
  newly_resolved as materialized (
    select i.severity, i.assigned_to, date_part('epoch', i.resolved_at - i.created_at)::integer as seconds, i.rating
    from public.inquiries i
    where i.resolved_at >= begins and i.resolved_at < ends
  ),
  resolved as (
    select grouping(n.severity, n.assigned_to) as level, n.severity, n.assigned_to, count(*) as resolved,
      percentile_disc(array[0.5, 0.9]) within group (order by n.seconds) as resolution,
      count(n.rating) as ratings, round(avg(n.rating), 2) as average_rating
    from newly_resolved n
    group by grouping sets (rollup (n.assigned_to, n.severity), (n.severity))
  ),
  merged as (
    select o.level, o.severity, o.assigned_to, o.opened, 0::bigint as resolved, o.response,
      null::integer[] as resolution, 0::bigint as ratings, null::numeric as average_rating
    from opened o
    union all
    select r.level, r.severity, r.assigned_to, 0, r.resolved, null, r.resolution, r.ratings, r.average_rating
    from resolved r
  )
  select b.severity, b.assigned_to, p.name,
    (array['severity_and_agent', 'severity', 'agent', 'all'])[b.level + 1],
    sum(b.opened)::bigint, sum(b.resolved)::bigint,
    max(b.response[1]), max(b.response[2]),
    max(b.resolution[1]), max(b.resolution[2]),
    sum(b.ratings)::bigint, max(b.average_rating)
  from merged b
  left join public.profiles p on p.id = b.assigned_to
  group by b.level, b.severity, b.assigned_to, p.name
  order by b.level desc, b.severity desc, p.name, b.assigned_to;
end;
$$;
comment on function public.inquiry_stats is
  'Staff only. What was opened from one day up to, not including, another (UTC), and what was resolved: counts, median and 90th '
  'percentile of first response and resolution in seconds, and ratings; of all, by severity, by agent and by both. 400 invalid_dates.';
grant execute on function public.inquiry_stats to authenticated;


-- Visitors without an account -------------------------------------------------------------------

create table private.contacts (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  address text not null,
  subject text not null,
  message text not null,
  token_hash bytea not null,
  ip_hash bytea,
  inquiry_id uuid references public.inquiries (id) on delete cascade,
  created_at timestamptz not null default now(),
  constraint token_is_unique unique (token_hash),
  constraint address_in_lower_case check (address = lower(address)),
  -- as of the inquiry that it becomes
  constraint name_of_1_to_255_characters check (private.trimmed(name) <> '' and char_length(name) <= 255),
  constraint subject_of_1_to_255_characters check (private.trimmed(subject) <> '' and char_length(subject) <= 255),
  constraint name_and_subject_without_control_characters check (private.is_one_line(name || subject)),
  constraint message_of_1_to_10000_characters check (message ~ '[^ \t\r\n]' and char_length(message) <= 10000)
);
comment on table private.contacts is
  'What visitors wrote whose address is not confirmed yet. Nobody reads it before that; gone after three days.';
comment on column private.contacts.token_hash is 'SHA-256 of what the mailed link carries.';
comment on column private.contacts.ip_hash is 'SHA-256 of the sender''s network with a salt, to count by.';
comment on column private.contacts.inquiry_id is 'What became of it once it was confirmed.';
create index contacts_by_address on private.contacts (address, created_at);
create index contacts_by_ip on private.contacts (ip_hash, created_at) where ip_hash is not null;
create index contacts_by_time on private.contacts (created_at);
create index contacts_of_inquiry on private.contacts (inquiry_id) where inquiry_id is not null;
alter table private.contacts enable row level security;

create function private.hash_ip(ip text)
returns bytea
language plpgsql stable
security definer -- knows the salt
set search_path = ''
as $$
declare
  network text;
begin
  -- Whoever has one IPv6 address has a /64 of them.
  network := case family(ip::inet) when 6 then network(set_masklen(ip::inet, 64)) else ip::inet end::text;
  return (select sha256(convert_to(s.address_salt || network, 'utf8')) from private.inquiry_settings s);
exception when invalid_text_representation then
  return null;
end;
$$;
comment on function private.hash_ip is 'A salted hash of a sender''s network, or null when this is no IP address.';

create function private.receive_contact(name text, address text, subject text, message text, ip text)
returns void
language plpgsql
security definer -- the function contact may hand in messages, not write the table
set search_path = ''
as $$
declare
  sender constant text := lower(btrim(address));
  sender_hash constant bytea := private.hash_ip(ip);
  token constant text := encode(extensions.gen_random_bytes(32), 'hex');
  contact_id uuid;
begin
  -- One after another, so that a burst is counted.
  perform pg_advisory_xact_lock(hashtextextended('private.receive_contact', 0));
  if (
    select count(*) from private.contacts c
    where c.address = sender and c.created_at > now() - interval '1 hour'
  ) >= 3 or (
    select count(*) from private.contacts c
    where c.ip_hash = sender_hash and c.created_at > now() - interval '1 hour'
  ) >= 10 then
    perform private.refuse(429, 'too_many_requests', 'You have written several times within an hour. Please wait a while.');
  end if;

  insert into private.contacts (name, address, subject, message, token_hash, ip_hash)
  values (receive_contact.name, sender, receive_contact.subject, receive_contact.message, sha256(convert_to(token, 'utf8')), sender_hash)
  returning id into contact_id;
  -- Nothing that was written: whose address it is, is not known yet.
  perform private.send_mail(
    'contact_confirmation', sender, null,
    jsonb_build_object('confirm_url_path', '/contact/confirm?token=' || token),
    'contact_confirmation:' || contact_id
  );
end;
$$;
comment on function private.receive_contact is
  'Keeps what a visitor wrote and mails a link with which they confirm their address. '
  'Three an hour from an address, ten from a network: 429 too_many_requests.';
grant execute on function private.receive_contact to service_role;

create function private.lock_address(address text)
returns void
language sql
set search_path = ''
as $$ select pg_advisory_xact_lock(hashtextextended('private.address:' || lower(address), 0)) $$;
comment on function private.lock_address is
  'Whoever confirms an address and whoever gets an account with it at the same moment wait for each other, and see each other.';

create function private.confirm_contact(token text)
returns uuid
language plpgsql
security definer -- the function contact may confirm, not write the tables
set search_path = ''
as $$
declare
  contact private.contacts;
  account uuid;
begin
  select * into contact from private.contacts c
  where c.token_hash = sha256(convert_to(token, 'utf8')) and c.created_at > now() - interval '2 days'
  for no key update;
  if not found then
    perform private.refuse(404, 'invalid_token', 'This link is not valid any more. Please write to us again.');
  elsif contact.inquiry_id is not null then
    return contact.inquiry_id;
  end if;

  perform private.lock_address(contact.address);
  select u.id into account from auth.users u
  where u.email = contact.address and u.email_confirmed_at is not null;
  -- One statement: the mail that follows from it looks for the address.
  with inquiry as (
    insert into public.inquiries (user_id, visitor_name, subject, message)
    values (account, case when account is null then contact.name end, contact.subject, contact.message)
    returning id
  ),
  visitor as (
    insert into private.inquiry_visitors (inquiry_id, address)
    select id, contact.address from inquiry where account is null
  )
  select id into contact.inquiry_id from inquiry;
  update private.contacts c set inquiry_id = contact.inquiry_id where c.id = contact.id;
  return contact.inquiry_id;
end;
$$;
comment on function private.confirm_contact is
  'The address is confirmed: staff see the inquiry from here on. It belongs to the account with that address, if there is one. '
  'Asked again it answers the same. 404 invalid_token.';
grant execute on function private.confirm_contact to service_role;

create function private.take_over_inquiries()
returns trigger
language plpgsql
security definer -- runs as the auth service, which owns none of these tables
set search_path = ''
as $$
declare
  taken uuid;
begin
  perform private.lock_address(new.email);
  for taken in
    delete from private.inquiry_visitors v where v.address = lower(new.email) returning v.inquiry_id
  loop
    update public.inquiries
    set user_id = new.id, visitor_name = null, assigned_to = nullif(assigned_to, new.id)
    where id = taken;
    perform private.record_inquiry_change(taken, 'author', null, new.id::text);
  end loop;
  return null;
end;
$$;
comment on function private.take_over_inquiries is
  'After an address is confirmed: what was asked from it without an account belongs to the account.';

-- Named so that it runs after open_account.
create trigger take_over_inquiries
  after insert or update of email, email_confirmed_at on auth.users
  for each row when (new.email_confirmed_at is not null)
  execute function private.take_over_inquiries();

create function private.prune_contacts()
returns void
language sql
security definer -- run by pg_cron
set search_path = ''
as $$ delete from private.contacts where created_at < now() - interval '3 days' $$;
comment on function private.prune_contacts is 'Forgets what visitors wrote three days ago, confirmed or not.';
