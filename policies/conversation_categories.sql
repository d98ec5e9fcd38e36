select app.reset('public.conversation_categories');

grant select, insert (org_id, owner_id, name, position), update (name, position), delete
   on public.conversation_categories to authenticated;
grant select, insert, update, delete on public.conversation_categories to service_role;

create policy "people read their own headings"
on public.conversation_categories for select to authenticated
using (owner_id = (select auth.uid()));

create policy "people read the headings of their organisation"
on public.conversation_categories for select to authenticated
using (owner_id is null and org_id = (select app.my_org()));

create policy "people make their own headings, admins the organisation's"
on public.conversation_categories for insert to authenticated
with check (org_id = (select app.my_org())
            and (owner_id = (select auth.uid()) or owner_id is null and app.is_admin((select auth.uid()))));

create policy "people change their own headings, admins the organisation's"
on public.conversation_categories for update to authenticated
using (owner_id = (select auth.uid())
       or owner_id is null and org_id = (select app.my_org()) and app.is_admin((select auth.uid())));

create policy "people delete their own headings, admins the organisation's"
on public.conversation_categories for delete to authenticated
using (owner_id = (select auth.uid())
       or owner_id is null and org_id = (select app.my_org()) and app.is_admin((select auth.uid())));
