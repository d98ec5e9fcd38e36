select app.reset('public.file_quotas');

grant select, insert (org_id, scope, user_id, max_bytes), update (max_bytes), delete on public.file_quotas to authenticated;
grant select, insert, update, delete on public.file_quotas to service_role;

create policy "people see what bounds them"
on public.file_quotas for select to authenticated
using (org_id = (select app.my_org()) and (user_id is null or user_id = (select auth.uid())));

create policy "superadmins see and set the bounds of their organisation"
on public.file_quotas for all to authenticated
using (org_id = (select app.my_org()) and app.role_of((select auth.uid())) = 'superadmin');
