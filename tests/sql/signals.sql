-- Who is heard: shadow bans, and what people keep to themselves. TYP-05
set local search_path = public, tests;
select plan(24);

create function pg_temp.may(p_extension text default 'broadcast') returns boolean language sql as
  $$ select app.may_signal(tests.conversation('watercooler'), p_extension) $$;

select tests.be('cy');
select is(pg_temp.may(), false, 'an outsider is not heard');
select tests.be('bo');
select is(pg_temp.may(), true, 'a member is');
select is(pg_temp.may('presence'), true, 'and seen');
select is(pg_temp.may('postgres_changes'), false, 'there is nothing else to send');
select is(app.may_signal(null, 'broadcast'), false, 'nobody is heard nowhere');

-- What people keep to themselves
insert into user_privacy_settings (user_id) values (tests.id('bo'));
select is(pg_temp.may() and pg_temp.may('presence'), true, 'the defaults show both');
update user_privacy_settings set show_typing = false;
select is(pg_temp.may(), false, 'whoever shows no typing sends none');
select is(pg_temp.may('presence'), true, 'and is seen all the same');
update user_privacy_settings set show_typing = true, show_presence = false;
select is(pg_temp.may(), true, 'whoever hides');
select is(pg_temp.may('presence'), false, 'is not seen');
select tests.be('ana');
select is(pg_temp.may() and pg_temp.may('presence'), true, 'this is of no concern to others');

-- Shadow bans
select tests.be('administrator');
insert into user_restrictions (user_id, conversation_id, restriction_type) values (tests.id('bo'), tests.conversation('watercooler'), 'shadow_ban');
select throws_ok($$ insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'frown') $$, '23514', null, 'restrictions are of known types');
select tests.be('bo');
select is(pg_temp.may(), false, 'the shadow-banned are not heard there');
select is(app.may_signal(tests.conversation('dm'), 'broadcast'), true, 'and elsewhere they are');
select is((send_message(tests.conversation('watercooler'), 'Hello?', '30000000-0000-4000-8000-000000000009')).visibility, 'shadow', 'what they say is accepted');
select is((send_message(tests.conversation('watercooler'), 'Hello?', '30000000-0000-4000-8000-000000000009')).body, 'Hello?', 'also when it is sent again');
select is((select count(*) from messages where body = 'Hello?'), 1::bigint, 'they read it');
select tests.be('ana');
select is_empty($$ select from messages where body = 'Hello?' $$, 'and nobody else does');
select is((select last_preview from conversations where slug = 'watercooler'), 'It even grinds the beans now.', 'or hears of it');

select tests.be('administrator');
update user_restrictions set conversation_id = null;
select tests.be('bo');
select is(app.may_signal(tests.conversation('dm'), 'broadcast'), false, 'a ban may be everywhere');
select tests.be('administrator');
update user_restrictions set expires_at = now() - interval '1 second';
select tests.be('bo');
select is(pg_temp.may(), true, 'and ends when it expires');
select tests.be('administrator');
update user_restrictions set expires_at = now() + interval '1 hour', lifted_at = now();
select tests.be('bo');
select is(pg_temp.may(), true, 'or is lifted');
select is((send_message(tests.conversation('watercooler'), 'Hello!')).visibility, 'normal', 'what is said then is read');

select tests.be('administrator');
delete from auth.users where id = tests.id('bo');
select is_empty('select from user_privacy_settings', 'settings go with the account');

select * from finish();
