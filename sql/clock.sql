-- What time it is: every rule about time asks here, so that a test can move the clock.

create or replace function app.now()
returns timestamptz
language sql stable
set search_path = ''
as $$
  select coalesce(nullif(current_setting('app.test_now', true), '')::timestamptz, now())
$$;
comment on function app.now() is
  'Gives the time of the transaction, or what app.test_now is set to; clients cannot set that, since they send no SQL.';
