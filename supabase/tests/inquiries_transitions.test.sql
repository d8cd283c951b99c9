-- Every step that the status of an inquiry could take, by everyone who could try it.
begin;
set local search_path = public, extensions;
select no_plan();

create temp table cast_of on commit drop as
select tests.create_user('Gil') as author, tests.create_user('Olga') as other_user,
  tests.create_user('Cleo', 'customer_service') as agent, tests.create_user('Otto', 'customer_service') as other_agent,
  tests.create_user('Ada', 'admin') as admin;
grant select on cast_of to public;

-- One inquiry in each state, all of them with Cleo.
create temp table cases (status inquiry_status, id uuid) on commit drop;
grant select on cases to public;
insert into cases select s, gen_random_uuid() from unnest(enum_range(null::inquiry_status)) s;
insert into inquiries (id, user_id, subject, message) select id, author, 'The key', 'Where is it?' from cases, cast_of;
update inquiries set assigned_to = agent from cast_of where user_id = author;
update inquiries i set status = c.status from cases c where c.id = i.id and c.status <> 'pending';
select is(array_agg(i.status || ' ' || (i.assigned_to = agent) order by i.status), array['active true', 'pending true', 'resolved true'], 'the cases are as they should be')
from inquiries i join cases using (id), cast_of;

create function pg_temp.step(actor text, from_status inquiry_status, to_status inquiry_status) returns text language plpgsql as $$
declare
  who uuid;
  case_id uuid := (select id from cases where status = from_status);
  reached text;
  code text;
begin
  execute format('select %I from cast_of', actor) into who;
  perform tests.as_user(who);
  begin
    update inquiries set status = to_status where id = case_id;
    if not found then
      perform tests.as_operator();
      return 'none';
    end if;
    perform tests.as_operator();
    select status::text into reached from inquiries where id = case_id;
    raise exception using errcode = 'ZZ001'; -- undo it
  exception
    when sqlstate 'ZZ001' then return case when reached = to_status::text then 'yes' else 'wrong' end;
    when others then
      get stacked diagnostics code = pg_exception_hint;
      return code;
  end;
end $$;
grant execute on all functions in schema pg_temp to public;

-- yes: done; none: no such row for them; else the code of the refusal.
create temp table expected (step text, author text, other_user text, agent text, other_agent text, admin text) on commit drop;
insert into expected values
  ('active active',     'invalid_transition', 'none', 'invalid_transition', 'none', 'invalid_transition'),
  ('active pending',    'forbidden',          'none', 'yes',                'none', 'yes'),
  ('active resolved',   'yes',                'none', 'yes',                'none', 'yes'),
  ('pending active',    'forbidden',          'none', 'yes',                'none', 'yes'),
  ('pending pending',   'invalid_transition', 'none', 'invalid_transition', 'none', 'invalid_transition'),
  ('pending resolved',  'yes',                'none', 'yes',                'none', 'yes'),
  ('resolved active',   'yes',                'none', 'yes',                'none', 'yes'),
  ('resolved pending',  'invalid_transition', 'none', 'invalid_transition', 'none', 'invalid_transition'),
  ('resolved resolved', 'invalid_transition', 'none', 'invalid_transition', 'none', 'invalid_transition');

select is((select count(*) from expected), 9::bigint, 'the table has every pair of states');
select is(
  pg_temp.step(actor, split_part(step, ' ', 1)::inquiry_status, split_part(step, ' ', 2)::inquiry_status),
  answer,
  actor || ': ' || replace(step, ' ', ' to ')
)
from expected
cross join lateral (
  values ('author', author), ('other_user', other_user), ('agent', agent), ('other_agent', other_agent), ('admin', admin)
) as t (actor, answer);

-- A visitor has no access at all.
select tests.as_visitor();
select throws_ok($$ update inquiries set status = 'resolved' $$, '42501', null, 'a visitor takes no step');

select * from finish();
rollback;
