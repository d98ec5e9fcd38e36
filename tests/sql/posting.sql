-- Who may read, speak, correct and take back. CNV-10, MSG-05, MSG-21
set local search_path = public, tests;
select plan(30);

create function pg_temp.why(p_name text) returns text language sql as $$ select app.post_refusal(tests.conversation(p_name)) $$;
create function pg_temp.set(p_what text) returns void language plpgsql security definer as
  $$ begin execute 'update public.conversations set ' || p_what || ' where slug = ''watercooler'''; end $$;

select tests.be('cy');
select ok(not app.can_post(tests.conversation('watercooler')), 'an outsider does not speak');
select hint_ok($$ insert into messages (conversation_id, body) values (tests.conversation('watercooler'), 'x') $$, '42501', 'cannot_post', 'and hears no more');
select tests.be('bo');
select ok(app.can_post(tests.conversation('watercooler')), 'a member speaks');
select pg_temp.set('posting = ''admins''');
select hint_ok($$ insert into messages (conversation_id, body) values (tests.conversation('watercooler'), 'x') $$, '42501', 'posting_closed', 'not where admins do');
select tests.be('ana');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Listen') $$, 'who do');
select pg_temp.set('posting = ''nobody''');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'x') $$, '42501', 'posting_closed', 'or where nobody does');
select pg_temp.set('posting = ''members'', locked_at = now()');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'x') $$, '42501', 'locked', 'or where it is closed');
select pg_temp.set('locked_at = null');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Open again') $$, 'what is opened is open at once');

-- Slow mode
select pg_temp.set('slow_mode_s = 30');
select tests.be('administrator');
update inbox set last_sent_at = null;
select tests.be('bo');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'One', '30000000-0000-4000-8000-000000000001') $$, 'slow mode: one');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'Two') $$, 'PGRST', 'slow_mode', 'and then a pause');
select is((send_message(tests.conversation('watercooler'), 'One', '30000000-0000-4000-8000-000000000001')).body, 'One', 'sending again is no second message');
select tests.be('ana');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'One'), send_message(tests.conversation('watercooler'), 'Two') $$, 'not for those who moderate');
select tests.be('bo');
do $$ begin perform set_config('app.test_now', (now() + interval '40 s')::text, true); end $$;
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Two') $$, 'after which it goes on');
do $$ begin perform set_config('app.test_now', '', true); end $$;
select pg_temp.set('slow_mode_s = 0');

-- Windows
select tests.be('administrator');
update orgs set settings = '{"edit_window_s": 900, "delete_window_s": 3600}' where slug = 'default';
select tests.be('bo');
create temporary table mine as select (send_message(tests.conversation('watercooler'), 'Teh')).id;
grant select on mine to public;
select is((edit_message(tests.conversation('watercooler'), (select id from mine), 'The')).edit_count, 1, 'words are corrected in time');
do $$ begin perform set_config('app.test_now', (now() + interval '16 minutes')::text, true); end $$;
select hint_ok($$ select edit_message(tests.conversation('watercooler'), (select id from mine), 'x') $$, 'PT403', 'edit_window_over', 'and not later');
select is_empty($$ update messages set body = 'x' where id = (select id from mine) returning 1 $$, 'in no way');
-- Whoever may not speak may not speak by correcting
select pg_temp.set('edit_window_s = 1800, locked_at = now()');
select hint_ok($$ select edit_message(tests.conversation('watercooler'), (select id from mine), 'x') $$, '42501', 'locked', 'nor where nobody speaks');
select pg_temp.set('locked_at = null');
select tests.be('administrator');
insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'mute');
select tests.be('bo');
select hint_ok($$ select edit_message(tests.conversation('watercooler'), (select id from mine), 'x') $$, '42501', 'muted', 'nor by one who is muted');
select is_empty($$ update messages set body = 'x' where id = (select id from mine) returning 1 $$, 'in no way');
select tests.be('administrator');
update user_restrictions set restriction_type = 'shadow_ban';
select tests.be('bo');
select hint_ok($$ select edit_message(tests.conversation('watercooler'), (select id from mine), 'x') $$, 'PT403', 'edit_window_over', 'whom nobody hears changes nothing that all read');
create temporary table unheard as select (send_message(tests.conversation('watercooler'), 'Psst')).id;
select is((edit_message(tests.conversation('watercooler'), (select id from unheard), 'Hello?')).body, 'Hello?', 'but what is for their own eyes');
select tests.be('administrator');
delete from user_restrictions;
select tests.be('bo');
select is((edit_message(tests.conversation('watercooler'), (select id from mine), 'Thee')).edit_count, 2, 'a conversation may give more time');
do $$ begin perform set_config('app.test_now', (now() + interval '61 minutes')::text, true); end $$;
select hint_ok($$ select delete_message(tests.conversation('watercooler'), (select id from mine)) $$, 'PT403', 'delete_window_over', 'taking back has its own');
select is((delete_message(tests.conversation('watercooler'), (select id from mine), 'me')).body, 'Thee', 'for oneself it can always be hidden');
select is_empty($$ select from get_messages(tests.conversation('watercooler')) where id = (select id from mine) $$, 'then it is');
select hint_ok($$ select delete_message(tests.conversation('watercooler'), gen_random_uuid(), 'me') $$, 'PT404', 'no_such_message', 'if it is there');
select hint_ok($$ select delete_message(tests.conversation('watercooler'), (select id from mine), 'bo') $$, 'PT422', 'bad_filter', 'for oneself or all');
select tests.be('ana');
select isnt_empty($$ select from get_messages(tests.conversation('watercooler')) where id = (select id from mine) $$, 'from the others it is not hidden');
select ok((delete_message(tests.conversation('watercooler'), (select id from mine))).deleted_at is not null, 'who moderates takes back at any time');
select ok(not app.sees_message(tests.conversation('lunch'), (select id from mine)), 'a message is seen where it is');

select * from finish();
