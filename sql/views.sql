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
  from public.inbox i
  join public.conversations c on c.id = i.conversation_id
  join public.conversation_members mine on mine.conversation_id = i.conversation_id and mine.member_id = i.member_id
  left join lateral (
    select p.id, p.display_name
      from public.conversation_members m
      join public.profiles p on p.id = m.member_id
     where c.kind = 'dm'
       and m.conversation_id = c.id
       and m.member_id <> i.member_id
     limit 1
  ) other on true
 where i.member_id = (select auth.uid())
   and mine.left_at is null;
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
