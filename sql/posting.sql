-- Who may read, speak, correct and take back.

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
  'Takes a message''s conversation, chapter, visibility and sender; tells whether the person asking may read it as a member.';

create or replace function app.post_refusal(p_conversation uuid)
returns text
language plpgsql stable
security definer set search_path = ''  -- looks into memberships, roles, restrictions and blocks
as $$
declare
  me uuid := auth.uid();
  place public.conversations;
  my_role text;
  other uuid;
begin
  select c.* into place from public.conversations c where c.id = p_conversation;
  my_role := app.role_in(p_conversation, me);
  if place.kind = 'engagement' and app.is_admin(me)
     and (my_role is not null or place.org_id in (select app.my_overseen_orgs())) then
    return 'admin_read_only';
  elsif my_role is null or not app.role_may(my_role, 'post') then
    return 'cannot_post';
  elsif place.locked_at is not null or place.archived_at is not null then
    return 'locked';
  elsif place.posting = 'nobody' or place.posting = 'admins' and not app.role_may(my_role, 'post_where_admins_post') then
    return 'posting_closed';
  elsif app.is_restricted(me, array['mute', 'ban'], p_conversation) then
    return 'muted';
  elsif place.kind = 'engagement' and not exists (
    select
      from public.engagements e
     where e.id = place.engagement_id
       and e.status in ('bidding', 'negotiating', 'active')
  ) then
    return 'engagement_over';
  elsif place.kind = 'dm' then
    select m.member_id into other
      from public.conversation_members m
     where m.conversation_id = p_conversation
       and m.member_id <> me;
    -- Privacy is asked when a pair begins to talk; who regrets it later, blocks.
    if app.is_restricted(me, array['block']) or app.have_blocked(me, other)
       or app.policy_refusal(me, other) in ('not_same_team', 'no_engagement', 'admin_read_only', 'persona_only') then
      return 'blocked';
    end if;
  end if;
  return null;
end
$$;
comment on function app.post_refusal(uuid) is
  'Takes a conversation; gives the word why the person asking may not speak there now (cannot_post, admin_read_only, locked, posting_closed, muted, engagement_over, blocked), or null when they may.';

create or replace function app.can_post(p_conversation uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- asks post_refusal, which people may not
as $$
  select app.post_refusal(p_conversation) is null
$$;
comment on function app.can_post(uuid) is 'Takes a conversation; tells whether the person asking may speak in it.';

create or replace function app.is_within(p_conversation uuid, p_setting text, p_since timestamptz)
returns boolean
language sql stable
security definer set search_path = ''  -- settings are looked up for those who may not read them
as $$
  select window_s.seconds = 0 or p_since > app.now() - make_interval(secs => window_s.seconds)
    from public.conversations c,
         lateral (select coalesce(case p_setting when 'edit_window_s' then c.edit_window_s end,
                                  app.setting(c.org_id, p_setting)::int) as seconds) window_s
   where c.id = p_conversation
$$;
comment on function app.is_within(uuid, text, timestamptz) is
  'Takes a conversation, edit_window_s or delete_window_s and a time; tells whether it is less than that ago; a window of 0 has no end.';

create or replace function app.can_edit(p_conversation uuid, p_visibility text, p_sender uuid, p_type text, p_created_at timestamptz)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select p_sender = (select auth.uid())
     and p_type not in ('system', 'meeting')
     and app.can_post(p_conversation)
     -- What all can read may not be changed by one whom nobody is to hear.
     and (p_visibility <> 'normal' or not app.is_restricted(p_sender, array['shadow_ban'], p_conversation))
     and app.is_within(p_conversation, 'edit_window_s', p_created_at)
$$;
comment on function app.can_edit(uuid, text, uuid, text, timestamptz) is
  'Takes a message''s conversation, visibility, sender, type and time; tells whether the person asking may correct it: their own, in the time that there is for that, while they may speak and are heard. Nobody corrects another''s words.';

create or replace function app.can_delete(p_conversation uuid, p_sender uuid, p_created_at timestamptz)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_member
as $$
  select p_sender = (select auth.uid())
           and app.is_member(p_conversation)
           and app.is_within(p_conversation, 'delete_window_s', p_created_at)
           and not exists (select
                             from public.conversations c
                            where c.id = p_conversation
                              and c.kind = 'persona_group'
                              and not app.setting(c.org_id, 'clients_delete_own')::boolean)
      or app.can_do(p_conversation, 'delete_any')
$$;
comment on function app.can_delete(uuid, uuid, timestamptz) is
  'Takes a message''s conversation, sender and time; tells whether the person asking may take it back for all: their own in time, or any if they moderate; in a group of personas, where the organisation says so, admins alone.';

create or replace function app.sees_message(p_conversation uuid, p_message uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- policies of other tables ask it, and must not depend on the message's own
as $$
  select exists (
    select
      from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message
       and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
  )
$$;
comment on function app.sees_message(uuid, uuid) is
  'Takes a conversation and a message; tells whether the person asking can read it as a member.';
