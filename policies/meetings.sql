select app.reset('public.meetings');

-- Written by schedule_meeting, reschedule_meeting and cancel_meeting alone.
grant select on public.meetings to authenticated;
grant select, insert, update, delete on public.meetings to service_role;

create policy "whoever reads the card reads the meeting"
on public.meetings for select to authenticated
using (app.can_read(conversation_id, chapter, visibility, organizer_id));
