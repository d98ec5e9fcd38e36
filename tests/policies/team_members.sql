-- Who sees and fills teams.
set local search_path = public, tests;
select plan(9);

insert into orgs (slug, name) values ('elsewhere', 'Elsewhere');
insert into teams (org_id, name) select id, 'Red' from orgs;
insert into team_members (team_id, user_id) select id, tests.id('ana') from teams;
update org_members set role = 'admin' where user_id = tests.id('dee');

select tests.be('bo');
select is((select count(*) from team_members), 1::bigint, 'people see who is in the teams of their organisation');
select throws_ok($$ insert into team_members (team_id, user_id) select id, tests.id('bo') from teams $$, '42501', null, 'and put nobody in');
select is_empty($$ update team_members set role = 'lead' returning 1 $$, 'nor change them');
select is_empty($$ delete from team_members returning 1 $$, 'nor take them out');

select tests.be('dee');
select isnt_empty($$ insert into team_members (team_id, user_id) select id, tests.id('bo') from teams returning 1 $$, 'an admin does');
select isnt_empty($$ update team_members set role = 'lead' where user_id = tests.id('bo') returning 1 $$, 'changes');
select isnt_empty($$ delete from team_members where user_id = tests.id('bo') returning 1 $$, 'and takes out');
select is((select count(*) from team_members), 1::bigint, 'and sees no more than others');

select tests.be('nobody');
select throws_ok('select from team_members', '42501', null, 'nobody sees any');

select * from finish();
