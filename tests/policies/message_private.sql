-- Who reads who spoke as a persona: admins.
set local search_path = public, tests;
select plan(6);

update org_members set role = 'admin' where user_id = tests.id('dee');
insert into message_private (conversation_id, message_id, org_id, real_sender_id)
select conversation_id, id, org_id, tests.id('dee') from messages where id = '20000000-0000-4000-8000-000000000001';
select tests.be('dee');
select isnt_empty('select from message_private', 'an admin does');
select throws_ok('delete from message_private', '42501', null, 'and deletes nothing');
select throws_ok($$ insert into message_private (conversation_id, message_id, org_id, real_sender_id)
                    select conversation_id, id, org_id, tests.id('ana') from messages $$, '42501', null, 'or writes');
select tests.be('ana');
select is_empty('select from message_private', 'others do not');
select tests.be('nobody');
select throws_ok('select from message_private', '42501', null, 'nobody does');
select tests.be('service');
select throws_ok('update message_private set real_sender_id = org_id', '42501', null, 'the service changes nothing');

select * from finish();
