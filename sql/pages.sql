-- Reading messages page by page, and catching up.

create or replace function public.get_messages(
  p_conversation uuid,
  p_before_seq bigint default null,
  p_after_seq bigint default null,
  p_limit integer default 50,
  p_thread uuid default null,
  p_around uuid default null
)
returns setof public.messages
language plpgsql stable
as $$
declare
  most integer := least(greatest(p_limit, 0), 1000);
  middle bigint := (select m.seq from public.messages m where m.conversation_id = p_conversation and m.id = p_around);
  upto bigint := coalesce(p_before_seq, 9223372036854775807);
  older integer := case when p_after_seq is not null then 0 when middle is null then most else most / 2 end;
  below bigint := least(upto, coalesce(middle, upto));
  above bigint := coalesce(p_after_seq, middle - 1, 9223372036854775807);
begin
  -- Bounds and limits are values by now, so that both halves are planned as short walks along an index.
  return query
  select page.*
    from (
      (select m.*
         from public.messages m
        where m.conversation_id = p_conversation
          and m.seq < below
          and (p_thread is null and m.thread_id is null or m.thread_id = p_thread)
          and not exists (select
                            from public.message_hides h
                           where h.user_id = (select auth.uid())
                             and h.conversation_id = m.conversation_id
                             and h.message_id = m.id)
        order by m.seq desc, m.sub desc
        limit older)
      union all
      (select m.*
         from public.messages m
        where m.conversation_id = p_conversation
          and m.seq > above
          and m.seq < upto
          and (p_thread is null and m.thread_id is null or m.thread_id = p_thread)
          and not exists (select
                            from public.message_hides h
                           where h.user_id = (select auth.uid())
                             and h.conversation_id = m.conversation_id
                             and h.message_id = m.id)
        order by m.seq, m.sub
        limit most - older)
    ) page
   order by page.seq, page.sub;
end
$$;
comment on function public.get_messages(uuid, bigint, bigint, integer, uuid, uuid) is
  'Takes a conversation, a seq to stay below, a seq to stay above, how many (at most 1000), a thread''s root (else the main line) and a message to have in the middle; gives messages in order: the newest that fit, the ones next after p_after_seq, or those around. What the caller hid is left out. An outsider gets none.';

create or replace function public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer default 500)
returns setof public.messages
language sql stable
as $$
  select m.*
    from public.messages m
   where m.conversation_id = p_conversation
     and m.rev > p_since_rev
   order by m.rev
   limit least(greatest(p_limit, 0), 1000)
$$;
comment on function public.sync_conversation(uuid, bigint, integer) is
  'Takes a conversation, the last rev the client has and how many (at most 1000); gives what is new or changed since, in order, threads included: nothing skipped, each message as it is now. An outsider gets none.';

create or replace function public.sync_all(p_cursor jsonb default '{}', p_limit integer default 500)
returns setof public.messages
language sql stable
security definer set search_path = ''  -- asks once a conversation what app.can_read would be asked once a message
as $$
  select news.*
    from (select c.id, c.last_rev, k.joined_chapter, coalesce((p_cursor ->> c.id::text)::bigint, 0) as since_rev
            from public.conversation_members k
            join public.conversations c on c.id = k.conversation_id
           where k.member_id = (select auth.uid())
             and k.left_at is null) mine
   cross join lateral (
      select m.*
        from public.messages m
       where m.conversation_id = mine.id
         and m.rev > mine.since_rev
         and m.chapter >= mine.joined_chapter
         and (m.visibility = 'normal' or m.sender_id = (select auth.uid()))
       order by m.rev
       limit least(greatest(p_limit, 0), 1000)) news
   where mine.last_rev > mine.since_rev
   order by news.conversation_id, news.rev
   limit least(greatest(p_limit, 0), 1000)
$$;
comment on function public.sync_all(jsonb, integer) is
  'Takes an object of conversation ids and the last rev the client has of each (what it leaves out begins at 0) and how many (at most 1000); gives what is new or changed in all of the caller''s conversations, each conversation in order of rev. Call it again with the revs received until fewer come than asked for.';
