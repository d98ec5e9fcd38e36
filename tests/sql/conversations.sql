-- Conversations are opened once and listed with what is unread.
set local search_path = public, tests;
select plan(22);

-- CNV-03
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

select * from finish();
