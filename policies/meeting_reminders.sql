select app.reset('public.meeting_reminders');

grant select on public.meeting_reminders to authenticated;
grant select, insert, update, delete on public.meeting_reminders to service_role;

create policy "people read their own reminders"
on public.meeting_reminders for select to authenticated
using (user_id = (select auth.uid()));
