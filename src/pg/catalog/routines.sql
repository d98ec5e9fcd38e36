-- Functions of the served schemas that a client could call, as one JSON document. Triggers and
-- procedures are no calls; a function with an unnamed argument is listed only when it has no other.
select coalesce(json_agg(json_build_object(
         'schema', n.nspname,
         'name', p.proname,
         'comment', pg_catalog.obj_description(p.oid, 'pg_proc'),
         'volatility', p.provolatile,
         'arguments', coalesce(arguments.list, '[]'),
         'is_set', p.proretset,
         'shape', case
           when p.prorettype = 'pg_catalog.void'::regtype then 'void'
           when t.typtype = 'c'
             or coalesce(p.proargmodes::text[] && '{t,b,o}', false) then 'composite'
           else 'scalar'
         end,
         'table_schema', tn.nspname,
         'table', c.relname,
         'settings', (
           select coalesce(json_agg(json_build_array(
                    pg_catalog.split_part(entry, '=', 1),
                    pg_catalog.substr(entry, pg_catalog.strpos(entry, '=') + 1)
                  )), '[]')
           from unnest(p.proconfig) entry
         )
       ) order by n.nspname, p.proname, p.oid), '[]')::text
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type r on r.oid = p.prorettype
join pg_catalog.pg_type t on t.oid = coalesce(nullif(r.typbasetype, 0), r.oid)
left join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind <> 'c'
left join pg_catalog.pg_namespace tn on tn.oid = c.relnamespace
left join lateral (
  select json_agg(json_build_object(
           'name', coalesce(argument.name, ''),
           'type', pg_catalog.format_type(argument.type, null),
           -- "character" without a length would be one character; this gives "bpchar".
           'cast', pg_catalog.format_type(argument.type, -1),
           'is_required', argument.place <= p.pronargs - p.pronargdefaults,
           'is_variadic', argument.mode is not distinct from 'v'
         ) order by argument.place) as list,
         count(*) filter (where coalesce(argument.name, '') = '') as unnamed
  from (
    select listed.type, listed.mode, listed.name,
           row_number() over (order by listed.place) as place
    from unnest(
      coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes, p.proargnames
    ) with ordinality listed(type, mode, name, place)
    where coalesce(listed.mode, 'i') in ('i', 'b', 'v')
  ) argument
) arguments on true
where n.nspname = any($1)
  and p.prokind = 'f'
  and p.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
  and (p.pronargs <= 1 or arguments.unnamed = 0)
