-- What policies on realtime.messages ask, and the upkeep of its partitions.

create or replace function realtime.topic()
returns text
language sql stable
as $$
  select nullif(current_setting('realtime.topic', true), '')
$$;
comment on function realtime.topic() is
  'Gives the name of the private channel being judged, without the leading realtime:, or null outside such a judgement.';

create or replace function realtime.ensure_partitions()
returns void
language plpgsql
security definer set search_path = ''  -- a partition belongs to the owner of its table, whoever asked
as $$
declare
  today date := timezone('utc', now())::date;
  day date;
begin
  perform pg_advisory_xact_lock(hashtext('realtime.ensure_partitions'));
  for offset_days in -1 .. 3 loop
    day := today + offset_days;
    if to_regclass(format('realtime.%I', 'messages_' || to_char(day, 'YYYY_MM_DD'))) is null then
      execute format('create table realtime.%I partition of realtime.messages for values from (%L) to (%L)',
        'messages_' || to_char(day, 'YYYY_MM_DD'), day, day + 1);
    end if;
  end loop;
end
$$;
comment on function realtime.ensure_partitions() is
  'Makes the daily partitions of realtime.messages from yesterday to three days ahead, where they are missing.';

alter function realtime.topic() owner to supabase_realtime_admin;
alter function realtime.ensure_partitions() owner to supabase_realtime_admin;

grant execute on function realtime.topic() to anon, authenticated, service_role;
revoke execute on function realtime.ensure_partitions() from public;

select realtime.ensure_partitions();
