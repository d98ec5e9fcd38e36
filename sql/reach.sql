-- Who may write to whom.

create or replace function app.share_a_team(p_one uuid, p_other uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- teams are seen by their members only
as $$
  select exists (
    select
      from public.team_members one
      join public.team_members other on other.team_id = one.team_id
     where one.user_id = p_one
       and other.user_id = p_other
  )
$$;
comment on function app.share_a_team(uuid, uuid) is 'Takes two people; tells whether a team has both.';

create or replace function app.share_a_conversation(p_one uuid, p_other uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- memberships are under a policy
as $$
  select exists (
    select
      from public.conversation_members one
      join public.conversation_members other on other.conversation_id = one.conversation_id
     where one.member_id = p_one
       and one.left_at is null
       and other.member_id = p_other
       and other.left_at is null
  )
$$;
comment on function app.share_a_conversation(uuid, uuid) is 'Takes two people; tells whether they are in a conversation together.';

create or replace function app.live_engagement(p_one uuid, p_other uuid)
returns uuid
language sql stable
security definer set search_path = ''  -- engagements are seen by the two only
as $$
  select e.id
    from public.engagements e
   where (e.client_id, e.consultant_id) in ((p_one, p_other), (p_other, p_one))
     and e.status in ('bidding', 'negotiating', 'active')
   order by array_position(array['active', 'negotiating', 'bidding'], e.status), e.created_at desc, e.id
   limit 1
$$;
comment on function app.live_engagement(uuid, uuid) is
  'Takes two people; gives the engagement that lets them talk, an active one before a bid, or null.';

create or replace function app.is_restricted(p_user uuid, p_types text[], p_conversation uuid default null)
returns boolean
language sql stable
security definer set search_path = ''  -- restrictions are nobody's to read
as $$
  select exists (
    select
      from public.user_restrictions r
     where r.user_id = p_user
       and r.restriction_type = any (p_types)
       and (r.conversation_id is null or r.conversation_id = p_conversation)
       and r.lifted_at is null
       and (r.expires_at is null or r.expires_at > app.now())
  )
$$;
comment on function app.is_restricted(uuid, text[], uuid) is
  'Takes a person, types of restriction and a conversation; tells whether one of them holds there or everywhere, now.';

create or replace function app.have_blocked(p_one uuid, p_other uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- a block is seen by its maker only
as $$
  select exists (
    select
      from public.user_blocks b
     where (b.blocker_id, b.blocked_id) in ((p_one, p_other), (p_other, p_one))
       and (b.expires_at is null or b.expires_at > app.now())
  )
$$;
comment on function app.have_blocked(uuid, uuid) is 'Takes two people; tells whether one of them has blocked the other.';

create or replace function app.privacy_lets(p_from uuid, p_to uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- settings are their owner's
as $$
  select coalesce((
    select case s.who_can_dm
             when 'everyone' then true
             when 'shared' then app.share_a_conversation(p_from, p_to)
                             or app.share_a_team(p_from, p_to)
                             or app.live_engagement(p_from, p_to) is not null
             when 'contacts' then exists (select
                                            from public.user_contacts c
                                           where c.owner_id = p_to
                                             and c.contact_id = p_from)
             else false
           end
      from public.user_privacy_settings s
     where s.user_id = p_to), true)
$$;
comment on function app.privacy_lets(uuid, uuid) is 'Takes the writer and the one written to; tells whether the latter''s settings agree.';

create or replace function app.is_new_and_busy(p_from uuid, p_to uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- looks into memberships
as $$
  select p.created_at > app.now() - make_interval(hours => app.setting(p.org_id, 'new_account_hours')::int)
     and (select count(*)
            from public.conversations c
           where c.org_id = p.org_id
             and c.kind = 'dm'
             and c.created_by = p_from
             and c.created_at > app.now() - interval '1 day'
             and strpos(c.dm_key, p_to::text) = 0) >= app.setting(p.org_id, 'new_account_dms')::int
    from public.profiles p
   where p.id = p_from
$$;
comment on function app.is_new_and_busy(uuid, uuid) is
  'Takes the writer and the one written to; tells whether the account is new and has opened all conversations with others that a day allows.';

create or replace function app.rule_refusal(p_rule text, p_from uuid, p_to uuid)
returns text
language sql stable
security definer set search_path = ''  -- looks into roles, teams and engagements
as $$
  select case p_rule
    when 'open' then null
    when 'team' then
      case when app.share_a_team(p_from, p_to)
             or app.role_of(p_from) = 'superadmin' or app.role_of(p_to) = 'superadmin'
             or (app.is_admin(p_from) or app.is_admin(p_to))
                and (select app.setting(p.org_id, 'admins_cross_team')::boolean from public.profiles p where p.id = p_from)
           then null else 'not_same_team' end
    when 'engagement' then
      case when app.is_admin(p_from) or app.is_admin(p_to) then 'admin_read_only'
           when app.live_engagement(p_from, p_to) is not null then null
           else 'no_engagement' end
    when 'persona' then
      case when exists (select
                          from public.conversation_members one
                          join public.conversation_members other on other.conversation_id = one.conversation_id
                          join public.conversations c on c.id = one.conversation_id
                          join public.profiles p on p.id in (one.member_id, other.member_id)
                         where one.member_id = p_from
                           and one.left_at is null
                           and other.member_id = p_to
                           and other.left_at is null
                           and c.kind = 'persona_group'
                           and c.archived_at is null
                           and p.kind = 'persona')
             or app.is_admin(p_from) and app.is_admin(p_to)
           then null else 'persona_only' end
    when 'community' then
      case when not coalesce((select s.discoverable from public.user_privacy_settings s where s.user_id = p_to), true)
                and not app.share_a_conversation(p_from, p_to) then 'privacy'
           when app.is_new_and_busy(p_from, p_to) then 'new_account_limit'
      end
  end
$$;
comment on function app.rule_refusal(text, uuid, uuid) is
  'Takes a rule (open, team, engagement, persona, community), the writer and the one written to; gives the word of the refusal, or null.';

create or replace function app.policy_refusal(p_from uuid, p_to uuid)
returns text
language sql stable
security definer set search_path = ''  -- as rule_refusal
as $$
  -- Rules add up: one that lets is enough, and the first one's word tells why none does.
  select case when bool_or(rules.refusal is null) then null
              else (array_agg(rules.refusal order by rules.place))[1] end
    from (select rule.place, app.rule_refusal(rule.name, p_from, p_to) as refusal
            from public.profiles p,
                 jsonb_array_elements_text(app.setting(p.org_id, 'dm_policy')) with ordinality rule (name, place)
           where p.id = p_from) rules
$$;
comment on function app.policy_refusal(uuid, uuid) is
  'Takes the writer and the one written to; gives null if one of the organisation''s rules lets them, else the word of the first.';

create or replace function app.can_message(p_from uuid, p_to uuid)
returns app.verdict
language sql stable
security definer set search_path = ''  -- compares people who may not see each other
as $$
  with checks (place, code, passed) as (
    values
      (1, 'self', p_from is distinct from p_to),
      (2, 'no_such_person', (select count(*) = 2
                               from public.profiles p
                              where p.id in (p_from, p_to)
                                and p.erased_at is null
                                and p.deactivated_at is null)),
      (3, 'not_same_org', (select count(distinct p.org_id) = 1 from public.profiles p where p.id in (p_from, p_to))),
      (4, 'restricted', not app.is_restricted(p_from, array['block', 'ban'])),
      (5, 'blocked', not app.have_blocked(p_from, p_to)),
      (6, coalesce(app.policy_refusal(p_from, p_to), 'dm_policy'), app.policy_refusal(p_from, p_to) is null),
      (7, 'privacy', app.privacy_lets(p_from, p_to))
  ),
  refusal as (
    select min(place) as place from checks where not passed
  )
  select (refusal.place is null,
          (select checks.code from checks where checks.place = refusal.place),
          (select jsonb_agg(jsonb_build_object('check', checks.code, 'passed', checks.passed) order by checks.place)
             from checks
            where refusal.place is null or checks.place <= refusal.place)
         )::app.verdict
    from refusal
$$;
comment on function app.can_message(uuid, uuid) is
  'Takes the writer and the one written to; gives whether they may open a conversation, the first refusal (self, no_such_person, not_same_org, restricted, blocked, one of the organisation''s rules, privacy) and every check made.';

create or replace function app.require_can_message(p_from uuid, p_to uuid)
returns void
language plpgsql stable
security definer set search_path = ''  -- asks can_message, which no API role may
as $$
declare
  verdict app.verdict := app.can_message(p_from, p_to);
begin
  if not verdict.allowed then
    -- People of other organisations are not even admitted to exist, and a block is not told.
    perform app.refuse(case verdict.code when 'not_same_org' then 'no_such_person'
                                         when 'blocked' then 'privacy'
                                         else verdict.code end);
  end if;
end
$$;
comment on function app.require_can_message(uuid, uuid) is
  'Takes the writer and the one written to; returns if that is allowed. Errors: PT422 self, PT404 no_such_person, PT403 restricted, privacy or the organisation''s rule, 42501 admin_read_only.';

create or replace function public.block_user(p_user uuid, p_hours integer default null)
returns void
language plpgsql
security definer set search_path = ''  -- asks whether the person is there, without telling more
as $$
declare
  me uuid := app.me();
begin
  if p_user = me then
    perform app.refuse('self');
  elsif not exists (select from public.profiles p where p.id = p_user and p.org_id = app.my_org()) then
    perform app.refuse('no_such_person');
  end if;
  insert into public.user_blocks (blocker_id, blocked_id, expires_at)
  values (me, p_user, app.now() + make_interval(hours => p_hours))
  on conflict (blocker_id, blocked_id) do update set expires_at = excluded.expires_at;
end
$$;
comment on function public.block_user(uuid, integer) is
  'Takes a person and for how many hours, or null for good; they can no longer write to the caller, and are not told. Errors: PT401 signed_out, PT404 no_such_person, PT422 self.';

create or replace function public.unblock_user(p_user uuid)
returns void
language sql
security definer set search_path = ''  -- as block_user
as $$
  delete from public.user_blocks b
   where b.blocker_id = app.me()
     and b.blocked_id = p_user
$$;
comment on function public.unblock_user(uuid) is 'Takes a person; ends the caller''s block of them. Errors: PT401 signed_out.';
