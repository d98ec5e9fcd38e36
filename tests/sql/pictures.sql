-- Pictures: measured, stripped where the organisation wishes it, and shown small. FIL-09 SEC-06
set local search_path = public, tests;
select plan(29);

create temporary table brought as select null::file_versions as v where false;
grant all on brought to public;
create function pg_temp.one(p_name text) returns file_versions language sql security definer as
  $$ select v.* from public.file_versions v where v.name = p_name $$;
create function pg_temp.has(p_name text) returns boolean language sql as
  $$ select app.may_download((v).object_path, (v).object_version::text) from (select pg_temp.one(p_name) as v) one $$;
-- What the server does when it has looked.
create function pg_temp.settle(p_name text, p_is_bare boolean, p_replacement uuid default null, p_size bigint default null) returns void
language plpgsql security definer as $$
begin
  if p_replacement is not null then
    perform storage.open_blob(p_replacement);
  end if;
  perform storage.settle_picture((pg_temp.one(p_name)).object_version, 40, 30, p_is_bare, p_replacement, p_size, 'feed',
                                 case when p_replacement is not null then 'beef' end);
end $$;
create function pg_temp.asked() returns text language sql security definer as
  $$ select string_agg(payload ->> 'is_bare', ' ' order by id) from walkie.jobs where kind = 'picture' and state = 'ready' $$;

-- Where nothing is stripped
select be('ana');
select tests.bring('watercooler', 'cat.png', p_found => 'image/png');
select tests.bring('watercooler', 'words.txt');
select is((pg_temp.one('cat.png')).scan_status, 'skipped', 'a picture is there at once');
select is(pg_temp.asked(), 'false', 'and is looked at, as words are not');
select is(thumb_path(pg_temp.one('cat.png')), null, 'until then nobody knows how large it is');
select send_message(tests.conversation('watercooler'), 'Cat', p_attachments => jsonb_build_array(jsonb_build_object('file_id', (pg_temp.one('cat.png')).file_id)));
select pg_temp.settle('cat.png', false);
select is(((pg_temp.one('cat.png')).width, (pg_temp.one('cat.png')).height)::text, '(40,30)', 'then they do');
select is((select concat_ws(' ', attachments -> 0 ->> 'width', attachments -> 0 ->> 'height') from messages where body = 'Cat'), '40 30', 'and messages tell it');
select is(thumb_path(pg_temp.one('cat.png')), format('render/image/authenticated/chat/%s?width=320&height=320&resize=contain&versionId=%s',
          (pg_temp.one('cat.png')).object_path, (pg_temp.one('cat.png')).object_version), 'with where it is small');
select is((select attachments -> 0 ->> 'thumb_path' from messages where body = 'Cat'), thumb_path(pg_temp.one('cat.png')), 'in messages, too');

-- Where they are
select be('administrator');
update orgs set settings = '{"strip_pictures": true}' where slug = 'default';
select hint_ok($$ update orgs set settings = '{"strip_pictures": 1}' $$, 'PT422', 'bad_setting', 'one strips or not');
select be('ana');
select tests.bring('watercooler', 'raw.png', p_found => 'image/png');
select is((pg_temp.one('raw.png')).scan_status, 'pending', 'a picture waits until it is stripped');
select is(pg_temp.asked(), 'false true', 'which is asked for');
select ok(pg_temp.has('raw.png'), 'its uploader has it');
select hint_ok($$ select request_upload(tests.conversation('watercooler'), 'x.heic', 4) $$, 'PT415', 'bad_file_type', 'what cannot be stripped stays out');
select lives_ok($$ select tests.bring('watercooler', 'x.gif', p_found => 'image/gif') $$, 'unless nothing is noted in it');
select be('bo');
select ok(not pg_temp.has('raw.png'), 'others do not');
select pg_temp.settle('raw.png', false);
select ok(not pg_temp.has('raw.png'), 'nor when it was only measured');
select be('administrator');
create temporary table before as select (pg_temp.one('raw.png')).*, (select sum(bytes) from app.file_usage) as used;
grant select on before to public;
select be('bo');
select pg_temp.settle('raw.png', true, '5a000000-0000-4000-8000-000000000001', 3);
select is((pg_temp.one('raw.png')).scan_status, 'skipped', 'but when it is stripped');
select ok(pg_temp.has('raw.png'), 'they do');
select is((pg_temp.one('raw.png')).object_version, '5a000000-0000-4000-8000-000000000001', 'of the new bytes');
select is((pg_temp.one('raw.png')).sha256, 'beef', 'by their digest');
select be('administrator');
select is((select sum(bytes) from app.file_usage) - (select used from before), -2::numeric, 'which are counted, for its owner and the organisation');
select is((select state from storage.blobs where version = (select object_version from before)), 'doomed', 'and the first are let go of');
select is((select concat_ws(' ', metadata ->> 'size', metadata ->> 'eTag') from storage.objects where version = '5a000000-0000-4000-8000-000000000001'),
          '3 "feed"', 'downloads tell the new ones');

-- After the scanner
select storage.note_scanner('clamd');
select be('ana');
select tests.bring('watercooler', 'seen.png', p_found => 'image/png');
select is(pg_temp.asked(), 'false true', 'what is scanned is not looked at before');
select be('administrator');
select storage.record_verdict((pg_temp.one('seen.png')).object_version, 'clean', 'clamd 1', null);
select is((pg_temp.one('seen.png')).scan_status, 'pending', 'and clean is not enough');
select is(pg_temp.asked(), 'false true true', 'then it is');
select pg_temp.settle('seen.png', true);
select is((pg_temp.one('seen.png')).scan_status, 'clean', 'and is clean, when there was nothing to take out');
select be('ana');
select tests.bring('watercooler', 'odd.png', p_found => 'image/png');
select be('administrator');
select storage.record_verdict((pg_temp.one('odd.png')).object_version, 'failed', 'pictures', 'no picture that can be stripped');
select is((pg_temp.one('odd.png')).scan_status, 'failed', 'what cannot be stripped is its uploader''s alone');

-- Faces
insert into walkie.offers (name, value) values ('media_url', 'https://cdn.example.com') on conflict (name) do update set value = excluded.value;
update profiles set avatar_path = id || '/1.png' where id = id('bo');
select be('ana');
select is((select avatar_url(p) from profiles p where p.id = tests.id('bo')), format('https://cdn.example.com/storage/v1/object/public/avatars/%s/1.png', tests.id('bo')),
          'faces are where the operator serves them');
select is((select avatar_url(p) from profiles p where p.id = tests.id('ana')), null, 'where there are any');

select * from finish();
