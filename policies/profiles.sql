select app.reset('public.profiles');

grant select,
      update (username, display_name, avatar_path, bio, status_text, status_emoji, status_until, locale, timezone)
   on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;

-- Few hide, so who does is gathered once, and only of them it is asked who knows them.
create policy "people read the profiles of their organisation, but of who hides from strangers"
on public.profiles for select to authenticated
using (org_id = (select app.my_org())
       and (id not in (select app.hidden_people()) or app.knows(id) or app.is_admin((select auth.uid()))));

create policy "people change their own profile"
on public.profiles for update to authenticated
using (id = (select auth.uid()));

create policy "admins dress personas"
on public.profiles for update to authenticated
using (kind = 'persona' and org_id = (select app.my_org()) and app.is_admin((select auth.uid())));
