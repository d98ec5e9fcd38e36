-- Who sees and changes profiles. TEN-01
set local search_path = public, tests;
select plan(10);

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

select tests.be('nobody');
select throws_ok('select from profiles', '42501', null, 'nobody sees any');

select * from finish();
