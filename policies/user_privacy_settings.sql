select app.reset('public.user_privacy_settings');

-- The key may be written again, as an upsert does; the policies keep it one's own.
grant select,
      insert (user_id, show_typing, show_presence, who_can_dm, show_last_seen, show_read_receipts,
              allow_mentions_from, discoverable, link_previews),
      update (user_id, show_typing, show_presence, who_can_dm, show_last_seen, show_read_receipts,
              allow_mentions_from, discoverable, link_previews)
   on public.user_privacy_settings to authenticated;
grant select, insert, update, delete on public.user_privacy_settings to service_role;

create policy "people read their own settings"
on public.user_privacy_settings for select to authenticated
using (user_id = (select auth.uid()));

create policy "people make their own settings"
on public.user_privacy_settings for insert to authenticated
with check (user_id = (select auth.uid()));

create policy "people change their own settings"
on public.user_privacy_settings for update to authenticated
using (user_id = (select auth.uid()));
