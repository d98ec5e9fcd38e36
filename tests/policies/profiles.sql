-- Who sees and changes profiles. TEN-01
set local search_path = public, tests;
select plan(20);

insert into orgs (slug, name) values ('elsewhere', 'Elsewhere');
insert into auth.users (id, email) values (gen_random_uuid(), 'flo@example.com');
update profiles set org_id = (select id from orgs where slug = 'elsewhere') where id = tests.id('flo');
select isnt_empty('select from profiles where id = tests.id(''flo'')', 'flo is elsewhere');

select tests.be('ana');
select is((select count(*) from profiles where id = tests.id('ana')), 1::bigint, 'one has a profile without having made it');
select isnt_empty('select from profiles where id = tests.id(''cy'')', 'people see the organisation''s people');
select is_empty('select from profiles where id = tests.id(''flo'')', 'and not another''s');
select isnt_empty($$ update profiles set display_name = 'Ana B.', bio = 'Tea' where id = tests.id('ana') returning 1 $$, 'one changes one''s own');
select is_empty($$ update profiles set display_name = 'x' where id = tests.id('bo') returning 1 $$, 'and not another''s');
select throws_ok('update profiles set org_id = org_id', '42501', null, 'nobody moves to another organisation');
select throws_ok($$ update profiles set display_name = ' ' where id = tests.id('ana') $$, '23514', null, 'a name is a name');
select throws_ok($$ insert into profiles (id, org_id, display_name) select gen_random_uuid(), org_id, 'x' from profiles limit 1 $$, '42501', null, 'nobody makes people');

-- Who hides from strangers (TEN-13)
select tests.be('administrator');
insert into user_privacy_settings (user_id, discoverable) values (tests.id('cy'), false), (tests.id('bo'), false);
create function pg_temp.sees(p_name text) returns bigint language sql as $$ select count(*) from profiles where id = tests.id(p_name) $$;
select tests.be('ana');
select is(pg_temp.sees('cy'), 0::bigint, 'strangers do not see who hides');
select is(pg_temp.sees('bo'), 1::bigint, 'who talks with them does');
select is((select p.display_name from messages m join profiles p on p.id = m.sender_id where m.sender_id = tests.id('bo') limit 1), 'Bo', 'with what they said');
select tests.be('dee');
select is(pg_temp.sees('bo') + pg_temp.sees('cy'), 0::numeric::bigint, 'another sees neither');
select tests.be('cy');
select is(pg_temp.sees('cy'), 1::bigint, 'one sees oneself');
select is(pg_temp.sees('ana'), 1::bigint, 'and who does not hide');
insert into user_contacts (owner_id, contact_id) values (tests.id('cy'), tests.id('dee'));
select tests.be('dee');
select is(pg_temp.sees('cy'), 1::bigint, 'who is a contact sees the one who says so');
select tests.be('administrator');
insert into engagements (org_id, client_id, consultant_id, title) values (app.first_org(), tests.id('bo'), tests.id('dee'), 'Site');
select tests.be('dee');
select is(pg_temp.sees('bo'), 1::bigint, 'as does who has a bid or project with them');
select tests.be('administrator');
delete from engagements;
insert into teams (id, org_id, name) values ('40000000-0000-4000-8000-000000000001', app.first_org(), 'Red');
insert into team_members (team_id, user_id) select '40000000-0000-4000-8000-000000000001', tests.id(name) from unnest(array['bo', 'dee']) name;
select tests.be('dee');
select is(pg_temp.sees('bo'), 1::bigint, 'or a team');
select tests.be('administrator');
delete from team_members;
update org_members set role = 'admin' where user_id = tests.id('dee');
select tests.be('dee');
select is(pg_temp.sees('bo'), 1::bigint, 'and an admin');

select tests.be('nobody');
select throws_ok('select from profiles', '42501', null, 'nobody sees any');

select * from finish();
