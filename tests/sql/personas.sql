-- Groups made for newcomers. PER-07, PER-08, PER-10, PER-11, PER-14, PER-15, CNV-08, CNV-21 to CNV-23
set local search_path = public, tests;
select plan(48);

update org_members set role = 'admin' where user_id = tests.id('dee');
update orgs set settings = '{"dm_policy": ["persona"], "groups_by": "admins", "persona_groups": true, "default_persona_count": 3}' where slug = 'default';
select tests.be('dee');
select is((create_persona('Sam ' || n)).kind, 'persona', 'an admin makes personas') from generate_series(1, 5) n;
select tests.be('ana');
select hint_ok($$ select create_persona('Me') $$, 'PT403', 'not_admin', 'others do not');
select hint_ok($$ select create_client_group(tests.id('ana')) $$, 'PT403', 'not_admin', 'nor groups with them');
select hint_ok($$ select create_group('Us') $$, 'PT403', 'not_admin', 'nor groups at all');

-- CNV-21, CNV-22
select tests.be('administrator');
insert into auth.users (id, email) values ('e0000000-0000-4000-8000-00000000000e', 'eve@example.com');
select is((select count(*) from conversations where kind = 'persona_group' and created_for = tests.id('eve')), 1::bigint, 'a newcomer has a group');
select is((select count(*) from conversation_members m join profiles p on p.id = m.member_id
            where p.kind = 'persona' and m.conversation_id = (select id from conversations where created_for = tests.id('eve'))), 3::bigint,
          'with as many personas as the organisation says');
select is((select member_count from conversations where created_for = tests.id('eve')), 4, 'and the newcomer');
insert into auth.users (id, email) values ('f0000000-0000-4000-8000-00000000000f', 'flo@example.com');
select is((select count(distinct m.member_id) from conversation_members m join profiles p on p.id = m.member_id where p.kind = 'persona'), 5::bigint,
          'the next one gets those who were not chosen yet');

select is(app.default_settings() ->> 'default_persona_count', '20', 'twenty unless it says otherwise');
-- A sign-up that fails leaves no group
select throws_ok($$ insert into auth.users (id, email) values ('f0000000-0000-4000-8000-0000000000f1', 'gus@example.com'),
                                                             ('f0000000-0000-4000-8000-0000000000f1', 'gus@example.com') $$, '23505', null, 'who does not get in');
select is_empty($$ select from conversations where created_for = 'f0000000-0000-4000-8000-0000000000f1' $$, 'has no group');
select tests.be('eve');
select lives_ok($$ select get_or_create_conversation((select m.member_id from conversation_members m join profiles p on p.id = m.member_id
                                                       where p.kind = 'persona' limit 1)) $$, 'one writes to a persona of one''s group');
select hint_ok($$ select get_or_create_conversation(tests.id('flo')) $$, 'PT403', 'persona_only', 'and to nobody else');
select hint_ok($$ select add_members((select id from conversations where kind = 'persona_group'), array[tests.id('ana')]) $$, 'PT403', 'not_manager',
               'a member brings nobody in');
select hint_ok($$ select remove_member((select id from conversations where kind = 'persona_group'), tests.id('eve')) $$, 'PT403', 'not_manager', 'or out');

-- CNV-08, CNV-23: an admin manages and describes it
select tests.be('administrator');
update orgs set settings = settings || '{"oversight_mode": "open"}' where slug = 'default';
create temporary table hers as select id from conversations where created_for = tests.id('eve');
grant select on hers to public;
select tests.be('dee');
select is((select count(*) from add_members((select id from hers), array[tests.id('ana')])), 1::bigint, 'an admin brings people in');
select tests.be('ana');
select isnt_empty('select from conversations where id = (select id from hers)', 'who is in reads');
select tests.be('dee');
select lives_ok($$ select remove_member((select id from hers), tests.id('ana')) $$, 'and out');
select tests.be('ana');
select is_empty('select from conversations where id = (select id from hers)', 'who is out reads at once no more');
select tests.be('dee');
select isnt_empty($$ update chat_groups set description = 'For Eve' where id = (select id from hers) returning 1 $$, 'describes it');
select is((select description || ', ' || group_type from chat_groups where id = (select id from hers)), 'For Eve, persona_group', 'under the other name too');
select is((select created_by from chat_groups where id = (select id from hers)), null, 'nobody in particular made it');
select is((create_group('Us')).title, 'Us', 'an admin makes groups like others');
select is((select created_by from chat_groups where name = 'Us'), tests.id('dee'), 'of which it is known who made them');
select is((create_client_group(tests.id('bo'))).created_for, tests.id('bo'), 'and makes one for somebody who has none');
select hint_ok($$ select create_client_group(gen_random_uuid()) $$, 'PT404', 'no_such_person', 'who exists');

-- PER-08, PER-15: words in such a group are the admins' to take back
select tests.be('eve');
create temporary table words as select (send_message((select id from hers), 'Oops')).id;
grant select on words to public;
select tests.be('administrator');
update orgs set settings = settings || '{"clients_delete_own": false}' where slug = 'default';
select tests.be('eve');
select hint_ok($$ select delete_message((select id from hers), (select id from words)) $$, 'PT403', 'delete_window_over', 'where the organisation says so, one takes back nothing oneself');
select tests.be('bo');
select hint_ok($$ select delete_message((select id from hers), (select id from words)) $$, 'PT404', 'no_such_message', 'an outsider never did');
select tests.be('dee');
select is((delete_message((select id from hers), (select id from words))).body, null, 'an admin does');
select tests.be('eve');
select is((select deleted_at is not null from messages where id = (select id from words)), true, 'for all to see');
select is_empty('select from chat_admin_logs', 'who did is not theirs to know');

-- PER-11: retired
select hint_ok($$ select retire_persona((select id from profiles where display_name = 'Sam 1')) $$, 'PT403', 'not_admin', 'nobody else retires a persona');
select tests.be('administrator');
create temporary table sam as select m.member_id as id from conversation_members m join profiles p on p.id = m.member_id
                                where m.conversation_id = (select id from hers) and p.kind = 'persona' order by p.display_name limit 1;
grant select on sam to public;
select tests.be('dee');
select lives_ok($$ select send_as_persona((select id from hers), (select id from sam), 'Hello') $$, 'a persona speaks');
select is((retire_persona((select id from sam))).deactivated_at is not null, true, 'until it is retired');
select hint_ok($$ select send_as_persona((select id from hers), (select id from sam), 'Hello') $$, 'PT404', 'no_such_persona', 'then no more');
select tests.be('eve');
select isnt_empty($$ select from messages where sender_id = (select id from sam) $$, 'what it said stays');
select tests.be('dee');
select is((retire_persona((select id from sam), false)).deactivated_at, null, 'it may come back');
select hint_ok($$ select retire_persona(tests.id('eve')) $$, 'PT404', 'no_such_persona', 'people are not retired');

-- PER-14: each act is on record, with who did it
select is((select string_agg(distinct action, ' ' order by action) from chat_admin_logs where admin_id = tests.id('dee')),
          'add_member create_client_group create_persona delete_message recall_persona remove_member retire_persona send_as_persona', 'every act is on record');

-- PER-07, PER-10: what waits for an answer
select tests.be('bo');
select send_message((select c.id from conversations c where c.kind = 'persona_group'), 'Anybody?');
select hint_ok($$ select get_persona_conversations() $$, 'PT403', 'not_admin', 'who waits is the admins'' to know');
select tests.be('eve');
select send_message((select id from hers), 'First'), send_message((select id from hers), 'Second');
select tests.be('dee');
select is((select string_agg(client_name, ' ' order by waiting_since) from get_persona_conversations(p_waiting => true)), 'Bo eve', 'who has waited longest comes first');
select send_as_persona((select id from hers), (select id from sam), 'Here I am');
select is((select string_agg(client_name, ' ' order by waiting_since) from get_persona_conversations(p_waiting => true)), 'Bo', 'who is answered waits no more');
select is((select concat_ws('|', admin_name, persona_id = (select id from sam), last_preview) from get_persona_conversations() where id = (select id from hers)), 'Dee|t|Here I am', 'and who looks after it is told');
select tests.be('administrator');
update orgs set settings = settings || '{"oversight_mode": "off"}' where slug = 'default';
select tests.be('dee');
select is((select string_agg(last_preview, ' ') from get_persona_conversations()), null, 'words are not told where admins do not read along');

select * from finish();
