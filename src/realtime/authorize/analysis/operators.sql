-- Operators: their function, and whether two values are equal just when the log prints the same.
select o.oid,
       o.oprcode::oid as function,
       o.oprname = '='
         and o.oprnamespace = 'pg_catalog'::regnamespace
         and o.oprleft = any ($2)
         and o.oprright = any ($2) as is_equality
  from pg_catalog.pg_operator o
 where o.oid = any ($1)
