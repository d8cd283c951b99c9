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
select is((select count(*) from private.mails m, lost where m.template = 'unused_payment_refunded' and m.props ->> 'reason' = 'too_late' and m.key = 'unused_payment_refunded:' || (select p.id from payments p where p.reservation_id = lost.id)), 1::bigint, 'a mail explains it');

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

-- Cancelled after a refund in the dashboard
select tests.as_operator();
create function pg_temp.booked(guest uuid, days_ahead integer) returns uuid language plpgsql security definer as $$
declare
  held uuid := pg_temp.hold(guest, days_ahead);
begin
  perform pg_temp.open_checkout(guest, held);
  perform pg_temp.send('checkout.session.completed', pg_temp.session(held));
  return held;
end $$;
create function pg_temp.payment(reservation uuid) returns uuid language sql security definer as $$
  select id from public.payments where reservation_id = reservation
$$;
create function pg_temp.owed(reservation uuid) returns integer language sql security definer as $$
  select amount from private.refund_to_make(pg_temp.payment(reservation))
$$;
create function pg_temp.mails(reservation uuid) returns text language sql security definer as $$
  select coalesce(string_agg(concat_ws(' ', template, props ->> 'audience', props ->> 'credit_note_number'), ', ' order by template, props ->> 'audience'), '')
  from private.mails where props ->> 'reservation_id' = reservation::text and template in ('reservation_cancelled', 'payment_refunded')
$$;
create function pg_temp.issue(reservation uuid) returns bigint language plpgsql security definer as $$
declare
  issued bigint;
begin
  select count(private.record_pdf(d.id, repeat('c', 64))) into issued
  from private.issue_documents(pg_temp.payment(reservation), '{"name": "S", "tax_rate_percent": 23}') d;
  return issued;
end $$;
grant execute on all functions in schema pg_temp to public;
create temp table half on commit drop as select pg_temp.booked(gil, 5) as id, pg_temp.booked(gil, 5 + 100) as other, pg_temp.booked(gil, 5 + 110) as third from cast_of;
grant select on half to public;
select tests.as_service();
select is(pg_temp.issue(id) + pg_temp.issue(other), 2::bigint, 'two invoices') from half;
select pg_temp.send('charge.refunded', jsonb_build_object('payment_intent', 'pi_' || id, 'amount_refunded', 15000)) from half;
select is(pg_temp.issue(id), 1::bigint, 'staff give back more than the rule says') from half;
select tests.as_user(gil) from cast_of;
select is((cancel_reservation(id)).refund_amount, 10500, 'then Gil cancels') from half;
select tests.as_service();
select is(pg_temp.owed(id), null, 'nothing more is owed') from half;
select is(regexp_replace(pg_temp.mails(id), 'CN-\d+-\d+', 'CN'), 'payment_refunded CN, reservation_cancelled guest, reservation_cancelled host', 'and both are told at once') from half;
select pg_temp.send('charge.refunded', jsonb_build_object('payment_intent', 'pi_' || other, 'amount_refunded', 21000)) from half;
select is(pg_temp.state(other), 'cancelled refunded 21000', 'all of it given back in the dashboard: the stay is off') from half;
select is(pg_temp.mails(other), 'reservation_cancelled guest, reservation_cancelled host', 'both are told, before there is a credit note') from half;
select is(pg_temp.issue(other), 1::bigint, 'which is issued') from half;
select is(regexp_replace(pg_temp.mails(other), 'CN-\d+-\d+', 'CN'), 'payment_refunded CN, reservation_cancelled guest, reservation_cancelled host', 'and mailed') from half;

-- Cancelled while the guest's bank has the money
select pg_temp.send('charge.dispute.created', jsonb_build_object('id', 'dp_2', 'payment_intent', 'pi_' || third, 'status', 'needs_response')) from half;
select tests.as_user(gil) from cast_of;
select is((cancel_reservation(third)).refund_amount, 21000, 'Gil cancels what he disputes') from half;
select tests.as_service();
select is(pg_temp.owed(third), null, 'nothing is given back a second time') from half;
select is(pg_temp.mails(third), 'reservation_cancelled guest, reservation_cancelled host', 'both are told') from half;
select is(pg_temp.queued('refund_payment', third), 1::bigint, 'one try to give it back, in vain') from half;
select is(pg_temp.send('charge.dispute.closed', jsonb_build_object('id', 'dp_2', 'payment_intent', 'pi_' || third, 'status', 'won')), 'applied', 'the bank gives it back to us') from half;
select is(pg_temp.owed(third), 21000, 'then it is owed') from half;
select is(pg_temp.queued('refund_payment', third), 2::bigint, 'and given back') from half;
select is(pg_temp.send('charge.dispute.created', jsonb_build_object('id', 'dp_2', 'payment_intent', 'pi_' || third, 'status', 'needs_response')), 'repeated', 'its beginning comes late and changes nothing') from half;
select is(pg_temp.state(third), 'cancelled paid 0', 'the status stays thawed') from half;
select is(private.record_refund(pg_temp.payment(third), null), 'repeated', 'a refund of no amount is none') from half;

select tests.as_operator();
select is((select props -> 'is_disputed' from private.mails where key = 'reservation_cancelled:' || third || ':guest'), 'true'::jsonb, 'and his mail promised no money') from half;

-- An inquiry of a bank takes no money, and of two disputes each counts
create temp table doubted on commit drop as select pg_temp.booked(gil, 260) as id from cast_of;
grant select on doubted to public;
select tests.as_service();
select is(pg_temp.send('charge.dispute.created', jsonb_build_object('id', 'dp_3', 'payment_intent', 'pi_' || id, 'status', 'warning_needs_response')), 'applied', 'a bank asks') from doubted;
select is(pg_temp.state(id), 'confirmed paid 0', 'and takes nothing') from doubted;
select pg_temp.send('charge.dispute.created', jsonb_build_object('id', 'dp_4', 'payment_intent', 'pi_' || id, 'status', 'needs_response')) from doubted;
select pg_temp.send('charge.dispute.created', jsonb_build_object('id', 'dp_5', 'payment_intent', 'pi_' || id, 'status', 'needs_response')) from doubted;
select pg_temp.send('charge.dispute.closed', jsonb_build_object('id', 'dp_4', 'payment_intent', 'pi_' || id, 'status', 'lost')) from doubted;
select pg_temp.send('charge.dispute.closed', jsonb_build_object('id', 'dp_5', 'payment_intent', 'pi_' || id, 'status', 'won')) from doubted;
select is(pg_temp.state(id), 'confirmed disputed 0', 'one dispute won does not make good another one that was lost') from doubted;

-- A refund that Stripe refuses, that is given up, and that comes back
select tests.as_operator();
create temp table stuck on commit drop as select pg_temp.booked(gil, 270) as id from cast_of;
grant select on stuck to public;
select tests.as_user(gil) from cast_of;
select is((cancel_reservation(id)).refund_amount, 21000, 'Gil cancels') from stuck;
select tests.as_service();
create function pg_temp.key(reservation uuid) returns text language sql security definer as $$
  select idempotency_key from private.refund_to_make(pg_temp.payment(reservation))
$$;
select is(pg_temp.key(id), format('refund:%s:0-21000', pg_temp.payment(id)), 'the same wish has the same key') from stuck;
select private.note_refused_refund(pg_temp.payment(id)) from stuck;
select is(pg_temp.key(id), format('refund:%s:0-21000:1', pg_temp.payment(id)), 'once it was refused, the next try has another one') from stuck;
select tests.as_operator();
update private.jobs j set state = 'failed', finished_at = now(), last_error = 'No money in the account.'
from stuck where j.kind = 'refund_payment' and j.payload ->> 'payment_id' = pg_temp.payment(stuck.id)::text;
select is((select props -> 'facts' -> 2 ->> 'value' from private.mails m, private.jobs j where m.key = format('dead_letter:%s:%s', j.id, j.finished_at) and j.kind = 'refund_payment'),
  'No money in the account.', 'a refund that is given up is told to the admins');
update payments p set paid_at = now() - interval '60 days' from stuck where p.reservation_id = stuck.id;
select is(array_agg(label || ' ' || value), array['Owed and not refunded payment ' || pg_temp.payment(stuck.id) || ': 210.00 USD'], 'each night, however long ago it was paid')
from stuck, private.differences_from_stripe('[]', now() - interval '7 days', now()) d where value like '%' || pg_temp.payment(stuck.id) || '%' group by stuck.id;
select tests.as_service();
select is(pg_temp.issue(id), 1::bigint, 'an invoice that is issued late') from stuck;
select tests.as_operator();
select is(array_agg(template), array['cancelled_stay_invoiced'], 'does not say that the stay is on') from private.mails, stuck
where props ->> 'reservation_id' = stuck.id::text and template in ('booking_confirmed', 'cancelled_stay_invoiced');
select tests.as_service();
select is(pg_temp.send('refund.failed', jsonb_build_object('id', 're_1', 'payment_intent', 'pi_' || id, 'amount', 21000, 'currency', 'usd', 'failure_reason', 'lost_or_stolen_card')), 'applied', 'a card that is closed') from stuck;
select tests.as_operator();
select is((select props -> 'facts' -> 2 ->> 'value' from private.mails where key = 'refund_failed:re_1'), 'lost_or_stolen_card', 'is a case for the admins');
select tests.as_service();
select is(private.record_refund(pg_temp.payment(id), 21000), 'applied', 'who see to it') from stuck;

-- A hold that ends while Stripe is asked
select tests.as_operator();
create temp table brief on commit drop as select pg_temp.hold(gil, 130) as id, pg_temp.hold(gil, 140) as lapsed from cast_of;
grant select on brief to public;
select tests.as_service();
select count(*) from brief, cast_of, private.begin_checkout(gil, id);
select tests.as_user(gil) from cast_of;
select release_hold(id) from brief;
select tests.as_service();
select is(pg_temp.state(id), 'cancelled expired 0', 'nobody waits for a payment without a session') from brief;
select tests.refuses(format('select private.begin_checkout(%L, %L)', gil, id), 409, 'hold_expired', 'what was given back is not paid') from brief, cast_of;
select ok(private.record_checkout(pg_temp.payment(id), 'cs_' || id, 'https://stripe.test/') is null, 'Stripe''s answer comes too late') from brief;
select is(pg_temp.queued('close_checkout', id), 1::bigint, 'so the session is closed') from brief;
select is(private.open_session_of(pg_temp.payment(id)), 'cs_' || id, 'by its name') from brief;
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id)), 'applied', 'should it be paid all the same') from brief;
select is(pg_temp.owed(id), 21000, 'the money goes back') from brief;
select count(*) from brief, cast_of, private.begin_checkout(gil, lapsed);
select tests.as_operator();
update reservations set hold_expires_at = now() - interval '1 second' where id = (select lapsed from brief);
select private.expire_holds();
select is(pg_temp.state(lapsed), 'expired expired 0', 'a hold that runs out takes its payment along') from brief;
create temp table kept on commit drop as select pg_temp.hold(gil, 350) as id from cast_of;
update reservations r set created_at = now() - interval '80 minutes' from kept where r.id = kept.id;
select tests.refuses(format('select private.begin_checkout(%L, %L)', gil, id), 409, 'hold_expired', 'nor is one kept for longer than it may be') from kept, cast_of;
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(lapsed)), 'applied', 'a session of which we were never told') from brief;
select is(pg_temp.state(lapsed), 'confirmed paid 0', 'is that of this payment') from brief;

-- Two calls at once that got two sessions
select tests.as_operator();
create temp table eager on commit drop as select pg_temp.hold(gil, 240) as id from cast_of;
grant select on eager to public;
select tests.as_service();
select count(*) from eager, cast_of, private.begin_checkout(gil, id);
select is(session_id || ' ' || url, 'cs_first https://stripe.test/1', 'the first session counts') from eager, private.record_checkout(pg_temp.payment(id), 'cs_first', 'https://stripe.test/1');
select is(session_id || ' ' || url, 'cs_first https://stripe.test/1', 'also for who comes with a second one') from eager, private.record_checkout(pg_temp.payment(id), 'cs_second', 'https://stripe.test/2');
select tests.as_user(gil) from cast_of;
select release_hold(id) from eager;

-- A bank debit that was told a moment too late
select tests.as_operator();
create temp table tardy on commit drop as select pg_temp.hold(gil, 250) as id from cast_of;
grant select on tardy to public;
select pg_temp.open_checkout(gil, id) from cast_of, tardy;
update reservations set hold_expires_at = now() - interval '1 second' where id = (select id from tardy);
select private.expire_holds();
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, '{"payment_status": "unpaid"}')), 'applied', 'the hold has run out, and nobody has come') from tardy;
select is(pg_temp.state(id), 'held pending 0', 'so it waits for the bank after all') from tardy;
select is(pg_temp.send('checkout.session.async_payment_succeeded', pg_temp.session(id)), 'applied', 'the bank pays') from tardy;
select is(pg_temp.state(id), 'confirmed paid 0', 'and the stay is theirs') from tardy;

-- A bank debit for a room that is lost
select tests.as_operator();
create temp table slow on commit drop as select pg_temp.hold(gil, 150) as id from cast_of;
grant select on slow to public;
select pg_temp.open_checkout(gil, id) from cast_of, slow;
update reservations set hold_expires_at = now() - interval '1 second' where id = (select id from slow);
select lives_ok(format('select pg_temp.hold(%L, 151)', (select olga from cast_of)), 'Olga takes a night of it');
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, '{"payment_status": "unpaid"}')), 'applied', 'Gil''s bank is at work') from slow;
select is(pg_temp.send('checkout.session.async_payment_succeeded', pg_temp.session(id)), 'applied', 'and pays') from slow;
select is(pg_temp.owed(id), 21000, 'it goes back') from slow;

-- Money for days that are over
select tests.as_operator();
create temp table past on commit drop as select pg_temp.hold(gil, 160) as id from cast_of;
grant select on past to public;
select pg_temp.open_checkout(gil, id) from cast_of, past;
update reservations set check_in = private.today() - 2, check_out = private.today() where id = (select id from past);
select tests.as_service();
select is(pg_temp.send('checkout.session.async_payment_succeeded', pg_temp.session(id)), 'applied', 'money after the check-out') from past;
select is(pg_temp.owed(id), 21000, 'buys no stay') from past;

-- Nothing to pay is not what the reservation costs
select tests.as_operator();
create temp table free on commit drop as select pg_temp.hold(gil, 170) as id from cast_of;
grant select on free to public;
select pg_temp.open_checkout(gil, id) from cast_of, free;
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, '{"payment_status": "no_payment_required", "amount_total": 0, "payment_intent": null}')),
  'mismatch', 'a coupon of Stripe''s confirms nothing') from free;
select is(pg_temp.state(id), 'held pending 0', 'the hold is what it was') from free;

-- Sent again once the reason is gone
select is(pg_temp.send('charge.refunded', '{"payment_intent": "pi_later", "amount_refunded": 500}', 'evt_again'), 'unmatched', 'a refund of a payment that nobody knows');
select is(pg_temp.send('charge.refunded', '{"payment_intent": "pi_later", "amount_refunded": 500}', 'evt_again'), 'unmatched', 'sent again it is looked at again');
select tests.as_operator();
create temp table lost_intent on commit drop as select pg_temp.booked(gil, 180) as id from cast_of;
grant select on lost_intent to public;
update private.checkouts set payment_intent_id = 'pi_later' where payment_id = (select pg_temp.payment(id) from lost_intent);
select tests.as_service();
select is(pg_temp.send('charge.refunded', '{"payment_intent": "pi_later", "amount_refunded": 500}', 'evt_again'), 'applied', 'and has its effect');
select is(pg_temp.send('charge.refunded', '{"payment_intent": "pi_later", "amount_refunded": 500}', 'evt_again'), 'repeated', 'once');
select is(pg_temp.send('charge.refunded', '{"payment_intent": "pi_later", "amount_refunded": 30000}'), 'applied', 'more given back than was paid');
select is(pg_temp.state(id), 'cancelled refunded 21000', 'is booked as far as there was money') from lost_intent;
select tests.as_operator();
select is((select count(*) from private.mails m, lost_intent l where m.key = 'over_refunded:' || pg_temp.payment(l.id)), 1::bigint, 'and raised as an alert');

-- The dearest stay there is
create temp table palace on commit drop as
select tests.create_property(ana, 'A palace', 95000000) as home from cast_of;
create temp table dear on commit drop as
with held as (
  insert into reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, hold_expires_at)
  select palace.home, gil, current_date + 10, current_date + 11, 2, 95000000, 95000000, 4750000, 'usd', now() + interval '35 minutes' from palace, cast_of
  returning id
) select id from held;
grant select on dear to public;
select pg_temp.open_checkout(gil, id) from cast_of, dear;
select tests.as_service();
select is(pg_temp.send('checkout.session.completed', pg_temp.session(id, '{"amount_total": 99750000}')), 'applied', 'is paid') from dear;
select is(pg_temp.issue(id), 1::bigint, 'and invoiced') from dear;
select results_eq(format('select subtotal, tax, total from invoices where reservation_id = %L', (select id from dear)), 'values (81097561, 18652439, 99750000)', 'to the cent');

-- The guest's account is closed
select tests.as_operator();
create temp table gone on commit drop as select pg_temp.booked(olga, 200) as id, pg_temp.hold(olga, 210) as held, olga from cast_of;
grant select on gone to public;
select pg_temp.open_checkout(olga, held) from gone;
select lives_ok(format('delete from auth.users where id = %L', (select olga from gone)), 'Olga closes her account');
select tests.as_service();
select is(pg_temp.state(id), 'confirmed paid 0', 'her booking stands') from gone;
select is(pg_temp.issue(id), 1::bigint, 'its invoice is written') from gone;
select is(buyer ->> 'name' || ' ' || (buyer ->> 'email'), 'Olga ' || olga || '@tests.test', 'to whom she was when she paid') from invoices i, gone where i.reservation_id = gone.id;
select is(pg_temp.send('checkout.session.completed', pg_temp.session(held, '{"customer_details": {"name": " Olga O''Neill\n", "email": "olga@home.test", "address": {"line1": "1 Quay", "postal_code": "T12", "city": "Cork", "country": "IE"}}}')),
  'applied', 'money for her hold comes') from gone;
select is(pg_temp.state(held), 'confirmed paid 0', 'and counts') from gone;
select is(pg_temp.issue(held), 1::bigint, 'with an invoice') from gone;
select is(buyer, jsonb_build_object('name', 'Olga O''Neill', 'email', 'olga@home.test', 'address', E'1 Quay\nT12 Cork\nIreland'), 'as she told Stripe') from invoices i, gone where i.reservation_id = held;

-- What Stripe's books say
select tests.as_operator();
create function pg_temp.differences(charges jsonb) returns table (label text, value text) language sql security definer as $$
  select d.label, d.value from private.differences_from_stripe(charges, to_timestamp(1800000000 - 100), to_timestamp(1800000000 + 100)) d
$$;
create function pg_temp.charge(reservation uuid, changes jsonb default '{}') returns jsonb language sql as $$
  select jsonb_build_object('charge', 'ch_' || reservation, 'payment_intent', 'pi_' || reservation, 'amount', 21000, 'amount_refunded', 0,
    'currency', 'usd', 'is_changing', false) || changes
$$;
create temp table books on commit drop as select pg_temp.hold(gil, 220) as one, pg_temp.hold(gil, 230) as two from cast_of;
grant select on books to public;
select count(pg_temp.open_checkout(gil, one)), count(pg_temp.open_checkout(gil, two)) from books, cast_of;
select private.apply_stripe_event(pg_temp.event('evt_' || id, 'checkout.session.completed', pg_temp.session(id)) || '{"created": 1800000000}')
from books, unnest(array[one, two]) as id;
select is_empty('select pg_temp.differences(jsonb_build_array(pg_temp.charge(one), pg_temp.charge(two))) from books', 'what is under way is no difference');
update private.jobs j set state = 'done', finished_at = now() from books where j.payload ->> 'payment_id' in (pg_temp.payment(one)::text, pg_temp.payment(two)::text);
select results_eq('select (pg_temp.differences(jsonb_build_array(pg_temp.charge(one), pg_temp.charge(two)))).label from books',
  $$ values ('Another invoice'), ('Another invoice') $$, 'two invoices are missing');
select pg_temp.issue(one), pg_temp.issue(two) from books;
select is_empty('select pg_temp.differences(jsonb_build_array(pg_temp.charge(one), pg_temp.charge(two))) from books', 'the books agree');
select results_eq($$ select (pg_temp.differences(jsonb_build_array(pg_temp.charge(one),
    '{"charge": "ch_x", "payment_intent": "pi_x", "amount": 500, "amount_refunded": 0, "currency": "usd", "is_changing": false}'::jsonb,
    '{"charge": "ch_y", "payment_intent": "pi_y", "amount": 500, "amount_refunded": 0, "currency": "usd", "is_changing": true}'::jsonb))).* from books $$,
  $$ select * from (values ('Paid at Stripe, not here', 'ch_x, pi_x, 5.00 USD'),
    ('Paid here, not at Stripe', (select 'payment ' || pg_temp.payment(two) || ', pi_' || two || ', 210.00 USD' from books))) as expected $$,
  'money that only one side knows; what has just come is left to the next night');
select results_eq($$ select (pg_temp.differences(jsonb_build_array(pg_temp.charge(one, '{"amount": 100}'), pg_temp.charge(two, '{"amount_refunded": 50}')))).label from books $$,
  $$ values ('Another amount'), ('Another refund') $$, 'another amount and another refund');
select is_empty($$ select pg_temp.differences(jsonb_build_array(pg_temp.charge(one), pg_temp.charge(two, '{"amount_refunded": 50, "is_changing": true}'))) from books $$,
  'a refund of the last hour may be on its way');
update payments set status = 'refunded', amount_refunded = amount where id = (select pg_temp.payment(one) from books);
update private.checkouts set refund_wanted = 100 where payment_id = (select pg_temp.payment(two) from books);
alter table reservations disable trigger user;
update reservations set status = 'expired' where id = (select one from books);
alter table reservations enable trigger user;
select results_eq($$ select (pg_temp.differences(jsonb_build_array(pg_temp.charge(one, '{"amount_refunded": 21000}'), pg_temp.charge(two)))).label from books $$,
  $$ values ('Owed and not refunded'), ('Paid without a stay'), ('Another credit note') $$, 'what is wrong on our side alone');
update private.checkouts set purpose = 'duplicate' where payment_id = (select pg_temp.payment(two) from books);
select is(array_agg(label), array['Owed and not refunded'], 'reservations of other days are left alone') from books, pg_temp.differences(jsonb_build_array(pg_temp.charge(two)) || pg_temp.charge(one, '{"amount_refunded": 21000}')) where label !~ 'stay|credit';
update payments set created_at = to_timestamp(1800000000) where id = (select pg_temp.payment(two) from books);
select ok('A stay without a payment' = any(array_agg(label)), 'a confirmed stay that nobody paid') from books, pg_temp.differences('[]');
select tests.as_service();
select is(private.reconcile_payments(jsonb_agg(jsonb_build_object('charge', 'ch_' || n, 'amount', n, 'currency', 'usd', 'is_changing', false)), now() + interval '1 day', now() + interval '2 days'), 120, 'a hundred and twenty differences')
from generate_series(1, 120) n;
select is(private.reconcile_payments(jsonb_agg(jsonb_build_object('charge', 'ch_' || n, 'amount', n, 'currency', 'usd', 'is_changing', false)), now() + interval '1 day', now() + interval '2 days'), 120, 'found again on the same day')
from generate_series(1, 120) n;
select is(private.reconcile_payments('[]', now() + interval '1 day', now() + interval '2 days'), 0, 'or none');
select tests.as_operator();
select results_eq($$ select props ->> 'alert', jsonb_array_length(props -> 'facts'), props -> 'facts' -> 100 from private.mails where key like 'reconciliation:%' $$,
  $$ values ('reconciliation', 101, '{"label": "And more", "value": "20 not shown here"}'::jsonb) $$, 'are one mail');

-- Numbers
select tests.as_operator();
select is_empty(
  $$ select from (select kind, array_agg(split_part(number, '-', case kind when 'invoice' then 2 else 3 end)::integer order by number) as numbers,
       min(split_part(number, '-', case kind when 'invoice' then 2 else 3 end)::integer) as first from invoices group by kind, extract(year from issued_at)) series
     where numbers <> array(select generate_series(first, first + cardinality(numbers) - 1)) $$,
  'numbers have no gaps');

select * from finish();
rollback;
