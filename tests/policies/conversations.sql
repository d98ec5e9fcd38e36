-- Who sees conversations.
set local search_path = public, tests;
select plan(10);

select isnt_empty($$ select from conversations where slug = 'watercooler' $$, 'there is something to see');

select tests.be('bo');
select is((select count(*) from conversations), 2::bigint, 'a member sees theirs');
select is_empty($$ update conversations set title = 'x' returning 1 $$, 'and does not rename it');
select throws_ok($$ update conversations set last_preview = 'x' $$, '42501', null, 'or write what triggers fill');
select throws_ok($$ insert into conversations (org_id, kind) select org_id, 'group' from conversations limit 1 $$, '42501', null, 'nor make one directly');
select is_empty('delete from conversations returning 1', 'nor delete one');

select tests.be('cy');
select is_empty('select from conversations', 'an outsider finds none, open rooms'' last words neither');

select tests.be('service');
select is((select count(*) from conversations), 4::bigint, 'the service sees all');
select isnt_empty($$ update conversations set title = 'Tea' where slug = 'watercooler' returning 1 $$, 'and writes');

select tests.be('nobody');
select throws_ok('select from conversations', '42501', null, 'nobody sees any');

select * from finish();
