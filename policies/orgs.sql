select app.reset('public.orgs');

grant select on public.orgs to authenticated;
grant select, insert, update, delete on public.orgs to service_role;

create policy "people read their own organisation"
on public.orgs for select to authenticated
using (id = (select app.my_org()));
