select app.reset('public.notification_preferences');

-- The key may be written again, as an upsert does; the policies keep it one's own.
grant select, insert (user_id, channel, kind, enabled), update (user_id, channel, kind, enabled), delete
   on public.notification_preferences to authenticated;
grant select, insert, update, delete on public.notification_preferences to service_role;

create policy "people read where they want to be told"
on public.notification_preferences for select to authenticated
using (user_id = (select auth.uid()));

create policy "people say where they want to be told"
on public.notification_preferences for insert to authenticated
with check (user_id = (select auth.uid()));

create policy "people change where they want to be told"
on public.notification_preferences for update to authenticated
using (user_id = (select auth.uid()));

create policy "people forget where they wanted to be told"
on public.notification_preferences for delete to authenticated
using (user_id = (select auth.uid()));
