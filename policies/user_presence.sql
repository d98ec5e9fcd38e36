select app.reset('public.user_presence');

-- The last heartbeat is for who_is_online to tell, which asks its owner's settings.
grant select (user_id, status, manual_status, last_active_at) on public.user_presence to authenticated;
grant select, insert, update, delete on public.user_presence to service_role;

create policy "people see who of those they talk with is there"
on public.user_presence for select to authenticated
using (app.shows_presence_to_me(user_id));
