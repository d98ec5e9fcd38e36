-- What time it is: every rule about time asks here, so that a test can move the clock.

create or replace function app.now()
returns timestamptz
language plpgsql stable
security definer set search_path = ''  -- the clock is nobody's to read, and to move
as $$
begin
  -- A setting moves it for one session, and only for one of whoever owns the rules: anybody could set one.
  if coalesce(current_setting('app.test_now', true), '') <> ''
     and pg_has_role(session_user, (select n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'app'), 'member') then
    return current_setting('app.test_now')::timestamptz;
  end if;
  return now() + coalesce((select c.ahead from app.clock c), interval '0');
end
$$;
comment on function app.now() is
  'Gives the time of the transaction. Tests move it: for the whole database by a row in app.clock, for their session by app.test_now, which is heeded in sessions of the owner alone.';
