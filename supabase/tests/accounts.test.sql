-- People sign up, say who they are, are given roles and lose them, and leave.
begin;
set local search_path = public, extensions;
select no_plan();

create temp table cast_of on commit drop as
select tests.create_user('Ana') as ana, tests.create_user('Gil') as gil,
  tests.create_user('Cleo', 'customer_service') as agent, tests.create_user('Ada', 'admin') as admin;
grant select on cast_of to public;
-- Ada is the only admin here, whatever the demo data says.
update user_roles set role = 'user' where role = 'admin' and user_id <> (select admin from cast_of);

-- Sign-up
select is(name, 'Ana', 'a profile appears at sign-up with the name that was given') from profiles, cast_of where id = ana;
select is(role, 'user', 'everyone begins as a user') from user_roles, cast_of where user_id = ana;

create temp table odd_names on commit drop as
select tests.create_user(null) as nobody, tests.create_user('   ') as blank,
  tests.create_user(E'\u200e\u200f\u2060\ufeff\u00ad\ufe0f\u200b\u3000') as invisible, tests.create_user(E'\ufe0f\u200fMia ❤\ufe0f\u200d\u2060') as marked, tests.create_user(E'  Li\u0007 \u202eNa  ') as controls, tests.create_user(repeat('й', 400)) as long;
select matches(name, '^Anon-[0-9a-f]{8}$', 'who gives no name is called Anon') from profiles, odd_names where id = nobody;
select matches(name, '^Anon-[0-9a-f]{8}$', 'spaces are no name') from profiles, odd_names where id = blank;
select matches(name, '^Anon-[0-9a-f]{8}$', 'nor are those of other scripts or of no width') from profiles, odd_names where id = invisible;
select is(name, E'Mia ❤\ufe0f', 'what is not seen is taken off the ends, and what colours a heart is not') from profiles, odd_names where id = marked;
select is(name, 'Li Na', 'control characters are taken out at sign-up') from profiles, odd_names where id = controls;
select is(char_length(name), 255, 'a name has at most 255 characters') from profiles, odd_names where id = long;

insert into auth.users (id, email, raw_user_meta_data, raw_app_meta_data) values
  ('00000000-0000-4000-8000-00000000aaaa', 'p@tests.test',
   '{"full_name": "Pia", "avatar_url": "https://lh3.googleusercontent.com/a/x"}', '{"provider": "google"}'),
  ('00000000-0000-4000-8000-00000000bbbb', 'q@tests.test',
   '{"name": "Quin", "role": "admin", "avatar_url": "https://lh3.googleusercontent.com/a/x"}', '{"provider": "email"}'),
  ('00000000-0000-4000-8000-00000000cccc', 'r@tests.test',
   '{"name": " ", "full_name": "", "user_name": "octo", "avatar_url": "https://avatars.githubusercontent.com/u/1"}', '{"provider": "github"}'),
  ('00000000-0000-4000-8000-00000000dddd', 's@tests.test', '{"name": {"first": "Sam"}, "full_name": 7}', '{"provider": "email"}');
select is(name, 'octo', 'who left their name at GitHub empty is called as they sign in there')
from profiles where id = '00000000-0000-4000-8000-00000000cccc';
select matches(name, '^Anon-[0-9a-f]{8}$', 'what is no text is no name') from profiles where id = '00000000-0000-4000-8000-00000000dddd';
select is(avatar_url(p), 'https://lh3.googleusercontent.com/a/x', 'Google''s picture is taken over')
from profiles p where id = '00000000-0000-4000-8000-00000000aaaa';
select is(avatar_url(p), null, 'a picture that the user names is not') from profiles p where id = '00000000-0000-4000-8000-00000000bbbb';
select is(role, 'user', 'nor is a role') from user_roles where user_id = '00000000-0000-4000-8000-00000000bbbb';

select is((select count(*) from private.jobs where key = 'stripe_customer:' || (select ana from cast_of)), 1::bigint, 'a Stripe customer is queued');

-- Profiles
select tests.as_user(ana) from cast_of;
update profiles set name = '  Άννα Müller-Łukasiewicz 安娜  ' where id = (select ana from cast_of);
select is(name, 'Άννα Müller-Łukasiewicz 安娜', 'a name in any script, trimmed') from profiles, cast_of where id = ana;
select throws_ok($$ update profiles set name = '' $$, '23514', null, 'an empty name is refused');
select throws_ok($$ update profiles set name = E'\u200e\u2060\ufeff' $$, '23514', null, 'so is one of which nothing is seen');
select throws_ok(format($$ update profiles set name = %L $$, repeat('x', 256)), '23514', null, 'so is one of 256 characters');
select throws_ok($$ update profiles set name = E'a\nb' $$, '23514', null, 'so is a line break');
select throws_ok(format($$ update profiles set avatar_path = '%s/x.png' $$, (select gil from cast_of)), '23514', null, 'an avatar is in one''s own folder');
select throws_ok($$ update profiles set created_at = now() $$, '42501', null, 'nobody changes when they joined');
select lives_ok(format($$ update profiles set avatar_path = '%s/me.png' where id = '%1$s' $$, (select ana from cast_of)), 'Ana sets an avatar');
select matches(avatar_url(p), '^https?://[^/]+/storage/v1/object/public/avatars/' || ana || '/me.png$', 'its address is public')
from profiles p, cast_of where p.id = ana;
update profiles set avatar_path = null where id = (select ana from cast_of);
select tests.as_operator();
select is((select payload - 'version' from private.jobs, cast_of where kind = 'remove_file' and payload ->> 'path' = ana || '/me.png'), (select jsonb_build_object('bucket', 'avatars', 'path', ana || '/me.png') from cast_of), 'the file of an avatar that was taken off is removed in the background');

-- me()
select tests.as_user(gil) from cast_of;
select is((me()).email, gil || '@tests.test', 'me() knows one''s own address') from cast_of;
select is((me()).role::text, 'user', 'and role');
select tests.as_visitor();
select throws_ok('select me()', '42501', null, 'a visitor is nobody');
select tests.act_as('authenticated', '{"role": "authenticated"}');
select tests.refuses('select ' || call, 401, 'not_signed_in', 'a token without a user is nobody to ' || call)
from unnest(array['me()', 'toggle_favorite(null)', 'reserve(null, null, null, null)', 'release_hold(null)', 'preview_cancellation(null)',
  'cancel_reservation(null)', 'rate_inquiry(null, null)']) call;

-- Roles
select tests.as_user(gil) from cast_of;
select tests.refuses(format($$ select set_user_role(%L, 'admin') $$, (select gil from cast_of)), 403, 'forbidden', 'a user makes nobody an admin');
select tests.as_user(agent) from cast_of;
select tests.refuses(format($$ select set_user_role(%L, 'admin') $$, (select agent from cast_of)), 403, 'forbidden', 'nor does an agent');
select tests.refuses('select * from search_users()', 403, 'forbidden', 'an agent does not look through the users');
select tests.as_user(admin) from cast_of;
select lives_ok(format($$ select set_user_role(%L, 'customer_service') $$, (select gil from cast_of)), 'an admin makes Gil an agent');
select tests.as_user(gil) from cast_of;
select is((me()).role::text, 'customer_service', 'which works on the next request, with the token that Gil has');
select tests.as_user(admin) from cast_of;
select tests.refuses(format($$ select set_user_role(%L, 'user') $$, (select admin from cast_of)), 409, 'last_admin', 'the last admin stays');
select tests.refuses($$ select set_user_role('00000000-0000-4000-8000-000000000000', 'user') $$, 404, 'not_found', 'nobody there');
select tests.refuses(format('select set_user_role(%L, null)', (select gil from cast_of)), 400, 'invalid_role', 'no role');
select lives_ok(format($$ select set_user_role(%L, 'admin') $$, (select agent from cast_of)), 'a second admin');
select lives_ok(format($$ select set_user_role(%L, 'user') $$, (select admin from cast_of)), 'then the first one may go');
select tests.refuses('select * from search_users()', 403, 'forbidden', 'and is none from then on');
select tests.as_user(agent) from cast_of;
select results_eq(
  format('select name from search_users(%L)', (select ana || '@tests' from cast_of)),
  $$ values ('Άννα Müller-Łukasiewicz 安娜') $$, 'an admin finds users by address');
select is_empty($$ select * from search_users('%_%') $$, '% and _ are looked for as they are');
select tests.refuses('select * from search_users('''', 0)', 400, 'invalid_page_size', 'a page has at least one row');

select tests.as_operator();
select results_eq(
  format($$ select actor_id, details ->> 'from', details ->> 'to' from private.audit_log
            where action = 'role.changed' and subject_id = %L and actor_id is not null $$, (select gil from cast_of)),
  format($$ values (%L::uuid, 'user', 'customer_service') $$, (select admin from cast_of)),
  'the audit log says who gave the role');
select throws_ok('update private.audit_log set action = ''x''', '42501', null, 'the log is not rewritten');
select throws_ok('delete from private.audit_log', '42501', null, 'nor shortened');
select throws_ok('truncate private.audit_log', '42501', null, 'nor emptied');
delete from user_roles where user_id = (select gil from cast_of);
insert into user_roles (user_id, role) select gil, 'admin' from cast_of;
select results_eq(
  format($$ select details ->> 'from', details ->> 'to' from private.audit_log
            where action = 'role.changed' and subject_id = %L and actor_id is null order by id desc limit 2 $$, (select gil from cast_of)),
  $$ values ('user', 'admin'), ('customer_service', 'user') $$, 'a role that an operator takes and gives by whatever statement is in it, too');

-- Farewell
create function pg_temp.leave(person uuid) returns void language sql security definer as $$ delete from auth.users where id = person $$;
select pg_temp.leave(agent) from cast_of;
select tests.as_user(agent) from cast_of;
select tests.refuses('select ' || call, 401, 'not_signed_in', 'a token that outlived its account is nobody to ' || call)
from unnest(array['me()', 'toggle_favorite(null)', 'reserve(null, null, null, null)', 'cancel_reservation(null)', 'rate_inquiry(null, null)']) call;
select tests.as_operator();
select tests.create_property(gil, 'Never booked') from cast_of;
select lives_ok(format('delete from auth.users where id = %L', (select gil from cast_of)), 'an account is deleted');
select is_empty(format('select from profiles where id = %L', (select gil from cast_of)), 'its profile goes');
select is_empty($$ select from properties where title = 'Never booked' $$, 'and its listings');
update profiles set avatar_path = ana || '/last.png' from cast_of where id = ana;
select lives_ok(format('delete from auth.users where id = %L', (select ana from cast_of)), 'an account with an avatar is deleted');
select is(count(*), 1::bigint, 'and the file is removed, known to Storage already or not')
from private.jobs, cast_of where kind = 'remove_file' and payload ->> 'path' = ana || '/last.png';


-- An account that Auth keeps a row of
select tests.as_operator();
create temp table soft on commit drop as select tests.create_user('Sven', 'admin') as sven;
grant select on soft to public;
select tests.create_property(sven, 'Never booked either') from soft;
update auth.users set deleted_at = now() from soft where id = sven;
select is_empty(format('select from profiles where id = %L', (select sven from soft)), 'is closed all the same');
select is_empty($$ select from properties where title = 'Never booked either' $$, 'with its listings');
select is_empty(format('select from user_roles where user_id = %L', (select sven from soft)), 'and its role');
select tests.as_user(sven) from soft;
select tests.refuses('select job_stats()', 403, 'forbidden', 'so that its token is nobody''s');

select * from finish();
rollback;
