-- Following threads.

create or replace function app.follow_thread()
returns trigger
language plpgsql
security definer set search_path = ''  -- what people follow is theirs
as $$
declare
  root public.messages;
begin
  select m.* into root
    from public.messages m
   where m.conversation_id = new.conversation_id
     and m.id = new.thread_id;
  -- Whoever answers has read so far; those whom it concerns have one more to read.
  insert into public.thread_members as mine (user_id, conversation_id, thread_id, last_read_reply)
  values (new.sender_id, new.conversation_id, new.thread_id, root.reply_count)
  on conflict (user_id, conversation_id, thread_id) do update set last_read_reply = excluded.last_read_reply;
  insert into public.thread_members (user_id, conversation_id, thread_id, last_read_reply)
  select concerned, new.conversation_id, new.thread_id, root.reply_count - 1
    from unnest(new.mentions || root.sender_id) concerned
   where concerned <> new.sender_id
   group by concerned
   order by concerned
  on conflict do nothing;
  return null;
end
$$;
comment on function app.follow_thread() is
  'Trigger: whoever answers in a thread, began it or is named in it follows it, unless they have had enough.';

create or replace trigger on_messages_insert__follow_thread
after insert on public.messages
for each row when (new.thread_id is not null and new.visibility = 'normal')
execute function app.follow_thread();

create or replace function app.thread_row(p_conversation uuid, p_thread uuid, p_following boolean, p_is_read boolean)
returns public.thread_members
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
declare
  me uuid := app.me();
  replies integer;
  mine public.thread_members;
begin
  select m.reply_count into replies
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_thread
     and m.thread_id is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  if replies is null then
    perform app.refuse('no_such_message');
  end if;
  insert into public.thread_members as t (user_id, conversation_id, thread_id, last_read_reply, following)
  values (me, p_conversation, p_thread, replies, coalesce(p_following, false))
  on conflict (user_id, conversation_id, thread_id) do update
     set following = coalesce(p_following, t.following),
         last_read_reply = case when p_is_read then greatest(t.last_read_reply, excluded.last_read_reply) else t.last_read_reply end
  returning t.* into mine;
  return mine;
end
$$;
comment on function app.thread_row(uuid, uuid, boolean, boolean) is
  'Takes a conversation, a thread''s root, whether to follow it (null: as before) and whether all of it is read; notes that for the person asking and gives their row. Errors: PT401 signed_out, PT404 no_such_message.';

create or replace function public.follow_thread(p_conversation uuid, p_thread uuid, p_following boolean default true)
returns public.thread_members
language sql
security definer set search_path = ''  -- as thread_row
as $$
  select app.thread_row(p_conversation, p_thread, coalesce(p_following, true), false)
$$;
comment on function public.follow_thread(uuid, uuid, boolean) is
  'Takes a conversation, a thread''s root and whether to follow it; gives the caller''s row. Errors: PT401 signed_out, PT404 no_such_message.';

create or replace function public.mark_thread_read(p_conversation uuid, p_thread uuid)
returns public.thread_members
language sql
security definer set search_path = ''  -- as thread_row
as $$
  select app.thread_row(p_conversation, p_thread, null, true)
$$;
comment on function public.mark_thread_read(uuid, uuid) is
  'Takes a conversation and a thread''s root; what there is of the thread is read, and the caller''s row is given. Errors: PT401 signed_out, PT404 no_such_message.';

create or replace function public.get_threads(p_limit integer default 50, p_unread boolean default false, p_before timestamptz default null)
returns table (
  conversation_id uuid,
  thread_id uuid,
  preview text,
  sender_id uuid,
  reply_count integer,
  unread integer,
  last_reply_at timestamptz
)
language sql stable
security definer set search_path = ''  -- one pass over what is the caller's own
as $$
  select m.conversation_id,
         m.id,
         app.preview(m.body, m.attachments),
         m.sender_id,
         m.reply_count,
         m.reply_count - t.last_read_reply,
         m.last_reply_at
    from public.thread_members t
    join public.conversation_members k on k.conversation_id = t.conversation_id and k.member_id = t.user_id
    join public.messages m on m.conversation_id = t.conversation_id and m.id = t.thread_id
   where t.user_id = app.me()
     and t.following
     and k.left_at is null
     and k.joined_chapter <= m.chapter
     and (not p_unread or m.reply_count > t.last_read_reply)
     and (p_before is null or m.last_reply_at < p_before)
   order by m.last_reply_at desc nulls last, m.id desc
   limit least(greatest(p_limit, 0), 200)
$$;
comment on function public.get_threads(integer, boolean, timestamptz) is
  'Takes how many (at most 200), whether only those with something unread, and a last_reply_at to stay before; gives the threads that the caller follows, those last answered first. Errors: PT401 signed_out.';
