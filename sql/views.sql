-- Other names under which conversations are known. Columns are only ever added at the end.

create or replace view public.user_conversations with (security_invoker = true) as
select c.id,
       c.kind,
       coalesce(c.title, other.display_name) as title,
       other.id as other_id,
       c.last_message_id,
       c.last_message_at,
       c.last_preview,
       greatest(c.root_count - i.last_read_ord, 0) as unread,
       i.mention_count,
       i.muted_until,
       i.pinned_at
  from public.inbox i  -- whose policy shows one's own, where one is in
  left join public.conversations c on c.id = i.conversation_id
  left join lateral (
    select p.id, p.display_name
      from public.conversation_members m
      join public.profiles p on p.id = m.member_id
     where c.kind = 'dm'
       and m.conversation_id = c.id
       and m.member_id <> i.member_id
     limit 1
  ) other on true;
comment on view public.user_conversations is 'The conversations of the person asking, with last message and unread count.';

create or replace view public.chat_groups with (security_invoker = true) as
select c.id,
       c.title as name,
       c.description,
       c.kind as group_type,
       c.created_by,
       c.created_for,
       c.member_count,
       c.last_message_at,
       c.created_at
  from public.conversations c
 where c.kind in ('group', 'room', 'persona_group', 'announcement');
comment on view public.chat_groups is 'Conversations of more than two, in other words: name and description can be changed by who may rename them.';

create or replace view public.chat_messages with (security_invoker = true) as
select m.id,
       m.conversation_id as group_id,
       m.sender_id,
       m.body as message,
       p.real_sender_id as admin_id,
       case when app.is_admin((select auth.uid())) then p.real_sender_id is not null end as sent_by_admin,
       m.deleted_at,
       m.created_at
  from public.messages m
  left join public.message_private p on p.conversation_id = m.conversation_id and p.message_id = m.id;
comment on view public.chat_messages is 'Messages in other words; admin_id and sent_by_admin tell admins who spoke as a persona, and are null for everybody else.';

create or replace function app.say_in_chat()
returns trigger
language plpgsql
as $$
begin
  if new.sender_id is null or new.sender_id = (select auth.uid()) then
    insert into public.messages (conversation_id, body)
    values (new.group_id, new.message)
    returning id, sender_id, created_at into new.id, new.sender_id, new.created_at;
  else
    select m.id, m.sender_id, m.created_at
      into new.id, new.sender_id, new.created_at
      from public.send_as_persona(new.group_id, new.sender_id, new.message) m;
  end if;
  return new;
end
$$;
comment on function app.say_in_chat() is
  'Trigger: what is inserted into chat_messages is said, by an admin as the persona that sender_id names. Errors: those of send_message and send_as_persona.';

create or replace trigger on_chat_messages_insert__say
instead of insert on public.chat_messages
for each row execute function app.say_in_chat();

create or replace view public.user_messages with (security_invoker = true) as
select m.id,
       m.conversation_id,
       m.sender_id,
       m.body,
       m.client_id,
       m.message_type,
       m.parent_message_id,
       m.thread_id,
       m.reply_to_id,
       m.edited_at,
       m.deleted_at,
       m.created_at
  from public.messages m;
comment on view public.user_messages is 'Messages, in few columns: they can be inserted, and their words changed, as in messages.';

create or replace view public.chat_fake_users with (security_invoker = true) as
select p.id,
       p.display_name,
       p.avatar_path as avatar_url,
       p.bio,
       (select l.actor_id
          from public.audit_log l
         where l.action = 'create_persona'
           and l.row_key = p.id::text
         limit 1) as created_by,  -- null for those who may not read the log
       p.deactivated_at is null as is_active,
       p.created_at
  from public.profiles p
 where p.kind = 'persona';
comment on view public.chat_fake_users is 'Personas in other words; they have no account, so nobody signs in as one.';

create or replace view public.chat_admin_logs with (security_invoker = true) as
select l.id,
       l.actor_id as admin_id,
       l.action,
       l.table_name,
       l.row_key as target_id,
       l.diff as details,
       l.reason,
       l.at as created_at
  from public.audit_log l;
comment on view public.chat_admin_logs is 'The audit log in other words.';

create or replace view public.chat_scheduled_messages with (security_invoker = true) as
select s.id,
       s.conversation_id as group_id,
       coalesce(s.persona_id, s.sender_id) as sender_id,
       case when s.persona_id is not null then s.sender_id end as admin_id,
       s.body as message,
       s.send_at as scheduled_at,
       s.state as status,
       s.created_at
  from public.scheduled_messages s;
comment on view public.chat_scheduled_messages is 'One''s own scheduled messages in other words; schedule_message makes them.';

create or replace view public.participants with (security_invoker = true) as
select m.conversation_id,
       m.member_id as user_id,
       m.role,
       m.last_read_seq,
       m.joined_at,
       m.left_at
  from public.conversation_members m;
comment on view public.participants is 'Members of conversations in other words.';

create or replace view public.rooms with (security_invoker = true) as
select c.id,
       c.slug,
       c.title as name,
       c.topic,
       c.description,
       c.visibility,
       c.category_id,
       c.created_by,
       c.member_count,
       c.last_message_at,
       c.archived_at,
       c.created_at
  from public.conversations c
 where c.kind = 'room';
comment on view public.rooms is 'Rooms that one is in, in other words; search_rooms finds the others.';

create or replace view public.room_members with (security_invoker = true) as
select m.conversation_id as room_id,
       m.member_id as user_id,
       m.role,
       m.joined_at,
       m.left_at
  from public.conversation_members m
 where exists (select from public.conversations c where c.id = m.conversation_id and c.kind = 'room');
comment on view public.room_members is 'Members of rooms in other words.';

create or replace view public.room_categories with (security_invoker = true) as
select k.id,
       k.name,
       k.position,
       k.created_at
  from public.conversation_categories k
 where k.owner_id is null;
comment on view public.room_categories is 'The organisation''s headings for rooms.';

-- Subscriptions may name these views; the log has tables alone.
insert into realtime.aliases as known (view_name, table_name, columns)
values ('user_messages', 'messages', '{
          "id": "id", "conversation_id": "conversation_id", "sender_id": "sender_id", "body": "body", "client_id": "client_id",
          "message_type": "message_type", "parent_message_id": "parent_message_id", "thread_id": "thread_id", "reply_to_id": "reply_to_id",
          "edited_at": "edited_at", "deleted_at": "deleted_at", "created_at": "created_at"}'::jsonb),
       ('chat_messages', 'messages', '{
          "id": "id", "group_id": "conversation_id", "sender_id": "sender_id", "message": "body", "deleted_at": "deleted_at",
          "created_at": "created_at"}'),
       ('user_conversations', 'inbox', '{
          "id": "conversation_id", "mention_count": "mention_count", "muted_until": "muted_until", "pinned_at": "pinned_at"}'),
       ('participants', 'conversation_members', '{
          "conversation_id": "conversation_id", "user_id": "member_id", "role": "role", "last_read_seq": "last_read_seq",
          "joined_at": "joined_at", "left_at": "left_at"}')
on conflict (view_schema, view_name) do update
   set table_name = excluded.table_name,
       columns = excluded.columns
 where (known.table_name, known.columns) is distinct from (excluded.table_name, excluded.columns);
