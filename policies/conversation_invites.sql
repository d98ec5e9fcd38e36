select app.reset('public.conversation_invites');

grant select on public.conversation_invites to authenticated;
grant select, insert, update, delete on public.conversation_invites to service_role;

create policy "people read how they were asked in"
on public.conversation_invites for select to authenticated
using (invitee_id = (select auth.uid()));

create policy "members read who was asked in"
on public.conversation_invites for select to authenticated
using (email is null and app.is_member(conversation_id));

-- Addresses are for those who deal with them.
create policy "those who ask people in read who was asked by mail"
on public.conversation_invites for select to authenticated
using (app.can_do(conversation_id, 'invite'));
