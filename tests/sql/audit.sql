-- Records are only ever added to.
set local search_path = public, tests;
select plan(11);

select tests.be('ana');
select throws_ok($$ select app.audit('x') $$, '42501', null, 'nobody writes a record by hand');
select tests.be('administrator');
select app.audit('look', 'orgs', 'x', '{"a": 1}', 'to see');
select is((select action || ' ' || (diff ->> 'a') from audit_log), 'look 1', 'what was done is there');
select hint_ok($$ update audit_log set action = 'y' $$, '42501', 'append_only', 'nobody changes it');
select hint_ok($$ delete from audit_log $$, '42501', 'append_only', 'or removes it');
select hint_ok($$ truncate audit_log $$, '42501', 'append_only', 'or all of it');
select tests.be('service');
select throws_ok($$ update audit_log set action = 'y' $$, '42501', null, 'not even the service');

-- Earlier wordings too, as long as their message is there (MSG-07)
select tests.be('ana');
select lives_ok($$ select edit_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', 'It is back.') $$, 'something is corrected');
select tests.be('administrator');
select hint_ok($$ update message_edits set body = 'x' $$, '42501', 'append_only', 'what it said before is not changed');
select hint_ok($$ delete from message_edits $$, '42501', 'append_only', 'nor removed');
select lives_ok($$ delete from conversations where id = tests.conversation('watercooler') $$, 'unless the conversation goes');
select is_empty('select from message_edits', 'with all that was said');

select * from finish();
