-- Other names for conversations. CNV-02, CNV-23
set local search_path = public, tests;
select plan(25);

select tests.be('bo');
select is((select string_agg(title || ' ' || unread, ', ' order by title) from user_conversations), 'Ana 0, Watercooler 1', 'one''s own, with what is unread');
select is((select last_preview from user_conversations where title = 'Watercooler'), 'It even grinds the beans now.', 'and the last words');
select is((select other_id from user_conversations where kind = 'dm'), tests.id('ana'), 'a pair says who the other is');
select is((select string_agg(name, ' ' order by name) from chat_groups), 'Watercooler', 'groups are those one is in');
select is_empty($$ update chat_groups set name = 'x' returning 1 $$, 'a member does not rename');
select throws_ok($$ update chat_groups set created_by = null $$, '42501', null, 'or rewrite who made it');
select tests.be('ana');
select isnt_empty($$ update chat_groups set name = 'Kitchen', description = 'Coffee' where name = 'Watercooler' returning 1 $$, 'an owner does');
select is((select (title, description)::text from conversations where slug = 'watercooler'), '(Kitchen,Coffee)', 'which is the conversation''s');
select tests.be('cy');
select is_empty('select from user_conversations', 'an outsider has none');

-- Messages, personas (PER-01), rooms and the rest in other words
select tests.be('bo');
select lives_ok($$ insert into user_messages (conversation_id, body) values (tests.conversation('kitchen'), 'By view') $$, 'one speaks through a view');
select isnt_empty($$ update user_messages set body = 'By a view' where body = 'By view' returning 1 $$, 'and corrects');
select is((select sender_id from messages where body = 'By a view'), tests.id('bo'), 'as oneself');
select lives_ok($$ insert into chat_messages (group_id, message) values (tests.conversation('kitchen'), 'In a chat') $$, 'in a chat too');
select is((select sender_id from chat_messages where message = 'In a chat'), tests.id('bo'), 'as oneself');
select hint_ok($$ insert into chat_messages (group_id, sender_id, message) values (tests.conversation('kitchen'), tests.id('ana'), 'x') $$, 'PT403', 'not_admin', 'and not as another');
select is((select string_agg(name || ' ' || member_count, ',' order by name) from rooms), 'Kitchen 2', 'rooms are those one is in');
select is((select count(*)::int from room_members), 2, 'with who is in them');
select is((select count(*)::int from participants), 4, 'participants are of all conversations');
select is_empty('select from chat_fake_users', 'there is no persona');
select is_empty('select from chat_admin_logs', 'records are not for everybody');
select is_empty('select from chat_scheduled_messages', 'nothing is scheduled');
select is_empty('select from room_categories', 'there are no headings');
select tests.be('administrator');
update org_members set role = 'admin' where user_id = tests.id('dee');
update orgs set settings = settings || '{"oversight_mode": "open"}';
select tests.be('dee');
select create_persona('Sam', 'sam.png', 'A friend');
select is((select concat_ws('|', display_name, avatar_url, created_by = tests.id('dee'), is_active) from chat_fake_users), 'Sam|sam.png|t|t', 'a persona is shown with who made it');
select is((select concat_ws('|', admin_id = tests.id('dee'), action) from chat_admin_logs where action = 'create_persona'), 't|create_persona', 'and is on record');
insert into conversation_categories (org_id, name) select org_id, 'Shelf' from profiles where id = tests.id('dee');
select tests.be('bo');
select is((select name from room_categories), 'Shelf', 'a heading of the organisation is everybody''s');

select * from finish();
