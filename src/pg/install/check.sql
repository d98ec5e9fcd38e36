-- What a database administrator should know of: one row per finding, none when all is well.
with partitions (root, leaf, root_identity, leaf_identity) as (
  -- Leaves of the partitioned tables that subscribers follow under their own name.
  select c.oid, leaf.oid, c.relreplident, leaf.relreplident
    from pg_publication_tables t
    join pg_publication p on p.pubname = t.pubname and p.pubviaroot
    join pg_namespace n on n.nspname = t.schemaname
    join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename and c.relkind = 'p'
   cross join pg_partition_tree(c.oid) as tree
    join pg_class leaf on leaf.oid = tree.relid and tree.isleaf and leaf.relkind = 'r'
   where t.pubname in ('supabase_realtime', 'supabase_realtime_bulk')
),
findings (severity, subject, finding, remedy) as (

  select 'error',
         c.oid::regclass::text,
         'row security is off, so API roles with a grant see every row',
         format('alter table %s enable row level security;', c.oid::regclass)
    from pg_class c
   where c.relnamespace = 'public'::regnamespace
     and c.relkind in ('r', 'p')
     and not c.relrowsecurity
     and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')

  union all
  select 'error',
         c.oid::regclass::text,
         format('%s has rights on a partition, past the policies of its table', r.rolname),
         format('revoke all on %s from %I;', c.oid::regclass, r.rolname)
    from pg_class c
    join pg_roles r on r.rolname in ('anon', 'authenticated')
   where c.relispartition
     and c.relkind in ('r', 'p')
     and not c.relrowsecurity
     and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')

  union all
  select 'warning',
         c.oid::regclass::text,
         'replica identity differs from its partitioned table''s, so changes reach the log with less of the old row',
         case parent.relreplident
           when 'f' then format('alter table %s replica identity full;', c.oid::regclass)
           when 'n' then format('alter table %s replica identity nothing;', c.oid::regclass)
           when 'd' then format('alter table %s replica identity default;', c.oid::regclass)
           else format('alter table %s replica identity using index <the partition''s index>;', c.oid::regclass)
         end
    from pg_class c
    join pg_inherits i on i.inhrelid = c.oid
    join pg_class parent on parent.oid = i.inhparent
   where c.relispartition
     and c.relkind in ('r', 'p')
     and c.relreplident <> parent.relreplident
     and not exists (select from partitions p where p.leaf = c.oid and p.root_identity = 'f' and p.leaf_identity <> 'f')

  union all
  -- Such a log has an old row of the whole table's shape, whose values beside the key are nulls.
  select 'error',
         leaf::regclass::text,
         format('its replica identity is not full as that of %s is, so policies judge its old rows with nulls beside the key', root::regclass),
         format('alter table %s replica identity full;', leaf::regclass)
    from partitions
   where root_identity = 'f'
     and leaf_identity <> 'f'

  union all
  -- One row a schema, since people's own functions and tables may be many.
  select 'warning',
         'schema ' || n.nspname,
         format('without a comment, so missing from the API''s documentation: %s',
           string_agg(nameless.name, ', ' order by nameless.name)),
         'comment on function ... is ''...''; comment on table ... is ''...'';'
    from pg_namespace n
    join (select p.pronamespace as namespace, p.oid::regprocedure::text as name
            from pg_proc p
           where obj_description(p.oid, 'pg_proc') is null
             and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
           union all
          select c.relnamespace, c.oid::regclass::text
            from pg_class c
           where c.relkind in ('r', 'p')
             and not c.relispartition
             and obj_description(c.oid, 'pg_class') is null
             and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
         ) nameless on nameless.namespace = n.oid
   where n.nspname in ('public', 'app', 'base')
   group by n.nspname

  union all
  select 'error',
         'publication supabase_realtime',
         'missing, so no change reaches a subscriber',
         'create publication supabase_realtime with (publish_via_partition_root = true);'
   where not exists (select from pg_publication where pubname = 'supabase_realtime')

  union all
  select 'error',
         'publication supabase_realtime_messages_publication',
         'missing, or does not publish realtime.messages as a whole, so broadcasts from SQL reach nobody',
         'drop publication if exists supabase_realtime_messages_publication; '
           || 'create publication supabase_realtime_messages_publication for table realtime.messages '
           || 'with (publish = ''insert'', publish_via_partition_root = true);'
   where not exists (select
                       from pg_publication_tables t
                       join pg_publication p on p.pubname = t.pubname and p.pubinsert and p.pubviaroot
                      where t.pubname = 'supabase_realtime_messages_publication'
                        and t.schemaname = 'realtime'
                        and t.tablename = 'messages')

  union all
  select 'error',
         'publication walkie_policies',
         'missing, and the log is streamed with it, so no change reaches a subscriber',
         'create publication walkie_policies;'
   where not exists (select from pg_publication where pubname = 'walkie_policies')

  union all
  select 'warning',
         'publication supabase_realtime_bulk',
         'no server reads a log for it, so no change of its tables reaches a subscriber',
         'start the server anew'
   where exists (select from pg_publication where pubname = 'supabase_realtime_bulk')
     and not exists (select from pg_replication_slots
                      where database = current_database() and slot_type = 'logical' and slot_name like '%\_bulk')

  union all
  select 'warning',
         'slot ' || slot_name,
         'is read for the publication supabase_realtime_bulk, which is gone',
         'start the server anew: it drops the slot'
    from pg_replication_slots
   where database = current_database()
     and slot_type = 'logical'
     and slot_name like '%\_bulk'
     and active
     and not exists (select from pg_publication where pubname = 'supabase_realtime_bulk')

  union all
  select 'warning',
         'event trigger ' || expected.name,
         case when t.oid is null then 'missing' else 'disabled' end || expected.consequence,
         case
           when t.oid is not null then format('alter event trigger %I enable;', expected.name)
           else format('create event trigger %I on %s execute function realtime.on_ddl(); -- as a superuser', expected.name, expected.event)
         end
    from (values ('walkie_ddl', 'ddl_command_end',
                  ', so changes of policies, functions and grants may count up to a second late, '
                    || 'and policies that read tables outside of supabase_realtime are asked anew for every change'),
                 ('walkie_drop', 'sql_drop',
                  ', so what is dropped may count up to a second late, '
                    || 'and a table in walkie_policies whose identity''s index is dropped refuses updates'))
           expected (name, event, consequence)
    left join pg_event_trigger t on t.evtname = expected.name
   where t.oid is null
      or t.evtenabled in ('D', 'R')

  union all
  select 'warning',
         'publication ' || pubname,
         'changes of partitions come under the partitions'' names, which nobody subscribes to',
         format('alter publication %I set (publish_via_partition_root = true);', pubname)
    from pg_publication
   where pubname in ('supabase_realtime', 'supabase_realtime_bulk')
     and not pubviaroot

  union all
  select 'error',
         'publication ' || pubname,
         'does not publish every kind of change',
         format('alter publication %I set (publish = ''insert, update, delete, truncate'');', pubname)
    from pg_publication
   where pubname in ('supabase_realtime', 'supabase_realtime_bulk')
     and not (pubinsert and pubupdate and pubdelete and pubtruncate)

  union all
  -- Policies are kept as parsed trees, but the authorizer asks with their text.
  select 'error',
         'schema ' || n.nspname,
         format('row policies of %s call its functions, but the server''s login role may not enter it, so nobody hears of changes there',
           string_agg(distinct policy.polrelid::regclass::text, ', ')),
         format('grant usage on schema %I to authenticator;', n.nspname)
    from pg_policy policy
    join pg_class c on c.oid = policy.polrelid
    join pg_namespace home on home.oid = c.relnamespace
    join pg_publication_tables t on t.pubname in ('supabase_realtime', 'supabase_realtime_bulk') and t.schemaname = home.nspname and t.tablename = c.relname
    join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = policy.oid and d.refclassid = 'pg_proc'::regclass
    join pg_proc p on p.oid = d.refobjid
    join pg_namespace n on n.oid = p.pronamespace
   where exists (select from pg_roles where rolname = 'authenticator')
     and not has_schema_privilege('authenticator', n.oid, 'usage')
   group by n.nspname

  union all
  select 'error',
         'table ' || c.oid::regclass,
         'published without a replica identity, so updates and deletes of it fail',
         format('alter table %s replica identity full;', c.oid::regclass)
    from pg_publication_tables t
    join pg_namespace n on n.nspname = t.schemaname
    join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
   where t.pubname in ('supabase_realtime', 'supabase_realtime_bulk')
     and (c.relreplident = 'n'
          or c.relreplident = 'd'
             and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary))

  union all
  select 'warning',
         'table ' || c.oid::regclass,
         'published without a primary key, so subscribers hear that something was inserted or updated, and not what',
         format('give it one: alter table %s add primary key (...);', c.oid::regclass)
    from pg_publication_tables t
    join pg_namespace n on n.nspname = t.schemaname
    join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
   where t.pubname in ('supabase_realtime', 'supabase_realtime_bulk')
     and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)

  union all
  select 'error',
         'role ' || r.rolname,
         format('lacks %s', expected.attribute),
         format('alter role %I %s;', r.rolname, expected.attribute)
    from (values ('service_role', 'bypassrls'), ('authenticator', 'replication')) expected (name, attribute)
    join pg_roles r on r.rolname = expected.name
   where not r.rolsuper
     and not case expected.attribute when 'bypassrls' then r.rolbypassrls else r.rolreplication end

  union all
  select 'error',
         'role authenticator',
         format('is no member of %s', r.rolname),
         format('grant %I to authenticator;', r.rolname)
    from pg_roles r
   where r.rolname in ('anon', 'authenticated', 'service_role', 'supabase_auth_admin', 'supabase_realtime_admin', 'supabase_storage_admin')
     and exists (select from pg_roles where rolname = 'authenticator')
     and not pg_has_role('authenticator', r.oid, 'member')

  union all
  select 'warning',
         'realtime.messages',
         'has no partition for tomorrow, so broadcasts from SQL will soon fail',
         'select realtime.ensure_partitions();'
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = 'realtime'
     and c.relname = 'messages'
     and not exists (select
                       from pg_inherits i
                       join pg_class partition on partition.oid = i.inhrelid
                      where i.inhparent = c.oid
                        and partition.relname = 'messages_' || to_char(timezone('utc', now()) + interval '1 day', 'YYYY_MM_DD'))

  union all
  select 'error',
         'setting wal_level',
         format('is %s, so there is no live log', setting),
         'alter system set wal_level = logical; -- then restart the server'
    from pg_settings
   where name = 'wal_level'
     and setting <> 'logical'

  union all
  select case when wal_status = 'lost' then 'error' else 'warning' end,
         'slot ' || slot_name,
         case
           when wal_status = 'lost' then 'the log it needs is gone: subscribers have missed changes'
           when not active then format('nobody reads it, and it keeps %s of log', pg_size_pretty(kept_bytes))
           when is_close then format('it keeps so much log that %s more may be written before Postgres gives it up', pg_size_pretty(safe_wal_size))
           else format('its reader is %s behind', pg_size_pretty(kept_bytes))
         end,
         case
           when wal_status = 'lost' then format('select pg_drop_replication_slot(%L); -- a new one is made at start', slot_name)
           when not active then format('start its reader, or: select pg_drop_replication_slot(%L);', slot_name)
           when is_close then 'look for a slow reader or a transaction that is open for long, or raise max_slot_wal_keep_size'
           else 'look for a slow or stuck reader'
         end
    from (select s.slot_name,
                 s.active,
                 s.wal_status,
                 s.safe_wal_size,
                 coalesce(s.safe_wal_size < keep.setting::bigint * 1024 * 1024 / 4, false) as is_close,
                 pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(s.confirmed_flush_lsn, s.restart_lsn)) as kept_bytes
            from pg_replication_slots s
            join pg_settings keep on keep.name = 'max_slot_wal_keep_size'
           where s.database = current_database()
             and s.slot_type = 'logical'
             and not s.temporary) slots
   where wal_status = 'lost'
      or not active
      or is_close
      or kept_bytes > 256 * 1024 * 1024
)
-- A table may be in both publications.
select distinct severity, subject, finding, remedy
  from findings
 order by severity, subject, finding;
