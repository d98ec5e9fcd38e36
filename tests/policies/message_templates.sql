-- Who reads and writes templates.
set local search_path = public, tests;
select plan(7);

update org_members set role = 'admin' where user_id = tests.id('dee');
select tests.be('dee');
select lives_ok($$ insert into message_templates (scope, title, body) values ('org', 'Shared', 'x'), ('admin', 'Quick', 'x') $$, 'admins write shared ones');
select tests.be('ana');
select lives_ok($$ insert into message_templates (title, body) values ('Mine', 'x') $$, 'people their own');
select is((select string_agg(title, ',' order by title) from message_templates), 'Mine,Shared', 'and read both');
select throws_ok($$ insert into message_templates (org_id, title, body) values (gen_random_uuid(), 'x', 'x') $$, '42501', null, 'nobody names an organisation');
select isnt_empty($$ update message_templates set title = 'Still mine' where scope = 'personal' returning 1 $$, 'one''s own one changes');
select is_empty($$ delete from message_templates where scope = 'org' returning 1 $$, 'shared ones one does not');
select tests.be('nobody');
select throws_ok('select from message_templates', '42501', null, 'nobody sees any');

select * from finish();
