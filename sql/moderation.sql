-- What moderators do: messages that are held are let through or not, people are warned.

create or replace function app.is_moderator(p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as role_of
as $$
  select coalesce(app.role_of(p_user) in ('moderator', 'admin', 'superadmin'), false)
$$;
comment on function app.is_moderator(uuid) is 'Takes a person; tells whether they are a moderator or admin of their organisation.';

create or replace function public.held_messages(p_limit integer default 50)
returns table (
  conversation_id uuid,
  message_id uuid,
  kind text,
  title text,
  sender_id uuid,
  sender_name text,
  body text,
  attachments jsonb,
  held_since timestamptz
)
language sql stable
security definer set search_path = ''  -- moderators read what nobody else does, and need not be in the conversation
as $$
  select m.conversation_id, m.id, c.kind, c.title, m.sender_id, p.display_name, m.body, m.attachments, m.created_at
    from public.messages m
    join public.conversations c on c.id = m.conversation_id
    join public.profiles p on p.id = m.sender_id
   where m.org_id = app.my_org()
     and m.visibility = 'held'
     and m.deleted_at is null
     and m.sender_id <> app.me()
     and ((select app.is_moderator(app.me()))
          or m.conversation_id in (select mine.conversation_id
                                     from public.conversation_members mine
                                    where mine.member_id = app.me()
                                      and mine.left_at is null
                                      and app.role_may(mine.role, 'delete_any')))
   order by m.created_at, m.id
   limit least(greatest(p_limit, 0), 200)
$$;
comment on function public.held_messages(integer) is
  'Takes how many (at most 200); gives the messages of others that wait for review, the oldest first: to moderators and admins of the organisation all of them, to those who moderate a conversation those said there. Errors: PT401 signed_out.';

create or replace function public.review_message(p_conversation uuid, p_message uuid, p_release boolean, p_reason text default null)
returns public.messages
language plpgsql
security definer set search_path = ''  -- another's message is written, and what goes on record
as $$
declare
  me uuid := app.me();
  claims text := coalesce(current_setting('request.jwt.claims', true), '');
  real_sender uuid;
  held public.messages;
  reviewed public.messages;
begin
  select m.* into held
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.visibility = 'held'
     and m.deleted_at is null
     and (m.org_id = app.my_org() and app.is_moderator(me) or app.can_do(m.conversation_id, 'delete_any'))
     for update;
  if held.id is null then
    perform app.refuse('no_such_message');
  elsif held.sender_id = me then
    perform app.refuse('own_message');
  end if;

  if coalesce(p_release, false) then
    -- Said anew by its sender, so that it takes its number, and is counted and told, as what is said now.
    select k.real_sender_id into real_sender
      from public.message_private k
     where k.conversation_id = p_conversation
       and k.message_id = p_message;
    perform set_config('request.jwt.claims', '', true), set_config('app.is_release', 'on', true);
    delete from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message;
    insert into public.messages (conversation_id, id, sender_id, client_id, message_type, body, body_format, meta,
                                 reply_to_id, parent_message_id, thread_id, mentions, attachments, forwarded)
    values (held.conversation_id, held.id, held.sender_id, held.client_id, held.message_type, held.body, held.body_format, held.meta,
            held.reply_to_id, held.parent_message_id, held.thread_id, held.mentions, held.attachments, held.forwarded)
    returning * into reviewed;
    perform set_config('request.jwt.claims', claims, true), set_config('app.is_release', '', true);
    insert into public.message_private (conversation_id, message_id, org_id, real_sender_id)
    select held.conversation_id, held.id, held.org_id, real_sender
     where real_sender is not null;
  else
    update public.messages m
       set deleted_at = clock_timestamp()
     where m.conversation_id = p_conversation
       and m.id = p_message
    returning m.* into reviewed;
    perform app.notify(array[held.sender_id], 'system', p_conversation, p_message,
                       p_title => 'A message of yours was not let through', p_body => p_reason);
  end if;
  perform app.audit('review_message', 'messages', p_message::text,
                    jsonb_build_object('conversation_id', p_conversation, 'sender_id', held.sender_id,
                                       'released', coalesce(p_release, false)), p_reason);
  return reviewed;
end
$$;
comment on function public.review_message(uuid, uuid, boolean, text) is
  'Takes a conversation, a message that is held there, whether to let it through, and why not; gives what becomes of it: a message like others, said now, or one that is taken back, of which its sender is told. Either is on record. For moderators and admins of the organisation, and for those who moderate the conversation; nobody reviews their own. Errors: PT401 signed_out, PT403 own_message, PT404 no_such_message, 23514 for a long reason.';

create or replace function public.warn_user(p_user uuid, p_text text, p_conversation uuid default null, p_message uuid default null)
returns void
language plpgsql
security definer set search_path = ''  -- notices and records are nobody's to write
as $$
declare
  me uuid := app.me();
begin
  if not app.is_moderator(me) then
    perform app.refuse('not_moderator');
  elsif p_user = me then
    perform app.refuse('self');
  elsif not exists (select
                      from public.profiles p
                     where p.id = p_user
                       and p.org_id = app.my_org()
                       and p.kind = 'human'
                       and p.erased_at is null) then
    perform app.refuse('no_such_person');
  elsif p_text is null or p_text !~ '\S' then
    perform app.refuse('no_words');
  elsif char_length(p_text) > 1000 then
    perform app.refuse('too_long', 'limit=1000');
  elsif p_message is not null and not exists (select
                                                from public.messages m
                                               where m.conversation_id = p_conversation
                                                 and m.id = p_message
                                                 and m.sender_id = p_user) then
    perform app.refuse('no_such_message');
  end if;
  -- From nobody in particular: whom the warned one has blocked is no way out of it.
  perform app.notify(array[p_user], 'warning', p_conversation, p_message, p_title => 'A warning', p_body => p_text);
  perform app.audit('warn_user', 'profiles', p_user::text,
                    jsonb_build_object('conversation_id', p_conversation, 'message_id', p_message), p_text);
end
$$;
comment on function public.warn_user(uuid, text, uuid, uuid) is
  'Takes a person, words of up to 1000 characters and, if it is about one, a message of theirs with its conversation; tells the person by a notice of kind warning, and puts it on record. For moderators and admins of the organisation. Errors: PT401 signed_out, PT403 not_moderator, PT404 no_such_person or no_such_message, PT422 self, no_words or too_long.';
