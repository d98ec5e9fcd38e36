-- Being in a conversation: the rules, joining, leaving.

create or replace function app.is_member(p_conversation uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- the policy of conversation_members asks it, so it must not be under that policy
as $$
  select exists (
    select
      from public.conversation_members m
     where m.conversation_id = p_conversation
       and m.member_id = (select auth.uid())
       and m.left_at is null
  )
$$;
comment on function app.is_member(uuid) is 'Takes a conversation; tells whether the person asking is in it now.';

create or replace function app.my_conversations()
returns setof uuid
language sql stable
security definer set search_path = ''  -- policies ask it, so it must not be under them
as $$
  select m.conversation_id
    from public.conversation_members m
   where m.member_id = (select auth.uid())
     and m.left_at is null
$$;
comment on function app.my_conversations() is 'Gives the conversations the person asking is in now.';

create or replace function app.can_manage(p_conversation uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select exists (
    select
      from public.conversation_members m
     where m.conversation_id = p_conversation
       and m.member_id = (select auth.uid())
       and m.left_at is null
       and m.role in ('owner', 'admin')
  )
$$;
comment on function app.can_manage(uuid) is
  'Takes a conversation; tells whether the person asking may let people in and remove them, and take back others'' words.';

create or replace function app.conversation_of_topic(p_topic text)
returns uuid
language sql immutable
as $$
  select case
    when p_topic ~ '^conversation:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    then substr(p_topic, 14)::uuid
  end
$$;
comment on function app.conversation_of_topic(text) is
  'Takes a channel''s topic; gives the conversation that conversation:<id> names, else null.';

create or replace function app.require_manager(p_conversation uuid)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if not app.is_member(p_conversation) then
    raise sqlstate 'PT404' using message = 'There is no such conversation.', hint = 'not_member';
  elsif not app.can_manage(p_conversation) then
    raise sqlstate 'PT403' using message = 'Only an owner or admin of the conversation may do this.', hint = 'not_manager';
  end if;
end
$$;
comment on function app.require_manager(uuid) is
  'Takes a conversation; returns if the person asking manages it. Errors: PT404 not_member, PT403 not_manager.';

create or replace function app.admit(p_conversation uuid, p_members uuid[], p_role text, p_from_the_start boolean)
returns setof public.conversation_members
language plpgsql
security definer set search_path = ''  -- memberships are written for others
as $$
declare
  place public.conversations;
begin
  select c.* into place
    from public.conversations c
   where c.id = p_conversation
     for no key update;

  if not p_from_the_start then
    -- The inbox's line is of the chapter that ends: newcomers may not read it.
    update public.conversations c
       set chapter = c.chapter + 1,
           last_message_id = null,
           last_preview = null
     where c.id = p_conversation
    returning c.* into place;
  end if;

  return query
  insert into public.conversation_members as m
         (conversation_id, member_id, role, joined_chapter, last_read_seq, last_read_ord)
  select place.id,
         newcomer,
         p_role,
         case when p_from_the_start then 0 else place.chapter end,
         place.last_seq,
         place.root_count
    from unnest(p_members) newcomer
   group by newcomer
   order by newcomer
  on conflict (conversation_id, member_id) do update
     -- Who comes back keeps their chapter and pointers: finds what they knew, and what they missed as unread.
     set left_at = null,
         removed_by = null,
         role = excluded.role,
         joined_at = excluded.joined_at
   where m.left_at is not null
  returning m.*;
end
$$;
comment on function app.admit(uuid, uuid[], text, boolean) is
  'Takes a conversation, people, their role and whether newcomers may read what was said before; gives the memberships that are new or live again.';

create or replace function app.end_membership(p_conversation uuid, p_member uuid, p_by uuid)
returns public.conversation_members
language plpgsql
security definer set search_path = ''  -- memberships of others are written
as $$
declare
  ended public.conversation_members;
begin
  -- Under this lock no message is being numbered: what commits later, the one who left does not see.
  perform
     from public.conversations c
    where c.id = p_conversation
      for no key update;

  update public.conversation_members m
     set left_at = clock_timestamp(),
         removed_by = nullif(p_by, p_member)
   where m.conversation_id = p_conversation
     and m.member_id = p_member
     and m.left_at is null
  returning m.* into ended;

  -- A group keeps an owner: the one who has been there longest follows.
  if ended.role = 'owner' then
    update public.conversation_members m
       set role = 'owner'
     where m.conversation_id = p_conversation
       and m.member_id = (select heir.member_id
                            from public.conversation_members heir
                           where heir.conversation_id = p_conversation
                             and heir.left_at is null
                           order by heir.joined_at, heir.member_id
                           limit 1)
       and not exists (select
                         from public.conversation_members other
                        where other.conversation_id = p_conversation
                          and other.left_at is null
                          and other.role = 'owner');
  end if;
  return ended;
end
$$;
comment on function app.end_membership(uuid, uuid, uuid) is
  'Takes a conversation, a member and who ends the membership; gives it as ended, or nulls if there was none.';

create or replace function public.add_members(p_conversation uuid, p_members uuid[])
returns setof public.conversation_members
language plpgsql
security definer set search_path = ''  -- memberships are written for others
as $$
declare
  me uuid := app.me();
begin
  perform app.require_manager(p_conversation);
  perform app.require_can_message(me, newcomer)
    from unnest(p_members) newcomer
   where newcomer is distinct from me;
  return query
    select admitted.*
      from app.admit(p_conversation, array_remove(p_members, me), 'member', false) admitted;
end
$$;
comment on function public.add_members(uuid, uuid[]) is
  'Takes a conversation and people; lets them in from now on and gives the new memberships. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member or no_such_person.';

create or replace function public.remove_member(p_conversation uuid, p_member uuid)
returns public.conversation_members
language plpgsql
security definer set search_path = ''  -- another's membership is written
as $$
declare
  me uuid := app.me();
  ended public.conversation_members;
begin
  perform app.require_manager(p_conversation);
  if p_member <> me and exists (select
                                  from public.conversation_members m
                                 where m.conversation_id = p_conversation
                                   and m.member_id = p_member
                                   and m.left_at is null
                                   and m.role = 'owner') then
    raise sqlstate 'PT403' using message = 'An owner cannot be removed.', hint = 'owner';
  end if;

  ended := app.end_membership(p_conversation, p_member, me);
  if ended.member_id is null then
    raise sqlstate 'PT404' using message = 'That person is not in the conversation.', hint = 'no_such_member';
  end if;
  return ended;
end
$$;
comment on function public.remove_member(uuid, uuid) is
  'Takes a conversation and a member; ends the membership and gives it. Errors: PT401 signed_out, PT403 not_manager or owner, PT404 not_member or no_such_member.';

create or replace function public.leave_conversation(p_conversation uuid)
returns public.conversation_members
language plpgsql
security definer set search_path = ''  -- the right to write a membership is nobody's directly
as $$
declare
  me uuid := app.me();
  ended public.conversation_members;
begin
  if exists (select from public.conversations c where c.id = p_conversation and c.kind = 'dm') and app.is_member(p_conversation) then
    raise sqlstate 'PT422' using message = 'A conversation of two cannot be left.', hint = 'dm_stays';
  end if;

  ended := app.end_membership(p_conversation, me, me);
  if ended.member_id is null then
    raise sqlstate 'PT404' using message = 'There is no such conversation.', hint = 'not_member';
  end if;
  return ended;
end
$$;
comment on function public.leave_conversation(uuid) is
  'Takes a conversation; ends the caller''s membership and gives it. Errors: PT401 signed_out, PT404 not_member, PT422 dm_stays.';

create or replace function public.join_room(p_slug text)
returns public.conversations
language plpgsql
security definer set search_path = ''  -- outsiders do not see rooms, and write no memberships
as $$
declare
  me uuid := app.me();
  room public.conversations;
begin
  select c.* into room
    from public.conversations c
   where c.org_id = app.my_org()
     and c.slug = p_slug
     and (c.visibility in ('org', 'public') or app.is_member(c.id));
  if room.id is null then
    raise sqlstate 'PT404' using message = 'There is no such room.', hint = 'no_such_room';
  end if;

  if exists (select
               from public.conversation_members m
              where m.conversation_id = room.id
                and m.member_id = me
                and m.removed_by is not null) then
    raise sqlstate 'PT403' using message = 'You were removed from this room.', hint = 'removed';
  end if;

  perform app.admit(room.id, array[me], 'member', true);
  return room;
end
$$;
comment on function public.join_room(text) is
  'Takes the slug of an open room of the caller''s organisation; joins it and gives it, also when already in. Errors: PT401 signed_out, PT403 removed, PT404 no_such_room.';
