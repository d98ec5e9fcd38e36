-- Organisations: settings, roles, oversight. TEN-02
set local search_path = public, tests;
select plan(34);

select is(app.setting(app.first_org(), 'groups_by'), '"anyone"'::jsonb, 'a setting has a default');
update orgs set settings = '{"groups_by": "admins", "max_message_len": 4000}' where slug = 'default';
select is(app.setting(app.first_org(), 'groups_by'), '"admins"'::jsonb, 'and can be changed');
select hint_ok($$ update orgs set settings = '{"nonsense": 1}' $$, 'PT422', 'bad_setting', 'not one that there is not');
select hint_ok($$ update orgs set settings = '{"groups_by": 1}' $$, 'PT422', 'bad_setting', 'nor to another kind of value');
select hint_ok($$ update orgs set settings = '{"dm_policy": ["nonsense"]}' $$, 'PT422', 'bad_setting', 'nor to a rule that there is not');
select hint_ok($$ update orgs set settings = '{"dm_policy": []}' $$, 'PT422', 'bad_setting', 'nor to no rule');
select hint_ok($$ update orgs set settings = '{"edit_window_s": -1}' $$, 'PT422', 'bad_setting', 'nor out of range');
select hint_ok($$ update orgs set settings = '{"max_message_len": 40001}' $$, 'PT422', 'bad_setting', 'or past the end');
select throws_ok($$ update orgs set settings = '[]' $$, '22023', null, 'settings are an object');

select is(app.role_of(tests.id('ana')), 'member', 'people begin as members');
select ok(not app.is_admin(tests.id('ana')), 'who are no admins');
update org_members set role = 'admin' where user_id = tests.id('dee');
update org_members set role = 'superadmin' where user_id = tests.id('cy');
select ok(app.is_admin(tests.id('dee')) and app.is_admin(tests.id('cy')), 'both kinds of admin are');
select is((select string_agg(diff ->> 'to', ' ' order by id) from audit_log where action = 'change_role'), 'admin superadmin', 'a change of role is on record');

-- TEN-07: superadmins manage roles
select tests.be('dee');
select is((select count(*) from org_members), 4::bigint, 'people see who is what');
select isnt_empty($$ update org_members set role = 'moderator' where user_id = tests.id('bo') returning 1 $$, 'an admin gives roles');
select is_empty($$ update org_members set role = 'superadmin' where user_id = tests.id('dee') returning 1 $$, 'not to themselves');
select throws_ok($$ update org_members set role = 'superadmin' where user_id = tests.id('bo') $$, '42501', null, 'not the highest');
select is_empty($$ update org_members set role = 'member' where user_id = tests.id('cy') returning 1 $$, 'and does not take that');
select tests.be('cy');
select isnt_empty($$ update org_members set role = 'superadmin' where user_id = tests.id('bo') returning 1 $$, 'a superadmin does');
select isnt_empty($$ update orgs set settings = settings || '{"oversight_mode": "open"}' returning 1 $$, 'and changes settings');
select is((select count(*) from app.my_overseen_orgs()), 1::bigint, 'where oversight is open, admins oversee');
select tests.be('dee');
select is_empty($$ update orgs set settings = '{}' returning 1 $$, 'an admin does not change settings');
select is((select count(*) from app.my_overseen_orgs()), 1::bigint, 'and oversees too');
select tests.be('ana');
select is((select count(*) from app.my_overseen_orgs()), 0::bigint, 'a member does not');
select is_empty($$ update org_members set role = 'admin' returning 1 $$, 'or give roles');
select tests.be('administrator');
update org_members set suspended_at = now() where user_id = tests.id('dee');
select is((select count(*) from app.overseers where user_id = tests.id('dee')), 0::bigint, 'nor who is suspended');
select is(app.role_of(tests.id('dee')), null, 'and has no role');
update orgs set settings = '{}' where slug = 'default';
select is((select count(*) from app.overseers), 0::bigint, 'where oversight is off, nobody oversees');

-- Teams
insert into teams (org_id, name) values (app.first_org(), 'Red');
select tests.be('bo');
select isnt_empty($$ insert into team_members (team_id, user_id) select id, tests.id('ana') from teams returning 1 $$, 'an admin fills teams');
select is((select count(*) from app.my_orgs_teams()), 1::bigint, 'which the organisation sees');
select ok(not app.may_manage_team((select id from teams), gen_random_uuid()), 'with its own people only');

-- Presets
select tests.be('administrator');
select app.use_preset('team', '{"max_message_len": 4000}');
select is((select settings from orgs where slug = 'default'), '{"dm_policy": ["team"], "max_message_len": 4000}'::jsonb, 'a preset sets its rule and settings');
do $$ begin perform set_config('walkie.mix', 'on', true); end $$;
select app.use_preset('open', '{}');
select is(app.setting(app.first_org(), 'dm_policy'), '["team", "open"]'::jsonb, 'or adds them');
select app.use_preset('open', '{}');
select is(app.setting(app.first_org(), 'dm_policy'), '["team", "open"]'::jsonb, 'once');

select * from finish();
