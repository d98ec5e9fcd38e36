-- What leads from one table to another, as one JSON document: foreign keys of every schema, since
-- a served view may stand over tables that are not served; primary keys for the same reason; views
-- with the rule that makes their rows; and functions that take one row of a served table. Keys of
-- partitions are copies of their parent's and are left out.
select json_build_object(
  'keys', (
    select coalesce(json_agg(json_build_object(
             'constraint', k.conname,
             'oid', k.conrelid::bigint,
             'schema', n.nspname,
             'table', c.relname,
             'columns', pairs.columns,
             'numbers', k.conkey,
             'foreign_oid', k.confrelid::bigint,
             'foreign_schema', fn.nspname,
             'foreign_table', f.relname,
             'foreign_columns', pairs.foreign_columns,
             'foreign_numbers', k.confkey,
             'is_unique', exists (
               select from pg_catalog.pg_constraint u
               where u.conrelid = k.conrelid
                 and u.contype in ('p', 'u')
                 and u.conkey @> k.conkey
                 and u.conkey <@ k.conkey
             )
           ) order by n.nspname, c.relname, k.conname), '[]')
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
  ),
  'primary_keys', (
    select coalesce(json_agg(json_build_object(
             'oid', k.conrelid::bigint, 'numbers', k.conkey
           ) order by k.conrelid), '[]')
    from pg_catalog.pg_constraint k
    where k.contype = 'p'
  ),
  'views', (
    select coalesce(json_agg(json_build_object(
             'oid', c.oid::bigint,
             'schema', n.nspname,
             'name', c.relname,
             'columns', (
               select coalesce(json_agg(json_build_object(
                        'number', a.attnum, 'name', a.attname
                      ) order by a.attnum), '[]')
               from pg_catalog.pg_attribute a
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             ),
             'rule', r.ev_action::text
           ) order by n.nspname, c.relname), '[]')
    from pg_catalog.pg_rewrite r
    join pg_catalog.pg_class c on c.oid = r.ev_class and c.relkind in ('v', 'm')
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where r.rulename = '_RETURN'
      and n.nspname not in ('pg_catalog', 'information_schema')
  ),
  'computed', (
    select coalesce(json_agg(json_build_object(
             'schema', pn.nspname,
             'name', p.proname,
             'table_schema', n.nspname,
             'table', c.relname,
             'type', pg_catalog.format_type(p.prorettype, null),
             'foreign_schema', fn.nspname,
             'foreign_table', f.relname,
             'is_to_one', not p.proretset or p.prorows = 1
           ) order by n.nspname, c.relname, p.proname), '[]')
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
    join pg_catalog.pg_type argument on argument.oid = p.proargtypes[0]
    join pg_catalog.pg_class c
      on c.oid = argument.typrelid and c.relkind in ('r', 'v', 'm', 'f', 'p')
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_type result on result.oid = p.prorettype
    left join pg_catalog.pg_class f
      on f.oid = result.typrelid and f.relkind in ('r', 'v', 'm', 'f', 'p')
    left join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
    where p.prokind = 'f'
      and p.pronargs = 1
      and n.nspname = any($1)
  )
)::text
