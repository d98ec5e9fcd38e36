-- Who sees what hangs on messages.
set local search_path = public, tests;
select plan(6);

select be('ana');
select send_message(conversation('watercooler'), 'Look', p_attachments => jsonb_build_array(jsonb_build_object('file_id', (bring('watercooler', 'a.txt')).file_id)));
select isnt_empty('select from message_attachments', 'the sender sees it');
select throws_ok('delete from message_attachments', '42501', null, 'and takes it off with the message alone');
select throws_ok($$ insert into message_attachments select * from message_attachments $$, '42501', null, 'or hangs it on');
select be('bo');
select isnt_empty('select from message_attachments', 'whoever reads the message sees it');
select be('cy');
select is_empty('select from message_attachments', 'who does not, does not');
select be('nobody');
select throws_ok('select from message_attachments', '42501', null, 'nobody sees any');

select * from finish();
