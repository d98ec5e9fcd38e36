-- What is to be said later. TPL-03
set local search_path = public, tests;
select plan(26);

set local app.test_now = '2030-01-01 12:00+00';
create function pg_temp.later(p_body text, p_in interval) returns uuid language sql as
  $$ select (schedule_message(tests.conversation('watercooler'), p_body, coalesce(nullif(current_setting('app.test_now'), '')::timestamptz, now()) + p_in)).id $$;
create function pg_temp.states() returns text language sql as
  $$ select string_agg(body || ' ' || state || coalesce(' ' || error, ''), ', ' order by body) from scheduled_messages $$;

select tests.be('bo');
create temporary table planned as select pg_temp.later('Soon', '2 s') as soon, pg_temp.later('Never', '2 s') as never, pg_temp.later('Tomorrow', '1 day') as tomorrow;
grant select on planned to public;
select is((cancel_scheduled_message((select never from planned))).state, 'cancelled', 'what is cancelled');
select is((cancel_scheduled_message((select never from planned))).state, 'cancelled', 'stays cancelled');
select tests.be('administrator');
select is(app.send_due_messages(), 0, 'nothing is sent before its time');
set local app.test_now = '2030-01-01 12:00:02+00';
select is(app.send_due_messages(), 1, 'then what is due is');
select is(app.send_due_messages(), 0, 'once');
select is((select sender_id from messages where body = 'Soon'), tests.id('bo'), 'from whoever scheduled it');
select is((select seq from messages where body = 'Soon'), 4::bigint, 'as a message like others');
select is_empty($$ select from messages where body in ('Never', 'Tomorrow') $$, 'nothing else');
select is(auth.uid(), null, 'and the job is itself again');
select tests.be('bo');
select is(pg_temp.states(), 'Never cancelled, Soon sent, Tomorrow waiting', 'one sees what became of it');
select is((select message_id from scheduled_messages where body = 'Soon'), (select id from messages where body = 'Soon'), 'and which message');
select hint_ok($$ select cancel_scheduled_message((select soon from planned)) $$, 'PT404', 'no_such_message', 'what is sent is not cancelled');
select tests.be('ana');
select is(pg_temp.states(), null, 'others see nothing of it');
select hint_ok($$ select cancel_scheduled_message((select tomorrow from planned)) $$, 'PT404', 'no_such_message', 'or cancel it');

-- Rights are those of the time at which it is sent
select tests.be('administrator');
insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'mute');
set local app.test_now = '2030-01-03 12:00+00';
select is(app.send_due_messages(), 0, 'who is muted by then');
select tests.be('bo');
select is(pg_temp.states(), 'Never cancelled, Soon sent, Tomorrow failed muted', 'is told why it was not sent');
select tests.be('administrator');
delete from user_restrictions;
update conversations set slow_mode_s = 60 where id = tests.conversation('watercooler');
set local app.test_now = '';
select tests.be('bo');
select pg_temp.later('Second', '1 s');
select tests.be('administrator');
select set_config('app.test_now', (clock_timestamp() + interval '2 s')::text, true);
select is(app.send_due_messages(), 0, 'in slow mode');
select is((select state from scheduled_messages where body = 'Second'), 'waiting', 'what is due waits');
select set_config('app.test_now', (clock_timestamp() + interval '2 min')::text, true);
select is(app.send_due_messages(), 1, 'for its turn');

-- What is refused at once
select tests.be('cy');
select hint_ok($$ select pg_temp.later('Hi', '1 day') $$, '42501', 'cannot_post', 'an outsider plans nothing');
select tests.be('bo');
select hint_ok($$ select pg_temp.later('Hi', '-1 s') $$, 'PT422', 'bad_time', 'nothing is sent in the past');
select hint_ok($$ select pg_temp.later('Hi', '2 years') $$, 'PT422', 'bad_time', 'or when nobody will remember');
select hint_ok($$ select schedule_message(tests.conversation('watercooler'), 'Hi', null) $$, 'PT422', 'bad_time', 'or never');
select hint_ok($$ select pg_temp.later('  ', '1 day') $$, 'PT422', 'no_words', 'and something is said');
select throws_ok($$ insert into scheduled_messages (conversation_id, sender_id, body, send_at) values (tests.conversation('watercooler'), tests.id('ana'), 'x', now()) $$,
                 '42501', null, 'nobody puts words into another''s mouth');
select hint_ok($$ select pg_temp.later('Hi', '1 day') from generate_series(1, 101) $$, 'PT422', 'too_many', 'a hundred wait at most');

select * from finish();
