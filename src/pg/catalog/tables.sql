-- Tables, views, materialized, foreign and partitioned tables of the served schemas, as one JSON
-- document. Partitions stand behind their parent and are left out.
with recursive domains as (
  select t.oid, t.typbasetype as base from pg_catalog.pg_type t where t.typtype = 'd'
  union all
  select d.oid, t.typbasetype
  from domains d
  join pg_catalog.pg_type t on t.oid = d.base
  where t.typtype = 'd'
)
select coalesce(json_agg(json_build_object(
         'schema', n.nspname,
         'name', c.relname,
         'kind', c.relkind,
         'comment', pg_catalog.obj_description(c.oid, 'pg_class'),
         'is_insertable', can.flags & 8 <> 0,
         'is_updatable', can.flags & 4 <> 0,
         'is_deletable', can.flags & 16 <> 0,
         'primary_key', coalesce(keys.primary_key, '[]'),
         'unique_keys', coalesce(keys.unique_keys, '[]'),
         'columns', coalesce(columns.list, '[]')
       )), '[]')::text
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  -- Triggers count: a view with an instead-of trigger can be written.
  select pg_catalog.pg_relation_is_updatable(c.oid, true) as flags
) can
left join lateral (
  select json_agg(member.names) filter (where k.contype = 'p') -> 0 as primary_key,
         json_agg(member.names) as unique_keys
  from pg_catalog.pg_constraint k
  cross join lateral (
    select json_agg(a.attname order by part.place) as names
    from unnest(k.conkey) with ordinality part(number, place)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = part.number
  ) member
  where k.conrelid = c.oid and k.contype in ('p', 'u')
) keys on true
left join lateral (
  select json_agg(json_build_object(
           'name', a.attname,
           'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
           'is_json', base.oid in ('pg_catalog.json'::regtype, 'pg_catalog.jsonb'::regtype),
           'is_tsvector', base.oid = 'pg_catalog.tsvector'::regtype,
           'is_required', a.attnotnull and d.adbin is null and a.attidentity = '',
           'is_generated', a.attgenerated <> '' or a.attidentity = 'a',
           'default', case
             when a.attidentity <> '' then pg_catalog.format('pg_catalog.nextval(%L)',
               pg_catalog.pg_get_serial_sequence(
                 pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname))
             when a.attgenerated = '' then coalesce(
               pg_catalog.pg_get_expr(d.adbin, d.adrelid),
               case when t.typtype = 'd' then t.typdefault end)
           end
         ) order by a.attnum) as list
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_type t on t.oid = a.atttypid
  join pg_catalog.pg_type base
    on base.typtype <> 'd'
   and base.oid = any(array(select w.base from domains w where w.oid = t.oid) || t.oid)
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
) columns on true
where n.nspname = any($1)
  and c.relkind in ('r', 'v', 'm', 'f', 'p')
  and not c.relispartition
