select app.reset('public.org_members');

grant select, update (role, suspended_at) on public.org_members to authenticated;
grant select, insert, update, delete on public.org_members to service_role;

create policy "people read the roles of their organisation"
on public.org_members for select to authenticated
using (org_id = (select app.my_org()));

create policy "admins give and take roles, superadmins all of them, nobody their own"
on public.org_members for update to authenticated
using (app.may_manage_role(org_id, user_id, role))
with check (app.may_manage_role(org_id, user_id, role));
