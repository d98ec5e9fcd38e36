-- What people keep for themselves.
set local search_path = public, tests;
select plan(7);

insert into message_stars (user_id, conversation_id, message_id) values (tests.id('bo'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001');
select tests.be('ana');
select is_empty('select from message_stars', 'another''s stars are theirs');
select lives_ok($$ insert into message_stars (user_id, conversation_id, message_id)
                   values (tests.id('ana'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001') $$, 'one stars what one reads');
select throws_ok($$ insert into message_stars (user_id, conversation_id, message_id)
                    values (tests.id('bo'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002') $$, '42501', null, 'for oneself');
select isnt_empty('delete from message_stars returning 1', 'and takes it away');
select tests.be('bo');
select isnt_empty('select from message_stars', 'from nobody else');
select throws_ok($$ insert into message_stars (user_id, conversation_id, message_id)
                    values (tests.id('bo'), tests.conversation('lunch'), '20000000-0000-4000-8000-000000000004') $$, '42501', null, 'not what one does not read');
select tests.be('nobody');
select throws_ok('select from message_stars', '42501', null, 'nobody sees any');

select * from finish();
