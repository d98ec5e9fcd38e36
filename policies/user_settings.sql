select app.reset('public.user_settings');

-- The key may be written again, as an upsert does; the policies keep it one's own.
grant select,
      insert (user_id, theme, density, sounds, sound_name, keyboard_mode, enter_to_send, reduced_motion, language),
      update (user_id, theme, density, sounds, sound_name, keyboard_mode, enter_to_send, reduced_motion, language)
   on public.user_settings to authenticated;
grant select, insert, update, delete on public.user_settings to service_role;

create policy "people read how they like their screen"
on public.user_settings for select to authenticated
using (user_id = (select auth.uid()));

create policy "people say how they like their screen"
on public.user_settings for insert to authenticated
with check (user_id = (select auth.uid()));

create policy "people change how they like their screen"
on public.user_settings for update to authenticated
using (user_id = (select auth.uid()));
