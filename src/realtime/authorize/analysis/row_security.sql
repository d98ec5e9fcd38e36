-- Whether row security binds roles on tables, and the policies that then say what they see ($3: r)
-- or may insert (a).
select c.oid as relation,
       r.oid as role,
       wanted.command,
       c.relrowsecurity
         and not (r.rolsuper or r.rolbypassrls)
         and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage')) as is_bound,
       p.polpermissive as is_permissive,
       case wanted.command when 'a' then coalesce(p.polwithcheck, p.polqual) else p.polqual end::text as condition
  from unnest($1::oid[], $2::oid[], $3::text[]) as wanted (relation, role, command)
  join pg_catalog.pg_class c on c.oid = wanted.relation
  join pg_catalog.pg_roles r on r.oid = wanted.role
  left join pg_catalog.pg_policy p
    on p.polrelid = c.oid
   and p.polcmd in (wanted.command::"char", '*')
   and (p.polroles = '{0}'
        or exists (select from unnest(p.polroles) as bound (role) where pg_has_role(r.oid, bound.role, 'usage')))
 order by p.polname
