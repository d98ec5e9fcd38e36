-- What the server must know of row policies and hear of the tables they read, to remember Postgres's verdicts safely.

create or replace function realtime.note_policy(
  p_table oid,
  p_role text,
  p_columns text[],
  p_claims text[],
  p_reads jsonb,
  p_candidates jsonb,
  p_reasons text[]
)
returns void
language sql
security definer set search_path = ''  -- the notes belong to the dialect, not to the login role
as $$
  delete from realtime.policy_notes n
   where not exists (select from pg_catalog.pg_class c where c.oid = n.relation);

  insert into realtime.policy_notes as n
         (relation, role, columns, claims, reads, candidates, is_cacheable, reasons)
  select p_table, p_role, p_columns, p_claims, p_reads, p_candidates, cardinality(p_reasons) = 0, p_reasons
   where exists (select from pg_catalog.pg_class c where c.oid = p_table)
  on conflict (relation, role) do update
     set columns = excluded.columns,
         claims = excluded.claims,
         reads = excluded.reads,
         candidates = excluded.candidates,
         is_cacheable = excluded.is_cacheable,
         reasons = excluded.reasons,
         compiled_at = now()
   -- It is compiled again and again; only news are written.
   where (n.columns, n.claims, n.reads, n.candidates, n.reasons)
         is distinct from (excluded.columns, excluded.claims, excluded.reads, excluded.candidates, excluded.reasons);
$$;
comment on function realtime.note_policy(oid, text, text[], text[], jsonb, jsonb, text[]) is
  'Takes a table, a role and what the server has understood of the policies between them; keeps it for realtime.compiled_policies.';

create or replace view realtime.compiled_policies as
select format('%I.%I', s.nspname, c.relname) as "table",
       n.role,
       n.columns,
       n.claims,
       n.reads,
       n.candidates,
       n.is_cacheable as cacheable,
       n.reasons,
       n.compiled_at
  from realtime.policy_notes n
  join pg_catalog.pg_class c on c.oid = n.relation
  join pg_catalog.pg_namespace s on s.oid = c.relnamespace;
comment on view realtime.compiled_policies is
  'What the server has last understood of the policies of each table and role: the columns and claims that decide (claims null: all), the tables read and how their changes are followed, who is asked (candidates null: everybody), why verdicts are not remembered where they are not, and since when it is understood so.';

create or replace function realtime.is_watchable(p_table oid)
returns boolean
language sql stable
set search_path = ''
as $$
  select exists (
    select
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace s on s.oid = c.relnamespace
     where c.oid = p_table
       and c.relkind = 'r'
       and c.relpersistence = 'p'
       and not c.relispartition
       and s.nspname not in ('pg_catalog', 'information_schema')
       -- In two publications a table would be told with the columns and rows of both. One that is
       -- loaded in bulk is to be told where nobody else waits for it.
       and not exists (
         select
           from pg_catalog.pg_publication p
          where p.pubname in ('supabase_realtime', 'supabase_realtime_bulk')
            and (p.puballtables
                 or exists (select from pg_catalog.pg_publication_rel r where r.prpubid = p.oid and r.prrelid = c.oid)
                 or exists (select from pg_catalog.pg_publication_namespace n where n.pnpubid = p.oid and n.pnnspid = c.relnamespace)))
       -- Without an identity, updates and deletes of a published table are refused.
       and (c.relreplident = 'f'
            or c.relreplident in ('d', 'i')
               and exists (
                 select
                   from pg_catalog.pg_index i
                  where i.indrelid = c.oid
                    and i.indisvalid
                    and i.indimmediate
                    and case c.relreplident when 'd' then i.indisprimary else i.indisreplident end))
  )
$$;
comment on function realtime.is_watchable(oid) is
  'Takes a table; tells whether it can be in the publication walkie_policies without anybody noticing.';

create or replace function realtime.watch(p_tables oid[])
returns setof oid
language plpgsql
security definer set search_path = '' set lock_timeout = '1s'  -- only its owner may publish a table
as $$
declare
  wanted oid;
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'walkie_policies')
     or not exists (select from pg_catalog.pg_event_trigger where evtname = 'walkie_ddl' and evtenabled <> 'D') then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtext('realtime.watch'));

  for wanted in
    select distinct t from unnest(p_tables) t where realtime.is_watchable(t)
  loop
    begin
      if not exists (select
                       from pg_catalog.pg_publication_rel r
                       join pg_catalog.pg_publication p on p.oid = r.prpubid
                      where p.pubname = 'walkie_policies' and r.prrelid = wanted) then
        execute format('alter publication walkie_policies add table only %s', wanted::regclass);
        -- Somebody may have held the table to change it.
        if not realtime.is_watchable(wanted) then
          raise exception 'it has just changed';
        end if;
      end if;
      return next wanted;
    exception when others then
      raise warning '% is not watched: %', wanted::regclass, sqlerrm;
    end;
  end loop;
end
$$;
comment on function realtime.watch(oid[]) is
  'Takes tables that policies read; publishes to the server, and to nobody else, those that can be. Gives the ones whose changes are told from the end of this transaction on.';

create or replace function realtime.on_ddl()
returns event_trigger
language plpgsql
security definer set search_path = ''  -- whoever changes a schema need not own the publication
as $$
declare
  told text := current_setting('walkie.ddl_told', true);
  lost oid;
begin
  if tg_event = 'sql_drop' then
    if not exists (select from pg_event_trigger_dropped_objects() where not is_temporary) then
      return;
    end if;
  elsif not exists (select from pg_event_trigger_ddl_commands() where schema_name is distinct from 'pg_temp') then
    return;
  end if;

  -- A table that may no longer be watched leaves at once: the next update of it would fail.
  for lost in
    select r.prrelid
      from pg_catalog.pg_publication_rel r
      join pg_catalog.pg_publication p on p.oid = r.prpubid
     where p.pubname = 'walkie_policies'
       and not realtime.is_watchable(r.prrelid)
  loop
    execute format('alter publication walkie_policies drop table only %s', lost::regclass);
  end loop;

  -- Once a kind and transaction is enough: it is heard when the transaction commits.
  if tg_tag not in ('CREATE INDEX', 'REINDEX', 'CREATE STATISTICS', 'CREATE TRIGGER', 'REFRESH MATERIALIZED VIEW') then
    if told is null or split_part(told, ':', 1) <> pg_current_xact_id()::text then
      told := pg_current_xact_id()::text || ':';
    end if;
    if not tg_tag = any (string_to_array(split_part(told, ':', 2), ',')) then
      perform set_config('walkie.ddl_told', told || tg_tag || ',', true);
      perform pg_logical_emit_message(true, 'rt:ddl', tg_tag);
    end if;
  end if;
exception when others then
  -- Nobody's command fails because of this; the server also looks for itself from time to time.
  raise warning 'realtime.on_ddl: %', sqlerrm;
end
$$;
comment on function realtime.on_ddl() is
  'Event trigger: tells the server, in the log, that what decides who sees what may have changed, and takes tables out of walkie_policies that may no longer be in it.';

alter function realtime.note_policy(oid, text, text[], text[], jsonb, jsonb, text[]) owner to supabase_realtime_admin;
alter view realtime.compiled_policies owner to supabase_realtime_admin;
alter function realtime.is_watchable(oid) owner to supabase_realtime_admin;

revoke execute on function
  realtime.note_policy(oid, text, text[], text[], jsonb, jsonb, text[]),
  realtime.is_watchable(oid),
  realtime.watch(oid[]),
  realtime.on_ddl()
from public;
grant execute on function
  realtime.note_policy(oid, text, text[], text[], jsonb, jsonb, text[]),
  realtime.watch(oid[])
to authenticator;
revoke all on realtime.policy_notes, realtime.compiled_policies from public, anon, authenticated;
grant select on realtime.compiled_policies to service_role;

-- Needs a superuser. Without it, tables that policies read must be published by the operator.
do $$
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    raise notice 'walkie_policies stays empty: only a superuser may make event triggers';
    return;
  end if;
  drop event trigger if exists walkie_ddl;
  create event trigger walkie_ddl on ddl_command_end execute function realtime.on_ddl();
  comment on event trigger walkie_ddl is 'Tells the server that what decides who sees what may have changed.';
  drop event trigger if exists walkie_drop;
  create event trigger walkie_drop on sql_drop execute function realtime.on_ddl();
  comment on event trigger walkie_drop is 'Tells the server that what decides who sees what may have changed.';
end
$$;
