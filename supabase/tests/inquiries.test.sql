-- A customer asks, agents answer, an admin watches: who may do what, who reads what, who is mailed.
begin;
set local search_path = public, extensions;
select no_plan();

-- Gil asks, Olga is nobody to him, Ana is his host. Cleo and Otto are agents, Ada is an admin.
create temp table cast_of on commit drop as
select tests.create_user('Gil') as gil, tests.create_user('Olga') as olga, tests.create_user('Ana') as ana,
  tests.create_user('Cleo', 'customer_service') as cleo, tests.create_user('Otto', 'customer_service') as otto,
  tests.create_user('Ada', 'admin') as ada;
grant select on cast_of to public;
create temp table stays on commit drop as
with home as (select tests.create_property(ana) as id from cast_of)
select gen_random_uuid() as gils, home.id as home from home;
grant select on stays to public;
insert into reservations (id, property_id, guest_id, check_in, check_out, guests, price_per_night, subtotal, service_fee, currency, status)
select gils, home, gil, private.today() + 10, private.today() + 12, 2, 10000, 20000, 1000, 'usd', 'confirmed' from stays, cast_of;
-- The desk is empty but for what happens here, and nobody else works at it.
update user_roles set role = 'user' where role = 'customer_service' and user_id not in (select unnest(array[cleo, otto]) from cast_of);
delete from inquiries;
delete from private.mails;
delete from private.jobs;

create function pg_temp.ask(subject text default 'The key', severity inquiry_severity default 'normal') returns uuid language sql as $$
  insert into inquiries (subject, message, severity) values (subject, 'Where is it?', severity) returning id
$$;
create function pg_temp.say(inquiry uuid, body text default 'Hello') returns uuid language sql as $$
  insert into inquiry_messages (inquiry_id, body) values (inquiry, body) returning id
$$;
create function pg_temp.saying(inquiry uuid, internal boolean default false) returns text language sql as $$
  select format('insert into inquiry_messages (inquiry_id, body, internal) values (%L, ''Hello'', %L)', inquiry, internal)
$$;
create function pg_temp.setting(inquiry uuid, assignment text) returns text language sql as $$
  select format('with changed as (update inquiries set %s where id = %L returning id) select * from changed', assignment, inquiry)
$$;
create function pg_temp.giving(inquiry uuid, agent uuid) returns text language sql as $$
  select pg_temp.setting(inquiry, format('assigned_to = %L', agent))
$$;
create function pg_temp.state(inquiry uuid) returns text language sql security definer as $$
  select concat_ws(' ', i.status, p.name) from public.inquiries i left join public.profiles p on p.id = i.assigned_to where i.id = inquiry
$$;
create function pg_temp.mails(template text, inquiry uuid) returns bigint language sql security definer as $$
  select count(*) from private.mails m where m.template = mails.template and m.props ->> 'inquiry_id' = inquiry::text
$$;
create function pg_temp.mail_jobs(inquiry uuid) returns text language sql security definer as $$
  select string_agg(j.state::text, ', ') from private.jobs j where j.kind = 'mail_inquiry_messages' and j.payload ->> 'inquiry_id' = inquiry::text and j.payload ->> 'audience' = 'author'
$$;
create function pg_temp.history(inquiry uuid) returns text[] language sql security definer as $$
  select array_agg(concat_ws(' ', e.change, coalesce(f.name, e.from_value, '-'), '>', coalesce(t.name, e.to_value, '-'), 'by', coalesce(a.name, 'the desk')) order by e.created_at)
  from public.inquiry_events e
  left join public.profiles a on a.id = e.actor_id
  left join public.profiles f on f.id::text = e.from_value
  left join public.profiles t on t.id::text = e.to_value
  where e.inquiry_id = inquiry
$$;
create function pg_temp.write_mails() returns void language sql security definer as $$
  select private.mail_inquiry_messages((j.payload ->> 'inquiry_id')::uuid, (j.payload ->> 'audience')::private.inquiry_side)
  from private.jobs j where j.kind = 'mail_inquiry_messages'
$$;
grant execute on all functions in schema pg_temp to public;


-- Asking
create temp table asked (name text primary key, id uuid) on commit drop;
grant select, insert on asked to public;
create function pg_temp.the(name text) returns uuid language sql security definer set search_path = pg_temp as $$ select id from asked a where a.name = the.name $$;
grant execute on function pg_temp.the to public;

select tests.as_user(gil) from cast_of;
insert into asked values ('key', pg_temp.ask());
select results_eq(
  format('select user_id, subject, message, severity::text, status::text, assigned_to, due_at - created_at, first_response_at from inquiries where id = %L', pg_temp.the('key')),
  format($$ values (%L::uuid, 'The key', 'Where is it?', 'normal', 'active', null::uuid, interval '72 hours', null::timestamptz) $$, (select gil from cast_of)),
  'Gil asks, and is owed an answer within three days');
insert into asked values ('leak', pg_temp.ask('A leak', 'urgent')), ('noise', pg_temp.ask('Noise', 'high'));
select is(due_at - created_at, interval '4 hours', 'four hours when it is urgent') from inquiries where id = pg_temp.the('leak');
select is(due_at - created_at, interval '24 hours', 'a day when it is high') from inquiries where id = pg_temp.the('noise');
select throws_ok(format($$ insert into inquiries (user_id, subject, message) values (%L, 'x', 'x') $$, (select olga from cast_of)), '42501', null, 'nobody asks in another''s name');
select lives_ok(format($$ insert into inquiries (user_id, subject, message) values (%L, 'x', 'x') $$, (select gil from cast_of)), 'one''s own may be said');
select throws_ok(format($$ insert into inquiries (subject, message, %I) values ('x', 'x', null) $$, c), '42501', null, 'nobody says ' || c)
from unnest(array['status', 'assigned_to', 'due_at', 'first_response_at', 'resolved_at', 'rating', 'created_at', 'id', 'visitor_name']) c;
select throws_ok(format('insert into inquiries (subject, message) values (%L, %L)', s, m), '23514', null, 'refused: ' || why)
from (values (' ', 'x', 'no subject'), (repeat('x', 256), 'x', 'a long subject'), (E'a\nb', 'x', 'two lines of subject'), (U&'a\202eb', 'x', 'a subject that turns around'),
  ('x', E' \n', 'no message'), ('x', repeat('x', 10001), 'a long message')) as bad (s, m, why);
select lives_ok(format($$ insert into inquiries (subject, message, reservation_id) values ('My stay', 'x', %L) $$, (select gils from stays)), 'about one''s own stay');
select tests.as_user(ana) from cast_of;
select lives_ok(format($$ insert into inquiries (subject, message, reservation_id) values ('My guest', 'x', %L) $$, (select gils from stays)), 'or as its host');
select tests.as_user(olga) from cast_of;
select tests.refuses(format($$ insert into inquiries (subject, message, reservation_id) values ('x', 'x', %L) $$, (select gils from stays)), 404, 'not_found', 'to Olga that stay is not there');
select tests.refuses($$ insert into inquiries (subject, message, reservation_id) values ('x', 'x', gen_random_uuid()) $$, 404, 'not_found', 'just like one that is not');
select tests.as_visitor();
select throws_ok('select pg_temp.ask()', '42501', null, 'a visitor does not ask here');
select throws_ok('select from inquiries', '42501', null, 'nor read');
select throws_ok('select from inquiry_messages', '42501', null, 'not a message either');
select throws_ok('select from inquiry_events', '42501', null, 'nor the history');
select tests.as_operator();
select is(pg_temp.mails('inquiry_received', pg_temp.the('key')), 1::bigint, 'a mail says that it has come');
select results_eq(
  format($$ select to_address, props ->> 'recipient_name', props ->> 'subject', props ->> 'severity', props ->> 'message' from private.mails where key = 'inquiry_received:%s' $$, pg_temp.the('key')),
  format($$ values ('%s@tests.test', 'Gil', 'The key', 'normal', 'Where is it?') $$, (select gil from cast_of)), 'to Gil, and what he asked');

-- Floods
select tests.as_user(olga) from cast_of;
select count(pg_temp.ask('Question ' || n)) from generate_series(1, 10) n;
select tests.refuses('select pg_temp.ask()', 429, 'too_many_requests', 'the eleventh within an hour is one too many');
select is((select count(*) from inquiries), 10::bigint, 'ten are there');
select tests.as_operator();
delete from inquiries where user_id = (select olga from cast_of);
select tests.as_user(olga) from cast_of;
select tests.refuses($$ insert into inquiries (subject, message) select 'x', 'x' from generate_series(1, 11) $$, 429, 'too_many_requests', 'nor eleven at once');
select is_empty('select from inquiries', 'of which none is there');


-- Reading
create function pg_temp.readers(inquiry uuid) returns text language plpgsql as $$
declare
  who record;
  readers text := '';
begin
  for who in select unnest(array['Gil', 'Olga', 'Ana', 'Cleo', 'Otto', 'Ada']) as name, unnest(array[gil, olga, ana, cleo, otto, ada]) as id from cast_of loop
    perform tests.as_user(who.id);
    if exists (select from inquiries i where i.id = inquiry) then
      readers := concat_ws(' ', nullif(readers, ''), who.name);
    end if;
  end loop;
  perform tests.as_operator();
  return readers;
end $$;
grant execute on all functions in schema pg_temp to public;
select is(pg_temp.readers(pg_temp.the('key')), 'Gil Cleo Otto Ada', 'what nobody has is read by its author, agents and admins');


-- Taking
select tests.as_user(gil) from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), gil), 403, 'forbidden', 'Gil does not take his own') from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), cleo), 403, 'forbidden', 'nor choose who answers') from cast_of;
select tests.as_user(olga) from cast_of;
select is_empty(pg_temp.giving(pg_temp.the('key'), cleo), 'to Olga it is not there') from cast_of;
select tests.as_user(cleo) from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), otto), 403, 'forbidden', 'an agent gives it to nobody else') from cast_of;
select isnt_empty(pg_temp.giving(pg_temp.the('key'), cleo), 'Cleo takes it') from cast_of;
select is(pg_temp.state(pg_temp.the('key')), 'pending Cleo', 'and is at it');
select isnt_empty(pg_temp.giving(pg_temp.the('key'), cleo), 'twice is once') from cast_of;
select tests.as_user(otto) from cast_of;
select is_empty(format('select from inquiries where id = %L', pg_temp.the('key')), 'Otto reads it no more');
select tests.refuses(pg_temp.giving(pg_temp.the('key'), otto), 409, 'already_assigned', 'he wanted it, too, and is told who was faster') from cast_of;
select throws_ok(pg_temp.giving(pg_temp.the('key'), otto), 'PT409', 'Cleo has this inquiry already.', 'by name') from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), null), 409, 'already_assigned', 'nor does he put it back');
select is_empty(pg_temp.setting(pg_temp.the('key'), 'severity = ''high'''), 'nothing else reaches it');
select is_empty(pg_temp.setting(pg_temp.the('key'), 'status = ''resolved'''), 'nothing at all');
select tests.as_operator();
update inquiries set left_queue_at = now() - interval '6 minutes' where id = pg_temp.the('key');
select tests.as_user(otto) from cast_of;
select is_empty(pg_temp.giving(pg_temp.the('key'), otto), 'a while later it is not there for him') from cast_of;
select is(pg_temp.readers(pg_temp.the('key')), 'Gil Cleo Ada', 'what Cleo has is read by her, its author and admins');
select is(pg_temp.mails('inquiry_assigned', pg_temp.the('key')), 1::bigint, 'Cleo has a mail');
select ok(to_address = cleo || '@tests.test' and props ->> 'author_name' = 'Gil' and (props ->> 'due_at')::timestamptz = i.due_at and props ->> 'message' = 'Where is it?', 'with all that she needs')
from private.mails, cast_of, inquiries i where template = 'inquiry_assigned' and i.id = pg_temp.the('key');

-- Giving
select tests.as_user(cleo) from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), otto), 403, 'forbidden', 'Cleo does not hand it on') from cast_of;
select isnt_empty(pg_temp.giving(pg_temp.the('key'), null), 'she gives it back');
select is(pg_temp.state(pg_temp.the('key')), 'active', 'to the queue');
select tests.as_user(ada) from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), olga), 400, 'not_an_agent', 'Olga is no agent') from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), gen_random_uuid()), 400, 'not_an_agent', 'nor is nobody') from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('key'), ada), 400, 'not_an_agent', 'nor is an admin') from cast_of;
select isnt_empty(pg_temp.giving(pg_temp.the('key'), otto), 'Ada gives it to Otto') from cast_of;
select isnt_empty(pg_temp.giving(pg_temp.the('key'), cleo), 'or rather to Cleo') from cast_of;
select is(pg_temp.state(pg_temp.the('key')), 'pending Cleo', 'who is at it');
select tests.as_user(otto) from cast_of;
select is_empty(pg_temp.giving(pg_temp.the('key'), otto), 'what did not come from the queue is not there for others') from cast_of;
select tests.as_operator();
select is(pg_temp.history(pg_temp.the('key')), array[
  'assigned_to - > Cleo by Cleo', 'status active > pending by Cleo', 'assigned_to Cleo > - by Cleo', 'status pending > active by Cleo',
  'assigned_to - > Otto by Ada', 'status active > pending by Ada', 'assigned_to Otto > Cleo by Ada'], 'the history knows each step');

-- An agent with a question of their own is its author and nothing else
select tests.as_user(otto) from cast_of;
insert into asked values ('ottos', pg_temp.ask('Pay'));
select tests.refuses(pg_temp.giving(pg_temp.the('ottos'), otto), 403, 'forbidden', 'Otto does not take his own') from cast_of;
select tests.refuses(pg_temp.setting(pg_temp.the('ottos'), 'status = ''pending'''), 403, 'forbidden', 'nor work at it');
select lives_ok(pg_temp.saying(pg_temp.the('ottos')), 'he adds to it');
select is(author_role::text, 'user', 'as its author') from inquiry_messages where inquiry_id = pg_temp.the('ottos');
select tests.as_user(ada) from cast_of;
select tests.refuses(pg_temp.giving(pg_temp.the('ottos'), otto), 400, 'own_inquiry', 'not even an admin gives it to him') from cast_of;
select isnt_empty(pg_temp.giving(pg_temp.the('ottos'), cleo), 'Cleo gets it') from cast_of;
select lives_ok(pg_temp.saying(pg_temp.the('ottos'), true), 'Ada leaves a note');
select tests.as_user(otto) from cast_of;
select is((select count(*) from inquiry_messages where inquiry_id = pg_temp.the('ottos')), 1::bigint, 'which Otto does not read, agent that he is');
select is_empty(format('select from inquiry_events where inquiry_id = %L', pg_temp.the('ottos')), 'nor its history');


-- Severity
select tests.as_user(gil) from cast_of;
select tests.refuses(pg_temp.setting(pg_temp.the('key'), 'severity = ''urgent'''), 403, 'forbidden', 'Gil does not make it urgent');
select throws_ok(pg_temp.setting(pg_temp.the('key'), c || ' = null'), '42501', null, 'nobody writes ' || c)
from unnest(array['subject', 'message', 'due_at', 'first_response_at', 'resolved_at', 'user_id', 'reservation_id', 'rating', 'created_at', 'left_queue_at']) c;
select throws_ok(format('delete from inquiries where id = %L', pg_temp.the('key')), '42501', null, 'nor deletes it');
select tests.as_user(cleo) from cast_of;
select isnt_empty(pg_temp.setting(pg_temp.the('key'), 'severity = ''urgent'''), 'Cleo does');
select is(due_at - created_at, interval '4 hours', 'and it is due as if it had always been') from inquiries where id = pg_temp.the('key');
select tests.as_user(otto) from cast_of;
select isnt_empty(pg_temp.setting(pg_temp.the('noise'), 'severity = ''normal'''), 'any agent sorts what nobody has');


-- Messages
select tests.as_user(olga) from cast_of;
select tests.refuses(pg_temp.saying(pg_temp.the('key')), 404, 'not_found', 'to Olga it is not there');
select tests.refuses(pg_temp.saying(gen_random_uuid()), 404, 'not_found', 'just like one that is not');
select tests.as_user(otto) from cast_of;
select tests.refuses(pg_temp.saying(pg_temp.the('key')), 404, 'not_found', 'nor to Otto, since Cleo has it');
select tests.refuses(pg_temp.saying(pg_temp.the('noise')), 403, 'forbidden', 'what nobody has he takes before he answers');
select tests.as_user(gil) from cast_of;
select tests.refuses(pg_temp.saying(pg_temp.the('key'), true), 403, 'forbidden', 'Gil writes no notes');
select throws_ok(format('insert into inquiry_messages (inquiry_id, body, created_at) values (%L, ''x'', now())', pg_temp.the('key')), '42501', null, 'nor says when he wrote');
select throws_ok(format('insert into inquiry_messages (inquiry_id, body) values (%L, %L)', pg_temp.the('key'), b), '23514', null, 'refused: ' || why)
from (values (E'\n', 'no words'), (repeat('x', 10001), 'too many')) as bad (b, why);
insert into inquiry_messages (inquiry_id, author_id, author_role, body) select pg_temp.the('key'), cleo, 'admin', 'It is raining.' from cast_of;
select results_eq(format('select author_id, author_role::text, internal from inquiry_messages where inquiry_id = %L', pg_temp.the('key')),
  format('values (%L::uuid, ''user'', false)', (select gil from cast_of)), 'whoever he says he is, he is Gil');
select throws_ok($$ update inquiry_messages set body = 'x' $$, '42501', null, 'what is said is said');
select throws_ok('delete from inquiry_messages', '42501', null, 'and stays');
select is(due_at - created_at, interval '4 hours', 'asking again does not make it later') from inquiries where id = pg_temp.the('key');

-- The first answer
select tests.as_operator();
update inquiries set created_at = now() - interval '1 hour' where id = pg_temp.the('key');
create temp table before_note on commit drop as select i.* from inquiries i where i.id = pg_temp.the('key');
grant select on before_note to public;
select tests.as_user(cleo) from cast_of;
insert into inquiry_messages (inquiry_id, author_id, author_role, body, internal) select pg_temp.the('key'), gil, 'admin', 'He always asks that.', true from cast_of;
select results_eq(format('select author_id, author_role::text from inquiry_messages where inquiry_id = %L and internal', pg_temp.the('key')),
  format('values (%L::uuid, ''customer_service'')', (select cleo from cast_of)), 'Cleo leaves a note, as Cleo');
select tests.as_operator();
select results_eq(format('select i.* from inquiries i where i.id = %L', pg_temp.the('key')), 'select * from before_note', 'a note changes nothing that Gil sees, not even the time of the last change');
select is_empty(format($$ select from private.inquiry_mails where inquiry_id = %L and audience = 'author' $$, pg_temp.the('key')), 'and no mail waits for him');
select tests.as_user(gil) from cast_of;
select is((select count(*) from inquiry_messages), 1::bigint, 'Gil does not read the note');
select is_empty('select from inquiry_messages where internal', 'nor by asking for notes');
select is_empty($$ select from inquiry_messages where body like '%always%' $$, 'nor by its words');
select is((select count(m.id) from inquiries i left join inquiry_messages m on m.inquiry_id = i.id where i.id = pg_temp.the('key')), 1::bigint, 'nor with the inquiry');
select is_empty('select from inquiry_events', 'nor the history');
select tests.as_user(ada) from cast_of;
select is((select count(*) from inquiry_messages where inquiry_id = pg_temp.the('key')), 2::bigint, 'Ada does');
select isnt_empty(format('select from inquiry_events where inquiry_id = %L', pg_temp.the('key')), 'and the history');
select tests.as_user(otto) from cast_of;
select is_empty(format('select from inquiry_messages where inquiry_id = %L', pg_temp.the('key')), 'Otto reads nothing of what Cleo has');
select is_empty(format('select from inquiry_events where inquiry_id = %L', pg_temp.the('key')), 'no history either');
select throws_ok($$ insert into inquiry_events (inquiry_id, change) values (gen_random_uuid(), 'status') $$, '42501', null, 'nobody writes the history');

select tests.as_user(cleo) from cast_of;
select isnt(pg_temp.say(pg_temp.the('key'), 'Under the mat.'), null, 'Cleo answers');
select ok(first_response_at > now() - interval '1 minute' and due_at is null and status = 'pending', 'the first answer is noted, and Gil has the word')
from inquiries where id = pg_temp.the('key');
create temp table answered on commit drop as select first_response_at from inquiries where id = pg_temp.the('key');
grant select on answered to public;
select tests.as_user(gil) from cast_of;
select isnt(pg_temp.say(pg_temp.the('key'), 'Which mat?'), null, 'Gil asks on');
select ok(due_at - now() between interval '4 hours' and interval '241 minutes' and status = 'pending', 'and is owed an answer again') from inquiries where id = pg_temp.the('key');
select tests.as_user(ada) from cast_of;
select isnt(pg_temp.say(pg_temp.the('key'), 'The blue one.'), null, 'Ada answers');
select is((select author_role::text from inquiry_messages where body = 'The blue one.'), 'admin', 'as an admin');
select ok(i.first_response_at = a.first_response_at and due_at is null, 'the first answer stays the first one') from inquiries i, answered a where id = pg_temp.the('key');

-- Resolved and reopened
select tests.as_user(gil) from cast_of;
select isnt_empty(pg_temp.setting(pg_temp.the('key'), 'status = ''resolved'''), 'Gil is content');
select ok(resolved_at = now() and due_at is null, 'nothing is due any more') from inquiries where id = pg_temp.the('key');
select isnt(pg_temp.say(pg_temp.the('key'), 'It rains again.'), null, 'then he is not');
select is(pg_temp.state(pg_temp.the('key')), 'active Cleo', 'which reopens it');
select ok(resolved_at is null and due_at = now() + interval '4 hours', 'and makes it due') from inquiries where id = pg_temp.the('key');
select tests.as_user(cleo) from cast_of;
select isnt(pg_temp.say(pg_temp.the('key'), 'Take an umbrella.'), null, 'Cleo answers once more');
select is(pg_temp.state(pg_temp.the('key')), 'pending Cleo', 'and is at it');
select tests.as_user(gil) from cast_of;
update inquiries set status = 'resolved' where id = pg_temp.the('key');
update inquiries set status = 'active' where id = pg_temp.the('key');
select ok(resolved_at is null and due_at = now() + interval '4 hours', 'reopened without a word it is due, too') from inquiries where id = pg_temp.the('key');
select tests.as_operator();
select is((pg_temp.history(pg_temp.the('key')))[8:], array[
  'severity normal > urgent by Cleo', 'status pending > resolved by Gil', 'status resolved > active by Gil', 'status active > pending by Cleo',
  'status pending > resolved by Gil', 'status resolved > active by Gil'], 'all of that is history');

-- Too many words
select tests.as_user(gil) from cast_of;
select count(pg_temp.say(pg_temp.the('noise'), 'And another thing')) from generate_series(1, 57) n;
select tests.refuses(pg_temp.saying(pg_temp.the('noise')), 429, 'too_many_requests', 'sixty messages an hour are enough');
select tests.as_user(cleo) from cast_of;
select isnt_empty(pg_temp.giving(pg_temp.the('noise'), cleo), 'Cleo takes that one') from cast_of;
select is((select count(pg_temp.say(pg_temp.the('noise'))) from generate_series(1, 61) n), 61::bigint, 'and has more to say in an hour than customers have');


-- Mails about messages
select tests.as_operator();
select is((select count(*) from private.jobs where kind = 'mail_inquiry_messages' and payload ->> 'inquiry_id' = pg_temp.the('noise')::text), 1::bigint, 'all of it waits for one mail to Gil; nobody had it when he wrote');
select is((select array_agg(payload ->> 'audience' order by payload ->> 'audience') from private.jobs where kind = 'mail_inquiry_messages' and payload ->> 'inquiry_id' = pg_temp.the('key')::text),
  array['agent', 'author'], 'both sides have one that waits');
select ok(bool_and(run_at = now() + interval '2 minutes'), 'for two minutes') from private.jobs where kind = 'mail_inquiry_messages';
select is(pg_temp.mails('inquiry_reply', pg_temp.the('key')), 0::bigint, 'none is written before');
select pg_temp.write_mails();
select is(pg_temp.mails('inquiry_reply', pg_temp.the('key')), 1::bigint, 'then Gil has one');
select is((select array_agg(m ->> 'body') from private.mails, jsonb_array_elements(props -> 'messages') m where template = 'inquiry_reply' and props ->> 'inquiry_id' = pg_temp.the('key')::text),
  array['Take an umbrella.', 'It rains again.', 'The blue one.', 'Which mat?', 'Under the mat.', 'It is raining.', 'Where is it?'], 'with all that was said, the newest first, without the note');
select results_eq(
  format($$ select to_address, props ->> 'recipient_name', props ->> 'subject', props -> 'messages' -> 0 ->> 'author_name', props -> 'messages' -> 0 ->> 'author_role'
    from private.mails where template = 'inquiry_reply' and props ->> 'inquiry_id' = '%s' $$, pg_temp.the('key')),
  format($$ values ('%s@tests.test', 'Gil', 'The key', 'Cleo', 'customer_service') $$, (select gil from cast_of)), 'to him');
select is((select to_address from private.mails where template = 'inquiry_customer_message' and props ->> 'inquiry_id' = pg_temp.the('key')::text), (select cleo || '@tests.test' from cast_of), 'and Cleo another');
select is(jsonb_array_length(props -> 'messages'), 10, 'a long thread is quoted by its last ten') from private.mails where template = 'inquiry_reply' and props ->> 'inquiry_id' = pg_temp.the('noise')::text;
select pg_temp.write_mails();
select is(pg_temp.mails('inquiry_reply', pg_temp.the('key')), 1::bigint, 'a job that runs twice writes it once');
select tests.as_user(cleo) from cast_of;
select pg_temp.say(pg_temp.the('key'), 'And boots.');
select tests.as_operator();
select pg_temp.write_mails();
select is(pg_temp.mails('inquiry_reply', pg_temp.the('key')), 2::bigint, 'what comes later is a mail of its own');


-- Rating
select tests.as_user(gil) from cast_of;
select tests.refuses(format('select rate_inquiry(%L, 5)', pg_temp.the('key')), 409, 'not_resolved', 'Gil rates what is resolved');
select tests.as_user(cleo) from cast_of;
update inquiries set status = 'resolved' where id = pg_temp.the('key');
select tests.refuses(format('select rate_inquiry(%L, 5)', pg_temp.the('key')), 404, 'not_found', 'Cleo does not rate herself');
select tests.as_user(olga) from cast_of;
select tests.refuses(format('select rate_inquiry(%L, 5)', pg_temp.the('key')), 404, 'not_found', 'to Olga it is not there');
select tests.as_visitor();
select throws_ok(format('select rate_inquiry(%L, 5)', pg_temp.the('key')), '42501', null, 'nor to a visitor');
select tests.as_user(gil) from cast_of;
select tests.refuses(format('select rate_inquiry(%L, %s)', pg_temp.the('key'), r), 400, 'invalid_rating', coalesce(r, 'nothing') || ' is no rating') from unnest(array['0', '6', 'null']) r;
select tests.refuses(format('select rate_inquiry(%L, 5, repeat(''x'', 1001))', pg_temp.the('key')), 400, 'invalid_comment', 'a word is no novel');
select results_eq(format('select rating, rating_comment from rate_inquiry(%L, 4, '' Dry now '')', pg_temp.the('key')), $$ values (4::smallint, 'Dry now') $$, 'a four');
select tests.refuses(format('select rate_inquiry(%L, 5)', pg_temp.the('key')), 409, 'already_rated', 'once');
select tests.as_operator();
select is((pg_temp.history(pg_temp.the('key')))[16:], array['rating - > 4 by Gil'], 'which is history');


-- Due and silent
select is(private.escalate_due_inquiries()::text, '', 'nothing is due yet');
select is((select count(*) from private.mails where template = 'inquiry_overdue'), 0::bigint, 'so nobody hears of anything');
update inquiries set due_at = now() - interval '1 minute', assigned_at = now() - interval '2 hours' where id = pg_temp.the('noise');
update inquiries set due_at = now() - interval '1 minute' where id = pg_temp.the('leak');
select private.escalate_due_inquiries();
select is(pg_temp.state(pg_temp.the('noise')), 'active', 'Cleo kept silent: it is back in the queue');
select is(pg_temp.mails('inquiry_overdue', pg_temp.the('noise')), 0::bigint, 'but it had its first answer');
select results_eq(
  format($$ select to_address, props ->> 'subject', props ->> 'severity', props ->> 'author_name', props ->> 'assigned_to_name' from private.mails where key = 'inquiry_overdue:%s' $$, pg_temp.the('leak')),
  $$ values (null, 'A leak', 'urgent', 'Gil', null) $$, 'what nobody has answered is the admins'' concern');
select private.escalate_due_inquiries();
select is(pg_temp.mails('inquiry_overdue', pg_temp.the('leak')), 1::bigint, 'once');
select is(pg_temp.history(pg_temp.the('leak')), array['overdue - > ' || (select due_at from inquiries where id = pg_temp.the('leak')) || ' by the desk'], 'the history knows');
select tests.as_user(otto) from cast_of;
select isnt_empty(pg_temp.giving(pg_temp.the('leak'), otto), 'Otto takes it, late') from cast_of;
select tests.as_operator();
select private.escalate_due_inquiries();
select is(pg_temp.state(pg_temp.the('leak')), 'pending Otto', 'and has an hour');
update inquiries set assigned_at = now() - interval '61 minutes' where id = pg_temp.the('leak');
select private.escalate_due_inquiries();
select is(pg_temp.state(pg_temp.the('leak')), 'active', 'but no more');


-- The queue
select tests.as_user(olga) from cast_of;
select tests.refuses('select * from inquiry_queue()', 403, 'forbidden', 'the queue is for staff');
select tests.refuses('select * from list_agents()', 403, 'forbidden', 'so is the list of agents');
select tests.refuses('select * from inquiry_stats(current_date - 1, current_date)', 403, 'forbidden', 'and the statistics');
select tests.as_visitor();
select throws_ok('select * from inquiry_queue()', '42501', null, 'a visitor has no queue');
select tests.as_operator();
delete from inquiries;
insert into inquiries (user_id, subject, message, severity, created_at, due_at, assigned_to, assigned_at, status)
select gil, s, 'x', v::inquiry_severity, now() - age::interval, now() + due::interval, case who when 'Cleo' then cleo when 'Otto' then otto end, case when who <> '' then now() end, case who when '' then 'active' else 'pending' end::inquiry_status
from cast_of, (values
  ('normal, overdue', 'normal', '80 hours', '-8 hours', ''), ('high, overdue', 'high', '26 hours', '-2 hours', 'Cleo'), ('urgent, overdue', 'urgent', '5 hours', '-1 hour', 'Otto'),
  ('urgent, long overdue', 'urgent', '6 hours', '-2 hours', ''), ('urgent', 'urgent', '1 hour', '3 hours', ''), ('normal', 'normal', '71 hours', '1 hour', 'Cleo'),
  ('normal, new', 'normal', '1 hour', '71 hours', ''), ('high', 'high', '1 hour', '23 hours', '')) as q (s, v, age, due, who);
insert into inquiries (user_id, subject, message, severity, status, assigned_to, assigned_at)
select gil, 'answered, urgent', 'x', 'urgent'::inquiry_severity, 'pending'::inquiry_status, cleo, now() from cast_of union all select gil, 'answered', 'x', 'normal', 'pending', cleo, now() from cast_of;
insert into inquiries (user_id, subject, message, status, resolved_at) select gil, 'resolved', 'x', 'resolved', now() from cast_of;
insert into inquiries (user_id, subject, message) select ada, 'Ada''s own', 'x' from cast_of;

select tests.as_user(ada) from cast_of;
create function pg_temp.queue(arguments text default '') returns text[] language plpgsql as $$
declare
  subjects text[];
begin
  execute format('select array_agg(subject) from inquiry_queue(%s)', arguments) into subjects;
  return subjects;
end $$;
select is(pg_temp.queue(), array['urgent, long overdue', 'urgent, overdue', 'high, overdue', 'normal, overdue', 'urgent', 'high', 'normal', 'normal, new', 'answered, urgent', 'answered'],
  'overdue, then due, then with the customer; the urgent first, and then whoever waits longest');
select is(pg_temp.queue('overdue_only => true'), array['urgent, long overdue', 'urgent, overdue', 'high, overdue', 'normal, overdue'], 'what is overdue');
select is(pg_temp.queue('severity => ''high'''), array['high, overdue', 'high'], 'of one severity');
select is(pg_temp.queue('unassigned_only => true'), array['urgent, long overdue', 'normal, overdue', 'urgent', 'high', 'normal, new'], 'what nobody has');
select is(pg_temp.queue(format('assigned_to => %L', cleo)), array['high, overdue', 'normal', 'answered, urgent', 'answered'], 'what Cleo has') from cast_of;
select results_eq($$ select author_name, agent_name, is_overdue, status::text, due_at < now() from inquiry_queue(overdue_only => true, severity => 'high') $$,
  $$ values ('Gil', 'Cleo', true, 'pending', true) $$, 'with names');

create function pg_temp.pages(size integer) returns text[] language plpgsql as $$
declare
  found_row record;
  subjects text[] := '{}';
  cursor text;
  got integer;
begin
  loop
    got := 0;
    for found_row in select * from inquiry_queue(page_size => size, page_cursor => cursor) loop
      subjects := subjects || found_row.subject;
      cursor := found_row.page_cursor;
      got := got + 1;
    end loop;
    exit when got < size;
  end loop;
  return subjects;
end $$;
select is(pg_temp.pages(n), pg_temp.queue(), n || ' at a time: all of it, nothing twice') from generate_series(1, 11) n;
select tests.refuses(format('select * from inquiry_queue(page_cursor => %L)', c), 400, 'invalid_cursor', 'no cursor: ' || c)
from unnest(array['', 'x', '1~2~3', '1~1~1~1~x', '1~~1~1~' || gen_random_uuid(), '99999999999999999999~1~1~1~' || gen_random_uuid()]) c;
select tests.refuses('select * from inquiry_queue(page_size => ' || n || ')', 400, 'invalid_page_size', 'no page of ' || n) from unnest(array['0', '101', 'null']) n;

select tests.as_user(otto) from cast_of;
select is(pg_temp.queue(), array['urgent, long overdue', 'urgent, overdue', 'normal, overdue', 'urgent', 'high', 'normal, new', 'Ada''s own'],
  'Otto works at what he has and at what nobody has');
select is(pg_temp.pages(2), pg_temp.queue(), 'page by page, too');
select is(pg_temp.queue(format('assigned_to => %L', otto)), array['urgent, overdue'], 'his own') from cast_of;
select tests.refuses(format('select * from inquiry_queue(assigned_to => %L)', cleo), 403, 'forbidden', 'but not Cleo''s') from cast_of;

-- Agents and figures
select tests.as_user(otto) from cast_of;
select results_eq('select name, email, open_inquiries from list_agents()', format($$ values ('Otto', '%s@tests.test', 1::bigint), ('Cleo', '%s@tests.test', 4) $$, otto, cleo), 'the agents, the least busy first') from cast_of;
select tests.as_operator();
delete from inquiries;
insert into inquiries (user_id, subject, message, severity, created_at, first_response_at, resolved_at, status, assigned_to, assigned_at, rating)
select gil, 'x', 'x', v::inquiry_severity, day + at::interval, day + at::interval + answered::interval, day + at::interval + done::interval,
  case when done is null then 'pending' else 'resolved' end::inquiry_status, case who when 'Cleo' then cleo when 'Otto' then otto end, case when who <> '' then now() end, stars
from cast_of, (select timestamptz '2026-01-01 00:00Z' as day) d, (values
  ('urgent', '-1 hour', '10 minutes', '3 hours', 'Cleo', 5), ('urgent', '1 hour', '20 minutes', '2 hours', 'Cleo', 3), ('urgent', '2 hours', '40 minutes', '4 hours', 'Otto', null),
  ('normal', '3 hours', '60 minutes', '2 days', 'Otto', 1), ('normal', '4 hours', null, null, '', null), ('high', '24 hours', '1 minute', '1 hour', 'Cleo', 5)) as q (v, at, answered, done, who, stars);
select tests.as_user(cleo) from cast_of;
select results_eq(
  $$ select grouped_by, severity::text, agent_name, opened, resolved, first_response_median_seconds, first_response_p90_seconds, resolution_median_seconds, resolution_p90_seconds, ratings, average_rating
     from inquiry_stats('2026-01-01', '2026-01-02') where grouped_by <> 'severity_and_agent' $$,
  $$ values ('all', null, null, 4::bigint, 3::bigint, 2400, 3600, 10800, 14400, 2::bigint, 4.00),
    ('agent', null, 'Cleo', 1, 2, 1200, 1200, 7200, 10800, 2, 4.00),
    ('agent', null, 'Otto', 2, 1, 2400, 3600, 14400, 14400, 0, null),
    ('agent', null, null, 1, 0, null, null, null, null, 0, null),
    ('severity', 'urgent', null, 2, 3, 1200, 2400, 10800, 14400, 2, 4.00),
    ('severity', 'normal', null, 2, 0, 3600, 3600, null, null, 0, null) $$,
  'a day in figures: what was opened and answered, what was resolved and rated');
select results_eq(
  $$ select severity::text, agent_name, opened, resolved from inquiry_stats('2026-01-01', '2026-01-02') where grouped_by = 'severity_and_agent' order by inquiry_stats.severity desc, agent_name $$,
  $$ values ('urgent', 'Cleo', 1::bigint, 2::bigint), ('urgent', 'Otto', 1, 1), ('normal', 'Otto', 1, 0), ('normal', null, 1, 0) $$, 'and by both');
select is(sum(opened), 0::numeric, 'a day without anything') from inquiry_stats('2020-01-01', '2020-01-02');
select tests.refuses(format('select * from inquiry_stats(%s, %s)', f, t), 400, 'invalid_dates', 'no period: ' || f || ' to ' || t)
from (values ('null', 'current_date'), ('current_date', 'null'), ('current_date', 'current_date'), ('''-infinity''', 'current_date'), ('current_date - 401', 'current_date')) as p (f, t);


-- An agent who goes
select tests.as_operator();
delete from inquiries;
delete from asked;
select tests.as_user(gil) from cast_of;
insert into asked values ('one', pg_temp.ask()), ('two', pg_temp.ask()), ('three', pg_temp.ask());
select tests.as_user(ada) from cast_of;
update inquiries set assigned_to = cleo from cast_of where id in (select id from asked);
select lives_ok(pg_temp.saying(pg_temp.the('two')), 'Ada answers one');
select tests.as_operator();
update private.jobs set state = 'failed', finished_at = now() where kind = 'mail_inquiry_messages' and payload ->> 'inquiry_id' = pg_temp.the('two')::text;
select is(pg_temp.mail_jobs(pg_temp.the('two')), 'failed', 'a mail that was given up');
select tests.as_user(ada) from cast_of;
select lives_ok(pg_temp.saying(pg_temp.the('two')), 'does not keep the next answer');
select tests.as_operator();
select is(pg_temp.mail_jobs(pg_temp.the('two')), 'queued', 'from being mailed');
select tests.as_user(ada) from cast_of;
update inquiries set status = 'resolved' where id = pg_temp.the('three');
select lives_ok(format('select set_user_role(%L, ''user'')', cleo), 'Cleo leaves the desk') from cast_of;
select is(array_agg(pg_temp.state(pg_temp.the(n)) order by n), array['active', 'resolved Cleo', 'pending'], 'what is open goes back to the queue, still with the customer where it was') from unnest(array['one', 'two', 'three']) n;
select tests.as_operator();
select is((pg_temp.history(pg_temp.the('one')))[3:], array['assigned_to Cleo > - by Ada', 'status pending > active by Ada'], 'which is history');
select tests.as_user(cleo) from cast_of;
select is_empty('select from inquiries', 'Cleo reads none of it any more');
select tests.as_user(gil) from cast_of;
select lives_ok(pg_temp.saying(pg_temp.the('two')), 'Gil answers on one that nobody has');
select lives_ok(pg_temp.saying(pg_temp.the('three')), 'and reopens one');
select is(array_agg(pg_temp.state(pg_temp.the(n))), array['active', 'active'], 'both are in the queue') from unnest(array['two', 'three']) n;
select tests.as_user(ada) from cast_of;
insert into asked values ('adas', pg_temp.ask());
select tests.as_operator();
update inquiries set assigned_to = otto from cast_of where id = pg_temp.the('adas');
select tests.as_user(ada) from cast_of;
select tests.refuses(pg_temp.setting(pg_temp.the('adas'), 'assigned_to = null'), 403, 'forbidden', 'Ada does not say who answers what she asks herself');
select lives_ok(format('select set_user_role(%L, ''user'')', otto), 'but takes the role from who does') from cast_of;
select is(pg_temp.state(pg_temp.the('adas')), 'active', 'which gives it back');
select tests.as_operator();
delete from inquiries where id = pg_temp.the('adas');
delete from asked where name = 'adas';
update user_roles set role = 'customer_service' from cast_of where user_id = otto;
select tests.as_user(otto) from cast_of;
update inquiries set assigned_to = otto from cast_of where id in (select id from asked);
update inquiries set status = 'resolved' where id = pg_temp.the('three');
select tests.as_operator();
select lives_ok(format('delete from auth.users where id = %L', otto), 'Otto closes his account') from cast_of;
select is(pg_temp.state(pg_temp.the('one')), 'active', 'what he had goes back to the queue');
select matches(pg_temp.state(pg_temp.the('three')), '^resolved Anon-', 'what he resolved keeps an agent without a name');
select lives_ok(format('delete from auth.users where id = %L', gil), 'Gil closes his') from cast_of;
select is((select count(*) from inquiries where user_id = (select gil from cast_of)), 3::bigint, 'and staff keep what he asked');
select tests.as_user(ada) from cast_of;
select lives_ok(pg_temp.saying(pg_temp.the('two')), 'Ada still answers');
select tests.as_operator();
delete from private.mails;
select pg_temp.write_mails();
select is_empty('select from private.mails', 'but there is nobody to write to');
select tests.as_user(gil) from cast_of;
select tests.refuses('select pg_temp.ask()', 401, 'not_signed_in', 'with a token that outlives the account one asks nothing');


-- Given out by itself
select tests.as_operator();
create temp table team on commit drop as select tests.create_user('Ida', 'customer_service') as ida, tests.create_user('Max', 'customer_service') as max;
grant select on team to public;
delete from inquiries;
delete from private.mails;
update private.inquiry_settings set auto_assign = true;
select tests.as_user(olga) from cast_of;
select count(pg_temp.ask()) from generate_series(1, 4);
select tests.as_user(ida) from team;
select lives_ok('select pg_temp.ask(''Ida''''s own'')', 'Ida asks, too');
select tests.as_operator();
select results_eq($$ select p.name, count(*) from inquiries i join profiles p on p.id = i.assigned_to where i.status = 'pending' group by p.name order by p.name $$,
  $$ values ('Ida', 2::bigint), ('Max', 3) $$, 'each new one goes to whoever has the fewest, and nobody''s to themselves');
select is((select count(*) from private.mails where template = 'inquiry_assigned'), 5::bigint, 'with a mail each');
select is(pg_temp.history((select id from inquiries where subject like 'Ida%')), array['assigned_to - > Max by Ida'], 'and a line of history');
create temp table maxs on commit drop as select i.id from inquiries i, team where i.assigned_to = max and i.user_id <> ida;
grant select on maxs to public;
select tests.as_user(ida) from team;
select is_empty(pg_temp.giving(maxs.id, ida), 'what was never in the queue is not there for others to take') from maxs, team;
select tests.as_operator();
update user_roles set role = 'user' where role = 'customer_service';
select tests.as_user(olga) from cast_of;
select lives_ok('select pg_temp.ask(''Anybody?'')', 'and when there are no agents');
select is((select status || coalesce(assigned_to::text, '') from inquiries where subject = 'Anybody?'), 'active', 'it waits');
select tests.as_operator();
update private.inquiry_settings set auto_assign = false;


-- Visitors
delete from inquiries;
delete from private.mails;
select tests.as_user(olga) from cast_of;
select throws_ok($$ select private.receive_contact('V', 'v@tests.test', 'Garden?', 'Is there one?', '203.0.113.9') $$, '42501', null, 'only the function contact may hand in what visitors write');
select throws_ok($$ select private.confirm_contact('x') $$, '42501', null, 'and confirm it');
select tests.as_service();
select lives_ok($$ select private.receive_contact('Vera', ' Vera@Tests.test', 'Garden?', 'Is there one?', '203.0.113.9') $$, 'Vera writes without an account');
select throws_ok('select from private.contacts', '42501', null, 'which the function itself cannot read back');
select tests.as_operator();
select is_empty('select from inquiries', 'nobody sees it yet');
select ok(to_address = 'vera@tests.test' and to_name is null and props - 'confirm_url_path' = '{}' and props ->> 'confirm_url_path' ~ '^/contact/confirm\?token=[0-9a-f]{64}$', 'she has a mail with a link, and with nothing that somebody wrote')
from private.mails where template = 'contact_confirmation';
create temp table link on commit drop as select right(props ->> 'confirm_url_path', 64) as token from private.mails where template = 'contact_confirmation';
grant select on link to public;
select ok(not exists (select from private.contacts c, link where position('203.0.113' in c::text) > 0 or position(token in c::text) > 0), 'neither her IP address nor the token is kept');
select tests.as_service();
select tests.refuses('select private.confirm_contact(repeat(''0'', 64))', 404, 'invalid_token', 'another token is none');
select isnt(private.confirm_contact(token), null, 'her link is good') from link;
select is(private.confirm_contact(token), i.id, 'and stays so, once') from link, inquiries i;
select tests.as_user(ada) from cast_of;
select results_eq('select author_name, subject, status::text from inquiry_queue()', $$ values ('Vera', 'Garden?', 'active') $$, 'now staff see it');
select tests.as_user(olga) from cast_of;
select is_empty('select from inquiries', 'and nobody else');
select tests.as_user(ada) from cast_of;
insert into inquiry_messages (inquiry_id, body) select id, 'A small one.' from inquiries;
select tests.as_operator();
select pg_temp.write_mails();
select results_eq($$ select template, to_address, props ->> 'recipient_name' from private.mails where template like 'inquiry%' order by template $$,
  $$ values ('inquiry_received', 'vera@tests.test', 'Vera'), ('inquiry_reply', 'vera@tests.test', 'Vera') $$, 'and Vera is mailed as anybody');

-- She signs up
insert into auth.users (id, email, raw_user_meta_data, raw_app_meta_data) values
  ('00000000-0000-4000-8000-00000000cccc', 'Vera@tests.test', '{"name": "Vera V."}', '{"provider": "email"}');
select is(user_id, null, 'an address that is not confirmed takes over nothing') from inquiries;
select tests.as_user('00000000-0000-4000-8000-00000000cccc');
select is_empty('select from inquiries', 'and reads nothing');
select tests.as_operator();
update auth.users set email = 'vera@tests.test', email_confirmed_at = now() where id = '00000000-0000-4000-8000-00000000cccc';
select tests.as_user('00000000-0000-4000-8000-00000000cccc');
select is((select count(*) from inquiries i join inquiry_messages m on m.inquiry_id = i.id where i.user_id = '00000000-0000-4000-8000-00000000cccc'), 1::bigint, 'a confirmed one has its inquiry, with the answer');
select tests.as_operator();
select is(pg_temp.history(id), array['status active > pending by Ada', 'author - > Vera V. by the desk'], 'which is history') from inquiries;
select tests.as_service();
select lives_ok($$ select private.receive_contact('Vera', 'vera@tests.test', 'Pets?', 'May they come?', '203.0.113.9') $$, 'she writes again, without signing in');
select tests.as_operator();
update link set token = (select right(props ->> 'confirm_url_path', 64) from private.mails m join private.contacts c on m.key = 'contact_confirmation:' || c.id where c.subject = 'Pets?');
select tests.as_service();
select isnt(private.confirm_contact(token), null, 'and confirms it') from link;
select is((select user_id from inquiries where subject = 'Pets?'), '00000000-0000-4000-8000-00000000cccc'::uuid, 'then it is hers');

-- Limits and time
select lives_ok($$ select private.receive_contact('Vera', 'VERA@tests.test', 'Third', 'x', '203.0.113.10') $$, 'a third one');
select tests.refuses($$ select private.receive_contact('Vera', 'vera@tests.test', 'Fourth', 'x', '203.0.113.11') $$, 429, 'too_many_requests', 'three an hour from one address');
select count(private.receive_contact('N', 'n' || n || '@tests.test', 'x', 'x', '2001:db8:0:1::' || n)) from generate_series(1, 10) n;
select tests.refuses($$ select private.receive_contact('N', 'n11@tests.test', 'x', 'x', '2001:db8:0:1:ffff::1') $$, 429, 'too_many_requests', 'ten an hour from one network');
select lives_ok($$ select private.receive_contact('N', 'n11@tests.test', 'x', 'x', '2001:db8:0:2::1') $$, 'the next network is another one');
select lives_ok($$ select private.receive_contact('N', 'n' || n || '@tests.test', 'x', 'x', case when n % 2 = 0 then 'unknown' end) from generate_series(21, 42) n $$, 'where no gateway says who calls, addresses alone are counted');
select tests.as_operator();
update private.contacts set created_at = now() - interval '49 hours' where subject = 'Pets?';
select tests.as_service();
select tests.refuses(format('select private.confirm_contact(%L)', (select token from link)), 404, 'invalid_token', 'a link is good for two days');
select tests.as_operator();
update private.contacts set created_at = now() - interval '4 days' where subject = 'Pets?';
select private.prune_contacts();
select is_empty($$ select from private.contacts where subject = 'Pets?' $$, 'and forgotten after three');


-- No other way in
select is_empty($$ select from pg_publication_tables where tablename like 'inquir%' $$, 'nothing of it is published in realtime');
select is_empty($$ select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosrc ~ 'inquiry_messages' $$, 'no function of the API reads messages');

select * from finish();
rollback;
