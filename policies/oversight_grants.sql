select app.reset('public.oversight_grants');

grant select on public.oversight_grants to authenticated, service_role;

create policy "admins read what they have opened"
on public.oversight_grants for select to authenticated
using (admin_id = (select auth.uid()));
