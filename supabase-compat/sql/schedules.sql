-- What is done again and again: functions that any product may name, called by one server at a time.
--
-- The row is locked while the function runs, and says when it is due next in the same transaction:
-- however many servers look, and wherever one of them dies, what a call does is done once or not at all.

create or replace function walkie.schedule(name text, function regproc, every interval)
returns void
language sql
set search_path = ''
as $$
  insert into walkie.schedules as known (name, function, every)
  select name, format('%I.%I', n.nspname, p.proname), every
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where p.oid = function
  on conflict (name) do update
     set function = excluded.function,
         every = excluded.every,
         next_run = now()
   where (known.function, known.every) is distinct from (excluded.function, excluded.every)
$$;
comment on function walkie.schedule is
  'Takes a name, a function that takes nothing and how often; has the servers call it from now on. The same name again replaces it.';

create or replace function walkie.unschedule(name text)
returns void
language sql
set search_path = ''
as $$
  delete from walkie.schedules known where known.name = unschedule.name
$$;
comment on function walkie.unschedule is 'Takes the name of a schedule; its function is called no longer.';

create or replace function walkie.run_due_schedule()
returns table (name text, error text)
language plpgsql
security definer set search_path = ''   -- servers may not call what is scheduled by themselves
as $$
declare
  due walkie.schedules;
  failure text;
begin
  select s.* into due
    from walkie.schedules s
   where s.next_run <= clock_timestamp()
   order by s.next_run
   limit 1
     for update skip locked;
  if due.name is null then
    return;
  end if;
  begin
    execute format('select %s()', due.function);
  exception when others then
    failure := format('%s: %s', sqlstate, sqlerrm);
  end;
  update walkie.schedules s
     set next_run = clock_timestamp() + s.every,
         last_run = clock_timestamp(),
         last_error = left(failure, 500)
   where s.name = due.name;
  return query select due.name, failure;
end
$$;
comment on function walkie.run_due_schedule is
  'Calls one function that is due, notes when it is due next, and gives its name and why it failed, if it did; nothing when none is due.';

create or replace function walkie.offer(name text, value text)
returns void
language sql
security definer set search_path = ''
as $$
  delete from walkie.offers o where o.name = offer.name and offer.value is null;
  insert into walkie.offers as known (name, value)
  select offer.name, offer.value
   where offer.value is not null
  on conflict (name) do update set value = excluded.value
   where known.value <> excluded.value
$$;
comment on function walkie.offer is 'Takes what a server can do besides, and its particulars, or null when it cannot; notes that.';

create or replace function walkie.offered(name text)
returns text
language sql stable
security definer set search_path = ''
as $$
  select o.value from walkie.offers o where o.name = offered.name
$$;
comment on function walkie.offered is 'Takes the name of what servers can do besides; gives its particulars, or null.';

revoke execute on function walkie.schedule, walkie.unschedule, walkie.run_due_schedule, walkie.offer, walkie.offered from public;
grant execute on function walkie.run_due_schedule, walkie.offer to authenticator;
