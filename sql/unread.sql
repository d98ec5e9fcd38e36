-- How far each member has read.

create or replace function app.read_own_message()
returns trigger
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
begin
  update public.conversation_members m
     set last_read_seq = new.seq,
         last_read_ord = new.ord
   where m.conversation_id = new.conversation_id
     and m.member_id = new.sender_id
     and m.last_read_seq < new.seq;
  return null;
end
$$;
comment on function app.read_own_message() is 'Trigger: whoever speaks has read so far.';

create or replace trigger on_messages_insert__read_own_message
after insert on public.messages
for each row execute function app.read_own_message();

create or replace function public.mark_read(p_conversation uuid, p_seq bigint)
returns public.conversation_members
language plpgsql
security definer set search_path = ''  -- pointers are nobody's to write directly
as $$
declare
  me uuid := app.me();
  pointer public.conversation_members;
begin
  update public.conversation_members mine
     set last_read_seq = newest.seq,
         last_read_ord = newest.ord
    from (select m.seq, m.ord
            from public.messages m
           where m.conversation_id = p_conversation
             and m.seq <= p_seq
             and m.sub = 0
           order by m.seq desc
           limit 1) newest
   where mine.conversation_id = p_conversation
     and mine.member_id = me
     and mine.left_at is null
     and mine.last_read_seq < newest.seq;

  select m.* into pointer
    from public.conversation_members m
   where m.conversation_id = p_conversation
     and m.member_id = me
     and m.left_at is null;
  if pointer.member_id is null then
    raise sqlstate 'PT404' using message = 'There is no such conversation.', hint = 'not_member';
  end if;
  return pointer;
end
$$;
comment on function public.mark_read(uuid, bigint) is
  'Takes a conversation and the seq read up to; moves the caller''s pointer forward, never back, and gives their membership. Errors: PT401 signed_out, PT404 not_member.';
