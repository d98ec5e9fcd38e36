-- Who may do what with the objects of chat and avatars. FIL-08 FIL-12 FIL-13
set local search_path = public, tests;
select plan(24);

create temporary table place as select ''::text as path where false;
grant all on place to public;
create function pg_temp.path() returns text language sql as $$ select path from place $$;
create function pg_temp.try(p_bucket text, p_name text) returns void language sql as
  $$ insert into storage.objects (bucket_id, name, owner_id) values (p_bucket, p_name, auth.uid()::text) $$;
create function pg_temp.seen() returns bigint language sql as $$ select count(*) from storage.objects where bucket_id = 'chat' $$;

-- chat
select be('ana');
insert into place select request_upload(conversation('watercooler'), 'a.txt', 4) ->> 'path';
select be('bo');
select throws_ok($$ select pg_temp.try('chat', pg_temp.path()) $$, '42501', null, 'a path is for whoever was given it');
select throws_ok($$ select pg_temp.try('chat', conversation('watercooler') || '/x/1/a.txt') $$, '42501', null, 'nobody makes up their own');
select throws_ok($$ select pg_temp.try('chat', conversation('lunch') || '/x/1/a.txt') $$, '42501', null, 'least in another conversation');
select throws_ok($$ select pg_temp.try('avatars', pg_temp.path()) $$, '42501', null, 'or bucket');
select throws_ok($$ select pg_temp.try('chat', pg_temp.path() || '/../b.txt') $$, '42501', null, 'or by a detour');
select be('ana');
select lives_ok($$ select pg_temp.try('chat', pg_temp.path()) $$, 'whoever was given it fills it');
select be('administrator');
delete from place;
set local storage.allow_delete_query = true;
delete from storage.objects where bucket_id = 'chat';
set local storage.allow_delete_query = false;
select be('ana');
insert into place select object_path from bring('watercooler', 'b.txt');
select is(pg_temp.seen(), 1::bigint, 'members have it');
select throws_ok($$ select pg_temp.try('chat', pg_temp.path()) $$, '42501', null, 'it is filled once');
update storage.objects set name = 'elsewhere', user_metadata = '{}' where bucket_id = 'chat';
select is((select name from storage.objects where bucket_id = 'chat'), pg_temp.path(), 'and moved by nobody');
set local storage.allow_delete_query = true;
delete from storage.objects where bucket_id = 'chat';
set local storage.allow_delete_query = false;
select is(pg_temp.seen(), 1::bigint, 'or deleted past delete_file');
select be('bo');
select is(pg_temp.seen(), 1::bigint, 'another member has it');
select be('cy');
select is(pg_temp.seen(), 0::bigint, 'an outsider has not, though they guess the path');
select be('nobody');
select is(pg_temp.seen(), 0::bigint, 'nor has nobody');
select be('administrator');
update conversation_members set left_at = now() where conversation_id = conversation('watercooler') and member_id = id('bo');
select be('bo');
select is(pg_temp.seen(), 0::bigint, 'nor whoever was removed, from then on');
select be('administrator');
update file_versions set scan_status = 'infected';
update conversation_members set left_at = null where conversation_id = conversation('watercooler') and member_id = id('bo');
select be('bo');
select is(pg_temp.seen(), 0::bigint, 'what is infected no member has');
select be('ana');
select is(pg_temp.seen(), 0::bigint, 'nor its uploader');

-- avatars
select lives_ok($$ select pg_temp.try('avatars', id('ana') || '/1.png') $$, 'people put up a picture of themselves');
select lives_ok($$ update storage.objects set user_metadata = '{}' where bucket_id = 'avatars' $$, 'replace it');
select is((select count(*) from storage.objects where bucket_id = 'avatars' and user_metadata is not null), 1::bigint, 'and find it');
select throws_ok($$ select pg_temp.try('avatars', id('bo') || '/1.png') $$, '42501', null, 'but none of others');
select throws_ok($$ update storage.objects set name = id('bo') || '/1.png' where bucket_id = 'avatars' $$, '42501', null, 'nor by a detour');
select be('bo');
update storage.objects set user_metadata = '{"bo": 1}' where bucket_id = 'avatars';
set local storage.allow_delete_query = true;
delete from storage.objects where bucket_id = 'avatars';
select be('administrator');
select is((select user_metadata from storage.objects where bucket_id = 'avatars'), '{}', 'nobody replaces or deletes another''s');
select be('ana');
delete from storage.objects where bucket_id = 'avatars';
select be('administrator');
select is((select count(*) from storage.objects where bucket_id = 'avatars'), 0::bigint, 'one deletes one''s own');
select is((select count(*) from storage.objects where bucket_id = 'chat'), 1::bigint, 'and nothing else');

select * from finish();
