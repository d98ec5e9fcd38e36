select app.reset('public.meeting_participants');

grant select, update (response) on public.meeting_participants to authenticated;
grant select, insert, update, delete on public.meeting_participants to service_role;

create policy "whoever reads the card reads who comes"
on public.meeting_participants for select to authenticated
using (app.can_read(conversation_id, chapter, 'normal', user_id));

create policy "people answer for themselves"
on public.meeting_participants for update to authenticated
using (user_id = (select auth.uid()) and app.is_member(conversation_id));
