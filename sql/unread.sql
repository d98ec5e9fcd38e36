-- How far each has read, and what others learn of it.
-- unread = the conversation's root_count minus one's own last_read_ord: nothing is written per
-- message and member. The pointer's ord leaves out what one said oneself, so both are exact.

create or replace function app.read_own_message()
returns trigger
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
begin
  -- What was held and is let through now was said earlier: its sender has read nothing by that.
  if current_setting('app.is_release', true) = 'on' then
    update public.inbox i
       set last_read_ord = i.last_read_ord + 1,
           last_sent_seq = new.seq
     where i.conversation_id = new.conversation_id
       and i.member_id = new.sender_id;
    return null;
  end if;
  update public.inbox i
     set last_read_seq = new.seq,
         last_read_ord = new.ord,
         last_sent_seq = case when new.visibility = 'normal' then new.seq else i.last_sent_seq end,
         last_sent_at = new.created_at,
         mention_count = 0
   where i.conversation_id = new.conversation_id
     and i.member_id = new.sender_id;
  delete from public.typing_states t
   where t.conversation_id = new.conversation_id
     and t.actor_id = new.sender_id;
  return null;
end
$$;
comment on function app.read_own_message() is 'Trigger: whoever speaks in the main line has read so far, and types no more.';

create or replace trigger on_messages_insert__read_own_message
after insert on public.messages
for each row when (new.thread_id is null and new.message_type <> 'system')
execute function app.read_own_message();

create or replace function app.ord_read(p_conversation uuid, p_seq bigint, p_ord bigint, p_last_sent bigint, p_member uuid)
returns bigint
language sql stable
security definer set search_path = ''  -- counts messages whoever may read them
as $$
  select p_ord + case when p_last_sent <= p_seq then 0 else (
    select count(*)
      from public.messages m
     where m.conversation_id = p_conversation
       and m.seq > p_seq
       and m.seq <= p_last_sent
       and m.sender_id = p_member
       and m.thread_id is null
       and m.message_type <> 'system'
       and m.visibility = 'normal') end
$$;
comment on function app.ord_read(uuid, bigint, bigint, bigint, uuid) is
  'Takes a conversation, a message''s seq and ord, the seq of the member''s own newest message, and the member; gives the pointer''s ord: that of the message, and one for each message of one''s own behind it.';

create or replace function app.shows_receipts(p_member uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- settings are their owner's
as $$
  select coalesce((select s.show_read_receipts from public.user_privacy_settings s where s.user_id = p_member), true)
$$;
comment on function app.shows_receipts(uuid) is 'Takes a person; tells whether others learn how far they have read.';

create or replace function app.i_show_receipts()
returns boolean
language sql stable
security definer set search_path = ''  -- policies ask it
as $$
  select not exists (
    select
      from public.user_privacy_settings s
     where s.user_id = (select auth.uid())
       and not s.show_read_receipts
  )
$$;
comment on function app.i_show_receipts() is 'Tells whether the person asking lets others learn how far they have read, and so learns it of them.';

create or replace function app.tell_read(p_member uuid, p_conversations uuid[])
returns void
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
begin
  if not app.shows_receipts(p_member) then
    return;
  end if;
  with told as (
    update public.conversation_members m
       set last_read_seq = i.last_read_seq,
           last_read_ord = i.last_read_ord,
           last_delivered_seq = greatest(m.last_delivered_seq, i.last_read_seq)
      from public.inbox i
      join public.conversations c on c.id = i.conversation_id
     where i.member_id = p_member
       and i.conversation_id = any (p_conversations)
       and m.conversation_id = i.conversation_id
       and m.member_id = i.member_id
       and m.left_at is null
       and m.last_read_seq < i.last_read_seq
       and c.receipts_mode = 'all'
       and c.member_count <= 100
    returning m.conversation_id, m.last_read_seq
  )
  insert into public.read_marks (conversation_id, member_id, seq)
  select told.conversation_id, p_member, told.last_read_seq
    from told
  on conflict do nothing;
end
$$;
comment on function app.tell_read(uuid, uuid[]) is
  'Takes a member and conversations; lets the others know how far the member has read there, if the member shows it and the conversation is small.';

do $$
begin
  -- It once gave the membership; what a function gives cannot be replaced in place.
  if exists (select
               from pg_proc p
              where p.oid = to_regprocedure('public.mark_read(uuid, bigint)')
                and p.prorettype <> 'public.inbox'::regtype) then
    drop function public.mark_read(uuid, bigint);
  end if;
end
$$;

create or replace function public.mark_read(p_conversation uuid, p_seq bigint)
returns public.inbox
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
declare
  me uuid := app.me();
  pointer public.inbox;
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;

  update public.inbox mine
     set last_read_seq = newest.seq,
         last_read_ord = app.ord_read(p_conversation, newest.seq, newest.ord, mine.last_sent_seq, me),
         mention_count = (select count(*)
                            from public.message_mentions k
                           where k.mentioned_id = me
                             and k.conversation_id = p_conversation
                             and k.seq > newest.seq)
    from (select m.seq, m.ord
            from public.messages m
           where m.conversation_id = p_conversation
             and m.seq <= p_seq
             and m.sub = 0
           order by m.seq desc
           limit 1) newest
   where mine.conversation_id = p_conversation
     and mine.member_id = me
     and mine.last_read_seq < newest.seq;
  if found then
    perform app.tell_read(me, array[p_conversation]);
  end if;

  select i.* into pointer
    from public.inbox i
   where i.conversation_id = p_conversation
     and i.member_id = me;
  return pointer;
end
$$;
comment on function public.mark_read(uuid, bigint) is
  'Takes a conversation and the seq read up to; moves the caller''s pointer forward, never back, and gives their inbox row. Call it at most once in one or two seconds. Errors: PT401 signed_out, PT404 not_member.';

create or replace function public.mark_unread(p_conversation uuid, p_seq bigint)
returns public.inbox
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
declare
  me uuid := app.me();
  place public.conversations;
  pointer public.inbox;
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;
  -- Locked, so that what is counted and the counter are of one moment.
  select c.* into place from public.conversations c where c.id = p_conversation for no key update;

  update public.inbox mine
     set last_read_seq = back.seq,
         last_read_ord = place.root_count - (select count(*)
                                               from public.messages m
                                              where m.conversation_id = p_conversation
                                                and m.seq > back.seq
                                                and m.sender_id <> me
                                                and m.thread_id is null
                                                and m.message_type <> 'system'
                                                and m.visibility = 'normal'),
         mention_count = (select count(*)
                            from public.message_mentions k
                           where k.mentioned_id = me
                             and k.conversation_id = p_conversation
                             and k.seq > back.seq)
    from (select greatest(p_seq - 1, place.last_seq - 1000, 0) as seq) back
   where mine.conversation_id = p_conversation
     and mine.member_id = me
     and mine.last_read_seq > back.seq;

  select i.* into pointer
    from public.inbox i
   where i.conversation_id = p_conversation
     and i.member_id = me;
  return pointer;
end
$$;
comment on function public.mark_unread(uuid, bigint) is
  'Takes a conversation and a seq; what is from there on counts as unread again, at most the last 1000, and the inbox row is given. What others were told stays told. Errors: PT401 signed_out, PT404 not_member.';

create or replace function public.mark_all_read()
returns integer
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
declare
  me uuid := app.me();
  moved uuid[];
begin
  with moving as (
    update public.inbox i
       set last_read_seq = c.last_seq,
           last_read_ord = c.root_count,
           mention_count = 0
      from public.conversations c
     where i.member_id = me
       and c.id = i.conversation_id
       and c.id in (select app.my_conversations())
       and i.last_read_seq < c.last_seq
    returning i.conversation_id
  )
  select coalesce(array_agg(moving.conversation_id), '{}') into moved from moving;
  perform app.tell_read(me, moved);
  return cardinality(moved);
end
$$;
comment on function public.mark_all_read() is
  'Moves all of the caller''s pointers to the end and gives how many moved. Errors: PT401 signed_out.';

create or replace function public.mark_delivered(p_items jsonb)
returns integer
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
declare
  me uuid := app.me();
  moved integer;
begin
  if jsonb_typeof(p_items) is distinct from 'object' or (select count(*) from jsonb_object_keys(p_items)) > 1000 then
    perform app.refuse('too_many', 'limit=1000');
  end if;
  update public.conversation_members m
     set last_delivered_seq = least(item.seq::bigint, c.last_seq)
    from jsonb_each_text(p_items) item (id, seq)
    join public.conversations c on c.id = item.id::uuid
   where m.conversation_id = c.id
     and m.member_id = me
     and m.left_at is null
     and m.last_delivered_seq < least(item.seq::bigint, c.last_seq)
     and c.receipts_mode = 'all'
     and c.member_count <= 100;
  get diagnostics moved = row_count;
  return moved;
end
$$;
comment on function public.mark_delivered(jsonb) is
  'Takes an object of conversation ids and the newest seq that reached this device, at most 1000; moves what others are told, in small conversations, and gives how many moved; who hides how far they have read tells that all the same. Errors: PT401 signed_out, PT422 too_many.';

create or replace function public.read_by(p_conversation uuid, p_message uuid)
returns jsonb
language plpgsql stable
security definer set search_path = ''  -- pointers are their owners'
as $$
declare
  me uuid := app.me();
  place public.conversations;
  target public.messages;
begin
  select m.* into target
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  if target.id is null then
    perform app.refuse('no_such_message');
  end if;
  select c.* into place from public.conversations c where c.id = p_conversation;

  -- Whoever hides how far they have read does not learn it of others.
  if place.receipts_mode = 'off' or place.member_count > 2000 or not app.i_show_receipts() then
    return jsonb_build_object('count', null, 'members', null);
  elsif place.receipts_mode = 'count' or place.member_count > 100 then
    return (select jsonb_build_object('count', count(*), 'members', null)
              from public.inbox i
              join public.conversation_members m on m.conversation_id = i.conversation_id and m.member_id = i.member_id
             where i.conversation_id = p_conversation
               and i.last_read_seq >= target.seq
               and i.member_id <> target.sender_id
               and m.left_at is null
               and app.shows_receipts(i.member_id));
  end if;
  return (select jsonb_build_object('count', count(*),
                                    'members', coalesce(jsonb_agg(jsonb_build_object('member_id', reader.member_id, 'read_at', reader.at)
                                                                  order by reader.at, reader.member_id), '[]'))
            from (select k.member_id, min(k.at) as at
                    from public.read_marks k
                    join public.conversation_members m on m.conversation_id = k.conversation_id and m.member_id = k.member_id
                   where k.conversation_id = p_conversation
                     and k.seq >= target.seq
                     and k.member_id <> target.sender_id
                     and m.left_at is null
                     and app.shows_receipts(k.member_id)
                   group by k.member_id) reader);
end
$$;
comment on function public.read_by(uuid, uuid) is
  'Takes a conversation and a message; gives {"count", "members": [{"member_id", "read_at"}]}: who has read it and when, up to 100 members; the count alone up to 2000; nulls beyond, where receipts are off, or if the caller hides theirs. Errors: PT401 signed_out, PT404 no_such_message.';

create or replace function public.read_at(p_message public.messages)
returns timestamptz
language sql stable
as $$
  select min(k.at)
    from public.read_marks k
   where k.conversation_id = p_message.conversation_id
     and k.seq >= p_message.seq
     and k.member_id <> p_message.sender_id
$$;
comment on function public.read_at(public.messages) is
  'Takes a message, so that select=*,read_at works; gives when the first of the others had read it, or null.';
