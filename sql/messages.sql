-- Saying, reading, correcting and taking back.

create or replace function app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- looks into memberships, which are under a policy of their own
as $$
  select (p_visibility = 'normal' or p_sender = (select auth.uid()))
     and exists (
       select
         from public.conversation_members m
        where m.conversation_id = p_conversation
          and m.member_id = (select auth.uid())
          and m.left_at is null
          and m.joined_chapter <= p_chapter
     )
$$;
comment on function app.can_read(uuid, integer, text, uuid) is
  'Takes a message''s conversation, chapter, visibility and sender; tells whether the person asking may read it.';

create or replace function app.can_post(p_conversation uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select app.is_member(p_conversation)
$$;
comment on function app.can_post(uuid) is 'Takes a conversation; tells whether the person asking may speak in it.';

create or replace function app.can_edit(p_conversation uuid, p_sender uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select p_sender = (select auth.uid()) and app.is_member(p_conversation)
$$;
comment on function app.can_edit(uuid, uuid) is
  'Takes a message''s conversation and sender; tells whether the person asking may correct it.';

create or replace function app.can_delete(p_conversation uuid, p_sender uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select app.can_edit(p_conversation, p_sender) or app.can_manage(p_conversation)
$$;
comment on function app.can_delete(uuid, uuid) is
  'Takes a message''s conversation and sender; tells whether the person asking may take it back.';

create or replace function app.preview(p_body text)
returns text
language sql immutable
as $$
  select coalesce(left(regexp_replace(btrim(p_body), '\s+', ' ', 'g'), 140), 'This message was deleted')
$$;
comment on function app.preview(text) is 'Takes a body, null when deleted; gives the line that the inbox shows.';

create or replace function app.take_number()
returns trigger
language plpgsql
security definer set search_path = ''  -- senders may not write the conversation's clocks
as $$
begin
  perform
     from public.conversations c
    where c.id = new.conversation_id
      for no key update;

  -- Asked again under the lock: whoever was removed while this send waited must not be heard.
  if auth.uid() is not null and not app.can_post(new.conversation_id) then
    raise insufficient_privilege using message = 'You cannot speak in this conversation.', hint = 'not_member';
  end if;

  if new.reply_to_id is not null and not exists (
    select
      from public.messages m
     where m.conversation_id = new.conversation_id
       and m.id = new.reply_to_id
       and (auth.uid() is null or app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id))
  ) then
    raise sqlstate 'PT422' using message = 'The message you answer is not in this conversation.', hint = 'bad_reply';
  end if;

  new.sender_id := coalesce(auth.uid(), new.sender_id);
  new.created_at := clock_timestamp();
  if app.is_shadow_banned(new.conversation_id) then
    new.visibility := 'shadow';
  end if;

  -- A repeat takes no number: the unique key decides between an error and silence, and no gap is left.
  if new.client_id is not null then
    select m.seq, m.sub, m.ord, m.rev, m.chapter
      into new.seq, new.sub, new.ord, new.rev, new.chapter
      from public.messages m
     where m.conversation_id = new.conversation_id
       and m.sender_id = new.sender_id
       and m.client_id = new.client_id;
    if found then
      return new;
    end if;
  end if;

  if new.visibility = 'normal' then
    update public.conversations c
       set last_seq = c.last_seq + 1,
           last_rev = c.last_rev + 1,
           root_count = c.root_count + 1,
           last_message_id = new.id,
           last_message_at = new.created_at,
           last_preview = app.preview(new.body)
     where c.id = new.conversation_id
    returning c.last_seq, 0, c.root_count, c.last_rev, c.chapter
      into new.seq, new.sub, new.ord, new.rev, new.chapter;
  else
    -- Follows the newest message without moving any clock, so that nobody else can tell.
    select c.last_seq, nextval('app.message_sub'), c.root_count, c.last_rev, c.chapter
      into new.seq, new.sub, new.ord, new.rev, new.chapter
      from public.conversations c
     where c.id = new.conversation_id;
  end if;
  return new;
end
$$;
comment on function app.take_number() is
  'Trigger: fills what the server owns (sender, numbers, time, and shadow for the shadow-banned) and keeps the conversation''s clocks, last message and preview. Errors: 42501 not_member, PT422 bad_reply.';

create or replace trigger on_messages_insert__take_number
before insert on public.messages
for each row execute function app.take_number();

create or replace function app.take_revision()
returns trigger
language plpgsql
security definer set search_path = ''  -- senders may not write the conversation's clocks
as $$
begin
  if new.deleted_at is not null then
    new.body := null;
    new.deleted_by := coalesce(auth.uid(), new.deleted_by);
  elsif new.body is distinct from old.body then
    new.edited_at := clock_timestamp();
  end if;

  if new.visibility = 'normal' then
    update public.conversations c
       set last_rev = c.last_rev + 1,
           last_preview = case c.last_message_id when new.id then app.preview(new.body) else c.last_preview end
     where c.id = new.conversation_id
    returning c.last_rev into new.rev;
  end if;
  return new;
end
$$;
comment on function app.take_revision() is
  'Trigger: a changed message takes the next rev, a deleted one loses its words, and the preview follows.';

create or replace trigger on_messages_update__take_revision
before update on public.messages
for each row when (old.* is distinct from new.*)
execute function app.take_revision();

create or replace function public.send_message(
  p_conversation_id uuid,
  p_body text,
  p_client_id uuid default null,
  p_reply_to uuid default null
)
returns public.messages
language plpgsql
as $$
declare
  sent public.messages;
begin
  insert into public.messages (conversation_id, body, client_id, reply_to_id)
  values (p_conversation_id, p_body, p_client_id, p_reply_to)
  on conflict (conversation_id, sender_id, client_id) do nothing
  returning * into sent;

  if sent.id is null then
    select m.* into sent
      from public.messages m
     where m.conversation_id = p_conversation_id
       and m.sender_id = (select auth.uid())
       and m.client_id = p_client_id;
  end if;
  return sent;
end
$$;
comment on function public.send_message(uuid, text, uuid, uuid) is
  'Takes a conversation, the words, the sender''s own id for the message and the message answered; gives the message. The same p_client_id again gives the first one back. Errors: 42501 not_member, PT422 bad_reply, 23514 for a blank or long body.';

create or replace function public.get_messages(
  p_conversation uuid,
  p_before_seq bigint default null,
  p_after_seq bigint default null,
  p_limit integer default 50
)
returns setof public.messages
language sql stable
as $$
  select page.*
    from (
      (select m.*
         from public.messages m
        where p_after_seq is null
          and m.conversation_id = p_conversation
          and m.seq < coalesce(p_before_seq, 9223372036854775807)
        order by m.seq desc, m.sub desc
        limit least(greatest(p_limit, 0), 1000))
      union all
      (select m.*
         from public.messages m
        where m.conversation_id = p_conversation
          and m.seq > p_after_seq
          and m.seq < coalesce(p_before_seq, 9223372036854775807)
        order by m.seq, m.sub
        limit least(greatest(p_limit, 0), 1000))
    ) page
   order by page.seq, page.sub
$$;
comment on function public.get_messages(uuid, bigint, bigint, integer) is
  'Takes a conversation, a seq to stay below, a seq to stay above and how many (at most 1000); gives messages in order: the newest that fit, or the ones next after p_after_seq. An outsider gets none.';

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
  'Takes a conversation, the last rev the client has and how many (at most 1000); gives what is new or changed since, in order: nothing skipped, each message as it is now. An outsider gets none.';

create or replace function public.edit_message(p_conversation uuid, p_message uuid, p_body text)
returns public.messages
language plpgsql
as $$
declare
  edited public.messages;
begin
  update public.messages m
     set body = p_body
   where m.conversation_id = p_conversation
     and m.id = p_message
  returning m.* into edited;

  if edited.id is null then
    perform app.refuse_message(p_conversation, p_message);
  end if;
  return edited;
end
$$;
comment on function public.edit_message(uuid, uuid, text) is
  'Takes a conversation, one of the caller''s messages and the new words; gives the message. Errors: PT403 not_yours, PT404 no_such_message, 23514 for a blank or long body.';

create or replace function public.delete_message(p_conversation uuid, p_message uuid)
returns public.messages
language plpgsql
security definer set search_path = ''  -- deleted_at is nobody's to write directly
as $$
declare
  deleted public.messages;
begin
  update public.messages m
     set deleted_at = coalesce(m.deleted_at, clock_timestamp())
   where m.conversation_id = p_conversation
     and m.id = p_message
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
     and app.can_delete(m.conversation_id, m.sender_id)
  returning m.* into deleted;

  if deleted.id is null then
    perform app.refuse_message(p_conversation, p_message);
  end if;
  return deleted;
end
$$;
comment on function public.delete_message(uuid, uuid) is
  'Takes a conversation and a message of the caller''s, or any if they manage the conversation; takes its words back and gives what remains, also the second time. Errors: PT403 not_yours, PT404 no_such_message.';

create or replace function app.refuse_message(p_conversation uuid, p_message uuid)
returns void
language plpgsql stable
security definer set search_path = ''  -- the two who ask it have different rights; the answer must not depend on that
as $$
begin
  if exists (select
               from public.messages m
              where m.conversation_id = p_conversation
                and m.id = p_message
                and m.deleted_at is null
                and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)) then
    raise sqlstate 'PT403' using message = 'This message is not yours to change.', hint = 'not_yours';
  end if;
  raise sqlstate 'PT404' using message = 'There is no such message.', hint = 'no_such_message';
end
$$;
comment on function app.refuse_message(uuid, uuid) is
  'Takes a message that could not be changed and says why. Errors, always: PT403 not_yours, or PT404 no_such_message.';
