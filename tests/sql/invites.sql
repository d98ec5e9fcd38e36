-- Asking people in.
set local search_path = public, tests;
select plan(15);

select tests.be('dee');
select hint_ok($$ select invite_member(tests.conversation('lunch'), tests.id('bo')) $$, 'PT403', 'not_manager', 'a member asks nobody in');
select tests.be('cy');
select hint_ok($$ select invite_member(tests.conversation('lunch'), tests.id('bo')) $$, 'PT404', 'not_member', 'an outsider neither');
select tests.be('ana');
create temporary table asked as select (invite_member(tests.conversation('lunch'), tests.id('bo'), 'guest')).id;
grant select on asked to public;
select is((invite_member(tests.conversation('lunch'), tests.id('bo'), 'member')).id, (select id from asked), 'asking twice is asking');
select hint_ok($$ select invite_member(tests.conversation('lunch'), tests.id('bo'), 'owner') $$, 'PT422', 'bad_role', 'nobody is asked to own');
select tests.be('cy');
select hint_ok($$ select answer_invite((select id from asked), true) $$, 'PT404', 'no_such_invite', 'nobody answers for another');
select tests.be('bo');
select is((select state from conversation_invites), 'pending', 'the invited finds it');
select is_empty($$ select from conversations where title = 'Lunch' $$, 'and is not in yet');
select is((answer_invite((select id from asked), true)).state, 'accepted', 'says yes');
select is(app.role_in(tests.conversation('lunch'), tests.id('bo')), 'member', 'and is in, as was asked last');
select hint_ok($$ select answer_invite((select id from asked), false) $$, 'PT404', 'no_such_invite', 'once');
select tests.be('ana');
select is((answer_invite((invite_member(tests.conversation('lunch'), tests.id('cy'))).id, false)).state, 'revoked', 'who asked takes it back');
select is((invite_member(tests.conversation('lunch'), tests.id('cy'))).state, 'pending', 'and asks again');
select tests.be('cy');
do $$ begin perform set_config('app.test_now', (now() + interval '15 days')::text, true); end $$;
select hint_ok($$ select answer_invite((select id from conversation_invites where state = 'pending'), true) $$, 'PT404', 'no_such_invite', 'it does not hold for ever');
do $$ begin perform set_config('app.test_now', '', true); end $$;
select is((answer_invite((select id from conversation_invites where state = 'pending'), false)).state, 'declined', 'or one says no');
select is(app.role_in(tests.conversation('lunch'), tests.id('cy')), null, 'and stays out');

select * from finish();
