-- Who sees and sets how much may be kept.
set local search_path = public, tests;
select plan(8);

select be('administrator');
insert into file_quotas (org_id, scope, user_id, max_bytes) values (app.first_org(), 'person', id('ana'), 1), (app.first_org(), 'person', null, 2);
select be('ana');
select is((select array_agg(max_bytes order by max_bytes) from file_quotas), '{1,2}', 'people see what bounds them');
update file_quotas set max_bytes = 9;
select throws_ok($$ insert into file_quotas (org_id, scope, user_id, max_bytes) values (app.first_org(), 'person', id('bo'), 9) $$, '42501', null, 'and loosen nothing');
select be('bo');
select is((select array_agg(max_bytes) from file_quotas), '{2}', 'not what bounds others');
select be('administrator');
select is((select max(max_bytes) from file_quotas), 2::bigint, 'all is as it was');
update org_members set role = 'superadmin' where user_id = id('dee');
select be('dee');
select is((select count(*) from file_quotas), 2::bigint, 'a superadmin sees all');
update file_quotas set max_bytes = 5 where user_id = id('ana');
select is((select max_bytes from file_quotas where user_id = id('ana')), 5::bigint, 'and sets it');
select throws_ok($$ insert into file_quotas (org_id, scope, max_bytes) values (gen_random_uuid(), 'org', 9) $$, '42501', null, 'in their own organisation');
select be('nobody');
select throws_ok('select from file_quotas', '42501', null, 'nobody sees any');

select * from finish();
