select app.reset('public.scheduled_messages');

-- Written by schedule_message and cancel_scheduled_message alone.
grant select on public.scheduled_messages to authenticated;
grant select, insert, update, delete on public.scheduled_messages to service_role;

create policy "people read what they have scheduled"
on public.scheduled_messages for select to authenticated
using (sender_id = (select auth.uid()));
