-- What time it is.
set local search_path = public, tests;
select plan(6);

select is(app.now(), now(), 'it is now');
do $$ begin perform set_config('app.test_now', '2030-01-01 12:00:00+00', true); end $$;
select is(app.now(), '2030-01-01 12:00:00+00'::timestamptz, 'unless a test says otherwise');
do $$ begin perform set_config('app.test_now', '', true); end $$;
select is(app.now(), now(), 'and no longer');
insert into app.clock (ahead) values (interval '1 day');
select is(app.now(), now() + interval '1 day', 'or the whole database lives in another time');
select throws_ok($$ insert into app.clock (ahead) values (interval '2 days') $$, '23505', null, 'in one');
select tests.be('ana');
select throws_ok($$ delete from app.clock $$, '42501', null, 'which is nobody''s to move');

select * from finish();
