-- How fast people may go. SEC-01
set local search_path = public, tests;
select plan(8);

select tests.be('administrator');
update app.rate_rules set rate = 2, burst = 5 where name = 'send';
delete from app.rate_buckets;
select tests.be('bo');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Hi ' || n) from generate_series(1, 5) n $$, 'five in one go');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'Hi 6') $$, 'PGRST', 'rate_limited', 'the sixth has to wait');
select hint_ok($$ insert into messages (conversation_id, body) values (tests.conversation('watercooler'), 'Hi 6') $$, 'PGRST', 'rate_limited',
               'whichever way it takes');
select tests.be('ana');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Hello') $$, 'others are not held up');
select tests.be('administrator');
update app.rate_buckets set at = at - interval '0.6 s' where key = 'send:' || tests.id('bo');
select tests.be('bo');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Hi 6') $$, 'after half a second there is one more');

-- By role
select tests.be('administrator');
insert into app.rate_rules (name, role, rate, burst) values ('send', 'moderator', 100, 1000);
update org_members set role = 'moderator' where user_id = tests.id('bo');
delete from app.rate_buckets;
select tests.be('bo');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'On duty ' || n) from generate_series(1, 20) n $$, 'a role may have more');
select tests.be('administrator');
select lives_ok($$ insert into messages (conversation_id, sender_id, body)
                   select tests.conversation('watercooler'), tests.id('ana'), 'Bulk ' || n from generate_series(1, 200) n $$,
                'the service goes as fast as it likes');
select lives_ok($$ select app.take('nonsense') $$, 'what has no rule has no limit');

select * from finish();
