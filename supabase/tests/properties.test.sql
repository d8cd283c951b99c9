-- Ana lets her homes: listings, drafts and archived ones, images, blocked dates; Gil likes them.
begin;
set local search_path = public, extensions;
select no_plan();

create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil,
  tests.create_user('Cleo', 'customer_service') as agent, tests.create_user('Ada', 'admin') as admin;
grant select on cast_of to public;
create temp table props (name text, id uuid) on commit drop;
grant all on props to public;

-- A listing with one column changed.
create function pg_temp.listing(columns text, vals text) returns text language sql as $$
  select format('insert into properties (title, category, country_code, city, price_per_night%s) values (''A home'', ''cabin'', ''IE'', ''Cork'', 12345%s) returning id',
    coalesce(', ' || columns, ''), coalesce(', ' || vals, ''))
$$;
create function pg_temp.change(assignment text, property text default 'cottage') returns text language sql as $$
  select format('update properties set %s where id = %L returning id', assignment, id) from props where name = property
$$;
create function pg_temp.home(property text default 'cottage') returns uuid language sql as $$ select id from props where name = property $$;
grant execute on all functions in schema pg_temp to public;

-- Listing
select tests.as_user(ana) from cast_of;
with made as (
  insert into properties (title, category, country_code, city, price_per_night) values ('Ana''s cottage', 'cabin', 'IE', 'Cork', 12345) returning id
) insert into props select 'cottage', id from made;
select results_eq(
  format('select host_id, description, currency, bedrooms, bathrooms, guests, status::text from properties where id = %L', pg_temp.home()),
  format($$ values (%L::uuid, '', 'usd', 1::smallint, 1::smallint, 2::smallint, 'listed') $$, (select ana from cast_of)),
  'what is left out has believable values, and the host is who lists'
);
select tests.as_operator();
select is((select props ->> 'property_title' from private.mails where key = 'property_created:' || pg_temp.home()), 'Ana''s cottage', 'the host gets a mail');

select tests.as_user(ana) from cast_of;
select lives_ok(pg_temp.change(format('title = %L, description = %L, city = %L', 'Σπίτι 家 🏡', repeat('й', 10000), 'São Tomé')), 'any script, and 10,000 characters of description');
select throws_ok(pg_temp.change('title = '''''), '23514', null, 'a title has a character at least');
select throws_ok(pg_temp.change('title = ''   '''), '23514', null, 'that is not a space');
select lives_ok(pg_temp.change(format('title = %L', repeat('x', 255))), 'and 255');
select throws_ok(pg_temp.change(format('title = %L', repeat('x', 256))), '23514', null, 'at most');
select throws_ok(pg_temp.change('title = E''a\nb'''), '23514', null, 'on one line');
select throws_ok(pg_temp.change(format('description = %L', repeat('x', 10001))), '23514', null, 'a description has at most 10,000');
select throws_ok(pg_temp.change(a), '23514', null, a || ' is refused')
from unnest(array['price_per_night = 0', 'price_per_night = -1', 'currency = ''eur''', 'bedrooms = -1', 'bedrooms = 51',
  'bathrooms = 51', 'guests = 0', 'guests = 51', 'city = ''''']) a;
select throws_ok(pg_temp.change(a), '23503', null, a || ' is refused')
from unnest(array['category = ''palace''', 'country_code = ''XX''']) a;
select throws_ok(pg_temp.change(a), '42501', null, a || ' is refused')
from unnest(array['id = gen_random_uuid()', format('host_id = %L', (select gil from cast_of)), 'created_at = now()', 'updated_at = now()']) a;
select lives_ok(pg_temp.change('bedrooms = 0, bathrooms = 50, guests = 50, price_per_night = 1'), 'the limits themselves are fine');
select isnt_empty(pg_temp.change('price_per_night = 12345'), 'a price is changed');

select tests.as_visitor();
select throws_ok(pg_temp.listing(null, null), '42501', null, 'a visitor lists nothing');
select tests.as_user(gil) from cast_of;
select throws_ok(pg_temp.listing('host_id', (select quote_literal(ana) from cast_of)), '42501', null, 'nobody lists in another''s name');
select is_empty(pg_temp.change('title = ''Mine now'''), 'nor changes another''s home');
select is_empty(format('delete from properties where id = %L returning id', pg_temp.home()), 'nor deletes it');
select tests.as_user(agent) from cast_of;
select throws_ok(pg_temp.listing('host_id', (select quote_literal(ana) from cast_of)), '42501', null, 'an agent neither');
select is_empty(pg_temp.change('title = ''Tidied'''), 'nor changes it');
select tests.as_user(admin) from cast_of;
select isnt_empty(pg_temp.listing('host_id', (select quote_literal(ana) from cast_of)), 'an admin lists for a host');
select isnt_empty(pg_temp.change('title = ''Ana''''s home'''), 'and changes what one lists');

-- Drafts and archived homes
select tests.as_user(ana) from cast_of;
with made as (
  insert into properties (title, category, country_code, city, price_per_night, status) values ('Ana''s draft', 'cabin', 'IE', 'Cork', 1, 'draft') returning id
) insert into props select 'draft', id from made;
insert into property_images (property_id, path) select pg_temp.home('draft'), ana || '/' || pg_temp.home('draft') || '/1.png' from cast_of;
create function pg_temp.sees() returns text language sql as $$
  select concat_ws(' ', (select count(*) from public.properties p where p.id = pg_temp.home('draft')),
    (select count(*) from public.property_images i where i.property_id = pg_temp.home('draft')))
$$;
grant execute on all functions in schema pg_temp to public;
select is(pg_temp.sees(), '1 1', 'a host sees the own draft and its image');
select tests.as_user(agent) from cast_of;
select is(pg_temp.sees(), '1 1', 'so does staff');
select tests.as_user(gil) from cast_of;
select is(pg_temp.sees(), '0 0', 'nobody else does');
select tests.refuses(format('select toggle_favorite(%L)', pg_temp.home('draft')), 404, 'not_found', 'nor likes it');
select throws_ok(format('insert into favorites (property_id) values (%L)', pg_temp.home('draft')), '42501', null, 'by any way');
select tests.as_visitor();
select is(pg_temp.sees(), '0 0', 'visitors least of all');
select is_empty(format('select from search_properties(host => %L) where id = %L', (select ana from cast_of), pg_temp.home('draft')), 'a search does not find it');
select tests.as_user(ana) from cast_of;
select isnt_empty(pg_temp.change('status = ''listed''', 'draft'), 'Ana lists it');
select tests.as_visitor();
select is(pg_temp.sees(), '1 1', 'now everyone sees it');
select tests.as_user(ana) from cast_of;
select isnt_empty(pg_temp.change('status = ''archived''', 'draft'), 'she archives it');
select tests.as_visitor();
select is(pg_temp.sees(), '0 0', 'and it is gone again');

-- Images
select tests.as_user(ana) from cast_of;
create function pg_temp.image(file text, owner_id uuid, place text default 'default') returns text language sql as $$
  select format('insert into property_images (property_id, path, position) values (%L, %L, %s) returning id',
    pg_temp.home(), owner_id || '/' || pg_temp.home() || '/' || file, place)
$$;
grant execute on all functions in schema pg_temp to public;
select isnt_empty(pg_temp.image(n || '.webp', (select ana from cast_of)), 'image ' || n) from generate_series(0, 18) n;
select results_eq(
  format('select position::integer, path from property_images where property_id = %L order by position', pg_temp.home()),
  format($$ select n, %L || n || '.webp' from generate_series(0, 18) n $$, (select ana from cast_of) || '/' || pg_temp.home() || '/'),
  'each goes after the others, the first one is the cover'
);
select throws_ok(pg_temp.image('x.webp', (select ana from cast_of), '0'), '23505', null, 'two covers there are not');
select throws_ok(pg_temp.image('0.webp', (select ana from cast_of)), '23505', null, 'nor a file twice');
select throws_ok(pg_temp.image('x.webp', (select gil from cast_of)), '42501', null, 'a file of somebody else is none of hers');
select throws_ok(pg_temp.image('a/b.webp', (select ana from cast_of)), '23514', null, 'a file is in the home''s folder');
select throws_ok(pg_temp.image('x.webp', (select ana from cast_of), '-2'), '23514', null, 'positions count from 0');
select isnt_empty(pg_temp.image('19.webp', (select ana from cast_of)), 'the twentieth');
select tests.refuses(pg_temp.image('20.webp', (select ana from cast_of)), 409, 'too_many_images', 'and no more');
select throws_ok(format('update property_images set path = %L where property_id = %L', 'x', pg_temp.home()), '42501', null, 'a path stays');

create temp table turned on commit drop as
select array_agg(id order by position desc) as ids from property_images where property_id = pg_temp.home();
grant select on turned to public;
select is(
  (select string_agg(split_part(path, '/', 3), ' ' order by position) from order_images(pg_temp.home(), (select ids from turned)) where position < 3),
  '19.webp 18.webp 17.webp', 'she puts them in another order'
);
select matches(url(i), '^https?://[^/]+/storage/v1/object/public/property-images/' || path || '$', 'an image has a public address')
from property_images i where property_id = pg_temp.home() and position = 0;
select tests.as_user(gil) from cast_of;
select is_empty(format('select * from order_images(%L, %L)', pg_temp.home(), (select ids from turned)), 'Gil moves nothing');
select throws_ok(pg_temp.image('20.webp', (select gil from cast_of)), '42501', null, 'adds nothing, and does not learn how many there are');
select is_empty(format('delete from property_images where property_id = %L returning id', pg_temp.home()), 'and deletes nothing');
select tests.as_visitor();
select throws_ok(format('select * from order_images(%L, %L)', pg_temp.home(), (select ids from turned)), '42501', null, 'a visitor even less');
select tests.as_user(ana) from cast_of;
delete from property_images where property_id = pg_temp.home() and position = 0;
select tests.as_operator();
select isnt_empty(
  format('select from private.jobs where kind = ''remove_file'' and payload = %L', jsonb_build_object('bucket', 'property-images', 'path', (select ana from cast_of) || '/' || pg_temp.home() || '/19.webp')),
  'the file of a deleted image is removed in the background'
);

-- Files
select tests.as_operator();
-- They are made from config.toml, where there is a Storage.
insert into storage.buckets (id, name) select b, b from unnest(array['avatars', 'property-images', 'invoices', 'reports']) b on conflict do nothing;
create function pg_temp.store(bucket text, path text) returns text language sql as $$
  select format('insert into storage.objects (bucket_id, name) values (%L, %L)', bucket, path)
$$;
grant execute on all functions in schema pg_temp to public;
select tests.as_user(ana) from cast_of;
select lives_ok(pg_temp.store('avatars', ana || '/me.png'), 'one''s own avatar') from cast_of;
select lives_ok(pg_temp.store('property-images', ana || '/' || pg_temp.home() || '/spare.webp'), 'and an image of one''s own home') from cast_of;
select throws_ok(pg_temp.store(bucket, path), '42501', null, bucket || '/' || path || ' is not Ana''s to write')
from cast_of, lateral (values
  ('avatars', gil || '/me.png'), ('avatars', 'me.png'), ('avatars', upper(ana::text) || '/me.png'),
  ('property-images', gil || '/' || pg_temp.home() || '/x.webp'),
  ('property-images', ana || '/' || gen_random_uuid() || '/x.webp'),
  ('property-images', ana || '/x.webp'), ('property-images', ana || '/' || pg_temp.home() || '/deeper/x.webp'),
  ('invoices', ana || '/2026-000001.pdf'), ('reports', 'x.csv')
) as places (bucket, path);
select tests.as_user(gil) from cast_of;
select throws_ok(pg_temp.store('property-images', ana || '/' || pg_temp.home() || '/y.webp'), '42501', null, 'nobody else writes there') from cast_of;
select throws_ok(pg_temp.store('property-images', gil || '/' || pg_temp.home() || '/y.webp'), '42501', null, 'nor to a folder of the own for another''s home') from cast_of;
select is_empty($$ update storage.objects set name = 'x' where bucket_id in ('avatars', 'property-images') returning id $$, 'nor moves what is there');
select tests.as_visitor();
select throws_ok(pg_temp.store('avatars', gil || '/y.png'), '42501', null, 'a visitor writes nothing') from cast_of;

-- Blocked dates
select tests.as_user(ana) from cast_of;
create function pg_temp.block(starts integer, ends integer) returns text language sql as $$
  select format('insert into property_blocks (property_id, check_in, check_out, note) values (%L, current_date + %s, current_date + %s, ''Painters'') returning id',
    pg_temp.home(), starts, ends)
$$;
grant execute on all functions in schema pg_temp to public;
select isnt_empty(pg_temp.block(10, 12), 'Ana keeps two nights free');
select tests.refuses(pg_temp.block(11, 13), 409, 'dates_unavailable', 'not twice the same');
select isnt_empty(pg_temp.block(12, 13), 'the next night is another');
select throws_ok(pg_temp.block(20, 20), '23514', null, 'a block has a night');
select throws_ok(pg_temp.block(20, 19), '23514', null, 'and does not end before it begins');
select tests.refuses(format('update property_blocks set check_in = current_date + 11 where property_id = %L and check_out = current_date + 13', pg_temp.home()),
  409, 'dates_unavailable', 'nor grows into another');
select throws_ok(format('update property_blocks set property_id = %L', pg_temp.home('draft')), '42501', null, 'it stays with its home');
select tests.as_user(gil) from cast_of;
select is_empty('select from property_blocks', 'Gil does not see why');
select throws_ok(pg_temp.block(30, 31), '42501', null, 'and blocks nothing');
select tests.refuses(format('select reserve(%L, current_date + 11, current_date + 14, 1)', pg_temp.home()), 409, 'dates_unavailable', 'he does not get these nights');
select isnt_empty(format('select reserve(%L, current_date + 13, current_date + 15, 1)', pg_temp.home()), 'but those that follow');
select tests.as_user(admin) from cast_of;
select is_empty('select from property_blocks', 'blocks are the host''s alone');
select throws_ok(pg_temp.block(30, 31), '42501', null, 'an admin''s neither');
select tests.as_user(ana) from cast_of;
select tests.refuses(pg_temp.block(14, 16), 409, 'dates_unavailable', 'what Gil holds is not blocked');
select isnt_empty(format('delete from property_blocks where property_id = %L and check_in = current_date + 10 returning id', pg_temp.home()), 'Ana frees two nights');
select tests.as_visitor();
select results_eq(format('select * from unavailable_ranges(%L, current_date, current_date + 60)', pg_temp.home()),
  'values (current_date + 12, current_date + 15)', 'and the calendar shows the rest as one range');

-- Favorites
select tests.as_user(gil) from cast_of;
select is(toggle_favorite(pg_temp.home()), true, 'Gil likes the cottage');
select is((select user_id from favorites), (select gil from cast_of), 'which he alone knows');
select isnt_empty(format('select from search_properties(host => %L, favorites_only => true) where is_favorite', (select ana from cast_of)), 'and finds again');
select is(toggle_favorite(pg_temp.home()), false, 'no longer');
select is_empty('select from favorites', 'and it is gone');
select lives_ok(format('insert into favorites (property_id) values (%L)', pg_temp.home()), 'he may also write it down');
select throws_ok(format('insert into favorites (user_id, property_id) values (%L, %L)', (select ana from cast_of), pg_temp.home()), '42501', null, 'not for others');
select tests.refuses('select toggle_favorite(gen_random_uuid())', 404, 'not_found', 'nor likes what is not there');
select tests.as_user(ana) from cast_of;
select is_empty('select from favorites', 'the host does not learn of it');
select is(toggle_favorite(pg_temp.home()), true, 'and may like it too');
select is(toggle_favorite(pg_temp.home()), false, 'and no longer');
select tests.as_user(gil) from cast_of;
select isnt_empty('select from favorites', 'which takes nothing from Gil''s');
select tests.as_visitor();
select throws_ok(format('select toggle_favorite(%L)', pg_temp.home()), '42501', null, 'a visitor likes nothing');

-- Floods
select tests.as_user(admin) from cast_of;
select lives_ok($$ insert into properties (title, category, country_code, city, price_per_night) select 'Home ' || n, 'cabin', 'IE', 'Cork', 100 from generate_series(1, 100) n $$,
  'a hundred homes within an hour are listed');
select tests.refuses($$ insert into properties (title, category, country_code, city, price_per_night) values ('One more', 'cabin', 'IE', 'Cork', 100) $$,
  429, 'too_many_requests', 'and no more');
select tests.as_user(ana) from cast_of;
select lives_ok(pg_temp.store('property-images', ana || '/' || pg_temp.home() || '/' || n || '.webp'), n || ' files')
from cast_of, (select 60 - count(*)::integer as left from storage.objects o, cast_of where o.bucket_id = 'property-images' and o.name like ana || '/' || pg_temp.home() || '/%') had, generate_series(1, had.left) n;
select throws_ok(pg_temp.store('property-images', ana || '/' || pg_temp.home() || '/one-more.webp'), '42501', null, 'fill the folder of a home') from cast_of;
select throws_ok(pg_temp.store('property-images', ana || '/' || pg_temp.home() || '/1.webp'), '23505', null, 'in which one may still be replaced') from cast_of;

-- The end of a listing
select tests.as_user(ana) from cast_of;
select tests.refuses(format('delete from properties where id = %L', pg_temp.home()), 409, 'has_reservations', 'one with reservations stays');
with made as (
  insert into properties (title, category, country_code, city, price_per_night) values ('A tent', 'cabin', 'IE', 'Cork', 100) returning id
) insert into props select 'tent', id from made;
insert into property_images (property_id, path) select pg_temp.home('tent'), ana || '/' || pg_temp.home('tent') || '/1.webp' from cast_of;
select lives_ok(pg_temp.store('property-images', ana || '/' || pg_temp.home('tent') || '/unused.webp'), 'a file that no image uses') from cast_of;
select tests.as_service();
select results_eq(format('select private.is_file_in_use(''property-images'', %L), private.is_file_in_use(''property-images'', %L)',
  ana || '/' || pg_temp.home('tent') || '/1.webp', ana || '/' || pg_temp.home('tent') || '/unused.webp'), 'values (true, false)', 'a picture that is shown is not removed') from cast_of;
select tests.as_user(ana) from cast_of;
select isnt_empty(format('delete from properties where id = %L returning id', pg_temp.home('tent')), 'one without is deleted');
select tests.as_operator();
select bag_eq(
  format('select split_part(payload ->> ''path'', ''/'', 3) from private.jobs where kind = ''remove_file'' and payload ->> ''path'' like %L', '%/' || pg_temp.home('tent') || '/%'),
  $$ values ('1.webp'), ('unused.webp') $$, 'with all its files'
);
delete from auth.users where id = (select ana from cast_of);
select is((select status::text from properties where id = pg_temp.home()), 'archived', 'a host who leaves keeps no listing, but what is booked stays for the guest''s sake');
select matches((select name from profiles p, cast_of where p.id = ana), '^Anon-[0-9a-f]{8}$', 'under no name');
select isnt_empty(
  format('select from private.jobs where kind = ''remove_file'' and payload ->> ''path'' = %L', (select ana from cast_of) || '/me.png'),
  'and the host''s avatars go'
);

select * from finish();
rollback;
