select app.reset('public.message_attachments');

-- Written with the message alone.
grant select on public.message_attachments to authenticated;
grant select, insert, update, delete on public.message_attachments to service_role;

create policy "who reads a message sees what hangs on it"
on public.message_attachments for select to authenticated
using (app.can_read(conversation_id, chapter, visibility, sender_id));
