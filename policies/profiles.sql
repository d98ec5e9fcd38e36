select app.reset('public.profiles');

grant select,
      update (username, display_name, avatar_path, bio, status_text, status_emoji, status_until, locale, timezone)
   on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;

create policy "people read the profiles of their organisation"
on public.profiles for select to authenticated
using (org_id = (select app.my_org()));

create policy "people change their own profile"
on public.profiles for update to authenticated
using (id = (select auth.uid()));

create policy "admins dress personas"
on public.profiles for update to authenticated
using (kind = 'persona' and org_id = (select app.my_org()) and app.is_admin((select auth.uid())));
