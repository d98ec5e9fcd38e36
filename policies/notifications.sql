select app.reset('public.notifications');

-- Written by functions and triggers; read marks by mark_notifications.
grant select on public.notifications to authenticated;
grant select, insert, update, delete on public.notifications to service_role;

create policy "people read what they were told"
on public.notifications for select to authenticated
using (user_id = (select auth.uid()) and in_app);
