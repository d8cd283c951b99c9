-- Who may do what with which table: one expected answer for every actor and operation, tried for
-- real. A new table without an answer fails, and so does a privilege that nobody wrote down.
begin;
set local search_path = public, extensions;
select no_plan();

-- The cast: Ana hosts, Gil is her guest, Olga is a stranger to both.
create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil, tests.create_user('Olga') as olga,
  tests.create_user('Cleo', 'customer_service') as agent, tests.create_user('Ada', 'admin') as admin;
grant select on cast_of to public;

-- One row of each table, which belongs to Ana (what a host has) or to Gil (what a guest has).
create temp table props on commit drop as
select tests.create_property(ana, 'Ana''s cottage') as home, tests.create_property(ana, 'Ana''s barn') as barn from cast_of;
grant select on props to public;
insert into property_images (property_id, path) select home, ana || '/' || home || '/cover.webp' from props, cast_of;
insert into property_blocks (property_id, check_in, check_out) select home, private.today() + 50, private.today() + 52 from props;
insert into favorites (user_id, property_id) select gil, home from cast_of, props;
insert into reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
select home, gil, private.today() + 10, private.today() + 12, 2, 10000, 20000, 1000, 'usd', 'confirmed' from props, cast_of;
insert into payments (reservation_id, user_id, amount, currency, status, paid_at)
select r.id, r.guest_id, r.total, r.currency, 'paid', now() from reservations r, cast_of where r.guest_id = gil;
insert into daily_reports (report_date) values ('2000-01-01');
insert into private.checkouts (payment_id, expires_at, purpose) select p.id, now(), 'booking' from payments p, cast_of where p.user_id = gil;
select count(*) from private.issue_documents(
  (select p.id from payments p, cast_of where p.user_id = gil),
  '{"name": "S", "address": "A", "tax_id": "T", "tax_rate_percent": 20}'
);
insert into inquiries (id, user_id, subject, message) select '00000000-0000-4000-8000-0000000000a1', gil, 'The key', 'Where is it?' from cast_of;
insert into inquiry_messages (inquiry_id, author_id, author_role, body) select i.id, i.user_id, 'user', 'Hello?' from inquiries i, cast_of where i.user_id = gil;
update inquiries set severity = 'high' from cast_of where user_id = gil;

-- What each actor tries, on the row above or with one of their own.
create temp table tries (table_name text primary key, mine text, new_row text, change text) on commit drop;
insert into tries values
  ('profiles', 'id = (select gil from cast_of)', '(id, name) values (gen_random_uuid(), ''x'')', 'name = ''x'''),
  ('user_roles', 'user_id = (select gil from cast_of)', '(user_id) values (gen_random_uuid())', 'role = ''admin'''),
  ('categories', 'slug = ''cabin''', '(slug, label, position) values (''tent'', ''Tent'', 99)', 'label = ''x'''),
  ('countries', 'code = ''IE''', '(code, name) values (''XX'', ''Nowhere'')', 'name = ''x'''),
  ('properties', 'id = (select home from props)',
    '(title, category, country_code, city, price_per_night) values (''x'', ''cabin'', ''IE'', ''Cork'', 1)', 'title = ''x'''),
  ('property_images', 'property_id = (select home from props)',
    '(property_id, path, position) select home, ana || ''/'' || home || ''/2.webp'', 2 from props, cast_of', 'alt_text = ''x'''),
  ('property_blocks', 'property_id = (select home from props)',
    '(property_id, check_in, check_out) select home, current_date + 60, current_date + 61 from props', 'note = ''x'''),
  ('favorites', 'user_id = (select gil from cast_of)',
    '(user_id, property_id) select gil, barn from cast_of, props', 'created_at = now()'),
  ('reservations', 'guest_id = (select gil from cast_of)',
    '(property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
      select barn, gil, current_date + 1, current_date + 2, 1, 1, 1, 0, ''usd'', ''confirmed'' from props, cast_of', 'price_per_night = 1'),
  ('payments', 'user_id = (select gil from cast_of)',
    '(reservation_id, user_id, amount, currency) select id, guest_id, 1, ''usd'' from reservations', 'amount = 1'),
  ('daily_reports', 'report_date = ''2000-01-01''', '(report_date) values (''2000-01-02'')', 'sent_at = now()'),
  ('inquiries', 'user_id = (select gil from cast_of)', '(subject, message) values (''x'', ''x'')', 'status = ''resolved'''),
  ('inquiry_messages', 'inquiry_id = ''00000000-0000-4000-8000-0000000000a1''',
    '(inquiry_id, body) values (''00000000-0000-4000-8000-0000000000a1'', ''x'')', 'body = ''x'''),
  ('inquiry_events', 'inquiry_id = ''00000000-0000-4000-8000-0000000000a1''',
    '(inquiry_id, change) values (''00000000-0000-4000-8000-0000000000a1'', ''status'')', 'to_value = ''x'''),
  ('invoices', 'user_id = (select gil from cast_of)',
    '(number, kind, reservation_id, payment_id, user_id, currency, subtotal, tax, total, seller, buyer, lines)
      select ''2000-000001'', ''invoice'', id, id, guest_id, ''usd'', 1, 0, 1, ''{}'', ''{}'', ''[]'' from reservations', 'total = 1');

create function pg_temp.attempt(statement text) returns text language plpgsql as $$
declare
  affected integer;
begin
  begin
    execute statement;
    get diagnostics affected = row_count;
    raise exception using errcode = 'ZZ001'; -- undo it
  exception
    when sqlstate 'ZZ001' then return case when affected > 0 then 'yes' else 'none' end;
    when insufficient_privilege then return 'no';
    when others then return sqlstate;
  end;
end $$;

create function pg_temp.answers(actor text, t tries) returns text language plpgsql as $$
declare
  result text;
  who uuid;
begin
  execute format('select %I from cast_of', coalesce(nullif(nullif(actor, 'visitor'), 'service'), 'ana')) into who;
  perform case actor when 'visitor' then tests.as_visitor() when 'service' then tests.as_service() else tests.as_user(who) end;
  result := concat_ws(' ',
    pg_temp.attempt(format('select from %I where %s', t.table_name, t.mine)),
    pg_temp.attempt(format('insert into %I %s', t.table_name, t.new_row)),
    pg_temp.attempt(format('update %I set %s where %s', t.table_name, t.change, t.mine)),
    pg_temp.attempt(format('delete from %I where %s', t.table_name, t.mine))
  );
  perform tests.as_operator();
  return result;
end $$;
grant execute on all functions in schema pg_temp to public;

-- yes: a row; none: no row came back or was touched; no: refused by privilege or policy (42501);
-- a number: another SQLSTATE. In this order: select insert update delete.
create temp table expected (table_name text, actor text, answer text) on commit drop;
insert into expected values
  ('profiles', 'visitor', 'yes no no no'),
  ('profiles', 'ana', 'yes no none no'),
  ('profiles', 'gil', 'yes no yes no'),
  ('profiles', 'olga', 'yes no none no'),
  ('profiles', 'agent', 'yes no none no'),
  ('profiles', 'admin', 'yes no none no'),
  ('profiles', 'service', 'yes no no no'),

  ('user_roles', 'visitor', 'no no no no'),
  ('user_roles', 'ana', 'none no no no'),
  ('user_roles', 'gil', 'yes no no no'),
  ('user_roles', 'olga', 'none no no no'),
  ('user_roles', 'agent', 'yes no no no'),
  ('user_roles', 'admin', 'yes no no no'),
  ('user_roles', 'service', 'yes no no no'),

  ('categories', 'visitor', 'yes no no no'),
  ('categories', 'ana', 'yes no no no'),
  ('categories', 'gil', 'yes no no no'),
  ('categories', 'olga', 'yes no no no'),
  ('categories', 'agent', 'yes no no no'),
  ('categories', 'admin', 'yes no no no'),
  ('categories', 'service', 'yes no no no'),

  ('countries', 'visitor', 'yes no no no'),
  ('countries', 'ana', 'yes no no no'),
  ('countries', 'gil', 'yes no no no'),
  ('countries', 'olga', 'yes no no no'),
  ('countries', 'agent', 'yes no no no'),
  ('countries', 'admin', 'yes no no no'),
  ('countries', 'service', 'yes no no no'),

  ('properties', 'visitor', 'yes no no no'),
  ('properties', 'ana', 'yes yes yes PT409'), -- somebody booked it
  ('properties', 'gil', 'yes yes none none'),
  ('properties', 'olga', 'yes yes none none'),
  ('properties', 'agent', 'yes yes none none'),
  ('properties', 'admin', 'yes yes yes PT409'),
  ('properties', 'service', 'yes no no no'),

  ('property_images', 'visitor', 'yes no no no'),
  ('property_images', 'ana', 'yes yes yes yes'),
  ('property_images', 'gil', 'yes no none none'),
  ('property_images', 'olga', 'yes no none none'),
  ('property_images', 'agent', 'yes no none none'),
  ('property_images', 'admin', 'yes no none yes'),
  ('property_images', 'service', 'yes no no no'),

  ('property_blocks', 'visitor', 'no no no no'),
  ('property_blocks', 'ana', 'yes yes yes yes'),
  ('property_blocks', 'gil', 'none no none none'),
  ('property_blocks', 'olga', 'none no none none'),
  ('property_blocks', 'agent', 'none no none none'),
  ('property_blocks', 'admin', 'none no none none'),
  ('property_blocks', 'service', 'yes no no no'),

  ('favorites', 'visitor', 'no no no no'),
  ('favorites', 'ana', 'none no no none'),
  ('favorites', 'gil', 'yes yes no yes'),
  ('favorites', 'olga', 'none no no none'),
  ('favorites', 'agent', 'none no no none'),
  ('favorites', 'admin', 'none no no none'),
  ('favorites', 'service', 'yes no no no'),

  ('reservations', 'visitor', 'no no no no'),
  ('reservations', 'ana', 'yes no no no'), -- the host
  ('reservations', 'gil', 'yes no no no'),
  ('reservations', 'olga', 'none no no no'),
  ('reservations', 'agent', 'yes no no no'),
  ('reservations', 'admin', 'yes no no no'),
  ('reservations', 'service', 'yes no no no'),

  ('payments', 'visitor', 'no no no no'),
  ('payments', 'ana', 'none no no no'),
  ('payments', 'gil', 'yes no no no'),
  ('payments', 'olga', 'none no no no'),
  ('payments', 'agent', 'yes no no no'),
  ('payments', 'admin', 'yes no no no'),
  ('payments', 'service', 'yes no no no'),

  ('daily_reports', 'visitor', 'no no no no'),
  ('daily_reports', 'ana', 'none no no no'),
  ('daily_reports', 'gil', 'none no no no'),
  ('daily_reports', 'olga', 'none no no no'),
  ('daily_reports', 'agent', 'none no no no'),
  ('daily_reports', 'admin', 'yes no no no'),
  ('daily_reports', 'service', 'yes no no no'),

  ('inquiries', 'visitor', 'no no no no'),
  ('inquiries', 'ana', 'none yes none no'),
  ('inquiries', 'gil', 'yes yes yes no'),
  ('inquiries', 'olga', 'none yes none no'),
  ('inquiries', 'agent', 'yes yes yes no'), -- nobody has it
  ('inquiries', 'admin', 'yes yes yes no'),
  ('inquiries', 'service', 'yes no no no'),

  ('inquiry_messages', 'visitor', 'no no no no'),
  ('inquiry_messages', 'ana', 'none PT404 no no'),
  ('inquiry_messages', 'gil', 'yes yes no no'),
  ('inquiry_messages', 'olga', 'none PT404 no no'),
  ('inquiry_messages', 'agent', 'yes no no no'), -- takes it first
  ('inquiry_messages', 'admin', 'yes yes no no'),
  ('inquiry_messages', 'service', 'yes no no no'),

  ('inquiry_events', 'visitor', 'no no no no'),
  ('inquiry_events', 'ana', 'none no no no'),
  ('inquiry_events', 'gil', 'none no no no'),
  ('inquiry_events', 'olga', 'none no no no'),
  ('inquiry_events', 'agent', 'yes no no no'),
  ('inquiry_events', 'admin', 'yes no no no'),
  ('inquiry_events', 'service', 'yes no no no'),

  ('invoices', 'visitor', 'no no no no'),
  ('invoices', 'ana', 'none no no no'),
  ('invoices', 'gil', 'yes no no no'),
  ('invoices', 'olga', 'none no no no'),
  ('invoices', 'agent', 'yes no no no'),
  ('invoices', 'admin', 'yes no no no'),
  ('invoices', 'service', 'yes no no no');

select is(pg_temp.answers(e.actor, t), e.answer, e.actor || ' and ' || e.table_name || ' (select insert update delete)')
from expected e join tries t using (table_name);

-- Without a condition no column is read, and the policies for reading do not come to help.
create function pg_temp.answers_to_all(t tries) returns text language plpgsql as $$
declare
  result text;
begin
  perform tests.as_user(olga) from cast_of;
  result := concat_ws(' ',
    pg_temp.attempt(format('update %I set %s', t.table_name, t.change)),
    pg_temp.attempt(format('delete from %I', t.table_name))
  );
  perform tests.as_operator();
  return result;
end $$;

select is(
  pg_temp.answers_to_all(t), (regexp_split_to_array(e.answer, ' '))[3] || ' ' || (regexp_split_to_array(e.answer, ' '))[4],
  'olga and all rows of ' || e.table_name || ' (update delete)'
)
from expected e join tries t using (table_name)
where e.actor = 'olga' and t.table_name <> 'profiles'; -- one of those is hers

select bag_eq(
  $$ select c.relname::text, a.actor from pg_class c
     cross join unnest(array['visitor', 'ana', 'gil', 'olga', 'agent', 'admin', 'service']) as a (actor)
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') $$,
  $$ select table_name, actor from expected $$,
  'every table of the API has an answer for every actor'
);

select * from finish();
rollback;
