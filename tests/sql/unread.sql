-- How far each has read. RCP-01
set local search_path = public, tests;
select plan(12);

select tests.be('bo');
select is((select unread from get_conversations() where title = 'Watercooler'), 1::bigint, 'bo has something unread');
select is((mark_read(tests.conversation('watercooler'), 3)).last_read_seq, 3::bigint, 'he reads it');
select is((select unread from get_conversations() where title = 'Watercooler'), 0::bigint, 'and nothing is unread');
select is((mark_read(tests.conversation('watercooler'), 1)).last_read_seq, 3::bigint, 'a lower number does not move him back');
select is((mark_read(tests.conversation('watercooler'), 999)).last_read_seq, 3::bigint, 'nobody reads what was not said yet');
select is((mark_read(tests.conversation('watercooler'), null)).last_read_seq, 3::bigint, 'null reads nothing');
select throws_ok('update conversation_members set last_read_seq = 9', '42501', null, 'the pointer is not written directly');

select tests.be('ana');
select lives_ok('select send_message(tests.conversation(''watercooler''), ''More'')', 'ana speaks');
select is((select unread from get_conversations() where title = 'Watercooler'), 0::bigint, 'whoever speaks has read');
select tests.be('bo');
select is((select unread from get_conversations() where title = 'Watercooler'), 1::bigint, 'others have one more to read');

select tests.be('cy');
select hint_ok('select mark_read(tests.conversation(''watercooler''), 1)', 'PT404', 'not_member', 'an outsider reads nothing');
select hint_ok('select mark_read(gen_random_uuid(), 1)', 'PT404', 'not_member', 'and cannot tell whether there is something');

select * from finish();
