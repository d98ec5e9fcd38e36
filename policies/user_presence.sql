select app.reset('public.user_presence');

-- When somebody was last there is for who_is_online to tell, which asks its owner's settings; what
-- they chose is in status, and that they chose it is their own business.
grant select (user_id, status) on public.user_presence to authenticated;
grant select, insert, update, delete on public.user_presence to service_role;

create policy "people see who of those they talk with is there"
on public.user_presence for select to authenticated
using (app.shows_presence_to_me(user_id));
