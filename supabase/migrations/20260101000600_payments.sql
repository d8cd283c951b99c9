-- Payments: Stripe's word, what follows from it, refunds, invoices and credit notes.
--
-- Only an event of Stripe's changes what is paid or refunded. Each event takes effect once, in the
-- transaction that notes it down; steps never go backwards, in whatever order the events come.
-- Locks are always taken in this order: property, reservation, payment. What every payment runs
-- through is plpgsql, which keeps its plans: a function in SQL is planned at each call.

create type public.payment_status as enum
  ('pending', 'paid', 'failed', 'expired', 'refunded', 'partially_refunded', 'disputed');
comment on type public.payment_status is
  'pending: no money yet; failed and expired: there will be none; paid, partially_refunded and refunded: as far as money went '
  'back; disputed: the bank of the payer has it, or has taken it back.';


-- Payments --------------------------------------------------------------------------------------

create table public.payments (
  id uuid primary key default gen_random_uuid(),
  reservation_id uuid not null references public.reservations (id),
  user_id uuid not null references public.profiles (id),
  amount integer not null,
  currency text not null,
  amount_refunded integer not null default 0,
  status public.payment_status not null default 'pending',
  stripe_checkout_session_id text,
  paid_at timestamptz,
  created_at timestamptz not null default now(),
  constraint amount_above_zero check (amount > 0),
  constraint refunded_within_amount check (amount_refunded between 0 and amount),
  constraint session_is_one_payments unique (stripe_checkout_session_id),
  constraint paid_has_a_time
    check ((status in ('paid', 'refunded', 'partially_refunded', 'disputed')) = (paid_at is not null)),
  constraint refunded_as_far_as_it_says check (
    case status
      when 'refunded' then amount_refunded = amount
      when 'partially_refunded' then amount_refunded between 1 and amount - 1
      when 'disputed' then true
      else amount_refunded = 0
    end
  )
);
comment on table public.payments is 'Tries to pay for a reservation. Written by checkout and by Stripe''s events alone.';
comment on column public.payments.amount is 'In minor units, as the reservation says and nobody else.';
comment on column public.payments.amount_refunded is 'What Stripe has given back so far, in minor units.';
create index payments_of_reservation on public.payments (reservation_id);
create index payments_of_user on public.payments (user_id, created_at desc);
create unique index one_pending_payment_a_reservation on public.payments (reservation_id) where status = 'pending';

alter table public.payments enable row level security;
grant select on public.payments to authenticated, service_role;

create policy "Payers read their payments and staff all"
  on public.payments for select to authenticated
  using (user_id = (select auth.uid()) or (select private.is_staff()));

create type private.payment_purpose as enum ('booking', 'lost_hold', 'duplicate');
comment on type private.payment_purpose is
  'What the money turned out to be for. booking: the stay; lost_hold: the dates were somebody else''s by then; duplicate: the '
  'stay was paid already. The last two are given back.';

create table private.checkouts (
  payment_id uuid primary key references public.payments (id) on delete cascade,
  expires_at timestamptz not null,
  customer_id text,
  url text,
  payment_intent_id text,
  buyer jsonb not null default '{}',
  purpose private.payment_purpose,
  refund_wanted integer not null default 0,
  refunds_refused integer not null default 0,
  is_disputed boolean not null default false,
  constraint payment_intent_is_one_payments unique (payment_intent_id),
  constraint refund_not_below_zero check (refund_wanted >= 0)
);
comment on table private.checkouts is 'What only we and Stripe know of a payment.';
comment on column private.checkouts.expires_at is 'When the session closes: at least 30 minutes after it is made (Stripe''s rule), not after the hold.';
comment on column private.checkouts.customer_id is 'As whom Stripe is told to know the guest, if at all; the same at each try.';
comment on column private.checkouts.buyer is '{ name, address, email } as they were when Stripe had the money: it goes on the invoice. The address is what the guest told Stripe, in lines.';
comment on column private.checkouts.purpose is 'What the money turned out to be for; null until it came.';
comment on column private.checkouts.refund_wanted is 'What we owe back, in minor units.';
comment on column private.checkouts.refunds_refused is
  'How often Stripe has refused to give it back. Part of the next try''s idempotency key: Stripe repeats a refusal as long as it knows the key.';
comment on column private.checkouts.is_disputed is 'Whether the guest''s bank has taken the money, or has it for good.';
create index checkouts_to_refund on private.checkouts (payment_id) where refund_wanted > 0;
alter table private.checkouts enable row level security;

create table private.stripe_events (
  id text primary key,
  type text not null,
  api_version text,
  created timestamptz not null,
  payload jsonb not null,
  payment_intent_id text generated always as (payload -> 'data' -> 'object' ->> 'payment_intent') stored,
  outcome text,
  received_at timestamptz not null default now()
);
comment on table private.stripe_events is 'Each event that Stripe sent and what came of it. The row and its effect are one transaction.';
comment on column private.stripe_events.outcome is
  'applied, repeated, ignored (a type of no interest), unmatched (no payment of ours, so far), mismatch (raised as an alert).';
create index stripe_events_unmatched on private.stripe_events (payment_intent_id, created) where outcome = 'unmatched';
create index stripe_events_of_disputes on private.stripe_events (payment_intent_id)
  where type in ('charge.dispute.created', 'charge.dispute.closed');
alter table private.stripe_events enable row level security;

insert into private.job_kinds (kind, priority, max_running, payload_fields, description) values
  ('issue_documents', 20, 4, '{payment_id}', 'Issues the invoice and credit notes of a payment, stores their PDFs and mails them.'),
  ('refund_payment', 30, 4, '{payment_id}', 'Gives money back through Stripe.'),
  ('close_checkout', 40, 4, '{payment_id}', 'Closes the Stripe session of a hold that was given back.'),
  ('reconcile_payments', 90, 1, '{}', 'Compares Stripe''s books of the last days with ours.');


create function private.money(amount bigint, currency text)
returns text
language sql immutable
set search_path = ''
as $$ select to_char(amount / 100::numeric, 'FM999999999990.00') || ' ' || upper(currency) $$;
comment on function private.money is 'An amount in minor units as a person reads it: 210.00 USD. Every currency here has two decimals.';


-- Checkout --------------------------------------------------------------------------------------

create function private.begin_checkout(user_id uuid, reservation_id uuid)
returns table (
  payment_id uuid, session_id text, url text, expires_at timestamptz,
  amount integer, currency text, customer_id text, email text,
  title text, city text, check_in date, check_out date, nights integer
)
language plpgsql
security definer -- the function checkout may ask for this, not write the tables
set search_path = ''
as $$
declare
  reservation public.reservations;
  payment public.payments;
  checkout private.checkouts;
  -- Stripe wants half an hour at least; the rest is for clocks that differ and calls that take long.
  shortest constant interval := interval '31 minutes';
begin
  reservation := private.lock_stay(begin_checkout.reservation_id);
  if reservation.guest_id is distinct from begin_checkout.user_id then
    perform private.refuse(404, 'not_found', 'There is no such reservation.');
  elsif reservation.status in ('confirmed', 'completed') then
    perform private.refuse(409, 'already_paid', 'This reservation is paid.');
  elsif reservation.status <> 'held' or reservation.hold_expires_at <= now() then
    perform private.refuse(409, 'hold_expired', 'This hold has run out. Please reserve again.');
  end if;

  select * into payment from public.payments p
  where p.reservation_id = reservation.id and p.status = 'pending'
  for no key update;
  if not found then
    insert into public.payments (reservation_id, user_id, amount, currency)
    values (reservation.id, reservation.guest_id, reservation.total, reservation.currency)
    returning * into payment;
  end if;
  select * into checkout from private.checkouts c where c.payment_id = payment.id;

  -- A try of which no session is known is repeated with the same end and the same customer, as long as
  -- Stripe can still make it: asked for the very same thing, it answers with the session that it may have made.
  if checkout.payment_id is null or (checkout.url is null and checkout.expires_at < now() + shortest) then
    checkout.expires_at := greatest(reservation.hold_expires_at, now() + shortest);
    if checkout.expires_at > reservation.created_at + interval '70 minutes' then
      perform private.refuse(409, 'hold_expired', 'This hold has been kept for as long as it can be. Please reserve again.');
    end if;
    checkout.expires_at := date_trunc('second', checkout.expires_at);
    insert into private.checkouts as c (payment_id, expires_at, customer_id)
    values (
      payment.id, checkout.expires_at,
      (select s.customer_id from private.stripe_customers s where s.user_id = reservation.guest_id)
    )
    on conflict on constraint checkouts_pkey
    do update set expires_at = excluded.expires_at, customer_id = excluded.customer_id
    returning * into checkout;

    if checkout.expires_at > reservation.hold_expires_at then
      update public.reservations r set hold_expires_at = checkout.expires_at where r.id = reservation.id;
    end if;
  end if;

  return query
  select payment.id, payment.stripe_checkout_session_id, checkout.url, checkout.expires_at,
    payment.amount, payment.currency, checkout.customer_id, u.email::text,
    p.title, p.city, reservation.check_in, reservation.check_out, reservation.nights
  from public.properties p
  left join auth.users u on u.id = reservation.guest_id
  where p.id = reservation.property_id;
end;
$$;
comment on function private.begin_checkout is
  'What to ask Stripe for to pay a hold, or the session that is open already. '
  '404 not_found; 409 already_paid, hold_expired. A late checkout lengthens the hold to the shortest time that Stripe allows.';
grant execute on function private.begin_checkout to service_role;

create function private.forget_stripe_customer(user_id uuid, customer_id text)
returns void
language plpgsql
security definer -- the function checkout may report, not write the tables
set search_path = ''
as $$
begin
  delete from private.stripe_customers s
  where s.user_id = forget_stripe_customer.user_id and s.customer_id = forget_stripe_customer.customer_id;
  update private.checkouts c
  set customer_id = null
  from public.payments p
  where p.id = c.payment_id and p.user_id = forget_stripe_customer.user_id and p.status = 'pending'
    and c.customer_id = forget_stripe_customer.customer_id;
  perform private.enqueue(
    'create_stripe_customer',
    jsonb_build_object('user_id', user_id, 'replaces', customer_id),
    'stripe_customer:' || user_id || ':' || customer_id
  );
end;
$$;
comment on function private.forget_stripe_customer is
  'Stripe knows a user''s customer no more: they pay without one, and get another one in the background.';
grant execute on function private.forget_stripe_customer to service_role;

create function private.record_checkout(payment_id uuid, made_id text, made_url text, out session_id text, out url text)
language plpgsql
security definer -- the function checkout may report, not write the tables
set search_path = ''
as $$
declare
  reservation public.reservations;
begin
  select r.* into reservation
  from public.reservations r
  where r.id = (select p.reservation_id from public.payments p where p.id = record_checkout.payment_id)
  for no key update;

  update public.payments p
  set stripe_checkout_session_id = coalesce(p.stripe_checkout_session_id, made_id)
  where p.id = record_checkout.payment_id
  returning p.stripe_checkout_session_id into session_id;
  update private.checkouts c
  set url = case when session_id = made_id then made_url else c.url end
  where c.payment_id = record_checkout.payment_id
  returning c.url into url;

  if reservation.status not in ('held', 'confirmed') then
    perform private.enqueue(
      'close_checkout', jsonb_build_object('payment_id', record_checkout.payment_id),
      'close_checkout:' || record_checkout.payment_id || ':' || session_id
    );
    session_id := null;
    url := null;
  end if;
end;
$$;
comment on function private.record_checkout is
  'Keeps the session that Stripe made for a payment, and returns the one that counts: another one, when two calls at once got '
  'two. Nulls when the hold was given back meanwhile: then the session is closed.';
grant execute on function private.record_checkout to service_role;

create function private.open_session_of(payment_id uuid)
returns text
language sql stable
security definer -- the worker learns the session that it closes
set search_path = ''
as $$
  select p.stripe_checkout_session_id from public.payments p
  where p.id = open_session_of.payment_id and p.paid_at is null
$$;
comment on function private.open_session_of is 'The Stripe session of a payment that nobody has made yet, or null.';
grant execute on function private.open_session_of to service_role;


-- What an event does ----------------------------------------------------------------------------

create function private.paid_status(amount integer, amount_refunded integer, is_disputed boolean)
returns public.payment_status
language sql immutable
set search_path = ''
as $$
  select case
    when is_disputed then 'disputed'
    when amount_refunded = 0 then 'paid'
    when amount_refunded < amount then 'partially_refunded'
    else 'refunded'
  end::public.payment_status
$$;
comment on function private.paid_status is 'The status of a payment that was made.';

create function private.settle_status(payment_id uuid)
returns public.payment_status
language sql
security definer -- nobody writes payments but through these functions
set search_path = ''
as $$
  update public.payments p
  set status = private.paid_status(p.amount, p.amount_refunded, c.is_disputed)
  from private.checkouts c
  where p.id = settle_status.payment_id and c.payment_id = p.id and p.paid_at is not null
  returning p.status
$$;
comment on function private.settle_status is 'Brings the status of a paid payment in line with its refunds and disputes.';

create function private.want_refund(payment_id uuid, amount integer, reason text default '')
returns void
language plpgsql
security definer -- nobody writes checkouts but through these functions
set search_path = ''
as $$
begin
  update private.checkouts c
  set refund_wanted = greatest(c.refund_wanted, want_refund.amount)
  where c.payment_id = want_refund.payment_id;
  perform private.enqueue(
    'refund_payment',
    jsonb_build_object('payment_id', want_refund.payment_id),
    concat_ws(':', 'refund_payment', want_refund.payment_id, want_refund.amount, nullif(reason, ''))
  );
end;
$$;
comment on function private.want_refund is 'Notes what is owed back and queues the refund, once for each amount and reason.';

create function private.record_refund(payment_id uuid, amount_refunded integer)
returns text
language plpgsql
security definer -- told by Stripe's event or by Stripe's answer to the worker
set search_path = ''
as $$
declare
  payment public.payments;
  money_was_for private.payment_purpose;
begin
  perform private.lock_stay((select p.reservation_id from public.payments p where p.id = record_refund.payment_id));
  select * into payment from public.payments p where p.id = record_refund.payment_id for no key update;

  -- Stripe counts up: whatever is not more than we know is old news.
  if payment.paid_at is null or coalesce(record_refund.amount_refunded, 0) <= payment.amount_refunded then
    return 'repeated';
  end if;

  update public.payments p
  set amount_refunded = least(record_refund.amount_refunded, p.amount),
      status = private.paid_status(p.amount, record_refund.amount_refunded, p.status = 'disputed')
  where p.id = payment.id
  returning * into payment;
  if payment.amount_refunded < record_refund.amount_refunded then
    perform private.alert_admins(
      'amount_mismatch',
      'Stripe has given back more than was paid. Please look into it.',
      private.facts(
        'Payment', payment.id::text,
        'Paid', private.money(payment.amount, payment.currency),
        'Given back', private.money(record_refund.amount_refunded, payment.currency)
      ),
      'over_refunded:' || payment.id
    );
  end if;
  perform private.audit('payment.refunded', 'payments', payment.id, jsonb_build_object('amount_refunded', payment.amount_refunded));

  select c.purpose into money_was_for from private.checkouts c where c.payment_id = payment.id;
  if money_was_for = 'booking' then
    -- Everything given back means that the stay is off, whoever gave it back.
    if payment.amount_refunded = payment.amount then
      update public.reservations r
      set status = 'cancelled', cancelled_at = now(), cancelled_by = 'staff', refund_amount = r.total
      where r.id = payment.reservation_id and r.status = 'confirmed';
    end if;
    perform private.enqueue(
      'issue_documents',
      jsonb_build_object('payment_id', payment.id),
      'issue_documents:' || payment.id || ':' || payment.amount_refunded
    );
  elsif payment.amount_refunded = payment.amount then
    perform private.announce_refund(payment.id);
  end if;
  return 'applied';
end;
$$;
comment on function private.record_refund is
  'Stripe has given back so much of a payment in all. Returns applied, or repeated when that was known.';
grant execute on function private.record_refund to service_role;

create function private.announce_refund(payment_id uuid)
returns void
language sql
security definer -- reads the guest's address
set search_path = ''
as $$
  select private.send_mail(
    'unused_payment_refunded', u.email, g.name,
    jsonb_build_object(
      'recipient_name', g.name, 'property_title', p.title, 'check_in', r.check_in, 'check_out', r.check_out,
      'amount', y.amount, 'currency', y.currency,
      'reason', case when c.purpose = 'duplicate' then 'paid_twice' when r.status = 'cancelled' then 'given_back' else 'too_late' end
    ),
    'unused_payment_refunded:' || y.id
  )
  from public.payments y
  join private.checkouts c on c.payment_id = y.id
  join public.reservations r on r.id = y.reservation_id
  join public.properties p on p.id = r.property_id
  join public.profiles g on g.id = r.guest_id
  join auth.users u on u.id = g.id
  where y.id = announce_refund.payment_id
$$;
comment on function private.announce_refund is 'Tells the guest that money which bought no stay is on its way back.';

create function private.has_room(reservation public.reservations)
returns boolean
language plpgsql
security definer -- looks at what is taken, under the lock of private.lock_stay
set search_path = ''
as $$
begin
  return exists (select from private.occupancies o where o.source_id = reservation.id)
    or private.occupy(
      reservation.property_id, daterange(reservation.check_in, reservation.check_out), reservation.id, reservation.hold_expires_at
    );
end;
$$;
comment on function private.has_room is
  'Whether a hold has its nights, which it takes again when it has run out and nobody else came.';

create function private.take_room(reservation_id uuid)
returns boolean
language plpgsql
security definer -- the step from held or lapsed to confirmed
set search_path = ''
as $$
declare
  reservation public.reservations := private.lock_stay(reservation_id);
begin
  if reservation.status not in ('held', 'expired')
    or reservation.check_out <= private.today()
    or not private.has_room(reservation)
  then
    return false;
  end if;
  update public.reservations r set status = 'confirmed' where r.id = reservation.id;
  return true;
end;
$$;
comment on function private.take_room is
  'Confirms a hold, also one that has run out as long as nobody else took its nights. False when the room is lost.';

create function private.announce_booking(payment_id uuid)
returns void
language plpgsql
security definer -- reads the host's address
set search_path = ''
as $$
begin
  perform private.send_mail(
    'booking_received', u.email, h.name,
    jsonb_build_object(
      'recipient_name', h.name, 'reservation_id', r.id, 'property_id', p.id, 'property_title', p.title,
      'guest_name', g.name, 'check_in', r.check_in, 'check_out', r.check_out, 'nights', r.nights,
      'guests', r.guests, 'subtotal', r.subtotal, 'currency', r.currency
    ),
    'booking_received:' || r.id
  )
  from public.payments y
  join public.reservations r on r.id = y.reservation_id
  join public.properties p on p.id = r.property_id
  join public.profiles h on h.id = p.host_id
  join auth.users u on u.id = h.id
  join public.profiles g on g.id = r.guest_id
  where y.id = announce_booking.payment_id;
end;
$$;
comment on function private.announce_booking is 'Tells the host of a paid booking. The guest is told when the invoice is there.';

create function private.buyer(user_id uuid, customer_details jsonb)
returns jsonb
language plpgsql stable
security definer -- reads the guest's address
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'name', coalesce(nullif(private.trimmed(private.as_one_line(customer_details ->> 'name')), ''), g.name),
      'email', coalesce(u.email, customer_details ->> 'email'),
      'address', nullif(concat_ws(
        E'\n',
        nullif(home ->> 'line1', ''),
        nullif(home ->> 'line2', ''),
        nullif(concat_ws(' ', nullif(home ->> 'postal_code', ''), nullif(home ->> 'city', ''), nullif(home ->> 'state', '')), ''),
        coalesce((select c.name from public.countries c where c.code = home ->> 'country'), home ->> 'country')
      ), '')
    )
    from public.profiles g
    left join auth.users u on u.id = g.id
    cross join (select customer_details -> 'address' as home) as told
    where g.id = buyer.user_id
  );
end;
$$;
comment on function private.buyer is
  '{ name, address, email } for the invoice: as they told Stripe, where the law wants a full name (VAT Directive 2006/112/EC, '
  'article 226), or else the profile''s name.';

create function private.confirm_payment(payment_id uuid, session jsonb, paid_at timestamptz)
returns text
language plpgsql
security definer -- called by private.apply_stripe_event alone
set search_path = ''
as $$
declare
  payment public.payments;
  others_paid boolean;
  money_is_for private.payment_purpose;
begin
  perform private.lock_stay((select p.reservation_id from public.payments p where p.id = confirm_payment.payment_id));
  select * into payment from public.payments p where p.id = confirm_payment.payment_id for no key update;

  if payment.paid_at is not null then
    return 'repeated';
  end if;
  if (session ->> 'amount_total')::bigint is distinct from payment.amount
    or session ->> 'currency' is distinct from payment.currency
  then
    perform private.alert_admins(
      'amount_mismatch',
      'A payment differs from what the reservation costs. It was not confirmed; please look into it.',
      private.facts(
        'Payment', payment.id::text,
        'Checkout session', session ->> 'id',
        'Expected', private.money(payment.amount, payment.currency),
        'Paid', private.money((session ->> 'amount_total')::bigint, session ->> 'currency')
      ),
      'amount_mismatch:' || (session ->> 'id')
    );
    return 'mismatch';
  end if;

  others_paid := exists (
    select from public.payments p
    join private.checkouts c on c.payment_id = p.id
    where p.reservation_id = payment.reservation_id and p.id <> payment.id and c.purpose = 'booking'
  );
  money_is_for := case
    when others_paid then 'duplicate'
    when private.take_room(payment.reservation_id) then 'booking'
    else 'lost_hold'
  end::private.payment_purpose;

  update public.payments p set paid_at = confirm_payment.paid_at, status = 'paid' where p.id = payment.id;
  update private.checkouts c
  set purpose = money_is_for,
      payment_intent_id = session ->> 'payment_intent',
      buyer = private.buyer(payment.user_id, session -> 'customer_details')
  where c.payment_id = payment.id;
  perform private.audit('payment.paid', 'payments', payment.id, jsonb_build_object('purpose', money_is_for));

  if money_is_for = 'booking' then
    perform private.announce_booking(payment.id);
    perform private.enqueue('issue_documents', jsonb_build_object('payment_id', payment.id), 'issue_documents:' || payment.id);
    -- Another session of the same stay is of no use any more.
    perform private.enqueue('close_checkout', jsonb_build_object('payment_id', p.id), 'close_checkout:' || p.id)
    from public.payments p
    where p.reservation_id = payment.reservation_id and p.status = 'pending';
  else
    perform private.want_refund(payment.id, payment.amount);
  end if;
  return 'applied';
end;
$$;
comment on function private.confirm_payment is
  'Stripe has the money: the reservation is confirmed, or what came for a lost room or a second time goes back.';

create function private.close_payment(payment_id uuid, final_status public.payment_status)
returns text
language plpgsql
security definer -- called by private.apply_stripe_event alone
set search_path = ''
as $$
declare
  reservation public.reservations :=
    private.lock_stay((select p.reservation_id from public.payments p where p.id = close_payment.payment_id));
begin
  update public.payments p set status = final_status where p.id = close_payment.payment_id and p.status = 'pending';
  if not found then
    return 'repeated';
  end if;
  update public.reservations r set status = 'expired' where r.id = reservation.id and r.status = 'held';
  return 'applied';
end;
$$;
comment on function private.close_payment is 'A session ended without money: the payment is over and the hold with it.';

create function private.await_payment(payment_id uuid)
returns text
language plpgsql
security definer -- called by private.apply_stripe_event alone
set search_path = ''
as $$
declare
  reservation public.reservations :=
    private.lock_stay((select p.reservation_id from public.payments p where p.id = await_payment.payment_id));
begin
  if not exists (select from public.payments p where p.id = await_payment.payment_id and p.status = 'pending') then
    return 'repeated';
  end if;
  -- A room that is lost stays lost: then the money goes back when it comes.
  if reservation.status in ('held', 'expired') and private.has_room(reservation) then
    update public.reservations r
    set status = 'held', hold_expires_at = greatest(r.hold_expires_at, now() + interval '7 days')
    where r.id = reservation.id;
  end if;
  return 'applied';
end;
$$;
comment on function private.await_payment is
  'The guest has paid by a method that takes days (a bank debit): the hold waits for a week, also one that has just run out.';

create function private.is_disputed(payment_intent_id text)
returns boolean
language sql stable
security definer -- called by private.record_dispute alone
set search_path = ''
as $$
  select coalesce(bool_or(d.status not in ('won', 'prevented') and d.status not like 'warning%'), false)
  from (
    -- A dispute that is closed is not opened again by an event that comes late.
    select distinct on (e.payload -> 'data' -> 'object' ->> 'id') coalesce(e.payload -> 'data' -> 'object' ->> 'status', '') as status
    from private.stripe_events e
    where e.payment_intent_id = is_disputed.payment_intent_id
      and e.type in ('charge.dispute.created', 'charge.dispute.closed')
    order by e.payload -> 'data' -> 'object' ->> 'id', e.type = 'charge.dispute.closed' desc, e.created desc
  ) d
$$;
comment on function private.is_disputed is
  'Whether a dispute about a payment is open or was lost, so that the guest''s bank has the money. An inquiry of the bank (its '
  'statuses begin with warning_) takes none (docs.stripe.com/disputes/how-disputes-work).';

create function private.record_dispute(payment_id uuid, dispute jsonb, is_open boolean)
returns text
language plpgsql
security definer -- called by private.apply_stripe_event alone
set search_path = ''
as $$
declare
  step constant text := case when is_open then 'dispute_opened' else 'dispute_closed' end;
  checkout private.checkouts;
begin
  perform private.lock_stay((select p.reservation_id from public.payments p where p.id = record_dispute.payment_id));
  -- A dispute that is closed is not opened again by an event that comes late.
  if is_open and exists (
    select from private.stripe_events e
    where e.payment_intent_id = dispute ->> 'payment_intent' and e.type = 'charge.dispute.closed'
      and e.payload -> 'data' -> 'object' ->> 'id' = dispute ->> 'id'
  ) then
    return 'repeated';
  end if;

  update private.checkouts c
  set is_disputed = private.is_disputed(c.payment_intent_id)
  where c.payment_id = record_dispute.payment_id
  returning * into checkout;
  perform private.settle_status(record_dispute.payment_id);
  perform private.audit('payment.' || step, 'payments', record_dispute.payment_id, jsonb_build_object('dispute', dispute ->> 'id'));
  if not checkout.is_disputed and checkout.refund_wanted > 0 then
    -- What we owed while the bank had the money.
    perform private.want_refund(record_dispute.payment_id, checkout.refund_wanted, dispute ->> 'id');
  end if;

  perform private.alert_admins(
    step,
    case when is_open then 'A guest disputes a payment. Answer in Stripe''s dashboard before the deadline there.'
    else 'A dispute has ended: ' || coalesce(dispute ->> 'status', 'unknown') || '.' end,
    private.facts(
      'Payment', record_dispute.payment_id::text,
      'Dispute', dispute ->> 'id',
      'Reason', dispute ->> 'reason',
      'Amount', private.money((dispute ->> 'amount')::bigint, dispute ->> 'currency')
    ),
    step || ':' || (dispute ->> 'id')
  );
  return 'applied';
end;
$$;
comment on function private.record_dispute is
  'Freezes the status of a payment for as long as it is disputed or when the dispute is lost; tells the admins.';

create function private.record_failed_refund(payment_id uuid, refund jsonb)
returns text
language plpgsql
security definer -- called by private.apply_stripe_event alone
set search_path = ''
as $$
begin
  perform private.alert_admins(
    'refund_failed',
    'The bank did not take a refund, so Stripe has the money again. Please agree with the guest how it gets to them.',
    private.facts(
      'Payment', record_failed_refund.payment_id::text,
      'Refund', refund ->> 'id',
      'Reason', refund ->> 'failure_reason',
      'Amount', private.money((refund ->> 'amount')::bigint, refund ->> 'currency')
    ),
    'refund_failed:' || (refund ->> 'id')
  );
  return 'applied';
end;
$$;
comment on function private.record_failed_refund is
  'A refund came back days later, for a card that is closed for instance. A person has to find another way.';

create function private.payment_of_session(session jsonb)
returns uuid
language plpgsql
security definer -- called by private.apply_stripe_event alone
set search_path = ''
as $$
declare
  payment_id uuid;
  booked_id uuid;
begin
  select p.id into payment_id from public.payments p where p.stripe_checkout_session_id = session ->> 'id';
  if found then
    return payment_id;
  end if;

  -- A session of ours of which we were never told (the function died before it could note it down).
  if coalesce(session -> 'metadata' ->> 'reservation_id', '') !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    return null;
  end if;
  booked_id := (private.lock_stay((session -> 'metadata' ->> 'reservation_id')::uuid)).id;
  if booked_id is null then
    return null;
  end if;

  -- The function may have noted it down while we waited for the lock.
  select p.id into payment_id from public.payments p where p.stripe_checkout_session_id = session ->> 'id';
  if found then
    return payment_id;
  end if;

  update public.payments p
  set stripe_checkout_session_id = session ->> 'id'
  where p.id = (
    select y.id from public.payments y
    where y.reservation_id = booked_id and y.stripe_checkout_session_id is null
    order by y.created_at desc
    limit 1
  )
  returning p.id into payment_id;
  if found then
    return payment_id;
  end if;

  -- Two sessions for one reservation: the second one is a payment of its own.
  insert into public.payments (reservation_id, user_id, amount, currency, stripe_checkout_session_id, status)
  select r.id, r.guest_id, r.total, r.currency, session ->> 'id', 'expired'
  from public.reservations r where r.id = booked_id
  returning id into payment_id;
  insert into private.checkouts (payment_id, expires_at)
  values (payment_id, now());
  return payment_id;
end;
$$;
comment on function private.payment_of_session is 'The payment for which a checkout session was made, or null when it is none of ours.';

create function private.stripe_event_effect(event jsonb)
returns text
language plpgsql
security definer -- called by private.apply_stripe_event alone
set search_path = ''
as $$
declare
  kind constant text := event ->> 'type';
  object constant jsonb := event -> 'data' -> 'object';
  happened constant timestamptz := to_timestamp((event ->> 'created')::double precision);
  payment_id uuid;
  outcome text;
begin
  if kind not in (
    'checkout.session.completed', 'checkout.session.async_payment_succeeded',
    'checkout.session.async_payment_failed', 'checkout.session.expired',
    'charge.refunded', 'charge.dispute.created', 'charge.dispute.closed', 'refund.failed'
  ) then
    return 'ignored';
  end if;

  if kind like 'checkout.session.%' then
    payment_id := private.payment_of_session(object);
  else
    select c.payment_id into payment_id from private.checkouts c
    where c.payment_intent_id = object ->> 'payment_intent';
  end if;
  if payment_id is null then
    return 'unmatched';
  end if;

  case
    when kind = 'checkout.session.completed' and object ->> 'payment_status' = 'unpaid' then
      return private.await_payment(payment_id);
    when kind in ('checkout.session.completed', 'checkout.session.async_payment_succeeded') then
      outcome := private.confirm_payment(payment_id, object, happened);
      if outcome = 'applied' then
        perform private.apply_waiting_events(object ->> 'payment_intent');
      end if;
      return outcome;
    when kind = 'checkout.session.async_payment_failed' then
      return private.close_payment(payment_id, 'failed');
    when kind = 'checkout.session.expired' then
      return private.close_payment(payment_id, 'expired');
    when kind = 'charge.refunded' then
      return private.record_refund(payment_id, (object ->> 'amount_refunded')::integer);
    when kind = 'charge.dispute.created' then
      return private.record_dispute(payment_id, object, true);
    when kind = 'charge.dispute.closed' then
      return private.record_dispute(payment_id, object, false);
    when kind = 'refund.failed' then
      return private.record_failed_refund(payment_id, object);
    else
      return 'ignored';
  end case;
end;
$$;
comment on function private.stripe_event_effect is 'Does what an event asks for, and says what came of it.';

create function private.apply_waiting_events(payment_intent_id text)
returns void
language plpgsql
security definer -- called by private.stripe_event_effect alone
set search_path = ''
as $$
declare
  waiting private.stripe_events;
begin
  for waiting in
    select * from private.stripe_events e
    where e.payment_intent_id = apply_waiting_events.payment_intent_id and e.outcome = 'unmatched'
    order by e.created
    for update
  loop
    update private.stripe_events e
    set outcome = private.stripe_event_effect(waiting.payload)
    where e.id = waiting.id;
  end loop;
end;
$$;
comment on function private.apply_waiting_events is
  'Refunds and disputes that came before the payment itself take effect when it has come.';

create function private.apply_stripe_event(event jsonb)
returns text
language plpgsql
security definer -- the function stripe-webhook may hand in events, not write the tables
set search_path = ''
as $$
declare
  payment_intent_id constant text := event -> 'data' -> 'object' ->> 'payment_intent';
  new_outcome text;
begin
  -- The events of one payment come in one after another: a refund that comes at the same time as the
  -- payment itself either finds it or is found by it. No lock is held yet while waiting here.
  perform pg_advisory_xact_lock(hashtextextended('private.stripe_events:' || payment_intent_id, 0))
  where payment_intent_id is not null;

  insert into private.stripe_events as e (id, type, api_version, created, payload)
  values (
    event ->> 'id', event ->> 'type', event ->> 'api_version',
    to_timestamp((event ->> 'created')::double precision), event
  )
  -- A delivery that is under way elsewhere is waited for here: either it is done then, or ours is first.
  -- What had no effect may be sent again (npm run stripe:replay) once the reason is gone.
  on conflict (id) do update set received_at = now()
  where e.outcome in ('ignored', 'unmatched', 'mismatch');
  if not found then
    return 'repeated';
  end if;

  new_outcome := private.stripe_event_effect(event);
  update private.stripe_events e set outcome = new_outcome where e.id = event ->> 'id';
  return new_outcome;
end;
$$;
comment on function private.apply_stripe_event is
  'Notes an event of Stripe''s down and lets it take effect, once. The signature has been checked by the caller. '
  'Returns the outcome that private.stripe_events keeps.';
grant execute on function private.apply_stripe_event to service_role;


-- Refunds ---------------------------------------------------------------------------------------

create function private.refund_to_make(payment_id uuid)
returns table (payment_intent_id text, amount integer, idempotency_key text)
language sql stable
security definer -- the worker learns what it gives back
set search_path = ''
as $$
  select c.payment_intent_id, c.refund_wanted - p.amount_refunded,
    concat('refund:', p.id, ':', p.amount_refunded, '-', c.refund_wanted, ':' || nullif(c.refunds_refused, 0))
  from public.payments p
  join private.checkouts c on c.payment_id = p.id
  where p.id = refund_to_make.payment_id and c.refund_wanted > p.amount_refunded and not c.is_disputed
$$;
comment on function private.refund_to_make is
  'What Stripe still has to give back of a payment; no row when nothing, or while the guest''s bank has the money.';
grant execute on function private.refund_to_make to service_role;

create function private.note_refused_refund(payment_id uuid)
returns void
language sql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
  update private.checkouts c
  set refunds_refused = c.refunds_refused + 1
  where c.payment_id = note_refused_refund.payment_id
$$;
comment on function private.note_refused_refund is
  'Stripe has answered, and not given anything back: the next try asks under a key of its own. (Without an answer the same key is '
  'used again, so that nothing is given back twice.)';
grant execute on function private.note_refused_refund to service_role;

create function private.alert_of_dead_letter()
returns trigger
language plpgsql
security definer -- writes a mail
set search_path = ''
as $$
begin
  perform private.alert_admins(
    'dead_letter',
    case new.kind when 'refund_payment' then 'A refund could not be made: a guest waits for money.'
    else 'An invoice or credit note could not be issued.' end || ' Mend the reason and retry the job.',
    private.facts(
      'Job', new.id::text, 'Payment', new.payload ->> 'payment_id', 'Reason', left(new.last_error, 500)
    ),
    format('dead_letter:%s:%s', new.id, new.finished_at)
  );
  return null;
end;
$$;
comment on function private.alert_of_dead_letter is 'After a job about money has failed for good: the admins are told.';

create trigger alert_of_dead_letter
  after update of state on private.jobs
  for each row when (new.state = 'failed' and old.state <> 'failed' and new.kind in ('refund_payment', 'issue_documents'))
  execute function private.alert_of_dead_letter();

create function private.cancellation_mail(reservation_id uuid, audience text, is_disputed boolean)
returns void
language sql
security definer -- reads addresses
set search_path = ''
as $$
  select private.send_mail(
    'reservation_cancelled', u.email, person.name,
    jsonb_build_object(
      'recipient_name', person.name, 'audience', audience, 'reservation_id', r.id, 'property_title', p.title,
      'check_in', r.check_in, 'check_out', r.check_out, 'cancelled_by', r.cancelled_by,
      'refund_amount', r.refund_amount, 'currency', r.currency, 'is_disputed', is_disputed
    ),
    'reservation_cancelled:' || r.id || ':' || audience
  )
  from public.reservations r
  join public.properties p on p.id = r.property_id
  join public.profiles person on person.id = case audience when 'host' then p.host_id else r.guest_id end
  join auth.users u on u.id = person.id
  where r.id = cancellation_mail.reservation_id
$$;
comment on function private.cancellation_mail is 'Tells guest or host that a stay is off, once each.';


-- Invoices and credit notes ---------------------------------------------------------------------

create type public.invoice_kind as enum ('invoice', 'credit_note');
comment on type public.invoice_kind is 'A credit note takes back an invoice, whole or in part. Each kind has its own series of numbers.';

create table private.invoice_counters (
  year smallint not null,
  kind public.invoice_kind not null,
  last_number integer not null,
  primary key (year, kind)
);
comment on table private.invoice_counters is
  'The last number given out. Locked by the transaction that takes the next one, which takes it back when it fails: no gaps.';
alter table private.invoice_counters enable row level security;

create table public.invoices (
  id uuid primary key default gen_random_uuid(),
  number text not null,
  kind public.invoice_kind not null,
  reservation_id uuid not null references public.reservations (id),
  payment_id uuid not null references public.payments (id),
  user_id uuid not null references public.profiles (id),
  corrects_id uuid references public.invoices (id),
  issued_at timestamptz not null default now(),
  currency text not null,
  subtotal integer not null,
  tax integer not null,
  total integer not null,
  seller jsonb not null,
  buyer jsonb not null,
  lines jsonb not null,
  pdf_path text,
  pdf_sha256 text,
  constraint number_is_unique unique (number),
  constraint number_of_its_series
    check (number ~ (case kind when 'invoice' then '^' else '^CN-' end || '[0-9]{4}-[0-9]{6,}$')),
  constraint credit_note_names_what_it_corrects check ((kind = 'credit_note') = (corrects_id is not null)),
  constraint total_is_subtotal_plus_tax check (total = subtotal + tax and total > 0 and tax >= 0),
  constraint lines_are_a_list check (jsonb_typeof(lines) = 'array'),
  constraint pdf_with_its_hash check ((pdf_path is null) = (pdf_sha256 is null)),
  constraint pdf_hash_is_sha256 check (pdf_sha256 ~ '^[0-9a-f]{64}$')
);
comment on table public.invoices is
  'Invoices and credit notes, never changed once issued. Amounts of a credit note are positive: it takes them off.';
comment on column public.invoices.number is 'One series a year and kind, without gaps: 2026-000001, CN-2026-000001.';
comment on column public.invoices.subtotal is 'Without tax, in minor units.';
comment on column public.invoices.tax is 'The tax in the total, in minor units.';
comment on column public.invoices.total is 'What was paid or given back, in minor units.';
comment on column public.invoices.seller is '{ name, address, tax_id, tax_rate_percent } as it was.';
comment on column public.invoices.buyer is '{ name, address, email } as it was.';
comment on column public.invoices.lines is '[{ description, quantity, unit_amount, tax_rate_percent, net, tax, amount }], amounts in minor units with tax included.';
comment on column public.invoices.pdf_path is 'A file in the private bucket invoices: <user id>/<number>.pdf.';
create index invoices_of_user on public.invoices (user_id, issued_at desc);
create index invoices_of_reservation on public.invoices (reservation_id);
create index invoices_of_payment on public.invoices (payment_id);
create index invoices_corrected on public.invoices (corrects_id) where corrects_id is not null;
create unique index one_invoice_a_payment on public.invoices (payment_id) where kind = 'invoice';

alter table public.invoices enable row level security;
grant select on public.invoices to authenticated, service_role;

create policy "Payers read their invoices and staff all"
  on public.invoices for select to authenticated
  using (user_id = (select auth.uid()) or (select private.is_staff()));

create policy "Payers open their invoice files and staff all"
  on storage.objects for select to authenticated
  using (
    bucket_id = 'invoices'
    and (
      (storage.foldername(name))[1] = (select auth.uid())::text
      or (select private.is_staff())
    )
  );

create function private.keep_invoice()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- The one thing that comes later is the file, once.
  if tg_op = 'UPDATE' and old.pdf_path is null
    and to_jsonb(old) - 'pdf_path' - 'pdf_sha256' = to_jsonb(new) - 'pdf_path' - 'pdf_sha256'
  then
    return new;
  end if;
  raise exception 'An invoice is never changed once it is issued. Correct it with a credit note.'
    using errcode = 'insufficient_privilege', hint = 'invoice_is_final';
end;
$$;
comment on function private.keep_invoice is 'Before update or delete: refuses, but for adding the file.';

create trigger keep_invoice
  before update or delete on public.invoices
  for each row execute function private.keep_invoice();

create function private.refuse_truncate()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'Invoices are kept.' using errcode = 'insufficient_privilege';
end;
$$;
comment on function private.refuse_truncate is 'Before truncate: refuses.';

create trigger keep_invoices
  before truncate on public.invoices
  for each statement execute function private.refuse_truncate();

create function private.next_invoice_number(kind public.invoice_kind)
returns text
language sql
security definer -- nobody writes the counters but through here
set search_path = ''
as $$
  insert into private.invoice_counters as c (year, kind, last_number)
  values (extract(year from private.today()), next_invoice_number.kind, 1)
  on conflict on constraint invoice_counters_pkey do update set last_number = c.last_number + 1
  returning case c.kind when 'credit_note' then 'CN-' else '' end
    || c.year || '-' || lpad(c.last_number::text, greatest(6, length(c.last_number::text)), '0')
$$;
comment on function private.next_invoice_number is 'Takes the next number of a series; others wait until this transaction ends.';

create function private.invoice_line(description text, quantity integer, unit_amount integer, tax_rate numeric)
returns jsonb
language sql immutable
set search_path = ''
as $$
  select jsonb_build_object(
    'description', description, 'quantity', quantity, 'unit_amount', unit_amount,
    'tax_rate_percent', tax_rate, 'net', amount - tax, 'tax', tax, 'amount', amount
  )
  from (select quantity * unit_amount as amount) as gross
  cross join lateral (select amount - round(amount * 100::numeric / (100 + tax_rate))::integer as tax) as included
$$;
comment on function private.invoice_line is 'A line of an invoice; tax is included in the amounts.';

create function private.issue_invoice(payment public.payments, seller jsonb)
returns void
language plpgsql
security definer -- called by private.issue_documents alone
set search_path = ''
as $$
begin
  insert into public.invoices
    (number, kind, reservation_id, payment_id, user_id, currency, subtotal, tax, total, seller, buyer, lines)
  select
    private.next_invoice_number('invoice'), 'invoice', r.id, payment.id, payment.user_id, payment.currency,
    (fee ->> 'net')::integer + (stay ->> 'net')::integer,
    (fee ->> 'tax')::integer + (stay ->> 'tax')::integer,
    payment.amount, seller,
    c.buyer, jsonb_build_array(stay, fee)
  from public.reservations r
  join public.properties p on p.id = r.property_id
  join public.countries n on n.code = p.country_code
  join private.checkouts c on c.payment_id = payment.id
  cross join lateral private.invoice_line(
    format(
      '%s, %s, %s: %s to %s', p.title, p.city, n.name,
      to_char(r.check_in, 'FMDD FMMonth YYYY'), to_char(r.check_out, 'FMDD FMMonth YYYY')
    ),
    r.nights, r.price_per_night, (seller ->> 'tax_rate_percent')::numeric
  ) as stay
  cross join lateral private.invoice_line('Service fee', 1, r.service_fee, (seller ->> 'tax_rate_percent')::numeric) as fee
  where r.id = payment.reservation_id;
end;
$$;
comment on function private.issue_invoice is 'Issues the invoice of a payment under the next number.';

create function private.issue_credit_note(payment public.payments)
returns void
language plpgsql
security definer -- called by private.issue_documents alone
set search_path = ''
as $$
begin
  -- Tax is credited in step with the amount, so that the last credit note brings both to zero together.
  insert into public.invoices
    (number, kind, reservation_id, payment_id, user_id, corrects_id, currency, subtotal, tax, total, seller, buyer, lines)
  select
    private.next_invoice_number('credit_note'), 'credit_note', i.reservation_id, i.payment_id, i.user_id, i.id, i.currency,
    due.total - due.tax, due.tax, due.total, i.seller, i.buyer,
    jsonb_build_array(jsonb_build_object(
      'description', 'Refund on invoice ' || i.number || ': ' || (i.lines -> 0 ->> 'description'),
      'quantity', 1, 'unit_amount', due.total, 'tax_rate_percent', i.lines -> 0 -> 'tax_rate_percent',
      'net', due.total - due.tax, 'tax', due.tax, 'amount', due.total
    ))
  from public.invoices i
  cross join lateral (
    select coalesce(sum(n.total), 0) as total, coalesce(sum(n.tax), 0) as tax
    from public.invoices n where n.corrects_id = i.id
  ) as credited
  cross join lateral (
    select (payment.amount_refunded - credited.total)::integer as total,
      (round(i.tax::numeric * payment.amount_refunded / i.total) - credited.tax)::integer as tax
  ) as due
  where i.payment_id = payment.id and i.kind = 'invoice' and due.total > 0;
end;
$$;
comment on function private.issue_credit_note is 'Credits what has been refunded and not been credited yet.';

create function private.issue_documents(payment_id uuid, seller jsonb)
returns setof public.invoices
language plpgsql
security definer -- the worker may ask for documents, not write them
set search_path = ''
as $$
declare
  payment public.payments;
begin
  select * into payment from public.payments p where p.id = issue_documents.payment_id for no key update;
  if exists (select from private.checkouts c where c.payment_id = payment.id and c.purpose = 'booking') then
    if not exists (select from public.invoices i where i.payment_id = payment.id and i.kind = 'invoice') then
      perform private.issue_invoice(payment, seller);
    end if;
    perform private.issue_credit_note(payment);
  end if;

  return query
  select * from public.invoices i where i.payment_id = payment.id and i.pdf_path is null order by i.kind, i.number;
end;
$$;
comment on function private.issue_documents is
  'Issues what a payment still lacks (its invoice, a credit note for what was refunded) and returns all that have no file yet. '
  'seller: { name, address, tax_id, tax_rate_percent }.';
grant execute on function private.issue_documents to service_role;

create function private.mail_document(invoice public.invoices)
returns void
language plpgsql
security definer -- reads addresses
set search_path = ''
as $$
declare
  attachments constant jsonb := jsonb_build_array(jsonb_build_object(
    'bucket', 'invoices', 'path', invoice.pdf_path, 'filename', invoice.number || '.pdf'
  ));
begin
  perform private.send_mail(
    mail.template, u.email, g.name,
    jsonb_build_object(
      'recipient_name', g.name, 'reservation_id', r.id, 'property_title', p.title, 'currency', invoice.currency
    ) || case mail.template
      when 'payment_refunded' then jsonb_build_object('amount', invoice.total, 'credit_note_number', invoice.number)
      when 'cancelled_stay_invoiced' then jsonb_build_object('total', invoice.total, 'invoice_number', invoice.number)
      else jsonb_build_object(
        'city', p.city, 'country_name', n.name, 'host_name', h.name, 'check_in', r.check_in, 'check_out', r.check_out,
        'nights', r.nights, 'guests', r.guests, 'subtotal', r.subtotal, 'service_fee', r.service_fee,
        'total', r.total, 'invoice_number', invoice.number
      )
    end,
    mail.template || ':' || case mail.template when 'booking_confirmed' then r.id else invoice.id end,
    attachments
  )
  from public.reservations r
  join public.properties p on p.id = r.property_id
  join public.countries n on n.code = p.country_code
  join public.profiles h on h.id = p.host_id
  join public.profiles g on g.id = invoice.user_id
  join auth.users u on u.id = g.id
  cross join lateral (
    select case
      when invoice.kind = 'credit_note' then 'payment_refunded'
      -- The document comes late, for a stay that is off already.
      when r.status = 'cancelled' then 'cancelled_stay_invoiced'
      else 'booking_confirmed'
    end as template
  ) mail
  where r.id = invoice.reservation_id;
end;
$$;
comment on function private.mail_document is 'Sends an invoice or a credit note to the guest, once its file is there.';

create function private.record_pdf(invoice_id uuid, sha256 text)
returns void
language plpgsql
security definer -- the worker may report, not write the table
set search_path = ''
as $$
declare
  invoice public.invoices;
begin
  -- Whoever cancels at this moment either finds this mail on its way or is found by it.
  perform from public.reservations r
  where r.id = (select i.reservation_id from public.invoices i where i.id = invoice_id) for no key update;
  update public.invoices i
  set pdf_path = i.user_id || '/' || i.number || '.pdf', pdf_sha256 = sha256
  where i.id = invoice_id and i.pdf_path is null
  returning * into invoice;
  if found then
    perform private.mail_document(invoice);
  end if;
end;
$$;
comment on function private.record_pdf is 'The file of an invoice is stored under <user id>/<number>.pdf: it is noted down and mailed.';
grant execute on function private.record_pdf to service_role;


-- The end of a hold or a booking ----------------------------------------------------------------

create function private.follow_ended_hold()
returns trigger
language plpgsql
security definer -- ends payments and queues jobs
set search_path = ''
as $$
begin
  -- No session of it is known. Should Stripe have made one and somebody pay, that counts all the same.
  update public.payments p
  set status = 'expired'
  where p.reservation_id = new.id and p.status = 'pending' and p.stripe_checkout_session_id is null;

  if new.status = 'cancelled' then
    perform private.enqueue('close_checkout', jsonb_build_object('payment_id', p.id), 'close_checkout:' || p.id)
    from public.payments p
    where p.reservation_id = new.id and p.status = 'pending';
  end if;
  return null;
end;
$$;
comment on function private.follow_ended_hold is
  'After a hold was given back or has run out: nobody waits for its payment any more. (A session closes by itself when the hold runs out.)';

create trigger follow_ended_hold
  after update of status on public.reservations
  for each row when (old.status = 'held' and new.status in ('cancelled', 'expired'))
  execute function private.follow_ended_hold();

create function private.follow_cancellation()
returns trigger
language plpgsql
security definer -- queues refunds and mails
set search_path = ''
as $$
declare
  payment record;
begin
  select p.id, p.amount_refunded, c.is_disputed into payment
  from public.payments p
  join private.checkouts c on c.payment_id = p.id
  where p.reservation_id = new.id and c.purpose = 'booking';

  if payment.amount_refunded < new.refund_amount then
    perform private.want_refund(payment.id, new.refund_amount);
  end if;
  -- Nobody travels in vain because Stripe is slow: the credit note has a mail of its own.
  perform private.cancellation_mail(new.id, audience, coalesce(payment.is_disputed, false))
  from unnest(array['guest', 'host']) audience;
  return null;
end;
$$;
comment on function private.follow_cancellation is 'After a booking was cancelled: the refund and the mails.';

create trigger follow_cancellation
  after update of status on public.reservations
  for each row when (old.status = 'confirmed' and new.status = 'cancelled')
  execute function private.follow_cancellation();


-- Reconciliation --------------------------------------------------------------------------------

create function private.payment_intents_between(since timestamptz, until timestamptz)
returns setof text
language sql stable
security definer -- the worker learns what to look up at Stripe
set search_path = ''
as $$
  select c.payment_intent_id
  from public.payments p
  join private.checkouts c on c.payment_id = p.id
  where p.paid_at between since and until and c.payment_intent_id is not null
$$;
comment on function private.payment_intents_between is 'Stripe''s names of what was paid in that time, as we know it.';
grant execute on function private.payment_intents_between to service_role;

create function private.differences_from_stripe(charges jsonb, since timestamptz, until timestamptz)
returns table (label text, value text)
language sql stable
security definer -- called by private.reconcile_payments alone
set search_path = ''
as $$
  with theirs as (
    select * from jsonb_to_recordset(charges)
      as t(charge text, payment_intent text, amount integer, amount_refunded integer, currency text, is_changing boolean)
  ),
  ours as (
    select p.id, p.reservation_id, p.amount, p.amount_refunded, p.currency, c.payment_intent_id, c.purpose, r.status as stay,
      exists (
        select from private.jobs j
        where j.state in ('queued', 'running')
          and j.kind in ('issue_documents', 'refund_payment')
          and j.payload ->> 'payment_id' = p.id::text
      ) as is_under_way
    from public.payments p
    join private.checkouts c on c.payment_id = p.id
    join public.reservations r on r.id = p.reservation_id
    where p.paid_at between since and until
      or p.paid_at < until and c.payment_intent_id in (select t.payment_intent from theirs t)
  ),
  documents as (
    select o.id, o.amount, o.amount_refunded, o.currency,
      coalesce(sum(i.total) filter (where i.kind = 'invoice'), 0) as invoiced,
      coalesce(sum(i.total) filter (where i.kind = 'credit_note'), 0) as credited
    from ours o
    left join public.invoices i on i.payment_id = o.id
    where o.purpose = 'booking' and not o.is_under_way
    group by o.id, o.amount, o.amount_refunded, o.currency
  )
  select 'Paid at Stripe, not here', concat_ws(', ', t.charge, t.payment_intent, private.money(t.amount, t.currency))
  from theirs t
  where not t.is_changing and not exists (select from private.checkouts c where c.payment_intent_id = t.payment_intent)
  union all
  select 'Paid here, not at Stripe', concat_ws(', ', 'payment ' || o.id, o.payment_intent_id, private.money(o.amount, o.currency))
  from ours o
  where not exists (select from theirs t where t.payment_intent = o.payment_intent_id)
  union all
  select 'Another amount', format('payment %s: %s at Stripe, %s here', o.id, private.money(t.amount, t.currency), private.money(o.amount, o.currency))
  from ours o
  join theirs t on t.payment_intent = o.payment_intent_id
  where (t.amount, t.currency) is distinct from (o.amount, o.currency)
  union all
  select 'Another refund',
    format('payment %s: %s at Stripe, %s here', o.id, private.money(t.amount_refunded, t.currency), private.money(o.amount_refunded, o.currency))
  from ours o
  join theirs t on t.payment_intent = o.payment_intent_id
  where t.amount_refunded <> o.amount_refunded and not t.is_changing
  union all
  -- However long ago it was paid: most stays are cancelled weeks after.
  select 'Owed and not refunded', format('payment %s: %s', p.id, private.money(c.refund_wanted - p.amount_refunded, p.currency))
  from private.checkouts c
  join public.payments p on p.id = c.payment_id
  where c.refund_wanted > 0 and c.refund_wanted > p.amount_refunded and p.paid_at < until and not c.is_disputed
    and not exists (
      select from private.jobs j
      where j.state in ('queued', 'running') and j.kind = 'refund_payment' and j.payload ->> 'payment_id' = p.id::text
    )
  union all
  select 'Paid without a stay', format('payment %s: reservation %s is %s', o.id, o.reservation_id, o.stay)
  from ours o
  where o.purpose = 'booking' and o.stay in ('held', 'expired')
  union all
  select 'A stay without a payment', format('reservation %s is %s', r.id, r.status)
  from public.reservations r
  where r.status in ('confirmed', 'completed')
    and exists (select from public.payments p where p.reservation_id = r.id and p.created_at between since and until)
    and not exists (
      select from public.payments p
      join private.checkouts c on c.payment_id = p.id
      where p.reservation_id = r.id and p.paid_at is not null and c.purpose = 'booking'
    )
  union all
  select 'Another invoice', format('payment %s: %s paid, %s invoiced', d.id, private.money(d.amount, d.currency), private.money(d.invoiced, d.currency))
  from documents d
  where d.invoiced <> d.amount
  union all
  select 'Another credit note',
    format('payment %s: %s refunded, %s credited', d.id, private.money(d.amount_refunded, d.currency), private.money(d.credited, d.currency))
  from documents d
  where d.credited <> d.amount_refunded
$$;
comment on function private.differences_from_stripe is
  'Where payments, reservations and invoices of that time differ from Stripe''s charges, '
  '[{ charge, payment_intent, amount, amount_refunded, currency, is_changing }], or from each other. What is still under way is none.';

create function private.reconcile_payments(charges jsonb, since timestamptz, until timestamptz)
returns integer
language plpgsql
security definer -- the worker hands in what Stripe says
set search_path = ''
as $$
declare
  most constant integer := 100;
  facts jsonb;
  differences integer;
begin
  select count(*), coalesce(jsonb_agg(to_jsonb(d) order by d.label, d.value), '[]') into differences, facts
  from private.differences_from_stripe(charges, since, until) d;

  if differences > 0 then
    perform private.alert_admins(
      'reconciliation',
      format(
        '%s between Stripe''s books and ours from %s to %s.',
        case differences when 1 then 'One difference' else differences || ' differences' end,
        to_char(since at time zone 'utc', 'FMDD FMMonth YYYY'), to_char(until at time zone 'utc', 'FMDD FMMonth YYYY')
      ),
      jsonb_path_query_array(facts, '$[0 to $last]', jsonb_build_object('last', most - 1))
        || case when differences > most then jsonb_build_array(jsonb_build_object(
          'label', 'And more', 'value', (differences - most) || ' not shown here'
        )) else '[]' end,
      -- The same finding is mailed once a day, however often the job runs.
      format('reconciliation:%s:%s', private.today(), md5(facts::text))
    );
  end if;
  return differences;
end;
$$;
comment on function private.reconcile_payments is
  'Mails the admins every difference between Stripe''s books and ours, if there is one, and returns how many there are.';
grant execute on function private.reconcile_payments to service_role;
