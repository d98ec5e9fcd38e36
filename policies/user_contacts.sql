select app.reset('public.user_contacts');

grant select, insert (owner_id, contact_id), delete on public.user_contacts to authenticated;
grant select, insert, update, delete on public.user_contacts to service_role;

create policy "people read their own contacts"
on public.user_contacts for select to authenticated
using (owner_id = (select auth.uid()));

create policy "people note whom they know"
on public.user_contacts for insert to authenticated
with check (owner_id = (select auth.uid()));

create policy "people forget whom they knew"
on public.user_contacts for delete to authenticated
using (owner_id = (select auth.uid()));
