-- What subscribers may follow live; policies decide who sees which row.

alter publication supabase_realtime
  add table public.conversations, public.conversation_members, public.messages, public.profiles;
