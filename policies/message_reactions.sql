select app.reset('public.message_reactions');

grant select, insert (conversation_id, message_id, emoji), delete on public.message_reactions to authenticated;
grant select, insert, update, delete on public.message_reactions to service_role;

create policy "who reads a message sees its reactions"
on public.message_reactions for select to authenticated
using (app.can_read(conversation_id, chapter, visibility, actor_id));

create policy "people react as themselves"
on public.message_reactions for insert to authenticated
with check (actor_id = (select auth.uid()) and app.can_react(conversation_id));

create policy "people take back their own reactions"
on public.message_reactions for delete to authenticated
using (actor_id = (select auth.uid()) and app.can_react(conversation_id));
