-- Foreign keys between tables of the served schemas, as one JSON document. Keys of partitions are
-- copies of their parent's and are left out.
select coalesce(json_agg(json_build_object(
         'constraint', k.conname,
         'schema', n.nspname,
         'table', c.relname,
         'columns', pairs.columns,
         'foreign_schema', fn.nspname,
         'foreign_table', f.relname,
         'foreign_columns', pairs.foreign_columns,
         'is_unique', exists (
           select from pg_catalog.pg_constraint u
           where u.conrelid = k.conrelid
             and u.contype in ('p', 'u')
             and u.conkey @> k.conkey
             and u.conkey <@ k.conkey
         )
       ) order by n.nspname, c.relname, k.conname), '[]')::text
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_class f on f.oid = k.confrelid
join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
cross join lateral (
  select json_agg(a.attname order by pair.place) as columns,
         json_agg(fa.attname order by pair.place) as foreign_columns
  from unnest(k.conkey, k.confkey) with ordinality pair(number, foreign_number, place)
  join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.number
  join pg_catalog.pg_attribute fa
    on fa.attrelid = k.confrelid and fa.attnum = pair.foreign_number
) pairs
where k.contype = 'f'
  and k.conparentid = 0
  and n.nspname = any($1)
  and fn.nspname = any($1)
