-- The data of `npm run bench:search`, all made here: `bench.homes` properties (a setting), a fifth
-- as many users and five times as many reservations. The same in every run but for its dates, which
-- begin on the day on which it is made. Triggers, foreign keys and indexes are off meanwhile.

create schema bench;

create function bench.chance(i bigint, salt bigint)
returns float8
language sql immutable parallel safe
return (hashint8extended(i, salt) & 1073741823) / 1073741824::float8;
comment on function bench.chance is 'A number from 0 to 1, a different one for each thing (salt) that is drawn for a row.';

create function bench.nth(choices text[], share float8)
returns text
language sql immutable parallel safe
return choices[1 + floor(cardinality(choices) * share)::integer];

create function bench.id(kind text, i bigint)
returns uuid
language sql immutable parallel safe
return md5(kind || i::text)::uuid;

create table bench.run as
select current_setting('bench.homes')::bigint as homes, current_setting('bench.homes')::bigint / 5 as users,
  current_date + 1 as first_night;

-- Two thousand places. A tenth of them has more than half of the homes, as has a tenth of the hosts.
create table bench.places as
with names as (
  select a, b, (n - 1) as place
  from (
    select a, b, row_number() over (order by md5(a || b)) as n
    from unnest('{San,Port,Villa,Monte,Bad,Saint,Puerto,Castel,Nova,Old,Santa,Cape,Lago,New,Borgo,Fort,Rio,Val,Upper,Lower,São,Älta,Île,Nørre,Łąka,Grand,Petit,Lake,Mount,Little,Gran,Alta,Bella,Costa,Punta,Ville,Campo,Torre,Ponte,Isla}'::text[]) a,
      unnest('{Aurora,Lorenzo,Miguel,Harbour,Rosso,Kirchen,Almeida,Verde,Olmo,Marina,Bruck,Dorado,Celeste,Wold,Stein,Aveiro,Brava,Tessin,Larga,Ferro,Heights,Blanca,Moor,Grove,Palma,Ridge,Sable,Thal,Umbra,Vigo,Wick,Yaiza,Zell,Orsay,Lune,Krone,Jalon,Ivrea,Haven,Garda,Fjell,Esker,Dune,Cadiz,Burg,Arles,Quay,Nerja,Tarn,Sintra}'::text[]) b
  ) numbered
)
select place, a || ' ' || b as city,
  (select code from public.countries
    order by md5(code) offset floor(247 * bench.chance(place, 1) ^ 3)::integer limit 1) as country_code
from names;
alter table bench.places add primary key (place);

insert into auth.users (id, aud, role, email, raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
select bench.id('user', i), 'authenticated', 'authenticated', 'user' || i || '@bench.test', '{"provider": "email"}',
  '{}', now() - interval '6 years' * (i / users::float8), now()
from bench.run, generate_series(1, users) i;

insert into public.profiles (id, name)
select id, 'User ' || row_number() over () from auth.users;

insert into public.user_roles (user_id)
select id from auth.users;

-- The newest last, as they would have come.
insert into public.properties
  (id, host_id, title, description, category, country_code, city, price_per_night, bedrooms, bathrooms, guests, created_at, updated_at)
select bench.id('home', i),
  bench.id('user', 1 + floor(0.3 * users * bench.chance(i, 2) ^ 3.5)::bigint),
  initcap(adjective) || ' ' || kind || ' with ' || feature || ' in ' || city,
  'Welcome to ' || name || '. ' || initcap(bench.nth(adjectives, bench.chance(i, 14))) || ' rooms, '
    || bench.nth(features, bench.chance(i, 15)) || ' and ' || bench.nth(features, bench.chance(i, 16) ^ 2)
    || '. Five minutes on foot from the ' || bench.nth('{market,station,harbour,beach,forest,castle,old town,lake}', bench.chance(i, 17))
    || ', ' || bench.nth('{quiet at night,loved by families,made for two,good for remote work}', bench.chance(i, 18))
    || '. The keys are with the neighbours, who know everything about ' || city || '.',
  (array['apartment', 'house', 'cabin', 'villa', 'beachfront', 'lakefront', 'countryside', 'city', 'farm', 'treehouse', 'houseboat', 'castle'])
    [1 + floor(12 * bench.chance(i, 3) ^ 2)],
  country_code, city,
  100 * (20 + floor(30 * bench.chance(i, 4) + 700 * bench.chance(i, 5) ^ 4)::integer),
  1 + floor(6 * bench.chance(i, 6) ^ 2), 1 + floor(4 * bench.chance(i, 7) ^ 3),
  1 + floor(14 * bench.chance(i, 8) ^ 2), made_at, made_at
from (
  select i, users, p.city, p.country_code, words.*,
    now() - interval '6 years' * ((homes - i) / homes::float8) ^ 2 as made_at,
    bench.nth(adjectives, bench.chance(i, 9) ^ 2) as adjective,
    bench.nth('{apartment,house,cabin,villa,cottage,loft,studio,barn,chalet,flat}', bench.chance(i, 10)) as kind,
    bench.nth(features, bench.chance(i, 11) ^ 2) as feature,
    initcap(bench.nth(syllables, bench.chance(i, 12) ^ 2) || bench.nth(syllables, bench.chance(i, 13)) || bench.nth(syllables, bench.chance(i, 19))) as name
  from bench.run
  cross join (
    select
      '{sunny,quiet,charming,modern,cosy,spacious,bright,rustic,elegant,stylish,historic,romantic,tiny,peaceful,luxurious,simple,renovated,traditional,wooden,colourful,airy,hidden,seaside,panoramic,artistic,minimalist,grand,lovely,secluded,whitewashed}'::text[] as adjectives,
      '{a sea view,a garden,a terrace,a fireplace,a pool,a balcony,free parking,fast wifi,a sauna,a hot tub,a piano,a boat,a vineyard,bicycles,an orchard,a workshop,a rooftop,an observatory,a wine cellar,a climbing wall}'::text[] as features,
      '{ba,lo,ri,men,tu,sa,vel,kor,na,dis,pe,mur,ol,gan,ti,fel,za,bru,hin,que,dor,wy,lim,cas,rue,jo,pan,ste,vi,ax}'::text[] as syllables
  ) words
  cross join generate_series(1, homes) i
  join bench.places p on p.place = floor(2000 * bench.chance(i, 20) ^ 4)
) home
order by i;

insert into public.property_images (property_id, path, position)
select id, host_id || '/' || id || '/cover.webp', 0 from public.properties;

insert into public.favorites (user_id, property_id)
select distinct bench.id('user', 1 + floor(users * bench.chance(i, 30) ^ 2)::bigint), bench.id('home', 1 + floor(homes * bench.chance(i, 31) ^ 2)::bigint)
from bench.run, generate_series(1, homes) i;

-- Stays. The next 105 nights are seven windows of 15 nights, in each of which a home has one stay or
-- none: some homes are often taken, others seldom, 40 % of all nights. Then comes a week (from night
-- 124 on) for which 95 % of all homes are taken. What is left of the five million is in the past.
create table bench.stays as
select i, slot, first_night + (slot - 1) * 15 + floor((16 - length) * bench.chance(i, slot * 10 + 102))::integer as check_in, length
from bench.run, generate_series(1, homes) i, generate_series(1, 7) slot,
  lateral (select 7 + floor(9 * bench.chance(i, slot * 10 + 100))::integer as length) l
where bench.chance(i, slot * 10 + 101) < 0.25 + 0.59 * bench.chance(i, 99);

insert into bench.stays
select i, 8, first_night + 124 - floor(4 * bench.chance(i, 200))::integer, 11 + floor(3 * bench.chance(i, 201))::integer
from bench.run, generate_series(1, homes) i
where bench.chance(i, 202) < 0.95;

insert into bench.stays
select i, 0, first_night - 20 - floor(300 * bench.chance(i, 210))::integer, 1 + floor(14 * bench.chance(i, 211))::integer
from bench.run, generate_series(1, homes) i
limit (select 5 * homes from bench.run) - (select count(*) from bench.stays);

insert into public.reservations
  (id, property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status, hold_expires_at, created_at, updated_at)
select bench.id('stay', i * 10 + slot), p.id, bench.id('user', 1 + floor(users * bench.chance(i, slot * 10 + 103) ^ 2)::bigint),
  check_in, check_in + length, 1, price_per_night, price_per_night * length, (price_per_night * length * 5 + 50) / 100, 'usd',
  -- One of a thousand is a hold, and every other hold has lapsed without anybody having noticed yet.
  case when slot = 0 then 'completed' when slot < 8 and i % 1000 = 0 then 'held' else 'confirmed' end::public.reservation_status,
  case when slot between 1 and 7 and i % 1000 = 0 then now() + interval '10 years' * (case when i % 2000 = 0 then 1 else -0.0001 end) end,
  now(), now()
from bench.run, bench.stays s
join public.properties p on p.id = bench.id('home', s.i);

insert into private.occupancies (property_id, nights, source_id, hold_expires_at)
select property_id, daterange(check_in, check_out), id, hold_expires_at from public.reservations;

-- What triggers would have kept.
insert into private.vacancies (property_id, nights)
with firm as (
  select property_id, nights, lag(upper(nights)) over home as free_from, lead(upper(nights)) over home is null as is_last
  from private.occupancies
  where hold_expires_at is null
  window home as (partition by property_id order by nights)
)
select property_id, daterange(free_from, lower(nights)) from firm where free_from is distinct from lower(nights)
union all
select property_id, daterange(upper(nights), null) from firm where is_last
union all
select id, '(,)' from public.properties p
where not exists (select from private.occupancies o where o.property_id = p.id and o.hold_expires_at is null);

create table bench.words as
select id, array_to_tsvector(private.search_words(concat_ws(' ', title, city, description))) as words from public.properties;

insert into private.listings
  (property_id, host_id, category, country_code, price_per_night, bedrooms, bathrooms, guests, created_at, words)
select p.id, host_id, category, country_code, price_per_night, bedrooms, bathrooms, guests, created_at, w.words
from public.properties p join bench.words w using (id)
order by created_at;

drop table bench.stays, bench.words;
