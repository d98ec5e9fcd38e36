-- Conversations are opened once and listed with what is unread.
set local search_path = public, tests;
select plan(49);

-- CNV-03, CNV-07
select tests.be('ana');
select is((get_or_create_conversation(tests.id('bo'))).id, tests.conversation('dm'), 'the pair''s conversation is found');
select tests.be('bo');
select is((get_or_create_conversation(tests.id('ana'))).id, tests.conversation('dm'), 'by either of them');
select tests.be('cy');
select is((get_or_create_conversation(tests.id('dee'))).id, (get_or_create_conversation(tests.id('dee'))).id, 'a new one is made once');
select is((select count(*) from conversations), 1::bigint, 'and cy sees that one alone');
select is((select count(*) from conversation_members), 2::bigint, 'with both in it');
select hint_ok('select get_or_create_conversation(tests.id(''cy''))', 'PT422', 'self', 'nobody opens one with themselves');
select hint_ok('select get_or_create_conversation(gen_random_uuid())', 'PT404', 'no_such_person', 'or with nobody');

-- Groups and rooms
select is((create_group(' Chess ', array[tests.id('bo'), tests.id('bo'), tests.id('cy')])).title, 'Chess', 'a group is made');
select is((select string_agg(role, ',' order by member_id)
             from conversation_members
            where conversation_id = tests.conversation('chess')), 'member,owner', 'its maker owns it, and each is in it once');
select is((create_group('Über Ängste & Co.', '{}', 'room')).slug, 'ber-ngste-co', 'a room gets a slug');
select is((create_group('Quiet Corner', null, 'room')).visibility, 'org', 'and is open to the organisation');
select hint_ok($$ select create_group('quiet  corner', '{}', 'room') $$, 'PT409', 'slug_taken', 'two rooms do not share a slug');
select hint_ok($$ select create_group('!!!', '{}', 'room') $$, 'PT422', 'bad_title', 'a room''s title gives a slug');
select hint_ok($$ select create_group('Us', '{}', 'dm') $$, 'PT422', 'bad_kind', 'only groups and rooms are made so');
select hint_ok($$ select create_group('Us', array[gen_random_uuid()]) $$, 'PT404', 'no_such_person', 'only with people one may write to');
select throws_ok($$ select create_group('  ') $$, '23514', null, 'a group has a title');

-- The inbox
select tests.be('bo');
select is((select string_agg(coalesce(title, '?'), ', ' order by title) from get_conversations()), 'Ana, Chess, Watercooler',
          'the inbox holds one''s own, a pair under the other''s name');
select is((select unread from get_conversations() where title = 'Watercooler'), 1::bigint, 'bo has not read what ana said after him');
select is((select other_id from get_conversations() where kind = 'dm'), tests.id('ana'), 'a pair says who the other is');
select is((select count(*) from get_conversations(1)), 1::bigint, 'as many as asked');
select is((select count(*) from get_conversations(-1)), 0::bigint, 'and none for nonsense');

select tests.be('nobody');
select throws_ok('select get_conversations()', '42501', null, 'nobody has an inbox');


-- CNV-25: by table
select tests.be('cy');
create temporary table made as select null::uuid as id;
grant all on made to public;
with inserted as (
  insert into conversations (kind, title, topic) values ('room', 'Gardening', 'Tomatoes') returning id, slug, created_by, org_id
)
update made set id = inserted.id from inserted where inserted.created_by = tests.id('cy') and inserted.slug = 'gardening';
select ok((select id is not null from made), 'an insert makes a room, and gives it back');
select is(app.role_in((select id from made), tests.id('cy')), 'owner', 'owned by its maker');
select is((select count(*) from conversations where slug = 'gardening'), 1::bigint, 'who reads it');
select isnt_empty($$ update conversations set topic = 'Beans', title = 'Garden' where slug = 'gardening' returning 1 $$, 'changes it');
select throws_ok($$ update conversations set last_seq = 9 $$, '42501', null, 'but not its clocks');
select throws_ok($$ insert into conversations (kind, title, created_by) values ('room', 'x', tests.id('ana')) $$, '42501', null, 'in nobody else''s name');
select hint_ok($$ insert into conversations (kind, title) values ('group', null) $$, 'PT422', 'bad_title', 'with a title');
select throws_ok($$ insert into conversations (kind, title) values ('dm', 'x') $$, '42501', null, 'and no pairs');
select lives_ok($$ select add_members((select id from made), array[tests.id('bo')]) $$, 'bo comes in');
select tests.be('bo');
select is_empty($$ update conversations set title = 'x' where slug = 'gardening' returning 1 $$, 'a member does not rename');
select lives_ok($$ delete from conversations where slug = 'gardening' $$, 'nor delete');
select is((select archived_at from conversations where slug = 'gardening'), null, 'it is there');
select tests.be('cy');
select lives_ok($$ delete from conversations where slug = 'gardening' $$, 'its owner deletes it');
select ok((select archived_at is not null from conversations where slug = 'gardening'), 'which puts it away');
select hint_ok($$ select send_message((select id from made), 'Hello?') $$, '42501', 'locked', 'nobody speaks there');
select tests.be('dee');
select hint_ok($$ select join_room('gardening') $$, 'PT404', 'no_such_room', 'or joins');

-- CNV-16: settings
select tests.be('cy');
select ok((select (c.archived_at is null, c.title, c.slow_mode_s, c.notify_default)::text = '(t,Yard,30,mentions)'
             from update_conversation_settings((select id from made),
               '{"archived": false, "title": " Yard ", "slow_mode_s": 30, "notify_default": "mentions"}') c), 'an owner changes what there is');
select is((select topic from conversations where slug = 'gardening'), 'Beans', 'and nothing else');
select hint_ok($$ select update_conversation_settings((select id from made), '{"last_seq": 9}') $$, 'PT422', 'bad_setting', 'of what there is');
select throws_ok($$ select update_conversation_settings((select id from made), '{"priority": "extreme"}') $$, '23514', null, 'to what is known (CNV-17)');
select tests.be('bo');
select hint_ok($$ select update_conversation_settings((select id from made), '{"title": "x"}') $$, 'PT403', 'not_manager', 'a member does not');
select tests.be('dee');
select hint_ok($$ select update_conversation_settings((select id from made), '{"title": "x"}') $$, 'PT404', 'not_member', 'an outsider learns nothing');

-- Announcements are an admin's
select hint_ok($$ select create_group('News', '{}', 'announcement') $$, 'PT403', 'not_admin', 'not everybody announces');
select hint_ok($$ select create_group('News', (select array_agg(gen_random_uuid()) from generate_series(1, 501))) $$, 'PT422', 'too_many', 'or to everybody');
select tests.be('administrator');
update org_members set role = 'admin' where user_id = tests.id('dee');
select tests.be('dee');
select is((create_group('News', array[tests.id('bo')], 'announcement')).posting, 'admins', 'an admin does');
select tests.be('bo');
select hint_ok($$ select send_message(tests.conversation('news'), 'Me too') $$, '42501', 'posting_closed', 'the others listen');
select is((create_group('Secret', '{}', 'room', 'private')).visibility, 'private', 'a room may be private');

select * from finish();
