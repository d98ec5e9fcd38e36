select app.reset('public.teams');

grant select, insert (org_id, name), update (name), delete on public.teams to authenticated;
grant select, insert, update, delete on public.teams to service_role;

create policy "people read the teams of their organisation"
on public.teams for select to authenticated
using (org_id = (select app.my_org()));

create policy "admins make teams"
on public.teams for insert to authenticated
with check (org_id = (select app.my_org()) and app.is_admin((select auth.uid())));

create policy "admins rename teams"
on public.teams for update to authenticated
using (org_id = (select app.my_org()) and app.is_admin((select auth.uid())));

create policy "admins dissolve teams"
on public.teams for delete to authenticated
using (org_id = (select app.my_org()) and app.is_admin((select auth.uid())));
