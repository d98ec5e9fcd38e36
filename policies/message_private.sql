select app.reset('public.message_private');

-- Written by send_as_persona alone, changed by nobody.
grant select on public.message_private to authenticated, service_role;

create policy "admins read who spoke as a persona"
on public.message_private for select to authenticated
using (org_id = (select app.my_org()) and app.is_admin((select auth.uid())));
