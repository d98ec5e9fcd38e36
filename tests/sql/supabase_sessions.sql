-- What a device and an address are called, and what is written down when sessions end.
set local search_path = public, tests;
select plan(16);

select is(auth.device('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'), 'Chrome on Windows', 'a browser and a system');
select is(auth.device('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0'), 'Edge on Windows', 'whoever claims to be another is told apart');
select is(auth.device('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'), 'Safari on iPhone', 'a phone is not the computer it resembles');
select is(auth.device('Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'), 'Chrome on Android', 'nor is this one');
select is(auth.device('okhttp/5.1.0'), 'okhttp', 'a program has its own name');
select is(auth.device('Mozilla/5.0'), '', 'nothing is known of some');
select is(auth.device(null), '', 'or said by them');

select is(auth.address_class('203.0.113.77'), '203.0.0.0/16', 'of an address the network is told');
select is(auth.address_class('2001:db8:1:2::3'), '2001:db8::/32', 'of a long one too');
select is(auth.address_class('192.168.1.9'), 'local network', 'unless it is one at home');
select is(auth.address_class('::1'), 'this machine', 'or here');
select is(auth.address_class(null), null, 'or unknown');

insert into auth.sessions (id, user_id, created_at, updated_at)
values ('50000000-0000-4000-8000-000000000001', tests.id('ana'), now(), now()),
       ('50000000-0000-4000-8000-000000000002', tests.id('ana'), now(), now());
set local walkie.token_seconds = '3600';
delete from auth.sessions where id = '50000000-0000-4000-8000-000000000001';
select is((select format('%s %s %s', kind, id, until = now() + interval '1 hour 1 minute') from auth.revocations),
          'session 50000000-0000-4000-8000-000000000001 t', 'tokens of an ended session are refused for as long as they could live');
select is(current_setting('walkie.revoked'),
          format('session 50000000-0000-4000-8000-000000000001 %s', ceil(extract(epoch from now() + interval '1 hour 1 minute'))::bigint),
          'and the server that ended it knows at once');
update auth.sessions set not_after = now() where id = '50000000-0000-4000-8000-000000000002';
select is((select count(*) from auth.revocations), 2::bigint, 'a session that is over is as good as deleted');

select tests.be('ana');
select is_empty('select id from public.my_sessions()', 'nobody lists what is over');

select * from finish();
