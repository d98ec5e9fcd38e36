select app.reset('public.notification_settings');

-- The key may be written again, as an upsert does; the policies keep it one's own.
grant select, insert (user_id, quiet_from, quiet_to, digest, digest_at), update (user_id, quiet_from, quiet_to, digest, digest_at)
   on public.notification_settings to authenticated;
grant select, insert, update, delete on public.notification_settings to service_role;

create policy "people read when they want to be told"
on public.notification_settings for select to authenticated
using (user_id = (select auth.uid()));

create policy "people say when they want to be told"
on public.notification_settings for insert to authenticated
with check (user_id = (select auth.uid()));

create policy "people change when they want to be told"
on public.notification_settings for update to authenticated
using (user_id = (select auth.uid()));
