-- Who sees bids and projects.
set local search_path = public, tests;
select plan(8);

insert into engagements (org_id, client_id, consultant_id, title) values (app.first_org(), tests.id('ana'), tests.id('bo'), 'Site');
select isnt_empty('select from engagements', 'there is something to see');

select tests.be('ana');
select is((select title from engagements), 'Site', 'the client sees it');
select throws_ok($$ update engagements set status = 'active' $$, '42501', null, 'and does not change it');
select throws_ok($$ insert into engagements (org_id, client_id, consultant_id, title) values (app.my_org(), tests.id('ana'), tests.id('cy'), 'x') $$, '42501', null,
                 'nor make one');
select tests.be('bo');
select is((select title from engagements), 'Site', 'the consultant sees it');
select tests.be('cy');
select is_empty('select from engagements', 'nobody else does');

select tests.be('administrator');
update org_members set role = 'admin' where user_id = tests.id('cy');
update orgs set settings = '{"oversight_mode": "open"}';
select tests.be('cy');
select isnt_empty('select from engagements', 'except where admins oversee');
select tests.be('nobody');
select throws_ok('select from engagements', '42501', null, 'nobody sees any');

select * from finish();
