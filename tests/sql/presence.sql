-- Who is there, and who types. TYP-04, TYP-05, PRS-02, PRS-03, PRS-05, PRS-07, PRS-08
set local search_path = public, tests;
select plan(54);

create function pg_temp.at(p_seconds integer) returns void language plpgsql as
  $$ begin perform set_config('app.test_now', (now() + make_interval(secs => p_seconds))::text, true); end $$;
create function pg_temp.sees(p_name text) returns text language sql as
  $$ select coalesce((select status from who_is_online(array[tests.id(p_name)])), 'nothing') $$;

select tests.be('bo');
select is(heartbeat(), 'online', 'a heartbeat is being there');
select hint_ok($$ select heartbeat('nonsense') $$, 'PT422', 'bad_status', 'in one way or another');
select tests.be('ana');
select is(pg_temp.sees('bo'), 'online', 'who shares a conversation sees it');
select is((select status from user_presence where user_id = tests.id('bo')), 'online', 'by table too');
select is((select last_seen_at from user_presence where user_id = tests.id('bo')), now(), 'with the last time');
select throws_ok($$ select from app.heartbeats $$, '42501', null, 'what devices say is nobody''s to read');
select tests.be('cy');
select is(pg_temp.sees('bo'), 'nothing', 'a stranger does not');
select is_empty('select user_id from user_presence', 'in no way');

-- PRS-05, PRS-02: two beats missed
select tests.be('ana');
select pg_temp.at(60);
select is(pg_temp.sees('bo'), 'online', 'one beat missed is nothing');
select pg_temp.at(70);
select is(pg_temp.sees('bo'), 'offline', 'two are an absence');
select is((select last_seen_at from who_is_online(array[tests.id('bo')])), now(), 'since the last one');
select is(heartbeat(), 'online', 'somebody else''s beat');
select is((select status from user_presence where user_id = tests.id('bo')), 'offline', 'writes that down');
select pg_temp.at(0);

-- PRS-03: chosen by hand
select tests.be('bo');
select is(set_status('busy', 'In a meeting', '📅'), 'busy', 'one says what one is');
select is(heartbeat('online'), 'busy', 'devices do not change it');
select tests.be('ana');
select is(pg_temp.sees('bo'), 'busy', 'others see it');
select is((select status from user_presence where user_id = tests.id('bo')), 'busy', 'by table too');
select is((select status_text from profiles where id = tests.id('bo')), 'In a meeting', 'with words');
select tests.be('bo');
select is(set_status(null), 'online', 'or lets devices tell');
select is(heartbeat('offline'), 'offline', 'who goes says so');
select tests.be('ana');
select is(pg_temp.sees('bo'), 'offline', 'and is gone at once');
-- Whoever is there and says that they are not
select tests.be('bo');
select is(heartbeat(), 'online', 'bo is there');
select is(set_status('offline'), 'offline', 'and says that he is not');
create temporary table traces as select user_id, last_seen_at from who_is_online(array[tests.id('bo')]);
grant select on traces to public;
select pg_temp.at(30);
select is(heartbeat(), 'offline', 'his devices do not say otherwise');
select tests.be('ana');
select is((select status from user_presence where user_id = tests.id('bo')), 'offline', 'others see him gone');
select is((select last_seen_at from who_is_online(array[tests.id('bo')])), (select last_seen_at from traces), 'nor that he was there again');
select tests.be('bo');
select is(set_status(null), 'online', 'until he shows himself');
select pg_temp.at(0);

-- What people keep to themselves
select tests.be('bo');
select lives_ok($$ select heartbeat() $$, 'bo is back');
insert into user_privacy_settings (user_id, show_last_seen) values (tests.id('bo'), false);
select tests.be('ana');
select is((select (status, last_seen_at)::text from who_is_online(array[tests.id('bo')])), '(online,)', 'the last time may be hidden');
select is((select (status, last_seen_at)::text from user_presence where user_id = tests.id('bo')), '(online,)', 'by table too, at once (PRS-02)');
select tests.be('bo');
select pg_temp.at(30);
select is(heartbeat(), 'online', 'and stays so');
select tests.be('ana');
select is((select last_seen_at from user_presence where user_id = tests.id('bo')), null, 'whatever his devices say');
select pg_temp.at(0);
select tests.be('bo');
update user_privacy_settings set show_presence = false;
select tests.be('ana');
select is(pg_temp.sees('bo'), 'nothing', 'or all of it');
select is_empty($$ select user_id from user_presence where user_id = tests.id('bo') $$, 'in every way');
select tests.be('bo');
select is(pg_temp.sees('bo'), 'online', 'not from oneself');

-- PRS-07: signing in and out
select tests.be('bo');
update user_privacy_settings set show_presence = true;
select heartbeat('offline');
reset role;
insert into auth.sessions (id, user_id, created_at)
values ('10000000-0000-4000-8000-000000000001', tests.id('bo'), now()), ('20000000-0000-4000-8000-000000000002', tests.id('bo'), now());
select tests.be('ana');
select is(pg_temp.sees('bo'), 'online', 'who signs in is there');
reset role;
delete from auth.sessions where id = '10000000-0000-4000-8000-000000000001';
select tests.be('ana');
select is(pg_temp.sees('bo'), 'online', 'with one device left too');
reset role;
delete from auth.sessions where user_id = tests.id('bo');
select tests.be('ana');
select is(pg_temp.sees('bo'), 'offline', 'who signs out everywhere is gone');
select is((select status from user_presence where user_id = tests.id('bo')), 'offline', 'by table too');
select tests.be('bo');
update user_privacy_settings set show_presence = false;

-- TYP-04: typing, for those who come late
select lives_ok($$ select set_typing(tests.conversation('watercooler')) $$, 'bo types');
select tests.be('ana');
select is((select array_agg(user_id) from who_is_typing(tests.conversation('watercooler'))), array[tests.id('bo')], 'ana sees who does');
select tests.be('cy');
select is_empty($$ select from who_is_typing(tests.conversation('watercooler')) $$, 'cy does not');
select hint_ok($$ select set_typing(tests.conversation('watercooler')) $$, 'PT404', 'not_member', 'or types there');
select tests.be('administrator');
select is((select event || ' ' || (payload ->> 'typing') from realtime.messages where topic = 'conversation:' || tests.conversation('watercooler')), 'typing true',
          'those who listen are told');
update typing_states set expires_at = now() - interval '1 s';
select tests.be('ana');
select is_empty($$ select from who_is_typing(tests.conversation('watercooler')) $$, 'it ends by itself');
select tests.be('bo');
select lives_ok($$ select set_typing(tests.conversation('watercooler')) $$, 'bo types on');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'There') $$, 'and sends');
select is_empty($$ select from who_is_typing(tests.conversation('watercooler')) $$, 'which ends it');
select lives_ok($$ select set_typing(tests.conversation('watercooler')), set_typing(tests.conversation('watercooler'), false) $$, 'or stops');
select is_empty($$ select from who_is_typing(tests.conversation('watercooler')) $$, 'which does too');

-- TYP-05: what nobody is to hear
update user_privacy_settings set show_typing = false;
select lives_ok($$ select set_typing(tests.conversation('watercooler')) $$, 'who shows no typing is not told no');
select is_empty($$ select from who_is_typing(tests.conversation('watercooler')) $$, 'and shows none');
update user_privacy_settings set show_typing = true;
select tests.be('administrator');
insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'shadow_ban');
delete from realtime.messages;
select tests.be('bo');
select lives_ok($$ select set_typing(tests.conversation('watercooler')) $$, 'the shadow-banned neither');
select tests.be('administrator');
select is_empty($$ select from realtime.messages $$, 'nobody hears it');

select * from finish();
