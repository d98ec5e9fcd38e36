select app.reset('public.conversation_pins');

grant select on public.conversation_pins to authenticated;
grant select, insert, update, delete on public.conversation_pins to service_role;

create policy "who reads a message sees that it is held up"
on public.conversation_pins for select to authenticated
using (app.can_read(conversation_id, chapter, 'normal', null));
