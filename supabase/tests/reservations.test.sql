-- Gil books Ana's cottage: quote, hold, release, expiry, cancellation; and everything that he may not.
begin;
set local search_path = public, extensions;
select no_plan();

create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil, tests.create_user('Olga') as olga,
  tests.create_user('Cleo', 'customer_service') as agent;
grant select on cast_of to public;
create temp table props on commit drop as
select tests.create_property(ana, 'Ana''s cottage', 12345) as home, tests.create_property(ana, 'A palace', 99999999) as palace,
  tests.create_property(ana, 'Ana''s draft') as draft, tests.create_property(ana, 'A tent', 23) as tent,
  tests.create_property(agent, 'Another home') as other from cast_of;
grant select on props to public;
update properties set status = 'draft' where id = (select draft from props);

create function pg_temp.stay(fn text, place text, days_ahead integer, nights integer, guests integer default 2) returns text language sql as $$
  select format('select * from %s(%s, current_date + %s, current_date + %s, %s)', fn,
    coalesce((select quote_literal(case place when 'home' then home when 'palace' then palace when 'tent' then tent when 'draft' then draft when 'other' then other end) from props), 'null'),
    days_ahead, days_ahead + nights, guests)
$$;
-- A day passes for a reservation: the clock of a test stands still.
create function pg_temp.let_lapse(id uuid) returns void language sql security definer as $$
  update public.reservations set hold_expires_at = now() - interval '1 second' where reservations.id = let_lapse.id
$$;
grant execute on all functions in schema pg_temp to public;

-- Quote
select tests.as_visitor();
select results_eq(pg_temp.stay('quote_stay', 'home', 10, 3),
  $$ values (3, 12345, 37035, 1852, 38887, 'usd'::text, true) $$, 'a visitor reads the price: 5 % fee, rounded half up');
select tests.refuses(pg_temp.stay('quote_stay', 'draft', 10, 3), 404, 'not_found', 'a draft is not there');
select throws_ok(pg_temp.stay('reserve', 'home', 10, 3), '42501', null, 'a visitor holds nothing');

-- What nobody can book
select tests.as_user(gil) from cast_of;
select tests.refuses(pg_temp.stay('reserve', 'home', -1, 3), 400, 'invalid_dates', 'yesterday');
select tests.refuses(pg_temp.stay('reserve', 'home', 10, 0), 400, 'invalid_dates', 'no night');
select tests.refuses(pg_temp.stay('reserve', 'home', 10, -1), 400, 'invalid_dates', 'out before in');
select tests.refuses(pg_temp.stay('reserve', 'home', 10, 366), 400, 'invalid_dates', 'more than a year');
select tests.refuses(pg_temp.stay('reserve', 'home', 740, 3), 400, 'invalid_dates', 'more than two years ahead');
select tests.refuses(format($$ select reserve(%L, 'infinity', 'infinity', 1) $$, (select home from props)), 400, 'invalid_dates', 'for ever');
select tests.refuses(format($$ select reserve(%L, null, null, 1) $$, (select home from props)), 400, 'invalid_dates', 'no dates');
select tests.refuses(pg_temp.stay('reserve', 'home', 10, 3, 5), 400, 'too_many_guests', 'five in a home for four');
select tests.refuses(pg_temp.stay('reserve', 'home', 10, 3, 0), 400, 'invalid_guests', 'nobody');
select tests.refuses(pg_temp.stay('reserve', 'nowhere', 10, 3), 404, 'not_found', 'nowhere');
select tests.refuses(pg_temp.stay('reserve', 'draft', 10, 3), 404, 'not_found', 'a draft');
select tests.refuses(pg_temp.stay('reserve', 'palace', 10, 30), 400, 'amount_too_large', 'more than one payment carries');
select tests.refuses(pg_temp.stay('reserve', 'tent', 10, 2), 400, 'amount_too_small', 'less than a card payment can be');
select tests.as_user(ana) from cast_of;
select tests.refuses(pg_temp.stay('reserve', 'home', 10, 3), 400, 'own_property', 'one''s own');

-- Hold
select tests.as_user(gil) from cast_of;
create temp table held on commit drop as select * from reserve((select home from props), current_date + 10, current_date + 13, 2);
grant select on held to public;
select results_eq('select status::text, nights, total, price_per_night, hold_expires_at - now() from held',
  $$ values ('held', 3, 38887, 12345, interval '35 minutes') $$, 'a hold for 35 minutes at the price of now');
select tests.refuses(pg_temp.stay('reserve', 'home', 10, 3), 409, 'dates_unavailable', 'Gil does not get them twice');
select tests.as_user(olga) from cast_of;
select tests.refuses(pg_temp.stay('reserve', 'home', 12, 3), 409, 'dates_unavailable', 'Olga not at all, not even the last night');
select results_eq(pg_temp.stay('quote_stay', 'home', 12, 3), $$ values (3, 12345, 37035, 1852, 38887, 'usd'::text, false) $$, 'as her quote says');
select lives_ok(pg_temp.stay('reserve', 'home', 13, 2), 'she may come on the day on which Gil leaves');
select lives_ok(pg_temp.stay('reserve', 'home', 8, 2), 'and leave on the day on which he comes');
select tests.as_user(ana) from cast_of;
select tests.refuses(format('insert into property_blocks (property_id, check_in, check_out) values (%L, current_date + 9, current_date + 11)', (select home from props)),
  409, 'dates_unavailable', 'Ana cannot block what Gil holds');
select tests.as_visitor();
select results_eq(format('select * from unavailable_ranges(%L, current_date, current_date + 60)', (select home from props)),
  'values (current_date + 8, current_date + 15)', 'the calendar shows the three stays as one range');

-- Limits
select tests.as_user(olga) from cast_of;
select lives_ok(pg_temp.stay('reserve', 'home', 30, 2), 'a third hold');
select tests.refuses(pg_temp.stay('reserve', 'home', 40, 2), 429, 'too_many_holds', 'not a fourth');

-- Release
select tests.refuses(format('select release_hold(%L)', (select id from held)), 404, 'not_found', 'Olga does not release Gil''s');
select tests.as_user(gil) from cast_of;
select is((release_hold(id)).status::text, 'cancelled', 'Gil does') from held;
select tests.refuses(format('select release_hold(%L)', (select id from held)), 409, 'not_held', 'once');
select is_empty(format('select * from unavailable_ranges(%L, current_date + 10, current_date + 13)', (select home from props)), 'and the dates are free at once');

-- Expiry
drop table held;
create temp table held on commit drop as select * from reserve((select home from props), current_date + 10, current_date + 13, 2);
grant select on held to public;
select pg_temp.let_lapse(id) from held;
select tests.as_visitor();
select is_empty(format('select * from unavailable_ranges(%L, current_date + 10, current_date + 13)', (select home from props)), 'a hold that has run out takes nothing');
select tests.as_user(ana) from cast_of;
select lives_ok(format('insert into property_blocks (property_id, check_in, check_out) values (%L, current_date + 10, current_date + 13)', (select home from props)), 'Ana blocks the dates');
select tests.as_user(gil) from cast_of;
select tests.refuses(pg_temp.stay('reserve', 'home', 11, 1), 409, 'dates_unavailable', 'a block keeps guests out');
select is(status::text, 'held', 'nobody has looked at the lapsed hold yet') from reservations where id = (select id from held);
select tests.as_operator();
select lives_ok('select private.expire_holds()', 'the schedule does');
select is(status::text, 'expired', 'and marks it') from reservations where id = (select id from held);
select isnt_empty(format('select from private.occupancies where property_id = %L and nights @> current_date + 10', (select home from props)), 'the block stands');

-- Cancellation
create function pg_temp.confirmed(days_ahead integer, nights integer) returns uuid language sql security definer as $$
  insert into public.reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
  select home, gil, current_date + days_ahead, current_date + days_ahead + nights, 2, 10001, 10001 * nights, private.service_fee(10001 * nights), 'usd', 'confirmed'
  from props, cast_of
  returning id
$$;
grant execute on all functions in schema pg_temp to public;
create temp table bookings on commit drop as
select pg_temp.confirmed(100, 1) as far, pg_temp.confirmed(7, 1) as week, pg_temp.confirmed(6, 1) as days, pg_temp.confirmed(2, 1) as two, pg_temp.confirmed(1, 1) as tomorrow;
grant select on bookings to public;
select tests.as_user(gil) from cast_of;
select is((preview_cancellation(week)).refund_amount, 10501, '7 days before: all of it') from bookings;
select is((preview_cancellation(days)).refund_amount, 5251, '6 days before: half of it, rounded up') from bookings;
select is((preview_cancellation(two)).refund_amount, 5251, '2 days before: half of it') from bookings;
select is((preview_cancellation(tomorrow)).refund_amount, 0, 'the day before: nothing') from bookings;
select tests.as_user(ana) from cast_of;
select is((preview_cancellation(tomorrow)).refund_amount, 10501, 'all of it when the host cancels') from bookings;
select tests.as_user(agent) from cast_of;
select is((preview_cancellation(tomorrow)).refund_amount, 10501, 'or staff') from bookings;
select tests.as_user(olga) from cast_of;
select tests.refuses(format('select preview_cancellation(%L)', (select far from bookings)), 404, 'not_found', 'to Olga it is not there');
select tests.refuses(format('select cancel_reservation(%L)', (select far from bookings)), 404, 'not_found', 'nor can she cancel it');
select tests.as_visitor();
select throws_ok(format('select cancel_reservation(%L)', (select far from bookings)), '42501', null, 'a visitor cancels nothing');
select tests.as_user(gil) from cast_of;
select results_eq(format('select status::text, refund_amount, cancelled_by::text, cancelled_at from cancel_reservation(%L)', (select days from bookings)),
  $$ values ('cancelled', 5251, 'guest', now()) $$, 'Gil cancels');
select tests.refuses(format('select cancel_reservation(%L)', (select days from bookings)), 409, 'not_cancellable', 'once');
select lives_ok(pg_temp.stay('reserve', 'home', 6, 1), 'the nights are free again');
select tests.as_user(ana) from cast_of;
select is((cancel_reservation(tomorrow)).cancelled_by::text, 'host', 'Ana cancels as the host') from bookings;

-- The end of a stay
select tests.as_operator();
alter table reservations disable trigger user;
update reservations set check_in = current_date - 1, check_out = current_date where id = (select two from bookings);
alter table reservations enable trigger user;
select lives_ok('select private.complete_past_stays()', 'the schedule looks for stays that are over');
select is(status::text, 'completed', 'and completes them on the day of check-out') from reservations where id = (select two from bookings);
select tests.as_user(gil) from cast_of;
select tests.refuses(format('select cancel_reservation(%L)', (select two from bookings)), 409, 'not_cancellable', 'what is over is not cancelled');

-- What would be wrong cannot be stored, whoever writes it
select tests.as_operator();
select throws_ok(format($$ update reservations set service_fee = 0 where id = %L $$, (select far from bookings)), '23514', null, 'a fee of nothing');
select throws_ok(format($$ update reservations set subtotal = 1 where id = %L $$, (select far from bookings)), '23514', null, 'a subtotal of one''s own');
select tests.refuses(
  format($$ insert into reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
    select property_id, guest_id, check_in, check_out, 1, 1, 1, 0, 'usd', 'confirmed' from reservations where id = %L $$, (select far from bookings)),
  409, 'dates_unavailable', 'one night twice');
select throws_ok(
  format($$ insert into private.occupancies (property_id, nights, source_id) select property_id, nights, gen_random_uuid() from private.occupancies where source_id = %L $$, (select far from bookings)),
  '23P01', null, 'not even behind the triggers'' back');

-- Deletions
select tests.as_user(ana) from cast_of;
select tests.refuses(format('delete from properties where id = %L', (select home from props)), 409, 'has_reservations', 'a home that somebody booked stays');
select tests.as_operator();
select lives_ok(format('delete from auth.users where id = %L', (select ana from cast_of)), 'Ana closes her account');
select results_eq(format('select status::text from properties where id = %L', (select home from props)), $$ values ('archived') $$, 'her home is archived');
select results_eq(format('select status::text from reservations where id = %L', (select far from bookings)), $$ values ('confirmed') $$, 'and Gil keeps his booking');
select matches((select name from profiles, cast_of where id = ana), '^Anon-', 'with a host without a name');
select is((select count(*) from private.mails m, cast_of where m.key = 'host_left:' || ana and m.props ->> 'facts' like '%(reservation ' || (select far from bookings) || ')%'),
  1::bigint, 'of which the admins are told');
create temp table soft on commit drop as select tests.create_user('Sven') as sven;
insert into reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
select tests.create_property(sven), gil, current_date + 1, current_date + 2, 1, 10000, 10000, 500, 'usd', 'confirmed' from soft, cast_of;
update auth.users set deleted_at = now() from soft where id = sven;
select is((select count(*) from private.mails m, soft where m.key = 'host_left:' || sven), 1::bigint, 'also when Auth keeps the row of a host who leaves');

create function pg_temp.leave(person uuid) returns void language sql security definer as $$ delete from auth.users where id = person $$;
select pg_temp.leave(olga) from cast_of;
select tests.as_user(olga) from cast_of;
select tests.refuses(pg_temp.stay('reserve', 'other', 10, 3), 401, 'not_signed_in', 'a token that outlived its account holds nothing');

-- What the audit log keeps
select tests.as_operator();
select results_eq(
  format($$ select action, actor_id, details from private.audit_log where subject_id = %L order by id $$, (select id from held)),
  format($$ values ('reservation.held', %1$L::uuid, '{"total": %2$s, "currency": "usd"}'::jsonb),
    ('reservation.expired', null, '{"from": "held", "refund_amount": 0}') $$,
    (select gil from cast_of), (select r.total from reservations r join held using (id))),
  'the audit log says who held, and that nobody let it lapse');

select * from finish();
rollback;
