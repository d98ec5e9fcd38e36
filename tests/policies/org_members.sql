-- Who sees and gives roles. TEN-02
set local search_path = public, tests;
select plan(8);

update org_members set role = 'admin' where user_id = tests.id('dee');
insert into orgs (slug, name) values ('elsewhere', 'Elsewhere');
insert into org_members (org_id, user_id) select id, tests.id('cy') from orgs where slug = 'elsewhere';
select is((select count(*) from org_members), 5::bigint, 'there is something to see');

select tests.be('ana');
select is((select count(*) from org_members), 4::bigint, 'people see the roles of their organisation');
select is_empty($$ update org_members set role = 'admin' returning 1 $$, 'and change none');
select throws_ok($$ insert into org_members (org_id, user_id) values (app.my_org(), tests.id('ana')) $$, '42501', null, 'nor add one');
select throws_ok('delete from org_members', '42501', null, 'nor remove one');

select tests.be('dee');
select is((select count(*) from org_members where app.may_manage_role(org_id, user_id, role)), 3::bigint, 'an admin manages the others');
select throws_ok($$ update org_members set user_id = tests.id('ana') $$, '42501', null, 'by role alone');

select tests.be('nobody');
select throws_ok('select from org_members', '42501', null, 'nobody sees any');

select * from finish();
