-- Reports: what happened yesterday, for the admins; and listings that nobody looks after any more.

-- Daily report ----------------------------------------------------------------------------------

create table public.daily_reports (
  report_date date primary key,
  property_count integer,
  sent_at timestamptz,
  created_at timestamptz not null default now(),
  constraint property_count_not_below_zero check (property_count >= 0)
);
comment on table public.daily_reports is 'The days that were reported on. A row is made when a report is asked for, and filled when it is written.';
comment on column public.daily_reports.report_date is 'The day, in the time zone of the setting REPORT_TIMEZONE.';
comment on column public.daily_reports.property_count is 'How many properties were added on that day; null until the report is written.';
comment on column public.daily_reports.sent_at is 'When a mail server took the report.';

alter table public.daily_reports enable row level security;
grant select on public.daily_reports to authenticated, service_role;

create policy "Admins read reports"
  on public.daily_reports for select to authenticated
  using ((select private.has_role('admin')));

create policy "Admins open report files"
  on storage.objects for select to authenticated
  using (bucket_id = 'reports' and (select private.has_role('admin')));

insert into private.job_kinds (kind, priority, max_running, lease, payload_fields, description) values
  ('write_daily_report', 70, 1, '3 minutes', '{report_date,timezone}', 'Writes the report of a day and mails it to the admins.');

create function private.queue_daily_reports(timezone text, asked_for date default null)
returns date[]
language plpgsql
security definer -- the function daily-report may ask for reports, not write the table
set search_path = ''
as $$
declare
  yesterday constant date := (now() at time zone timezone)::date - 1;
  -- Of those that were made when their day was over; not one of long ago that somebody asked for.
  last_report constant date := (
    select max(r.report_date) from public.daily_reports r
    where r.report_date >= (r.created_at at time zone timezone)::date - 1
  );
  -- Days that were missed are made up, up to a month of them.
  first_day constant date := coalesce(
    asked_for, greatest(least(last_report + 1, yesterday), yesterday - 30), yesterday
  );
  queued date[];
begin
  if asked_for > yesterday then
    perform private.refuse(400, 'invalid_date', 'This day is not over yet.');
  end if;

  with made as (
    insert into public.daily_reports (report_date)
    select day::date
    from generate_series(first_day, coalesce(asked_for, yesterday), interval '1 day') day
    on conflict do nothing
    returning report_date
  )
  select coalesce(array_agg(m.report_date order by m.report_date), '{}') into queued from made m;

  perform private.enqueue(
    'write_daily_report',
    jsonb_build_object('report_date', day, 'timezone', timezone),
    'write_daily_report:' || day
  )
  from unnest(queued) as day;
  return queued;
end;
$$;
comment on function private.queue_daily_reports is
  'Queues the report of a day, or of every day up to yesterday that has none yet; each day once. '
  'Returns the days that were queued. 400 invalid_date for a day that is not over.';
grant execute on function private.queue_daily_reports to service_role;

create function private.new_properties_on(report_date date, timezone text)
returns table (
  id uuid, title text, city text, country_name text, category text, price_per_night integer,
  currency text, host_name text, created_at timestamptz
)
language sql stable
security definer -- the worker reads drafts too
set search_path = ''
as $$
  select p.id, p.title, p.city, c.name, p.category, p.price_per_night, p.currency, h.name, p.created_at
  from public.properties p
  join public.countries c on c.code = p.country_code
  join public.profiles h on h.id = p.host_id
  where p.created_at >= (report_date::timestamp at time zone timezone)
    and p.created_at < ((report_date + 1)::timestamp at time zone timezone)
  order by p.created_at, p.id
$$;
comment on function private.new_properties_on is 'The properties that were added on a day of that time zone, which may have 23 or 25 hours.';
grant execute on function private.new_properties_on to service_role;

create index properties_by_creation on public.properties (created_at);
create index payments_by_time on public.payments (paid_at) where paid_at is not null;

create function private.daily_totals(report_date date, timezone text)
returns jsonb
language sql stable
security definer -- the worker sees sums of what it may not read
set search_path = ''
as $$
  with day as (
    select report_date::timestamp at time zone timezone as begins,
      (report_date + 1)::timestamp at time zone timezone as ends
  ),
  paid as (
    select p.currency, count(*) as bookings, sum(p.amount) as amount
    from public.payments p
    join private.checkouts c on c.payment_id = p.id
    cross join day
    where p.paid_at >= day.begins and p.paid_at < day.ends and c.purpose = 'booking'
    group by p.currency
  )
  select jsonb_build_object(
    'new_listings', (
      select count(*) from public.properties p cross join day
      where p.created_at >= day.begins and p.created_at < day.ends
    ),
    'bookings', coalesce((select sum(bookings) from paid), 0),
    'turnover', coalesce((
      select jsonb_agg(jsonb_build_object('currency', currency, 'amount', amount) order by currency) from paid
    ), '[]'),
    'open_inquiries', jsonb_build_object(
      'urgent', (select count(*) from public.inquiries i where i.severity = 'urgent' and i.status <> 'resolved'),
      'high', (select count(*) from public.inquiries i where i.severity = 'high' and i.status <> 'resolved'),
      'normal', (select count(*) from public.inquiries i where i.severity = 'normal' and i.status <> 'resolved')
    )
  )
$$;
comment on function private.daily_totals is
  'New listings, bookings that were paid, turnover [{ currency, amount }] of that day, and the inquiries that are open now by severity.';
grant execute on function private.daily_totals to service_role;

create function private.mail_daily_report(report_date date, timezone text, listed_count integer, properties jsonb, attachments jsonb)
returns void
language plpgsql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
begin
  update public.daily_reports r
  set property_count = listed_count
  where r.report_date = mail_daily_report.report_date;

  perform private.mail_admins(
    'daily_report',
    jsonb_build_object(
      'report_date', report_date, 'timezone', timezone, 'property_count', listed_count,
      'totals', private.daily_totals(report_date, timezone), 'properties', properties
    ),
    'daily_report:' || report_date, attachments
  );
end;
$$;
comment on function private.mail_daily_report is 'The report of a day is written: it goes to the admins, once.';
grant execute on function private.mail_daily_report to service_role;

create function private.note_sent_report()
returns trigger
language plpgsql
security definer -- nobody writes daily_reports directly
set search_path = ''
as $$
begin
  update public.daily_reports
  set sent_at = new.sent_at
  where report_date = (new.props ->> 'report_date')::date;
  return null;
end;
$$;
comment on function private.note_sent_report is 'After a report was sent: notes when.';

create trigger note_sent_report
  after update of state on private.mails
  for each row when (new.template = 'daily_report' and new.state = 'sent' and old.state <> 'sent')
  execute function private.note_sent_report();


-- Old listings ----------------------------------------------------------------------------------

create index properties_by_last_change on public.properties (updated_at) where status = 'listed';

create function private.archive_old_listings()
returns integer
language sql
security definer -- run by pg_cron
set search_path = ''
as $$
  with archived as (
    update public.properties p
    set status = 'archived'
    from (
      select old.id, old.updated_at from public.properties old
      where old.status = 'listed'
        and old.updated_at < now() - interval '365 days'
        and not exists (
          select from public.reservations r
          where r.property_id = old.id
            and (r.created_at >= now() - interval '365 days' or r.check_out > private.today())
        )
        -- A new picture or a blocked week is a change, too.
        and not exists (
          select from public.property_images i where i.property_id = old.id and i.created_at >= now() - interval '365 days'
        )
        and not exists (
          select from public.property_blocks b where b.property_id = old.id and b.created_at >= now() - interval '365 days'
        )
      for update skip locked
    ) old
    where p.id = old.id
    returning p.id, p.host_id, p.title, p.city, p.country_code, old.updated_at as last_change
  ),
  told as (
    select private.send_mail(
      'property_archived', u.email, h.name,
      jsonb_build_object(
        'recipient_name', h.name, 'property_id', a.id, 'property_title', a.title, 'city', a.city,
        'country_name', c.name, 'last_change', a.last_change::date
      ),
      'property_archived:' || a.id || ':' || a.last_change::date
    )
    from archived a
    join public.profiles h on h.id = a.host_id
    join auth.users u on u.id = h.id
    join public.countries c on c.code = a.country_code
  )
  select (select count(*) from archived)::integer from (select count(*) from told) as all_told
$$;
comment on function private.archive_old_listings is
  'Archives listed properties without a change or a reservation for 365 days and tells their hosts. Returns how many.';


-- Dead letters, for admins ----------------------------------------------------------------------

create type public.job_statistics as (
  queued bigint,
  running bigint,
  failed bigint,
  oldest_due_at timestamptz,
  oldest_due_seconds integer,
  last_call_at timestamptz,
  last_call_status integer,
  last_call_error text,
  kinds jsonb
);
comment on type public.job_statistics is
  'The state of the queue: counts, the oldest job that is due, the last call of the worker and its answer, and [{ kind, queued, running, failed }].';

create function public.job_stats()
returns public.job_statistics
language plpgsql stable
security definer -- the queue is closed to the API roles
set search_path = ''
as $$
declare
  stats public.job_statistics;
begin
  perform private.require_role('admin');

  select coalesce(sum(k.queued), 0)::bigint, coalesce(sum(k.running), 0)::bigint, coalesce(sum(k.failed), 0)::bigint,
    min(k.oldest_due_at), extract(epoch from now() - min(k.oldest_due_at))::integer,
    coalesce(jsonb_agg(jsonb_build_object('kind', k.kind, 'queued', k.queued, 'running', k.running, 'failed', k.failed) order by k.kind), '[]')
  into stats.queued, stats.running, stats.failed, stats.oldest_due_at, stats.oldest_due_seconds, stats.kinds
  from (
    select j.kind,
      count(*) filter (where j.state = 'queued') as queued,
      count(*) filter (where j.state = 'running') as running,
      count(*) filter (where j.state = 'failed') as failed,
      min(j.run_at) filter (where j.state = 'queued' and j.run_at <= now()) as oldest_due_at
    from private.jobs j
    where j.state in ('queued', 'running', 'failed')
    group by j.kind
  ) k;

  select w.at, r.status_code, r.error_msg
  into stats.last_call_at, stats.last_call_status, stats.last_call_error
  from private.job_wakes w
  left join net._http_response r on r.id = w.call_id
  order by (r.id is not null) desc, w.at desc
  limit 1;

  return stats;
end;
$$;
comment on function public.job_stats is 'Admins only. What waits, how old the oldest is, and what the worker last answered.';
grant execute on function public.job_stats to authenticated;

create function public.failed_jobs(page_size integer default 20)
returns table (id uuid, kind text, payload jsonb, attempts integer, last_error text, created_at timestamptz, failed_at timestamptz)
language plpgsql stable
security definer -- the queue is closed to the API roles
set search_path = ''
as $$
begin
  perform private.require_role('admin');
  perform private.check_page_size(page_size);

  return query
  select j.id, j.kind, j.payload, j.attempts::integer, j.last_error, j.created_at, j.finished_at
  from private.jobs j
  where j.state = 'failed'
  order by j.finished_at desc
  limit page_size;
end;
$$;
comment on function public.failed_jobs is 'Admins only. Dead letters and why they failed, the newest first; pages of 1 to 100.';
grant execute on function public.failed_jobs to authenticated;

create function public.retry_job(job_id uuid)
returns void
language plpgsql
security definer -- the queue is closed to the API roles
set search_path = ''
as $$
begin
  perform private.require_role('admin');

  update private.jobs j
  set state = 'queued', run_at = now(), attempts = 0, finished_at = null
  where j.id = job_id and j.state = 'failed';
  if not found then
    perform private.refuse(404, 'not_found', 'There is no failed job with this id.');
  end if;

  perform private.audit('job.retried', 'jobs', job_id);
  perform private.wake_jobs();
end;
$$;
comment on function public.retry_job is 'Admins only. Gives a failed job all its tries again. 404 not_found.';
grant execute on function public.retry_job to authenticated;


-- Health ----------------------------------------------------------------------------------------

create function private.queue_health(out due bigint, out oldest_due_seconds integer, out dead_letters bigint)
language sql stable
security definer -- the function `health` may ask, not read the table
set search_path = ''
as $$
  select count(*), coalesce(extract(epoch from now() - min(due.since)), 0)::integer,
    (select count(*) from private.jobs j where j.state = 'failed')
  from (
    select j.run_at as since from private.jobs j where j.state = 'queued' and j.run_at <= now()
    union all
    select j.leased_until from private.jobs j where j.state = 'running' and j.leased_until <= now()
  ) due
$$;
comment on function private.queue_health is
  'How many jobs are due or lost their worker, for how long the first of them waits, and how many failed for good.';
grant execute on function private.queue_health to service_role;
