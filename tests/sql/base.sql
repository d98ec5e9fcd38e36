-- Ids sort by the time they were made.
set local search_path = public, tests;
select plan(3);

select ok(base.uuid7()::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'an id is a uuid of version 7');
select ok(abs(('x' || lpad(left(replace(base.uuid7()::text, '-', ''), 12), 16, '0'))::bit(64)::bigint
              - extract(epoch from clock_timestamp()) * 1000) < 1000, 'it begins with the time in milliseconds');
select is((select count(distinct base.uuid7()) from generate_series(1, 1000)), 1000::bigint, 'no two are the same');

select * from finish();
