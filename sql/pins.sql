-- What a conversation holds up, and what people keep for themselves.

create or replace function public.pin_message(p_conversation uuid, p_message uuid)
returns public.conversation_pins
language plpgsql
security definer set search_path = ''  -- pins are written by functions only
as $$
declare
  me uuid := app.me();
  target public.messages;
  made public.conversation_pins;
begin
  perform app.require_right(p_conversation, 'pin');
  if not app.can_react(p_conversation) then
    perform app.refuse(app.post_refusal(p_conversation));
  end if;
  -- The message first, then its conversation: under that lock pins are counted one at a time.
  update public.messages m
     set is_pinned = true
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and m.visibility = 'normal'
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
  returning m.* into target;
  if target.id is null then
    perform app.refuse('no_such_message');
  end if;

  insert into public.conversation_pins (conversation_id, message_id, pinned_by, chapter)
  values (p_conversation, p_message, me, target.chapter)
  on conflict do nothing;
  if (select count(*) from public.conversation_pins p where p.conversation_id = p_conversation) > 50 then
    perform app.refuse('pins_full');
  end if;
  select p.* into made
    from public.conversation_pins p
   where p.conversation_id = p_conversation
     and p.message_id = p_message;
  return made;
end
$$;
comment on function public.pin_message(uuid, uuid) is
  'Takes a conversation and a message; holds it up for all and gives the pin, the same one the second time. For owners, admins and moderators, and both of a pair. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member or no_such_message, PT422 pins_full.';

create or replace function public.unpin_message(p_conversation uuid, p_message uuid)
returns void
language plpgsql
security definer set search_path = ''  -- pins are written by functions only
as $$
begin
  perform app.require_right(p_conversation, 'pin');
  update public.messages m
     set is_pinned = false
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.is_pinned;
  delete from public.conversation_pins p
   where p.conversation_id = p_conversation
     and p.message_id = p_message;
end
$$;
comment on function public.unpin_message(uuid, uuid) is
  'Takes a conversation and a message; takes its pin down, if there is one. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member.';

create or replace function public.star_message(p_conversation uuid, p_message uuid, p_starred boolean default true)
returns void
language plpgsql
as $$
begin
  if p_starred then
    insert into public.message_stars (user_id, conversation_id, message_id)
    values (auth.uid(), p_conversation, p_message)
    on conflict do nothing;
  else
    delete from public.message_stars s
     where s.user_id = (select auth.uid())
       and s.conversation_id = p_conversation
       and s.message_id = p_message;
  end if;
end
$$;
comment on function public.star_message(uuid, uuid, boolean) is
  'Takes a conversation, a message and whether to keep it; stars it for the caller alone, or no longer. Errors: 42501 for a message that the caller cannot read.';

create or replace function public.forward_message(p_conversation uuid, p_message uuid, p_to uuid[])
returns setof public.messages
language plpgsql
security definer set search_path = ''  -- the mark of a copy is nobody's to write
as $$
declare
  origin public.messages;
begin
  perform app.take('forward');
  if cardinality(p_to) > 20 then
    perform app.refuse('too_many', 'limit=20');
  end if;
  select m.* into origin
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  if origin.id is null then
    perform app.refuse('no_such_message');
  elsif exists (select from public.conversations c where c.id = p_conversation and c.no_forward) then
    perform app.refuse('no_forward');
  end if;

  -- Where it came from is told only where all may read it there anyway.
  return query
  insert into public.messages (conversation_id, sender_id, body, body_format, attachments, forwarded)
  select target.id,
         app.me(),
         origin.body,
         origin.body_format,
         app.pass_on(origin.attachments, target.id),
         case when exists (
                select
                  from public.conversation_members reader
                 where reader.conversation_id = target.id
                   and reader.left_at is null
                   and not exists (select
                                     from public.conversation_members m
                                    where m.conversation_id = origin.conversation_id
                                      and m.member_id = reader.member_id
                                      and m.left_at is null
                                      and m.joined_chapter <= origin.chapter))
              then '{}'::jsonb
              else jsonb_build_object('conversation_id', origin.conversation_id, 'message_id', origin.id,
                                      'sender_id', origin.sender_id) end
    from (select distinct id from unnest(p_to) id) target
   order by target.id
  returning *;
end
$$;
comment on function public.forward_message(uuid, uuid, uuid[]) is
  'Takes a conversation, a message and up to 20 conversations; says it again in each and gives the copies. forwarded names the origin where all members can read it there, else it is {}. What it shows becomes files of the caller''s own there, which stay when the first are deleted. All or none. Errors: those of send_message and request_upload, PT403 no_forward, PT404 no_such_message, PT422 files_stay or too_many.';
