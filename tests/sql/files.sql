-- Asking, bringing, versions, deleting. FIL-01 FIL-03 FIL-05 FIL-06 FIL-08 FIL-12
set local search_path = public, tests;
select plan(83);

create function pg_temp.ask(p_name text, p_size bigint default 4, p_mime text default null, p_file uuid default null, p_folder text default '', p_sha text default null)
returns jsonb language sql as $$ select request_upload(tests.conversation('watercooler'), p_name, p_size, p_mime, p_file, p_folder, 'A note', p_sha) $$;
create temporary table kept (what text primary key, said jsonb);
grant all on kept to public;
create function pg_temp.keep(p_what text, p_said jsonb) returns jsonb language sql as $$ insert into kept values (p_what, p_said) returning said $$;
create function pg_temp.kept(p_what text, p_key text) returns text language sql as $$ select said ->> p_key from kept where what = p_what $$;

-- Asking
select is(app.object_name('..'), 'file', 'no name is a step in a path');
select is(app.object_name('Grüße 🎉.txt'), 'Grüße 🎉.txt', 'and every script is welcome');
select be('ana');
select pg_temp.keep('asked', pg_temp.ask('Plan (final) #2.txt', 11, 'text/plain', p_folder => 'Plans/2030', p_sha => 'AB12')) ->> 'bucket';
select is(pg_temp.kept('asked', 'bucket'), 'chat', 'whoever may speak is told where to');
select ok(pg_temp.kept('asked', 'path') = format('%s/%s/%s/Plan (final) _2.txt', tests.conversation('watercooler'), pg_temp.kept('asked', 'file_id'), pg_temp.kept('asked', 'upload_id')),
          'a path with everything in it that an object''s name may have');
select is(pg_temp.kept('asked', 'max_bytes'), '52428800', 'and how large it may be');
select hint_ok($$ select complete_upload(pg_temp.kept('asked', 'upload_id')::uuid) $$, 'PT409', 'not_uploaded', 'what has not come is not there');
select is_empty('select from files', 'and makes no file');
select ok(app.may_upload(pg_temp.kept('asked', 'path')), 'whoever asked may bring it');
select be('bo');
select ok(not app.may_upload(pg_temp.kept('asked', 'path')), 'another may not');
select hint_ok($$ select complete_upload(pg_temp.kept('asked', 'upload_id')::uuid) $$, 'PT404', 'no_such_upload', 'or learn of it');
select be('cy');
select hint_ok($$ select pg_temp.ask('x.txt') $$, '42501', 'cannot_post', 'an outsider brings nothing');
select be('administrator');
update conversations set locked_at = now() where id = tests.conversation('watercooler');
select be('ana');
select ok(not app.may_upload(pg_temp.kept('asked', 'path')), 'or anybody once the conversation is closed');
select hint_ok($$ select pg_temp.ask('x.txt') $$, '42501', 'locked', 'with the word why');
select be('administrator');
update conversations set locked_at = null where id = tests.conversation('watercooler');

-- Bringing
select be('ana');
select lives_ok($$ select tests.put(pg_temp.kept('asked', 'path'), 11, 'application/octet-stream', p_sha256 => 'ab12') $$, 'it comes');
select is((select concat_ws(' ', version, name, size_bytes, mime_type, scan_status, note, sha256) from complete_upload(pg_temp.kept('asked', 'upload_id')::uuid)),
          '1 Plan (final) #2.txt 11 text/plain skipped A note ab12', 'and is the first version');
select is((select concat_ws(' ', name, folder, current_version, last_version) from files), 'Plan (final) #2.txt Plans/2030 1 1', 'of a file');
select be('administrator');
select is((select metadata ->> 'mimetype' from storage.objects where bucket_id = 'chat'), 'text/plain', 'the object is of the type that was found');
select is((select array_agg(bytes order by bytes) from app.file_usage), '{11,11}', 'its bytes are counted, for the person and for all');
select be('ana');
select ok(not app.may_upload(pg_temp.kept('asked', 'path')), 'a path is good for one upload');
select be('bo');
select isnt_empty('select from files', 'the others see the file');
select ok(app.may_download(pg_temp.kept('asked', 'path'), (select object_version::text from file_versions)), 'and may have it');
select ok(not app.may_download(pg_temp.kept('asked', 'path'), gen_random_uuid()::text), 'but no other bytes that were put there since');
select be('cy');
select is_empty('select from files', 'an outsider sees none');
select be('administrator');
select is(app.is_arriving('1'), false, 'a row that is only tried is no upload');

-- A lie is found out when it comes
select be('ana');
select hint_ok($$ select tests.put(pg_temp.ask('cat.png') ->> 'path', 4, 'image/png', 'application/vnd.microsoft.portable-executable') $$, 'PT415', 'bad_file_type', 'a program is no picture');
select hint_ok($$ select tests.put(pg_temp.ask('cat.png') ->> 'path', 4, 'image/png') $$, 'PT415', 'bad_file_type', 'nor is nothing');
select hint_ok($$ select pg_temp.ask('cat.exe') $$, 'PT415', 'bad_file_type', 'a program is not asked for');
select hint_ok($$ select tests.put(pg_temp.ask('cat', p_mime => 'text/plain') ->> 'path', 4, 'text/plain', 'application/vnd.microsoft.portable-executable') $$, 'PT415', 'bad_file_type', 'or slipped in');
select hint_ok($$ select tests.put(pg_temp.ask('a.txt', p_sha => 'ab') ->> 'path', 4, p_sha256 => 'cd') $$, 'PT422', 'bad_checksum', 'nor is anything else than what was announced');
select is((select count(*) from files), 1::bigint, 'and nothing remains');

-- Sizes
select be('administrator');
update orgs set settings = '{"max_file_mb": 10}' where slug = 'default';
select be('ana');
select lives_ok($$ select pg_temp.ask('large.txt', 10485760) $$, 'ten megabytes are let in');
select hint_ok($$ select pg_temp.ask('large.txt', 10485761) $$, 'PT413', 'file_too_large', 'a byte more is not');
select hint_ok($$ select tests.put(pg_temp.ask('large.txt', 1) ->> 'path', 10485761) $$, 'PT413', 'file_too_large', 'nor if it was kept quiet');
select hint_ok($$ select pg_temp.ask('x.txt', -1) $$, 'PT413', 'file_too_large', 'nothing is smaller than empty');
select hint_ok($$ select pg_temp.ask('x.txt', null) $$, 'PT413', 'file_too_large', 'or of no size');
select be('administrator');
insert into file_quotas (org_id, scope, user_id, max_bytes) values (app.first_org(), 'person', tests.id('ana'), 10485760 + 5);
select be('ana');
select hint_ok($$ select pg_temp.ask('x.txt', 20) $$, 'PT413', 'quota_full', 'what is still to come counts');
select be('administrator');
delete from app.file_uploads where size_bytes = 10485760;
select be('ana');
select hint_ok($$ select tests.put(pg_temp.ask('x.txt', 4) ->> 'path', 10485760) $$, 'PT413', 'quota_full', 'and what comes larger than announced');
select be('administrator');
delete from file_quotas;

-- Names
select be('ana');
select hint_ok($$ select pg_temp.ask('  ') $$, 'PT422', 'bad_file_name', 'a file has a name');
select hint_ok($$ select pg_temp.ask('../x.txt') $$, 'PT422', 'bad_file_name', 'without steps in it');
select hint_ok($$ select pg_temp.ask(repeat('x', 10000)) $$, 'PT422', 'bad_file_name', 'or ends');
select hint_ok($$ select pg_temp.ask('x.txt', p_folder => '/x') $$, 'PT422', 'bad_file_name', 'and a folder is no path from the root');
select hint_ok($$ select pg_temp.ask('x.txt') from generate_series(1, 101) $$, 'PT422', 'too_many', 'a hundred are under way at most');

-- Versions
select be('bo');
select is((select version from tests.bring('watercooler', 'Plan.txt', pg_temp.kept('asked', 'file_id')::uuid, p_size => 7)), 2, 'whoever may speak brings the next version');
select is((select concat_ws(' ', name, current_version, last_version, owner_id = tests.id('ana')) from files), 'Plan.txt 2 2 t', 'of a file that stays its owner''s');
select is((select array_agg(version || ' ' || size_bytes order by version) from file_history(pg_temp.kept('asked', 'file_id')::uuid)), '{1 11,2 7}', 'the first stays');
select be('ana');
select is((select concat_ws(' ', version, restored_from, size_bytes, uploaded_by = tests.id('ana')) from restore_file_version(pg_temp.kept('asked', 'file_id')::uuid, 1)), '3 1 11 t', 'and comes back as the third');
select is((select current_version from files), 3, 'which is what the file is now');
select hint_ok($$ select restore_file_version(pg_temp.kept('asked', 'file_id')::uuid, 9) $$, 'PT404', 'no_such_file', 'what never was does not come back');
select hint_ok($$ select pg_temp.ask('x.txt', p_file => gen_random_uuid()) $$, 'PT404', 'no_such_file', 'and there is no next version of nothing');
select be('cy');
select hint_ok($$ select file_history(pg_temp.kept('asked', 'file_id')::uuid) $$, 'PT404', 'no_such_file', 'an outsider learns of no versions');
select hint_ok($$ select restore_file_version(pg_temp.kept('asked', 'file_id')::uuid, 1) $$, 'PT404', 'no_such_file', 'and restores none');
select hint_ok($$ select delete_file(pg_temp.kept('asked', 'file_id')::uuid) $$, 'PT404', 'no_such_file', 'or deletes any');
select be('administrator');
select is((select array_agg(bytes order by bytes) from app.file_usage), '{7,11,18}', 'what is restored takes no room');

-- Lists
select be('bo');
select tests.bring('watercooler', 'b.txt', p_folder => 'Plans/2031');
select tests.bring('watercooler', 'c.txt');
select is((select string_agg(folder || ' ' || files, ', ') from list_folders(tests.conversation('watercooler'))), ' 1, Plans/2030 1, Plans/2031 1', 'files lie in folders');
select is((select array_agg(name order by updated_at desc) from list_files(tests.conversation('watercooler'))), '{c.txt,b.txt,"Plan (final) #2.txt"}', 'the latest first');
select is((select array_agg(name) from list_files(tests.conversation('watercooler'), 'Plans/2031')), '{b.txt}', 'or those of one');
select is((select array_agg(name) from list_files(tests.conversation('watercooler'), p_limit => 5, p_before => (select updated_at from files where name = 'b.txt'))), '{"Plan (final) #2.txt"}', 'page by page');
select is((select count(*) from list_files(tests.conversation('watercooler'), p_limit => -1)), 0::bigint, 'no page is negative');
select be('cy');
select is_empty($$ select from list_folders(tests.conversation('watercooler')) $$, 'an outsider sees no folders');
select is_empty($$ select from list_files(tests.conversation('watercooler')) $$, 'or files');

-- Filing
select be('bo');
update files set name = 'B.md', folder = 'Old' where name = 'b.txt';
select is((select folder from files where name = 'B.md'), 'Old', 'an owner names and files it');
select hint_ok($$ update files set name = 'B.png' where name = 'B.md' $$, 'PT415', 'bad_file_type', 'but not as what it is not');
select throws_ok($$ update files set name = 'a/b' where name = 'B.md' $$, '23514', null, 'or out of its place');
select throws_ok($$ update files set current_version = 1 $$, '42501', null, 'and counts no versions');
update files set name = 'mine.txt' where folder = 'Plans/2030';
select is((select count(*) from files where name = 'mine.txt'), 0::bigint, 'another''s is not bo''s to name');

-- Removed, and at once without
select be('ana');
select pg_temp.keep('late', pg_temp.ask('late.txt')) ->> 'bucket';
select be('administrator');
select be('ana');
select remove_member(tests.conversation('watercooler'), tests.id('bo'));
select be('bo');
select is_empty('select from files', 'who is removed sees no files');
select be('administrator');
create temporary table bytes as select object_path, object_version::text from file_versions;
grant select on bytes to public;
select be('bo');
select is((select count(*) from bytes where app.may_download(object_path, object_version)), 0::bigint, 'and has none, not even their own');
select be('ana');
select is((select count(*) from bytes where app.may_download(object_path, object_version)), 5::bigint, 'which others still have');
select add_members(tests.conversation('watercooler'), array[tests.id('bo')]);

-- Shadow
select be('administrator');
insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'shadow_ban');
select be('bo');
select is((select version from tests.bring('watercooler', 'shadow.txt', (select id from files where name = 'B.md'))), 1, 'whoever is heard by nobody');
select is((select count(*) from list_files(tests.conversation('watercooler')) f where f.name = 'shadow.txt'), 1::bigint, 'sees what they brought');
select be('ana');
select is((select count(*) from files where name = 'shadow.txt'), 0::bigint, 'alone');
select be('administrator');
delete from user_restrictions;

-- Deleting
select be('bo');
select hint_ok($$ select delete_file((select id from files where folder = 'Plans/2030')) $$, 'PT403', 'not_your_file', 'another''s is not deleted');
select be('ana');
select ok((select deleted_at is not null and current_version is null from delete_file((select id from files where name = 'B.md'))), 'whoever moderates deletes any');
select ok((select deleted_at is not null from delete_file(pg_temp.kept('asked', 'file_id')::uuid)), 'an owner their own');
select hint_ok($$ select delete_file(pg_temp.kept('asked', 'file_id')::uuid) $$, 'PT404', 'no_such_file', 'once');
select be('administrator');
select is((select count(*) from storage.objects where bucket_id = 'chat'), 2::bigint, 'the bytes go with it');
select is((select array_agg(bytes order by bytes) from app.file_usage), '{0,8,8}', 'and are counted no more');
select is((select count(*) from file_versions where object_version is null), 4::bigint, 'its versions are empty');
select throws_ok($$ delete from storage.objects where bucket_id = 'chat' $$, '42501', null, 'nobody deletes past it');
delete from conversations where id = tests.conversation('watercooler');
select is((select count(*) from storage.objects where bucket_id = 'chat'), 0::bigint, 'what a conversation held goes with it');
select is((select sum(bytes) from app.file_usage), 0::numeric, 'all of it');

-- Never come
select be('administrator');
insert into app.file_uploads (id, path, conversation_id, file_id, uploader_id, name, folder, size_bytes, visibility, expires_at)
select gen_random_uuid(), n, tests.conversation('lunch'), gen_random_uuid(), tests.id('ana'), 'x', '', 4, 'normal', app.now() + (n || ' hours')::interval
  from unnest('{0,1}'::text[]) n;
select app.forget_uploads();
select is((select array_agg(path) from app.file_uploads where path in ('0', '1')), '{1}', 'what never came is forgotten in the end');

-- How long
select be('ana');
create temporary table sound as select request_upload(tests.conversation('lunch'), 'voice.mp3', 4) as said;
grant select on sound to public;
select be('administrator');
insert into storage.blobs (version, state) values ('5b000000-0000-4000-8000-000000000001', 'writing');
insert into storage.objects (bucket_id, name, owner_id, version, metadata, user_metadata, sniffed_type)
select 'chat', said ->> 'path', tests.id('ana'), '5b000000-0000-4000-8000-000000000001', '{"size": 4, "mimetype": "audio/mpeg"}',
       '{"duration_ms": 4200}', 'audio/mpeg' from sound;
select is((select duration_ms from file_versions where name = 'voice.mp3'), 4200, 'whoever brings sound says how long it is');

select * from finish();
