-- The queue: what is asked for is done once, what fails is tried again, what cannot be done is kept.
begin;
set local search_path = public, extensions;
select no_plan();

delete from net.http_request_queue;
create temp table cast_of on commit drop as select tests.create_user('Ada', 'admin') as admin, tests.create_user('Gil') as gil;
grant select on cast_of to public;
delete from private.jobs;
insert into private.job_kinds (kind, priority, max_attempts, max_running, lease, description) values
  ('test_soon', 1, 3, 2, '1 minute', 'A person waits.'), ('test_later', 99, 3, 10, '1 minute', 'Whenever.');
insert into private.job_kinds (kind, priority, payload_fields, description) values ('test_choosy', 99, '{a,b}', 'Needs to be told.');

-- Queueing
select isnt(private.enqueue('test_later', '{"n": 1}', 'one'), null, 'a job is queued');
select is(private.enqueue('test_later', '{"n": 2}', 'one'), null, 'under one key once');
select throws_ok($$ select private.enqueue('test_unheard_of') $$, 'P0001', null, 'a kind that nobody knows is refused');
select private.enqueue('test_later'), private.enqueue('test_soon'), private.enqueue('test_soon'), private.enqueue('test_soon');
select private.enqueue('test_soon', '{}', null, now() + interval '1 hour');
select is((select count(*) from net.http_request_queue), 1::bigint, 'the worker is called once, however many jobs a transaction queues');
select is((select url || ' ' || (headers ? 'apikey') from net.http_request_queue), private.project_url() || '/functions/v1/jobs true', 'at its address and with the key from the Vault');
set local djanobnb.seeding = 'on';
select is(private.enqueue('test_soon'), null, 'demo data queues nothing');
reset djanobnb.seeding;

select throws_ok($$ select private.enqueue('test_choosy', '{"a": 1}') $$, 'P0001', 'A job of kind test_choosy needs a, b.', 'a payload that lacks what its kind needs is refused');
select throws_ok($$ select private.enqueue('test_choosy', '{"a": 1, "b": null}') $$, 'P0001', 'A job of kind test_choosy needs a, b.', 'nothing is no value');
select throws_ok($$ select private.enqueue('test_later', '[1]') $$, '23514', null, 'and so is one that is no object');

-- What caused it
select set_config('request.headers', '{"x-request-id": "from the Data API", "accept": "*/*"}', true);
select private.enqueue('test_later', '{}', 'caused by a call');
select private.caused_by('from a function');
select private.enqueue('test_later', '{}', 'caused by a function');
select private.caused_by(null);
select set_config('request.headers', '', true);
select private.enqueue('test_later', '{}', 'caused by nobody');
select results_eq(
  $$ select request_id from private.jobs where key like 'caused by %' order by key $$,
  $$ values ('from the Data API'), ('from a function'), (null) $$,
  'a job knows the request that caused it'
);
delete from private.jobs where key like 'caused by %';

-- Claiming
select tests.as_service();
create temp table claimed on commit drop as select * from private.claim_jobs(10);
select is(array_agg(kind order by kind), array['test_later', 'test_later', 'test_soon', 'test_soon'], 'two of a kind at once that allows two, and what else is due') from claimed;
select is_empty('select * from private.claim_jobs(10)', 'what is claimed is not claimed again');
select results_eq('select due, claimable from private.pending_jobs()', $$ values (1::bigint, 0::bigint) $$, 'one waits for its turn: as many of its kind are under way as may be');
select is((private.finish_job(id, lease_token, '{"ok": true}')), true, 'done') from claimed where kind = 'test_soon' limit 1;
select is(kind, 'test_soon', 'then the third one may run') from private.claim_jobs(10);
select is(private.finish_job(id, gen_random_uuid()), null, 'a stranger to the lease reports nothing') from claimed where kind = 'test_later' limit 1;

-- What goes first
select tests.as_operator();
insert into private.job_kinds (kind, priority, description) values ('test_first', -2, 'At once.'), ('test_last', -1, 'Whenever.');
select private.enqueue(kind, '{}', kind || hours, now() - make_interval(hours => hours))
from (values ('test_last', 3), ('test_first', 1), ('test_last', 4), ('test_first', 2)) j (kind, hours);
select tests.as_service();
create temp table in_turn on commit drop as select row_number() over () as n, id, kind from private.claim_jobs(3);
select tests.as_operator();
select results_eq(
  'select j.key from in_turn join private.jobs j using (id) order by n',
  $$ values ('test_first2'), ('test_first1'), ('test_last4') $$,
  'the more urgent kind first, and of a kind the oldest'
);
delete from private.jobs where kind in ('test_first', 'test_last');

-- At most so many a minute
select tests.as_operator();
insert into private.job_kinds (kind, priority, max_running, max_per_minute, description) values
  ('test_paced', 1, 50, 600, 'Ten a second.'), ('test_rare', 1, 50, 2, 'One in half a minute.');
select private.enqueue(kind, '{}', kind || n) from unnest(array['test_paced', 'test_rare']) kind, generate_series(1, 15) n;
create function pg_temp.paced() returns text language plpgsql as $$
declare
  claimed text;
begin
  perform tests.as_service();
  select format('%s and %s', count(*) filter (where c.kind = 'test_paced'), count(*) filter (where c.kind = 'test_rare')) into claimed
  from private.claim_jobs(100) c;
  perform tests.as_operator();
  return claimed;
end $$;
select is(pg_temp.paced(), '10 and 1', 'at once as many begin as a second allows, or one');
select is(pg_temp.paced(), '0 and 0', 'then no more');
select results_eq(
  $$ select kind, free, next_at - now() from private.job_room() where kind in ('test_paced', 'test_rare') order by kind $$,
  $$ values ('test_paced', 0, interval '0.1 seconds'), ('test_rare', 0, interval '30 seconds') $$,
  'until it is their turn, of which the worker hears'
);
update private.job_paces set used_until = used_until - interval '0.35 seconds';
select is(pg_temp.paced(), '3 and 0', 'they go on evenly');
update private.job_paces set used_until = used_until - interval '1 hour';
select is(pg_temp.paced(), '2 and 1', 'and what has waited begins in time');
insert into private.jobs (kind, max_attempts) select 'test_paced', 3 from generate_series(1, 60);
update private.job_paces set used_until = used_until - interval '1 hour';
select is(pg_temp.paced(), '10 and 1', 'though an idle hour is not saved up');
delete from private.jobs where kind in ('test_paced', 'test_rare');
select tests.as_service();

-- Failing
select is(private.fail_job(id, lease_token, 'no luck')::text, 'queued', 'a failure is tried again') from claimed where payload = '{"n": 1}';
select tests.as_operator();
select ok(run_at between now() and now() + interval '5 seconds' and last_error = 'no luck' and lease_token is null, 'after some two seconds, and says why')
from private.jobs where key = 'one';
select ok(min(private.backoff(3)) >= interval '6 seconds' and max(private.backoff(3)) <= interval '10 seconds', 'later each time, a quarter more or less') from generate_series(1, 50);
select ok(max(private.backoff(30)) <= interval '75 minutes', 'up to about an hour');
update private.jobs set run_at = now(), attempts = 2 where key = 'one';
select tests.as_service();
create temp table last_try on commit drop as select * from private.claim_jobs(10);
select ok(is_last_attempt, 'the third of three tries') from last_try;
select is(private.fail_job(id, lease_token, 'still no luck')::text, 'failed', 'after which it is a dead letter') from last_try;
select tests.as_operator();

-- A worker that dies
delete from net.http_request_queue;
update private.jobs set run_at = now() + interval '1 hour' where state = 'queued';
select private.wake_jobs_if_due();
select is_empty('select from net.http_request_queue', 'nobody is called while nothing is due');
update private.jobs set leased_until = now() - interval '1 second' where state = 'running' and kind = 'test_later';
select private.wake_jobs_if_due();
select is((select count(*) from net.http_request_queue), 1::bigint, 'a lease that ran out calls a worker');
select tests.as_service();
select is_empty($$ select from private.claim_jobs(10) where kind = 'test_later' $$, 'a job whose worker is silent is taken back');
select tests.as_operator();
select ok(run_at between now() + interval '1.5 seconds' and clock_timestamp() + interval '2.5 seconds', 'and waits as after a failure')
from private.jobs where kind = 'test_later' and payload = '{}';
update private.jobs set run_at = now() where kind = 'test_later' and payload = '{}';
select tests.as_service();
select is(count(*), 1::bigint, 'then it goes to another one') from private.claim_jobs(10) where kind = 'test_later' and attempt = 2;
select is(private.finish_job(id, lease_token), null, 'and the first one can no longer report') from claimed where kind = 'test_later' and payload = '{}';

select tests.as_operator();
update private.jobs set leased_until = now() - interval '1 second', attempts = max_attempts where state = 'running' and kind = 'test_later';
select private.requeue_abandoned_jobs();
select is(state::text || ': ' || last_error, 'failed: The worker stopped before it had finished.', 'a job that kills each of its workers is kept, with what is known') from private.jobs where kind = 'test_later' and payload = '{}';
delete from private.jobs where kind = 'test_later' and payload = '{}';
insert into private.jobs (kind, max_attempts, attempts, state, lease_token, leased_until)
select 'test_later', 9, 3, 'running', gen_random_uuid(), now() - interval '1 second' from generate_series(1, 16);
select private.requeue_abandoned_jobs();
select is(count(distinct run_at), 16::bigint, 'those that one worker had under way begin apart: one that ends workers takes no others with it')
from private.jobs where kind = 'test_later' and attempts = 3 and max_attempts = 9;
delete from private.jobs where max_attempts = 9;

-- Dead letters
select tests.as_user(gil) from cast_of;
select tests.refuses('select * from failed_jobs()', 403, 'forbidden', 'dead letters are not for users');
select tests.refuses('select job_stats()', 403, 'forbidden', 'nor are the statistics');
select tests.refuses('select retry_job(gen_random_uuid())', 403, 'forbidden', 'nor another try');
select tests.as_user(admin) from cast_of;
select results_eq('select kind, attempts, last_error from failed_jobs()', $$ values ('test_later', 3, 'still no luck') $$, 'an admin sees why it failed');
select is((job_stats()).failed, 1::bigint, 'and counts');
select lives_ok('select retry_job((select id from failed_jobs()))', 'and tries again');
select is_empty('select * from failed_jobs()', 'then it is none');
select tests.refuses('select * from failed_jobs(' || n || ')', 400, 'invalid_page_size', 'no page of ' || n) from unnest(array['0', '101', 'null']) n;
select tests.refuses('select retry_job(gen_random_uuid())', 404, 'not_found', 'a job that is not there');

-- What the worker answers
select tests.as_operator();
delete from private.job_wakes;
insert into private.job_wakes (call_id, at) values (-1, now() - interval '3 minutes'), (-2, now() - interval '2 minutes'), (-3, now() - interval '1 minute'), (-4, now());
create function pg_temp.answer(request bigint, status integer, error text) returns setof text language plpgsql as $$
begin
  insert into net._http_response (id, status_code, timed_out, error_msg, created) values (request, status, status is null, error, now());
  perform tests.as_user(admin) from cast_of;
  return next is(row(s.last_call_status, s.last_call_error)::text, row(status, error)::text, format('an admin sees %s', coalesce(status::text, error)))
  from job_stats() s;
  perform tests.as_operator();
end $$;
select pg_temp.answer(-1, 401, null);
select pg_temp.answer(-2, 500, null);
select pg_temp.answer(-3, null, 'Timeout was reached');

-- Tidying
select tests.as_operator();
update private.jobs set finished_at = now() - interval '15 days' where state = 'done';
select private.prune_jobs();
select is_empty($$ select from private.jobs where state = 'done' $$, 'what was done two weeks ago is forgotten');
select is((select count(*) from private.jobs where key = 'one'), 1::bigint, 'the rest is not');

-- Mails
select isnt(private.send_mail('admin_alert', 'gil@tests.test', 'Gil', '{}', 'hello'), null, 'a mail goes to the outbox');
select is(private.send_mail('admin_alert', 'gil@tests.test', 'Gil', '{}', 'hello'), null, 'under one key once');
select is(private.send_mail('property_created', null, 'Gil', '{}', 'no address'), null, 'who has a phone alone gets none, and nobody gets it instead');
select private.record_mail(id, 'refused', '550 no such user') from private.mails where key = 'hello';
select isnt(private.send_mail('admin_alert', 'GIL@tests.test', 'Gil', '{}', 'hello again'), null, 'another one to the same address');
select ok(is_suppressed, 'is not sent: the server refused the address for good') from private.mails m, private.mail_to_send(m.id) where m.key = 'hello again';


-- Who wants no mails of a topic
select tests.as_service();
create temp table asked on commit drop as
select * from private.subscriptions('listings', array['Gil@tests.test', 'ana@tests.test']);
select results_eq('select address, is_unsubscribed from asked order by 1', $$ values ('ana@tests.test', false), ('Gil@tests.test', false) $$, 'at first everybody wants them');
select ok(bool_and(unsubscribe_url ~ ('^' || private.project_url() || '/functions/v1/unsubscribe[?]token=[0-9a-f-]{36}$')), 'and has a link') from asked;
create function pg_temp.token() returns uuid language sql as $$ select split_part(unsubscribe_url, '=', 2)::uuid from asked where address like 'Gil%' $$;
select is(private.topic_of(pg_temp.token())::text, 'listings', 'which says what it ends');
select is(private.unsubscribe(pg_temp.token())::text, 'listings', 'and ends it');
select is(private.unsubscribe(pg_temp.token())::text, 'listings', 'however often');
select results_eq(
  $$ select address, is_unsubscribed, unsubscribe_url = (select a.unsubscribe_url from asked a where lower(a.address) = s.address)
     from private.subscriptions('listings', array['gil@tests.test', 'ana@tests.test']) s order by 1 $$,
  $$ values ('ana@tests.test', false, true), ('gil@tests.test', true, true) $$,
  'for this address, however it is written, under the same link'
);
select is(is_unsubscribed, false, 'other mails it still gets') from private.subscriptions('reports', array['gil@tests.test']);
select is(private.unsubscribe(gen_random_uuid()), null, 'a link that nobody was sent ends nothing');
select tests.as_user(gil) from cast_of;
select throws_ok($$ select private.unsubscribe(gen_random_uuid()) $$, '42501', null, 'a user cannot guess');
select throws_ok($$ select private.subscriptions('listings', array['ana@tests.test']) $$, '42501', null, 'nor ask for the link of another');
select throws_ok($$ select * from private.mail_subscriptions $$, '42501', null, 'nor look');
select tests.as_operator();
update private.mail_subscriptions set last_asked_at = now() - interval '367 days';
select private.prune_jobs();
select results_eq($$ select address, topic::text from private.mail_subscriptions where address like '%@tests.test' $$, $$ values ('gil@tests.test', 'listings') $$, 'who got no mail for a year is forgotten, who wants none is not');

-- The outbox tells what the queue knows
select private.send_mail('admin_alert', 'ana@tests.test', 'Ana', '{"alert": "x"}', 'later', '[{"path": "x"}]');
update private.jobs set run_at = now() where kind = 'send_mail';
create function pg_temp.try_mail(error text, permanent boolean) returns setof text language plpgsql as $$
begin
  update private.jobs set run_at = now() where kind = 'send_mail' and state = 'queued';
  perform private.fail_job(c.id, c.lease_token, error, permanent) from private.claim_jobs(10) c
  where c.payload ->> 'mail_id' = (select m.id::text from private.mails m where m.key = 'later');
  return query select m.state || ', ' || m.attempts || ': ' || m.response from private.mails m where m.key = 'later';
end $$;
select is(pg_temp.try_mail('451 later', false), 'queued, 1: 451 later', 'a mail that has to wait says what for');
select is(pg_temp.try_mail('No such file', true), 'failed, 2: No such file', 'one that cannot be sent has failed');
select tests.as_user(admin) from cast_of;
select lives_ok($$ select retry_job(id) from failed_jobs() where kind = 'send_mail' $$, 'an admin gives it another try');
select tests.as_operator();
select is(state::text, 'queued', 'and it waits again') from private.mails where key = 'later';
select private.note_accepted_mail(id, '{"a@tests.test": "250 one"}') from private.mails where key = 'later';
select private.note_accepted_mail(id, '{"b@tests.test": "250 two"}') from private.mails where key = 'later';
select is(t.accepted, '{"a@tests.test": "250 one", "b@tests.test": "250 two"}', 'the next try hears who has it already')
from private.mails m, private.mail_to_send(m.id) t where m.key = 'later';
select private.record_mail(id, 'sent', '250 ok') from private.mails where key = 'later';
select is(state || ': ' || response, 'sent: 250 ok', 'until it is sent') from private.mails where key = 'later';

-- What mails said
update private.mails set created_at = now() - interval '91 days' where key in ('later', 'hello again');
select private.prune_jobs();
select is(row(to_address, to_name, props, attachments, accepted, response)::text, row(null::text, null::text, '{}'::jsonb, '[]'::jsonb, '{}'::jsonb, null::text)::text, 'is forgotten after 90 days') from private.mails where key = 'later';
select isnt(to_address, null, 'unless it waits to be sent') from private.mails where key = 'hello again';
select is(private.send_mail('admin_alert', 'ana@tests.test', 'Ana', '{}', 'later'), null, 'a mail whose words are forgotten is not written again');

select * from finish();
rollback;
