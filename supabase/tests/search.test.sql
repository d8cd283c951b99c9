-- Visitors and guests look for homes: every argument, dates against holds, stays and blocks, pages in
-- every order while homes are added, words in any script, and whatever else somebody may type.
begin;
set local search_path = public, extensions;
select plan(155);

create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Bea') as bea, tests.create_user('Gil') as gil,
  tests.create_user('Ada', 'admin') as admin;
grant select on cast_of to public;

-- Ana's homes, from the newest to the oldest. B, C and D cost the same.
insert into properties
  (host_id, title, description, category, country_code, city, price_per_night, bedrooms, bathrooms, guests, status, created_at)
select ana, h.title, description, category, country_code, city, price, bedrooms, bathrooms, guests, status::property_status,
  now() - h.days * interval '1 day'
from cast_of, (values
  ('A', 'Sea view', 'cabin', 'IE', 'Cork', 10000, 1, 1, 2, 'listed', 1),
  ('B', 'Mountain-view; crème brûlée', 'cabin', 'FR', 'Saint-Étienne', 20000, 2, 1, 4, 'listed', 2),
  ('C', 'Tour Eiffel & Straßencafé, 100% quiet', 'villa', 'FR', 'Paris', 20000, 3, 2, 6, 'listed', 3),
  ('D', 'Дом у моря, 海の家', 'villa', 'ES', 'Málaga', 20000, 4, 3, 8, 'listed', 4),
  ('E', 'It''s "the" house_of Łódź', 'house', 'PL', 'Łódź', 30000, 5, 4, 10, 'listed', 5),
  ('F', 'Sea view', 'cabin', 'IE', 'Cork', 10000, 1, 1, 2, 'draft', 1),
  ('G', 'Sea view', 'cabin', 'IE', 'Cork', 10000, 1, 1, 2, 'archived', 1)
) h (title, description, category, country_code, city, price, bedrooms, bathrooms, guests, status, days);
create temp table homes on commit drop as select p.title, p.id from properties p, cast_of where p.host_id = ana;
grant select on homes to public;

create function pg_temp.home(title text) returns uuid language sql as $$
  select h.id from homes h where h.title = home.title
$$;
-- The titles among Ana's homes, in the order of the answer.
create function pg_temp.found(arguments text default '') returns text language plpgsql as $$
declare
  titles text;
begin
  execute format(
    'select string_agg(title, '' '' order by place) from search_properties(host => %L %s) with ordinality s
      (id, title, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, place)',
    (select ana from cast_of), nullif(concat(', ', arguments), ', ')
  ) into titles;
  return coalesce(titles, '');
end $$;
create function pg_temp.free(from_day integer, to_day integer) returns text language sql as $$
  select pg_temp.found(format('check_in => %L, check_out => %L', current_date + from_day, current_date + to_day))
$$;
create function pg_temp.typed(query text) returns text language sql as $$
  select pg_temp.found(format('query => %L', query))
$$;
create function pg_temp.lapse(title text) returns void language sql security definer as $$
  update public.reservations set hold_expires_at = now() - interval '1 second'
  where property_id = (select id from homes h where h.title = lapse.title) and status = 'held'
$$;
create function pg_temp.pay(title text) returns void language sql security definer as $$
  update public.reservations set status = 'confirmed'
  where property_id = (select id from homes h where h.title = pay.title) and status = 'held' and hold_expires_at > now()
$$;
grant execute on all functions in schema pg_temp to public;


-- Who sees what
select tests.as_visitor();
select is(pg_temp.found(), 'A B C D E', 'a visitor finds what is listed, the newest first');
select tests.as_user(gil) from cast_of;
select is(pg_temp.found(), 'A B C D E', 'so does a guest');
select tests.as_user(ana) from cast_of;
select is(pg_temp.found(), 'A B C D E', 'a host does not find her own drafts');
select tests.as_user(admin) from cast_of;
select is(pg_temp.found(), 'A B C D E', 'nor does an admin');
select tests.as_service();
select is(pg_temp.found(), 'A B C D E', 'nor the secret key');

select tests.as_visitor();
select results_eq(
  format($$ select title, country_code, city, category, price_per_night, currency, bedrooms::integer, bathrooms::integer,
    guests::integer, host_id, host_name, cover_url, is_favorite, created_at from search_properties(host => %L, page_size => 1) $$, (select ana from cast_of)),
  $$ select 'A', 'IE', 'Cork', 'cabin', 10000, 'usd', 1, 1, 2, ana, 'Ana', null::text, false, now() - interval '1 day' from cast_of $$,
  'a row says what a list shows'
);
select tests.as_operator();
insert into property_images (property_id, path, position)
select h.id, ana || '/' || h.id || '/' || name, place from homes h, cast_of, (values ('second.webp', 1), ('cover.webp', 0)) i (name, place) where h.title = 'A';
do $$ begin
  if private.project_url() is null then perform vault.create_secret('http://project.test', 'project_url'); end if;
end $$;
select tests.as_visitor();
select matches(cover_url, '^http.*/storage/v1/object/public/property-images/.*/cover\.webp$', 'the cover is the first image')
from search_properties(host => (select ana from cast_of), page_size => 1);


-- Each argument
select is(pg_temp.found($$ country => 'FR' $$), 'B C', 'country');
select is(pg_temp.found($$ country => 'QQ' $$), '', 'a country without homes');
select is(pg_temp.found($$ category => 'cabin' $$), 'A B', 'category');
select is(pg_temp.found($$ category => 'spaceship' $$), '', 'a category that there is not');
select is(pg_temp.found('guests => 6'), 'C D E', 'guests: at least');
select is(pg_temp.found('bedrooms => 4'), 'D E', 'bedrooms: at least');
select is(pg_temp.found('bathrooms => 3'), 'D E', 'bathrooms: at least');
select is(pg_temp.found('guests => 1000000'), '', 'more guests than any home takes');
select is(pg_temp.found('min_price => 20000'), 'B C D E', 'min_price, itself included');
select is(pg_temp.found('max_price => 20000'), 'A B C D', 'max_price, itself included');
select is(pg_temp.found('min_price => 10001, max_price => 29999'), 'B C D', 'both');
select is(pg_temp.found($$ country => 'FR', category => 'villa', guests => 2, bathrooms => 1, max_price => 20000, query => 'eif' $$), 'C', 'many at once');
select is(pg_temp.found('page_size => 2'), 'A B', 'page_size');
select is(pg_temp.found($$ sort => 'newest' $$), 'A B C D E', 'sort newest');
select is(pg_temp.found($$ sort => 'price_asc' $$), (select string_agg(title, ' ' order by price_per_night, id) from properties, cast_of where host_id = ana and status = 'listed'),
  'sort price_asc, ties by id');
select is(pg_temp.found($$ sort => 'price_desc' $$), (select string_agg(title, ' ' order by price_per_night desc, id desc) from properties, cast_of where host_id = ana and status = 'listed'),
  'sort price_desc, ties by id too');
select is((select count(*) from search_properties(host => gen_random_uuid())), 0::bigint, 'a host that there is not');
select isnt_empty('select from search_properties()', 'nothing asked for: the front page');
select lives_ok(
  $$ select search_properties(null, null, null, null, null, null, null, null, null, null, null, null, 'newest', 24, null) $$,
  'null is nothing asked for, for favorites_only too'
);


-- Favorites
select tests.refuses('select search_properties(favorites_only => true)', 401, 'not_signed_in', 'a visitor has no favorites');
select tests.as_user(gil) from cast_of;
select is(pg_temp.found('favorites_only => true'), '', 'no favorites yet');
select toggle_favorite(pg_temp.home('D')) into temp liked;
select toggle_favorite(pg_temp.home('B')) into temp liked_too;
select is(pg_temp.found('favorites_only => true'), 'B D', 'one''s favorites');
select is(pg_temp.found($$ favorites_only => true, country => 'ES' $$), 'D', 'some of them');
select results_eq(
  format('select title from search_properties(host => %L) where is_favorite', (select ana from cast_of)), $$ values ('B'), ('D') $$,
  'a heart is shown at each of them'
);
select tests.as_user(bea) from cast_of;
select is(pg_temp.found('favorites_only => true'), '', 'and they are nobody else''s');
select is((select count(*) from search_properties(host => (select ana from cast_of)) where is_favorite), 0::bigint, 'nor are the hearts');


-- Dates
select tests.as_visitor();
select is(pg_temp.free(10, 13), 'A B C D E', 'all are free');
select tests.refuses('select search_properties(check_in => current_date)', 400, 'invalid_dates', 'check_in alone');
select tests.refuses('select search_properties(check_out => current_date)', 400, 'invalid_dates', 'check_out alone');
select tests.refuses('select search_properties(check_in => current_date, check_out => current_date)', 400, 'invalid_dates', 'no night');
select tests.refuses('select search_properties(check_in => current_date + 1, check_out => current_date)', 400, 'invalid_dates', 'out before in');
select tests.refuses('select search_properties(check_in => current_date, check_out => current_date + 366)', 400, 'invalid_dates', 'more than a year');
select tests.refuses($$ select search_properties(check_in => '-infinity', check_out => 'infinity') $$, 400, 'invalid_dates', 'for ever');
select lives_ok('select search_properties(check_in => current_date, check_out => current_date + 365)', 'a whole year');

select tests.as_user(gil) from cast_of;
select reserve(pg_temp.home('A'), current_date + 10, current_date + 13, 2) into temp held;
select is(pg_temp.free(10, 13), 'B C D E', 'a hold takes its nights, for him who holds it too');
select tests.as_visitor();
select is(pg_temp.free(12, 13), 'B C D E', 'the last night');
select is(pg_temp.free(8, 11), 'B C D E', 'the first night');
select is(pg_temp.free(9, 20), 'B C D E', 'around it');
select is(pg_temp.free(11, 12), 'B C D E', 'within it');
select is(pg_temp.free(13, 15), 'A B C D E', 'one may come on the day on which the other leaves');
select is(pg_temp.free(8, 10), 'A B C D E', 'and leave on the day on which the other comes');
select pg_temp.lapse('A');
select is(pg_temp.free(10, 13), 'A B C D E', 'a hold that has run out takes nothing, though nobody has marked it');

select tests.as_user(bea) from cast_of;
select reserve(pg_temp.home('A'), current_date + 11, current_date + 14, 2) into temp held_next;
select tests.as_visitor();
select is(pg_temp.free(10, 13), 'B C D E', 'somebody else holds nights of it');
select pg_temp.pay('A');
select is(pg_temp.free(10, 13), 'B C D E', 'and pays for them');
select is(pg_temp.free(10, 11) || ' / ' || pg_temp.free(14, 15), 'A B C D E / A B C D E', 'the nights before and after are free');
select tests.as_user(bea) from cast_of;
select cancel_reservation(id) into temp cancelled from reservations where property_id = pg_temp.home('A') and status = 'confirmed';
select tests.as_visitor();
select is(pg_temp.free(10, 13), 'A B C D E', 'and cancels');

select tests.as_user(ana) from cast_of;
insert into property_blocks (property_id, check_in, check_out) values
  (pg_temp.home('B'), current_date + 20, current_date + 25), (pg_temp.home('B'), current_date + 25, current_date + 30),
  (pg_temp.home('C'), current_date + 22, current_date + 23);
select tests.as_visitor();
select is(pg_temp.free(20, 30), 'A D E', 'blocks take nights');
select is(pg_temp.free(24, 26), 'A C D E', 'two of them side by side leave no gap');
select is(pg_temp.free(19, 20) || ' / ' || pg_temp.free(30, 31), 'A B C D E / A B C D E', 'both ends are free');
select tests.as_user(ana) from cast_of;
update property_blocks set check_out = current_date + 22 where property_id = pg_temp.home('B') and check_in = current_date + 20;
select tests.as_visitor();
select is(pg_temp.free(22, 25), 'A B D E', 'a shorter block frees nights');
select tests.as_user(ana) from cast_of;
delete from property_blocks where property_id = pg_temp.home('B');
select tests.as_visitor();
select is(pg_temp.free(20, 30), 'A B D E', 'no block frees all of them');
select is(pg_temp.found(format($$ check_in => %L, check_out => %L, query => 'sea', max_price => 15000 $$, current_date + 20, current_date + 30)), 'A',
  'dates, words and prices at once');


-- What is taken, for everyone and without names
select is_empty(format('select * from unavailable_ranges(%L, current_date, current_date + 60)', pg_temp.home('D')), 'nothing is taken');
select tests.as_user(ana) from cast_of;
insert into property_blocks (property_id, check_in, check_out) values
  (pg_temp.home('D'), current_date + 40, current_date + 44), (pg_temp.home('D'), current_date + 10, current_date + 12);
select tests.as_user(gil) from cast_of;
select reserve(pg_temp.home('D'), current_date + 12, current_date + 15, 2) into temp held_d;
select tests.as_user(bea) from cast_of;
select reserve(pg_temp.home('D'), current_date + 15, current_date + 18, 2) into temp held_d_too;
select tests.as_visitor();
select results_eq(
  format('select * from unavailable_ranges(%L, current_date, current_date + 60)', pg_temp.home('D')),
  'values (current_date + 10, current_date + 18), (current_date + 40, current_date + 44)',
  'a block and two holds side by side are one range, in order, and nothing tells which is which'
);
select results_eq(
  format('select * from unavailable_ranges(%L, current_date + 11, current_date + 42)', pg_temp.home('D')),
  'values (current_date + 11, current_date + 18), (current_date + 40, current_date + 42)',
  'cut to the dates that were asked for'
);
select is_empty(format('select * from unavailable_ranges(%L, current_date + 18, current_date + 40)', pg_temp.home('D')), 'nothing between them');
select pg_temp.lapse('D');
select results_eq(
  format('select * from unavailable_ranges(%L, current_date, current_date + 60)', pg_temp.home('D')),
  'values (current_date + 10, current_date + 12), (current_date + 40, current_date + 44)',
  'holds that have run out take nothing'
);
select is(
  (select array_agg(p.parameter_name::text order by p.ordinal_position) from information_schema.parameters p
    join information_schema.routines r using (specific_schema, specific_name)
    where r.routine_schema = 'public' and r.routine_name = 'unavailable_ranges' and p.parameter_mode = 'OUT'),
  '{check_in,check_out}', 'there is no column for who'
);
select tests.refuses(format('select unavailable_ranges(%L, null, current_date)', pg_temp.home('D')), 400, 'invalid_dates', 'no from_date');
select tests.refuses(format('select unavailable_ranges(%L, current_date, current_date)', pg_temp.home('D')), 400, 'invalid_dates', 'no night');
select tests.refuses(format($$ select unavailable_ranges(%L, current_date, 'infinity') $$, pg_temp.home('D')), 400, 'invalid_dates', 'for ever');
select is_empty('select unavailable_ranges(gen_random_uuid(), current_date, current_date + 60)', 'a home that there is not');
select tests.as_user(ana) from cast_of;
insert into property_blocks (property_id, check_in, check_out) values (pg_temp.home('F'), current_date, current_date + 5);
select isnt_empty(format('select unavailable_ranges(%L, current_date, current_date + 60)', pg_temp.home('F')), 'a host sees the calendar of her draft');
select tests.as_visitor();
select is_empty(format('select unavailable_ranges(%L, current_date, current_date + 60)', pg_temp.home('F')), 'to a visitor it is not there');


-- Words
select is(pg_temp.typed('cork'), 'A', 'a word of the city');
select is(pg_temp.typed('eiffel'), 'C', 'of the description');
select is(pg_temp.typed('Eif'), 'C', 'a start of it, in any case');
select is(pg_temp.typed('iffel'), '', 'not its middle');
select is(pg_temp.typed('view mou'), 'B', 'all words, in any order');
select is(pg_temp.typed('view cork'), 'A', 'wherever they stand');
select is(pg_temp.typed('view paris'), '', 'all of them');
select is(pg_temp.typed('etienne'), 'B', 'without its accents');
select is(pg_temp.typed('ÉTIENNE, SAINT'), 'B', 'with them, in capitals');
select is(pg_temp.typed(E'E\u0301tienne'), 'B', 'with an accent as a character of its own');
select is(pg_temp.typed('creme brulee'), 'B', 'several');
select is(pg_temp.typed('strassen'), 'C', 'ß as ss');
select is(pg_temp.typed('lodz'), 'E', 'Ł as l');
select is(pg_temp.typed('МОРЯ'), 'D', 'Cyrillic');
select is(pg_temp.typed('海の'), 'D', 'Japanese');
select is(pg_temp.typed('100'), 'C', 'a number');
select is(pg_temp.typed('100%'), 'C', 'a sign is no part of a word, and no wildcard');
select is(pg_temp.typed('it''s "the"'), 'E', 'quotes');
select is(pg_temp.typed('house_of'), 'E', 'an underscore');
select is(pg_temp.typed(''), 'A B C D E', 'nothing typed');
select is(pg_temp.typed(E' \t\n'), 'A B C D E', 'only spaces');
select is(pg_temp.typed('🏡'), '', 'nothing that could be a word');
select is(pg_temp.typed('🏡 cork'), 'A', 'but beside one it does no harm');
select is(pg_temp.typed('%'), '', 'a wildcard elsewhere');
select is(pg_temp.typed('cork ' || repeat('x', 10000)), '', 'ten thousand characters');
select is(pg_temp.typed('cork ' || repeat(' ', 10000)), 'A', 'ten thousand spaces');
select is(pg_temp.typed(repeat('cork ', 2000)), 'A', 'the same word two thousand times');
select lives_ok(
  format('select search_properties(query => %L)', typed), 'no error: ' || left(typed, 20)
)
from unnest(array[
  '''', '"', '\', '&', '|', '!', ':*', '<->', '((', '--', ';', '$1', '%s', '%1$s', 'a:*', 'a & !b', '''); drop table properties; --',
  E'\u0001\u202e\ufeff', '👩‍👩‍👧', 'ﷺ', 'हिन्दी', repeat('é', 10000), (select string_agg(chr(i), ' ') from generate_series(33, 9000) i)
]) typed;


-- Bad input
select tests.refuses('select search_properties(' || arguments || ')', 400, code, arguments)
from (values
  ('page_size => 0', 'invalid_page_size'), ('page_size => 101', 'invalid_page_size'), ('page_size => null', 'invalid_page_size'),
  ('sort => ''cheapest''', 'invalid_sort'), ('sort => null', 'invalid_sort'), ('sort => ''newest; drop table x''', 'invalid_sort'),
  ('country => ''fr''', 'invalid_country'), ('country => ''FRA''', 'invalid_country'), ('category => ''a'''' or true''', 'invalid_category'),
  ('guests => -1', 'invalid_filter'), ('min_price => -1', 'invalid_filter'), ('min_price => 2, max_price => 1', 'invalid_prices'),
  ('page_cursor => ''''', 'invalid_cursor'), ('page_cursor => ''nonsense''', 'invalid_cursor'),
  ('page_cursor => ''newest~1~1''', 'invalid_cursor'),
  ('page_cursor => ''newest~99999999999999999999~' || gen_random_uuid() || '''', 'invalid_cursor'),
  ('page_cursor => ''newest~1~''''; drop table properties; --''', 'invalid_cursor'),
  ('page_cursor => ''price_asc~1~' || gen_random_uuid() || '''', 'invalid_cursor')
) bad (arguments, code);


-- Pages, while homes are added at both ends of every order
select tests.as_operator();
create function pg_temp.add_home(price integer, created_at timestamptz) returns void language sql security definer as $$
  insert into public.properties (host_id, title, category, country_code, city, price_per_night, created_at)
  select ana, 'new', 'cabin', 'IE', 'Cork', price, created_at from cast_of
$$;
create function pg_temp.walk(sort text, page_size integer, arguments text default '') returns text language plpgsql as $$
declare
  titles text[] := '{}';
  page text[];
  next_cursor text;
begin
  loop
    execute format(
      'select array_agg(s.title), max(s.page_cursor) filter (where s.place = %2$s)
      from (select s.*, row_number() over () as place from search_properties(host => %1$L, sort => %3$L, page_size => %2$s, page_cursor => %4$L %5$s) s) s',
      (select ana from cast_of), page_size, sort, next_cursor, arguments
    ) into page, next_cursor;
    titles := titles || page;
    perform pg_temp.add_home(1, now()), pg_temp.add_home(90000, now() - interval '10 years');
    exit when next_cursor is null;
  end loop;
  return array_to_string(array_remove(titles, 'new'), ' ');
end $$;
grant execute on all functions in schema pg_temp to public;
select tests.as_visitor();
select is(pg_temp.walk('newest', 1), 'A B C D E', 'newest, one by one');
select is(pg_temp.walk('newest', 2), 'A B C D E', 'newest, two by two');
select is(pg_temp.walk('price_asc', 1), (select string_agg(title, ' ' order by price_per_night, id) from properties, cast_of where host_id = ana and status = 'listed' and title <> 'new'),
  'price_asc, through the ties');
select is(pg_temp.walk('price_desc', 2), (select string_agg(title, ' ' order by price_per_night desc, id desc) from properties, cast_of where host_id = ana and status = 'listed' and title <> 'new'),
  'price_desc, through the ties');
select is(pg_temp.walk('newest', 1, format($$, query => 'view', check_in => %L, check_out => %L $$, current_date + 60, current_date + 62)), 'A B',
  'with words and dates');
select is_empty(
  $$ select from search_properties(page_size => 1) s, search_properties(page_cursor => s.page_cursor, page_size => 100) t where t.id = s.id $$,
  'a page does not begin with the row that was named'
);


-- The search follows its home
select tests.as_operator();
delete from properties where title = 'new';
select tests.as_user(ana) from cast_of;
update properties set title = 'A lighthouse', price_per_night = 50000 where id = pg_temp.home('A');
select tests.as_visitor();
select is(pg_temp.typed('lighth'), 'A lighthouse', 'a new title is found');
select is(pg_temp.found('max_price => 10000'), '', 'and so is a new price');
select tests.as_user(ana) from cast_of;
update properties set status = 'archived' where id = pg_temp.home('A');
update properties set status = 'listed' where id = pg_temp.home('F');
select tests.as_visitor();
select is(pg_temp.free(0, 365), 'B E', 'archived: gone; listed: with the calendar that it had');
select is(pg_temp.free(5, 9), 'F B C D E', 'beside the others');
select tests.as_user(ana) from cast_of;
delete from properties where id = pg_temp.home('E');
select tests.as_visitor();
select is(pg_temp.found(), 'F B C D', 'deleted: gone');


-- Behind it: a calendar has two sides, and both ways to a page lead to the same one
select tests.as_operator();
insert into properties (host_id, title, description, category, country_code, city, price_per_night, guests, created_at)
select ana, 'Home ' || i % 7, 'word' || i % 3 || ' ' || chr(97 + i % 26) || 'x', 'cabin', (array['IE', 'FR'])[1 + i % 2], 'Cork',
  10000 + 100 * (i % 10), 1 + i % 5, now() - (i % 50) * interval '1 hour'
from cast_of, generate_series(1, 200) i;
create temp table stays on commit drop as
select p.id as property_id, private.today() + (n + 3 * k) as check_in, private.today() + (n + 3 * k + 2) as check_out, k, n
from (select id, (row_number() over (order by id))::integer % 11 as n from properties, cast_of where host_id = ana and title like 'Home %') p,
  generate_series(0, 5) k
where (n + k) % 4 <> 0;
insert into property_blocks (property_id, check_in, check_out) select property_id, check_in, check_out from stays where k % 2 = 0;
insert into reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status, hold_expires_at)
select property_id, gil, check_in, check_out, 1, 10000, 20000, 1000, 'usd',
  case when n % 3 = 0 then 'held' else 'confirmed' end::reservation_status,
  case when n % 3 = 0 then now() + interval '1 hour' * (n - 5) end
from stays, cast_of where k % 2 = 1;
update reservations set status = 'cancelled', cancelled_at = now(), cancelled_by = 'guest'
where id in (select r.id from reservations r join stays using (property_id, check_in) where n = 4);
delete from property_blocks where id in (select b.id from property_blocks b join stays using (property_id, check_in) where n = 5);
update reservations set status = 'confirmed' where id in (select r.id from reservations r join stays using (property_id, check_in) where n = 6 and r.status = 'held');

select is_empty(
  $$ select p.id from properties p
    where (select range_agg(v.nights) from private.vacancies v where v.property_id = p.id)
      is distinct from datemultirange(daterange(null, null)) - coalesce((
        select range_agg(o.nights) from private.occupancies o where o.property_id = p.id and o.hold_expires_at is null
      ), '{}') $$,
  'vacancies are what firm stays and blocks leave'
);
select is_empty(
  $$ select from private.vacancies a join private.vacancies b using (property_id) where a.nights -|- b.nights or (a.nights && b.nights and a.nights <> b.nights) $$,
  'each as long as it can be'
);

create function pg_temp.ways_differ(terms text[], stay daterange, country text, sort text, after_key bigint) returns boolean language sql as $$
  select (private.page_in_order(s, 100000)).page is distinct from private.page_of_all(s)
  from (
    select row(
      ways_differ.terms, private.search_pattern(ways_differ.terms), ways_differ.country, null, 2, null, null, null, null,
      lower(stay), upper(stay), ana, false, ways_differ.sort, 20, after_key,
      case when after_key is not null then '80000000-0000-0000-0000-000000000000'::uuid end, null
    )::private.property_search as s
    from cast_of
  ) searches
$$;
select is_empty(
  $$ select terms, stay, country, sort, after_key
    from (values (null::text[]), ('{word}'), ('{word1,ho}'), ('{home,c}'), ('{nothing}')) t (terms),
      (values (null::daterange), (daterange(current_date, current_date + 1)), (daterange(current_date + 4, current_date + 7)), (daterange(current_date + 1, current_date + 17))) d (stay),
      (values (null), ('FR')) c (country),
      (values ('newest', null::bigint), ('newest', (extract(epoch from now() - interval '9 hours') * 1000000)::bigint), ('price_asc', null), ('price_asc', 10300), ('price_desc', 10300)) o (sort, after_key)
    where pg_temp.ways_differ(terms, stay, country, sort, after_key) $$,
  'a page found in order is the page found among all'
);

-- More homes than a first look sees: words from one in every home to one in a few, made over years.
insert into properties (host_id, title, category, country_code, city, price_per_night, created_at)
select bea, 'Place ' || chr(97 + i % 3) || 'mid ' || (array['ample', 'amber', 'ambassador', 'ambassadorial', 'zeta'])[1 + floor(5 * u ^ 4)::integer]
    || ' n' || i % 97, 'cabin', (array['IE', 'FR'])[1 + i % 2], 'Cork', 100 + floor(100000 * u * u)::integer / 500 * 500,
  now() - interval '5 years' * (i / 700.0) ^ 3
from cast_of, generate_series(1, 700) i, lateral (select hashint4(i) / 4294967296.0 + 0.5) h (u);
create temp table worded on commit drop as
select p.*, array(select unnest(private.search_words(concat_ws(' ', title, city, description))) order by 1) as words
from properties p where status = 'listed';

-- What one, two or three words of some home begin with, as many letters as somebody has typed so far.
create temp table queries on commit drop as
select i, array(
    select left(words[1 + (i * (k + 1)) % cardinality(words)], 1 + (i / 3 + k) % 9) from generate_series(0, i % 3) k
  ) as typed,
  (array['newest', 'price_asc', 'price_desc'])[1 + i / 2 % 3] as sort, case when i % 5 = 0 then 'FR' end as country,
  (array[3, 24, 100])[1 + i % 4 % 3] as size
from (select row_number() over (order by md5(id::text)) as n, words from worded) home
join generate_series(1, 60) i on i = home.n;

create function pg_temp.two_pages(q queries) returns uuid[] language sql as $$
  with first_page as materialized (
    select id, page_cursor, place from search_properties(query => array_to_string(q.typed, ' '), sort => q.sort, country => q.country, page_size => q.size)
      with ordinality s (id, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, page_cursor, place)
  )
  select array(
    select id from (
      select id, place from first_page
      union all
      select s.id, 100 + s.place from (select page_cursor from first_page where place = q.size) last,
        search_properties(query => array_to_string(q.typed, ' '), sort => q.sort, country => q.country, page_size => q.size, page_cursor => last.page_cursor)
          with ordinality s (id, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, page_cursor, place)
    ) both_pages
    order by place
  )
$$;
create function pg_temp.plainly(q queries) returns uuid[] language sql as $$
  select array(
    select w.id from worded w
    where (select bool_and(exists (select from unnest(w.words) word where starts_with(word, term))) from unnest(q.typed) term)
      and (q.country is null or w.country_code = q.country)
    order by case q.sort when 'newest' then extract(epoch from w.created_at) when 'price_desc' then w.price_per_night else -w.price_per_night end desc,
      case when q.sort = 'price_asc' then w.id end, w.id desc
    limit 2 * q.size
  )
$$;
create temp table answers on commit drop as
select q.*, pg_temp.two_pages(q) as found, pg_temp.plainly(q) as expected from queries q;
select is_empty(
  'select * from answers where found <> expected',
  'words lead to the pages that a look at every home would make, in every order, however rare they are'
);
select ok(
  count(*) filter (where cardinality(expected) between 1 and 11) > 10 and count(*) filter (where cardinality(expected) = 2 * size) > 10,
  'of which some are full and others are not'
) from answers;

select * from finish();
rollback;
