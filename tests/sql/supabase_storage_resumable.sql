-- Uploads that may be interrupted, and what hangs on bytes and goes with them.
set local search_path = public, tests;
select plan(19);

insert into storage.buckets (id, name) values ('steps', 'steps');

select tests.be('ana');
select throws_ok($$ select from storage.resumable_uploads $$, '42501', null, 'people do not read uploads past the server');
select throws_ok($$ select storage.add_piece(gen_random_uuid(), 0, gen_random_uuid(), 1, '1 hour') $$, '42501', null, 'nor add to them');
select throws_ok($$ select storage.add_derivative(gen_random_uuid(), 'x', gen_random_uuid(), 1, 'x', 'x') $$, '42501', null, 'nor make pictures');
select throws_ok($$ select storage.settle_picture(gen_random_uuid(), 1, 1, false, null, null, null, null) $$, '42501', null, 'nor settle them');
select tests.be('administrator');

set local role supabase_storage_admin;
create function pg_temp.name(bytes integer) returns uuid language sql as $$ select ('10000000-0000-4000-8000-00000000000' || bytes)::uuid $$;
create function pg_temp.state(bytes integer) returns text language sql as $$ select state from storage.blobs where version = pg_temp.name(bytes) $$;
select storage.open_blob(pg_temp.name(n)) from generate_series(1, 9) n;
insert into storage.resumable_uploads (version, bucket_id, wish, length) values (pg_temp.name(1), 'steps', '{}', 10);

select lives_ok($$ select storage.add_piece(pg_temp.name(1), 0, pg_temp.name(2), 4, '2 days') $$, 'a piece is added');
select is((select received from storage.resumable_uploads), 4::bigint, 'where the upload stands then is noted');
select is(pg_temp.state(2), 'kept', 'the piece is safe');
select ok((select until > now() + interval '47 hours' from storage.blobs where version = pg_temp.name(1)), 'and the upload lives on');
select throws_ok($$ select storage.add_piece(pg_temp.name(1), 0, pg_temp.name(3), 4, '1 hour') $$, 'PT423', null, 'two do not go on from one place');
select throws_ok($$ select storage.add_piece(pg_temp.name(1), 4, pg_temp.name(3), 7, '1 hour') $$, '23514', null, 'nor beyond the end');
update storage.resumable_uploads set pieces = 10000;
select throws_ok($$ select storage.add_piece(pg_temp.name(1), 4, pg_temp.name(3), 1, '1 hour') $$, 'PT400', null, 'nor in ever smaller pieces');

select storage.keep_blob(pg_temp.name(1), 10);
select is_empty('select from storage.resumable_uploads', 'an upload that is kept is none any more');
select is(pg_temp.state(2), 'doomed', 'and its pieces are let go of');
insert into storage.resumable_uploads (version, bucket_id, wish) values (pg_temp.name(4), 'steps', '{}');
select storage.give_up_blob(pg_temp.name(4));
select is_empty('select from storage.resumable_uploads', 'nor is one that is given up');

-- Derivatives, and verdicts
select storage.add_derivative(pg_temp.name(1), 'width:1', pg_temp.name(5), 1, 'image/png', 'a');
select storage.add_derivative(pg_temp.name(1), 'width:1', pg_temp.name(6), 1, 'image/png', 'a');
select storage.add_derivative(pg_temp.name(4), 'width:1', pg_temp.name(7), 1, 'image/png', 'a');
select is(concat_ws(' ', pg_temp.state(5), pg_temp.state(6), pg_temp.state(7)), 'kept doomed doomed', 'a derivative is made once, and only of what is there');
reset role;
select storage.record_verdict('10000000-0000-4000-8000-000000000001', 'clean', 'clamd 1', null);
select storage.record_verdict('20000000-0000-4000-8000-000000000001', 'clean', 'clamd 1', null);
select is((select count(*) from storage.scans), 1::bigint, 'there is no verdict about bytes that nobody knows');
set local role supabase_storage_admin;
update storage.blobs set state = 'doomed' where version = pg_temp.name(1);
select is(pg_temp.state(5), 'doomed', 'what was made of bytes goes with them');
reset role;
select is((select count(*) from storage.scans), 1::bigint, 'the verdict holds while they are there');
delete from storage.blobs where version = '10000000-0000-4000-8000-000000000001';
select is_empty('select from storage.scans', 'and not longer');

select * from finish();
