-- Aggregates and functions whose result is a domain named like a media type, as one JSON document.
-- $1: the schemas where they may stand.
with recursive domains as (
  select t.oid, t.oid as base, t.typnamespace, t.typname
  from pg_catalog.pg_type t
  where t.typtype = 'd'
    and (t.typname ~ '^[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+$' or t.typname = '*/*')
  union all
  select d.oid, t.typbasetype, d.typnamespace, d.typname
  from domains d
  join pg_catalog.pg_type t on t.oid = d.base
  where t.typtype = 'd'
),
media as (
  select d.oid, d.typnamespace, d.typname, d.base = 'pg_catalog.bytea'::regtype as is_bytes
  from domains d
  join pg_catalog.pg_type t on t.oid = d.base
  where t.typtype <> 'd'
)
select coalesce(json_agg(json_build_object(
         'schema', producer.schema,
         'name', producer.name,
         'target', producer.target,
         'media', pg_catalog.lower(producer.media),
         'is_bytes', producer.is_bytes
       ) order by producer.schema, producer.name), '[]')::text
from (
  select n.nspname as schema,
         p.proname as name,
         case
           when a.oid = 'pg_catalog.anyelement'::regtype then null
           else json_build_array(an.nspname, a.typname)
         end as target,
         m.typname as media,
         m.is_bytes
  from media m
  join pg_catalog.pg_proc p on p.prorettype = m.oid and p.prokind = 'a' and p.pronargs = 1
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_type a on a.oid = p.proargtypes[0]
  join pg_catalog.pg_namespace an on an.oid = a.typnamespace
  left join pg_catalog.pg_class c on c.oid = a.typrelid
  where n.nspname = any($1)
    and (a.oid = 'pg_catalog.anyelement'::regtype or c.relkind in ('r', 'v', 'm', 'f', 'p'))
  union all
  select tn.nspname, m.typname, json_build_array(n.nspname, p.proname), m.typname, m.is_bytes
  from media m
  join pg_catalog.pg_proc p on p.prorettype = m.oid and p.prokind = 'f' and not p.proretset
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_namespace tn on tn.oid = m.typnamespace
  where n.nspname = any($1)
) producer
