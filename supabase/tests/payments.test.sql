-- What Stripe says, in whatever order it comes, and what becomes of it.
begin;
set local search_path = public, extensions;
select no_plan();

create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil, tests.create_user('Olga') as olga;
grant select on cast_of to public;
create temp table props on commit drop as select tests.create_property(ana, 'Ana''s cottage', 10000) as home from cast_of;
grant select on props to public;

-- Somebody holds two nights and opens the checkout; the session is named after the hold.
create function pg_temp.hold(guest uuid, days_ahead integer) returns uuid language plpgsql security definer as $$
declare
  held uuid;
begin
  insert into public.reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, hold_expires_at)
  select home, guest, current_date + days_ahead, current_date + days_ahead + 2, 2, 10000, 20000, 1000, 'usd', now() + interval '35 minutes' from props
  returning id into held;
  return held;
end $$;
create function pg_temp.open_checkout(guest uuid, reservation uuid) returns void language sql security definer as $$
  select private.record_checkout(payment_id, 'cs_' || reservation, 'https://stripe.test/' || reservation)
  from private.begin_checkout(guest, reservation)
$$;
create function pg_temp.event(id text, type text, object jsonb) returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'type', type, 'created', 1790000000, 'api_version', '2026-10-28.endive', 'data', jsonb_build_object('object', object))
$$;
create function pg_temp.session(reservation uuid, changes jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('id', 'cs_' || reservation, 'object', 'checkout.session', 'payment_status', 'paid', 'amount_total', 21000,
    'currency', 'usd', 'payment_intent', 'pi_' || reservation, 'metadata', jsonb_build_object('reservation_id', reservation)) || changes
$$;
create function pg_temp.send(type text, object jsonb, id text default null) returns text language sql as $$
  select private.apply_stripe_event(pg_temp.event(coalesce(id, 'evt_' || gen_random_uuid()), type, object))
$$;
create function pg_temp.state(reservation uuid) returns text language sql security definer as $$
  select concat_ws(' ', r.status, (select string_agg(p.status || ' ' || p.amount_refunded, ', ' order by p.created_at, p.id) from public.payments p where p.reservation_id = r.id))
  from public.reservations r where r.id = reservation
$$;
create function pg_temp.queued(kind text, reservation uuid) returns bigint language sql security definer as $$
  select count(*) from private.jobs j join public.payments p on p.id = (j.payload ->> 'payment_id')::uuid
  where j.kind = queued.kind and p.reservation_id = reservation
$$;
grant execute on all functions in schema pg_temp to public;

-- The ordinary way
create temp table stay on commit drop as select pg_temp.hold(gil, 10) as id from cast_of;
grant select on stay to public;
select tests.as_service();
select results_eq(
  format('select amount, currency, session_id, nights, expires_at >= now() + interval ''30 minutes'' from private.begin_checkout(%L, %L)', (select gil from cast_of), (select id from stay)),
  $$ values (21000, 'usd'::text, null::text, 2, true) $$, 'the amount to pay is the reservation''s');
select tests.refuses(format('select private.begin_checkout(%L, %L)', (select olga from cast_of), (select id from stay)), 404, 'not_found', 'Olga does not pay for Gil');
select pg_temp.open_checkout(gil, id) from cast_of, stay;
select results_eq(
  format('select session_id, url is not null from private.begin_checkout(%L, %L)', (select gil from cast_of), (select id from stay)),
  format('values (%L, true)', 'cs_' || (select id from stay)), 'asked again it is the same session');
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id), 'evt_1'), 'applied', 'Stripe has the money') from stay;
select is(pg_temp.state(id), 'confirmed paid 0', 'the stay is confirmed') from stay;
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id), 'evt_1'), 'repeated', 'the same event again does nothing') from stay;
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id)), 'repeated', 'nor does another one that says the same') from stay;
select is(pg_temp.send('checkout.session.expired', pg_temp.session(id)), 'repeated', 'an expiry that comes late takes nothing back') from stay;
select is(pg_temp.state(id), 'confirmed paid 0', 'it is still confirmed') from stay;
select is(pg_temp.queued('issue_documents', id), 1::bigint, 'one job writes the invoice') from stay;
select tests.refuses(format('select private.begin_checkout(%L, %L)', (select gil from cast_of), (select id from stay)), 409, 'already_paid', 'nobody pays twice');
select is(pg_temp.send('customer.created', '{"id": "cus_1"}'), 'ignored', 'a type of no interest is kept and ignored');
select is(pg_temp.send('charge.refunded', '{"payment_intent": "pi_unknown", "amount_refunded": 5}'), 'unmatched', 'so is money that is none of ours');
select throws_ok('insert into private.stripe_events values (''x'')', '42501', null, 'the ledger takes events by its one function');
select tests.as_operator();
select is((select count(*) from private.mails where template = 'booking_received' and props ->> 'reservation_id' = (select id::text from stay)), 1::bigint, 'the host gets one mail');

-- Documents
select tests.as_service();
select results_eq(
  format('select kind::text, subtotal, tax, total from private.issue_documents((select id from public.payments where reservation_id = %L), %L)',
    (select id from stay), '{"name": "S", "address": "A", "tax_id": "T", "tax_rate_percent": 23}'),
  $$ values ('invoice', 17073, 3927, 21000) $$, 'the invoice, tax included');
select is((select count(*) from private.issue_documents((select p.id from payments p, stay where p.reservation_id = stay.id), '{"name": "S", "tax_rate_percent": 23}')), 1::bigint, 'asked again it is the same one, until its file is there');
select private.record_pdf(i.id, repeat('a', 64)) from invoices i, stay where i.reservation_id = stay.id;
select is((select count(*) from private.issue_documents((select p.id from payments p, stay where p.reservation_id = stay.id), '{"name": "S", "tax_rate_percent": 23}')), 0::bigint, 'then there is nothing left to do');
select tests.as_operator();
select results_eq(
  format($$ select to_address, attachments -> 0 ->> 'path' from private.mails where template = 'booking_confirmed' and props ->> 'reservation_id' = %L $$, (select id from stay)),
  format($$ values (%L, %L) $$, (select gil || '@tests.test' from cast_of), (select i.user_id || '/' || i.number || '.pdf' from invoices i, stay where i.reservation_id = stay.id)),
  'one mail brings it to the guest');
select throws_ok('update invoices set total = total + 1, subtotal = subtotal + 1', '42501', null, 'an invoice is never changed');
select throws_ok('update invoices set pdf_sha256 = repeat(''b'', 64)', '42501', null, 'nor is its file');
select throws_ok('delete from invoices', '42501', null, 'nor deleted');
select throws_ok('truncate invoices cascade', '42501', null, 'nor swept away');

-- Refunds
select tests.as_service();
select is(pg_temp.send('charge.refunded', jsonb_build_object('payment_intent', 'pi_' || id, 'amount_refunded', 6000)), 'applied', 'a part is given back in the dashboard') from stay;
select is(pg_temp.send('charge.refunded', jsonb_build_object('payment_intent', 'pi_' || id, 'amount_refunded', 1000)), 'repeated', 'an older event comes late') from stay;
select is(pg_temp.state(id), 'confirmed partially_refunded 6000', 'the stay goes on') from stay;
select results_eq(
  format('select kind::text, number like ''CN-%%'', total, tax from private.issue_documents((select id from public.payments where reservation_id = %L), %L)', (select id from stay), '{"name": "S", "tax_rate_percent": 23}'),
  $$ values ('credit_note', true, 6000, 1122) $$, 'with a credit note');
select tests.as_user(gil) from cast_of;
select is((cancel_reservation(id)).refund_amount, 21000, 'Gil cancels in time') from stay;
select tests.as_service();
select results_eq(
  format('select amount from private.refund_to_make((select id from public.payments where reservation_id = %L))', (select id from stay)),
  'values (15000)', 'what is left is owed');
select is(private.record_refund(p.id, 21000), 'applied', 'and given back') from payments p, stay where p.reservation_id = stay.id;
select is(pg_temp.state(id), 'cancelled refunded 21000', 'the books are even') from stay;
select count(*) from private.issue_documents((select p.id from payments p, stay where p.reservation_id = stay.id), '{"name": "S", "tax_rate_percent": 23}');
select results_eq(
  format('select sum(total) filter (where kind = ''invoice'') - sum(total) filter (where kind = ''credit_note''), sum(tax) filter (where kind = ''invoice'') - sum(tax) filter (where kind = ''credit_note'') from invoices where reservation_id = %L', (select id from stay)),
  'values (0::bigint, 0::bigint)', 'invoice and credit notes too, to the cent of tax');

-- A refund and a dispute that come before the payment
create temp table early on commit drop as select pg_temp.hold(gil, 20) as id from cast_of;
select pg_temp.open_checkout(gil, id) from cast_of, early;
select tests.as_service();
select is(pg_temp.send('charge.refunded', jsonb_build_object('payment_intent', 'pi_' || id, 'amount_refunded', 100)), 'unmatched', 'a refund comes first') from (select (select e.id from pg_temp.early e) as id) e;
select tests.as_operator();
grant select on early to public;
select tests.as_service();
select is(pg_temp.send('charge.dispute.created', jsonb_build_object('id', 'dp_1', 'payment_intent', 'pi_' || id, 'amount', 21000, 'status', 'needs_response')), 'unmatched', 'and a dispute') from early;
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id)), 'applied', 'then the payment') from early;
select is(pg_temp.state(id), 'confirmed disputed 100', 'all three count') from early;
select is(pg_temp.send('charge.dispute.closed', jsonb_build_object('id', 'dp_1', 'payment_intent', 'pi_' || id, 'status', 'won')), 'applied', 'the dispute is won') from early;
select is(pg_temp.state(id), 'confirmed partially_refunded 100', 'the status thaws') from early;
select tests.as_operator();
select is((select count(*) from private.mails where template = 'admin_alert' and to_address is null and key like 'dispute_%:dp_1'), 2::bigint, 'the admins hear of both');

-- Money without a room
create temp table lost on commit drop as select pg_temp.hold(gil, 30) as id from cast_of;
grant select on lost to public;
select pg_temp.open_checkout(gil, id) from cast_of, lost;
update reservations set hold_expires_at = now() - interval '1 second' where id = (select id from lost);
select lives_ok(format('select pg_temp.hold(%L, 31)', (select olga from cast_of)), 'Olga takes a night of a hold that has run out');
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id)), 'applied', 'Gil''s money comes') from lost;
select isnt(split_part(pg_temp.state(id), ' ', 1), 'confirmed', 'there is no room for it') from lost;
select results_eq(format('select amount from private.refund_to_make((select id from public.payments where reservation_id = %L))', (select id from lost)), 'values (21000)', 'so all of it goes back');
select is(pg_temp.queued('refund_payment', id), 1::bigint, 'by a job') from lost;
select is(pg_temp.queued('issue_documents', id), 0::bigint, 'and no invoice is written') from lost;
select private.record_refund(p.id, 21000) from payments p, lost where p.reservation_id = lost.id;
select tests.as_operator();
select is((select count(*) from private.mails m, lost where m.template = 'lost_hold_refunded' and m.key = 'lost_hold_refunded:' || (select p.id from payments p where p.reservation_id = lost.id)), 1::bigint, 'a mail explains it');

-- Late, but the room is still there
create temp table late on commit drop as select pg_temp.hold(gil, 40) as id from cast_of;
grant select on late to public;
select pg_temp.open_checkout(gil, id) from cast_of, late;
update reservations set hold_expires_at = now() - interval '1 second' where id = (select id from late);
select private.expire_holds();
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id)), 'applied', 'money for a hold that has run out') from late;
select is(pg_temp.state(id), 'confirmed paid 0', 'is taken as long as nobody else came') from late;

-- Paid twice
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, jsonb_build_object('id', 'cs_other', 'payment_intent', 'pi_other'))), 'applied', 'a second session for the same stay is paid') from late;
select is((select sum(c) from (select count(*) as c from payments p, late where p.reservation_id = late.id) n), 2::numeric, 'it is a payment of its own');
select is(pg_temp.queued('refund_payment', id), 1::bigint, 'which goes back') from late;
select is(pg_temp.queued('issue_documents', id), 1::bigint, 'one invoice remains') from late;

-- A price that is not ours
select tests.as_operator();
create temp table wrong on commit drop as select pg_temp.hold(gil, 50) as id from cast_of;
grant select on wrong to public;
select pg_temp.open_checkout(gil, id) from cast_of, wrong;
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, '{"amount_total": 1}')), 'mismatch', 'one cent') from wrong;
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, '{"currency": "jpy"}')), 'mismatch', 'another currency') from wrong;
select is(pg_temp.state(id), 'held pending 0', 'confirm nothing') from wrong;
select tests.as_operator();
select is((select count(*) from private.mails m, wrong where m.key = 'amount_mismatch:cs_' || wrong.id), 1::bigint, 'and the admins hear of it');

-- Methods that take days
create temp table debit on commit drop as select pg_temp.hold(olga, 60) as id from cast_of;
grant select on debit to public;
select pg_temp.open_checkout(olga, id) from cast_of, debit;
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, '{"payment_status": "unpaid"}')), 'applied', 'a bank debit is on its way') from debit;
select is(pg_temp.state(id), 'held pending 0', 'the hold waits') from debit;
select tests.as_operator();
select ok(hold_expires_at > now() + interval '6 days', 'for a week') from reservations where id = (select id from debit);
select tests.as_service();
select is(pg_temp.send('checkout.session.async_payment_failed', pg_temp.session(id, '{"payment_status": "unpaid"}')), 'applied', 'the bank refuses') from debit;
select is(pg_temp.state(id), 'expired failed 0', 'the dates are free') from debit;
select is(pg_temp.send('checkout.session.async_payment_succeeded', pg_temp.session(id)), 'applied', 'the bank pays after all') from debit;
select is(pg_temp.state(id), 'confirmed paid 0', 'nobody took the dates: they are Olga''s') from debit;

-- Numbers
select tests.as_operator();
select is_empty(
  $$ select from (select kind, array_agg(split_part(number, '-', case kind when 'invoice' then 2 else 3 end)::integer order by number) as numbers,
       min(split_part(number, '-', case kind when 'invoice' then 2 else 3 end)::integer) as first from invoices group by kind, extract(year from issued_at)) series
     where numbers <> array(select generate_series(first, first + cardinality(numbers) - 1)) $$,
  'numbers have no gaps');

select * from finish();
rollback;
