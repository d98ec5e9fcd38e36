-- Meetings of a conversation.

create or replace function app.card(p_meeting public.meetings)
returns jsonb
language sql immutable
set search_path = ''
as $$
  select jsonb_build_object('kind', 'meeting', 'meeting_id', p_meeting.id, 'title', p_meeting.title, 'provider', p_meeting.provider,
                            'join_url', p_meeting.join_url, 'starts_at', p_meeting.starts_at, 'ends_at', p_meeting.ends_at,
                            'timezone', p_meeting.timezone, 'state', p_meeting.state)
$$;
comment on function app.card(public.meetings) is 'Takes a meeting; gives what its card says, for programs.';

create or replace function app.require_meeting_time(p_starts timestamptz, p_ends timestamptz, p_timezone text)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  perform p_starts at time zone p_timezone;
  if p_starts is null or p_ends is null or p_timezone is null
     or p_ends <= p_starts or p_ends > p_starts + interval '7 days'
     or p_ends <= app.now() or p_starts > app.now() + interval '5 years' then
    perform app.refuse('bad_time');
  end if;
exception when invalid_parameter_value or datetime_field_overflow then
  perform app.refuse('bad_time', 'timezone');
end
$$;
comment on function app.require_meeting_time(timestamptz, timestamptz, text) is
  'Takes when a meeting starts and ends, and a time zone; returns if it ends after it starts, within seven days, is not over, begins within five years, and the zone exists. Errors: PT422 bad_time.';

create or replace function public.schedule_meeting(
  p_conversation uuid,
  p_title text,
  p_provider text,
  p_url text,
  p_starts timestamptz,
  p_ends timestamptz,
  p_tz text default 'UTC',
  p_participants uuid[] default null,
  p_reminders integer[] default '{10}'
)
returns public.meetings
language plpgsql
security definer set search_path = ''  -- writes the card, and rows of others
as $$
declare
  me uuid := app.me();
  new_id uuid := base.uuid7();
  guests uuid[];
  card public.messages;
  made public.meetings;
begin
  perform app.require_meeting_time(p_starts, p_ends, p_tz);
  if cardinality(p_reminders) > 5 or exists (select from unnest(p_reminders) r where r is null or not r between 0 and 10080) then
    perform app.refuse('bad_reminder');
  end if;
  -- Whoever may not speak is told so by the card; whoever is outside must learn nothing of who is in.
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;
  select array_agg(m.member_id order by m.member_id) into guests
    from public.conversation_members m
   where m.conversation_id = p_conversation
     and m.left_at is null
     and (p_participants is null or m.member_id = any (p_participants) or m.member_id = me);
  if exists (select from unnest(p_participants) asked where asked is null or asked <> all (guests)) then
    perform app.refuse('no_such_member');
  elsif cardinality(guests) > 500 then
    perform app.refuse('too_many', 'limit=500');
  end if;

  insert into public.messages (conversation_id, message_type, body, event)
  values (p_conversation, 'meeting', 'Meeting: ' || p_title, '{}')
  returning * into card;
  -- Of a card that nobody else sees nobody else is told.
  if card.visibility <> 'normal' then
    guests := array[me];
  end if;
  begin
    insert into public.meetings (id, conversation_id, message_id, chapter, visibility, organizer_id, title,
                                 provider, join_url, starts_at, ends_at, timezone)
    values (new_id, p_conversation, card.id, card.chapter, card.visibility, me, p_title, p_provider, p_url, p_starts, p_ends, p_tz)
    returning * into made;
  exception when check_violation or not_null_violation then
    perform app.refuse('bad_link');
  end;
  update public.messages m
     set event = app.card(made)
   where m.conversation_id = p_conversation
     and m.id = card.id;

  insert into public.meeting_participants (meeting_id, user_id, conversation_id, chapter, response)
  select new_id, guest, p_conversation, card.chapter, case when guest = me then 'yes' else 'invited' end
    from unnest(guests) guest;
  insert into public.meeting_reminders (meeting_id, user_id, minutes_before, due_at)
  select distinct new_id, guest, r, p_starts - make_interval(mins => r)
    from unnest(guests) guest, unnest(p_reminders) r;
  return made;
end
$$;
comment on function public.schedule_meeting(uuid, text, text, text, timestamptz, timestamptz, text, uuid[], integer[]) is
  'Takes a conversation, a title, meet, zoom, teams or other, an https link of that provider, start, end, a time zone, the members asked (all, up to 500, unless given) and up to five reminders in minutes before; puts a card into the conversation and gives the meeting. Errors: PT401 signed_out, 42501 as send_message, PT404 not_member or no_such_member, PT422 bad_time, bad_link, bad_reminder or too_many.';

create or replace function app.own_meeting(p_meeting uuid)
returns public.meetings
language plpgsql
security definer set search_path = ''  -- locks what it gives
as $$
declare
  found_ public.meetings;
begin
  select m.* into found_
    from public.meetings m
   where m.id = p_meeting
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.organizer_id)
     for no key update;
  if found_.id is null or found_.state = 'cancelled' then
    perform app.refuse('no_such_meeting');
  elsif found_.organizer_id <> app.me() then
    perform app.refuse('not_organizer');
  end if;
  return found_;
end
$$;
comment on function app.own_meeting(uuid) is
  'Takes a meeting; locks and gives it if the person asking called it and it is to take place. Errors: PT401 signed_out, PT403 not_organizer, PT404 no_such_meeting.';

create or replace function public.reschedule_meeting(p_meeting uuid, p_starts timestamptz, p_ends timestamptz, p_url text default null)
returns public.meetings
language plpgsql
security definer set search_path = ''  -- moves what is others'
as $$
declare
  moved public.meetings := app.own_meeting(p_meeting);
begin
  perform app.require_meeting_time(p_starts, p_ends, moved.timezone);
  begin
    update public.meetings m
       set starts_at = p_starts,
           ends_at = p_ends,
           join_url = coalesce(p_url, m.join_url),
           sequence = m.sequence + 1
     where m.id = p_meeting
    returning m.* into moved;
  exception when check_violation then
    perform app.refuse('bad_link');
  end;
  update public.meeting_reminders r
     set due_at = p_starts - make_interval(mins => r.minutes_before),
         sent_at = case when p_starts - make_interval(mins => r.minutes_before) > app.now() then null else r.sent_at end
   where r.meeting_id = p_meeting;
  update public.messages m
     set event = app.card(moved)
   where m.conversation_id = moved.conversation_id
     and m.id = moved.message_id
     and m.deleted_at is null;
  return moved;
end
$$;
comment on function public.reschedule_meeting(uuid, timestamptz, timestamptz, text) is
  'Takes one of the caller''s meetings, its new start and end and, if it changes, its link; moves it with its reminders and card, and gives it. Errors: PT401 signed_out, PT403 not_organizer, PT404 no_such_meeting, PT422 bad_time or bad_link.';

create or replace function public.cancel_meeting(p_meeting uuid)
returns public.meetings
language plpgsql
security definer set search_path = ''  -- as reschedule_meeting
as $$
declare
  cancelled public.meetings := app.own_meeting(p_meeting);
begin
  update public.meetings m
     set state = 'cancelled',
         sequence = m.sequence + 1
   where m.id = p_meeting
  returning m.* into cancelled;
  delete from public.meeting_reminders r
   where r.meeting_id = p_meeting
     and r.sent_at is null;
  update public.messages m
     set event = app.card(cancelled)
   where m.conversation_id = cancelled.conversation_id
     and m.id = cancelled.message_id
     and m.deleted_at is null;
  return cancelled;
end
$$;
comment on function public.cancel_meeting(uuid) is
  'Takes one of the caller''s meetings; it does not take place, nobody is reminded, the card says so, and it is given. Errors: PT401 signed_out, PT403 not_organizer, PT404 no_such_meeting.';

create or replace function public.respond_meeting(p_meeting uuid, p_response text)
returns public.meeting_participants
language plpgsql
as $$
declare
  answered public.meeting_participants;
begin
  if p_response is null or p_response not in ('yes', 'no', 'maybe') then
    perform app.refuse('bad_response');
  end if;
  update public.meeting_participants p
     set response = p_response
   where p.meeting_id = p_meeting
     and p.user_id = (select auth.uid())
  returning p.* into answered;
  if answered.user_id is null then
    perform app.refuse('no_such_meeting');
  end if;
  return answered;
end
$$;
comment on function public.respond_meeting(uuid, text) is
  'Takes a meeting that the caller is asked to and yes, no or maybe; gives the answer as noted. Errors: PT404 no_such_meeting, PT422 bad_response.';

create or replace function public.list_meetings(p_when text default 'upcoming', p_limit integer default 50, p_offset integer default 0)
returns table (
  id uuid,
  conversation_id uuid,
  message_id uuid,
  organizer_id uuid,
  title text,
  provider text,
  join_url text,
  starts_at timestamptz,
  ends_at timestamptz,
  timezone text,
  state text,
  response text
)
language plpgsql stable
security definer set search_path = ''  -- asks the time that tests can move
as $$
begin
  if p_when is null or p_when not in ('upcoming', 'past') then
    perform app.refuse('bad_filter');
  end if;
  return query
    select m.id, m.conversation_id, m.message_id, m.organizer_id, m.title, m.provider, m.join_url,
           m.starts_at, m.ends_at, m.timezone, m.state, p.response
      from public.meeting_participants p
      join public.meetings m on m.id = p.meeting_id
     where p.user_id = (select auth.uid())
       and app.can_read(m.conversation_id, m.chapter, m.visibility, m.organizer_id)
       and (p_when = 'upcoming') = (m.ends_at > app.now() and m.state = 'scheduled')
     order by case when p_when = 'upcoming' then m.starts_at end, m.starts_at desc, m.id
     limit least(greatest(p_limit, 0), 200)
    offset greatest(p_offset, 0);
end
$$;
comment on function public.list_meetings(text, integer, integer) is
  'Takes upcoming or past, how many (at most 200) and how many to pass over; gives the meetings the caller is asked to, the next or the latest first, with their answer. Cancelled ones are past. Errors: PT422 bad_filter.';

create or replace function app.ics_line(p_name text, p_value text)
returns text
language sql immutable
set search_path = ''
as $$
  -- A line has at most 75 octets, and what goes on begins with a space.
  select regexp_replace(line.whole, format('(.{%s})(?=.)', case when octet_length(line.whole) = char_length(line.whole) then 73 else 18 end),
                        E'\\1\r\n ', 'g') || E'\r\n'
    from (select p_name || ':' || regexp_replace(regexp_replace(p_value, '([\\;,])', '\\\1', 'g'), '[\r\n]+', '\\n', 'g') as whole) line
$$;
comment on function app.ics_line(text, text) is 'Takes a property and its text; gives the line of a calendar file, escaped and folded.';

create or replace function public.meeting_ics(p_meeting uuid)
returns text
language plpgsql stable
security definer set search_path = ''  -- writes with what is not for clients
as $$
declare
  meeting public.meetings;
begin
  select m.* into meeting
    from public.meetings m
   where m.id = p_meeting
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.organizer_id);
  if meeting.id is null then
    perform app.refuse('no_such_meeting');
  end if;
  return E'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Walkie//Meetings//EN\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\n'
      || app.ics_line('UID', meeting.id::text)
      || app.ics_line('DTSTAMP', to_char(meeting.created_at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"'))
      || app.ics_line('DTSTART', to_char(meeting.starts_at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"'))
      || app.ics_line('DTEND', to_char(meeting.ends_at at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"'))
      || app.ics_line('SEQUENCE', meeting.sequence::text)
      || app.ics_line('STATUS', case meeting.state when 'cancelled' then 'CANCELLED' else 'CONFIRMED' end)
      || app.ics_line('SUMMARY', meeting.title)
      || app.ics_line('LOCATION', meeting.join_url)
      || E'END:VEVENT\r\nEND:VCALENDAR\r\n';
end
$$;
comment on function public.meeting_ics(uuid) is
  'Takes a meeting that the caller can see; gives it as a calendar file. Errors: PT404 no_such_meeting.';

create or replace function app.due_reminders(p_limit integer default 500)
returns table (
  meeting_id uuid,
  user_id uuid,
  minutes_before integer,
  conversation_id uuid,
  title text,
  starts_at timestamptz,
  join_url text
)
language sql
security definer set search_path = ''  -- reminders of everybody
as $$
  with due as (
    select r.meeting_id, r.user_id, r.minutes_before
      from public.meeting_reminders r
     where r.sent_at is null
       and r.due_at <= app.now()
     order by r.due_at
     limit p_limit
       for update skip locked
  ),
  claimed as (
    update public.meeting_reminders r
       set sent_at = app.now()
      from due
     where r.meeting_id = due.meeting_id
       and r.user_id = due.user_id
       and r.minutes_before = due.minutes_before
    returning r.meeting_id, r.user_id, r.minutes_before
  )
  select m.id, claimed.user_id, claimed.minutes_before, m.conversation_id, m.title, m.starts_at, m.join_url
    from claimed
    join public.meetings m on m.id = claimed.meeting_id
    join public.meeting_participants p on p.meeting_id = claimed.meeting_id and p.user_id = claimed.user_id
   where m.state = 'scheduled'
     and m.ends_at > app.now()
     and p.response <> 'no'
     and app.role_in(m.conversation_id, claimed.user_id) is not null
$$;
comment on function app.due_reminders(integer) is
  'Takes how many at most; gives whom to remind of what now and marks that as done, so that of several callers one alone gets each. Whoever said no, has left, or would be told when all is over, is passed over. For a job, which tells them in the same transaction.';
