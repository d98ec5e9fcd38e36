-- Whose headings are whose. CNV-11
set local search_path = public, tests;
select plan(14);

update org_members set role = 'admin' where user_id = tests.id('dee');
insert into conversation_categories (org_id, owner_id, name) values (app.first_org(), tests.id('bo'), 'Work'), (app.first_org(), null, 'Projects');

select tests.be('ana');
select is((select string_agg(name, ' ') from conversation_categories), 'Projects', 'people see the organisation''s headings, and not another''s');
select lives_ok($$ insert into conversation_categories (org_id, owner_id, name) values (app.my_org(), tests.id('ana'), 'Work') $$, 'make their own');
select throws_ok($$ insert into conversation_categories (org_id, owner_id, name) values (app.my_org(), tests.id('ana'), 'work') $$, '23505', null, 'once');
select throws_ok($$ insert into conversation_categories (org_id, name) values (app.my_org(), 'All') $$, '42501', null, 'not the organisation''s');
select throws_ok($$ insert into conversation_categories (org_id, owner_id, name) values (app.my_org(), tests.id('bo'), 'x') $$, '42501', null, 'nor another''s');
select is((select count(*) from conversation_categories where name = 'Projects'), 1::bigint, 'that one is there');
select is_empty($$ update conversation_categories set name = 'x' where name = 'Projects' returning 1 $$, 'and not theirs to rename');
select isnt_empty($$ update conversation_categories set position = 2 where name = 'Work' returning 1 $$, 'they order their own');
select isnt_empty($$ delete from conversation_categories returning 1 $$, 'and delete them');
select isnt_empty('select from conversation_categories', 'and no others');

select tests.be('dee');
select isnt_empty($$ update conversation_categories set name = 'Plans' where name = 'Projects' returning 1 $$, 'an admin renames the organisation''s');
select lives_ok($$ insert into conversation_categories (org_id, name) values (app.my_org(), 'All') $$, 'makes them');
select isnt_empty($$ delete from conversation_categories where name = 'All' returning 1 $$, 'and deletes them');
select tests.be('nobody');
select throws_ok('select from conversation_categories', '42501', null, 'nobody sees any');

select * from finish();
