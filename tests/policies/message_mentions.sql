-- Who finds where somebody is mentioned.
set local search_path = public, tests;
select plan(5);

insert into message_mentions (conversation_id, message_id, mentioned_id, seq)
values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', tests.id('bo'), 1);
select tests.be('bo');
select isnt_empty('select from message_mentions', 'the mentioned');
select throws_ok('delete from message_mentions', '42501', null, 'and does not make it undone');
select tests.be('ana');
select is_empty('select from message_mentions', 'nobody else');
select tests.be('administrator');
update conversation_members set left_at = now() where member_id = tests.id('bo');
select tests.be('bo');
select is_empty('select from message_mentions', 'nor they when they are gone');
select tests.be('nobody');
select throws_ok('select from message_mentions', '42501', null, 'nobody sees any');

select * from finish();
