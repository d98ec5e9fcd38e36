select app.reset('public.user_presence');

grant select on public.user_presence to authenticated;
grant select, insert, update, delete on public.user_presence to service_role;

create policy "people see who of those they talk with is there"
on public.user_presence for select to authenticated
using (app.shows_presence_to_me(user_id));
