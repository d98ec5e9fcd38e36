select app.reset('public.conversation_members');

-- Memberships and pointers are changed by functions only.
grant select on public.conversation_members to authenticated;
grant select, insert, update, delete on public.conversation_members to service_role;

create policy "people read their own memberships, ended ones too"
on public.conversation_members for select to authenticated
using (member_id = (select auth.uid()));

create policy "members read who is in it with them"
on public.conversation_members for select to authenticated
using (app.is_member(conversation_id));
