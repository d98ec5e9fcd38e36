-- Admins read where their organisation oversees. TEN-10
set local search_path = public, tests;
select plan(18);

update org_members set role = 'admin' where user_id = tests.id('cy');
select tests.be('cy');
select is_empty('select from messages', 'without oversight an admin reads no more than others');
select hint_ok($$ select open_oversight(tests.conversation('watercooler'), 'a report') $$, 'PT404', 'not_member', 'and opens nothing');

-- open: every conversation, at once
select tests.be('administrator');
update orgs set settings = '{"oversight_mode": "open"}' where slug = 'default';
select tests.be('cy');
select is((select count(*) from messages), 5::bigint, 'open: an admin reads everything');
select is((select count(*) from conversations), 4::bigint, 'everywhere');
select tests.be('administrator');
update org_members set role = 'superadmin' where user_id = tests.id('cy');
select tests.be('cy');
select is((select count(*) from messages), 5::bigint, 'as a superadmin does (TEN-07)');
select tests.be('administrator');
update org_members set role = 'admin' where user_id = tests.id('cy');
select tests.be('cy');
select is_empty($$ update messages set body = 'x' returning 1 $$, 'and changes nothing');
select throws_ok($$ insert into messages (conversation_id, body) values (tests.conversation('watercooler'), 'x') $$, '42501', null, 'says nothing');
select throws_ok($$ delete from messages $$, '42501', null, 'deletes nothing');
select is((open_oversight(tests.conversation('watercooler'), 'a report')).reason, 'a report', 'what is opened has a reason');
select is((select count(*) from audit_log where action = 'open_oversight'), 1::bigint, 'and is on record');
select throws_ok($$ select open_oversight(tests.conversation('watercooler'), ' ') $$, '23514', null, 'without a reason nothing is opened');

-- break_glass: what was opened, while it is open
select tests.be('administrator');
update orgs set settings = '{"oversight_mode": "break_glass"}' where slug = 'default';
select tests.be('cy');
select is_empty('select from messages', 'break_glass: nothing by itself');
select is((select count(*) from oversee_messages(tests.conversation('watercooler'))), 3::bigint, 'but what was opened');
select is((select array_agg(seq) from oversee_messages(tests.conversation('watercooler'), 3, 1)), '{2}'::bigint[], 'by pages');
select hint_ok($$ select oversee_messages(tests.conversation('lunch')) $$, 'PT403', 'no_grant', 'and nothing else');
do $$ begin perform set_config('app.test_now', (now() + interval '61 minutes')::text, true); end $$;
select hint_ok($$ select oversee_messages(tests.conversation('watercooler')) $$, 'PT403', 'no_grant', 'for an hour');
do $$ begin perform set_config('app.test_now', '', true); end $$;
select tests.be('bo');
select hint_ok($$ select open_oversight(tests.conversation('lunch'), 'curiosity') $$, 'PT403', 'not_admin', 'a member opens nothing');
select hint_ok($$ select oversee_messages(tests.conversation('lunch')) $$, 'PT403', 'not_admin', 'and reads nothing');

select * from finish();
