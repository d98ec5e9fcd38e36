select app.reset('public.messages');

-- Nobody names a sender, a number or a time: a trigger fills them. Taking back is delete_message's.
grant select,
      insert (conversation_id, body, client_id, reply_to_id, parent_message_id, thread_id, message_type, body_format, meta, mentions, attachments),
      update (body)
   on public.messages to authenticated;
grant select, insert, update, delete on public.messages to service_role;

create policy "members read messages of their conversations"
on public.messages for select to authenticated
using (app.can_read(conversation_id, chapter, visibility, sender_id));

create policy "admins read where their organisation oversees"
on public.messages for select to authenticated
using (org_id in (select app.my_overseen_orgs()));

create policy "members speak in their conversations, as themselves"
on public.messages for insert to authenticated
with check (sender_id = (select auth.uid()) and app.can_post(conversation_id));

create policy "authors correct their own messages, in time"
on public.messages for update to authenticated
using (deleted_at is null and app.can_edit(conversation_id, visibility, sender_id, message_type, created_at));
