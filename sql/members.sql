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

create or replace function app.role_may(p_role text, p_action text)
returns boolean
language sql immutable
set search_path = ''
as $$
  select case p_action
    when 'post' then p_role in ('owner', 'admin', 'moderator', 'member', 'guest')
    when 'post_where_admins_post' then p_role in ('owner', 'admin')
    when 'invite' then p_role in ('owner', 'admin', 'moderator')
    when 'remove' then p_role in ('owner', 'admin', 'moderator')
    when 'pin' then p_role in ('owner', 'admin', 'moderator')
    when 'delete_any' then p_role in ('owner', 'admin', 'moderator')
    when 'rename' then p_role in ('owner', 'admin')
    when 'appoint' then p_role in ('owner', 'admin')
    else false
  end
$$;
comment on function app.role_may(text, text) is
  'Takes a role in a conversation and post, post_where_admins_post, invite, remove, pin, delete_any, rename or appoint; tells whether the role may. Change it here.';

create or replace function app.can_do(p_conversation uuid, p_action text)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select exists (
    select
      from public.conversation_members m
      join public.conversations c on c.id = m.conversation_id
     where m.conversation_id = p_conversation
       and m.member_id = (select auth.uid())
       and m.left_at is null
       and (app.role_may(m.role, p_action) or c.kind = 'dm' and p_action = 'pin')
  ) or exists (
    -- Groups that an organisation makes for people are managed by its admins.
    select
      from public.conversations c
     where c.id = p_conversation
       and c.kind in ('persona_group', 'announcement')
       and c.org_id = app.my_org()
       and (p_action in ('invite', 'remove', 'rename', 'appoint') or c.kind = 'persona_group' and p_action = 'delete_any')
       and app.is_admin((select auth.uid()))
  )
$$;
comment on function app.can_do(uuid, text) is
  'Takes a conversation and an action of app.role_may; tells whether the person asking may do it there.';

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

create or replace function app.require_right(p_conversation uuid, p_action text)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  perform app.me();
  if app.can_do(p_conversation, p_action) then
    return;
  end if;
  perform app.refuse(case when app.is_member(p_conversation) then 'not_manager' else 'not_member' end);
end
$$;
comment on function app.require_right(uuid, text) is
  'Takes a conversation and an action of app.role_may; returns if the person asking may do it there. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member.';

create or replace function app.open_inboxes()
returns trigger
language plpgsql
security definer set search_path = ''  -- inboxes are their owners'
as $$
begin
  insert into public.inbox (member_id, conversation_id, last_read_seq, last_read_ord)
  select m.member_id, m.conversation_id, m.last_read_seq, m.last_read_ord
    from joined m
  on conflict do nothing;
  update public.conversations c
     set member_count = c.member_count + joining.heads
    from (select m.conversation_id, count(*) as heads
            from joined m
           where m.left_at is null
           group by m.conversation_id) joining
   where c.id = joining.conversation_id;
  return null;
end
$$;
comment on function app.open_inboxes() is 'Trigger: whoever comes in gets an inbox row and is counted.';

create or replace trigger on_conversation_members_insert__open_inboxes
after insert on public.conversation_members
referencing new table as joined
for each statement execute function app.open_inboxes();

create or replace function app.count_members()
returns trigger
language plpgsql
security definer set search_path = ''  -- counters are nobody's to write
as $$
begin
  if tg_op = 'DELETE' then
    update public.conversations c
       set member_count = c.member_count - leaving.heads
      from (select m.conversation_id, count(*) as heads
              from before m
             where m.left_at is null
             group by m.conversation_id) leaving
     where c.id = leaving.conversation_id;
  else
    update public.conversations c
       set member_count = c.member_count + moved.heads
      from (select now_.conversation_id,
                   count(*) filter (where now_.left_at is null) - count(*) filter (where was.left_at is null) as heads
              from after now_
              join before was using (conversation_id, member_id)
             group by now_.conversation_id) moved
     where c.id = moved.conversation_id
       and moved.heads <> 0;
  end if;
  return null;
end
$$;
comment on function app.count_members() is 'Trigger: member_count follows who leaves and who comes back.';

create or replace trigger on_conversation_members_update__count
after update on public.conversation_members
referencing old table as before new table as after
for each statement execute function app.count_members();
create or replace trigger on_conversation_members_delete__count
after delete on public.conversation_members
referencing old table as before
for each statement execute function app.count_members();

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

create or replace function public.add_members(p_conversation uuid, p_members uuid[], p_role text default 'member')
returns setof public.conversation_members
language plpgsql
security definer set search_path = ''  -- memberships are written for others
as $$
declare
  me uuid := app.me();
begin
  perform app.require_right(p_conversation, 'invite');
  perform app.require_may_give(p_conversation, p_role);
  if cardinality(p_members) > 500 then
    perform app.refuse('too_many', 'limit=500');
  end if;
  perform app.require_can_join(p_conversation, newcomer)
    from unnest(p_members) newcomer
   where newcomer is distinct from me;
  perform app.audit_group(p_conversation, 'add_member', newcomer)
     from unnest(p_members) newcomer;
  return query
    select admitted.*
      from app.admit(p_conversation, array_remove(p_members, me), p_role, false) admitted;
end
$$;
comment on function public.add_members(uuid, uuid[], text) is
  'Takes a conversation, up to 500 people and their role; lets them in from now on and gives the new memberships. For owners, admins and moderators. Errors: PT401 signed_out, PT403 not_manager or the rule that forbids to add somebody, PT404 not_member or no_such_person, PT422 bad_role or too_many.';

create or replace function app.require_can_join(p_conversation uuid, p_newcomer uuid)
returns void
language plpgsql stable
security definer set search_path = ''  -- looks at people whom the caller may not see
as $$
begin
  -- An admin puts personas and clients into the groups that the organisation makes; rules are for the others.
  if app.is_admin(auth.uid()) and exists (
    select
      from public.conversations c
      join public.profiles p on p.org_id = c.org_id
     where c.id = p_conversation
       and c.kind in ('persona_group', 'announcement')
       and p.id = p_newcomer
       and p.erased_at is null
       and p.deactivated_at is null
  ) then
    return;
  end if;
  perform app.require_can_message(auth.uid(), p_newcomer);
end
$$;
comment on function app.require_can_join(uuid, uuid) is
  'Takes a conversation and a newcomer; returns if the person asking may bring them in. Errors: as app.require_can_message.';

create or replace function app.require_may_give(p_conversation uuid, p_role text)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if p_role is null or p_role not in ('owner', 'admin', 'moderator', 'member', 'guest', 'observer') then
    perform app.refuse('bad_role');
  end if;
  if p_role in ('owner', 'admin', 'moderator') then
    perform app.require_right(p_conversation, 'appoint');
  end if;
end
$$;
comment on function app.require_may_give(uuid, text) is
  'Takes a conversation and a role; returns if the person asking may give it there. Errors: PT403 not_manager, PT422 bad_role.';

create or replace function app.role_in(p_conversation uuid, p_member uuid)
returns text
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select m.role
    from public.conversation_members m
   where m.conversation_id = p_conversation
     and m.member_id = p_member
     and m.left_at is null
$$;
comment on function app.role_in(uuid, uuid) is 'Takes a conversation and a person; gives their role there, null when not in it.';

create or replace function public.remove_member(p_conversation uuid, p_member uuid)
returns public.conversation_members
language plpgsql
security definer set search_path = ''  -- another's membership is written
as $$
declare
  me uuid := app.me();
  their_role text := app.role_in(p_conversation, p_member);
  ended public.conversation_members;
begin
  perform app.require_right(p_conversation, 'remove');
  if p_member <> me and their_role = 'owner' then
    perform app.refuse('owner');
  elsif p_member <> me and their_role in ('admin', 'moderator') then
    perform app.require_right(p_conversation, 'appoint');
  end if;

  ended := app.end_membership(p_conversation, p_member, me);
  if ended.member_id is null then
    perform app.refuse('no_such_member');
  end if;
  perform app.audit_group(p_conversation, 'remove_member', p_member);
  return ended;
end
$$;
comment on function public.remove_member(uuid, uuid) is
  'Takes a conversation and a member; ends the membership and gives it. Moderators remove members, guests and observers; owners and admins all but owners. Errors: PT401 signed_out, PT403 not_manager or owner, PT404 not_member or no_such_member.';

create or replace function public.set_member_role(p_conversation uuid, p_member uuid, p_role text)
returns public.conversation_members
language plpgsql
security definer set search_path = ''  -- another's membership is written
as $$
declare
  my_role text;
  their_role text;
  changed public.conversation_members;
begin
  perform app.require_right(p_conversation, 'appoint');
  perform app.require_may_give(p_conversation, p_role);
  -- Under this lock two owners cannot demote each other at once.
  perform from public.conversations c where c.id = p_conversation for no key update;
  my_role := app.role_in(p_conversation, app.me());
  their_role := app.role_in(p_conversation, p_member);

  if their_role is null then
    perform app.refuse('no_such_member');
  elsif (their_role = 'owner' or p_role = 'owner') and my_role is distinct from 'owner' then
    perform app.refuse('owner');
  elsif their_role = 'owner' and p_role <> 'owner' and not exists (
    select
      from public.conversation_members m
     where m.conversation_id = p_conversation
       and m.member_id <> p_member
       and m.role = 'owner'
       and m.left_at is null
  ) then
    perform app.refuse('last_owner');
  end if;

  update public.conversation_members m
     set role = p_role
   where m.conversation_id = p_conversation
     and m.member_id = p_member
  returning m.* into changed;
  return changed;
end
$$;
comment on function public.set_member_role(uuid, uuid, text) is
  'Takes a conversation, a member and owner, admin, moderator, member, guest or observer; gives the membership. For owners and admins; only owners make owners. Errors: PT403 not_manager, owner or last_owner, PT404 not_member or no_such_member, PT422 bad_role.';

create or replace function public.leave_conversation(p_conversation uuid)
returns public.conversation_members
language plpgsql
security definer set search_path = ''  -- the right to write a membership is nobody's directly
as $$
declare
  me uuid := app.me();
  ended public.conversation_members;
begin
  if exists (select from public.conversations c where c.id = p_conversation and c.kind in ('dm', 'engagement'))
     and app.is_member(p_conversation) then
    perform app.refuse('dm_stays');
  end if;

  ended := app.end_membership(p_conversation, me, me);
  if ended.member_id is null then
    perform app.refuse('not_member');
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
     and c.archived_at is null
     and (c.visibility in ('org', 'public') or app.is_member(c.id));
  if room.id is null then
    perform app.refuse('no_such_room');
  end if;

  if exists (select
               from public.conversation_members m
              where m.conversation_id = room.id
                and m.member_id = me
                and m.removed_by is not null) then
    perform app.refuse('removed');
  end if;

  perform app.admit(room.id, array[me], 'member', true);
  return room;
end
$$;
comment on function public.join_room(text) is
  'Takes the slug of an open room of the caller''s organisation; joins it and gives it, also when already in. Errors: PT401 signed_out, PT403 removed, PT404 no_such_room.';
