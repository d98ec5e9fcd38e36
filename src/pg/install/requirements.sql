-- What the server needs of the database and of the role it logs in as. One row a lack.
-- Asked as the login role.
with login as (
  select r.rolname, r.rolreplication, r.rolsuper
    from pg_catalog.pg_roles r
   where r.rolname = current_user
)
select 'error' as severity, 'server version' as subject,
       'PostgreSQL ' || current_setting('server_version') || ' is not supported' as finding,
       'use PostgreSQL 15, 16, 17 or 18' as remedy
 where current_setting('server_version_num')::int not between 150000 and 189999

union all
select 'error', 'wal_level',
       'wal_level is ' || current_setting('wal_level') || ', logical replication needs logical',
       'alter system set wal_level = ''logical''; -- then restart PostgreSQL'
 where current_setting('wal_level') <> 'logical'

union all
select 'error', 'role ' || rolname,
       'the login role may not stream the log',
       format('alter role %I replication;', rolname)
  from login
 where not (rolreplication or rolsuper)

union all
select 'error', 'role ' || role,
       case when to_regrole(role) is null then 'the role does not exist'
            else 'the login role may not work as it' end,
       case when to_regrole(role) is null then 'run: walkie migrate'
            else format('grant %I to %I;', role, current_user) end
  from unnest(array['anon', 'authenticated', 'service_role', 'supabase_auth_admin', 'supabase_realtime_admin', 'supabase_storage_admin']) as role
 where to_regrole(role) is null
    or not pg_has_role(current_user, role, 'member')

union all
select 'error', 'publication ' || name, 'the publication does not exist',
       -- A migration that has run does not run again.
       case when exists (select from pg_catalog.pg_class c
                           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                          where n.nspname = 'walkie' and c.relname = 'installation')
            then made_by
            else 'run: walkie migrate'
       end
  from (values ('supabase_realtime', 'create publication supabase_realtime with (publish_via_partition_root = true);'),
               ('supabase_realtime_messages_publication',
                'create publication supabase_realtime_messages_publication for table realtime.messages '
                  || 'with (publish = ''insert'', publish_via_partition_root = true);'),
               ('walkie_policies', 'create publication walkie_policies;')) as needed (name, made_by)
 where not exists (select from pg_catalog.pg_publication where pubname = name)

union all
select 'error', 'max_replication_slots',
       'all ' || current_setting('max_replication_slots') || ' replication slots are taken',
       'alter system set max_replication_slots = ' || current_setting('max_replication_slots')::int + 10
         || '; -- then restart PostgreSQL'
 where (select count(*) from pg_catalog.pg_replication_slots where database is distinct from current_database())
       >= current_setting('max_replication_slots')::int
