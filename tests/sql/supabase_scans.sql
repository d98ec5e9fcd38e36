-- Verdicts: kept once, and reused for the same bytes.
set local search_path = public, tests;
select plan(14);

create function pg_temp.put(p_name text, p_sha256 text) returns uuid language sql as
  $$ select tests.put(p_name, p_sha256 => p_sha256, p_bucket => 'other') $$;
select be('administrator');
insert into storage.buckets (id, name) values ('other', 'other');
create temporary table put as select pg_temp.put('one', 'aa') as one, pg_temp.put('same', 'aa') as same, pg_temp.put('two', 'bb') as two, pg_temp.put('unknown', null) as unknown;
grant select on put to public;
set local role authenticator;

select ok(not storage.reuse_verdict((select one from put), 'clamd 1'), 'what nobody has looked at has no verdict');
select lives_ok($$ select storage.record_verdict((select one from put), 'infected', 'clamd 1', 'Eicar') $$, 'a verdict is kept');
select ok(storage.reuse_verdict((select same from put), 'clamd 1'), 'and holds for the same bytes');
select ok(not storage.reuse_verdict((select two from put), 'clamd 1'), 'but for no others');
select ok(not storage.reuse_verdict((select same from put), 'clamd 2'), 'and until there are new signatures');
select lives_ok($$ select storage.record_verdict((select unknown from put), 'clean', 'clamd 1', null) $$, 'bytes without a digest have one too');
select ok(not storage.reuse_verdict((select unknown from put), 'clamd 1'), 'which is for them alone');
select lives_ok($$ select storage.record_verdict((select one from put), 'clean', 'clamd 2', null) $$, 'a newer verdict takes the place of the older');
select throws_ok($$ select storage.record_verdict((select two from put), 'fine', 'clamd 2', null) $$, '23514', null, 'there are three verdicts');
select throws_ok($$ select storage.request_scan((select two from put)) $$, '42501', null, 'the server does not ask itself');
select be('administrator');
select is((select concat_ws(' ', verdict, engine, signature, sha256) from storage.scans s join put on put.one = s.version), 'clean clamd 2 aa', 'as it was told');
select is((select concat_ws(' ', verdict, signature) from storage.scans s join put on put.same = s.version), 'infected Eicar', 'each by itself');
select storage.request_scan(two) from put;
select storage.request_scan(two) from put;
select is((select count(*) from walkie.jobs where kind = 'scan'), 1::bigint, 'what waits to be looked at waits once');
select be('ana');
select throws_ok($$ select storage.record_verdict(gen_random_uuid(), 'clean', 'me', null) $$, '42501', null, 'nobody judges their own');

select * from finish();
