-- What has to be true of all stays in the homes $2, whatever happened to them, once every event has
-- come and every job is done: one row for each rule that is broken. $1 is what Stripe's books say of
-- the time from $3 to $4.
with stays as (
  select r.*, r.status in ('confirmed', 'completed') or r.status = 'held' and r.hold_expires_at > now() as is_live
  from public.reservations r where r.property_id = any ($2::uuid[])
),
money as (
  select p.*, c.purpose, c.refund_wanted, c.is_disputed, c.payment_intent_id
  from stays s
  join public.payments p on p.reservation_id = s.id
  join private.checkouts c on c.payment_id = p.id
),
bookings as (
  select s.id, s.status, s.refund_amount,
    count(m.id) filter (where m.purpose = 'booking') as payments,
    coalesce(sum(m.amount - m.amount_refunded) filter (where m.purpose = 'booking'), 0) as kept,
    coalesce(sum(m.amount_refunded) filter (where m.purpose = 'booking'), 0) as refunded,
    coalesce(bool_or(m.is_disputed) filter (where m.purpose = 'booking'), false) as is_disputed
  from stays s
  left join money m on m.reservation_id = s.id
  group by s.id, s.status, s.refund_amount
),
documents as (select i.* from stays s join public.invoices i on i.reservation_id = s.id),
totals as (
  select b.id,
    count(d.id) filter (where d.kind = 'invoice') as invoices,
    coalesce(sum(case d.kind when 'invoice' then d.total else -d.total end), 0) as total
  from bookings b
  left join documents d on d.reservation_id = b.id
  group by b.id
),
news as (select m.*, s.id as reservation_id from stays s join private.mails m on m.props ->> 'reservation_id' = s.id::text),
theirs as (
  select * from jsonb_to_recordset($1::text::jsonb) as t(payment_intent text, amount_refunded integer, is_disputed boolean)
)
select 'two live stays share a night' as rule, a.id as about
from stays a join stays b on a.property_id = b.property_id and a.id < b.id
where a.is_live and b.is_live and daterange(a.check_in, a.check_out) && daterange(b.check_in, b.check_out)
union all
select 'a live stay and a block share a night', s.id
from stays s join public.property_blocks b on b.property_id = s.property_id
where s.is_live and daterange(s.check_in, s.check_out) && daterange(b.check_in, b.check_out)
union all
select 'a live stay has its nights, one that is over has none', s.id
from stays s
where (s.is_live and not exists (select from private.occupancies o where o.source_id = s.id))
  or (s.status in ('cancelled', 'expired') and exists (select from private.occupancies o where o.source_id = s.id))
union all
select 'paid less refunded is invoices less credit notes', b.id
from bookings b join totals t on t.id = b.id
where b.kept <> t.total
union all
select 'a confirmed stay has one payment and one invoice, no other stay has any but a cancelled one', b.id
from bookings b join totals t on t.id = b.id
where b.payments <> t.invoices
  or b.payments not between (b.status = 'confirmed')::integer and (b.status in ('confirmed', 'cancelled'))::integer
union all
select 'a cancelled booking is refunded as it says', b.id
from bookings b
where b.status = 'cancelled' and b.payments = 1 and b.refunded < b.refund_amount and not b.is_disputed
union all
select 'what is owed is refunded', m.id
from money m
where m.paid_at is not null and not m.is_disputed
  and m.amount_refunded < case m.purpose when 'booking' then m.refund_wanted else m.amount end
union all
select 'nobody waits for a payment of a stay that has one or is over, but for sessions that close by themselves', m.id
from money m join stays s on s.id = m.reservation_id
where m.status = 'pending' and (s.status = 'confirmed' or m.stripe_checkout_session_id is null and s.status <> 'held')
union all
select 'a payment is as refunded and as disputed as Stripe says', m.id
from money m join theirs t on t.payment_intent = m.payment_intent_id
where m.amount_refunded <> t.amount_refunded or (m.status = 'disputed') <> t.is_disputed
union all
select 'money that Stripe has is in the books', null
from theirs t
where not exists (select from money m where m.payment_intent_id = t.payment_intent)
union all
select 'every document has its file and goes out with one mail', d.id
from documents d
where d.pdf_path is null
  or 1 <> (
    select count(*) from news n
    where n.reservation_id = d.reservation_id and n.attachments @> jsonb_build_array(jsonb_build_object('path', d.pdf_path))
  )
union all
select 'numbers have no gaps', null
from private.invoice_counters c
where array(select generate_series(1, c.last_number)) <> array(
  select split_part(i.number, '-', case i.kind when 'invoice' then 2 else 3 end)::integer as taken
  from public.invoices i
  where i.kind = c.kind and extract(year from i.issued_at at time zone 'utc') = c.year
  order by taken
)
union all
select 'host and guest hear of a booking and of its end once', b.id
from bookings b
left join news n on n.reservation_id = b.id
group by b.id, b.payments, b.status
having array[
    count(n.id) filter (where n.template = 'booking_received'),
    count(n.id) filter (where n.template in ('booking_confirmed', 'cancelled_stay_invoiced')),
    count(n.id) filter (where n.template = 'reservation_cancelled' and n.props ->> 'audience' = 'host'),
    count(n.id) filter (where n.template = 'reservation_cancelled' and n.props ->> 'audience' = 'guest')
  ] <> case when b.payments = 0 then '{0,0,0,0}'::bigint[] when b.status = 'cancelled' then '{1,1,1,1}' else '{1,1,0,0}' end
union all
select 'a guest hears once of money that bought no stay', m.id
from money m
where (m.paid_at is not null and m.purpose <> 'booking' and m.amount_refunded = m.amount)::integer
  <> (select count(*) from private.mails l where l.key = 'unused_payment_refunded:' || m.id)
union all
select 'no step goes backwards', a.subject_id
from stays s
join private.audit_log a on a.subject_id = s.id and a.details ? 'from'
where (a.details ->> 'from', a.action) not in (
    ('held', 'reservation.confirmed'), ('held', 'reservation.cancelled'), ('held', 'reservation.expired'),
    ('expired', 'reservation.confirmed'), ('confirmed', 'reservation.cancelled'),
    -- A bank debit that was told a moment after the hold had run out.
    ('expired', 'reservation.held')
  )
union all
select 'Stripe''s books and ours agree: ' || d.label || ', ' || d.value, null
from private.differences_from_stripe($1::text::jsonb, $3, $4) d
