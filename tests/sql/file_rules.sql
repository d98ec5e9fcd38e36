-- Which files are taken, and how much. FIL-05 FIL-06
set local search_path = public, tests;
select plan(37);

-- Name, what is said, what the bytes tell: one type, or a lie
create function pg_temp.lies(p_name text, p_said text, p_found text) returns boolean language sql as
  $$ select app.file_type(p_name, p_said, p_found) is null $$;
select is(app.file_type('cat.png', 'image/png', 'image/png'), 'image/png', 'a picture is a picture');
select is(app.file_type('CAT.PNG', null, 'image/png'), 'image/png', 'in capitals too');
select is(app.file_type('notes.md', 'application/octet-stream', null), 'text/markdown', 'words tell nothing, so the name does');
select is(app.file_type('letter.docx', null, 'application/zip'), 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'a letter looks like its wrapping');
select is(app.file_type('clip.mov', null, 'video/mp4'), 'video/quicktime', 'and films like each other');
select is(app.file_type('cat', 'image/png', 'image/png'), 'image/png', 'a name may end as it likes');
select is(app.file_type('cat.xyz', 'text/x-own', null), 'text/x-own', 'of what nobody knows its uploader speaks');
select is(app.file_type('cat', null, null), 'application/octet-stream', 'or nobody');
select is(app.file_type('cat', 'text/plain', 'application/pdf'), null, 'what is said must be so');
select ok(pg_temp.lies('cat.exe', 'image/png', 'image/png'), 'a picture under a program''s name is a lie');
select ok(pg_temp.lies('virus.png', 'image/png', 'application/vnd.microsoft.portable-executable'), 'as is a program under a picture''s');
select ok(pg_temp.lies('cat.png', 'image/png', null), 'as is nothing under a picture''s');
select ok(pg_temp.lies('cat', 'image/png', null), 'or said to be one');
select ok(pg_temp.lies('letter.docx', null, 'application/pdf'), 'as is one wrapping for another');
select ok(pg_temp.lies('readme.txt', 'text/plain', 'application/x-executable'), 'or a program that calls itself words');

-- What an organisation takes
update orgs set settings = '{"allowed_mime": ["image/*", "application/pdf"], "max_file_mb": 10}' where slug = 'default';
select ok(app.takes_type(app.first_org(), 'image/png'), 'a kind takes what is of it');
select ok(app.takes_type(app.first_org(), 'application/pdf'), 'a type itself');
select ok(not app.takes_type(app.first_org(), 'application/zip'), 'and nothing else');
select ok(not app.takes_type(app.first_org(), 'image/svg+xml'), 'a drawing with programs in it is not a picture');
update orgs set settings = '{"allowed_mime": ["*/*"], "max_file_mb": 10}' where slug = 'default';
select ok(app.takes_type(app.first_org(), 'image/svg+xml'), 'unless anything goes');
select is(app.max_file_bytes(app.first_org()), 10485760::bigint, 'ten megabytes are so many bytes');
select hint_ok($$ update orgs set settings = '{"allowed_mime": ["image"]}' where slug = 'default' $$, 'PT422', 'bad_setting', 'a type has two parts');
select hint_ok($$ update orgs set settings = '{"allowed_mime": "image/png"}' where slug = 'default' $$, 'PT422', 'bad_setting', 'types come as a list');
select hint_ok($$ update orgs set settings = '{"max_file_mb": "10"}' where slug = 'default' $$, 'PT422', 'bad_setting', 'megabytes are a number');

-- How much may be kept
select is(app.file_quota(app.first_org(), tests.id('ana')), null, 'nobody is bounded');
insert into file_quotas (org_id, scope, max_bytes) values (app.first_org(), 'person', 100), (app.first_org(), 'org', 150);
insert into file_quotas (org_id, scope, user_id, max_bytes) values (app.first_org(), 'person', tests.id('bo'), 1000);
select is(app.file_quota(app.first_org(), tests.id('ana')), 100::bigint, 'until somebody bounds each');
select is(app.file_quota(app.first_org(), tests.id('bo')), 1000::bigint, 'or one in particular');
select is(app.file_quota(app.first_org(), null), 150::bigint, 'or all together');
select throws_ok($$ insert into file_quotas (org_id, scope, max_bytes) values (app.first_org(), 'org', 7) $$, '23505', null, 'once each');
select app.count_bytes(app.first_org(), tests.id('ana'), 90);
select lives_ok($$ select app.require_room(app.first_org(), tests.id('ana'), 10) $$, 'what fits exactly is let in');
select hint_ok($$ select app.require_room(app.first_org(), tests.id('ana'), 11) $$, 'PT413', 'quota_full', 'one byte more is not');
select hint_ok($$ select app.require_room(app.first_org(), tests.id('bo'), 61) $$, 'PT413', 'quota_full', 'nor what all together have no room for');
select app.count_bytes(app.first_org(), tests.id('ana'), -90);

-- What a client asks before it uploads
select be('ana');
select is(file_limits(tests.conversation('watercooler')),
          '{"refusal": null, "max_bytes": 10485760, "allowed_mime": ["*/*"], "used_bytes": 0, "quota_bytes": 100}'::jsonb, 'one is told beforehand');
select hint_ok($$ select file_limits(tests.conversation('lobby')) $$, 'PT404', 'not_member', 'of one''s own conversations');
select be('administrator');
insert into user_restrictions (user_id, restriction_type) values (tests.id('ana'), 'no_files');
select be('ana');
select is(file_limits(tests.conversation('watercooler')) ->> 'refusal', 'no_files', 'and why not');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Words I may') $$, 'who may send no files may speak');
select hint_ok($$ select request_upload(tests.conversation('watercooler'), 'a.txt', 1) $$, '42501', 'no_files', 'but sends no files');

select * from finish();
