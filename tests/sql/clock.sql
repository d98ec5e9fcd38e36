-- What time it is.
set local search_path = public, tests;
select plan(3);

select is(app.now(), now(), 'it is now');
do $$ begin perform set_config('app.test_now', '2030-01-01 12:00:00+00', true); end $$;
select is(app.now(), '2030-01-01 12:00:00+00'::timestamptz, 'unless a test says otherwise');
do $$ begin perform set_config('app.test_now', '', true); end $$;
select is(app.now(), now(), 'and no longer');

select * from finish();
