select app.reset('public.engagements');

-- Bids and projects are written by the business, as the service.
grant select on public.engagements to authenticated;
grant select, insert, update, delete on public.engagements to service_role;

create policy "clients read their engagements"
on public.engagements for select to authenticated
using (client_id = (select auth.uid()));

create policy "consultants read their engagements"
on public.engagements for select to authenticated
using (consultant_id = (select auth.uid()));

create policy "admins read where their organisation oversees"
on public.engagements for select to authenticated
using (org_id in (select app.my_overseen_orgs()));
