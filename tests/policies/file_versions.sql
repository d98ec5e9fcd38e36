-- Who sees which versions.
set local search_path = public, tests;
select plan(8);

select be('ana');
select bring('watercooler', 'a.txt');
select isnt_empty('select from file_versions', 'an uploader sees the version');
select throws_ok($$ update file_versions set scan_status = 'clean' $$, '42501', null, 'and is not its judge');
select be('bo');
select isnt_empty('select from file_versions', 'as do the others');
select be('cy');
select is_empty('select from file_versions', 'an outsider sees none');
select be('administrator');
update file_versions set scan_status = 'infected';
select be('bo');
select is_empty('select from file_versions', 'what is infected is not for others');
select be('ana');
select isnt_empty('select from file_versions', 'but for its uploader');
select be('administrator');
update conversation_members set left_at = now() where member_id = id('ana');
select be('ana');
select is_empty('select from file_versions', 'while they are a member');
select be('nobody');
select throws_ok('select from file_versions', '42501', null, 'nobody sees any');

select * from finish();
