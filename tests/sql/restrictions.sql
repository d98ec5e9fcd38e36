-- Restrictions end when they say.
set local search_path = public, tests;
select plan(11);

insert into user_restrictions (user_id, restriction_type, duration_hours) values (tests.id('bo'), 'mute', 24);
select is((select expires_at - created_at from user_restrictions), interval '24 hours', 'hours give an end');
select throws_ok($$ insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'nonsense') $$, '23514', null, 'types are known');

select tests.be('bo');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'Hi') $$, '42501', 'muted', 'whoever is muted says nothing');
select hint_ok($$ select toggle_reaction(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', '+1') $$, '42501', 'muted', 'in no way');
select isnt_empty('select from messages', 'and goes on reading');
do $$ begin perform set_config('app.test_now', (now() + interval '25 hours')::text, true); end $$;
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Hi') $$, 'when it is over, it is over');
do $$ begin perform set_config('app.test_now', '', true); end $$;

select tests.be('administrator');
update user_restrictions set restriction_type = 'mute', expires_at = null, conversation_id = tests.conversation('dm');
select tests.be('bo');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Hi') $$, 'a restriction holds where it says');
select hint_ok($$ select send_message(tests.conversation('dm'), 'Hi') $$, '42501', 'muted', 'there');
select tests.be('administrator');
update user_restrictions set restriction_type = 'block', conversation_id = null;
select tests.be('bo');
select hint_ok($$ select send_message(tests.conversation('dm'), 'Hi') $$, '42501', 'blocked', 'block: no conversations of two');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Hi') $$, 'rooms are open');
select hint_ok($$ select get_or_create_conversation(tests.id('dee')) $$, 'PT403', 'restricted', 'and no new ones');

select * from finish();
