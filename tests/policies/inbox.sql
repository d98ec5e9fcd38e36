-- What a conversation is to one alone.
set local search_path = public, tests;
select plan(8);

select is((select count(*) from inbox), 6::bigint, 'there is something to see');
select tests.be('bo');
select is((select count(*) from inbox), 2::bigint, 'one''s own');
select isnt_empty($$ update inbox set draft = 'Hm', notify_level = 'mentions' where conversation_id = tests.conversation('dm') returning 1 $$, 'is kept as one likes');
select throws_ok('update inbox set last_read_seq = 0', '42501', null, 'the pointer moves by function');
select throws_ok('update inbox set member_id = tests.id(''ana'')', '42501', null, 'it stays one''s own');
select throws_ok('delete from inbox', '42501', null, 'and there');
select tests.be('ana');
select is_empty($$ select from inbox where draft = 'Hm' $$, 'nobody reads another''s draft');
select tests.be('nobody');
select throws_ok('select from inbox', '42501', null, 'nobody sees any');

select * from finish();
