-- Speaking as a persona: one admin at a time, and always on record.

create or replace function app.require_persona(p_conversation uuid, p_persona uuid)
returns void
language plpgsql stable
security definer set search_path = ''  -- looks into memberships that admins need not be in
as $$
begin
  perform app.require_admin();
  if not exists (select
                   from public.conversation_members m
                   join public.profiles p on p.id = m.member_id
                  where m.conversation_id = p_conversation
                    and m.member_id = p_persona
                    and m.left_at is null
                    and p.kind = 'persona'
                    and p.org_id = app.my_org()
                    and p.deactivated_at is null
                    and p.erased_at is null) then
    perform app.refuse('no_such_persona');
  end if;
end
$$;
comment on function app.require_persona(uuid, uuid) is
  'Takes a conversation and a persona; returns if the person asking may speak as that persona there. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona.';

create or replace function public.take_persona(p_conversation uuid, p_persona uuid, p_ttl_s integer default 120, p_force boolean default false)
returns public.persona_leases
language plpgsql
security definer set search_path = ''  -- leases are nobody's to write directly
as $$
declare
  me uuid := app.me();
  before public.persona_leases;
  taken public.persona_leases;
begin
  perform app.require_persona(p_conversation, p_persona);
  insert into public.persona_leases as lease (conversation_id, persona_id, org_id, admin_id, expires_at)
  values (p_conversation, p_persona, app.my_org(), me, app.now())
  on conflict do nothing;
  select l.* into before
    from public.persona_leases l
   where l.conversation_id = p_conversation
     and l.persona_id = p_persona
     for update;
  if before.admin_id <> me and before.expires_at > app.now() then
    if not coalesce(p_force, false) then
      perform app.refuse('persona_taken', format('until=%s', before.expires_at));
    end if;
    perform app.audit('force_persona', 'persona_leases', p_persona::text,
                      jsonb_build_object('conversation_id', p_conversation, 'from', before.admin_id));
  end if;
  update public.persona_leases l
     set admin_id = me,
         -- Speaking never shortens what one has taken for longer.
         expires_at = greatest(case when l.admin_id = me then l.expires_at end,
                               app.now() + make_interval(secs => least(greatest(p_ttl_s, 10), 3600)))
   where l.conversation_id = p_conversation
     and l.persona_id = p_persona
  returning l.* into taken;
  return taken;
end
$$;
comment on function public.take_persona(uuid, uuid, integer, boolean) is
  'Takes a conversation, a persona in it, for how many seconds (10 to 3600) and whether to take it from another admin, which is put on record; keeps the others from speaking as it meanwhile, and gives the lease. For admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona, PT409 persona_taken.';

create or replace function public.release_persona(p_conversation uuid, p_persona uuid)
returns void
language sql
security definer set search_path = ''  -- as take_persona
as $$
  delete from public.persona_leases l
   where l.conversation_id = p_conversation
     and l.persona_id = p_persona
     and l.admin_id = app.me()
$$;
comment on function public.release_persona(uuid, uuid) is
  'Takes a conversation and a persona; the others may speak as it again, if it was the caller who kept it. Errors: PT401 signed_out.';

-- It once took no attachments; with another signature it would stay beside the new one.
drop function if exists public.send_as_persona(uuid, uuid, text, uuid, uuid, uuid);
create or replace function public.send_as_persona(
  p_conversation uuid,
  p_persona uuid,
  p_body text,
  p_client_id uuid default null,
  p_reply_to uuid default null,
  p_thread_id uuid default null,
  p_attachments jsonb default '[]'
)
returns public.messages
language plpgsql
security definer set search_path = ''  -- a persona has no account to speak by itself
as $$
declare
  me uuid := app.me();
  org uuid := app.my_org();
  before text;
  sent public.messages;
begin
  perform public.take_persona(p_conversation, p_persona);
  -- From here on every rule asks about the persona: what it is in the conversation, whether it is muted, how fast it goes.
  before := app.speak_as(p_persona);
  insert into public.messages (conversation_id, body, client_id, reply_to_id, thread_id, attachments)
  values (p_conversation, p_body, p_client_id, p_reply_to, p_thread_id, coalesce(p_attachments, '[]'))
  on conflict (conversation_id, sender_id, client_id) do nothing
  returning * into sent;
  perform set_config('request.jwt.claims', before, true);

  if sent.id is null then
    select m.* into sent
      from public.messages m
     where m.conversation_id = p_conversation
       and m.sender_id = p_persona
       and m.client_id = p_client_id;
    return sent;
  end if;
  insert into public.message_private (conversation_id, message_id, org_id, real_sender_id)
  values (sent.conversation_id, sent.id, org, me);
  perform app.audit('send_as_persona', 'messages', sent.id::text,
                    jsonb_build_object('conversation_id', p_conversation, 'persona_id', p_persona));
  return sent;
end
$$;
comment on function public.send_as_persona(uuid, uuid, text, uuid, uuid, uuid, jsonb) is
  'Takes a conversation, a persona in it, the words, the sender''s own id for the message, the message quoted, the thread and the persona''s files to show as send_message does; says it as the persona, keeps the persona for two minutes and gives the message. Who really said it is on record, for admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona, PT409 persona_taken, and those of send_message as they hold for the persona.';

create or replace function public.request_upload_as_persona(
  p_conversation uuid,
  p_persona uuid,
  p_name text,
  p_size bigint,
  p_mime text default null
)
returns jsonb
language plpgsql
security definer set search_path = ''  -- a persona has no account to upload by itself
as $$
declare
  me uuid := app.me();
  before text;
  asked jsonb;
begin
  perform public.take_persona(p_conversation, p_persona);
  before := app.speak_as(p_persona);
  asked := public.request_upload(p_conversation, p_name, p_size, p_mime);
  perform set_config('request.jwt.claims', before, true);
  update app.file_uploads u set brought_by = me where u.id = (asked ->> 'upload_id')::uuid;
  return asked;
end
$$;
comment on function public.request_upload_as_persona(uuid, uuid, text, bigint, text) is
  'Takes a conversation, a persona in it, a file''s name, its size in bytes and its type; gives what request_upload gives: the caller uploads, the file is the persona''s, and send_as_persona shows it. For admins. Errors: those of take_persona, and of request_upload as they hold for the persona.';

create or replace trigger on_message_private_change__refuse
before update or delete on public.message_private
for each row execute function app.keep_record();
create or replace trigger on_message_private_truncate__refuse
before truncate on public.message_private
for each statement execute function app.keep_record();

create or replace function public.get_persona_conversations(p_limit integer default 50, p_waiting boolean default false)
returns table (
  id uuid,
  kind text,
  title text,
  client_id uuid,
  client_name text,
  last_preview text,
  last_message_at timestamptz,
  waiting_since timestamptz,
  persona_id uuid,
  admin_id uuid,
  admin_name text
)
language plpgsql stable
security definer set search_path = ''  -- admins need not be in what they look after
as $$
declare
  org uuid := app.my_org();
begin
  perform app.require_admin();
  return query
  select c.id,
         c.kind,
         coalesce(c.title, client.display_name),
         client.id,
         client.display_name,
         case when org in (select app.my_overseen_orgs()) then c.last_preview end,
         c.last_message_at,
         unanswered.since,
         held.persona_id,
         held.admin_id,
         admin.display_name
    from (select distinct m.conversation_id
            from public.profiles p
            join public.conversation_members m on m.member_id = p.id
           where p.org_id = org
             and p.kind = 'persona'
             and m.left_at is null) ours
    join public.conversations c on c.id = ours.conversation_id and c.kind in ('persona_group', 'persona_dm', 'dm')
    left join lateral (
      select p.id, p.display_name
        from public.conversation_members m
        join public.profiles p on p.id = m.member_id
       where m.conversation_id = c.id
         and m.left_at is null
         and p.kind = 'human'
       order by (p.id = c.created_for) desc nulls last, m.joined_at, p.id
       limit 1
    ) client on true
    left join lateral (
      select coalesce(max(m.seq), 0) as seq
        from (select x.seq
                from public.messages x
                join public.profiles p on p.id = x.sender_id
               where x.conversation_id = c.id
                 and p.kind = 'persona'
                 and x.visibility = 'normal'
               order by x.seq desc
               limit 1) m
    ) answered on true
    left join lateral (
      select m.created_at as since
        from public.messages m
        join public.profiles p on p.id = m.sender_id
       where m.conversation_id = c.id
         and m.seq > answered.seq
         and m.visibility = 'normal'
         and m.message_type <> 'system'
         and m.deleted_at is null
         and p.kind = 'human'
       order by m.seq
       limit 1
    ) unanswered on true
    left join lateral (
      select l.persona_id, l.admin_id
        from public.persona_leases l
       where l.conversation_id = c.id
         and l.expires_at > app.now()
       order by l.expires_at desc
       limit 1
    ) held on true
    left join public.profiles admin on admin.id = held.admin_id
   where not p_waiting
      or unanswered.since is not null
   order by unanswered.since nulls last, c.last_message_at desc nulls last, c.id
   limit least(greatest(p_limit, 0), 200);
end
$$;
comment on function public.get_persona_conversations(integer, boolean) is
  'Takes how many (at most 200) and whether only those that wait; gives the conversations that personas are in, those that have waited longest for an answer first: the person there, since when what they say is unanswered, and which admin keeps which persona. For admins. Errors: PT401 signed_out, PT403 not_admin.';
