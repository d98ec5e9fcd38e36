-- Settings of the roles that the server may put on, as one JSON document; those that it may not
-- set are left out.
select coalesce(json_agg(json_build_object('name', role.name, 'settings', role.settings)), '[]')::text
from (
  select r.rolname as name,
         json_agg(json_build_array(s.name, s.value) order by s.place) as settings
  from pg_catalog.pg_roles r
  cross join lateral (
    select pg_catalog.split_part(entry.text, '=', 1) as name,
           pg_catalog.substr(entry.text, pg_catalog.strpos(entry.text, '=') + 1) as value,
           entry.place
    from unnest(r.rolconfig) with ordinality entry(text, place)
  ) s
  left join pg_catalog.pg_settings known on known.name = s.name
  where pg_catalog.pg_has_role(r.oid, 'member')
    and r.rolname <> current_user
    and (
      known.context = 'user'
      -- Names with a dot are anybody's until an extension claims them.
      or (known.name is null and pg_catalog.strpos(s.name, '.') > 0)
      or (known.context = 'superuser'
          and pg_catalog.has_parameter_privilege(current_user, s.name, 'set'))
    )
  group by r.oid, r.rolname
) role
