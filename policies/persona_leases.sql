select app.reset('public.persona_leases');

-- Written by take_persona and release_persona alone.
grant select on public.persona_leases to authenticated;
grant select, insert, update, delete on public.persona_leases to service_role;

create policy "admins see who speaks as which persona"
on public.persona_leases for select to authenticated
using (org_id = (select app.my_org()) and app.is_admin((select auth.uid())));
