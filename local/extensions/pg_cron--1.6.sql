-- The catalog and functions of pg_cron 1.6, with the grants of a hosted project.

create schema cron;

create sequence cron.jobid_seq;
create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport int not null default inet_server_port(),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);

create sequence cron.runid_seq;
create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

create function cron.job_cache_invalidate() returns trigger
language plpgsql set search_path = '' as $$
begin
  notify pg_cron;
  return null;
end $$;
create trigger cron_job_cache_invalidate
after insert or update or delete or truncate on cron.job
for each statement execute function cron.job_cache_invalidate();

-- The functions below write as the owner of the tables. Who calls them is the role that was set,
-- or else the one that signed in.
create function cron._caller() returns text
language sql stable set search_path = '' as $$
  select coalesce(nullif(current_setting('role'), 'none'), session_user::text)
$$;

create function cron._check_schedule(schedule text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  if schedule !~* '^\s*(([1-9]|[1-5]\d) seconds?|@(hourly|daily|midnight|weekly|monthly|yearly|annually)|[\d*,/-]+\s+[\d*,/-]+\s+[\d*,/$-]+\s+[\d*,/a-z-]+\s+[\d*,/a-z-]+)\s*$' then
    raise exception 'invalid schedule: %', schedule using errcode = '22023';
  end if;
  return schedule;
end $$;

create function cron.schedule_in_database(
  job_name text, schedule text, command text, database text,
  username text default null, active boolean default true
) returns bigint
language sql security definer set search_path = '' as $$
  insert into cron.job as job (jobname, schedule, command, database, username, active)
  values (job_name, cron._check_schedule(schedule), command, database,
          coalesce(username, cron._caller()), active)
  on conflict on constraint jobname_username_uniq do update
  set schedule = excluded.schedule, command = excluded.command,
      database = excluded.database, active = excluded.active
  returning job.jobid
$$;

create function cron.schedule(job_name text, schedule text, command text) returns bigint
language sql security definer set search_path = '' as $$
  select cron.schedule_in_database(job_name, schedule, command, current_database())
$$;

create function cron.schedule(schedule text, command text) returns bigint
language sql security definer set search_path = '' as $$
  select cron.schedule_in_database(null, schedule, command, current_database())
$$;

create function cron.unschedule(job_id bigint) returns bool
language plpgsql security definer set search_path = '' as $$
begin
  delete from cron.job where jobid = job_id and username = cron._caller();
  if not found then
    raise exception 'could not find valid entry for job %', job_id;
  end if;
  return true;
end $$;

create function cron.unschedule(job_name text) returns bool
language plpgsql security definer set search_path = '' as $$
begin
  delete from cron.job where jobname = job_name and username = cron._caller();
  if not found then
    raise exception 'could not find valid entry for job ''%''', job_name;
  end if;
  return true;
end $$;

create function cron.alter_job(
  job_id bigint, schedule text default null, command text default null,
  database text default null, username text default null, active boolean default null
) returns void
language plpgsql security definer set search_path = '' as $$
begin
  update cron.job set
    schedule = coalesce(cron._check_schedule(alter_job.schedule), job.schedule),
    command = coalesce(alter_job.command, job.command),
    database = coalesce(alter_job.database, job.database),
    username = coalesce(alter_job.username, job.username),
    active = coalesce(alter_job.active, job.active)
  where jobid = job_id and job.username = cron._caller();
  if not found then
    raise exception 'Job % does not exist or you don''t own it', job_id;
  end if;
end $$;

revoke execute on all functions in schema cron from public;
grant usage on schema cron to postgres with grant option;
grant execute on all functions in schema cron to postgres with grant option;
grant select on cron.job to postgres with grant option;
grant all on cron.job_run_details to postgres with grant option;
revoke trigger on cron.job_run_details from postgres;
grant select on cron.job, cron.job_run_details to public;
select pg_extension_config_dump('cron.job', '');
select pg_extension_config_dump('cron.job_run_details', '');
