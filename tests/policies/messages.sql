-- Who reads and writes messages. Cast: ana and bo are in the room, cy is not, nobody is signed out.
set local search_path = public, tests;
select plan(18);

select isnt_empty('select from messages where conversation_id = tests.conversation(''watercooler'')', 'there is something to see');

select tests.be('bo');
select is((select count(*) from messages), 4::bigint, 'a member reads the conversations they are in');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'hi') $$, 'a member speaks');
select isnt_empty($$ update messages set body = 'hello' where body = 'hi' returning 1 $$, 'and corrects themselves');
select is_empty($$ update messages set body = 'x' where sender_id = tests.id('ana') returning 1 $$, 'a member cannot rewrite another');
select throws_ok($$ update messages set deleted_at = now() $$, '42501', null, 'or delete past the function');
select throws_ok('delete from messages', '42501', null, 'or for good');
select throws_ok('select from app.messages_00', '42501', null, 'or read past the policies');

select tests.be('cy');
select isnt_empty('select from profiles where id = tests.id(''cy'')', 'the outsider exists');
select is_empty('select from messages', 'an outsider finds nothing');
select is_empty('select from get_messages(tests.conversation(''watercooler''))', 'nor by function');
select is_empty('select from sync_conversation(tests.conversation(''watercooler''), 0)', 'nor by catching up');
select throws_ok($$ select send_message(tests.conversation('watercooler'), 'hi') $$, '42501', null, 'an outsider cannot speak');
select throws_ok($$ insert into messages (conversation_id, body) values (tests.conversation('watercooler'), 'hi') $$, '42501', null, 'nor by insert');
select throws_ok($$ insert into messages (conversation_id, body) values (gen_random_uuid(), 'hi') $$, '42501', null, 'where nothing is, the answer is the same');

select tests.be('nobody');
select throws_ok('select from messages', '42501', null, 'nobody reads');
select throws_ok($$ select send_message(tests.conversation('watercooler'), 'hi') $$, '42501', null, 'nobody speaks');

-- The log carries the old row in full, in every partition.
select tests.be('administrator');
select is((select count(*) from pg_class c join pg_partition_tree('public.messages') t on t.relid = c.oid where c.relreplident = 'f'), 17::bigint,
          'each partition''s old rows reach the log whole');

select * from finish();
