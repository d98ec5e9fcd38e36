-- Functions, as far as it matters what they could do.
select p.oid,
       n.nspname::text as schema,
       p.proname::text as name,
       l.lanname::text as language,
       p.provolatile = 'i' as is_immutable,
       p.prosecdef as is_definer,
       p.proowner as owner,
       p.prosrc as source,
       coalesce(p.proconfig, '{}') as config,
       p.proretset as gives_set,
       p.pronargs::int as arguments,
       p.proargdefaults::text as defaults,
       p.prosqlbody::text as body,
       obj_description(p.oid, 'pg_proc') as comment,
       -- Types of what it gives, column by column; unknown where it is a named row type.
       case
         when t.typtype = 'c' then '{}'::oid[]
         when p.prorettype = 'record'::regtype then
           array(select output.type
                   from unnest(p.proallargtypes, p.proargmodes) with ordinality as output (type, mode, place)
                  where output.mode in ('o', 'b', 't')
                  order by output.place)
         else array[p.prorettype]
       end as outputs
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  join pg_catalog.pg_type t on t.oid = p.prorettype
 where p.oid = any ($1)
