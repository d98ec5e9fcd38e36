-- Who sees who was asked in.
set local search_path = public, tests;
select plan(7);

insert into conversation_invites (conversation_id, invitee_id, invited_by) values (tests.conversation('lunch'), tests.id('bo'), tests.id('ana'));
select tests.be('bo');
select isnt_empty('select from conversation_invites', 'the invited');
select throws_ok($$ update conversation_invites set state = 'accepted' $$, '42501', null, 'who answers by function');
select tests.be('dee');
select isnt_empty('select from conversation_invites', 'and members');
select tests.be('cy');
select is_empty('select from conversation_invites', 'outsiders do not');
select tests.be('nobody');
select throws_ok('select from conversation_invites', '42501', null, 'nobody sees any');

select tests.be('ana');
select invite_by_email(tests.conversation('lunch'), 'eve@example.com');
select isnt_empty($$ select from conversation_invites where email = 'eve@example.com' $$, 'who asked by mail sees the address');
select tests.be('dee');
select is_empty($$ select from conversation_invites where email is not null $$, 'a member does not');

select * from finish();
