-- Saying, correcting and taking back.

create or replace function app.preview(p_body text, p_attachments jsonb default '[]')
returns text
language sql immutable
as $$
  select coalesce(left(coalesce(nullif(regexp_replace(btrim(p_body), '\s+', ' ', 'g'), ''), 'Sent a file: ' || (p_attachments -> 0 ->> 'name')), 80),
                  'This message was deleted')
$$;
comment on function app.preview(text, jsonb) is
  'Takes a body, null when deleted, and what comes with it; gives the line that the inbox shows: the words, else that a file was sent, with its name.';

create or replace function app.thread_root(p_conversation uuid, p_message uuid)
returns uuid
language sql stable
security definer set search_path = ''  -- asked before it is known whether the asker may read it
as $$
  select coalesce(m.thread_id, m.id)
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
$$;
comment on function app.thread_root(uuid, uuid) is
  'Takes a conversation and a message in it; gives the message that its thread hangs on, itself if it has none.';

create or replace function app.require_answerable(p_conversation uuid, p_message uuid)
returns void
language plpgsql stable
security definer set search_path = ''  -- looks at messages that the sender may not read, to say so
as $$
begin
  if not exists (
    select
      from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message
       and (auth.uid() is null or app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id))
  ) then
    perform app.refuse('bad_reply');
  end if;
end
$$;
comment on function app.require_answerable(uuid, uuid) is
  'Takes a conversation and a message to answer; returns if it is there and the person asking can read it. Errors: PT422 bad_reply.';

create or replace function app.require_may_say(p_place public.conversations, p_type text, p_body text, p_is_event boolean)
returns void
language plpgsql
security definer set search_path = ''  -- looks into restrictions and settings
as $$
declare
  me uuid := auth.uid();
  most integer := app.setting(p_place.org_id, 'max_message_len')::int;
  wait_s double precision;
begin
  perform app.take('send');
  if p_type in ('system', 'meeting') and not p_is_event or p_type = 'poll' then
    perform app.refuse('bad_type');
  elsif char_length(p_body) > most then
    perform app.refuse('too_long', format('limit=%s', most));
  end if;

  if p_place.slow_mode_s > 0 and not app.can_do(p_place.id, 'delete_any') then
    select extract(epoch from i.last_sent_at + make_interval(secs => p_place.slow_mode_s) - app.now()) into wait_s
      from public.inbox i
     where i.member_id = me
       and i.conversation_id = p_place.id;
    if wait_s > 0 then
      perform app.refuse('slow_mode', p_retry_after_s => wait_s);
    end if;
  end if;
end
$$;
comment on function app.require_may_say(public.conversations, text, text, boolean) is
  'Takes a conversation, a message''s type, its body and whether the product itself says it; returns if the person asking may say it now. Errors: PT422 bad_type or too_long, PT429 slow_mode or rate_limited.';

create or replace function app.take_number()
returns trigger
language plpgsql
security definer set search_path = ''  -- senders may not write the conversation's clocks
as $$
declare
  me uuid := auth.uid();
  place public.conversations;
  refusal text;
  -- What the product says of itself is nobody's speech: nobody has to be allowed to, and it is no news.
  is_note boolean := new.event is not null and new.message_type = 'system';
begin
  if is_note then
    me := null;
  end if;
  new.sender_id := coalesce(me, new.sender_id);
  if new.thread_id is not null or new.parent_message_id is not null then
    new.parent_message_id := coalesce(new.parent_message_id, new.thread_id);
    new.thread_id := coalesce(app.thread_root(new.conversation_id, coalesce(new.thread_id, new.parent_message_id)), new.thread_id);
    -- What hangs on it is counted there: locked before the conversation, as everywhere.
    perform
       from public.messages m
      where m.conversation_id = new.conversation_id
        and m.id = new.thread_id
        for no key update;
  end if;

  select c.* into place
    from public.conversations c
   where c.id = new.conversation_id
     for no key update;

  -- Asked again under the lock: whoever was removed while this send waited must not be heard.
  refusal := case when me is not null then app.post_refusal(new.conversation_id) end;
  if refusal is not null then
    perform app.refuse(refusal, app.muted_until(new.conversation_id, refusal));
  end if;

  new.org_id := place.org_id;
  new.created_at := clock_timestamp();
  -- A file may speak for itself.
  if new.attachments <> '[]' then
    new.body := coalesce(new.body, '');
  end if;
  if me is not null and app.is_restricted(me, array['shadow_ban'], new.conversation_id) then
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

  if me is not null then
    if new.attachments = '[]' and coalesce(new.body, '') !~ '\S' then
      perform app.refuse('no_words');
    end if;
    perform app.require_may_say(place, new.message_type, new.body, new.event is not null);
  end if;
  if new.reply_to_id is not null then
    perform app.require_answerable(new.conversation_id, new.reply_to_id);
  end if;
  if new.thread_id is not null then
    perform app.require_answerable(new.conversation_id, new.thread_id);
    if app.thread_root(new.conversation_id, new.parent_message_id) is distinct from new.thread_id then
      perform app.refuse('bad_reply');
    end if;
  end if;
  if me is not null then
    case app.contact_rule(place.org_id, place.id, new.body)
      when 'mask' then new.body := app.mask_contacts(new.body);
      when 'hold' then new.visibility := case new.visibility when 'normal' then 'held' else new.visibility end;
      else null;
    end case;
  end if;
  if me is not null and new.message_type in ('standard', 'file', 'image') then
    new.attachments := app.attachments(new.conversation_id, new.attachments);
    if new.attachments <> '[]' then
      new.message_type := case when exists (select
                                              from jsonb_array_elements(new.attachments) file
                                             where file ->> 'mime_type' not like 'image/%')
                               then 'file' else 'image' end;
    elsif new.message_type <> 'standard' then
      perform app.refuse('no_attachment');
    end if;
  end if;
  if not is_note then
    new.mentions := app.mentioned(new.conversation_id, new.body, new.mentions, new.sender_id);
    new.mentions_all := app.mentions_all(new.conversation_id, new.body);
  end if;

  if new.visibility <> 'normal' then
    -- Follows the newest message without moving any clock, so that nobody else can tell.
    new.seq := place.last_seq;
    new.sub := nextval('app.message_sub');
    new.ord := place.root_count;
    new.rev := place.last_rev;
    new.chapter := place.chapter;
    return new;
  end if;

  -- A reply in a thread, or a note, is no news of the main line: it leaves count and preview alone.
  update public.conversations c
     set last_seq = c.last_seq + 1,
         last_rev = c.last_rev + 1,
         root_count = c.root_count + case when new.thread_id is null and not is_note then 1 else 0 end,
         last_message_id = case when new.thread_id is null and not is_note then new.id else c.last_message_id end,
         last_message_at = case when new.thread_id is null and not is_note then new.created_at else c.last_message_at end,
         last_preview = case when new.thread_id is null and not is_note then app.preview(new.body, new.attachments) else c.last_preview end
   where c.id = new.conversation_id
  returning c.last_seq, 0, c.root_count, c.last_rev, c.chapter
    into new.seq, new.sub, new.ord, new.rev, new.chapter;
  return new;
end
$$;
comment on function app.take_number() is
  'Trigger: fills what the server owns (sender, organisation, numbers, time, mentions, shadow for the shadow-banned, and contacts masked or held where the organisation says so) and keeps the conversation''s clocks, last message and preview. Errors: those of app.post_refusal, app.require_may_say and app.attachments, PT422 no_words, bad_reply or no_attachment.';

create or replace function app.muted_until(p_conversation uuid, p_refusal text)
returns text
language sql stable
security definer set search_path = ''  -- restrictions are nobody's to read
as $$
  select format('until=%s', coalesce(max(coalesce(r.expires_at, 'infinity')), 'infinity'))
    from public.user_restrictions r
   where p_refusal = 'muted'
     and r.user_id = auth.uid()
     and r.restriction_type in ('mute', 'ban')
     and (r.conversation_id is null or r.conversation_id = p_conversation)
     and r.lifted_at is null
  having count(*) > 0
$$;
comment on function app.muted_until(uuid, text) is
  'Takes a conversation and a refusal; gives, where it is muted, until when the person asking is, else null.';

create or replace trigger on_messages_insert__take_number
before insert on public.messages
for each row execute function app.take_number();

create or replace function app.take_revision()
returns trigger
language plpgsql
security definer set search_path = ''  -- senders may not write the conversation's clocks
as $$
declare
  most integer;
begin
  if new.deleted_at is not null then
    new.body := null;
    new.meta := '{}';
    new.event := null;
    new.mentions := '{}';
    new.mentions_all := false;
    new.attachments := '[]';
    new.is_pinned := false;
    new.deleted_by := coalesce(auth.uid(), new.deleted_by);
  elsif new.body is distinct from old.body then
    most := app.setting(new.org_id, 'max_message_len')::int;
    if auth.uid() is not null and new.attachments = '[]' and coalesce(new.body, '') !~ '\S' then
      perform app.refuse('no_words');
    elsif auth.uid() is not null and char_length(new.body) > most then
      perform app.refuse('too_long', format('limit=%s', most));
    end if;
    -- What has been seen cannot be held back.
    if auth.uid() is not null and new.visibility = 'normal' and app.contact_rule(new.org_id, new.conversation_id, new.body) <> 'free' then
      new.body := app.mask_contacts(new.body);
    end if;
    new.edited_at := clock_timestamp();
    new.edit_count := old.edit_count + 1;
    new.mentions := app.mentioned(new.conversation_id, new.body, '{}', new.sender_id);
    new.mentions_all := app.mentions_all(new.conversation_id, new.body);
  end if;

  if new.visibility = 'normal' then
    update public.conversations c
       set last_rev = c.last_rev + 1,
           last_preview = case c.last_message_id when new.id then app.preview(new.body, new.attachments) else c.last_preview end
     where c.id = new.conversation_id
    returning c.last_rev into new.rev;
  end if;
  return new;
end
$$;
comment on function app.take_revision() is
  'Trigger: a changed message takes the next rev, a corrected one its mentions anew, a deleted one loses its words, and the preview follows. Errors: PT422 no_words or too_long.';

create or replace trigger on_messages_update__take_revision
before update on public.messages
for each row when (old.* is distinct from new.*)
execute function app.take_revision();

create or replace function app.keep_wording()
returns trigger
language plpgsql
security definer set search_path = ''  -- records are nobody's to write
as $$
begin
  insert into public.message_edits (conversation_id, message_id, version, body, edited_by)
  values (old.conversation_id, old.id, old.edit_count + 1, old.body, auth.uid());
  return null;
end
$$;
comment on function app.keep_wording() is 'Trigger: what a corrected message said before is kept.';

create or replace trigger on_messages_update__keep_wording
after update on public.messages
for each row when (new.edit_count > old.edit_count)
execute function app.keep_wording();

create or replace function app.unpin_deleted()
returns trigger
language plpgsql
security definer set search_path = ''  -- pins are written by functions only
as $$
begin
  delete from public.conversation_pins p
   where p.conversation_id = new.conversation_id
     and p.message_id = new.id;
  return null;
end
$$;
comment on function app.unpin_deleted() is 'Trigger: what was taken back is not held up.';

create or replace trigger on_messages_delete__unpin
after update on public.messages
for each row when (old.is_pinned and new.deleted_at is not null)
execute function app.unpin_deleted();

create or replace function app.count_reply()
returns trigger
language plpgsql
security definer set search_path = ''  -- counters are nobody's to write
as $$
begin
  update public.messages m
     set reply_count = m.reply_count + 1,
         last_reply_at = new.created_at
   where m.conversation_id = new.conversation_id
     and m.id = new.thread_id;
  return null;
end
$$;
comment on function app.count_reply() is 'Trigger: a thread''s root counts its replies, and changes by that.';

create or replace trigger on_messages_insert__count_reply
after insert on public.messages
for each row when (new.thread_id is not null and new.visibility = 'normal')
execute function app.count_reply();

create or replace function public.send_message(
  p_conversation_id uuid,
  p_body text,
  p_client_id uuid default null,
  p_reply_to uuid default null,
  p_thread_id uuid default null,
  p_mentions uuid[] default '{}',
  p_format text default 'plain',
  p_meta jsonb default '{}',
  p_attachments jsonb default '[]'
)
returns public.messages
language plpgsql
as $$
declare
  sent public.messages;
begin
  insert into public.messages (conversation_id, body, client_id, reply_to_id, thread_id, mentions, body_format, meta, attachments)
  values (p_conversation_id, p_body, p_client_id, p_reply_to, p_thread_id, coalesce(p_mentions, '{}'),
          coalesce(p_format, 'plain'), coalesce(p_meta, '{}'), coalesce(p_attachments, '[]'))
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
comment on function public.send_message(uuid, text, uuid, uuid, uuid, uuid[], text, jsonb, jsonb) is
  'Takes a conversation, the words, the sender''s own id for the message, the message quoted, the thread, people mentioned besides those that the words name, plain or markdown, the client''s own object, and files as [{"file_id", "version", "alt_text"}], of which the last two may be left out; gives the message. With files the words may be empty. The same p_client_id again gives the first one back. Errors: 42501 with the word why (cannot_post, admin_read_only, posting_closed, locked, muted, engagement_over, blocked), PT422 no_words, bad_reply, bad_attachment, too_many or too_long, PT429 slow_mode or rate_limited.';

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
    perform app.refuse_message(p_conversation, p_message, 'edit_window_over');
  end if;
  return edited;
end
$$;
comment on function public.edit_message(uuid, uuid, text) is
  'Takes a conversation, one of the caller''s messages and the new words; gives the message. Whoever may not speak may not correct either. Errors: 42501 as send_message, PT403 not_yours or edit_window_over, PT404 no_such_message, PT422 no_words or too_long.';

create or replace function public.delete_message(p_conversation uuid, p_message uuid, p_for text default 'all')
returns public.messages
language plpgsql
security definer set search_path = ''  -- deleted_at is nobody's to write directly
as $$
declare
  me uuid := app.me();
  deleted public.messages;
begin
  if p_for = 'me' then
    select m.* into deleted
      from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message
       and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
    if deleted.id is null then
      perform app.refuse('no_such_message');
    end if;
    insert into public.message_hides (user_id, conversation_id, message_id)
    values (me, p_conversation, p_message)
    on conflict do nothing;
    return deleted;
  elsif p_for is distinct from 'all' then
    perform app.refuse('bad_filter');
  end if;

  update public.messages m
     set deleted_at = coalesce(m.deleted_at, clock_timestamp())
   where m.conversation_id = p_conversation
     and m.id = p_message
     and (app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
          or m.visibility = 'normal' and app.can_do(m.conversation_id, 'delete_any'))
     and app.can_delete(m.conversation_id, m.sender_id, m.created_at)
  returning m.* into deleted;

  if deleted.id is null then
    perform app.refuse_message(p_conversation, p_message, 'delete_window_over');
  end if;
  if deleted.sender_id <> me then
    perform app.audit_group(p_conversation, 'delete_message', p_message);
  end if;
  return deleted;
end
$$;
comment on function public.delete_message(uuid, uuid, text) is
  'Takes a conversation, a message and for whom: all takes back the words of one''s own message, or of any if one moderates; me hides it from the caller alone. Gives what remains, also the second time. Errors: PT401 signed_out, PT403 not_yours or delete_window_over, PT404 no_such_message, PT422 bad_filter.';

create or replace function app.refuse_message(p_conversation uuid, p_message uuid, p_when_late text)
returns void
language plpgsql stable
security definer set search_path = ''  -- the two who ask it have different rights; the answer must not depend on that
as $$
declare
  sender uuid;
  refusal text;
begin
  select m.sender_id into sender
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  refusal := case when sender is null then 'no_such_message'
                  when sender <> auth.uid() then 'not_yours'
                  when p_when_late = 'edit_window_over' then coalesce(app.post_refusal(p_conversation), p_when_late)
                  else p_when_late end;
  perform app.refuse(refusal, app.muted_until(p_conversation, refusal));
end
$$;
comment on function app.refuse_message(uuid, uuid, text) is
  'Takes a message that could not be changed and the word for being late; says why. Errors, always: PT403 not_yours, edit_window_over or delete_window_over, PT404 no_such_message, or, for a correction, 42501 with the word why one may not speak.';

create or replace function public.message_history(p_conversation uuid, p_message uuid)
returns table (version integer, body text, edited_by uuid, edited_at timestamptz)
language plpgsql stable
security definer set search_path = ''  -- records are read through this alone
as $$
declare
  now_ public.messages;
begin
  select m.* into now_
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
     and (m.sender_id = auth.uid() or app.setting(m.org_id, 'show_history')::boolean);
  if now_.id is null then
    perform app.refuse('no_such_message');
  end if;
  -- A wording is from whoever made it, at the time at which it replaced the one before.
  return query
    select e.version,
           e.body,
           coalesce(lag(e.edited_by) over wordings, now_.sender_id),
           coalesce(lag(e.edited_at) over wordings, now_.created_at)
      from (select x.version, x.body, x.edited_by, x.edited_at
              from public.message_edits x
             where x.conversation_id = p_conversation
               and x.message_id = p_message
            union all
            select now_.edit_count + 1, now_.body, null, null) e
    window wordings as (order by e.version);
end
$$;
comment on function public.message_history(uuid, uuid) is
  'Takes a conversation and a message; gives every wording in order, with who wrote it and when, the last being what it says now. Where the organisation does not show history, only to the sender. Errors: PT404 no_such_message.';
