-- What the schemas $1 hold, in words and types, as one JSON document: everything, or, unless $2,
-- what the current role has any privilege on. Nothing may be on the search path, so that types
-- of other schemas than pg_catalog come out qualified.
with recursive domain as (
  select t.oid, t.typbasetype as base, t.typtypmod as modifier, t.typnotnull as is_required
  from pg_catalog.pg_type t
  where t.typtype = 'd'
  union all
  select d.oid, t.typbasetype, coalesce(nullif(d.modifier, -1), t.typtypmod),
         d.is_required or t.typnotnull
  from domain d
  join pg_catalog.pg_type t on t.oid = d.base and t.typtype = 'd'
),
-- Every type with what it is in the end, and how a document names that.
resolved as (
  select t.oid,
         coalesce(d.modifier, -1) as modifier,
         coalesce(d.is_required, false) as is_required,
         r.oid as base,
         pg_catalog.json_build_object(
           'schema', en.nspname,
           'name', e.typname,
           'kind', e.typtype,
           'is_array', r.typcategory = 'A' and r.typelem <> 0,
           'sql', pg_catalog.format_type(r.oid, null)
         ) as type,
         (
           select pg_catalog.json_agg(label.enumlabel order by label.enumsortorder)
           from pg_catalog.pg_enum label
           where label.enumtypid = r.oid
         ) as labels
  from pg_catalog.pg_type t
  left join domain d on d.oid = t.oid and not exists (
    select from pg_catalog.pg_type deeper where deeper.oid = d.base and deeper.typtype = 'd'
  )
  join pg_catalog.pg_type r on r.oid = coalesce(d.base, t.oid)
  join pg_catalog.pg_type e
    on e.oid = case when r.typcategory = 'A' and r.typelem <> 0 then r.typelem else r.oid end
  join pg_catalog.pg_namespace en on en.oid = e.typnamespace
)
select pg_catalog.json_build_object(
  'schemas', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
             'name', n.nspname,
             'comment', pg_catalog.obj_description(n.oid, 'pg_namespace')
           ) order by n.nspname), '[]')
    from pg_catalog.pg_namespace n
    where n.nspname = any($1::text[])
  ),
  'tables', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
             'schema', n.nspname,
             'name', c.relname,
             'kind', c.relkind,
             'comment', pg_catalog.obj_description(c.oid, 'pg_class'),
             'is_insertable', can.flags & 8 <> 0,
             'is_updatable', can.flags & 4 <> 0,
             'is_deletable', can.flags & 16 <> 0,
             'columns', coalesce(columns.list, '[]')
           ) order by n.nspname, c.relname), '[]')
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join lateral (select pg_catalog.pg_relation_is_updatable(c.oid, true) as flags) can
    left join lateral (
      select pg_catalog.json_agg(pg_catalog.json_build_object(
               'name', a.attname,
               'comment', pg_catalog.col_description(c.oid, a.attnum),
               'type', t.type,
               'labels', t.labels,
               'max_length', case
                 when t.base in ('bpchar'::regtype, 'varchar'::regtype) and length.modifier > 4
                   then length.modifier - 4
                 when t.base in ('bit'::regtype, 'varbit'::regtype) and length.modifier > 0
                   then length.modifier
               end,
               'is_nullable', not (a.attnotnull or t.is_required),
               'is_generated', a.attgenerated <> '' or a.attidentity = 'a',
               'has_default', d.adbin is not null or a.attidentity <> ''
                 or own.typdefault is not null,
               'default', case
                 when a.attidentity <> '' or a.attgenerated <> '' then null
                 else coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), own.typdefault)
               end,
               'is_key', exists (
                 select from pg_catalog.pg_constraint k
                 where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any(k.conkey)
               ),
               'reference', (
                 select pg_catalog.json_build_object('table', f.relname, 'column', fa.attname)
                 from pg_catalog.pg_constraint k
                 join pg_catalog.pg_class f on f.oid = k.confrelid
                 join pg_catalog.pg_attribute fa
                   on fa.attrelid = f.oid and fa.attnum = k.confkey[1]
                 where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0
                   and k.conkey = array[a.attnum]
                 order by k.conname
                 limit 1
               )
             ) order by a.attnum) as list
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_type own on own.oid = a.atttypid
      join resolved t on t.oid = a.atttypid
      cross join lateral (
        select case when a.atttypmod > 0 then a.atttypmod else t.modifier end as modifier
      ) length
      left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) columns on true
    where n.nspname = any($1::text[])
      and c.relkind in ('r', 'v', 'm', 'f', 'p')
      and not c.relispartition
      and (
        $2::boolean
        or pg_catalog.has_table_privilege(
             c.oid, 'select, insert, update, delete, truncate, references, trigger')
        or pg_catalog.has_any_column_privilege(c.oid, 'select, insert, update, references')
      )
  ),
  'routines', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
             'schema', n.nspname,
             'name', p.proname,
             'comment', pg_catalog.obj_description(p.oid, 'pg_proc'),
             'is_volatile', p.provolatile = 'v',
             'is_set', p.proretset,
             'returns', r.type,
             'arguments', coalesce(arguments.given, '[]'),
             'columns', coalesce(arguments.returned, '[]')
           ) order by n.nspname, p.proname, p.oid), '[]')
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    join resolved r on r.oid = p.prorettype
    left join lateral (
      select pg_catalog.json_agg(pg_catalog.json_build_object(
               'name', coalesce(argument.name, ''),
               'type', t.type,
               'is_required', argument.number <= p.pronargs - p.pronargdefaults,
               'is_variadic', argument.mode = 'v'
             ) order by argument.place) filter (where argument.mode in ('i', 'b', 'v')) as given,
             pg_catalog.json_agg(pg_catalog.json_build_object(
               'name', coalesce(argument.name, ''),
               'type', t.type
             ) order by argument.place) filter (where argument.mode in ('o', 'b', 't')) as returned
      from (
        select listed.type, coalesce(listed.mode, 'i') as mode, listed.name, listed.place,
               count(*) filter (where coalesce(listed.mode, 'i') in ('i', 'b', 'v'))
                 over (order by listed.place) as number
        from unnest(
          coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes, p.proargnames
        ) with ordinality listed(type, mode, name, place)
      ) argument
      join resolved t on t.oid = argument.type
    ) arguments on true
    where n.nspname = any($1::text[])
      and p.prokind = 'f'
      and p.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
      and ($2::boolean or pg_catalog.has_function_privilege(p.oid, 'execute'))
  ),
  'types', (
    select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
             'schema', n.nspname,
             'name', t.typname,
             'labels', r.labels,
             'attributes', (
               select pg_catalog.json_agg(pg_catalog.json_build_object(
                        'name', a.attname,
                        'type', attribute.type
                      ) order by a.attnum)
               from pg_catalog.pg_attribute a
               join resolved attribute on attribute.oid = a.atttypid
               where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
             )
           ) order by n.nspname, t.typname), '[]')
    from pg_catalog.pg_type t
    join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    join resolved r on r.oid = t.oid
    left join pg_catalog.pg_class c on c.oid = t.typrelid
    where n.nspname = any($1::text[])
      and (t.typtype = 'e' or (t.typtype = 'c' and c.relkind = 'c'))
  )
)::text
