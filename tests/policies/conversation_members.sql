-- Who sees who is where.
set local search_path = public, tests;
select plan(8);

select isnt_empty('select from conversation_members where conversation_id = tests.conversation(''lunch'')', 'there is something to see');

select tests.be('bo');
select is((select count(*) from conversation_members where conversation_id = tests.conversation('watercooler')), 2::bigint, 'a member sees the others');
select is_empty('select from conversation_members where conversation_id = tests.conversation(''lunch'')', 'and not where he is not');
select throws_ok($$ insert into conversation_members (conversation_id, member_id) values (tests.conversation('lunch'), tests.id('bo')) $$, '42501', null,
                 'nobody lets themselves in');
select throws_ok('update conversation_members set role = ''owner''', '42501', null, 'or promotes themselves');
select throws_ok('delete from conversation_members', '42501', null, 'or deletes');

select tests.be('cy');
select is_empty('select from conversation_members', 'an outsider finds nobody');

select tests.be('nobody');
select throws_ok('select from conversation_members', '42501', null, 'nobody sees any');

select * from finish();
