-- The admins hear each morning what the day before brought; hosts hear when a listing is put away.
begin;
set local search_path = public, extensions;
select no_plan();

create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil, tests.create_user('Ada', 'admin') as admin;
grant select on cast_of to public;
delete from daily_reports;
delete from private.mails where template = 'daily_report';
create function pg_temp.listed_at(created timestamptz) returns uuid language plpgsql as $$
declare
  home uuid := tests.create_property((select ana from cast_of));
begin
  update properties set created_at = created where id = home;
  return home;
end $$;

-- Which days
select tests.as_service();
select is(private.queue_daily_reports('UTC'), array[current_date - 1], 'the first report is about yesterday');
select is(private.queue_daily_reports('UTC'), '{}'::date[], 'once');
select is(private.queue_daily_reports('UTC', current_date - 5), array[current_date - 5], 'any day that is over may be asked for');
select tests.refuses($$ select private.queue_daily_reports('UTC', current_date) $$, 400, 'invalid_date', 'today is not over');
select tests.as_operator();
delete from daily_reports;
select tests.as_service();
select is(private.queue_daily_reports('UTC', current_date - 9), array[current_date - 9], 'one of long ago, when there was no report yet');
select is(private.queue_daily_reports('UTC'), array[current_date - 1], 'brings no other days along');
select tests.as_operator();
delete from daily_reports;
insert into daily_reports (report_date, created_at) values (current_date - 4, (current_date - 3)::timestamp at time zone 'utc');
select tests.as_service();
select is(private.queue_daily_reports('UTC'), array[current_date - 3, current_date - 2, current_date - 1], 'days that were missed are made up');
select is(private.queue_daily_reports('Pacific/Kiritimati', (now() at time zone 'Pacific/Kiritimati')::date - 1) <@ array[(now() at time zone 'Pacific/Kiritimati')::date - 1], true, 'yesterday is yesterday where the report is read');
select throws_ok($$ select private.queue_daily_reports('Mars/Base') $$, '22023', null, 'a time zone that the database does not know is no day, and the function says which setting is wrong');
select tests.as_user(gil) from cast_of;
select throws_ok($$ select private.queue_daily_reports('UTC') $$, '42501', null, 'a user asks for no reports');
select is_empty('select from daily_reports', 'nor reads them');
select tests.as_user(admin) from cast_of;
select isnt_empty('select from daily_reports', 'an admin does');

-- What a day is
select tests.as_operator();
select pg_temp.listed_at(t::timestamptz) from unnest(array[
  '2020-03-28 22:59:59.999+00', '2020-03-28 23:00+00', '2020-03-29 21:59:59+00', '2020-03-29 22:00+00',
  '2020-10-24 21:59+00', '2020-10-24 22:00+00', '2020-10-25 22:59:59+00', '2020-10-25 23:00+00']) t;
select tests.as_service();
select is(count(*), 2::bigint, 'a day of 23 hours') from private.new_properties_on('2020-03-29', 'Europe/Berlin');
select is(count(*), 2::bigint, 'a day of 25 hours') from private.new_properties_on('2020-10-25', 'Europe/Berlin');
select is((private.daily_totals('2020-10-25', 'Europe/Berlin') ->> 'new_listings')::integer, 2, 'the totals agree');

-- The mail
select private.mail_daily_report(current_date - 1, 'UTC', 3, '[]', '[]');
select private.mail_daily_report(current_date - 1, 'UTC', 3, '[]', '[]');
select tests.as_operator();
select is(count(*), 1::bigint, 'a report that is written twice is mailed once') from private.mails where key = 'daily_report:' || current_date - 1;
select ok(to_address is null and props ? 'totals', 'to the admins, with totals') from private.mails where key = 'daily_report:' || current_date - 1;
select is(sent_at, null, 'it is not sent yet') from daily_reports where report_date = current_date - 1;
select private.record_mail(id, 'sent', '250 ok') from private.mails where key = 'daily_report:' || current_date - 1;
select ok(sent_at is not null and property_count = 3, 'then it is') from daily_reports where report_date = current_date - 1;

-- Old listings
create temp table homes on commit drop as
select tests.create_property(ana, 'Forgotten') as forgotten, tests.create_property(ana, 'Fresh') as fresh,
  tests.create_property(ana, 'Booked') as booked, tests.create_property(ana, 'Tended') as tended from cast_of;
insert into reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
select booked, gil, current_date + 1, current_date + 2, 1, 10000, 10000, 500, 'usd', 'confirmed' from homes, cast_of;
alter table properties disable trigger touch_updated_at;
update properties set updated_at = now() - interval '366 days' where id in (select unnest(array[forgotten, booked, tended]) from homes);
insert into property_blocks (property_id, check_in, check_out) select tended, current_date + 10, current_date + 12 from homes;
update properties set updated_at = now() - interval '364 days' where id = (select fresh from homes);
alter table properties enable trigger touch_updated_at;
select ok(private.archive_old_listings() >= 1, 'the nightly schedule looks for listings that nobody looks after');
select results_eq('select title, status::text from properties where id in (select unnest(array[forgotten, fresh, booked, tended]) from homes) order by title',
  $$ values ('Booked', 'listed'), ('Forgotten', 'archived'), ('Fresh', 'listed'), ('Tended', 'listed') $$, 'a year without a change or a booking');
select is(count(*), 1::bigint, 'the host is told') from private.mails m, homes where m.template = 'property_archived' and m.props ->> 'property_id' = forgotten::text;
select private.archive_old_listings();
select is(count(*), 1::bigint, 'once') from private.mails m, homes where m.template = 'property_archived' and m.props ->> 'property_id' = forgotten::text;

select * from finish();
rollback;
