-- Reservations: a stay from hold to check-out. Prices are computed here and nowhere else.

create type public.reservation_status as enum ('held', 'confirmed', 'cancelled', 'expired', 'completed');
comment on type public.reservation_status is
  'held: dates are taken until hold_expires_at; confirmed: paid; cancelled; expired: a hold that ran out or was given back; '
  'completed: a confirmed stay whose check-out is past.';
create type public.cancelling_party as enum ('guest', 'host', 'staff');
comment on type public.cancelling_party is 'Who called a stay off: what is given back depends on it.';

create function private.service_fee(subtotal bigint)
returns bigint
language sql immutable
set search_path = ''
as $$ select (subtotal * 5 + 50) / 100 $$;
comment on function private.service_fee is 'Five per cent of the subtotal, rounded half up, in minor units.';

create table public.reservations (
  id uuid primary key default gen_random_uuid(),
  property_id uuid not null references public.properties (id),
  guest_id uuid not null references public.profiles (id),
  check_in date not null,
  check_out date not null,
  nights integer not null generated always as (check_out - check_in) stored,
  guests smallint not null,
  price_per_night integer not null,
  subtotal integer not null,
  service_fee integer not null,
  total integer not null generated always as (subtotal + service_fee) stored,
  currency text not null,
  status public.reservation_status not null default 'held',
  hold_expires_at timestamptz,
  cancelled_at timestamptz,
  cancelled_by public.cancelling_party,
  refund_amount integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint one_to_365_nights check (check_out - check_in between 1 and 365),
  constraint at_least_one_guest check (guests >= 1),
  constraint price_above_zero check (price_per_night > 0),
  constraint subtotal_is_price_times_nights check (subtotal = price_per_night::bigint * (check_out - check_in)),
  constraint service_fee_is_five_per_cent check (service_fee = private.service_fee(subtotal)),
  constraint a_hold_has_an_end check (status <> 'held' or hold_expires_at is not null),
  constraint cancelled_by_whom_and_when
    check ((status = 'cancelled') = (cancelled_at is not null) and (status = 'cancelled') = (cancelled_by is not null)),
  constraint refund_within_total check (refund_amount between 0 and subtotal + service_fee),
  constraint refund_only_when_cancelled check (status = 'cancelled' or refund_amount = 0)
);
comment on table public.reservations is
  'Stays: nights from check_in up to, not including, check_out. Written by reserve(), release_hold(), cancel_reservation(), payments and schedules.';
comment on column public.reservations.price_per_night is 'As it was when reserved, in minor units.';
comment on column public.reservations.subtotal is 'price_per_night times nights, in minor units.';
comment on column public.reservations.service_fee is 'Five per cent of the subtotal, rounded half up, in minor units.';
comment on column public.reservations.total is 'What the guest pays, in minor units; tax is included.';
comment on column public.reservations.hold_expires_at is 'Until when a hold takes its dates without a payment.';
comment on column public.reservations.refund_amount is 'What a cancellation gives back, in minor units; paid in the background.';
create index reservations_of_property on public.reservations (property_id, check_in);
create index reservations_of_guest on public.reservations (guest_id, created_at desc);
create index reservations_held on public.reservations (hold_expires_at) where status = 'held';
create index reservations_confirmed on public.reservations (check_out) where status = 'confirmed';

create trigger touch_updated_at
  before update on public.reservations
  for each row execute function private.touch_updated_at();

alter table public.reservations enable row level security;
grant select on public.reservations to authenticated, service_role;

create policy "Guests and hosts read their reservations and staff all"
  on public.reservations for select to authenticated
  using (
    guest_id = (select auth.uid())
    or property_id in (select private.my_property_ids())
    or (select private.is_staff())
  );


create function private.lock_stay(reservation_id uuid)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
  reservation public.reservations;
begin
  perform from public.properties p
  where p.id = (select r.property_id from public.reservations r where r.id = lock_stay.reservation_id)
  for no key update;
  select * into reservation from public.reservations r where r.id = lock_stay.reservation_id for no key update;
  return reservation;
end;
$$;
comment on function private.lock_stay is
  'Locks a reservation and before it its property: for every step that may take nights. Everyone takes locks in the order '
  'property, reservation, payment, and never for a change of keys, so that foreign keys wait for nobody. Nulls when there is none.';


-- What every change brings along ----------------------------------------------------------------

create function private.occupy_reservation()
returns trigger
language plpgsql
security definer -- nobody writes occupancies but through private.occupy
set search_path = ''
as $$
declare
  held_until timestamptz := case when new.status = 'held' then new.hold_expires_at end;
begin
  if new.status not in ('held', 'confirmed', 'completed') then
    delete from private.occupancies where source_id = new.id;
    return null;
  end if;

  update private.occupancies set hold_expires_at = held_until where source_id = new.id;
  if not found
    and not private.occupy(new.property_id, daterange(new.check_in, new.check_out), new.id, held_until)
  then
    perform private.refuse_taken_dates();
  end if;
  return null;
end;
$$;
comment on function private.occupy_reservation is
  'After a reservation is made or changes its status: takes, keeps or frees its nights.';

create trigger occupy_reservation
  after insert or update of status, hold_expires_at on public.reservations
  for each row execute function private.occupy_reservation();

create function private.audit_reservation()
returns trigger
language plpgsql
security definer -- writes the audit log
set search_path = ''
as $$
begin
  perform private.audit(
    'reservation.' || new.status, 'reservations', new.id,
    case when tg_op = 'UPDATE' then jsonb_build_object('from', old.status, 'refund_amount', new.refund_amount)
    else jsonb_build_object('total', new.total, 'currency', new.currency) end
  );
  return null;
end;
$$;
comment on function private.audit_reservation is 'After each step of a reservation: a line in the audit log.';

create trigger audit_new_reservation
  after insert on public.reservations
  for each row execute function private.audit_reservation();

create trigger audit_reservation_step
  after update of status on public.reservations
  for each row when (old.status is distinct from new.status)
  execute function private.audit_reservation();

create function private.keep_booked_property()
returns trigger
language plpgsql
security definer -- sees reservations of everyone
set search_path = ''
as $$
begin
  if exists (select from public.reservations r where r.property_id = old.id) then
    perform private.refuse(409, 'has_reservations', 'This property has reservations. Archive it instead of deleting it.');
  end if;
  return old;
end;
$$;
comment on function private.keep_booked_property is 'Before a property is deleted: refuses when somebody booked it, ever.';

create trigger keep_booked_property
  before delete on public.properties
  for each row execute function private.keep_booked_property();


-- Price and availability ------------------------------------------------------------------------

create type public.stay_quote as (
  nights integer,
  price_per_night integer,
  subtotal integer,
  service_fee integer,
  total integer,
  currency text,
  available boolean
);
comment on type public.stay_quote is 'What a stay costs, in minor units, and whether it can be had now.';

create function private.check_stay(check_in date, check_out date, guests integer)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if check_in is null or check_out is null or not isfinite(check_in) or not isfinite(check_out) then
    perform private.refuse(400, 'invalid_dates', 'Please give a check-in and a check-out date.');
  elsif check_in < private.today() then
    perform private.refuse(400, 'invalid_dates', 'The check-in date is in the past.');
  elsif check_out <= check_in then
    perform private.refuse(400, 'invalid_dates', 'The check-out date has to be after the check-in date.');
  elsif check_out - check_in > 365 then
    perform private.refuse(400, 'invalid_dates', 'A stay has at most 365 nights.');
  elsif check_out > private.today() + interval '2 years' then
    perform private.refuse(400, 'invalid_dates', 'Stays can be booked up to two years ahead.');
  elsif guests is null or guests < 1 then
    perform private.refuse(400, 'invalid_guests', 'At least one guest has to come.');
  end if;
end;
$$;
comment on function private.check_stay is 'Refuses with 400 what nobody can book.';

create function private.price_stay(property_id uuid, check_in date, check_out date, guests integer)
returns public.stay_quote
language plpgsql stable
set search_path = ''
as $$
declare
  property public.properties;
  quote public.stay_quote;
  subtotal bigint;
  fee bigint;
  -- What one payment in US dollars may be (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
  least_amount constant integer := 50;
  most constant integer := 99999999;
begin
  perform private.check_stay(check_in, check_out, guests);
  select * into property from public.properties p where p.id = price_stay.property_id and p.status = 'listed';
  if not found then
    perform private.refuse(404, 'not_found', 'There is no such property.');
  end if;
  if guests > property.guests then
    perform private.refuse(400, 'too_many_guests', format('At most %s may stay here.', property.guests));
  end if;
  subtotal := property.price_per_night::bigint * (check_out - check_in);
  fee := private.service_fee(subtotal);
  if subtotal + fee > most then
    perform private.refuse(400, 'amount_too_large', 'This stay costs more than one payment can carry. Please book a shorter one.');
  elsif subtotal + fee < least_amount then
    perform private.refuse(400, 'amount_too_small', 'This stay costs less than a card payment can be. Please book a longer one.');
  end if;

  quote.nights := check_out - check_in;
  quote.price_per_night := property.price_per_night;
  quote.subtotal := subtotal;
  quote.service_fee := fee;
  quote.total := quote.subtotal + quote.service_fee;
  quote.currency := property.currency;
  quote.available := not exists (
    select from private.occupancies o
    where o.property_id = property.id
      and o.nights && daterange(check_in, check_out)
      and (o.hold_expires_at is null or o.hold_expires_at > now())
  );
  return quote;
end;
$$;
comment on function private.price_stay is 'The price of a stay at a listed property, and whether its nights are free now.';

create function public.quote_stay(property_id uuid, check_in date, check_out date, guests integer)
returns public.stay_quote
language sql stable
security definer -- sees what is taken, and tells only whether
set search_path = ''
as $$ select private.price_stay(property_id, check_in, check_out, guests) $$;
comment on function public.quote_stay is
  'What a stay would cost and whether it can be had. 400 invalid_dates, invalid_guests, too_many_guests, amount_too_small, amount_too_large; 404 not_found.';
grant execute on function public.quote_stay to anon, authenticated;


-- Hold ------------------------------------------------------------------------------------------

create function private.expire_holds()
returns void
language sql
security definer -- run by pg_cron
set search_path = ''
as $$
  -- A property or a hold that somebody is busy with is left to the next run.
  with places as materialized (
    select p.id from public.properties p
    where p.id in (select r.property_id from public.reservations r where r.status = 'held' and r.hold_expires_at <= now())
    for no key update skip locked
  )
  update public.reservations
  set status = 'expired'
  where id in (
    select r.id from public.reservations r
    join places on places.id = r.property_id
    where r.status = 'held' and r.hold_expires_at <= now()
    for no key update of r skip locked
  )
$$;
comment on function private.expire_holds is 'Marks holds that have run out. Their nights were free already.';

create function public.reserve(property_id uuid, check_in date, check_out date, guests integer)
returns public.reservations
language plpgsql
security definer -- nobody writes reservations directly
set search_path = ''
as $$
declare
  caller uuid;
  quote public.stay_quote;
  reservation public.reservations;
begin
  -- One reserve at a time a guest, so that the limit of holds is one; and whoever had to wait may have no account now.
  perform from public.profiles p where p.id = (select auth.uid()) for no key update;
  caller := private.require_user();

  -- What is read from here on, price and calendar alike, holds until the nights are taken.
  perform from public.properties p where p.id = reserve.property_id for no key update;
  quote := private.price_stay(property_id, check_in, check_out, guests);
  if exists (select from public.properties p where p.id = reserve.property_id and p.host_id = caller) then
    perform private.refuse(400, 'own_property', 'This is your own property. Block the dates instead.');
  end if;
  if not quote.available then
    perform private.refuse_taken_dates();
  end if;
  if (
    select count(*) from public.reservations r
    where r.guest_id = caller and r.status = 'held' and r.hold_expires_at > now()
  ) >= 3 then
    perform private.refuse(429, 'too_many_holds', 'You already hold three stays. Pay for one or release it first.');
  end if;

  insert into public.reservations
    (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, hold_expires_at)
  values
    (reserve.property_id, caller, reserve.check_in, reserve.check_out, reserve.guests,
     quote.price_per_night, quote.subtotal, quote.service_fee, quote.currency, now() + interval '35 minutes')
  returning * into reservation;
  return reservation;
end;
$$;
comment on function public.reserve is
  'Holds a stay for 35 minutes at the price of now. 409 dates_unavailable; 400 invalid_dates, invalid_guests, too_many_guests, '
  'own_property, amount_too_small, amount_too_large; 404 not_found; 429 too_many_holds.';
grant execute on function public.reserve to authenticated;

create function public.release_hold(reservation_id uuid)
returns public.reservations
language plpgsql
security definer -- nobody writes reservations directly
set search_path = ''
as $$
declare
  caller uuid := private.require_user();
  reservation public.reservations;
begin
  select * into reservation from public.reservations r
  where r.id = reservation_id and r.guest_id = caller
  for no key update;
  if not found then
    perform private.refuse(404, 'not_found', 'There is no such reservation.');
  end if;
  if reservation.status <> 'held' then
    perform private.refuse(409, 'not_held', 'This reservation is no hold any more.');
  end if;

  update public.reservations r
  set status = 'cancelled', cancelled_at = now(), cancelled_by = 'guest'
  where r.id = reservation.id
  returning * into reservation;
  return reservation;
end;
$$;
comment on function public.release_hold is 'Gives an own hold back; its dates are free at once. 404 not_found, 409 not_held.';
grant execute on function public.release_hold to authenticated;


-- Cancellation ----------------------------------------------------------------------------------

create type public.cancellation_preview as (
  refund_amount integer,
  currency text
);
comment on type public.cancellation_preview is 'What a cancellation now would give back, in minor units.';

create function private.refund_due(total integer, check_in date, cancelled_by public.cancelling_party)
returns integer
language sql stable
set search_path = ''
as $$
  select case
    when cancelled_by <> 'guest' then total
    when check_in - private.today() >= 7 then total
    when check_in - private.today() >= 2 then (total + 1) / 2
    else 0
  end
$$;
comment on function private.refund_due is
  'The rule: all of it when host or staff cancel or 7 days or more before check-in, half of it (rounded up) 2 days or more before, else nothing.';

create function private.cancellable_reservation(reservation_id uuid, out reservation public.reservations, out party public.cancelling_party)
language plpgsql
set search_path = ''
as $$
declare
  caller uuid := private.require_user();
begin
  select * into reservation from public.reservations r where r.id = reservation_id for no key update;
  party := case
    when reservation.guest_id = caller then 'guest'
    when exists (
      select from public.properties p where p.id = reservation.property_id and p.host_id = caller
    ) then 'host'
    when private.is_staff() then 'staff'
  end::public.cancelling_party;
  if reservation.id is null or party is null then
    perform private.refuse(404, 'not_found', 'There is no such reservation.');
  end if;
  if not (
    reservation.status = 'confirmed' and reservation.check_out > private.today()
    or reservation.status = 'held' and reservation.hold_expires_at > now()
  ) then
    perform private.refuse(409, 'not_cancellable', 'This reservation can no longer be cancelled.');
  end if;
end;
$$;
comment on function private.cancellable_reservation is
  'Locks a reservation that the caller may cancel, and says as whom. 404 not_found, 409 not_cancellable.';

create function public.preview_cancellation(reservation_id uuid)
returns public.cancellation_preview
language plpgsql
security definer -- host and staff see more than a policy of the guest's would
set search_path = ''
as $$
declare
  asked record;
begin
  select (c.reservation).*, c.party into asked from private.cancellable_reservation(reservation_id) c;
  return row(
    case when asked.status = 'held' then 0 else private.refund_due(asked.total, asked.check_in, asked.party) end,
    asked.currency
  )::public.cancellation_preview;
end;
$$;
comment on function public.preview_cancellation is
  'What cancelling now would give back to the guest. 404 not_found, 409 not_cancellable.';
grant execute on function public.preview_cancellation to authenticated;

create function public.cancel_reservation(reservation_id uuid)
returns public.reservations
language plpgsql
security definer -- nobody writes reservations directly
set search_path = ''
as $$
declare
  asked record;
  reservation public.reservations;
begin
  select (c.reservation).*, c.party into asked from private.cancellable_reservation(reservation_id) c;

  update public.reservations r
  set status = 'cancelled',
      cancelled_at = now(),
      cancelled_by = asked.party,
      refund_amount =
        case when r.status = 'held' then 0 else private.refund_due(r.total, r.check_in, asked.party) end
  where r.id = asked.id
  returning * into reservation;
  return reservation;
end;
$$;
comment on function public.cancel_reservation is
  'Cancels as guest, host or staff; refund and credit note follow in the background. 404 not_found, 409 not_cancellable.';
grant execute on function public.cancel_reservation to authenticated;

create function private.complete_past_stays()
returns void
language sql
security definer -- run by pg_cron
set search_path = ''
as $$
  update public.reservations
  set status = 'completed'
  where status = 'confirmed' and check_out <= private.today()
$$;
comment on function private.complete_past_stays is 'Marks stays whose check-out day has come.';


-- A host who leaves -----------------------------------------------------------------------------

create function private.alert_of_stranded_guests()
returns trigger
language plpgsql
security definer -- runs as the auth service, which owns none of these tables
set search_path = ''
as $$
declare
  stranded jsonb;
begin
  select jsonb_agg(jsonb_build_object(
    'label', format('%s to %s', r.check_in, r.check_out), 'value', format('%s (reservation %s)', p.title, r.id)
  ) order by r.check_in)
  into stranded
  from public.properties p
  join public.reservations r on r.property_id = p.id
  where p.host_id = old.id and r.status = 'confirmed' and r.check_out > private.today();

  if stranded is not null then
    perform private.alert_admins(
      'host_left', 'A host has closed the account, and guests are still to come. Please cancel these stays, or find another way.',
      stranded, 'host_left:' || old.id
    );
  end if;
  return coalesce(new, old);
end;
$$;
comment on function private.alert_of_stranded_guests is 'Before an account is deleted: the admins hear of guests whom its owner was to receive.';

create trigger alert_of_stranded_guests
  before delete on auth.users
  for each row execute function private.alert_of_stranded_guests();

create trigger alert_of_stranded_guests_softly
  before update of deleted_at on auth.users
  for each row when (old.deleted_at is null and new.deleted_at is not null)
  execute function private.alert_of_stranded_guests();
