-- What policies on realtime.messages ask, broadcasts sent from SQL, and the upkeep of partitions.

create or replace function realtime.topic()
returns text
language sql stable
as $$
  select nullif(current_setting('realtime.topic', true), '')
$$;
comment on function realtime.topic() is
  'Gives the name of the private channel being judged, without the leading realtime:, or null outside such a judgement.';

create or replace function realtime.place()
returns text
language sql stable parallel restricted
as $$
  select pg_catalog.pg_current_wal_flush_lsn() || '@' || pg_catalog.pg_current_snapshot()
      || coalesce(',' || pg_catalog.pg_current_xact_id_if_assigned(), '')
$$;
comment on function realtime.place() is
  'Gives the place of what the calling statement sees, as text for `after` in a binding of Realtime: whatever it does not see, and whatever its own transaction changes, follows as events. Take it in the statement that reads the rows, or in one before it; in a later one something would be missed. Errors: 55000 on a standby.';

-- Sending. These run as their caller: whoever may insert into realtime.messages, and no one else, is
-- heard. A failure must not undo the work of which the broadcast tells, so it is a warning.

create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void
language plpgsql
set search_path = ''
as $$
declare
  message_id uuid := gen_random_uuid();
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (id, payload, event, topic, private, extension)
  values (message_id,
          case when jsonb_typeof(payload) = 'object' then jsonb_build_object('id', message_id) || payload else payload end,
          event, topic, private, 'broadcast');
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;
comment on function realtime.send(jsonb, text, text, boolean) is
  'Takes a payload, an event, a channel''s name and whether it is the private channel of that name; broadcasts when the transaction commits. An object without an id gets one. A failure is a warning, never an error.';

create or replace function realtime.send_binary(payload bytea, event text, topic text, private boolean default true)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (binary_payload, event, topic, private, extension)
  values (payload, event, topic, private, 'broadcast');
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;
comment on function realtime.send_binary(bytea, text, text, boolean) is
  'As realtime.send, with bytes; sockets of vsn 1.0.0 cannot carry them and hear nothing.';

create or replace function realtime.notify(payload jsonb, event text, topic text, private boolean default true)
returns void
language plpgsql
set search_path = ''
as $$
declare
  notice text := json_build_object('topic', topic, 'event', event, 'payload', payload, 'private', private)::text;
begin
  if octet_length(notice) > 7999 then
    raise exception 'a notification takes at most 7999 bytes, and this one has %', octet_length(notice)
      using errcode = 'program_limit_exceeded', hint = 'realtime.send takes large payloads.';
  end if;
  perform pg_notify('walkie', notice);
end
$$;
comment on function realtime.notify(jsonb, text, text, boolean) is
  'As realtime.send, without a row and without the log: nothing is written, nothing can be replayed, and it is lost if the server is not listening at this moment. Errors: 54000 over 7,999 bytes, names and all.';

create or replace function realtime.broadcast_changes(
  topic_name text,
  event_name text,
  operation text,
  table_name text,
  table_schema text,
  new record,
  old record,
  level text default 'ROW'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  elsif operation not in ('INSERT', 'UPDATE', 'DELETE') then
    raise exception 'Unexpected operation type: %', operation;
  end if;
  perform realtime.send(
    jsonb_build_object('old_record', old, 'record', new, 'operation', operation, 'table', table_name, 'schema', table_schema),
    event_name, topic_name);
exception when others then
  raise exception 'Failed to process the row: %', sqlerrm;
end
$$;
comment on function realtime.broadcast_changes(text, text, text, text, text, record, record, text) is
  'For row triggers. Takes a private channel''s name, an event, and what the trigger knows (TG_OP, TG_TABLE_NAME, TG_TABLE_SCHEMA, NEW, OLD, TG_LEVEL); broadcasts both rows. Errors: P0001 for a statement''s trigger or an unknown operation.';

-- Partitions. Writers go on while they are made and dropped: attaching one does not keep them out,
-- and a lock that would is taken only where it is free at once.

create or replace function realtime.ensure_partitions()
returns void
language plpgsql
security definer set search_path = ''  -- a partition belongs to the owner of its table, whoever asked
as $$
declare
  today date := timezone('utc', now())::date;
  day date;
  partition name;
begin
  -- Whoever holds it is doing this very work.
  if not pg_try_advisory_xact_lock(hashtext('realtime.ensure_partitions')) then
    return;
  end if;
  for offset_days in -1 .. 3 loop
    day := today + offset_days;
    partition := 'messages_' || to_char(day, 'YYYY_MM_DD');
    if to_regclass(format('realtime.%I', partition)) is null then
      execute format('create table realtime.%I (like realtime.messages including all)', partition);
      execute format('alter table realtime.messages attach partition realtime.%I for values from (%L) to (%L)',
        partition, day, day + 1);
    end if;
  end loop;
end
$$;
comment on function realtime.ensure_partitions() is
  'Makes the daily partitions of realtime.messages from yesterday to three days ahead, where they are missing. Does nothing while somebody else does it.';

create or replace function realtime.drop_partitions(older_than interval)
returns integer
language plpgsql
security definer set search_path = ''  -- as ensure_partitions
as $$
declare
  partition name;
  waiting integer := 0;
begin
  if not pg_try_advisory_xact_lock(hashtext('realtime.ensure_partitions')) then
    return 0;
  end if;
  for partition in
    select c.relname
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'realtime.messages'::regclass
       and pg_has_role(c.relowner, 'usage')  -- others are their owner's to drop
       and c.relname ~ '^messages_\d{4}_\d{2}_\d{2}$'
       and to_date(right(c.relname, 10), 'YYYY_MM_DD') + 1 <= timezone('utc', now()) - older_than
     order by c.relname
  loop
    begin
      execute format('lock table only realtime.messages, realtime.%I in access exclusive mode nowait', partition);
      execute format('drop table realtime.%I', partition);
    exception when lock_not_available then
      waiting := waiting + 1;
    end;
  end loop;
  return waiting;
end
$$;
comment on function realtime.drop_partitions(interval) is
  'Takes an age; drops the daily partitions of realtime.messages whose rows are all older. Gives how many are in use at this moment and left for another time: it waits for nobody, and so nobody waits for it.';

alter function realtime.place() owner to supabase_realtime_admin;
alter function realtime.topic() owner to supabase_realtime_admin;
alter function realtime.send(jsonb, text, text, boolean) owner to supabase_realtime_admin;
alter function realtime.send_binary(bytea, text, text, boolean) owner to supabase_realtime_admin;
alter function realtime.notify(jsonb, text, text, boolean) owner to supabase_realtime_admin;
alter function realtime.broadcast_changes(text, text, text, text, text, record, record, text) owner to supabase_realtime_admin;
alter function realtime.ensure_partitions() owner to supabase_realtime_admin;
alter function realtime.drop_partitions(interval) owner to supabase_realtime_admin;

revoke execute on function
  realtime.send(jsonb, text, text, boolean),
  realtime.send_binary(bytea, text, text, boolean),
  realtime.notify(jsonb, text, text, boolean),
  realtime.broadcast_changes(text, text, text, text, text, record, record, text),
  realtime.ensure_partitions(),
  realtime.drop_partitions(interval)
from public;
-- No policy judges who notifies: row security is about rows.
grant execute on function realtime.notify(jsonb, text, text, boolean) to service_role;
grant execute on function
  realtime.place(),
  realtime.topic(),
  realtime.send(jsonb, text, text, boolean),
  realtime.send_binary(bytea, text, text, boolean),
  realtime.broadcast_changes(text, text, text, text, text, record, record, text)
to anon, authenticated, service_role;

select realtime.ensure_partitions();
