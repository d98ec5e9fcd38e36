-- Who sees who speaks as a persona: admins.
set local search_path = public, tests;
select plan(4);

update org_members set role = 'admin' where user_id = tests.id('dee');
insert into persona_leases (conversation_id, persona_id, org_id, admin_id, expires_at)
select id, tests.id('bo'), org_id, tests.id('dee'), now() from conversations where id = tests.conversation('watercooler');
select tests.be('dee');
select isnt_empty('select from persona_leases', 'an admin does');
select throws_ok('delete from persona_leases', '42501', null, 'and changes it by functions alone');
select tests.be('ana');
select is_empty('select from persona_leases', 'others do not');
select tests.be('nobody');
select throws_ok('select from persona_leases', '42501', null, 'nobody does');

select * from finish();
