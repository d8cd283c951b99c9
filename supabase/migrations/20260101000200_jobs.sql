-- Jobs: work that is done after the transaction that asked for it, and mails, which are such work.
--
-- A job is queued in the business transaction, so that either both happen or neither. The edge
-- function `jobs` claims what is due, works, and reports. A worker that dies loses its lease, and
-- another one takes over; so every kind has to be safe to run twice.

-- Kinds -----------------------------------------------------------------------------------------

create table private.job_kinds (
  kind text primary key,
  priority smallint not null,
  max_attempts smallint not null default 16,
  max_running smallint not null default 16,
  max_per_minute integer,
  lease interval not null default interval '90 seconds',
  payload_fields text[] not null default '{}',
  description text not null,
  constraint max_attempts_positive check (max_attempts > 0),
  constraint max_running_positive check (max_running > 0),
  constraint max_per_minute_positive check (max_per_minute > 0),
  constraint lease_positive check (lease > interval '0')
);
comment on table private.job_kinds is
  'The kinds of work there are. Each module adds its own; the function `jobs` has one handler for each.';
comment on column private.job_kinds.priority is 'Lower is sooner: 10 a person waits, 50 in the background, 90 whenever.';
comment on column private.job_kinds.max_attempts is
  'Tries before it is kept as a dead letter. Sixteen tries with backoff span about five hours.';
comment on column private.job_kinds.max_running is 'How many of this kind may run at once.';
comment on column private.job_kinds.max_per_minute is
  'How many of this kind may begin a minute, spread evenly; null for as many as can. A retry counts as well.';
comment on column private.job_kinds.lease is 'How long a worker may be silent before another one takes over.';
comment on column private.job_kinds.payload_fields is
  'What a payload must have to be queued at all; the worker checks the values as well.';
alter table private.job_kinds enable row level security;

create table private.job_paces (
  kind text primary key references private.job_kinds (kind) on delete cascade,
  used_until timestamptz not null
);
comment on table private.job_paces is 'How far the kinds with a limit a minute have used it up.';
comment on column private.job_paces.used_until is
  'Each job that begins takes its share of a minute from here on; up to now there is room for more.';
alter table private.job_paces enable row level security;


-- The queue -------------------------------------------------------------------------------------

create type private.job_state as enum ('queued', 'running', 'done', 'failed');
comment on type private.job_state is
  'queued: waits for its time and a worker; running: leased to one; done; failed: a dead letter, kept for an admin.';

create table private.jobs (
  id uuid primary key default gen_random_uuid(),
  kind text not null references private.job_kinds (kind),
  payload jsonb not null default '{}',
  key text,
  state private.job_state not null default 'queued',
  run_at timestamptz not null default now(),
  attempts smallint not null default 0,
  max_attempts smallint not null,
  lease_token uuid,
  leased_until timestamptz,
  last_error text,
  result jsonb,
  request_id text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint job_key_is_unique unique (key),
  constraint payload_is_an_object check (jsonb_typeof(payload) = 'object'),
  constraint lease_while_running check
    ((state = 'running') = (lease_token is not null) and (state = 'running') = (leased_until is not null)),
  constraint finished_when_over check ((state in ('done', 'failed')) = (finished_at is not null))
);
comment on table private.jobs is 'The queue. A finished job stays for 14 days; a failed one is a dead letter until it is retried.';
comment on column private.jobs.key is 'What the job is for, e.g. mail:<id>: queued once, however often it is asked for.';
comment on column private.jobs.run_at is 'Not before this instant.';
comment on column private.jobs.lease_token is 'Proof of the claim: a worker that lost its lease can no longer report.';
comment on column private.jobs.last_error is 'Why the last try failed, for an admin. Holds no secrets.';
comment on column private.jobs.result is 'What the work came to, as its kind tells it.';
comment on column private.jobs.request_id is 'The request that caused it (its x-request-id), as the logs name it.';

-- Exactly the predicate of the claim, so that a million finished rows cost nothing.
create index jobs_queued on private.jobs (kind, run_at) where state = 'queued';
create index jobs_running on private.jobs (leased_until) where state = 'running';
create index jobs_running_by_kind on private.jobs (kind) where state = 'running';
create index jobs_failed on private.jobs (finished_at desc) where state = 'failed';
create index jobs_done on private.jobs (finished_at) where state = 'done';
alter table private.jobs enable row level security;

create table private.job_wakes (
  call_id bigint primary key,
  at timestamptz not null default now()
);
comment on table private.job_wakes is
  'Calls of the function `jobs` by this database; their answers are in net._http_response.';
comment on column private.job_wakes.call_id is 'pg_net''s number of the call.';
alter table private.job_wakes enable row level security;

create function private.call_function(name text)
returns bigint
language plpgsql
security definer -- reads the Vault and calls pg_net for business functions and schedules
set search_path = ''
as $$
declare
  secrets jsonb;
begin
  select jsonb_object_agg(s.name, s.decrypted_secret) into secrets
  from vault.decrypted_secrets s
  where s.name in ('project_url', 'secret_key');

  if secrets is null or not secrets ?& array['project_url', 'secret_key'] then
    raise log 'Function % is not called: the Vault secrets project_url and secret_key are not set.', name;
    return null;
  end if;

  return net.http_post(
    url := rtrim(secrets ->> 'project_url', '/') || '/functions/v1/' || name,
    headers := jsonb_build_object('content-type', 'application/json', 'apikey', secrets ->> 'secret_key'),
    body := '{}'::jsonb,
    timeout_milliseconds := 60000
  );
end;
$$;
comment on function private.call_function is
  'Calls an edge function with the secret key once this transaction has committed. '
  'Returns pg_net''s request id, or null as long as the Vault is not filled.';

create function private.wake_jobs()
returns void
language plpgsql
security definer -- the worker may ask for another call
set search_path = ''
as $$
declare
  call_id constant bigint := private.call_function('jobs');
begin
  if call_id is not null then
    insert into private.job_wakes (call_id) values (call_id)
    -- After a crash of the server pg_net counts from one again: its sequence is unlogged.
    on conflict on constraint job_wakes_pkey do update set at = now();
  end if;
end;
$$;
comment on function private.wake_jobs is 'Calls the function `jobs` once this transaction has committed.';
grant execute on function private.wake_jobs to service_role;

create function private.wake_jobs_if_due()
returns void
language plpgsql
security definer -- run by pg_cron
set search_path = ''
as $$
begin
  if exists (select from private.jobs where state = 'queued' and run_at <= now())
    or exists (select from private.jobs where state = 'running' and leased_until <= now())
  then
    perform private.wake_jobs();
  end if;
end;
$$;
comment on function private.wake_jobs_if_due is 'The safety net: wakes the worker when a call was lost, a retry is due or a lease ran out.';

create function private.caused_by(request_id text)
returns void
language sql
set search_path = ''
as $$ select set_config('djanobnb.request_id', left(coalesce(request_id, ''), 100), true) $$;
comment on function private.caused_by is
  'Names the request for which this transaction works. An edge function asks for it in the from clause of its '
  'statement, which makes one trip of both.';
grant execute on function private.caused_by to service_role;

create function private.request_id()
returns text
language sql stable
return coalesce(
  nullif(current_setting('djanobnb.request_id', true), ''),
  left(nullif(current_setting('request.headers', true), '')::json ->> 'x-request-id', 100)
);
comment on function private.request_id is
  'The id of the request for which this transaction works: an edge function''s, or as the Data API got it. Null when it has none.';

create function private.enqueue(
  kind text,
  payload jsonb default '{}',
  key text default null,
  run_at timestamptz default now()
)
returns uuid
language plpgsql
security definer -- whoever may do the business may queue its consequences
set search_path = ''
as $$
declare
  kind_of_job private.job_kinds;
  queued_id uuid;
  transaction_id text := pg_current_xact_id()::text;
begin
  if private.is_seeding() then
    return null;
  end if;

  select * into kind_of_job from private.job_kinds k where k.kind = enqueue.kind;
  if not found then
    raise exception 'There is no kind of job named %.', enqueue.kind;
  end if;
  if not jsonb_strip_nulls(payload) ?& kind_of_job.payload_fields then
    raise exception 'A job of kind % needs %.', enqueue.kind, array_to_string(kind_of_job.payload_fields, ', ');
  end if;

  insert into private.jobs (kind, payload, key, run_at, max_attempts, request_id)
  values (enqueue.kind, enqueue.payload, enqueue.key, enqueue.run_at, kind_of_job.max_attempts, private.request_id())
  on conflict on constraint job_key_is_unique do nothing
  returning id into queued_id;

  -- One call a transaction, however many rows it queued.
  if queued_id is not null
    and run_at <= now()
    and current_setting('djanobnb.woken_by', true) is distinct from transaction_id
  then
    perform set_config('djanobnb.woken_by', transaction_id, true);
    perform private.wake_jobs();
  end if;

  return queued_id;
end;
$$;
comment on function private.enqueue is
  'Queues a job with this transaction and wakes the worker after its commit. '
  'Returns the id, or null when a job with the same key was queued before.';

create function private.requeue_abandoned_jobs()
returns void
language plpgsql
security definer -- the worker may not touch the table itself
set search_path = ''
as $$
begin
  update private.jobs
  set state = case when attempts >= max_attempts then 'failed' else 'queued' end::private.job_state,
      finished_at = case when attempts >= max_attempts then now() end,
      -- One of them may be what ended the worker: by chance they begin apart, and it takes no others with it again.
      run_at = case when attempts >= max_attempts then run_at else clock_timestamp() + private.backoff(attempts) end,
      last_error = 'The worker stopped before it had finished.',
      lease_token = null,
      leased_until = null
  where id in (
    select id from private.jobs
    where state = 'running' and leased_until <= now()
    for update skip locked
  );
end;
$$;
comment on function private.requeue_abandoned_jobs is 'Takes jobs back from workers whose lease ran out. Each waits as after a failure.';

create function private.job_room()
returns table (kind text, priority smallint, lease interval, free integer, pace interval, paced_from timestamptz, next_at timestamptz)
language sql stable
begin atomic
  select k.kind, k.priority, k.lease,
    greatest(least(r.free, p.free), 0)::integer,
    p.pace, p.paced_from,
    case when r.free > 0 and p.free < 1 then p.paced_from + p.pace end
  from private.job_kinds k
  left join private.job_paces u on u.kind = k.kind
  cross join lateral (
    select k.max_running - count(*) as free
    from private.jobs j
    where j.state = 'running' and j.kind = k.kind and j.leased_until > now()
  ) r
  cross join lateral (
    select w.pace, w.paced_from,
      floor(extract(epoch from now() - w.paced_from) / extract(epoch from w.pace)) as free
    from (
      select s.pace, greatest(u.used_until, now() - greatest(s.pace, interval '1 second')) as paced_from
      from (select interval '1 minute' / k.max_per_minute as pace) s
    ) w
  ) p;
end;
comment on function private.job_room is
  'How many jobs of each kind may begin now. One with a limit a minute lets begin what a second of it allows, or one: '
  'pace is the share of a job, paced_from is from when on shares are free, and next_at when the next one will be.';

create function private.claim_jobs(batch_size integer)
returns table (
  id uuid, kind text, payload jsonb, attempt integer, is_last_attempt boolean,
  lease_token uuid, leased_until timestamptz, request_id text
)
language plpgsql
security definer -- the worker may claim, not read or write the table
set search_path = ''
as $$
begin
  -- Claims go one after another (they take a millisecond): so the limits of a kind hold exactly,
  -- and what is older or more urgent goes first.
  perform pg_advisory_xact_lock(hashtextextended('private.claim_jobs', 0));
  perform private.requeue_abandoned_jobs();

  return query
  with room as materialized (
    select * from private.job_room() r where r.free > 0
  ),
  due as (
    select candidate.id, candidate.run_at, room.kind, room.priority, room.lease, room.pace, room.paced_from
    from room
    cross join lateral (
      select j.id, j.run_at
      from private.jobs j
      where j.state = 'queued' and j.kind = room.kind and j.run_at <= now()
      order by j.run_at
      limit least(room.free, batch_size)
      for update skip locked
    ) candidate
    order by room.priority, candidate.run_at
    limit batch_size
  ),
  paced as (
    insert into private.job_paces as p (kind, used_until)
    select due.kind, due.paced_from + count(*) * due.pace
    from due
    where due.pace is not null
    group by due.kind, due.paced_from, due.pace
    on conflict on constraint job_paces_pkey do update set used_until = excluded.used_until
  ),
  claimed as (
    update private.jobs j
    set state = 'running',
        attempts = j.attempts + 1,
        lease_token = gen_random_uuid(),
        leased_until = clock_timestamp() + due.lease
    from due
    where j.id = due.id
    returning j.*, due.priority
  )
  select c.id, c.kind, c.payload, c.attempts::integer, c.attempts >= c.max_attempts,
    c.lease_token, c.leased_until, c.request_id
  from claimed c
  order by c.priority, c.run_at;
end;
$$;
comment on function private.claim_jobs is
  'Leases up to batch_size due jobs to the caller, urgent kinds first and then the oldest.';
grant execute on function private.claim_jobs to service_role;

create function private.finish_job(id uuid, lease_token uuid, result jsonb default null)
returns boolean
language plpgsql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
begin
  update private.jobs j
  set state = 'done', finished_at = now(), result = finish_job.result, last_error = null,
      lease_token = null, leased_until = null
  where j.id = finish_job.id and j.lease_token = finish_job.lease_token;
  return case when found then true end;
end;
$$;
comment on function private.finish_job is 'Reports success. Null when the lease was lost, which changes nothing.';
grant execute on function private.finish_job to service_role;

create function private.backoff(attempts integer)
returns interval
language sql volatile
set search_path = ''
as $$
  select least(power(2, attempts), 3600) * (0.75 + 0.5 * random()) * interval '1 second'
$$;
comment on function private.backoff is
  'How long to wait after so many failed attempts: 2 s, 4 s, 8 s … up to an hour, a quarter more or less by chance.';

create function private.fail_job(id uuid, lease_token uuid, error text, permanent boolean default false)
returns private.job_state
language sql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
  update private.jobs j
  set state = case when over then 'failed' else 'queued' end::private.job_state,
      finished_at = case when over then now() end,
      run_at = case when over then j.run_at else clock_timestamp() + private.backoff(j.attempts) end,
      last_error = left(fail_job.error, 2000),
      lease_token = null,
      leased_until = null
  from (
    select k.id, (permanent or k.attempts >= k.max_attempts) as over
    from private.jobs k
    where k.id = fail_job.id and k.lease_token = fail_job.lease_token
    for update
  ) as held
  where j.id = held.id
  returning j.state
$$;
comment on function private.fail_job is
  'Reports failure: tried again later, or kept as a dead letter when it is permanent or was the last try. '
  'Null when the lease was lost, which changes nothing.';
grant execute on function private.fail_job to service_role;

create function private.extend_lease(id uuid, lease_token uuid)
returns boolean
language sql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
  update private.jobs j
  set leased_until = clock_timestamp() + k.lease
  from private.job_kinds k
  where j.id = extend_lease.id and j.lease_token = extend_lease.lease_token and k.kind = j.kind
  returning true
$$;
comment on function private.extend_lease is 'The heartbeat of a long job. Null when the lease was lost: stop working.';
grant execute on function private.extend_lease to service_role;

create function private.pending_jobs(out due bigint, out claimable bigint, out next_run_at timestamptz)
language sql stable
security definer -- the worker may ask, not read the table
set search_path = ''
as $$
  select coalesce(sum(q.due), 0)::bigint,
    coalesce(sum(least(q.due, r.free)), 0)::bigint,
    least(min(q.next_run_at), min(r.next_at) filter (where q.due > 0))
  from private.job_room() r
  cross join lateral (
    select
      (select count(*) from private.jobs j where j.state = 'queued' and j.kind = r.kind and j.run_at <= now()) as due,
      (select min(j.run_at) from private.jobs j where j.state = 'queued' and j.kind = r.kind and j.run_at > now()) as next_run_at
  ) q
$$;
comment on function private.pending_jobs is
  'How many jobs are due now, how many of them may begin (others of their kind may fill its limits), and when the next one may.';
grant execute on function private.pending_jobs to service_role;


-- Mails -----------------------------------------------------------------------------------------

create type private.mail_state as enum ('queued', 'sent', 'refused', 'failed', 'suppressed', 'unsubscribed');
comment on type private.mail_state is
  'queued and sent; refused: the address, by its server and for good; failed: the mail cannot be sent, or none of its tries '
  'succeeded; suppressed: not tried, since that address was refused; unsubscribed: not tried, since nobody wants it.';

create table private.mails (
  id uuid primary key default gen_random_uuid(),
  key text,
  template text not null,
  to_address text,
  to_name text,
  props jsonb not null,
  attachments jsonb not null default '[]',
  state private.mail_state not null default 'queued',
  attempts smallint not null default 0,
  response text,
  accepted jsonb not null default '{}',
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  constraint mail_key_is_unique unique (key),
  constraint attachments_are_a_list check (jsonb_typeof(attachments) = 'array'),
  constraint accepted_by_address check (jsonb_typeof(accepted) = 'object'),
  constraint sent_has_a_time check ((state = 'sent') = (sent_at is not null))
);
comment on table private.mails is 'The outbox: each mail that was or will be sent, with what it says.';
comment on column private.mails.key is 'What the mail is for, e.g. booking_confirmed:<reservation id>: written once.';
comment on column private.mails.template is 'A template of functions/_shared/mail/templates.';
comment on column private.mails.to_address is 'One address, or null for the admins (ADMIN_EMAIL, else their own addresses).';
comment on column private.mails.props is 'What the template prints, as it was when the mail was queued.';
comment on column private.mails.attachments is 'Files from Storage: [{ bucket, path, filename }].';
comment on column private.mails.attempts is 'Tries so far, as its job counts them.';
comment on column private.mails.response is 'The mail server''s last answer, or why there is none.';
comment on column private.mails.accepted is
  'Who has a mail that goes to several, as { address: answer }, while the server may still take it for others: a further try is for those alone.';
create index mails_by_address on private.mails (lower(to_address));
create index mails_to_forget on private.mails (created_at) where state <> 'queued' and props <> '{}';
alter table private.mails enable row level security;

create table private.mail_suppressions (
  address text primary key,
  reason text not null,
  created_at timestamptz not null default now(),
  constraint address_in_lower_case check (address = lower(address))
);
comment on table private.mail_suppressions is 'Addresses whose server refused for good: nothing is sent there any more.';
alter table private.mail_suppressions enable row level security;

create type private.mail_topic as enum ('listings', 'reports');
comment on type private.mail_topic is
  'What one can unsubscribe from. A template says of which topic it is, or of none: then it is essential.';

create table private.mail_subscriptions (
  token uuid primary key default gen_random_uuid(),
  address text not null,
  topic private.mail_topic not null,
  unsubscribed_at timestamptz,
  last_asked_at timestamptz not null default now(),
  constraint one_subscription_an_address unique (address, topic),
  constraint address_in_lower_case check (address = lower(address))
);
comment on table private.mail_subscriptions is 'Who got mails of a topic, or wants none of it any more.';
comment on column private.mail_subscriptions.token is
  'What the link in these mails proves itself with: random, so that only who has such a mail can end them. '
  'It outlives every key of the project.';
comment on column private.mail_subscriptions.last_asked_at is 'When a mail was last due to them. A year later the row goes, unless they unsubscribed.';
alter table private.mail_subscriptions enable row level security;

create function private.subscriptions(topic private.mail_topic, addresses text[])
returns table (address text, is_unsubscribed boolean, unsubscribe_url text)
language sql
security definer -- the worker learns the links of the mails that it sends
set search_path = ''
as $$
  with asked as (
    insert into private.mail_subscriptions as s (address, topic)
    select distinct lower(a), topic from unnest(addresses) a
    on conflict on constraint one_subscription_an_address do update set last_asked_at = now()
    returning s.*
  )
  select a, asked.unsubscribed_at is not null,
    private.project_url() || '/functions/v1/unsubscribe?token=' || asked.token
  from unnest(addresses) a
  join asked on asked.address = lower(a)
$$;
comment on function private.subscriptions is
  'Which of these addresses want no mails of this topic, and the link by which each can say so (null as long as the Vault is not filled).';
grant execute on function private.subscriptions to service_role;

create function private.topic_of(token uuid)
returns private.mail_topic
language sql stable
security definer -- whoever has the token may see what it is for
set search_path = ''
as $$ select s.topic from private.mail_subscriptions s where s.token = topic_of.token $$;
comment on function private.topic_of is 'What a link unsubscribes from, or null when there is no such link.';
grant execute on function private.topic_of to service_role;

create function private.unsubscribe(token uuid)
returns private.mail_topic
language sql
security definer -- whoever has the token may unsubscribe
set search_path = ''
as $$
  update private.mail_subscriptions s
  set unsubscribed_at = coalesce(s.unsubscribed_at, now())
  where s.token = unsubscribe.token
  returning s.topic
$$;
comment on function private.unsubscribe is 'Ends the mails of a topic to an address. Returns the topic, or null when there is no such link.';
grant execute on function private.unsubscribe to service_role;

-- Fewer at once than a worker has slots: a mail server that hangs does not hold up anything else.
-- 200 a second is more than one worker sends; providers that take less say how much.
insert into private.job_kinds (kind, priority, max_running, max_per_minute, payload_fields, description) values
  ('send_mail', 10, 12, 12000, '{mail_id}', 'Sends one mail of the outbox.');

create function private.write_mail(
  template text,
  to_address text,
  to_name text,
  props jsonb,
  key text,
  attachments jsonb
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  mail_id uuid;
begin
  if private.is_seeding() then
    return null;
  end if;

  insert into private.mails (template, to_address, to_name, props, key, attachments)
  values (write_mail.template, write_mail.to_address, write_mail.to_name, write_mail.props, write_mail.key, write_mail.attachments)
  on conflict on constraint mail_key_is_unique do nothing
  returning id into mail_id;

  if mail_id is not null then
    perform private.enqueue('send_mail', jsonb_build_object('mail_id', mail_id), 'mail:' || mail_id);
  end if;
  return mail_id;
end;
$$;
comment on function private.write_mail is 'Writes a mail to the outbox and queues it. Null when a mail with the same key was written before.';

create function private.send_mail(
  template text,
  to_address text,
  to_name text,
  props jsonb,
  key text,
  attachments jsonb default '[]'
)
returns uuid
language plpgsql
security definer -- whoever may do the business may cause its mails
set search_path = ''
as $$
begin
  -- An account may have a phone alone.
  return case when to_address is not null then private.write_mail(template, to_address, to_name, props, key, attachments) end;
end;
$$;
comment on function private.send_mail is
  'Mails somebody. Null when a mail with the same key was written before, or when there is no address.';
grant execute on function private.send_mail to service_role;

create function private.mail_admins(template text, props jsonb, key text, attachments jsonb default '[]')
returns uuid
language plpgsql
security definer -- whoever may do the business may cause its mails
set search_path = ''
as $$
begin
  return private.write_mail(template, null, null, props, key, attachments);
end;
$$;
comment on function private.mail_admins is 'Mails the admins. Null when a mail with the same key was written before.';

create function private.facts(variadic pairs text[])
returns jsonb
language sql immutable
set search_path = ''
as $$
  select jsonb_agg(jsonb_build_object('label', pairs[i], 'value', coalesce(pairs[i + 1], '?')) order by i)
  from generate_series(1, cardinality(pairs), 2) i
$$;
comment on function private.facts is 'Labels and values by turns, as an alert lists them: [{ label, value }]. A value that is not known is a question mark.';

create function private.alert_admins(alert text, summary text, facts jsonb, key text)
returns uuid
language sql
security definer -- whoever may do the business may cause its alerts
set search_path = ''
as $$
  select private.mail_admins(
    'admin_alert',
    jsonb_build_object('alert', alert, 'summary', summary, 'facts', facts),
    key
  )
$$;
comment on function private.alert_admins is 'Mails the admins: a sentence, and private.facts().';
grant execute on function private.alert_admins to service_role;

create function private.mail_to_send(mail_id uuid)
returns table (
  id uuid, template text, to_address text, to_name text, props jsonb, attachments jsonb, accepted jsonb,
  state private.mail_state, is_suppressed boolean
)
language sql stable
security definer -- the worker reads the one mail that it sends
set search_path = ''
as $$
  select m.id, m.template, m.to_address, m.to_name, m.props, m.attachments, m.accepted, m.state,
    exists (select from private.mail_suppressions s where s.address = lower(m.to_address))
  from private.mails m
  where m.id = mail_id
$$;
comment on function private.mail_to_send is 'A mail of the outbox, and whether its address is suppressed.';
grant execute on function private.mail_to_send to service_role;

create function private.record_mail(mail_id uuid, state private.mail_state, response text)
returns void
language plpgsql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
begin
  update private.mails m
  set state = record_mail.state,
      attempts = coalesce((select j.attempts from private.jobs j where j.key = 'mail:' || m.id), m.attempts),
      response = left(record_mail.response, 1000),
      sent_at = case when record_mail.state = 'sent' then now() end
  where m.id = mail_id and m.state <> 'sent';

  if record_mail.state = 'refused' then
    insert into private.mail_suppressions (address, reason)
    select lower(m.to_address), left(record_mail.response, 1000)
    from private.mails m
    where m.id = mail_id and m.to_address is not null
    on conflict do nothing;
  end if;
end;
$$;
comment on function private.record_mail is
  'Keeps the mail server''s answer. A refusal for good puts the address on the suppression list.';
grant execute on function private.record_mail to service_role;

create function private.note_accepted_mail(mail_id uuid, accepted jsonb)
returns void
language sql
security definer -- the worker may report, not write the table
set search_path = ''
as $$ update private.mails m set accepted = m.accepted || note_accepted_mail.accepted where m.id = mail_id $$;
comment on function private.note_accepted_mail is
  'Keeps who has a mail, as { address: answer }, before it is tried again for the others.';
grant execute on function private.note_accepted_mail to service_role;

create function private.note_mail_attempt()
returns trigger
language plpgsql
security definer -- nobody writes mails directly
set search_path = ''
as $$
begin
  update private.mails m
  set attempts = new.attempts,
      response = coalesce(new.last_error, m.response),
      state = case
        when new.state = 'queued' and m.state = 'failed' then 'queued'
        when new.state = 'failed' and m.state = 'queued' then 'failed'
        else m.state
      end
  where m.id = (new.payload ->> 'mail_id')::uuid;
  return null;
end;
$$;
comment on function private.note_mail_attempt is
  'After a try that failed, the last of them, or another chance: the outbox tells what the queue knows.';

create trigger note_mail_attempt
  after update of state on private.jobs
  for each row when (new.kind = 'send_mail' and new.state in ('queued', 'failed') and old.state <> new.state)
  execute function private.note_mail_attempt();

create function private.forget_mails()
returns void
language sql
security definer -- run by pg_cron
set search_path = ''
as $$
  update private.mails
  set to_address = null, to_name = null, props = '{}', attachments = '[]', accepted = '{}', response = null
  where state <> 'queued' and props <> '{}' and created_at < now() - interval '90 days'
$$;
comment on function private.forget_mails is
  'Forgets to whom mails went and what they said after 90 days. Their keys stay: none is written again.';


-- Files ------------------------------------------------------------------------------------------

insert into private.job_kinds (kind, priority, max_running, description) values
  ('remove_file', 90, 8, 'Removes a file from Storage that nothing refers to any more.');

create function private.remove_file(bucket text, path text)
returns void
language sql
security definer -- reads the tables of Storage, and queues
set search_path = ''
as $$
  select private.enqueue(
    'remove_file',
    jsonb_strip_nulls(jsonb_build_object(
      'bucket', remove_file.bucket,
      'path', remove_file.path,
      'version', (
        select o.version from storage.objects o where o.bucket_id = remove_file.bucket and o.name = remove_file.path
      )
    ))
  )
$$;
comment on function private.remove_file is
  'Removes a file from Storage in the background: this version of it, not what is uploaded under its name meanwhile.';


-- Tidying ---------------------------------------------------------------------------------------

create function private.prune_jobs()
returns void
language sql
security definer -- run by pg_cron and by the worker alike
set search_path = ''
as $$
  delete from private.jobs where state = 'done' and finished_at < now() - interval '14 days';
  delete from private.job_wakes where at < now() - interval '1 day';
  delete from private.mail_subscriptions where unsubscribed_at is null and last_asked_at < now() - interval '1 year';
  delete from cron.job_run_details where end_time < now() - interval '14 days';
  select private.forget_mails();
$$;
comment on function private.prune_jobs is
  'Forgets jobs that were done, and schedules that ran, more than 14 days ago, what mails said 90 days ago, and who got none for a year.';
