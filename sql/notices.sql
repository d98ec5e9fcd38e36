-- Telling people: one row for what is unread, written with its cause.

create or replace function app.wants_by_default(p_channel text, p_kind text)
returns boolean
language sql immutable
set search_path = ''
as $$
  select case p_channel
    when 'app' then true
    when 'push' then p_kind <> 'reaction'
    when 'mail' then p_kind in ('dm', 'mention', 'invite', 'warning')
    else false
  end
$$;
comment on function app.wants_by_default(text, text) is
  'Takes a channel (app, push, mail) and a kind of notice; tells whether people who have said nothing are told there. Change it here.';

create or replace function app.wants(p_user uuid, p_channel text, p_kind text)
returns boolean
language sql stable
security definer set search_path = ''  -- preferences are their owner's
as $$
  select coalesce((select w.enabled
                     from public.notification_preferences w
                    where w.user_id = p_user
                      and w.channel = p_channel
                      and w.kind = p_kind),
                  app.wants_by_default(p_channel, p_kind))
$$;
comment on function app.wants(uuid, text, text) is 'Takes a person, a channel and a kind of notice; tells whether they want to be told there.';

create or replace function app.may_tell(p_user uuid, p_kind text, p_conversation uuid, p_actor uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- inboxes and blocks are their owner's
as $$
  select not app.have_blocked(p_user, p_actor)
     and (p_kind not in ('dm', 'mention', 'reply', 'reaction')
          or exists (
            select
              from public.conversation_members m
              join public.inbox i on i.member_id = m.member_id and i.conversation_id = m.conversation_id
              join public.conversations c on c.id = m.conversation_id
             where m.conversation_id = p_conversation
               and m.member_id = p_user
               and m.left_at is null
               and (i.muted_until is null or i.muted_until <= app.now())
               and case coalesce(i.notify_level, c.notify_default)
                     when 'all' then true
                     when 'mentions' then p_kind = 'mention'
                     else false end))
$$;
comment on function app.may_tell(uuid, text, uuid, uuid) is
  'Takes a person, a kind of notice, a conversation and whose doing it is; tells whether the person is to hear of it: not from somebody blocked, nor from a conversation that they have muted, left or turned down.';

create or replace function app.notify(
  p_users uuid[],
  p_kind text,
  p_conversation uuid default null,
  p_message uuid default null,
  p_actor uuid default null,
  p_subject uuid default null,
  p_title text default null,
  p_body text default null
)
returns integer
language sql
security definer set search_path = ''  -- notices are nobody's to write
as $$
  with told as (
    insert into public.notifications as n (user_id, kind, conversation_id, message_id, actor_id, subject_id, title, body, in_app)
    select p.id, p_kind, p_conversation, p_message, p_actor, p_subject, left(p_title, 200), left(p_body, 1000), app.wants(p.id, 'app', p_kind)
      from public.profiles p
     where p.id = any (p_users)
       and p.id is distinct from p_actor
       and p.kind = 'human'
       and p.erased_at is null
       and (app.wants(p.id, 'app', p_kind) or app.wants(p.id, 'push', p_kind) or app.wants(p.id, 'mail', p_kind))
       and app.may_tell(p.id, p_kind, p_conversation, p_actor)
     order by p.id
    on conflict (user_id, kind, conversation_id) where read_at is null and kind in ('dm', 'mention', 'reply', 'reaction') do update
       set count = n.count + 1,
           message_id = excluded.message_id,
           actor_id = excluded.actor_id,
           in_app = excluded.in_app,
           told_at = excluded.told_at,
           seen_at = null
    returning n.id, n.user_id, n.count
  ),
  leaving as (
    -- Half a minute to read it on the device that is at hand, ten for coming back: who has read it is not told elsewhere.
    -- Mail goes once for what is unread, whatever is added to it.
    insert into app.notice_outbox as o (notification_id, user_id, push_at, mail_at)
    select away.id, away.user_id, away.push_at, away.mail_at
      from (select told.id,
                   told.user_id,
                   case when walkie.can_push(told.user_id) and app.wants(told.user_id, 'push', p_kind)
                        then app.now() + interval '30 s' end as push_at,
                   case when told.count = 1 and app.wants(told.user_id, 'mail', p_kind)
                        then app.now() + interval '10 min' end as mail_at
              from told) away
     where away.push_at is not null
        or away.mail_at is not null
    on conflict (notification_id) do update
       set push_at = coalesce(o.push_at, excluded.push_at),
           mail_at = coalesce(o.mail_at, excluded.mail_at)
  )
  select count(*)::integer from told
$$;
comment on function app.notify(uuid[], text, uuid, uuid, uuid, uuid, text, text) is
  'Takes people, a kind of notice and, as far as there are, the conversation, the message, whose doing it is, what else it is about, and words; tells those who want to hear of it, and gives how many. What is unread already counts one more.';

create or replace function app.tell_of_message()
returns trigger
language plpgsql
security definer set search_path = ''  -- looks at members and threads that the sender need not see
as $$
declare
  place public.conversations;
  named uuid[] := new.mentions;
  answered uuid[];
begin
  select c.* into place from public.conversations c where c.id = new.conversation_id;
  if tg_op = 'UPDATE' then
    select array_agg(m) into named from unnest(new.mentions) m where m <> all (old.mentions);
    perform app.notify(named, 'mention', new.conversation_id, new.id, new.sender_id);
    return null;
  elsif place.kind in ('dm', 'engagement', 'persona_dm') then
    perform app.notify(array_agg(m.member_id), 'dm', new.conversation_id, new.id, new.sender_id)
       from public.conversation_members m
      where m.conversation_id = new.conversation_id
        and m.member_id <> new.sender_id
        and m.left_at is null;
    return null;
  end if;

  if new.mentions_all and place.member_count > 50 then
    insert into app.notice_crowds (conversation_id, message_id) values (new.conversation_id, new.id);
  elsif new.mentions_all then
    select array_agg(m.member_id) into named
      from public.conversation_members m
     where m.conversation_id = new.conversation_id
       and m.left_at is null;
  end if;
  if cardinality(named) > 0 then
    perform app.notify(named, 'mention', new.conversation_id, new.id, new.sender_id);
  end if;

  if new.thread_id is not null or new.reply_to_id is not null then
    select array_agg(concerned.id) into answered
      from (select t.user_id as id
              from public.thread_members t
             where t.conversation_id = new.conversation_id
               and t.thread_id = new.thread_id
               and t.following
            union
            select m.sender_id
              from public.messages m
             where m.conversation_id = new.conversation_id
               and m.id = new.reply_to_id
             limit 50) concerned
     where concerned.id <> all (coalesce(named, '{}'));
    perform app.notify(answered, 'reply', new.conversation_id, new.id, new.sender_id);
  end if;
  return null;
end
$$;
comment on function app.tell_of_message() is
  'Trigger: whom a message is for is told: the other of two, those named, and in threads up to 50 who follow. What else is said in a group is unread and no notice.';

-- After read_own_message: inboxes are locked before notices, everywhere.
create or replace trigger on_messages_insert__tell
after insert on public.messages
for each row when (new.visibility = 'normal' and new.message_type <> 'system')
execute function app.tell_of_message();
create or replace trigger on_messages_update__tell
after update on public.messages
for each row when (new.visibility = 'normal' and new.deleted_at is null and new.mentions is distinct from old.mentions)
execute function app.tell_of_message();

create or replace function app.tell_crowds()
returns void
language plpgsql
security definer set search_path = ''  -- as tell_of_message
as $$
declare
  crowd record;
  next_ uuid[];
begin
  for crowd in
    select w.conversation_id, w.message_id, w.after, m.sender_id, m.deleted_at
      from app.notice_crowds w
      join public.messages m on m.conversation_id = w.conversation_id and m.id = w.message_id
     order by w.created_at
     limit 5
       for update of w skip locked
  loop
    select array_agg(chunk.member_id order by chunk.member_id) into next_
      from (select m.member_id
              from public.conversation_members m
             where m.conversation_id = crowd.conversation_id
               and m.member_id > crowd.after
               and m.left_at is null
               and crowd.deleted_at is null
             order by m.member_id
             limit 1000) chunk;
    if next_ is null then
      delete from app.notice_crowds w
       where w.conversation_id = crowd.conversation_id
         and w.message_id = crowd.message_id;
    else
      perform app.notify(next_, 'mention', crowd.conversation_id, crowd.message_id, crowd.sender_id);
      update app.notice_crowds w
         set after = next_[cardinality(next_)]
       where w.conversation_id = crowd.conversation_id
         and w.message_id = crowd.message_id;
    end if;
  end loop;
end
$$;
comment on function app.tell_crowds() is
  'Tells a thousand more of those whom a message to all calls, of up to five messages. For a schedule.';
select walkie.schedule('tell crowds', 'app.tell_crowds', interval '2 seconds');

create or replace function app.tell_of_reaction()
returns trigger
language plpgsql
security definer set search_path = ''  -- as tell_of_message
as $$
begin
  perform app.notify(array[m.sender_id], 'reaction', new.conversation_id, new.message_id, new.actor_id, p_title => new.emoji)
     from public.messages m
    where m.conversation_id = new.conversation_id
      and m.id = new.message_id;
  return null;
end
$$;
comment on function app.tell_of_reaction() is 'Trigger: whoever gets a reaction to their words is told.';

create or replace trigger on_message_reactions_insert__tell
after insert on public.message_reactions
for each row when (new.visibility = 'normal')
execute function app.tell_of_reaction();

create or replace function app.tell_of_invite()
returns trigger
language plpgsql
security definer set search_path = ''  -- the invited sees neither the conversation nor its title
as $$
begin
  perform app.notify(array[new.invitee_id], 'invite', p_actor => new.invited_by, p_subject => new.id, p_title => c.title)
     from public.conversations c
    where c.id = new.conversation_id;
  return null;
end
$$;
comment on function app.tell_of_invite() is 'Trigger: whoever is asked in is told.';

create or replace trigger on_conversation_invites_insert__tell
after insert on public.conversation_invites
for each row when (new.invitee_id is not null)
execute function app.tell_of_invite();
create or replace trigger on_conversation_invites_update__tell
after update of invitee_id on public.conversation_invites
for each row when (old.invitee_id is null and new.invitee_id is not null and new.state = 'pending')
execute function app.tell_of_invite();

create or replace function app.remind()
returns void
language sql
security definer set search_path = ''  -- reminders of everybody
as $$
  select app.notify(array[r.user_id], 'meeting', r.conversation_id, p_subject => r.meeting_id, p_title => r.title,
                    p_body => case when r.starts_at <= app.now() then 'It starts now.'
                                   else format('It starts in %s minutes.', ceil(extract(epoch from r.starts_at - app.now()) / 60)) end)
    from app.due_reminders() r
$$;
comment on function app.remind() is 'Tells whom a meeting is due for. For a schedule.';
select walkie.schedule('remind of meetings', 'app.remind', interval '2 seconds');

create or replace function app.clear_notices()
returns trigger
language plpgsql
security definer set search_path = ''  -- notices are nobody's to write
as $$
begin
  update public.notifications n
     set read_at = app.now()
   where n.user_id = new.member_id
     and n.conversation_id = new.conversation_id
     and n.kind in ('dm', 'mention', 'reply', 'reaction')
     and n.read_at is null
     and exists (select
                   from public.messages m
                  where m.conversation_id = n.conversation_id
                    and m.id = n.message_id
                    and m.thread_id is null
                    and m.seq <= new.last_read_seq);
  return null;
end
$$;
comment on function app.clear_notices() is 'Trigger: whoever has read what a notice is about, on any device, has read the notice.';

create or replace trigger on_inbox_update__clear_notices
after update of last_read_seq on public.inbox
for each row when (new.last_read_seq > old.last_read_seq)
execute function app.clear_notices();

create or replace function app.clear_thread_notices()
returns trigger
language plpgsql
security definer set search_path = ''  -- notices are nobody's to write
as $$
begin
  update public.notifications n
     set read_at = app.now()
   where n.user_id = new.user_id
     and n.conversation_id = new.conversation_id
     and n.kind in ('dm', 'mention', 'reply', 'reaction')
     and n.read_at is null
     and exists (select
                   from public.messages m
                  where m.conversation_id = n.conversation_id
                    and m.id = n.message_id
                    and m.thread_id = new.thread_id);
  return null;
end
$$;
comment on function app.clear_thread_notices() is 'Trigger: whoever has read a thread has read the notices of it.';

create or replace trigger on_thread_members_update__clear_notices
after update of last_read_reply on public.thread_members
for each row when (new.last_read_reply > old.last_read_reply)
execute function app.clear_thread_notices();

create or replace function public.get_notifications(p_limit integer default 50, p_unread boolean default false, p_cursor text default null)
returns table (
  id uuid,
  kind text,
  conversation_id uuid,
  message_id uuid,
  actor_id uuid,
  actor_name text,
  subject_id uuid,
  count integer,
  title text,
  body text,
  told_at timestamptz,
  seen_at timestamptz,
  read_at timestamptz,
  cursor text
)
language plpgsql stable
security definer set search_path = ''  -- one pass over what is the caller's own
as $$
declare
  me uuid := app.me();
begin
  return query
  select n.id,
         n.kind,
         n.conversation_id,
         n.message_id,
         n.actor_id,
         p.display_name,
         n.subject_id,
         n.count,
         coalesce(n.title, c.title),
         coalesce(n.body, app.preview(m.body, m.attachments)),
         n.told_at,
         n.seen_at,
         n.read_at,
         n.told_at || '~' || n.id
    from public.notifications n
    left join public.profiles p on p.id = n.actor_id
    left join public.messages m on m.conversation_id = n.conversation_id and m.id = n.message_id
                               and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
    left join public.conversations c on c.id = m.conversation_id
   where n.user_id = me
     and n.in_app
     and (not p_unread or n.read_at is null)
     and (p_cursor is null
          or (n.told_at, n.id) < (split_part(p_cursor, '~', 1)::timestamptz, split_part(p_cursor, '~', 2)::uuid))
   order by n.told_at desc, n.id desc
   limit least(greatest(p_limit, 0), 200);
exception when invalid_text_representation or invalid_datetime_format or datetime_field_overflow then
  perform app.refuse('bad_filter', 'p_cursor');
end
$$;
comment on function public.get_notifications(integer, boolean, text) is
  'Takes how many (at most 200), whether only what is unread, and the cursor of the last one received; gives what the caller was told of, the newest first, with the name of whose doing it is and the words as they stand now. Errors: PT401 signed_out, PT422 bad_filter.';

create or replace function public.mark_notifications(p_ids uuid[] default null, p_read boolean default true)
returns integer
language plpgsql
security definer set search_path = ''  -- notices are nobody's to write directly
as $$
declare
  me uuid := app.me();
  marked integer;
begin
  update public.notifications n
     set seen_at = coalesce(n.seen_at, app.now()),
         read_at = case when p_read then app.now() end
   where n.user_id = me
     and n.read_at is null
     and (p_ids is null or n.id = any (p_ids))
     and (p_read or n.seen_at is null);
  get diagnostics marked = row_count;
  return marked;
end
$$;
comment on function public.mark_notifications(uuid[], boolean) is
  'Takes notices of the caller, all unless given, and whether they were read or, with false, only seen; gives how many that was news to. Errors: PT401 signed_out.';

create or replace function app.forget_notices()
returns void
language sql
security definer set search_path = ''  -- of everybody
as $$
  delete from public.notifications n
   where n.id in (select old.id
                    from public.notifications old
                   where old.read_at < app.now() - interval '90 days'
                   order by old.read_at
                   limit 10000)
$$;
comment on function app.forget_notices() is 'Forgets notices that were read three months ago. For a schedule.';
select walkie.schedule('forget notices', 'app.forget_notices', interval '10 minutes');
