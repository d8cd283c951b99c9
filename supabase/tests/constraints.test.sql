-- Wrong data is impossible: each constraint turns away at least one change of a good row, whoever
-- makes it. Triggers are off, so that it is the constraint that says no and not a step before it. A
-- new constraint without an example fails.
begin;
set local search_path = public, extensions;
select no_plan();

-- One good row of each table, and a second one where something has to be unique.
create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil;
create temp table props on commit drop as
select tests.create_property(ana, 'Ana''s cottage') as home from cast_of;
update profiles set avatar_path = gil || '/me.webp' from cast_of where id = gil;
insert into property_images (property_id, path) select home, ana || '/' || home || '/cover.webp' from props, cast_of;
insert into property_images (property_id, path) select home, ana || '/' || home || '/2.webp' from props, cast_of;
insert into property_blocks (property_id, check_in, check_out) select home, private.today() + 50, private.today() + 52 from props;
insert into favorites (user_id, property_id) select gil, home from cast_of, props;
insert into reservations (property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
select home, gil, private.today() + 10, private.today() + 12, 2, 10000, 20000, 1000, 'usd', 'confirmed' from props, cast_of;
insert into payments (reservation_id, user_id, amount, currency, status, paid_at, stripe_checkout_session_id)
select r.id, gil, r.total, r.currency, 'paid', now(), 'cs_one' from reservations r, cast_of where r.guest_id = gil;
insert into payments (reservation_id, user_id, amount, currency, status, stripe_checkout_session_id)
select r.id, gil, r.total, r.currency, 'pending', 'cs_two' from reservations r, cast_of where r.guest_id = gil;
insert into private.checkouts (payment_id, expires_at, purpose, payment_intent_id)
select id, now(), 'booking', 'pi_' || stripe_checkout_session_id from payments, cast_of where user_id = gil;
insert into invoices (number, kind, reservation_id, payment_id, user_id, currency, subtotal, tax, total, seller, buyer, lines)
select case status when 'paid' then '1999-000001' else '1999-000002' end, 'invoice', reservation_id, id, user_id, currency,
  80, 20, 100, '{}', '{}', '[]'
from payments, cast_of where user_id = gil;
insert into inquiries (user_id, subject, message) select gil, 'The key', 'Where is it?' from cast_of;
insert into inquiry_messages (inquiry_id, author_id, body) select i.id, gil, 'Hello?' from inquiries i, cast_of where i.user_id = gil;
insert into inquiry_events (inquiry_id, change) select i.id, 'status' from inquiries i, cast_of where i.user_id = gil;
insert into private.inquiry_visitors (inquiry_id, address) select i.id, 'bo@tests.test' from inquiries i, cast_of where i.user_id = gil;
insert into private.inquiry_mails (inquiry_id, audience, first_message_id)
select i.id, 'author', gen_random_uuid() from inquiries i, cast_of where i.user_id = gil;
insert into private.contacts (name, address, subject, message, token_hash, inquiry_id)
select 'Bo', 'bo@tests.test', 'The key', 'Where is it?', n::bytea, i.id
from inquiries i, cast_of, unnest(array['one', 'two']) n where i.user_id = gil;
insert into private.jobs (kind, max_attempts, key) values ('remove_file', 1, 'constraints:one'), ('remove_file', 1, 'constraints:two');
insert into private.mails (template, props, key) values ('x', '{}', 'constraints:one'), ('x', '{}', 'constraints:two');
insert into private.mail_suppressions (address, reason) values ('gone@tests.test', 'x');
insert into private.mail_subscriptions (address, topic) values ('one@tests.test', 'reports'), ('two@tests.test', 'reports');
insert into private.job_paces (kind, used_until) values ('remove_file', now());
insert into private.stripe_customers (user_id, customer_id) select unnest(array[ana, gil]), unnest(array['cus_ana', 'cus_gil']) from cast_of;
insert into daily_reports (report_date) values ('2000-01-01');

-- The good row of each table.
create temp table good_rows (table_name text primary key, condition text) on commit drop;
insert into good_rows values
  ('categories', 'slug = ''cabin'''),
  ('countries', 'code = ''IE'''),
  ('daily_reports', 'report_date = ''2000-01-01'''),
  ('favorites', 'user_id = (select gil from cast_of)'),
  ('inquiries', 'user_id = (select gil from cast_of)'),
  ('inquiry_events', 'inquiry_id in (select id from inquiries, cast_of where user_id = gil)'),
  ('inquiry_messages', 'inquiry_id in (select id from inquiries, cast_of where user_id = gil)'),
  ('invoices', 'number = ''1999-000001'''),
  ('payments', 'stripe_checkout_session_id = ''cs_one'''),
  ('profiles', 'id = (select gil from cast_of)'),
  ('properties', 'id = (select home from props)'),
  ('property_blocks', 'property_id = (select home from props)'),
  ('property_images', 'property_id = (select home from props) and position = 0'),
  ('reservations', 'guest_id = (select gil from cast_of)'),
  ('user_roles', 'user_id = (select gil from cast_of)'),
  ('private.checkouts', 'payment_intent_id = ''pi_cs_one'''),
  ('private.contacts', 'token_hash = ''one'''),
  ('private.inquiry_mails', 'inquiry_id in (select id from inquiries, cast_of where user_id = gil)'),
  ('private.inquiry_settings', 'true'),
  ('private.inquiry_visitors', 'address = ''bo@tests.test'''),
  ('private.job_kinds', 'kind = ''send_mail'''),
  ('private.jobs', 'key = ''constraints:one'''),
  ('private.listings', 'property_id = (select home from props)'),
  ('private.mail_subscriptions', 'address = ''one@tests.test'''),
  ('private.mail_suppressions', 'address = ''gone@tests.test'''),
  ('private.job_paces', 'kind = ''remove_file'''),
  ('private.mails', 'key = ''constraints:one'''),
  ('private.occupancies', 'source_id in (select id from property_blocks, props where property_id = home)'),
  ('private.stripe_customers', 'customer_id = ''cus_gil'''),
  ('private.vacancies', 'property_id = (select home from props) and lower_inf(nights)');

-- A change of it that the constraint turns away.
create temp table bad_changes (table_name text, constraint_name text, change text) on commit drop;
insert into bad_changes values
  ('categories', 'slug_of_lower_case_words', 'slug = ''Log cabin'''),
  ('categories', 'position_is_unique', 'position = (select position from categories where slug = ''villa'')'),
  ('countries', 'code_of_two_capitals', 'code = ''ie'''),
  ('countries', 'country_name_is_unique', 'name = ''France'''),
  ('daily_reports', 'property_count_not_below_zero', 'property_count = -1'),

  ('favorites', 'favorites_property_id_fkey', 'property_id = gen_random_uuid()'),
  ('favorites', 'favorites_user_id_fkey', 'user_id = gen_random_uuid()'),

  ('inquiries', 'assigned_has_a_time', 'assigned_to = (select ana from cast_of)'),
  ('inquiries', 'assigned_has_a_time', 'assigned_at = now()'),
  ('inquiries', 'by_a_user_or_a_visitor', 'visitor_name = ''Bo'''),
  ('inquiries', 'by_a_user_or_a_visitor', 'user_id = null'),
  ('inquiries', 'comment_up_to_1000_characters', 'rating = 1, rating_comment = repeat(''x'', 1001)'),
  ('inquiries', 'comment_with_its_rating', 'rating_comment = ''Thanks'''),
  ('inquiries', 'message_of_1_to_10000_characters', 'message = E'' \n'''),
  ('inquiries', 'message_of_1_to_10000_characters', 'message = repeat(''x'', 10001)'),
  ('inquiries', 'nobody_answers_themselves', 'assigned_to = user_id, assigned_at = now()'),
  ('inquiries', 'nothing_resolved_is_due', 'status = ''resolved'', resolved_at = now(), due_at = now()'),
  ('inquiries', 'only_what_is_assigned_left_the_queue', 'left_queue_at = now()'),
  ('inquiries', 'rating_from_1_to_5', 'rating = 0'),
  ('inquiries', 'rating_from_1_to_5', 'rating = 6'),
  ('inquiries', 'resolved_has_a_time', 'status = ''resolved'', due_at = null'),
  ('inquiries', 'resolved_has_a_time', 'resolved_at = now()'),
  ('inquiries', 'subject_of_1_to_255_characters', 'subject = '' '''),
  ('inquiries', 'subject_of_1_to_255_characters', 'subject = E''\u200e\u2060 \ufeff'''),
  ('inquiries', 'subject_of_1_to_255_characters', 'subject = repeat(''x'', 256)'),
  ('inquiries', 'subject_without_control_characters', 'subject = E''a\nb'''),
  ('inquiries', 'visitor_name_of_1_to_255_characters', 'user_id = null, visitor_name = '' '''),
  ('inquiries', 'visitor_name_of_1_to_255_characters', 'user_id = null, visitor_name = E''\u200e\u2060 \ufeff'''),
  ('inquiries', 'visitor_name_of_1_to_255_characters', 'user_id = null, visitor_name = repeat(''x'', 256)'),
  ('inquiries', 'visitor_name_without_control_characters', 'user_id = null, visitor_name = E''a\u202eb'''),
  ('inquiries', 'inquiries_assigned_to_fkey', 'assigned_to = gen_random_uuid(), assigned_at = now()'),
  ('inquiries', 'inquiries_reservation_id_fkey', 'reservation_id = gen_random_uuid()'),
  ('inquiries', 'inquiries_user_id_fkey', 'user_id = gen_random_uuid()'),

  ('inquiry_events', 'inquiry_events_actor_id_fkey', 'actor_id = gen_random_uuid()'),
  ('inquiry_events', 'inquiry_events_inquiry_id_fkey', 'inquiry_id = gen_random_uuid()'),

  ('inquiry_messages', 'body_of_1_to_10000_characters', 'body = '''''),
  ('inquiry_messages', 'body_of_1_to_10000_characters', 'body = repeat(''x'', 10001)'),
  ('inquiry_messages', 'notes_are_by_staff', 'internal = true'),
  ('inquiry_messages', 'inquiry_messages_author_id_fkey', 'author_id = gen_random_uuid()'),
  ('inquiry_messages', 'inquiry_messages_inquiry_id_fkey', 'inquiry_id = gen_random_uuid()'),

  ('invoices', 'credit_note_names_what_it_corrects', 'kind = ''credit_note'', number = ''CN-1999-000001'''),
  ('invoices', 'credit_note_names_what_it_corrects', 'corrects_id = id'),
  ('invoices', 'lines_are_a_list', 'lines = ''{}'''),
  ('invoices', 'number_of_its_series', 'number = ''CN-1999-000001'''),
  ('invoices', 'number_of_its_series', 'number = ''1'''),
  ('invoices', 'pdf_hash_is_sha256', 'pdf_path = ''x'', pdf_sha256 = ''x'''),
  ('invoices', 'pdf_with_its_hash', 'pdf_path = ''x'''),
  ('invoices', 'total_is_subtotal_plus_tax', 'total = 101'),
  ('invoices', 'total_is_subtotal_plus_tax', 'subtotal = 0, tax = 0, total = 0'),
  ('invoices', 'total_is_subtotal_plus_tax', 'subtotal = 101, tax = -1'),
  ('invoices', 'number_is_unique', 'number = ''1999-000002'''),
  ('invoices', 'one_invoice_a_payment', 'payment_id = (select payment_id from invoices where number = ''1999-000002'')'),
  ('invoices', 'invoices_corrects_id_fkey', 'kind = ''credit_note'', number = ''CN-1999-000001'', corrects_id = gen_random_uuid()'),
  ('invoices', 'invoices_payment_id_fkey', 'payment_id = gen_random_uuid()'),
  ('invoices', 'invoices_reservation_id_fkey', 'reservation_id = gen_random_uuid()'),
  ('invoices', 'invoices_user_id_fkey', 'user_id = gen_random_uuid()'),

  ('payments', 'amount_above_zero', 'amount = 0'),
  ('payments', 'paid_has_a_time', 'paid_at = null'),
  ('payments', 'paid_has_a_time', 'status = ''failed'''),
  ('payments', 'refunded_as_far_as_it_says', 'status = ''refunded'', amount_refunded = 1'),
  ('payments', 'refunded_as_far_as_it_says', 'status = ''partially_refunded'', amount_refunded = amount'),
  ('payments', 'refunded_as_far_as_it_says', 'amount_refunded = 1'),
  ('payments', 'refunded_within_amount', 'status = ''disputed'', amount_refunded = amount + 1'),
  ('payments', 'session_is_one_payments', 'stripe_checkout_session_id = ''cs_two'''),
  ('payments', 'one_pending_payment_a_reservation', 'status = ''pending'', paid_at = null'),
  ('payments', 'payments_reservation_id_fkey', 'reservation_id = gen_random_uuid()'),
  ('payments', 'payments_user_id_fkey', 'user_id = gen_random_uuid()'),

  ('profiles', 'avatar_in_own_folder', 'avatar_path = (select ana from cast_of) || ''/me.webp'''),
  ('profiles', 'name_of_1_to_255_characters', 'name = '''''),
  ('profiles', 'name_of_1_to_255_characters', 'name = repeat(''x'', 256)'),
  ('profiles', 'name_without_control_characters', 'name = E''a\tb'''),
  ('profiles', 'name_without_outer_spaces', 'name = ''Gil '''),
  ('profiles', 'provider_avatar_from_provider', 'provider_avatar_url = ''https://evil.test/lh3.googleusercontent.com/'''),

  ('properties', 'bathrooms_from_0_to_50', 'bathrooms = -1'),
  ('properties', 'bathrooms_from_0_to_50', 'bathrooms = 51'),
  ('properties', 'bedrooms_from_0_to_50', 'bedrooms = -1'),
  ('properties', 'bedrooms_from_0_to_50', 'bedrooms = 51'),
  ('properties', 'city_of_1_to_255_characters', 'city = '' '''),
  ('properties', 'city_of_1_to_255_characters', 'city = E''\u200e\u2060 \ufeff'''),
  ('properties', 'city_of_1_to_255_characters', 'city = repeat(''x'', 256)'),
  ('properties', 'city_without_control_characters', 'city = E''a\nb'''),
  ('properties', 'currency_is_usd', 'currency = ''USD'''),
  ('properties', 'description_up_to_10000_characters', 'description = repeat(''x'', 10001)'),
  ('properties', 'guests_from_1_to_50', 'guests = 0'),
  ('properties', 'guests_from_1_to_50', 'guests = 51'),
  ('properties', 'price_per_night_above_zero', 'price_per_night = 0'),
  ('properties', 'price_per_night_above_zero', 'price_per_night = 100000000'),
  ('properties', 'title_of_1_to_255_characters', 'title = '' '''),
  ('properties', 'title_of_1_to_255_characters', 'title = E''\u200e\u2060 \ufeff'''),
  ('properties', 'title_of_1_to_255_characters', 'title = repeat(''x'', 256)'),
  ('properties', 'title_without_control_characters', 'title = E''a\u202eb'''),
  ('properties', 'properties_category_fkey', 'category = ''tent'''),
  ('properties', 'properties_country_code_fkey', 'country_code = ''XX'''),
  ('properties', 'properties_host_id_fkey', 'host_id = gen_random_uuid()'),

  ('property_blocks', 'check_out_after_check_in', 'check_out = check_in'),
  ('property_blocks', 'dates_are_finite', 'check_out = ''infinity'''),
  ('property_blocks', 'dates_are_finite', 'check_in = ''-infinity'''),
  ('property_blocks', 'note_up_to_1000_characters', 'note = repeat(''x'', 1001)'),
  ('property_blocks', 'property_blocks_property_id_fkey', 'property_id = gen_random_uuid()'),

  ('property_images', 'alt_text_up_to_1000_characters', 'alt_text = repeat(''x'', 1001)'),
  ('property_images', 'path_in_the_propertys_folder', 'path = (select ana from cast_of) || ''/'' || gen_random_uuid() || ''/1.webp'''),
  ('property_images', 'position_from_0_to_999', 'position = -1'),
  ('property_images', 'one_image_a_position', 'position = 1'),
  ('property_images', 'path_is_unique', 'path = replace(path, ''cover'', ''2'')'),
  ('property_images', 'property_images_property_id_fkey',
    'property_id = ''00000000-0000-4000-8000-000000000001'', path = replace(path, property_id::text, ''00000000-0000-4000-8000-000000000001'')'),

  ('reservations', 'a_hold_has_an_end', 'status = ''held'''),
  ('reservations', 'at_least_one_guest', 'guests = 0'),
  ('reservations', 'cancelled_by_whom_and_when', 'status = ''cancelled'''),
  ('reservations', 'cancelled_by_whom_and_when', 'cancelled_at = now(), cancelled_by = ''guest'''),
  ('reservations', 'one_to_365_nights', 'check_out = check_in, subtotal = 0, service_fee = 0'),
  ('reservations', 'one_to_365_nights', 'check_out = check_in + 366, subtotal = 366 * 10000, service_fee = 366 * 500'),
  ('reservations', 'price_above_zero', 'price_per_night = 0, subtotal = 0, service_fee = 0'),
  ('reservations', 'refund_only_when_cancelled', 'refund_amount = 1'),
  ('reservations', 'refund_within_total', 'status = ''cancelled'', cancelled_at = now(), cancelled_by = ''guest'', refund_amount = 21001'),
  ('reservations', 'service_fee_is_five_per_cent', 'service_fee = 999'),
  ('reservations', 'subtotal_is_price_times_nights', 'subtotal = 10000, service_fee = 500'),
  ('reservations', 'reservations_guest_id_fkey', 'guest_id = gen_random_uuid()'),
  ('reservations', 'reservations_property_id_fkey', 'property_id = gen_random_uuid()'),

  ('user_roles', 'user_roles_user_id_fkey', 'user_id = gen_random_uuid()'),

  ('private.checkouts', 'refund_not_below_zero', 'refund_wanted = -1'),
  ('private.checkouts', 'payment_intent_is_one_payments', 'payment_intent_id = ''pi_cs_two'''),
  ('private.checkouts', 'checkouts_payment_id_fkey', 'payment_id = gen_random_uuid()'),

  ('private.contacts', 'address_in_lower_case', 'address = ''Bo@tests.test'''),
  ('private.contacts', 'message_of_1_to_10000_characters', 'message = '' '''),
  ('private.contacts', 'message_of_1_to_10000_characters', 'message = repeat(''x'', 10001)'),
  ('private.contacts', 'name_and_subject_without_control_characters', 'name = E''a\nb'''),
  ('private.contacts', 'name_and_subject_without_control_characters', 'subject = E''a\nb'''),
  ('private.contacts', 'name_of_1_to_255_characters', 'name = '' '''),
  ('private.contacts', 'name_of_1_to_255_characters', 'name = E''\u200e\u2060 \ufeff'''),
  ('private.contacts', 'name_of_1_to_255_characters', 'name = repeat(''x'', 256)'),
  ('private.contacts', 'subject_of_1_to_255_characters', 'subject = '' '''),
  ('private.contacts', 'subject_of_1_to_255_characters', 'subject = E''\u200e\u2060 \ufeff'''),
  ('private.contacts', 'subject_of_1_to_255_characters', 'subject = repeat(''x'', 256)'),
  ('private.contacts', 'token_is_unique', 'token_hash = ''two'''),
  ('private.contacts', 'contacts_inquiry_id_fkey', 'inquiry_id = gen_random_uuid()'),

  ('private.inquiry_mails', 'inquiry_mails_inquiry_id_fkey', 'inquiry_id = gen_random_uuid()'),
  ('private.inquiry_settings', 'one_row', 'is_only_row = false'),
  ('private.inquiry_visitors', 'address_in_lower_case', 'address = ''Bo@tests.test'''),
  ('private.inquiry_visitors', 'inquiry_visitors_inquiry_id_fkey', 'inquiry_id = gen_random_uuid()'),

  ('private.job_kinds', 'lease_positive', 'lease = ''0'''),
  ('private.job_kinds', 'max_attempts_positive', 'max_attempts = 0'),
  ('private.job_kinds', 'max_per_minute_positive', 'max_per_minute = 0'),
  ('private.job_kinds', 'max_running_positive', 'max_running = 0'),
  ('private.job_paces', 'job_paces_kind_fkey', 'kind = ''unheard_of'''),
  ('private.jobs', 'finished_when_over', 'state = ''done'''),
  ('private.jobs', 'finished_when_over', 'finished_at = now()'),
  ('private.jobs', 'lease_while_running', 'state = ''running'''),
  ('private.jobs', 'lease_while_running', 'lease_token = gen_random_uuid(), leased_until = now()'),
  ('private.jobs', 'payload_is_an_object', 'payload = ''[]'''),
  ('private.jobs', 'job_key_is_unique', 'key = ''constraints:two'''),
  ('private.jobs', 'jobs_kind_fkey', 'kind = ''nonsense'''),

  ('private.listings', 'listings_property_id_fkey', 'property_id = gen_random_uuid()'),

  ('private.mail_subscriptions', 'address_in_lower_case', 'address = ''One@tests.test'''),
  ('private.mail_subscriptions', 'one_subscription_an_address', 'address = ''two@tests.test'''),
  ('private.mail_suppressions', 'address_in_lower_case', 'address = ''Gone@tests.test'''),
  ('private.mails', 'accepted_by_address', 'accepted = ''[]'''),
  ('private.mails', 'attachments_are_a_list', 'attachments = ''{}'''),
  ('private.mails', 'sent_has_a_time', 'state = ''sent'''),
  ('private.mails', 'sent_has_a_time', 'sent_at = now()'),
  ('private.mails', 'mail_key_is_unique', 'key = ''constraints:two'''),

  ('private.occupancies', 'nights_are_bounded', 'nights = ''empty'''),
  ('private.occupancies', 'nights_are_bounded', 'nights = ''(,2000-01-01)'''),
  ('private.occupancies', 'nights_are_bounded', 'nights = ''[2100-01-01,)'''),
  ('private.occupancies', 'no_night_is_taken_twice', 'nights = daterange(private.today() + 11, private.today() + 13)'),
  ('private.occupancies', 'occupancies_property_id_fkey', 'property_id = gen_random_uuid()'),

  ('private.stripe_customers', 'customer_is_one_persons', 'customer_id = ''cus_ana'''),
  ('private.stripe_customers', 'stripe_customers_user_id_fkey', 'user_id = gen_random_uuid()'),

  ('private.vacancies', 'nights_are_there', 'nights = ''empty'''),
  ('private.vacancies', 'vacancies_property_id_fkey', 'property_id = gen_random_uuid()');

create function pg_temp.turned_away_by(statement text) returns text language plpgsql as $$
declare
  affected integer;
  name text;
begin
  execute statement;
  get diagnostics affected = row_count;
  return case when affected = 1 then 'nothing' else affected || ' rows' end;
exception when integrity_constraint_violation then
  get stacked diagnostics name = constraint_name;
  return name;
end $$;

create function pg_temp.touch(name text, condition text) returns timestamptz language plpgsql as $$
declare
  touched timestamptz;
begin
  execute format('update %s set updated_at = ''2000-01-01'' where %s returning updated_at', name, condition) into touched;
  return touched;
end $$;

select is(pg_temp.touch(table_name, condition), now(), table_name || ' says itself when it was changed')
from good_rows
where exists (select from pg_attribute a where a.attrelid = table_name::regclass and a.attname = 'updated_at');

do $$
declare
  name text;
begin
  for name in select table_name from good_rows loop
    execute format('alter table %s disable trigger user', name);
  end loop;
end $$;

select is(
  pg_temp.turned_away_by(format('update %s set %s where %s', b.table_name, b.change, g.condition)),
  b.constraint_name, format('%s: %s', b.table_name, b.change)
)
from bad_changes b join good_rows g using (table_name);

select set_eq(
  $$ select k.conrelid::regclass::text, k.conname::text from pg_constraint k
     where k.contype in ('c', 'f', 'u', 'x') and k.connamespace in ('public'::regnamespace, 'private'::regnamespace)
     union
     select i.indrelid::regclass::text, c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indisunique and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
       and not exists (select from pg_constraint k where k.conindid = i.indexrelid) $$,
  $$ select table_name, constraint_name from bad_changes $$,
  'every constraint has a change that it turns away'
);

select * from finish();
rollback;
