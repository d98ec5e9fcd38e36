-- Tables, views, materialized, foreign and partitioned tables of the served schemas, as one JSON
-- document. Partitions stand behind their parent and are left out. Columns and keys are gathered
-- once for all tables, not table by table: schemas are big.
with recursive domains as (
  select t.oid, t.typbasetype as base from pg_catalog.pg_type t where t.typtype = 'd'
  union all
  select d.oid, t.typbasetype
  from domains d
  join pg_catalog.pg_type t on t.oid = d.base
  where t.typtype = 'd'
),
-- What each domain is in the end.
bases as (
  select d.oid, d.base
  from domains d
  join pg_catalog.pg_type t on t.oid = d.base
  where t.typtype <> 'd'
),
-- Postgres ignores casts of domains; here they tell how clients see and write their values.
forms as (
  select t.oid,
         max(k.castfunc::regproc::text)
           filter (where k.casttarget = 'pg_catalog.json'::regtype) as to_json,
         max(k.castfunc::regproc::text)
           filter (where k.castsource = 'pg_catalog.json'::regtype) as from_json,
         max(k.castfunc::regproc::text)
           filter (where k.castsource = 'pg_catalog.text'::regtype) as from_text
  from pg_catalog.pg_cast k
  join pg_catalog.pg_type t on t.oid in (k.castsource, k.casttarget) and t.typtype = 'd'
  where k.castcontext = 'i' and k.castmethod = 'f'
  group by t.oid
),
relations as (
  select c.oid, n.nspname, c.relname, c.relkind
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any($1)
    and c.relkind in ('r', 'v', 'm', 'f', 'p')
    and not c.relispartition
),
columns as (
  select r.oid,
         json_agg(json_build_object(
           'name', a.attname,
           'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
           'is_json', coalesce(b.base, t.oid)
                      in ('pg_catalog.json'::regtype, 'pg_catalog.jsonb'::regtype),
           'is_tsvector', coalesce(b.base, t.oid) = 'pg_catalog.tsvector'::regtype,
           'is_required', a.attnotnull and d.adbin is null and a.attidentity = '',
           'is_not_null', a.attnotnull,
           'is_generated', a.attgenerated <> '' or a.attidentity = 'a',
           'default', case
             when a.attidentity <> '' then pg_catalog.format('pg_catalog.nextval(%L)',
               pg_catalog.pg_get_serial_sequence(
                 pg_catalog.format('%I.%I', r.nspname, r.relname), a.attname))
             when a.attgenerated = '' then coalesce(
               pg_catalog.pg_get_expr(d.adbin, d.adrelid),
               case when t.typtype = 'd' then t.typdefault end)
           end,
           'to_json', f.to_json,
           'from_json', f.from_json,
           'from_text', f.from_text
         ) order by a.attnum) as list
  from relations r
  join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join bases b on b.oid = t.oid
  left join forms f on f.oid = t.oid
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  group by r.oid
),
members as (
  select k.oid, k.conrelid, k.contype, json_agg(a.attname order by part.place) as names
  from relations r
  join pg_catalog.pg_constraint k on k.conrelid = r.oid and k.contype in ('p', 'u')
  cross join unnest(k.conkey) with ordinality part(number, place)
  join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = part.number
  group by k.oid, k.conrelid, k.contype
),
keys as (
  select m.conrelid,
         json_agg(m.names) filter (where m.contype = 'p') -> 0 as primary_key,
         json_agg(m.names order by m.oid) as unique_keys
  from members m
  group by m.conrelid
)
select coalesce(json_agg(json_build_object(
         'schema', r.nspname,
         'name', r.relname,
         'kind', r.relkind,
         'comment', pg_catalog.obj_description(r.oid, 'pg_class'),
         'is_insertable', can.flags & 8 <> 0,
         'is_updatable', can.flags & 4 <> 0,
         'is_deletable', can.flags & 16 <> 0,
         'primary_key', coalesce(keys.primary_key, '[]'),
         'unique_keys', coalesce(keys.unique_keys, '[]'),
         'columns', coalesce(columns.list, '[]')
       )), '[]')::text
from relations r
cross join lateral (
  -- Triggers count: a view with an instead-of trigger can be written.
  select pg_catalog.pg_relation_is_updatable(r.oid, true) as flags
) can
left join keys on keys.conrelid = r.oid
left join columns on columns.oid = r.oid
