-- How people want to be told. NTF-02, NTF-07, NTF-08
set local search_path = public, tests;
select plan(26);

create function pg_temp.at(p_when text) returns void language plpgsql as $$ begin perform set_config('app.test_now', p_when, true); end $$;
create function pg_temp.quiet() returns timestamptz language sql security definer as $$ select app.quiet_until(tests.id('bo')) $$;
create function pg_temp.next() returns timestamptz language sql as $$ select digest_next from notification_settings $$;
create function pg_temp.keys() returns jsonb language sql as $$ select jsonb_build_object('p256dh', repeat('B', 87), 'auth', repeat('c', 22)) $$;
create function pg_temp.browsers(p_name text) returns bigint language sql security definer as
  $$ select count(*) from walkie.push_subscriptions where user_id = tests.id(p_name) $$;

-- Quiet hours, by the person's own clock
select tests.be('bo');
update profiles set timezone = 'Asia/Tokyo' where id = tests.id('bo');
insert into notification_settings (quiet_from, quiet_to) values ('22:00', '07:00');
select pg_temp.at('2030-01-01 12:59+00');
select is(pg_temp.quiet(), null, 'it is not ten yet in Tokyo');
select pg_temp.at('2030-01-01 13:00+00');
select is(pg_temp.quiet(), '2030-01-01 22:00+00'::timestamptz, 'now it is, and quiet until seven');
select pg_temp.at('2030-01-01 21:59+00');
select is(pg_temp.quiet(), '2030-01-01 22:00+00'::timestamptz, 'also in the morning');
select pg_temp.at('2030-01-01 22:00+00');
select is(pg_temp.quiet(), null, 'but no longer');
update notification_settings set quiet_from = '09:00', quiet_to = '10:00';
select pg_temp.at('2030-01-01 00:30+00');
select is(pg_temp.quiet(), '2030-01-01 01:00+00'::timestamptz, 'quiet may be by day');
update notification_settings set quiet_from = null, quiet_to = null;
select is(pg_temp.quiet(), null, 'or never');
select throws_ok($$ update notification_settings set quiet_from = '22:00' $$, '23514', null, 'quiet has an end');

-- When the next digest is due
select is(pg_temp.next(), null, 'there is none unless wanted');
update notification_settings set digest = 'daily';
select is(pg_temp.next(), '2030-01-01 23:00+00'::timestamptz, 'daily is at eight, the next time it is');
select pg_temp.at('2030-01-01 22:59+00');
update notification_settings set digest = 'daily';
select is(pg_temp.next(), '2030-01-01 23:00+00'::timestamptz, 'today if it is not past');
update profiles set timezone = 'Europe/Vienna' where id = tests.id('bo');
select is(pg_temp.next(), '2030-01-02 07:00+00'::timestamptz, 'whoever moves has it by the clock there');
update notification_settings set digest = 'weekly', digest_at = '09:30';
select is(pg_temp.next(), '2030-01-07 08:30+00'::timestamptz, 'weekly is on Monday');
select pg_temp.at('2030-01-07 08:00+00');
update notification_settings set digest = 'weekly';
select is(pg_temp.next(), '2030-01-07 08:30+00'::timestamptz, 'this one if it is not past');
update notification_settings set digest = 'hourly';
select is(pg_temp.next(), '2030-01-07 09:00+00'::timestamptz, 'hourly is on the hour');
update notification_settings set digest = 'off';
select is(pg_temp.next(), null, 'off is off');
select throws_ok($$ update notification_settings set digest = 'yearly' $$, '23514', null, 'there is no other');
update profiles set timezone = 'Moon/Crater' where id = tests.id('bo');
select lives_ok($$ update notification_settings set digest = 'daily', digest_at = '08:00' $$, 'a time zone that does not exist');
select is(pg_temp.next(), '2030-01-08 08:00+00'::timestamptz, 'is UTC');

-- Browsers
select is(push_key(), null, 'no server wakes browsers here');
select save_push_subscription(jsonb_build_object('endpoint', 'https://push.example/1', 'expirationTime', null, 'keys', pg_temp.keys()), 'Firefox');
select is(pg_temp.browsers('bo'), 1::bigint, 'a browser is known');
select hint_ok($$ select save_push_subscription('{"endpoint": "https://push.example/1"}') $$, 'PT422', 'bad_subscription', 'with its keys');
select hint_ok($$ select save_push_subscription(jsonb_build_object('endpoint', 'file:///etc/passwd', 'keys', pg_temp.keys())) $$, 'PT422', 'bad_subscription', 'at a place in the web');
select tests.be('ana');
select is(drop_push_subscription('https://push.example/1'), false, 'it is not another''s to forget');
select save_push_subscription(jsonb_build_object('endpoint', 'https://push.example/1', 'keys', pg_temp.keys()));
select is(pg_temp.browsers('bo') || ' ' || pg_temp.browsers('ana'), '0 1', 'unless another signs in there');
select is(drop_push_subscription('https://push.example/1'), true, 'whoever wants is woken no longer');
select tests.be('nobody');
select throws_ok($$ select save_push_subscription('{}') $$, '42501', null, 'nobody is woken');

select * from finish();
