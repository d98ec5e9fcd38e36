-- Who sees and makes teams.
set local search_path = public, tests;
select plan(9);

insert into orgs (slug, name) values ('elsewhere', 'Elsewhere');
insert into teams (org_id, name) select id, 'Red' from orgs;
update org_members set role = 'admin' where user_id = tests.id('dee');

select tests.be('ana');
select is((select count(*) from teams), 1::bigint, 'people see the teams of their organisation');
select throws_ok($$ insert into teams (org_id, name) values (app.my_org(), 'Blue') $$, '42501', null, 'and make none');
select is_empty($$ update teams set name = 'Blue' returning 1 $$, 'nor rename');
select is_empty($$ delete from teams returning 1 $$, 'nor dissolve');

select tests.be('dee');
select lives_ok($$ insert into teams (org_id, name) values (app.my_org(), 'Blue') $$, 'an admin makes one');
select throws_ok($$ insert into teams (org_id, name) values (gen_random_uuid(), 'Blue') $$, '42501', null, 'at home');
select isnt_empty($$ update teams set name = 'Green' where name = 'Blue' returning 1 $$, 'renames');
select isnt_empty($$ delete from teams where name = 'Green' returning 1 $$, 'and dissolves');

select tests.be('nobody');
select throws_ok('select from teams', '42501', null, 'nobody sees any');

select * from finish();
