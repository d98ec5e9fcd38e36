-- Accounts become people; who they are.

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
    perform app.refuse('signed_out');
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

create or replace function app.username(p_org uuid, p_id uuid, p_wish text)
returns text
language sql stable
set search_path = ''
as $$
  -- Whoever comes second gets a piece of their id behind the name.
  select case when wish.name ~ '^[a-z0-9]'
                   and not exists (select from public.profiles p where p.org_id = p_org and p.username = wish.name)
              then wish.name
              else left(wish.name, 20) || case when wish.name = '' then 'user-' else '-' end || right(p_id::text, 6)
         end
    from (select left(btrim(regexp_replace(lower(coalesce(p_wish, '')), '[^a-z0-9_.-]+', '', 'g'), '_.-'), 32) as name) wish
$$;
comment on function app.username(uuid, uuid, text) is
  'Takes an organisation, a new person and the name they would like; gives the word that mentions them.';

create or replace function app.open_profile(p_id uuid, p_said_of_self jsonb, p_email text)
returns void
language plpgsql
security definer set search_path = ''  -- the account is written by a role that has no rights in public
as $$
declare
  org uuid := app.first_org();
begin
  -- Of two who want one name at once the second has waited, and on the second try sees that it is taken.
  for attempt in 1 .. 2 loop
    if exists (select from public.profiles p where p.id = p_id) then
      return;
    end if;
    insert into public.profiles (id, org_id, display_name, username)
    values (p_id, org, app.display_name(p_said_of_self, p_email),
            app.username(org, p_id, coalesce(p_said_of_self ->> 'username', split_part(p_email, '@', 1))))
    on conflict do nothing;
    exit when found;
  end loop;

  insert into public.org_members (org_id, user_id, role)
  values (org, p_id, app.setting(org, 'default_role') #>> '{}');
  if app.setting(org, 'private_defaults')::boolean then
    insert into public.user_privacy_settings (user_id, who_can_dm, show_typing, show_presence, show_last_seen,
                                              show_read_receipts, allow_mentions_from, discoverable, link_previews)
    values (p_id, 'shared', false, false, false, false, 'contacts', false, false);
  end if;
  if app.setting(org, 'persona_groups')::boolean then
    perform app.make_client_group(p_id);
  end if;
end
$$;
comment on function app.open_profile(uuid, jsonb, text) is
  'Takes an account''s id, what it says of itself and its address; makes the person in the first organisation: profile, role, private settings and a group of their own where the organisation says so.';

create or replace function app.make_profile()
returns trigger
language plpgsql
security definer set search_path = ''  -- the account is written by a role that has no rights in public
as $$
begin
  perform app.open_profile(new.id, new.raw_user_meta_data, new.email);
  return null;
end
$$;
comment on function app.make_profile() is 'Trigger: a new account becomes a person.';

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
         username = null,
         status_text = null,
         status_emoji = null,
         locale = null,
         timezone = null,
         erased_at = clock_timestamp()
   where id = old.id;
  delete from public.user_privacy_settings where user_id = old.id;
  delete from public.org_members where user_id = old.id;
  delete from public.team_members where user_id = old.id;
  delete from public.user_blocks where old.id in (blocker_id, blocked_id);
  delete from public.user_contacts where old.id in (owner_id, contact_id);
  delete from public.user_presence where user_id = old.id;
  delete from app.heartbeats where user_id = old.id;
  delete from public.typing_states where actor_id = old.id;
  delete from public.message_stars where user_id = old.id;
  delete from public.message_hides where user_id = old.id;
  delete from public.message_templates where owner_id = old.id;
  delete from public.scheduled_messages where sender_id = old.id;
  delete from app.file_uploads where uploader_id = old.id;
  delete from public.thread_members where user_id = old.id;
  delete from public.notifications where user_id = old.id;
  delete from public.notification_preferences where user_id = old.id;
  delete from public.notification_settings where user_id = old.id;
  delete from public.user_settings where user_id = old.id;
  delete from app.mail_tokens where user_id = old.id;
  delete from public.consents where user_id = old.id;
  delete from public.conversation_invites where email = old.email and state = 'pending';
  delete from public.read_marks where member_id = old.id;
  update public.inbox set draft = null where member_id = old.id and draft is not null;
  return null;
end
$$;
comment on function app.erase_profile() is
  'Trigger: a deleted account leaves its conversations, its profile names nobody and what it kept for itself goes; its words stay.';

create or replace trigger on_auth_users_delete__erase_profile
after delete on auth.users
for each row execute function app.erase_profile();

-- Accounts that were there before the product was.
select app.open_profile(u.id, u.raw_user_meta_data, u.email)
  from auth.users u
 where not exists (select from public.profiles p where p.id = u.id);

-- People who were there before usernames were.
do $$
declare
  person record;
begin
  for person in
    select p.id, p.org_id, u.email, u.raw_user_meta_data ->> 'username' as wish
      from public.profiles p
      join auth.users u on u.id = p.id
     where p.username is null
       and p.erased_at is null
     order by p.created_at, p.id
  loop
    update public.profiles p
       set username = app.username(person.org_id, person.id, coalesce(person.wish, split_part(person.email, '@', 1)))
     where p.id = person.id;
  end loop;
end
$$;

create or replace function app.hidden_people()
returns setof uuid
language sql stable
security definer set search_path = ''  -- settings are their owner's
as $$
  select s.user_id
    from public.user_privacy_settings s
   where not s.discoverable
$$;
comment on function app.hidden_people() is 'Gives the people who do not want to be found by strangers.';

create or replace function app.knows(p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- memberships, teams, engagements and contacts are under policies
as $$
  select p_user = (select auth.uid())
      -- Also one who has left: what they said is still there.
      or exists (
           select
             from public.conversation_members theirs
             join public.conversation_members mine on mine.conversation_id = theirs.conversation_id
            where theirs.member_id = p_user
              and mine.member_id = (select auth.uid())
              and mine.left_at is null)
      or exists (
           select
             from public.team_members theirs
             join public.team_members mine on mine.team_id = theirs.team_id
            where theirs.user_id = p_user
              and mine.user_id = (select auth.uid()))
      or exists (
           select
             from public.engagements e
            where e.client_id = p_user and e.consultant_id = (select auth.uid())
               or e.consultant_id = p_user and e.client_id = (select auth.uid()))
      or exists (
           select
             from public.user_contacts c
            where c.owner_id = p_user
              and c.contact_id = (select auth.uid()))
$$;
comment on function app.knows(uuid) is
  'Takes a person; tells whether the person asking is no stranger to them: themselves, somebody of one''s conversations, teams or engagements, or who has one as a contact.';
