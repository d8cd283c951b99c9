-- Homes of fifty hosts, guests, and stays that wait for their payment on Stripe's page, as many as
-- `bench.homes`, `bench.guests` and `bench.stays` say. Every tenth name is in another script.

select set_config('djanobnb.seeding', 'on', false);

create schema bench;

create function bench.id(sort text, n bigint)
returns uuid
language sql immutable
return md5(sort || ' ' || n)::uuid;

insert into auth.users (id, aud, role, email, raw_user_meta_data, created_at, updated_at)
select bench.id(sort, n), 'authenticated', 'authenticated', sort || n || '@bench.test',
  jsonb_build_object('name', case when n % 10 > 0 then 'Maria da Silva' else
    (array['山田 太郎', 'محمد بن عبد الله', 'Дмитрий Шостакович', 'हिन्दी क्षत्रिय', '김철수', 'สมชาย ใจดี'])[1 + n / 10 % 6] end),
  now(), now()
from (values ('host', 50), ('guest', current_setting('bench.guests')::integer)) as sorts (sort, count)
cross join lateral generate_series(1, count) n;

insert into public.properties (id, host_id, title, description, category, country_code, city, price_per_night, guests)
select bench.id('home', n), bench.id('host', 1 + n % 50), 'A quiet cottage with a stove, number ' || n, 'Two rooms.',
  'cabin', 'IE', 'Cork', 10000 + n, 4
from generate_series(1, current_setting('bench.homes')::integer) n;

create table bench.stays (
  n integer primary key,
  reservation_id uuid not null,
  total integer not null
);

do $$
declare
  guest uuid;
  stay public.reservations;
  checkout record;
begin
  for n in 1 .. current_setting('bench.stays')::integer loop
    guest := bench.id('guest', n);
    perform set_config('request.jwt.claims', jsonb_build_object('sub', guest, 'role', 'authenticated')::text, true);
    stay := public.reserve(bench.id('home', n), current_date + 20, current_date + 23, 2);
    select * into checkout from private.begin_checkout(guest, stay.id);
    perform private.record_checkout(checkout.payment_id, 'cs_test_bench_' || n, 'https://checkout.stripe.test/' || n);
    insert into bench.stays values (n, stay.id, stay.total);
  end loop;
end;
$$;

select set_config('djanobnb.seeding', '', false);

analyze;
