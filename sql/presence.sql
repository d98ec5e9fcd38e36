-- Who is there, and who types.

create or replace function app.shows_presence_to_me(p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- memberships and settings are under policies
as $$
  select p_user = (select auth.uid())
      or exists (
           select
             from public.conversation_members theirs
             join public.conversation_members mine on mine.conversation_id = theirs.conversation_id
            where theirs.member_id = p_user
              and theirs.left_at is null
              and mine.member_id = (select auth.uid())
              and mine.left_at is null)
         and not exists (
           select
             from public.user_privacy_settings s
            where s.user_id = p_user
              and not s.show_presence)
$$;
comment on function app.shows_presence_to_me(uuid) is
  'Takes a person; tells whether the person asking may know if they are there: who shares a conversation with them, unless they keep it to themselves.';

create or replace function app.live_status(p_status text, p_manual text, p_last_seen timestamptz)
returns text
language sql stable
set search_path = ''
as $$
  -- Two heartbeats missed are an absence, whoever has written that down or not.
  select case when p_status = 'offline' or p_last_seen is null or p_last_seen < app.now() - interval '65 s' then 'offline'
              else coalesce(p_manual, p_status) end
$$;
comment on function app.live_status(text, text, timestamptz) is
  'Takes a status, the one chosen by hand and the last heartbeat; gives what holds now.';

create or replace function public.heartbeat(p_status text default 'online', p_active boolean default true)
returns text
language plpgsql
security definer set search_path = ''  -- marks the absent, and presence is written by functions only
as $$
declare
  me uuid := app.me();
  now_ text;
begin
  if p_status is null or p_status not in ('online', 'away', 'busy', 'offline') then
    perform app.refuse('bad_status');
  end if;
  perform app.take('signal');

  -- Written only when something is new, or the last word is half a minute old: it all goes to the log.
  insert into public.user_presence as p (user_id, status, last_seen_at, last_active_at)
  values (me, p_status, app.now(), case when p_active then app.now() end)
  on conflict (user_id) do update
     set status = excluded.status,
         last_seen_at = excluded.last_seen_at,
         last_active_at = coalesce(excluded.last_active_at, p.last_active_at)
   where p.status <> excluded.status
      or p.last_seen_at is null
      or p.last_seen_at < excluded.last_seen_at - interval '25 s';

  -- Everybody who is there looks after a few who are gone, so that their rows say so without a clock.
  update public.user_presence p
     set status = 'offline'
   where p.user_id in (select gone.user_id
                         from public.user_presence gone
                        where gone.status <> 'offline'
                          and gone.last_seen_at < app.now() - interval '65 s'
                        order by gone.last_seen_at
                        limit 20
                          for update skip locked);

  select app.live_status(p.status, p.manual_status, p.last_seen_at) into now_
    from public.user_presence p
   where p.user_id = me;
  return now_;
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
    insert into public.user_presence as p (user_id, status, last_seen_at)
    select who.id, 'online', app.now()
      from public.profiles who
     where who.id = new.user_id
    on conflict (user_id) do update
       set status = 'online',
           last_seen_at = excluded.last_seen_at
     where p.status <> 'online'
        or p.last_seen_at is null
        or p.last_seen_at < excluded.last_seen_at - interval '25 s';
  else
    update public.user_presence p
       set status = 'offline'
     where p.user_id = old.user_id
       and p.status <> 'offline'
       and not exists (select from auth.sessions other where other.user_id = old.user_id);
  end if;
  return null;
end
$$;
comment on function app.follow_sessions() is
  'Trigger: whoever signs in is there, and whoever signed out on their last device is not.';

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
  insert into public.user_presence as p (user_id, status, manual_status, last_seen_at)
  values (me, coalesce(p_status, 'online'), p_status, app.now())
  on conflict (user_id) do update
     set manual_status = excluded.manual_status,
         last_seen_at = excluded.last_seen_at;
  return coalesce(p_status, 'online');
end
$$;
comment on function public.set_status(text, text, text, timestamptz) is
  'Takes online, away, busy or offline to stay so whatever the devices say, or null to follow them; words, an emoji and until when they hold, for the profile. Errors: PT401 signed_out, PT422 bad_status, 23514 for long words.';

create or replace function public.who_is_online(p_users uuid[])
returns table (user_id uuid, status text, last_seen_at timestamptz)
language sql stable
security definer set search_path = ''  -- last_seen_at is shown or not by its owner
as $$
  select p.user_id,
         app.live_status(p.status, p.manual_status, p.last_seen_at),
         case when coalesce((select s.show_last_seen from public.user_privacy_settings s where s.user_id = p.user_id), true)
              then p.last_seen_at end
    from public.user_presence p
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
    values (p_conversation, me, p_thread, app.now() + interval '6 s')
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
  'Takes a conversation, whether the caller types and in which thread; tells those who listen on conversation:<id> by a typing broadcast, and those who come later by typing_states, for 6 seconds. Call it at most every 3 seconds. Errors: PT401 signed_out, PT404 not_member, PT429 rate_limited.';

create or replace function public.who_is_typing(p_conversation uuid)
returns table (user_id uuid, thread_id uuid, expires_at timestamptz)
language sql stable
as $$
  select t.actor_id, t.thread_id, t.expires_at
    from public.typing_states t
   where t.conversation_id = p_conversation
     and t.expires_at > now()
   order by t.actor_id
$$;
comment on function public.who_is_typing(uuid) is 'Takes a conversation; gives who is typing there at this moment. An outsider gets none.';
