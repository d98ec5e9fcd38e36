-- Views ask as the person who reads them, so the policies of the tables behind hold; here is only who may.
revoke all on public.user_conversations, public.user_messages, public.chat_groups, public.chat_messages, public.chat_fake_users,
              public.chat_admin_logs, public.chat_scheduled_messages, public.participants, public.rooms, public.room_members,
              public.room_categories
  from public, anon, authenticated, service_role;
grant select on public.user_conversations, public.user_messages, public.chat_groups, public.chat_messages, public.chat_fake_users,
                public.chat_admin_logs, public.chat_scheduled_messages, public.participants, public.rooms, public.room_members,
                public.room_categories
   to authenticated, service_role;
grant update (name, description) on public.chat_groups to authenticated, service_role;
grant update (name, topic, description) on public.rooms to authenticated, service_role;
grant insert (conversation_id, body, client_id, parent_message_id, thread_id, reply_to_id), update (body)
   on public.user_messages to authenticated, service_role;
grant insert (group_id, sender_id, message) on public.chat_messages to authenticated;
