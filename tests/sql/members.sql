-- Joining, leaving and being removed.
set local search_path = public, tests;
select plan(38);

select is(app.conversation_of_topic('conversation:10000000-0000-4000-8000-000000000001'), tests.conversation('watercooler'), 'a topic names a conversation');
select is(app.conversation_of_topic('conversation:x'), null::uuid, 'or nothing');
select is(app.conversation_of_topic('conversation:10000000-0000-4000-8000-000000000001 '), null::uuid, 'nothing may follow it');
select is(app.conversation_of_topic(null), null::uuid, 'no topic, no conversation');

-- Rooms
select tests.be('cy');
select ok(not app.is_member(tests.conversation('lobby')), 'cy is not in the lobby');
select is((join_room('lobby')).id, tests.conversation('lobby'), 'anyone joins an open room');
select ok(app.is_member(tests.conversation('lobby')), 'and is in');
select lives_ok($$ select join_room('lobby') $$, 'joining twice is joining');
select hint_ok($$ select join_room('watercooler') $$, 'PT404', 'no_such_room', 'a private room does not show itself');
select is((leave_conversation(tests.conversation('lobby'))).member_id, tests.id('cy'), 'one may leave');
select ok(not app.is_member(tests.conversation('lobby')), 'and is out');
select hint_ok('select leave_conversation(tests.conversation(''lobby''))', 'PT404', 'not_member', 'once');

-- Letting in
select hint_ok('select add_members(tests.conversation(''lunch''), array[tests.id(''cy'')])', 'PT404', 'not_member', 'an outsider lets nobody in');
select tests.be('dee');
select hint_ok('select add_members(tests.conversation(''lunch''), array[tests.id(''cy'')])', 'PT403', 'not_manager', 'nor does a mere member');
select isnt_empty('select from messages where conversation_id = tests.conversation(''lunch'')', 'there is something to see in lunch');
select tests.be('ana');
select is((select count(*) from add_members(tests.conversation('lunch'), array[tests.id('cy'), tests.id('cy'), tests.id('dee'), tests.id('ana')])), 1::bigint,
          'an owner lets in who is not in yet');
select is((select last_preview from conversations where title = 'Lunch'), null, 'the inbox forgets what newcomers may not read');
select hint_ok('select add_members(tests.conversation(''lunch''), array[gen_random_uuid()])', 'PT404', 'no_such_person', 'who exists');
select lives_ok('select send_message(tests.conversation(''lunch''), ''Welcome, Cy'')', 'ana greets');
select tests.be('cy');
select is((select string_agg(body, '|') from messages), 'Welcome, Cy', 'a newcomer reads from now on, not before');
select is((select unread from get_conversations() where title = 'Lunch'), 1::bigint, 'and counts as unread what came since');
select tests.be('dee');
select is((select count(*) from messages), 2::bigint, 'who was there reads both');

-- Removing
select hint_ok('select remove_member(tests.conversation(''lunch''), tests.id(''cy''))', 'PT403', 'not_manager', 'a mere member removes nobody');
select tests.be('ana');
select is((remove_member(tests.conversation('lunch'), tests.id('cy'))).removed_by, tests.id('ana'), 'an owner removes, and is on record');
select hint_ok('select remove_member(tests.conversation(''lunch''), tests.id(''cy''))', 'PT404', 'no_such_member', 'once');
select lives_ok('select send_message(tests.conversation(''lunch''), ''He is gone'')', 'and then talks');
select tests.be('cy');
select is_empty('select from messages', 'who was removed finds nothing, old or new');
select isnt_empty('select from conversation_members where left_at is not null', 'but learns that it happened');
select throws_ok('select send_message(tests.conversation(''lunch''), ''Wait'')', '42501', null, 'and cannot speak');

-- CNV-20: coming back
select tests.be('ana');
select lives_ok('select add_members(tests.conversation(''lunch''), array[tests.id(''cy'')])', 'who was removed may be let in again');
select tests.be('cy');
select is((select string_agg(body, '|' order by seq) from messages), 'Welcome, Cy|He is gone', 'and finds what they knew and what they missed');
select is((select unread from get_conversations() where title = 'Lunch'), 2::bigint, 'what they missed is unread');

-- A removal from an open room is not undone by joining
select tests.be('dee');
select lives_ok($$ select create_group('Stage', array[tests.id('cy')], 'room') $$, 'dee opens a room with cy');
select lives_ok('select remove_member(tests.conversation(''stage''), tests.id(''cy''))', 'and removes cy');
select tests.be('cy');
select hint_ok($$ select join_room('stage') $$, 'PT403', 'removed', 'who was removed does not walk in again');
select tests.be('administrator');
update conversation_members set role = 'admin' where conversation_id = tests.conversation('lunch') and member_id = tests.id('dee');
select tests.be('dee');
select hint_ok('select remove_member(tests.conversation(''lunch''), tests.id(''ana''))', 'PT403', 'owner', 'an admin does not remove an owner');
select tests.be('ana');
select lives_ok('select leave_conversation(tests.conversation(''lunch''))', 'an owner may leave');
select hint_ok('select leave_conversation(tests.conversation(''dm''))', 'PT422', 'dm_stays', 'but nobody leaves a pair');

select * from finish();
