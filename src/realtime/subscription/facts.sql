-- What bindings must know of the tables and columns they name. Types are named in full: other
-- connections compare their values. A column that is not published cannot be looked at; before
-- PostgreSQL 18 that is so of generated ones, though the view names them. An operator is that of
-- the type itself where it has one, which is where extensions keep theirs. Equality is equality
-- of texts for types of which the log prints one text a value, whatever the settings.

with published as materialized (
  -- Tables in $2, and those that $3 has to itself.
  select distinct on (schemaname, tablename)
         schemaname, tablename, attnames, pubname = $3 as is_bulk
    from pg_catalog.pg_publication_tables
   where pubname in ($2, $3)
   order by schemaname, tablename, pubname = $3
)
select asked.binding,
       -- Null when nothing is published. Who names no table means those in $2.
       (select bool_and(coalesce(p.is_bulk, false))
          from published p
         where (asked.schema is null or p.schemaname = asked.schema)
           and case when asked.name is null then p.is_bulk is not true else p.tablename = asked.name end) as is_bulk,
       asked.column_name,
       a.atttypid,
       format_type(a.atttypid, null) as type_name,
       format_type(b.oid, -1) as base_name,
       b.oid = 'bool'::regtype as is_boolean,
       b.typcategory = 'S' as is_text,
       b.typtype = 'c' as is_row,
       (b.typname in ('bool', 'int2', 'int4', 'int8', 'oid', 'text', 'varchar', 'name', 'uuid', 'time')
          and bn.nspname = 'pg_catalog' or b.typtype = 'e')
         and coalesce(co.collisdeterministic, true) as has_one_text,
       case when bn.nspname <> 'pg_catalog' then null
            when b.typname in ('int2', 'int4', 'int8', 'oid') then 'integers'
            when b.typname in ('bool', 'uuid', 'time') then 'bytes'
       end as text_order,
       bn.nspname <> 'pg_catalog' as is_made_here,
       case when co.oid <> 'pg_catalog."default"'::regcollation
            then format(' collate %I.%I', cn.nspname, co.collname)
            else ''
       end as collation_clause,
       coalesce((
         select nullif(quote_ident(opn.nspname), 'pg_catalog')
           from pg_catalog.pg_operator op
           join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
          where op.oprname = '=' and op.oprleft = b.oid and op.oprright = b.oid
          order by op.oid
          limit 1), '') as operator_schema
  from json_to_recordset($1::json) as asked (binding int, schema text, name text, column_name text)
  left join pg_catalog.pg_namespace n
    on n.nspname = asked.schema and has_schema_privilege(n.oid, 'usage')
  left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = asked.name
  left join pg_catalog.pg_attribute a
    on a.attrelid = c.oid
   and a.attname = asked.column_name
   and a.attnum > 0
   and not a.attisdropped
   and has_column_privilege(c.oid, a.attnum, 'select')
   and exists (
     select from published p
      where p.schemaname = n.nspname and p.tablename = c.relname and a.attname = any (p.attnames))
   and (a.attgenerated = '' or current_setting('server_version_num')::int >= 180000)
  left join lateral (
    with recursive base (oid, typbasetype) as (
      select t.oid, t.typbasetype from pg_catalog.pg_type t where t.oid = a.atttypid
      union all
      select t.oid, t.typbasetype
        from base
        join pg_catalog.pg_type t on t.oid = base.typbasetype
    )
    select t.*
      from base
      join pg_catalog.pg_type t on t.oid = base.oid
     where base.typbasetype = 0
  ) b on true
  left join pg_catalog.pg_namespace bn on bn.oid = b.typnamespace
  left join pg_catalog.pg_collation co on co.oid = a.attcollation
  left join pg_catalog.pg_namespace cn on cn.oid = co.collnamespace;
