-- Bids and projects open conversations. TEN-03, TEN-04, TEN-09, TEN-10, CNV-24
set local search_path = public, tests;
select plan(26);

update orgs set settings = '{"dm_policy": ["engagement"], "oversight_mode": "open"}' where slug = 'default';
update org_members set role = 'admin' where user_id = tests.id('dee');
insert into engagements (id, org_id, client_id, consultant_id, title)
values ('50000000-0000-4000-8000-000000000001', app.first_org(), tests.id('ana'), tests.id('cy'), 'Site');
insert into auth.users (id, email) values ('e0000000-0000-4000-8000-00000000000e', 'eve@example.com');
select is_empty($$ select from conversations where kind = 'engagement' $$, 'a bid alone opens nothing');
update engagements set status = 'negotiating';
select is((select (title, member_count)::text from conversations where kind = 'engagement'), '(Site,2)', 'a negotiation has a conversation of both');
update engagements set title = 'New site';
select is((select title from conversations where kind = 'engagement'), 'New site', 'which bears its title');

select tests.be('ana');
create temporary table deal as select (get_or_create_conversation(tests.id('cy'))).id;
grant select on deal to public;
select is((select kind from conversations where id = (select id from deal)), 'engagement', 'writing to the other is writing there');
select hint_ok($$ select get_or_create_conversation(tests.id('eve')) $$, 'PT403', 'no_engagement', 'to a consultant without one nobody does');
select is((get_or_create_conversation(tests.id('cy'), '50000000-0000-4000-8000-000000000001')).id, (select id from deal), 'also by its id');
select hint_ok($$ select get_or_create_conversation(tests.id('cy'), gen_random_uuid()) $$, 'PT404', 'no_such_engagement', 'but not by another''s');
select lives_ok($$ select send_message((select id from deal), 'When do we start?') $$, 'both talk');
select is((select engagement_id from get_conversations(p_engagement => '50000000-0000-4000-8000-000000000001')), '50000000-0000-4000-8000-000000000001'::uuid,
          'the list can be asked for an engagement');
select hint_ok($$ select leave_conversation((select id from deal)) $$, 'PT422', 'dm_stays', 'nobody leaves');
select hint_ok($$ select add_members((select id from deal), array[tests.id('dee')]) $$, 'PT403', 'not_manager', 'or brings somebody in');
select tests.be('cy');
select lives_ok($$ select send_message((select id from deal), 'On Monday') $$, 'with each other');

-- TEN-09, TEN-10: an admin reads and does nothing else
select tests.be('dee');
select is((select count(*) from messages where conversation_id = (select id from deal)), 2::bigint, 'an admin reads');
select throws_ok($$ insert into messages (conversation_id, body) values ((select id from deal), 'Hi') $$, '42501', null, 'and says nothing');
select hint_ok($$ select send_message((select id from deal), 'Hi') $$, '42501', 'admin_read_only', 'in no way');
select hint_ok($$ select toggle_reaction((select id from deal), (select id from messages where conversation_id = (select id from deal) limit 1), 'x') $$,
               'PT404', 'no_such_message', 'not by emoji');
select hint_ok($$ select set_typing((select id from deal)) $$, 'PT404', 'not_member', 'not by typing');
select hint_ok($$ select add_members((select id from deal), array[tests.id('dee')]) $$, 'PT404', 'not_member', 'and does not get in');
select is_empty($$ update messages set body = 'x' where conversation_id = (select id from deal) returning 1 $$, 'or change a word');
-- Not even when put there, not even the highest (TEN-07)
select tests.be('administrator');
insert into conversation_members (conversation_id, member_id) values ((select id from deal), tests.id('dee'));
update org_members set role = 'superadmin' where user_id = tests.id('dee');
select tests.be('dee');
select hint_ok($$ select send_message((select id from deal), 'Hi') $$, '42501', 'admin_read_only', 'a superadmin neither');
select lives_ok($$ select set_typing((select id from deal)) $$, 'and who types there');
select is_empty($$ select from typing_states $$, 'is not seen to');
select is_empty($$ update messages set body = 'x' where conversation_id = (select id from deal) returning 1 $$, 'no word is changed');
select hint_ok($$ select toggle_reaction((select id from deal), (select id from messages where conversation_id = (select id from deal) limit 1), 'x') $$,
               '42501', 'admin_read_only', 'not by emoji');

-- The end
select tests.be('administrator');
update engagements set status = 'cancelled';
select tests.be('ana');
select hint_ok($$ select send_message((select id from deal), 'Wait') $$, '42501', 'engagement_over', 'when it is over, nobody writes');
select is((select count(*) from get_messages((select id from deal))), 2::bigint, 'and both read on');

select * from finish();
