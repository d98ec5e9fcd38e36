-- Following threads.
set local search_path = public, tests;
select plan(20);

create temporary table root as select '20000000-0000-4000-8000-000000000001'::uuid as id, tests.conversation('watercooler') as place;
grant select on root to public;
create function pg_temp.say(p_body text) returns uuid language sql as $$ select (send_message(place, p_body, p_thread_id => id)).id from root $$;
create function pg_temp.unread() returns integer language sql as $$ select unread from get_threads() where thread_id = (select id from root) $$;

select tests.be('bo');
select is(pg_temp.unread(), null, 'nobody follows what nobody has answered');
select pg_temp.say('One');
select is(pg_temp.unread(), 0, 'who answers follows, and has read it');
select tests.be('ana');
select is(pg_temp.unread(), 1, 'who began it follows, and has it to read');
select is((select preview || ' ' || reply_count from get_threads()), 'The coffee machine is back. 1', 'the list tells which it is');
select is((select count(*) from get_threads(p_unread => true)), 1::bigint, 'as one with something unread');
select is((mark_thread_read(place, id)).last_read_reply, 1, 'until it is read') from root;
select is_empty($$ select from get_threads(p_unread => true) $$, 'then it is not');
select pg_temp.say('Two');
select pg_temp.say('Three');
select tests.be('bo');
select is(pg_temp.unread(), 2, 'what others say since is unread');
select is((follow_thread(place, id)).last_read_reply, 1, 'following is not reading') from root;
select is((follow_thread(place, id, false)).following, false, 'whoever has had enough') from root;
select is_empty('select from get_threads()', 'does not have it in the list');
select tests.be('ana');
select pg_temp.say('@bo, are you there?');
select tests.be('bo');
select is_empty('select from get_threads()', 'even when named');

select tests.be('ana');
select add_members(place, array[tests.id('cy')]) from root;
select pg_temp.say('@cy, welcome');
select tests.be('cy');
select is_empty('select from get_threads()', 'what one may not read is not in the list either');
select hint_ok($$ select mark_thread_read(place, id) from root $$, 'PT404', 'no_such_message', 'and is not to be read');
select tests.be('ana');
create temporary table fresh as select (send_message(place, 'News')).id from root;
grant select on fresh to public;
select send_message(place, '@cy, look', p_thread_id => (select id from fresh)) from root;
select send_message(place, 'and look', p_thread_id => (select id from fresh)) from root;
select tests.be('cy');
select is((select unread from get_threads()), 2, 'who is named follows from there on');
select tests.be('dee');
select hint_ok($$ select follow_thread(place, id) from root $$, 'PT404', 'no_such_message', 'an outsider follows nothing');
select tests.be('ana');
select hint_ok($$ select follow_thread(place, (select m.id from messages m where m.body = 'One')) from root $$, 'PT404', 'no_such_message', 'an answer has no thread of its own');
select is((select array_agg(thread_id) from get_threads(1)), (select array_agg(id) from fresh), 'those last answered first');
select is((select array_agg(thread_id) from get_threads(p_before => (select last_reply_at from get_threads(1)))), (select array_agg(id) from root), 'and by pages');

-- A shadow is no news
select tests.be('administrator');
update thread_members set following = true;
insert into messages (conversation_id, sender_id, body, thread_id, visibility) select place, tests.id('bo'), 'Psst', id, 'shadow' from root;
select is((select reply_count - last_read_reply from thread_members t join messages m on m.id = t.thread_id where t.user_id = tests.id('ana') and t.thread_id = (select id from root)), 0,
          'what nobody hears is nobody''s to read');

select * from finish();
