-- Views ask as the person who reads them, so the policies of the tables behind hold; here is only who may.
revoke all on public.user_conversations, public.chat_groups, public.chat_messages from public, anon, authenticated, service_role;
grant select on public.user_conversations, public.chat_groups, public.chat_messages to authenticated, service_role;
grant update (name, description) on public.chat_groups to authenticated, service_role;
