-- What waits for a verdict, and what one brings about. FIL-07
set local search_path = public, tests;
select plan(38);

create function pg_temp.status(p_name text) returns text language sql as $$ select scan_status from file_versions where name = p_name $$;
create temporary table brought as select null::file_versions as v where false;
grant all on brought to public;
create function pg_temp.has(p_name text) returns boolean language sql as
  $$ select app.may_download((v).object_path, (v).object_version::text) from brought where (v).name = p_name $$;
create function pg_temp.verdict(p_name text, p_verdict text, p_signature text default null) returns void language sql security definer as
  $$ select storage.record_verdict((v).object_version, p_verdict, 'clamd 1', p_signature) from pg_temp.brought where (v).name = p_name $$;

-- Nobody has a scanner
select be('ana');
insert into brought select tests.bring('watercooler', 'early.txt');
select is(pg_temp.status('early.txt'), 'skipped', 'where nothing scans');
select be('bo');
select ok(pg_temp.has('early.txt'), 'all have a file at once');
select be('administrator');
select is((select count(*) from walkie.jobs where kind = 'scan'), 0::bigint, 'and nobody is asked');
select storage.note_scanner('clamd');
select storage.note_scanner('clamd');

-- Waiting
select be('ana');
insert into brought select tests.bring('watercooler', 'ok.txt');
insert into brought select tests.bring('watercooler', 'virus.txt');
insert into brought select tests.bring('watercooler', 'large.txt');
select is(pg_temp.status('virus.txt'), 'pending', 'where something does, a file waits');
select ok(pg_temp.has('virus.txt'), 'its uploader has it');
select is((select array_agg(name order by name) from files where current_version is null), '{large.txt,ok.txt,virus.txt}', 'and sees that it waits');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Look', p_attachments =>
  (select jsonb_agg(jsonb_build_object('file_id', id) order by name) from files where name in ('ok.txt', 'virus.txt'))) $$, 'and may show it already');
select be('bo');
select is((select string_agg(a ->> 'status', ' ') from messages, jsonb_array_elements(attachments) a where body = 'Look'), 'pending pending', 'the others see that something waits');
select ok(not pg_temp.has('virus.txt'), 'but have it not');
select is((select array_agg(name) from files), '{early.txt}', 'nor see the file');
select is((select array_agg(name) from file_versions), '{early.txt}', 'or its versions');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'Mine', p_attachments => jsonb_build_array(jsonb_build_object('file_id', (select (v).file_id from brought where (v).name = 'ok.txt')))) $$,
               'PT422', 'bad_attachment', 'or may show it');
select be('administrator');
select is((select count(*) from walkie.jobs where kind = 'scan' and state = 'ready'), 3::bigint, 'each waits for somebody to look');
select is((select payload ->> 'version' from walkie.jobs where unique_key = (select 'scan:' || (v).object_version from brought where (v).name = 'ok.txt')),
          (select (v).object_version::text from brought where (v).name = 'ok.txt'), 'at its bytes');

-- Clean
create temporary table clock as select last_rev from conversations where id = conversation('watercooler');
grant select on clock to public;
select pg_temp.verdict('ok.txt', 'clean');
select be('bo');
select ok(pg_temp.has('ok.txt'), 'what is clean all have');
select is((select array_agg(name order by name) from files), '{early.txt,ok.txt}', 'and see');
select is((select string_agg(a ->> 'status', ' ') from sync_conversation(conversation('watercooler'), (select last_rev from clock)), jsonb_array_elements(attachments) a), 'clean pending', 'the message says so, to who catches up');

-- Infected
select be('administrator');
select pg_temp.verdict('virus.txt', 'infected', 'Eicar-Test-Signature');
select pg_temp.verdict('virus.txt', 'infected', 'Eicar-Test-Signature');
select be('ana');
select is(pg_temp.status('virus.txt'), 'infected', 'its uploader learns what was found');
select is((select scan_engine from file_versions where name = 'virus.txt' and scanned_at is not null), 'clamd 1', 'and by what');
select is((select string_agg(concat_ws(' ', kind, title, body, subject_id = (select (v).file_id from brought where (v).name = 'virus.txt')), '|') from get_notifications() where kind = 'system'),
          'system A file of yours is infected virus.txt: nobody can have it. t', 'and is told, once');
select ok(not pg_temp.has('virus.txt'), 'and has it no more');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'Again', p_attachments => jsonb_build_array(jsonb_build_object('file_id', (select (v).file_id from brought where (v).name = 'virus.txt')))) $$,
               'PT422', 'bad_attachment', 'but shows it nobody again');
select be('bo');
select ok(not pg_temp.has('virus.txt'), 'nobody else ever has it');
select be('dee');
select ok(not pg_temp.has('virus.txt'), 'an admin neither');
select be('administrator');
update org_members set role = 'superadmin' where user_id = tests.id('dee');
select be('dee');
select ok(pg_temp.has('virus.txt'), 'but for a superadmin, who may have to look');
select be('bo');
select is_empty($$ select from get_notifications() where kind = 'system' $$, 'or is told');
select is((select string_agg(a ->> 'status', ' ') from messages, jsonb_array_elements(attachments) a where body = 'Look'), 'clean infected', 'where it was shown is a warning');

-- Not looked at
select be('administrator');
select pg_temp.verdict('large.txt', 'failed');
select be('bo');
select ok(not pg_temp.has('large.txt'), 'what cannot be looked at nobody else has');

-- A version that is infected does not replace one that is not
select be('ana');
insert into brought select tests.bring('watercooler', 'second.txt', (select id from files where name = 'ok.txt'));
select be('bo');
select is((select name || ' ' || current_version from files where name = 'ok.txt'), 'ok.txt 1', 'a new version is current once it is clean');
select be('administrator');
select pg_temp.verdict('second.txt', 'infected');
select is((select current_version || ' of ' || last_version from files where name = 'ok.txt'), '1 of 2', 'or never');
select be('ana');
insert into brought select tests.bring('watercooler', 'third.txt', (select id from files where name = 'ok.txt'));
select be('administrator');
select pg_temp.verdict('third.txt', 'clean');
select is((select name || ' ' || current_version from files where id = (select (v).file_id from brought where (v).name = 'ok.txt')), 'third.txt 3', 'as the next one is');
select be('bo');
select hint_ok($$ select restore_file_version((select id from files where name = 'third.txt'), 2) $$, 'PT404', 'no_such_file', 'what is infected does not come back');
select is((select array_agg(version order by version) from file_history((select id from files where name = 'third.txt'))), '{1,3}', 'or show in the history');
select is((select scan_status from restore_file_version((select id from files where name = 'third.txt'), 1)), 'clean', 'what was clean is clean again, unlooked at');

-- A verdict is taken back when signatures learn
select be('administrator');
select storage.record_verdict((select (v).object_version from brought where (v).name = 'third.txt'), 'infected', 'clamd 2', 'New');
select be('bo');
select ok(not pg_temp.has('third.txt'), 'what turns out infected later is had no more');
select be('ana');
select is((select count(*) from files f join file_versions v on v.file_id = f.id and v.version = f.current_version where v.scan_status = 'infected'), 0::bigint, 'and no file is what is infected');
select is((select current_version from files where id = (select (v).file_id from brought where (v).name = 'ok.txt')), 4, 'but the newest that is clean');
select be('administrator');
select pg_temp.verdict('ok.txt', 'infected');
select is((select current_version from files where id = (select (v).file_id from brought where (v).name = 'ok.txt')), null, 'or nothing, when none is');

select * from finish();
