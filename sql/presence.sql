-- Who is there, and who types.

create or replace function app.shows_presence_to_me(p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- memberships and settings are under policies
as $$
  select p_user = (select auth.uid())
      or (exists (
            select
              from public.conversation_members theirs
              join public.conversation_members mine on mine.conversation_id = theirs.conversation_id
             where theirs.member_id = p_user
               and theirs.left_at is null
               and mine.member_id = (select auth.uid())
               and mine.left_at is null)
          or exists (
            select
              from public.team_members theirs
              join public.team_members mine on mine.team_id = theirs.team_id
             where theirs.user_id = p_user
               and mine.user_id = (select auth.uid())))
         and not exists (
           select
             from public.user_privacy_settings s
            where s.user_id = p_user
              and not s.show_presence)
$$;
comment on function app.shows_presence_to_me(uuid) is
  'Takes a person; tells whether the person asking may know if they are there: who shares a conversation or a team with them, unless they keep it to themselves.';

create or replace function app.shows_last_seen(p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- settings are their owner's
as $$
  select coalesce((select s.show_last_seen from public.user_privacy_settings s where s.user_id = p_user), true)
$$;
comment on function app.shows_last_seen(uuid) is 'Takes a person; tells whether others may know when they were last there.';

create or replace function app.be_there(p_user uuid, p_status text, p_active boolean)
returns text
language plpgsql
security definer set search_path = ''  -- presence is written by functions only
as $$
declare
  chosen text;
  shown text;
begin
  insert into app.heartbeats as h (user_id, at, active_at, is_there)
  values (p_user, app.now(), case when p_active then app.now() end, p_status <> 'offline')
  on conflict (user_id) do update
     set at = excluded.at,
         active_at = coalesce(excluded.active_at, h.active_at),
         is_there = excluded.is_there
   where h.is_there <> excluded.is_there
      or h.at < excluded.at - interval '25 s';

  -- What was chosen by hand wins over what devices say, but for their going.
  select h.manual_status into chosen from app.heartbeats h where h.user_id = p_user;
  shown := case when p_status = 'offline' then 'offline' else coalesce(chosen, p_status) end;
  -- Whoever is there and says that they are not leaves no trace, not even that of a row that is written.
  if chosen is distinct from 'offline' then
    -- Written only when something is new, or the last word is half a minute old: it all goes to the log.
    insert into public.user_presence as p (user_id, status, last_seen_at)
    values (p_user, shown, case when app.shows_last_seen(p_user) then app.now() end)
    on conflict (user_id) do update
       set status = excluded.status,
           last_seen_at = excluded.last_seen_at
     where p.status <> excluded.status
        or (p.last_seen_at is null) <> (excluded.last_seen_at is null)
        or p.last_seen_at < excluded.last_seen_at - interval '25 s';
  end if;
  return shown;
end
$$;
comment on function app.be_there(uuid, text, boolean) is
  'Takes a person, what a device of theirs says (online, away, busy or, when going, offline) and whether the person did something; writes it down and gives what others see.';

create or replace function public.heartbeat(p_status text default 'online', p_active boolean default true)
returns text
language plpgsql
security definer set search_path = ''  -- marks the absent, and presence is written by functions only
as $$
declare
  me uuid := app.me();
  shown text;
begin
  if p_status is null or p_status not in ('online', 'away', 'busy', 'offline') then
    perform app.refuse('bad_status');
  end if;
  perform app.take('signal');
  shown := app.be_there(me, p_status, p_active);

  -- Everybody who is there looks after a few who are gone, so that their rows say so without a clock.
  with gone as (
    update app.heartbeats h
       set is_there = false
     where h.user_id in (select late.user_id
                           from app.heartbeats late
                          where late.is_there
                            and late.at < app.now() - interval '65 s'
                          order by late.at
                          limit 20
                            for update skip locked)
    returning h.user_id
  )
  update public.user_presence p
     set status = 'offline'
    from gone
   where p.user_id = gone.user_id
     and p.status <> 'offline';
  return shown;
end
$$;
comment on function public.heartbeat(text, boolean) is
  'Takes online, away, busy or, when going, offline, and whether the person did something; keeps the caller present for 65 seconds and gives their status. Call it every 25 to 30 seconds. Errors: PT401 signed_out, PT422 bad_status, PT429 rate_limited.';

create or replace function app.follow_sessions()
returns trigger
language plpgsql
security definer set search_path = ''  -- sessions are written by a role that has no rights in public
as $$
begin
  if tg_op = 'INSERT' then
    perform app.be_there(who.id, 'online', false) from public.profiles who
      where who.id = new.user_id and new.oauth_client_id is null;
  else
    perform app.be_there(h.user_id, 'offline', false)
       from app.heartbeats h
       join public.profiles who on who.id = h.user_id
      where h.user_id = old.user_id
        and h.is_there
        and not exists (select from auth.sessions other where other.user_id = old.user_id and other.oauth_client_id is null);
  end if;
  return null;
end
$$;
comment on function app.follow_sessions() is
  'Trigger: whoever signs in is there, and whoever signed out on their last device is not. OAuth clients that act for somebody do not count.';

create or replace trigger on_auth_sessions_change__follow_sessions
after insert or delete on auth.sessions
for each row execute function app.follow_sessions();

create or replace function public.set_status(
  p_status text,
  p_text text default null,
  p_emoji text default null,
  p_until timestamptz default null
)
returns text
language plpgsql
security definer set search_path = ''  -- presence is written by functions only
as $$
declare
  me uuid := app.me();
begin
  if p_status not in ('online', 'away', 'busy', 'offline') then
    perform app.refuse('bad_status');
  end if;
  update public.profiles p
     set status_text = p_text,
         status_emoji = p_emoji,
         status_until = p_until
   where p.id = me
     and (p.status_text, p.status_emoji, p.status_until) is distinct from (p_text, p_emoji, p_until);
  insert into app.heartbeats as h (user_id, at, is_there, manual_status)
  values (me, app.now(), true, p_status)
  on conflict (user_id) do update
     set at = excluded.at,
         is_there = true,
         manual_status = excluded.manual_status;
  insert into public.user_presence as p (user_id, status, last_seen_at)
  values (me, coalesce(p_status, 'online'), case when app.shows_last_seen(me) then app.now() end)
  on conflict (user_id) do update
     set status = excluded.status,
         last_seen_at = excluded.last_seen_at;
  return coalesce(p_status, 'online');
end
$$;
comment on function public.set_status(text, text, text, timestamptz) is
  'Takes online, away, busy or offline to stay so whatever the devices say, or null to follow them; words, an emoji and until when they hold, for the profile. Errors: PT401 signed_out, PT422 bad_status, 23514 for long words.';

create or replace function app.hide_last_seen()
returns trigger
language plpgsql
security definer set search_path = ''  -- presence is written by functions only
as $$
begin
  update public.user_presence p
     set last_seen_at = null
   where p.user_id = new.user_id
     and p.last_seen_at is not null;
  return null;
end
$$;
comment on function app.hide_last_seen() is 'Trigger: whoever hides when they were last there has it hidden at once.';

create or replace trigger on_user_privacy_settings_insert__hide_last_seen
after insert on public.user_privacy_settings
for each row when (not new.show_last_seen)
execute function app.hide_last_seen();
create or replace trigger on_user_privacy_settings_update__hide_last_seen
after update of show_last_seen on public.user_privacy_settings
for each row when (not new.show_last_seen and old.show_last_seen)
execute function app.hide_last_seen();

create or replace function public.who_is_online(p_users uuid[])
returns table (user_id uuid, status text, last_seen_at timestamptz)
language sql stable
security definer set search_path = ''  -- the last heartbeat is nobody's to read
as $$
  -- Two heartbeats missed are an absence, whoever has written that down or not.
  select p.user_id,
         case when h.is_there and h.at >= app.now() - interval '65 s' then p.status else 'offline' end,
         p.last_seen_at
    from public.user_presence p
    join app.heartbeats h on h.user_id = p.user_id
   where p.user_id = any (p_users[1:1000])
     and app.shows_presence_to_me(p.user_id)
   order by p.user_id
$$;
comment on function public.who_is_online(uuid[]) is
  'Takes up to 1000 people; gives those whom the caller may see, each with what holds now (online, away, busy, offline) and when they were last there, if they show that.';

create or replace function public.set_typing(p_conversation uuid, p_typing boolean default true, p_thread uuid default null)
returns void
language plpgsql
security definer set search_path = ''  -- typing is written, and told, by functions only
as $$
declare
  me uuid := app.me();
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;
  perform app.take('signal');
  -- Whoever may not be heard, or keeps it to themselves, is not told so.
  if not app.may_signal(p_conversation, 'broadcast') or app.post_refusal(p_conversation) is not null then
    return;
  end if;

  if p_typing then
    insert into public.typing_states as t (conversation_id, actor_id, thread_id, expires_at)
    values (p_conversation, me, p_thread, app.now() + interval '5 s')
    on conflict (conversation_id, actor_id) do update
       set thread_id = excluded.thread_id,
           expires_at = excluded.expires_at;
  else
    delete from public.typing_states t
     where t.conversation_id = p_conversation
       and t.actor_id = me;
  end if;
  perform realtime.send(jsonb_build_object('user_id', me, 'typing', p_typing, 'thread_id', p_thread),
                        'typing', 'conversation:' || p_conversation, true);
end
$$;
comment on function public.set_typing(uuid, boolean, uuid) is
  'Takes a conversation, whether the caller types and in which thread; tells those who listen on conversation:<id> by a typing broadcast, and those who come later by typing_states, for 5 seconds. Call it at most every 3 seconds. Errors: PT401 signed_out, PT404 not_member, PT429 rate_limited.';

create or replace function public.who_is_typing(p_conversation uuid)
returns table (user_id uuid, thread_id uuid, expires_at timestamptz)
language sql stable
as $$
  select t.actor_id, t.thread_id, t.expires_at
    from public.typing_states t
   where t.conversation_id = p_conversation
     and t.expires_at > app.now()
   order by t.actor_id
$$;
comment on function public.who_is_typing(uuid) is 'Takes a conversation; gives who is typing there at this moment. An outsider gets none.';
