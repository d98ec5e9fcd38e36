-- Who sees organisations.
set local search_path = public, tests;
select plan(7);

insert into orgs (slug, name) values ('elsewhere', 'Elsewhere');
select is((select count(*) from orgs), 2::bigint, 'there are two');

select tests.be('ana');
select is((select array_agg(slug) from orgs), '{default}'::text[], 'people see their own');
select is_empty($$ update orgs set name = 'Mine' returning 1 $$, 'and do not change it');
select throws_ok($$ update orgs set slug = 'mine' $$, '42501', null, 'least of all its slug');

select tests.be('service');
select is((select count(*) from orgs), 2::bigint, 'the service sees all');
select lives_ok($$ insert into orgs (slug, name, settings) values ('third', 'Third', '{"groups_by": "admins"}') $$, 'and makes more');

select tests.be('nobody');
select throws_ok('select from orgs', '42501', null, 'nobody sees any');

select * from finish();
