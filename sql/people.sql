-- Accounts become people; who they are; whom they may write to.

create or replace function app.me()
returns uuid
language plpgsql stable
security definer set search_path = ''  -- a token may outlive its account, which only the profile tells
as $$
declare
  me uuid;
begin
  select p.id into me
    from public.profiles p
   where p.id = auth.uid()
     and p.erased_at is null;
  if me is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', hint = 'signed_out';
  end if;
  return me;
end
$$;
comment on function app.me() is 'Gives the id of the person asking. Errors: PT401 signed_out.';

create or replace function app.my_org()
returns uuid
language sql stable
security definer set search_path = ''  -- the policy of profiles asks it, so it must not be under that policy
as $$
  select p.org_id
    from public.profiles p
   where p.id = (select auth.uid())
     and p.erased_at is null
$$;
comment on function app.my_org() is 'Gives the organisation of the person asking, or null.';

create or replace function app.can_message(p_from uuid, p_to uuid)
returns app.verdict
language sql stable
security definer set search_path = ''  -- compares people who may not see each other
as $$
  with checks (place, code, passed) as (
    values
      (1, 'self', p_from is distinct from p_to),
      (2, 'no_such_person', (select count(*) = 2 from public.profiles p where p.id in (p_from, p_to) and p.erased_at is null)),
      (3, 'not_same_org', (select count(distinct p.org_id) = 1 from public.profiles p where p.id in (p_from, p_to)))
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
  'Takes the writer and the one written to; gives whether, the first refusal (self, no_such_person, not_same_org) and every check made.';

create or replace function app.require_can_message(p_from uuid, p_to uuid)
returns void
language plpgsql stable
security definer set search_path = ''  -- asks can_message, which no API role may
as $$
declare
  verdict app.verdict := app.can_message(p_from, p_to);
begin
  if verdict.code = 'self' then
    raise sqlstate 'PT422' using message = 'A conversation needs somebody else.', hint = 'self';
  elsif not verdict.allowed then
    -- People of other organisations are not even admitted to exist.
    raise sqlstate 'PT404' using message = 'There is no such person here.', hint = 'no_such_person';
  end if;
end
$$;
comment on function app.require_can_message(uuid, uuid) is
  'Takes the writer and the one written to; returns if that is allowed. Errors: PT422 self, PT404 no_such_person.';

create or replace function app.display_name(p_said_of_self jsonb, p_email text)
returns text
language sql immutable
as $$
  -- Whatever was typed at sign-up must not make the sign-up fail, so it is trimmed to fit.
  select left(coalesce(
    nullif(btrim(p_said_of_self ->> 'display_name'), ''),
    nullif(btrim(p_said_of_self ->> 'full_name'), ''),
    nullif(btrim(p_said_of_self ->> 'name'), ''),
    nullif(split_part(p_email, '@', 1), ''),
    'Guest'), 100)
$$;
comment on function app.display_name(jsonb, text) is
  'Takes what an account says of itself and its address; gives the name to begin with.';

create or replace function app.first_org()
returns uuid
language sql stable
set search_path = ''
as $$
  select o.id
    from public.orgs o
   order by o.created_at, o.id
   limit 1
$$;
comment on function app.first_org() is 'Gives the oldest organisation: where new accounts come in.';

create or replace function app.make_profile()
returns trigger
language plpgsql
security definer set search_path = ''  -- the account is written by a role that has no rights in public
as $$
begin
  insert into public.profiles (id, org_id, display_name)
  values (new.id, app.first_org(), app.display_name(new.raw_user_meta_data, new.email))
  on conflict (id) do nothing;
  return null;
end
$$;
comment on function app.make_profile() is 'Trigger: a new account gets its profile, in the first organisation.';

create or replace trigger on_auth_users_insert__make_profile
after insert on auth.users
for each row execute function app.make_profile();

create or replace function app.erase_profile()
returns trigger
language plpgsql
security definer set search_path = ''  -- the account is deleted by a role that has no rights in public
as $$
begin
  perform app.end_membership(m.conversation_id, m.member_id, m.member_id)
    from (select conversation_id, member_id
            from public.conversation_members
           where member_id = old.id
             and left_at is null
           order by conversation_id) m;
  update public.profiles
     set display_name = 'Deleted user',
         avatar_path = null,
         bio = null,
         erased_at = clock_timestamp()
   where id = old.id;
  delete from public.user_privacy_settings
   where user_id = old.id;
  return null;
end
$$;
comment on function app.erase_profile() is
  'Trigger: a deleted account leaves its conversations, its profile names nobody and its settings go; its words stay.';

create or replace trigger on_auth_users_delete__erase_profile
after delete on auth.users
for each row execute function app.erase_profile();

-- Accounts that were there before the product was.
insert into public.profiles (id, org_id, display_name)
select u.id, app.first_org(), app.display_name(u.raw_user_meta_data, u.email)
  from auth.users u
 where not exists (select from public.profiles p where p.id = u.id);
