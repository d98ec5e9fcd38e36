-- What is to be said later.

create or replace function app.speak_as(p_person uuid)
returns text
language plpgsql
security definer set search_path = ''  -- for functions that have asked whether they may
as $$
declare
  before text := coalesce(current_setting('request.jwt.claims', true), '');
begin
  perform set_config('request.jwt.claims', jsonb_build_object('sub', p_person, 'role', 'authenticated')::text, true);
  return before;
end
$$;
comment on function app.speak_as(uuid) is
  'Takes a person; until the transaction ends, or the claims that it gives are set again, every rule takes them for the one who asks. No API role may call it.';

-- It once knew no persona; with another signature it would stay beside the new one.
drop function if exists public.schedule_message(uuid, text, timestamptz);
create or replace function public.schedule_message(p_conversation uuid, p_body text, p_send_at timestamptz, p_as_persona uuid default null)
returns public.scheduled_messages
language plpgsql
security definer set search_path = ''  -- others' rights are asked again when it is sent
as $$
declare
  me uuid := app.me();
  refusal text;
  most integer := app.setting(app.my_org(), 'max_message_len')::int;
  made public.scheduled_messages;
begin
  if p_as_persona is not null then
    perform app.require_persona(p_conversation, p_as_persona);
  else
    refusal := app.post_refusal(p_conversation);
  end if;
  if refusal is not null then
    perform app.refuse(refusal, app.muted_until(p_conversation, refusal));
  elsif p_send_at is null or not p_send_at between app.now() and app.now() + interval '1 year' then
    perform app.refuse('bad_time');
  elsif coalesce(p_body, '') !~ '\S' then
    perform app.refuse('no_words');
  elsif char_length(p_body) > most then
    perform app.refuse('too_long', format('limit=%s', most));
  elsif (select count(*) from public.scheduled_messages s where s.sender_id = me and s.state = 'waiting') >= 100 then
    perform app.refuse('too_many', 'limit=100');
  end if;
  insert into public.scheduled_messages (conversation_id, sender_id, body, send_at, persona_id)
  values (p_conversation, me, p_body, p_send_at, p_as_persona)
  returning * into made;
  return made;
end
$$;
comment on function public.schedule_message(uuid, text, timestamptz, uuid) is
  'Takes a conversation, words, a time within a year and, from an admin, a persona; has them sent then, if the caller may speak there, or as that persona, then, and gives the row. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona, 42501 as send_message, PT422 bad_time, no_words, too_long or too_many.';

create or replace function public.cancel_scheduled_message(p_scheduled uuid)
returns public.scheduled_messages
language plpgsql
security definer set search_path = ''  -- state is nobody's to write directly
as $$
declare
  cancelled public.scheduled_messages;
begin
  update public.scheduled_messages s
     set state = 'cancelled'
   where s.id = p_scheduled
     and s.sender_id = app.me()
     and s.state in ('waiting', 'failed', 'cancelled')
  returning s.* into cancelled;
  if cancelled.id is null then
    perform app.refuse('no_such_message');
  end if;
  return cancelled;
end
$$;
comment on function public.cancel_scheduled_message(uuid) is
  'Takes one of the caller''s scheduled messages; it is never sent, and is given. Errors: PT401 signed_out, PT404 no_such_message also when it has been sent.';

create or replace function app.send_due_messages(p_limit integer default 100)
returns integer
language plpgsql
security definer set search_path = ''  -- sends for those who scheduled
as $$
declare
  due public.scheduled_messages;
  before text;
  sent uuid;
  why text;
  code text;
  sent_count integer := 0;
begin
  for due in
    select s.*
      from public.scheduled_messages s
     where s.state = 'waiting'
       and s.send_at <= app.now()
     order by s.send_at, s.id
     limit p_limit
       for update skip locked
  loop
    before := app.speak_as(due.sender_id);
    begin
      if due.persona_id is null then
        insert into public.messages (conversation_id, body, client_id)
        values (due.conversation_id, due.body, due.id)
        returning id into sent;
      else
        sent := (public.send_as_persona(due.conversation_id, due.persona_id, due.body, due.id)).id;
      end if;
      update public.scheduled_messages s set state = 'sent', message_id = sent where s.id = due.id;
      sent_count := sent_count + 1;
    exception when others then
      get stacked diagnostics why = pg_exception_hint, code = returned_sqlstate;
      -- Whoever is too fast is sent with the next ones.
      -- So is whoever only had bad luck: a deadlock, a lock, a shutdown.
      if coalesce(why, '') not in ('slow_mode', 'rate_limited', 'persona_taken') and code !~ '^(40|55|57)' then
        update public.scheduled_messages s set state = 'failed', error = coalesce(nullif(why, ''), code) where s.id = due.id;
      end if;
    end;
    perform set_config('request.jwt.claims', before, true);
  end loop;
  return sent_count;
end
$$;
comment on function app.send_due_messages(integer) is
  'Takes how many at most; sends what is due as those who scheduled it, each once however many call this at the same time, and gives how many were sent. For a job that runs every few seconds.';

create or replace function app.send_what_is_due()
returns void
language sql
security definer set search_path = ''  -- as send_due_messages
as $$
  select app.send_due_messages()
$$;
comment on function app.send_what_is_due() is 'Sends what is due. For a schedule.';
select walkie.schedule('send scheduled messages', 'app.send_what_is_due', interval '2 seconds');
