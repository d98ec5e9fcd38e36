-- Who reads what was done.
set local search_path = public, tests;
select plan(8);

insert into audit_log (org_id, action) values (app.first_org(), 'look');
update org_members set role = 'admin' where user_id = tests.id('dee');
select isnt_empty('select from audit_log', 'there is something to see');
select tests.be('dee');
select is_empty('select from audit_log', 'without oversight an admin reads no records');
select tests.be('administrator');
update orgs set settings = '{"oversight_mode": "open"}';
select tests.be('dee');
select isnt_empty('select from audit_log', 'with it they do');
select throws_ok($$ insert into audit_log (action) values ('x') $$, '42501', null, 'and write none');
select tests.be('ana');
select is_empty('select from audit_log', 'a member reads none');
select tests.be('service');
select isnt_empty('select from audit_log', 'the service reads');
select throws_ok($$ insert into audit_log (action) values ('x') $$, '42501', null, 'and does not write by hand either');
select tests.be('nobody');
select throws_ok('select from audit_log', '42501', null, 'nobody sees any');

select * from finish();
