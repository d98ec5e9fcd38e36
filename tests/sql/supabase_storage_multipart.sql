-- Uploads in parts: which parts stay, who completes one, and when their bytes are let go of.
set local search_path = public, tests;
select plan(21);

insert into storage.buckets (id, name) values ('parts', 'parts');

select tests.be('ana');
select throws_ok($$ select from storage.s3_multipart_uploads $$, '42501', null, 'people do not read uploads past the server');
select throws_ok($$ select storage.claim_upload(gen_random_uuid(), gen_random_uuid()) $$, '42501', null, 'nor complete them');
select throws_ok($$ select storage.put_part(gen_random_uuid(), 1, gen_random_uuid(), 1, '', null, 1) $$, '42501', null,
                 'nor add to them');
select tests.be('administrator');

set local role supabase_storage_admin;
insert into storage.s3_multipart_uploads (id, bucket_id, key, wish, until)
values ('20000000-0000-4000-8000-000000000001', 'parts', 'x', '{}', now() + interval '1 hour'),
       ('20000000-0000-4000-8000-000000000002', 'parts', 'y', '{}', now());
select storage.open_blob(('10000000-0000-4000-8000-00000000000' || n)::uuid) from generate_series(1, 5) n;

create function pg_temp.put(number integer, bytes integer, size bigint) returns boolean language sql as $$
  select storage.put_part('20000000-0000-4000-8000-000000000001', number,
                          ('10000000-0000-4000-8000-00000000000' || bytes)::uuid, size, 'tag', null, 10)
$$;
create function pg_temp.state(bytes integer) returns text language sql as $$
  select state from storage.blobs where version = ('10000000-0000-4000-8000-00000000000' || bytes)::uuid
$$;

select is(pg_temp.put(1, 1, 6), true, 'a part is kept');
select is(pg_temp.put(1, 2, 4), true, 'and another in its place');
select is(pg_temp.state(1), 'doomed', 'the bytes of the first are let go of');
select is(pg_temp.state(2), 'writing', 'those of the second are not an object''s yet');
select is(pg_temp.put(2, 3, 6), true, 'as much as may be');
select throws_ok($$ select pg_temp.put(3, 4, 1) $$, 'PT413', null, 'and no more, all together');
select is((select in_progress_size from storage.s3_multipart_uploads where key = 'x'), 10::bigint, 'which is noted');
select is(storage.put_part('20000000-0000-4000-8000-000000000002', 1, '10000000-0000-4000-8000-000000000004', 1, '', null, 10),
          false, 'an upload whose time is over takes none');
select is(storage.put_part('20000000-0000-4000-8000-000000000003', 1, '10000000-0000-4000-8000-000000000004', 1, '', null, 10),
          false, 'nor does one that is not there');

create function pg_temp.claim(bytes integer) returns text language sql as $$
  select storage.claim_upload('20000000-0000-4000-8000-000000000001', ('10000000-0000-4000-8000-00000000000' || bytes)::uuid)
$$;
select is(pg_temp.claim(4), 'ours', 'the first to complete it may');
select is(pg_temp.claim(5), 'busy', 'the second may not meanwhile');
select storage.give_up_blob('10000000-0000-4000-8000-000000000004');
select is(pg_temp.claim(5), 'ours', 'but when nothing came of the first');
select storage.keep_blob('10000000-0000-4000-8000-000000000005', 10);
select is(pg_temp.claim(4), 'done', 'and nobody once it is done');
select is(storage.claim_upload('20000000-0000-4000-8000-000000000003', '10000000-0000-4000-8000-000000000004'), null,
          'what is not there is nobody''s');

select is(storage.expire_uploads(), 1, 'what is over is given up');
delete from storage.s3_multipart_uploads where key = 'x';
select is((select count(*)::int from storage.s3_multipart_uploads_parts), 0, 'parts go with their upload');
select is(pg_temp.state(2) || pg_temp.state(3), 'doomeddoomed', 'and their bytes with them');
select is(pg_temp.state(5), 'kept', 'apart from what became of it');
select * from finish();
