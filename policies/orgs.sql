select app.reset('public.orgs');

grant select, update (name, settings) on public.orgs to authenticated;
grant select, insert, update, delete on public.orgs to service_role;

create policy "people read their own organisation"
on public.orgs for select to authenticated
using (id = (select app.my_org()));

create policy "superadmins change their organisation's settings"
on public.orgs for update to authenticated
using (id = (select app.my_org()) and app.role_of((select auth.uid())) = 'superadmin');
