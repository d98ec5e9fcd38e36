-- What policies on files ask, how a write is tried and kept, and when bytes are let go of.
set local search_path = public, tests;
select plan(47);

select is(storage.foldername('a/b/c.txt'), array['a', 'b'], 'the folders of a name');
select is(storage.foldername('c.txt'), '{}'::text[], 'there may be none');
select is(storage.filename('a/b/c.tar.gz'), 'c.tar.gz', 'its last part');
select is(storage.extension('a.b/c.tar.gz'), 'gz', 'and what follows its last dot');
select is(storage.operation(), null, 'outside of a request nothing is being done');
set local storage.operation = 'storage.object.upload';
select is(storage.operation(), 'storage.object.upload', 'inside of one something is');
select is(storage.allow_only_operation('object.upload'), true, 'it is asked for with or without its first word');
select is(storage.allow_only_operation('storage.object.list'), false, 'another is another');
select is(storage.allow_any_operation(array['object.list', 'object.upload']), true, 'one of several');
select is(storage.allow_any_operation('{}'), false, 'none of none');

insert into storage.buckets (id, name) values ('plain', 'plain');
insert into storage.buckets (id, name, versioning_status) values ('kept', 'kept', 'ENABLED');
create policy own on storage.objects for all to authenticated
  using (owner_id = (select auth.uid())::text) with check (owner_id = (select auth.uid())::text);
create table tests.heard (event text);
grant insert on tests.heard to public;
create function tests.hear() returns trigger language plpgsql as
  $$ begin insert into tests.heard values (tg_op); return null; end $$;
create trigger a_hear after insert or update on storage.objects for each row execute function tests.hear();

select tests.be('ana');
select lives_ok(format($$ select storage.try_write('{"bucket_id": "plain", "name": "x", "owner_id": "%s"}', false) $$, tests.id('ana')),
                'ana may write her own');
select throws_ok(format($$ select storage.try_write('{"bucket_id": "plain", "name": "x", "owner_id": "%s"}', false) $$, tests.id('bo')),
                 '42501', null, 'and nobody else''s');
select throws_ok(format($$ select storage.can_insert_object('plain', 'x', '%s', '{}') $$, tests.id('ana')), '42501', null,
                 'the older question asks the policies too');
select throws_ok($$ select storage.put_object('{}', true) $$, '42501', null, 'people cannot write past the policies');
select throws_ok($$ select storage.open_blob(gen_random_uuid()) $$, '42501', null, 'nor into the ledger');
select throws_ok($$ select from storage.blobs $$, '42501', null, 'nor read it');
select tests.be('administrator');
select is((select count(*)::int from storage.objects), 0, 'a trial leaves nothing');
select is((select count(*)::int from tests.heard), 0, 'and no trigger after the row hears of it');

set local role supabase_storage_admin;
select storage.open_blob('10000000-0000-4000-8000-000000000001');
select storage.keep_blob('10000000-0000-4000-8000-000000000001', 5);
select throws_ok($$ select storage.keep_blob('10000000-0000-4000-8000-000000000002', 5) $$, 'PT408', null,
                 'bytes that the ledger does not know cannot be kept');
select is((select o.name from storage.put_object('{"bucket_id": "plain", "name": "x", "version": "10000000-0000-4000-8000-000000000001"}', false) o),
          'x', 'an object is put');
select throws_ok($$ select storage.put_object('{"bucket_id": "plain", "name": "x"}', false) $$, '23505', null, 'once');
select storage.open_blob('10000000-0000-4000-8000-000000000003');
select storage.keep_blob('10000000-0000-4000-8000-000000000003', 5);
select lives_ok($$ select storage.put_object('{"bucket_id": "plain", "name": "x", "version": "10000000-0000-4000-8000-000000000003"}', true) $$,
                'or again where that is meant');
select is((select state from storage.blobs where version = '10000000-0000-4000-8000-000000000001'), 'doomed',
          'bytes that are overwritten are let go of');
select is((select state from storage.blobs where version = '10000000-0000-4000-8000-000000000003'), 'kept', 'the others stay');
reset role;
select throws_ok('delete from storage.objects', '42501', null, 'nobody deletes files by a slip');
set local storage.allow_delete_query = true;
delete from storage.objects where bucket_id = 'plain';
select is((select state from storage.blobs where version = '10000000-0000-4000-8000-000000000003'), 'doomed',
          'whoever means it frees the bytes');

insert into storage.blobs (version, state) values ('10000000-0000-4000-8000-000000000009', 'kept');
select tests.be('ana');
select throws_ok(format($$ insert into storage.objects (bucket_id, name, owner_id, version)
                           values ('plain', 'stolen', '%s', '10000000-0000-4000-8000-000000000009') $$, tests.id('ana')),
                 '42501', 'these bytes belong to another object', 'nobody takes bytes by naming them');
select lives_ok(format($$ insert into storage.objects (bucket_id, name, owner_id) values ('plain', 'seeded', '%s') $$, tests.id('ana')),
                'a row without bytes is no theft');
select tests.be('administrator');

set local role supabase_storage_admin;
select storage.open_blob('10000000-0000-4000-8000-000000000004'), storage.keep_blob('10000000-0000-4000-8000-000000000004', 1);
select storage.open_blob('10000000-0000-4000-8000-000000000005'), storage.keep_blob('10000000-0000-4000-8000-000000000005', 1);
select storage.put_object('{"bucket_id": "kept", "name": "y", "version": "10000000-0000-4000-8000-000000000004"}', true);
select storage.put_object('{"bucket_id": "kept", "name": "y", "version": "10000000-0000-4000-8000-000000000005"}', true);
reset role;
select is((select count(*)::int from storage.objects where name = 'y'), 2, 'a bucket may keep what is overwritten');
select is((select state from storage.blobs where version = '10000000-0000-4000-8000-000000000004'), 'kept', 'with its bytes');
select storage.delete_current(id) from storage.objects where name = 'y' and archived_at is null;
select is((select is_delete_marker from storage.objects where name = 'y' and archived_at is null), true, 'what is deleted is marked');
select is((select count(*)::int from storage.objects where name = 'y' and archived_at is not null), 2, 'and kept');
select is(storage.is_gone('kept', 'y'), true, 'it is gone for people');
select storage.delete_version(id) from storage.objects where name = 'y' and archived_at is null;
select is((select version from storage.objects where name = 'y' and archived_at is null), '10000000-0000-4000-8000-000000000005',
          'without the mark the version before it is current again');
update storage.objects set expires_at = now() where name = 'y' and archived_at is null;
select is(storage.expire_objects(10), 1, 'what is over goes');
select is((select state from storage.blobs where version = '10000000-0000-4000-8000-000000000005'), 'doomed', 'with its bytes');
insert into storage.blobs (version, state, until) values ('10000000-0000-4000-8000-000000000006', 'writing', now());
select is(storage.doom_left_behind(), 1, 'so does what was never finished');

truncate storage.objects;
select is((select count(*)::int from storage.blobs where state = 'kept'), 0, 'when all goes at once, so do the bytes');
set local storage.allow_delete_query = false;
select throws_ok('truncate storage.objects', '42501', null, 'which nobody does by a slip');
set local storage.allow_delete_query = true;

insert into storage.objects (bucket_id, name, owner_id, metadata)
values ('plain', 'q1', 'q', '{"size": 40}'), ('plain', 'q2', 'q', '{"size": 50}'), ('kept', 'q3', 'q', '{"size": "odd"}');
select is((select array_agg((bucket_id, bytes, objects)::text order by bucket_id) from storage.usage where owner_id = 'q'),
          array['(kept,0,1)', '(plain,90,2)'], 'what each owner keeps is counted');
insert into storage.quotas (max_bytes) values (100);
select throws_ok($$ update storage.objects set metadata = '{"size": 51}' where name = 'q1' $$, 'PT413', null, 'nobody keeps more than a quota permits');
select throws_ok($$ insert into storage.objects (bucket_id, name, owner_id, metadata) values ('kept', 'q4', 'q', '{"size": 11}') $$,
                 'PT413', null, 'in all buckets together');
select lives_ok($$ insert into storage.objects (bucket_id, name, owner_id, metadata) values ('kept', 'q4', 'r', '{"size": 11}') $$,
                'another owner has a quota of their own');
delete from storage.objects where name like 'q%';
select is((select sum(bytes)::int from storage.usage), 0, 'what is deleted counts no more');

insert into storage.objects (bucket_id, name) values ('plain', 'a/1'), ('plain', 'a/2'), ('plain', 'b');
select is((select array_agg(name order by name) from storage.search('', 'plain')), array['a', 'b'], 'a list by folders');
select is((select array_agg(name order by name) from storage.list_objects_with_delimiter('plain', '', '/')), array['a/', 'b'],
          'folders count once');
select is(storage.missing_policies('storage.objects', 'anon', array['INSERT', 'SELECT']), array['INSERT', 'SELECT'],
          'what no policy permits a role');

select * from finish();
