select app.reset('public.conversation_invites');

grant select on public.conversation_invites to authenticated;
grant select, insert, update, delete on public.conversation_invites to service_role;

create policy "people read how they were asked in"
on public.conversation_invites for select to authenticated
using (invitee_id = (select auth.uid()));

create policy "members read who was asked in"
on public.conversation_invites for select to authenticated
using (email is null and app.is_member(conversation_id));

-- An address is for who has written to it.
create policy "people read whom they asked in"
on public.conversation_invites for select to authenticated
using (invited_by = (select auth.uid()));
