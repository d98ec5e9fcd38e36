-- Who reads earlier wordings by table.
set local search_path = public, tests;
select plan(5);

update messages set body = 'It is back.' where id = '20000000-0000-4000-8000-000000000001';
select isnt_empty('select from message_edits', 'there is something to see');
select tests.be('ana');
select throws_ok('select from message_edits', '42501', null, 'people do not: message_history asks whether they may');
select tests.be('service');
select isnt_empty('select from message_edits', 'the service does');
select throws_ok($$ insert into message_edits (conversation_id, message_id, version, body)
                    values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', 9, 'x') $$, '42501', null, 'and invents none');
select tests.be('nobody');
select throws_ok('select from message_edits', '42501', null, 'nobody sees any');

select * from finish();
