-- Asking people in.
set local search_path = public, tests;
select plan(30);

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

-- By mail: whoever has, or comes to have, that address
select tests.be('administrator');
delete from walkie.jobs;
create function pg_temp.mails() returns text language sql security definer as
  $$ select string_agg(payload ->> 'to' || ': ' || (payload ->> 'subject'), ', ' order by id) from walkie.jobs where kind = 'mail' $$;
create function pg_temp.asked(p_email text) returns text language sql security definer as
  $$ select string_agg(state || coalesce(' ' || p.display_name, ''), ',' order by i.created_at)
       from public.conversation_invites i left join public.profiles p on p.id = i.invitee_id where i.email = p_email $$;
select tests.be('dee');
select hint_ok($$ select invite_by_email(tests.conversation('lunch'), 'eve@example.com') $$, 'PT403', 'not_manager', 'a member sends no invitations');
select tests.be('ana');
select hint_ok($$ select invite_by_email(tests.conversation('lunch'), 'eve') $$, 'PT422', 'bad_address', 'mail needs an address');
select hint_ok($$ select invite_by_email(tests.conversation('lunch'), E'eve@example.com\nBcc: all@example.com') $$, 'PT422', 'bad_address', 'and one alone');
select is((invite_by_email(tests.conversation('lunch'), ' Eve@Example.com ')).email, 'eve@example.com', 'a stranger is asked by mail');
select is((invite_by_email(tests.conversation('lunch'), 'cy@example.com')).invitee_id, null, 'somebody known looks the same to whoever asks');
select is(pg_temp.mails(), 'eve@example.com: Ana invites you to Lunch, cy@example.com: Ana invites you to Lunch', 'both get mail');
select is(pg_temp.asked('cy@example.com'), 'pending Cy', 'the one known finds it at once');
select tests.be('administrator');
insert into auth.users (id, email) values ('e0000000-0000-4000-8000-00000000000e', 'eve@example.com');
select is(pg_temp.asked('eve@example.com'), 'pending', 'an address that is not confirmed is nobody''s');
update auth.users set email_confirmed_at = now() where email = 'eve@example.com';
select is(pg_temp.asked('eve@example.com') in ('pending eve', 'pending Eve'), true, 'once it is, the invitation is found');
select tests.be('eve');
select is((answer_invite(id, true)).state, 'accepted', 'and can be accepted') from conversation_invites where email = 'eve@example.com';
select is(app.is_member(tests.conversation('lunch')), true, 'which lets in');
select tests.be('administrator');
insert into user_blocks (blocker_id, blocked_id) values (tests.id('bo'), tests.id('ana'));
select tests.be('ana');
select lives_ok($$ select invite_by_email(tests.conversation('watercooler'), 'dee@example.com'), invite_by_email(tests.conversation('lunch'), 'bo@example.com') $$, 'asking whom one may not write to looks no different');
select is(pg_temp.asked('bo@example.com') || ',' || pg_temp.asked('dee@example.com'), 'pending,pending Dee', 'but leads nowhere');
select tests.be('administrator');
update app.rate_rules set rate = 0.01, burst = 1 where name = 'mail_invite';
delete from app.rate_buckets;
select tests.be('ana');
select lives_ok($$ select invite_by_email(tests.conversation('lunch'), 'f@example.com') $$, 'mail is rare');
select throws_ok($$ select invite_by_email(tests.conversation('lunch'), 'g@example.com') $$, 'PGRST', null, 'and must stay so');

select * from finish();
