-- A help desk after a year: 1,000,000 inquiries of 100,000 customers, 30,000 of them open, with
-- 5,000,000 messages, answered by 49 agents and watched by one admin. Run without triggers.

select setseed(0.6);

create function pg_temp.bench_id(sort text, n bigint)
returns uuid
language sql immutable
return md5(sort || ' ' || n)::uuid;

insert into auth.users (id, aud, role, email, created_at, updated_at)
select pg_temp.bench_id('staff', n), 'authenticated', 'authenticated', 'staff' || n || '@bench.test', now(), now()
from generate_series(0, 49) n;

insert into public.profiles (id, name)
select pg_temp.bench_id('staff', n), 'Agent ' || n from generate_series(0, 49) n
union all
select pg_temp.bench_id('customer', n), 'Customer ' || n from generate_series(1, 100000) n;

insert into public.user_roles (user_id, role)
select pg_temp.bench_id('staff', n), case n when 0 then 'admin' else 'customer_service' end::public.user_role
from generate_series(0, 49) n;

-- The newer an inquiry, the likelier it is open: all of the last eleven days.
insert into public.inquiries
  (id, user_id, subject, message, severity, status, assigned_to, assigned_at, due_at, first_response_at, resolved_at, rating, created_at, updated_at)
select pg_temp.bench_id('inquiry', n), pg_temp.bench_id('customer', 1 + (n::bigint * 7919) % 100000), 'Question ' || n,
  'How do we ' || repeat('go on and ', 25), severity, status, agent,
  case when agent is not null then asked + interval '20 minutes' end,
  -- A third of the open ones is with the customer.
  case when status <> 'resolved' and n % 3 > 0 then greatest(asked, now() - random() * interval '2 days') + private.answer_within(severity) end,
  case when agent is not null then asked + random() * private.answer_within(severity) end,
  case when status = 'resolved' then asked + random() * interval '8 days' end,
  case when status = 'resolved' and n % 4 = 0 then 1 + n % 5 end,
  asked, asked
from (
  select n, severity, status, asked,
    case when status <> 'active' then pg_temp.bench_id('staff', 1 + (n::bigint * 31) % 49) end as agent
  from (
    select n, now() - interval '365 days' + n * interval '365 days' / 1000000 as asked,
      (array['normal', 'normal', 'normal', 'normal', 'normal', 'normal', 'normal', 'high', 'high', 'urgent'])[1 + (random() * 9.99)::integer % 10]::public.inquiry_severity as severity,
      case when n <= 970000 then 'resolved' when n % 8 = 0 then 'active' else 'pending' end::public.inquiry_status as status
    from generate_series(1, 1000000) n
  ) asked
) given;

insert into public.inquiry_messages (id, inquiry_id, author_id, author_role, body, internal, created_at)
select gen_random_uuid(), i.id, case when by_agent then i.assigned_to else i.user_id end,
  case when by_agent then 'customer_service' else 'user' end::public.user_role,
  'Message ' || k || repeat(' and more', 15), k = 3 and by_agent, i.created_at + k * interval '10 minutes'
from public.inquiries i
cross join generate_series(1, 5) k
cross join lateral (select i.assigned_to is not null and k % 2 = 1 as by_agent) b;
