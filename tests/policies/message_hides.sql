-- What people hide from themselves.
set local search_path = public, tests;
select plan(7);

insert into message_hides (user_id, conversation_id, message_id) values (tests.id('bo'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001');
select tests.be('ana');
select is_empty('select from message_hides', 'what another hides is theirs');
select is_empty('delete from message_hides returning 1', 'and stays hidden');
select tests.be('bo');
select throws_ok($$ insert into message_hides (user_id, conversation_id, message_id)
                    values (tests.id('bo'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002') $$, '42501', null, 'delete_message hides');
select is((select count(*) from get_messages(tests.conversation('watercooler'))), 2::bigint, 'what is hidden is not on the page');
select isnt_empty('delete from message_hides returning 1', 'what one hid');
select is((select count(*) from get_messages(tests.conversation('watercooler'))), 3::bigint, 'one can show again');
select tests.be('nobody');
select throws_ok('select from message_hides', '42501', null, 'nobody sees any');

select * from finish();
