-- Joining, leaving and being removed.
set local search_path = public, tests;
select plan(70);

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


-- CNV-09: what each role may
select tests.be('administrator');
create temporary table rights (role text, action text, may boolean);
insert into rights
select role, action, app.role_may(role, action)
  from unnest(array['owner', 'admin', 'moderator', 'member', 'guest', 'observer']) role,
       unnest(array['post', 'invite', 'remove', 'pin', 'rename', 'appoint', 'delete_any']) action;
select is((select string_agg(role, ' ' order by role) from rights where action = 'post' and may), 'admin guest member moderator owner', 'all but observers speak');
select is((select string_agg(role, ' ' order by role) from rights where action = 'invite' and may), 'admin moderator owner', 'moderators bring people in');
select is((select string_agg(role, ' ' order by role) from rights where action = 'remove' and may), 'admin moderator owner', 'and out');
select is((select string_agg(role, ' ' order by role) from rights where action = 'pin' and may), 'admin moderator owner', 'and pin');
select is((select string_agg(role, ' ' order by role) from rights where action = 'delete_any' and may), 'admin moderator owner', 'and take words back');
select is((select string_agg(role, ' ' order by role) from rights where action = 'rename' and may), 'admin owner', 'admins rename');
select is((select string_agg(role, ' ' order by role) from rights where action = 'appoint' and may), 'admin owner', 'and appoint');
select is(app.role_may('owner', 'nonsense'), false, 'what is not known nobody may');

-- The same in the flesh: ana owns the stage, bo is each in turn, cy and dee are members
select tests.be('administrator');
delete from conversations where title = 'Stage';
select tests.be('ana');
select lives_ok($$ select create_group('Stage', array[tests.id('bo'), tests.id('cy'), tests.id('dee')], 'room') $$, 'ana has a stage');
create function pg_temp.tries(p_role text) returns text language plpgsql as $$
declare
  tried text;
  outcome text := '';
begin
  update public.conversation_members set role = p_role where conversation_id = tests.conversation('stage') and member_id = tests.id('bo');
  foreach tried in array array[
    $t$ send_message(tests.conversation('stage'), 'Hi') $t$,
    $t$ add_members(tests.conversation('stage'), array[tests.id('cy')]) $t$,
    $t$ remove_member(tests.conversation('stage'), tests.id('dee')) $t$,
    $t$ pin_message(tests.conversation('stage'), (select id from messages where conversation_id = tests.conversation('stage') limit 1)) $t$,
    $t$ update_conversation_settings(tests.conversation('stage'), '{"topic": "x"}') $t$
  ] loop
    begin
      perform tests.be('bo');
      execute 'select ' || tried;
      outcome := outcome || '+';
      raise sqlstate 'XX999';
    exception
      when sqlstate 'XX999' then null;
      when others then outcome := outcome || '-';
    end;
  end loop;
  return outcome;
end
$$;
select lives_ok($$ select send_message(tests.conversation('stage'), 'Welcome') $$, 'there is something to pin');
select tests.be('administrator');
select is(pg_temp.tries('owner'), '+++++', 'an owner speaks, brings in, removes, pins, renames');
select tests.be('administrator');
select is(pg_temp.tries('admin'), '+++++', 'so does an admin');
select tests.be('administrator');
select is(pg_temp.tries('moderator'), '++++-', 'a moderator does not rename');
select tests.be('administrator');
select is(pg_temp.tries('member'), '+----', 'a member speaks');
select tests.be('administrator');
select is(pg_temp.tries('guest'), '+----', 'a guest too');
select tests.be('administrator');
select is(pg_temp.tries('observer'), '-----', 'an observer listens');

-- Appointing
select tests.be('ana');
select is((set_member_role(tests.conversation('stage'), tests.id('bo'), 'moderator')).role, 'moderator', 'an owner appoints');
select hint_ok($$ select set_member_role(tests.conversation('stage'), tests.id('bo'), 'king') $$, 'PT422', 'bad_role', 'what there is');
select hint_ok($$ select set_member_role(tests.conversation('stage'), gen_random_uuid(), 'member') $$, 'PT404', 'no_such_member', 'who is in');
select hint_ok($$ select set_member_role(tests.conversation('stage'), tests.id('ana'), 'member') $$, 'PT403', 'last_owner', 'and stays while alone');
select tests.be('bo');
select hint_ok($$ select set_member_role(tests.conversation('stage'), tests.id('dee'), 'guest') $$, 'PT403', 'not_manager', 'a moderator does not appoint');
select hint_ok($$ select add_members(tests.conversation('stage'), array[tests.id('cy')], 'admin') $$, 'PT403', 'not_manager', 'nor bring in admins');
select tests.be('ana');
select is((set_member_role(tests.conversation('stage'), tests.id('cy'), 'admin')).role, 'admin', 'cy is an admin');
select tests.be('bo');
select hint_ok($$ select remove_member(tests.conversation('stage'), tests.id('cy')) $$, 'PT403', 'not_manager', 'whom a moderator does not remove');
select tests.be('cy');
select hint_ok($$ select set_member_role(tests.conversation('stage'), tests.id('cy'), 'owner') $$, 'PT403', 'owner', 'nobody makes themselves owner');
select hint_ok($$ select set_member_role(tests.conversation('stage'), tests.id('ana'), 'member') $$, 'PT403', 'owner', 'or an owner less');

-- Counting
select is((select member_count from conversations where slug = 'stage'), 4, 'all are counted');
select lives_ok($$ select leave_conversation(tests.conversation('stage')) $$, 'who leaves');
select tests.be('ana');
select is((select member_count from conversations where slug = 'stage'), 3, 'is not');
select tests.be('administrator');
delete from conversation_members where conversation_id = tests.conversation('stage') and member_id = tests.id('dee');
select is((select member_count from conversations where slug = 'stage'), 2, 'nor who is deleted');
select is_empty($$ select from conversations c where member_count <> (select count(*) from conversation_members m where m.conversation_id = c.id and left_at is null) $$,
                'the counts are true');
select is_empty($$ select from conversation_members m where not exists (select from inbox i where (i.conversation_id, i.member_id) = (m.conversation_id, m.member_id)) $$,
                'everybody has an inbox row');

select * from finish();
