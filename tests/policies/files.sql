-- Who sees files, and who changes what of them.
set local search_path = public, tests;
select plan(9);

select be('ana');
select bring('watercooler', 'a.txt');
select isnt_empty('select from files', 'a member sees a file');
select throws_ok($$ insert into files (id, org_id, conversation_id, owner_id, name, chapter) select gen_random_uuid(), org_id, conversation_id, owner_id, 'x', 0 from files $$, '42501', null, 'and makes none but by an upload');
select throws_ok('delete from files', '42501', null, 'or deletes one past delete_file');
select be('bo');
select isnt_empty('select from files', 'as does another');
update files set folder = 'Mine';
select is_empty($$ select from files where folder = 'Mine' $$, 'who does not file it');
select be('cy');
select is_empty('select from files', 'an outsider sees none');
select be('administrator');
update orgs set settings = '{"oversight_mode": "open"}';
update org_members set role = 'admin' where user_id = id('cy');
select be('cy');
select isnt_empty('select from files', 'unless they oversee');
update files set folder = 'Mine';
select is_empty($$ select from files where folder = 'Mine' $$, 'reading only');
select be('nobody');
select throws_ok('select from files', '42501', null, 'nobody sees any');

select * from finish();
