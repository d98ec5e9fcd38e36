select app.reset('public.message_stars');

grant select, insert (user_id, conversation_id, message_id), delete on public.message_stars to authenticated;
grant select, insert, update, delete on public.message_stars to service_role;

create policy "people read their own stars"
on public.message_stars for select to authenticated
using (user_id = (select auth.uid()));

create policy "people star what they can read"
on public.message_stars for insert to authenticated
with check (user_id = (select auth.uid()) and app.sees_message(conversation_id, message_id));

create policy "people take their stars away"
on public.message_stars for delete to authenticated
using (user_id = (select auth.uid()));
