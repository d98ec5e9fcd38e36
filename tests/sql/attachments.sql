-- Files with messages. FIL-01
set local search_path = public, tests;
select plan(54);

create temporary table brought (name text primary key, file uuid);
grant all on brought to public;
create function pg_temp.bring(p_name text, p_place text default 'watercooler', p_found text default null, p_folder text default '') returns uuid language sql as
  $$ insert into brought select p_name, (tests.bring(p_place, p_name, p_folder => p_folder, p_found => p_found)).file_id returning file $$;
create function pg_temp.shows(variadic p_names text[]) returns jsonb language sql as
  $$ select jsonb_agg(jsonb_build_object('file_id', file) order by name) from brought where name = any (p_names) $$;
create function pg_temp.say(p_body text, p_attachments jsonb, p_client_id uuid default null) returns messages language sql as
  $$ select send_message(tests.conversation('watercooler'), p_body, p_client_id, p_attachments => p_attachments) $$;

create function pg_temp.used() returns bigint language sql security definer as $$ select bytes from app.file_usage where owner_id = tests.id('ana') $$;

select be('ana');
select pg_temp.bring('a.txt'), pg_temp.bring('b.png', p_found => 'image/png'), pg_temp.bring('lunch.txt', 'lunch'), pg_temp.bring('kept.txt', p_folder => 'Kept');

-- Sending
select is((select concat_ws(' ', message_type, body, attachments -> 0 ->> 'name', attachments -> 0 ->> 'status', attachments -> 0 ->> 'size_bytes') from pg_temp.say('Look', pg_temp.shows('a.txt'))),
          'file Look a.txt skipped 4', 'a message shows a file');
select is((select message_type from pg_temp.say(null, pg_temp.shows('b.png'))), 'image', 'without words, too: a picture speaks for itself');
select is((select last_preview from conversations where id = conversation('watercooler')), 'Sent a file: b.png', 'in the inbox it is said, with the name (CNV-05)');
select is((select message_type from pg_temp.say('Both', pg_temp.shows('a.txt', 'b.png'))), 'file', 'a picture and words are files');
select is((select (attachments -> 0 ->> 'version') || ' ' || (attachments -> 0 ->> 'alt_text') from pg_temp.say('', jsonb_build_array(jsonb_build_object('file_id', (select file from brought where name = 'a.txt'), 'version', 1, 'alt_text', 'A list')))),
          '1 A list', 'one names the version and what it shows');
select be('bo');
select is((select count(*) from message_attachments), 5::bigint, 'the others see them');
select is((select v.name from messages m join message_attachments a on a.message_id = m.id join file_versions v on v.file_id = a.file_id and v.version = a.version where m.body = 'Look'),
          'a.txt', 'and may have them');
select is((select count(*) from get_messages(conversation('watercooler')) where attachments -> 0 ->> 'path' like conversation('watercooler') || '/%'), 4::bigint, 'pages tell where they are');
insert into messages (conversation_id, body, message_type, attachments) values (conversation('watercooler'), 'By table', 'file', pg_temp.shows('a.txt'));
select is((select attachments -> 0 ->> 'name' from messages where body = 'By table'), 'a.txt', 'a table will do');
select be('cy');
select is_empty('select from message_attachments', 'an outsider sees none');

-- SRC-02: what has files is found by that
select be('bo');
select is((select string_agg(snippet, ',' order by created_at) from search_messages('look OR table', p_has => 'file')), '<mark>Look</mark>,By <mark>table</mark>', 'words with files are found');
select is_empty($$ select from search_messages('look OR table', p_has => 'image') $$, 'which are no pictures');
select is((select count(*) from search_messages('look OR table', p_has => 'file', p_kind => 'file', p_from => id('ana'), p_conversation => conversation('watercooler'))), 1::bigint, 'filters add up');

-- What cannot be shown
select be('ana');
select hint_ok($$ select pg_temp.say('x', pg_temp.shows('lunch.txt')) $$, 'PT422', 'bad_attachment', 'a file stays in its conversation');
select hint_ok($$ select pg_temp.say('x', '[{"file_id": "20000000-0000-4000-8000-000000000001"}]') $$, 'PT422', 'bad_attachment', 'what is not there is not shown');
select hint_ok($$ select pg_temp.say('x', '[{"file_id": "x"}]') $$, 'PT422', 'bad_attachment', 'or named');
select hint_ok($$ select pg_temp.say('x', '[7]') $$, 'PT422', 'bad_attachment', 'or guessed');
select hint_ok($$ select pg_temp.say('x', '{}') $$, 'PT422', 'bad_attachment', 'files come as a list');
select hint_ok($$ select pg_temp.say('x', pg_temp.shows('a.txt') || pg_temp.shows('a.txt')) $$, 'PT422', 'bad_attachment', 'each once');
select hint_ok($$ select pg_temp.say('x', (select jsonb_agg(pg_temp.shows('a.txt') -> 0) from generate_series(1, 21))) $$, 'PT422', 'too_many', 'twenty at most');
select hint_ok($$ insert into messages (conversation_id, body, message_type) values (conversation('watercooler'), 'x', 'file') $$, 'PT422', 'no_attachment', 'a file message has a file');
select hint_ok($$ select pg_temp.say('', '[]') $$, 'PT422', 'no_words', 'and without one there are words');
select hint_ok($$ insert into messages (conversation_id, body, message_type, attachments) values (conversation('watercooler'), 'x', 'poll', pg_temp.shows('a.txt')) $$, 'PT422', 'bad_type', 'nothing else carries files');
select throws_ok($$ update messages set attachments = '[]' where body = 'Look' $$, '42501', null, 'what was shown is not changed');

-- Said once, however often it is sent
select is((select count(distinct (pg_temp.say(null, pg_temp.shows('a.txt'), '30000000-0000-4000-8000-000000000001')).id) from generate_series(1, 2)), 1::bigint, 'a repeat is one message');

-- What is passed on
create function pg_temp.pass_on(p_body text) returns jsonb language sql as
  $$ select attachments -> 0 from forward_message(conversation('watercooler'), (select id from messages where body = p_body and conversation_id = conversation('watercooler')), array[conversation('lunch')]) $$;
select pg_temp.bring('passed.txt');
select pg_temp.say('Passed', pg_temp.shows('passed.txt'));
create temporary table passed as select pg_temp.used() as used, pg_temp.pass_on('Passed') as said;
grant select on passed to public;
select is((select concat_ws(' ', said ->> 'name', said ->> 'version', said ->> 'status') from passed), 'passed.txt 1 skipped', 'a file is passed on');
select is((select conversation_id from files where id = (select (said ->> 'file_id')::uuid from passed)), conversation('lunch'), 'as one of its own there');
select is(pg_temp.used() - (select used from passed), 4::bigint, 'that whoever did so keeps');
select is((select said ->> 'path' from passed), (select object_path from file_versions v join brought b on b.file = v.file_id where b.name = 'passed.txt'), 'of the same bytes');
select delete_file((select file from brought where name = 'passed.txt'));
select ok(app.may_download((select said ->> 'path' from passed), (select object_version::text from file_versions where file_id = (select (said ->> 'file_id')::uuid from passed))),
          'which stay when the first is deleted');
select is(pg_temp.used(), (select used from passed), 'and counts no more');
select hint_ok($$ select pg_temp.pass_on('Passed') $$, 'PT422', 'files_stay', 'what is deleted is not passed on');
select delete_file((select (said ->> 'file_id')::uuid from passed));
select be('administrator');
select is_empty($$ select from storage.objects where name = (select said ->> 'path' from passed) $$, 'bytes go with the last who has them');
update orgs set settings = '{"strip_pictures": true}' where slug = 'default';
select be('ana');
select pg_temp.bring('raw.png', p_found => 'image/png');
select pg_temp.say('Raw', pg_temp.shows('a.txt', 'raw.png'));
select hint_ok($$ select pg_temp.pass_on('Raw') $$, 'PT422', 'files_stay', 'nor what still waits');
select delete_message(conversation('watercooler'), (select id from messages where body = 'Raw'));
select be('administrator');
update orgs set settings = '{}' where slug = 'default';
insert into user_restrictions (user_id, restriction_type) values (id('ana'), 'no_files');
select be('ana');
select hint_ok($$ select pg_temp.pass_on('Look') $$, '42501', 'no_files', 'nor by whoever may bring none');
select be('administrator');
delete from user_restrictions;
select be('ana');

-- A reader who came later
select be('administrator');
update conversations set chapter = chapter + 1 where id = conversation('watercooler');
insert into conversation_members (conversation_id, member_id, joined_chapter) values (conversation('watercooler'), id('cy'), 1);
select be('cy');
select is_empty('select from files', 'whoever comes later sees nothing of before');
select be('bo');
select pg_temp.say('Again', pg_temp.shows('a.txt'));
select be('cy');
select is((select array_agg(name) from files), '{a.txt}', 'until it is shown again');
select is((select count(*) from file_versions where app.may_download(object_path, object_version::text)), 1::bigint, 'and then may have it');

-- Nobody hears a shadow
select be('administrator');
insert into user_restrictions (user_id, restriction_type) values (id('bo'), 'shadow_ban');
select be('bo');
select pg_temp.bring('shadow.txt');
select is((select visibility from pg_temp.say('Psst', pg_temp.shows('shadow.txt'))), 'shadow', 'a shadow shows');
select be('ana');
select is((select count(*) from message_attachments where visibility = 'shadow'), 0::bigint, 'nothing to others');
select is((select count(*) from files where name = 'shadow.txt'), 0::bigint, 'of what it brought');
select be('administrator');
delete from user_restrictions;
select be('bo');
select pg_temp.say('Hello', pg_temp.shows('shadow.txt'));
select be('ana');
select is((select count(*) from files where name = 'shadow.txt'), 1::bigint, 'until it is heard again, and shows it');

-- Taken back
select pg_temp.bring('secret.txt');
select pg_temp.say('Secret', pg_temp.shows('secret.txt', 'kept.txt', 'a.txt'));
select is((select attachments from delete_message(conversation('watercooler'), (select id from messages where body = 'Secret'))), '[]'::jsonb, 'who takes back a message');
select is_empty($$ select from message_attachments a join brought b on b.file = a.file_id where b.name = 'secret.txt' $$, 'takes back its files');
select is((select deleted_at is null from files where name = 'secret.txt'), false, 'those that were brought for it');
select is((select count(*) from files where name in ('kept.txt', 'a.txt') and deleted_at is null), 2::bigint, 'but none that lies in a folder or hangs elsewhere');

-- What becomes of a file, its messages say
create temporary table clock as select last_rev from conversations where id = conversation('watercooler');
select delete_file((select file from brought where name = 'b.png'));
select is((select attachments -> 0 ->> 'status' from messages where message_type = 'image'), 'deleted', 'where a file was remains a mark');
select is((select count(*) from sync_conversation(conversation('watercooler'), (select last_rev from clock))), 2::bigint, 'and whoever catches up learns of it');
select is((select count(*) from message_attachments a join brought b on b.file = a.file_id where b.name = 'b.png'), 2::bigint, 'in every message');
select hint_ok($$ select pg_temp.say('x', pg_temp.shows('b.png')) $$, 'PT422', 'bad_attachment', 'what is gone is shown no more');

-- Gone for good
select be('administrator');
delete from conversations where id = conversation('watercooler');
select is_empty($$ select from message_attachments where conversation_id <> conversation('lunch') $$, 'a conversation takes all with it');
select is((select count(*) from files where deleted_at is null), 1::bigint, 'and leaves others alone');
select is((select array_agg(name) from files where deleted_at is null), '{lunch.txt}', 'in their places');
select is((select count(*) from storage.objects where bucket_id = 'chat'), 1::bigint, 'bytes too');

select * from finish();
