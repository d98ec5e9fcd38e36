SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA app;

COMMENT ON SCHEMA app IS 'Rules, triggers and records behind public; not served to clients.';

CREATE SCHEMA auth;

COMMENT ON SCHEMA auth IS 'Accounts, sessions and the functions that tell a policy who is asking.';

CREATE SCHEMA base;

COMMENT ON SCHEMA base IS 'Functions that defaults and indexes rely on; made by migrations, never restated.';

CREATE SCHEMA extensions;

COMMENT ON SCHEMA extensions IS 'Extensions that people''s own SQL expects, kept out of public.';

COMMENT ON SCHEMA public IS 'What clients see: tables, views and the functions they may call.';

CREATE SCHEMA realtime;

COMMENT ON SCHEMA realtime IS 'Where policies say who may use a private channel.';

CREATE SCHEMA storage;

COMMENT ON SCHEMA storage IS 'Files: policies on storage.objects say who may do what with them.';

CREATE SCHEMA walkie;

COMMENT ON SCHEMA walkie IS 'What the walkie binary has installed here';

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA extensions;

COMMENT ON EXTENSION vector IS 'vector data type and ivfflat and hnsw access methods';

CREATE TYPE app.verdict AS (
	allowed boolean,
	code text,
	reasons jsonb
);

COMMENT ON TYPE app.verdict IS 'A rule''s answer: whether, the machine word of the first refusal, and every check made in order.';

CREATE TYPE auth.aal_level AS ENUM (
    'aal1',
    'aal2',
    'aal3'
);

CREATE TYPE auth.code_challenge_method AS ENUM (
    's256',
    'plain'
);

CREATE TYPE auth.factor_status AS ENUM (
    'unverified',
    'verified'
);

CREATE TYPE auth.factor_type AS ENUM (
    'totp',
    'webauthn',
    'phone',
    'recovery_code'
);

CREATE TYPE auth.oauth_authorization_status AS ENUM (
    'pending',
    'approved',
    'denied',
    'expired'
);

CREATE TYPE auth.oauth_client_type AS ENUM (
    'public',
    'confidential'
);

CREATE TYPE auth.oauth_registration_type AS ENUM (
    'dynamic',
    'manual'
);

CREATE TYPE auth.oauth_response_type AS ENUM (
    'code'
);

CREATE TYPE auth.one_time_token_type AS ENUM (
    'confirmation_token',
    'reauthentication_token',
    'recovery_token',
    'email_change_token_new',
    'email_change_token_current',
    'phone_change_token'
);

CREATE TYPE storage.buckettype AS ENUM (
    'STANDARD',
    'ANALYTICS',
    'VECTOR'
);

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.conversation_members (
    conversation_id uuid NOT NULL,
    member_id uuid NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    joined_chapter integer DEFAULT 0 NOT NULL,
    last_read_seq bigint DEFAULT 0 NOT NULL,
    last_read_ord bigint DEFAULT 0 NOT NULL,
    joined_at timestamp with time zone DEFAULT now() NOT NULL,
    left_at timestamp with time zone,
    removed_by uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_delivered_seq bigint DEFAULT 0 NOT NULL,
    CONSTRAINT conversation_members_removed_has_left CHECK (((removed_by IS NULL) OR (left_at IS NOT NULL))),
    CONSTRAINT conversation_members_role_known CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'moderator'::text, 'member'::text, 'guest'::text, 'observer'::text])))
)
WITH (fillfactor='80');

ALTER TABLE ONLY public.conversation_members REPLICA IDENTITY FULL;

COMMENT ON TABLE public.conversation_members IS 'Who is in which conversation, and how far each has read.';

COMMENT ON COLUMN public.conversation_members.joined_chapter IS 'The first chapter of the conversation that this member may read.';

COMMENT ON COLUMN public.conversation_members.last_read_seq IS 'How far the others are told that this member has read; rises only. The member''s own pointer is in inbox.';

COMMENT ON COLUMN public.conversation_members.last_read_ord IS 'ord of that message: unread is root_count minus this.';

COMMENT ON COLUMN public.conversation_members.left_at IS 'When the member left or was removed; the row stays so that they can be named, and find their place again.';

COMMENT ON COLUMN public.conversation_members.removed_by IS 'Who removed the member; null when they left themselves.';

COMMENT ON COLUMN public.conversation_members.last_delivered_seq IS 'The newest message that reached one of this member''s devices; rises only.';

CREATE FUNCTION app.admit(p_conversation uuid, p_members uuid[], p_role text, p_from_the_start boolean) RETURNS SETOF public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.admit(p_conversation uuid, p_members uuid[], p_role text, p_from_the_start boolean) IS 'Takes a conversation, people, their role and whether newcomers may read what was said before; gives the memberships that are new or live again.';

CREATE FUNCTION app.appoint_overseers() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  changed uuid[];
begin
  if tg_table_name = 'orgs' then
    changed := array[new.id];
  elsif tg_op = 'DELETE' then
    changed := array[old.org_id];
  else
    changed := array[new.org_id];
  end if;
  delete from app.overseers o
   where o.org_id = any (changed)
     and not exists (select
                       from public.org_members m
                      where m.org_id = o.org_id
                        and m.user_id = o.user_id
                        and m.role in ('admin', 'superadmin')
                        and m.suspended_at is null
                        and app.setting(m.org_id, 'oversight_mode') = '"open"');
  insert into app.overseers (org_id, user_id)
  select m.org_id, m.user_id
    from public.org_members m
   where m.org_id = any (changed)
     and m.role in ('admin', 'superadmin')
     and m.suspended_at is null
     and app.setting(m.org_id, 'oversight_mode') = '"open"'
  on conflict do nothing;
  return null;
end
$$;

COMMENT ON FUNCTION app.appoint_overseers() IS 'Trigger: where an organisation''s oversight is open, exactly its admins are overseers.';

CREATE FUNCTION app.archive_instead() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if auth.uid() is null then
    return old;
  end if;
  update public.conversations c
     set archived_at = coalesce(c.archived_at, app.now())
   where c.id = old.id;
  return null;
end
$$;

COMMENT ON FUNCTION app.archive_instead() IS 'Trigger: a conversation that its owner deletes is put away for all; its words stay. Only the service deletes for good.';

CREATE FUNCTION app.ask_for_embeddings() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  latest text := walkie.offered('embedding_model');
  asked jsonb;
begin
  if latest is null then
    return;
  end if;
  if latest is distinct from (select k.name from app.embedding_model k) then
    -- All of it once: vectors of different models cannot be compared.
    delete from public.message_embeddings e where e.model <> latest;
    insert into app.embedding_queue (conversation_id, message_id)
    select w.conversation_id, w.message_id
      from app.message_words w
     where not exists (select
                         from public.message_embeddings e
                        where e.conversation_id = w.conversation_id
                          and e.message_id = w.message_id)
    on conflict do nothing;
    insert into app.embedding_model (name) values (latest)
    on conflict (is_only) do update set name = excluded.name;
  end if;

  -- A few batches at a time, so that what a job holds of people's words is little and short-lived.
  for batch in 1 .. 4 loop
    with taken as (
      delete from app.embedding_queue q
       using (select w.conversation_id, w.message_id
                from app.embedding_queue w
               limit 16
                 for update skip locked) next_
       where q.conversation_id = next_.conversation_id
         and q.message_id = next_.message_id
      returning q.conversation_id, q.message_id
    )
    select jsonb_build_object('keys', jsonb_agg(jsonb_build_array(m.conversation_id, m.id) order by m.id),
                              'texts', jsonb_agg(left(m.body, 8000) order by m.id))
      into asked
      from taken
      join public.messages m on m.conversation_id = taken.conversation_id and m.id = taken.message_id
     where m.body is not null;
    exit when asked ->> 'keys' is null;
    perform walkie.enqueue_question('embed', asked, 'app.keep_embeddings');
  end loop;
end
$$;

COMMENT ON FUNCTION app.ask_for_embeddings() IS 'Has up to 64 messages asked for that have no vector yet; all of them anew when servers have another model. For a schedule.';

CREATE FUNCTION app.attach_invites(p_email text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  update public.conversation_invites i
     set invitee_id = u.id
    from auth.users u
    join public.profiles p on p.id = u.id
   where i.email = lower(p_email)
     and i.invitee_id is null
     and i.state = 'pending'
     and i.expires_at > app.now()
     and u.email = lower(p_email)
     and u.email_confirmed_at is not null
     and u.id <> i.invited_by
     and (app.can_message(i.invited_by, u.id)).allowed
     and not exists (select
                       from public.conversation_invites other
                      where other.conversation_id = i.conversation_id
                        and other.invitee_id = u.id
                        and other.state = 'pending')
$$;

COMMENT ON FUNCTION app.attach_invites(p_email text) IS 'Takes an address; open invitations that were sent there become those of the person whose it is, if it is confirmed and the rules let the two write to each other.';

CREATE TABLE public.file_versions (
    file_id uuid NOT NULL,
    version integer NOT NULL,
    conversation_id uuid NOT NULL,
    org_id uuid NOT NULL,
    chapter integer NOT NULL,
    visibility text DEFAULT 'normal'::text NOT NULL,
    upload_id uuid NOT NULL,
    object_path text NOT NULL,
    object_version uuid,
    name text NOT NULL,
    size_bytes bigint NOT NULL,
    mime_type text NOT NULL,
    sha256 text,
    uploaded_by uuid NOT NULL,
    restored_from integer,
    note text,
    scan_status text DEFAULT 'pending'::text NOT NULL,
    scan_engine text,
    scanned_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    width integer,
    height integer,
    duration_ms integer,
    is_raw boolean DEFAULT false NOT NULL,
    CONSTRAINT file_versions_from_one CHECK ((version >= 1)),
    CONSTRAINT file_versions_note_fits CHECK ((char_length(note) <= 1000)),
    CONSTRAINT file_versions_scan_status_known CHECK ((scan_status = ANY (ARRAY['pending'::text, 'clean'::text, 'infected'::text, 'failed'::text, 'skipped'::text]))),
    CONSTRAINT file_versions_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text])))
);

ALTER TABLE ONLY public.file_versions REPLICA IDENTITY FULL;

COMMENT ON TABLE public.file_versions IS 'What a file held, upload after upload; numbers are given when the bytes are there, and have no gaps.';

COMMENT ON COLUMN public.file_versions.object_path IS 'Name of the object in bucket chat; a restored version has that of the one restored.';

COMMENT ON COLUMN public.file_versions.object_version IS 'Which bytes of that object were looked at: others would have to be looked at again.';

COMMENT ON COLUMN public.file_versions.mime_type IS 'What the bytes are; where that cannot be told, what the uploader says.';

COMMENT ON COLUMN public.file_versions.scan_status IS 'pending, infected and failed: only its uploader has it; clean: others too; skipped: too, since nothing scans here.';

COMMENT ON COLUMN public.file_versions.width IS 'Of a picture as it is shown, in pixels; null until it was looked at, and for all else.';

COMMENT ON COLUMN public.file_versions.height IS 'As width.';

COMMENT ON COLUMN public.file_versions.duration_ms IS 'How long sound or a film is, as its uploader says.';

COMMENT ON COLUMN public.file_versions.is_raw IS 'Whether what a camera noted is still in it and must go before others may have it.';

CREATE FUNCTION app.attachment(p_version public.file_versions, p_alt_text text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select jsonb_strip_nulls(jsonb_build_object(
    'file_id', p_version.file_id,
    'version', p_version.version,
    'name', p_version.name,
    'mime_type', p_version.mime_type,
    'size_bytes', p_version.size_bytes,
    'path', p_version.object_path,
    'status', case when p_version.object_version is null then 'deleted' else p_version.scan_status end,
    'width', p_version.width,
    'height', p_version.height,
    'duration_ms', p_version.duration_ms,
    'thumb_path', public.thumb_path(p_version),
    'alt_text', p_alt_text))
$$;

COMMENT ON FUNCTION app.attachment(p_version public.file_versions, p_alt_text text) IS 'Takes a version of a file and what it shows in words; gives what a message says of it.';

CREATE FUNCTION app.attachments(p_conversation uuid, p_wished jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := auth.uid();
  wished_count integer;
  given jsonb;
begin
  -- Most messages come without, and that must cost nothing.
  if p_wished is null or p_wished = '[]' then
    return '[]';
  elsif jsonb_typeof(p_wished) <> 'array' then
    perform app.refuse('bad_attachment');
  end if;
  wished_count := jsonb_array_length(p_wished);
  if wished_count > 20 then
    perform app.refuse('too_many', 'limit=20');
  end if;
  begin
    select jsonb_agg(app.attachment(v, wish.alt_text) order by wish.place) into given
      from (select (w.value ->> 'file_id')::uuid as file_id,
                   (w.value ->> 'version')::integer as version,
                   w.value ->> 'alt_text' as alt_text,
                   w.place
              from jsonb_array_elements(p_wished) with ordinality w (value, place)) wish
      join public.files f on f.id = wish.file_id
      join public.file_versions v on v.file_id = f.id and v.version = coalesce(wish.version, f.current_version, f.last_version)
     where f.conversation_id = p_conversation
       and f.deleted_at is null
       and v.object_version is not null
       and coalesce(char_length(wish.alt_text), 0) <= 1000
       and (me is null
            or app.can_read(v.conversation_id, v.chapter, v.visibility, v.uploaded_by)
               and (v.scan_status in ('clean', 'skipped') or v.scan_status = 'pending' and v.uploaded_by = me));
  exception when invalid_text_representation or numeric_value_out_of_range then
    perform app.refuse('bad_attachment');
  end;
  -- One that is not there, or there twice, is a mistake that the sender should hear of.
  if (select count(distinct (a ->> 'file_id', a ->> 'version')) from jsonb_array_elements(given) a) is distinct from wished_count then
    perform app.refuse('bad_attachment');
  end if;
  return given;
end
$$;

COMMENT ON FUNCTION app.attachments(p_conversation uuid, p_wished jsonb) IS 'Takes a conversation and a list of {"file_id", "version", "alt_text"}, version being the current one unless given; gives what a message says of them, if the person asking may show them there. Errors: PT422 bad_attachment or too_many.';

CREATE FUNCTION app.audit(p_action text, p_table text DEFAULT NULL::text, p_key text DEFAULT NULL::text, p_diff jsonb DEFAULT NULL::jsonb, p_reason text DEFAULT NULL::text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  insert into public.audit_log (org_id, actor_id, action, table_name, row_key, diff, reason)
  values (app.my_org(), auth.uid(), p_action, p_table, p_key, p_diff, p_reason)
$$;

COMMENT ON FUNCTION app.audit(p_action text, p_table text, p_key text, p_diff jsonb, p_reason text) IS 'Takes what was done, to which table and row, what changed and why; records it with the person asking and the time.';

CREATE FUNCTION app.audit_group(p_conversation uuid, p_action text, p_target uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.audit(p_action, 'conversations', p_conversation::text, jsonb_build_object('target', p_target))
    from public.conversations c
   where c.id = p_conversation
     and c.kind = 'persona_group'
$$;

COMMENT ON FUNCTION app.audit_group(p_conversation uuid, p_action text, p_target uuid) IS 'Takes a conversation, what was done in it and to whom or what; puts that on record if it is a group that the organisation makes for people.';

CREATE FUNCTION app.be_there(p_user uuid, p_status text, p_active boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.be_there(p_user uuid, p_status text, p_active boolean) IS 'Takes a person, what a device of theirs says (online, away, busy or, when going, offline) and whether the person did something; writes it down and gives what others see.';

CREATE FUNCTION app.begin_looking(p_version uuid, p_is_picture boolean, p_is_raw boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  status text := app.begin_scan(p_version);
begin
  -- What is scanned is looked at as a picture when it has been found clean.
  if status = 'skipped' and p_is_picture then
    perform storage.request_picture(p_version, p_is_raw);
    return case when p_is_raw then 'pending' else status end;
  end if;
  return status;
end
$$;

COMMENT ON FUNCTION app.begin_looking(p_version uuid, p_is_picture boolean, p_is_raw boolean) IS 'Takes bytes that have arrived, whether they are a picture and whether it must be stripped; has them looked at, and gives the status that they have until then.';

CREATE FUNCTION app.begin_scan(p_version uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  -- Nobody has said that there is a scanner; whoever once had one waits for it, though it be down.
  if not exists (select from storage.scanners) then
    return 'skipped';
  end if;
  perform storage.request_scan(p_version);
  return 'pending';
end
$$;

COMMENT ON FUNCTION app.begin_scan(p_version uuid) IS 'Takes bytes that have arrived; has them looked at, and gives the status that they have until then: pending, or skipped where nothing scans.';

CREATE FUNCTION app.can_delete(p_conversation uuid, p_sender uuid, p_created_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid, p_created_at timestamp with time zone) IS 'Takes a message''s conversation, sender and time; tells whether the person asking may take it back for all: their own in time, or any if they moderate; in a group of personas, where the organisation says so, admins alone.';

CREATE FUNCTION app.can_do(p_conversation uuid, p_action text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.can_do(p_conversation uuid, p_action text) IS 'Takes a conversation and an action of app.role_may; tells whether the person asking may do it there.';

CREATE FUNCTION app.can_edit(p_conversation uuid, p_visibility text, p_sender uuid, p_type text, p_created_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select p_sender = (select auth.uid())
     and p_type not in ('system', 'meeting')
     and app.can_post(p_conversation)
     -- What all can read may not be changed by one whom nobody is to hear.
     and (p_visibility <> 'normal' or not app.is_restricted(p_sender, array['shadow_ban'], p_conversation))
     and app.is_within(p_conversation, 'edit_window_s', p_created_at)
$$;

COMMENT ON FUNCTION app.can_edit(p_conversation uuid, p_visibility text, p_sender uuid, p_type text, p_created_at timestamp with time zone) IS 'Takes a message''s conversation, visibility, sender, type and time; tells whether the person asking may correct it: their own, in the time that there is for that, while they may speak and are heard. Nobody corrects another''s words.';

CREATE FUNCTION app.can_message(p_from uuid, p_to uuid) RETURNS app.verdict
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.can_message(p_from uuid, p_to uuid) IS 'Takes the writer and the one written to; gives whether they may open a conversation, the first refusal (self, no_such_person, not_same_org, restricted, blocked, one of the organisation''s rules, privacy) and every check made.';

CREATE FUNCTION app.can_post(p_conversation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.post_refusal(p_conversation) is null
$$;

COMMENT ON FUNCTION app.can_post(p_conversation uuid) IS 'Takes a conversation; tells whether the person asking may speak in it.';

CREATE FUNCTION app.can_react(p_conversation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce(app.post_refusal(p_conversation), 'posting_closed') = 'posting_closed'
$$;

COMMENT ON FUNCTION app.can_react(p_conversation uuid) IS 'Takes a conversation; tells whether the person asking may react there: whoever may speak, and whoever only listens because others have the word.';

CREATE FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) IS 'Takes a message''s conversation, chapter, visibility and sender; tells whether the person asking may read it as a member.';

CREATE FUNCTION base.uuid7() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    AS $$
  -- A random uuid whose first 48 bits become the milliseconds since 1970, and its version 4 a 7.
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid
$$;

COMMENT ON FUNCTION base.uuid7() IS 'Gives a uuid of version 7: later ones sort after earlier ones, so index inserts stay in one place.';

CREATE TABLE public.meetings (
    id uuid DEFAULT base.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    chapter integer NOT NULL,
    visibility text NOT NULL,
    organizer_id uuid NOT NULL,
    title text NOT NULL,
    provider text NOT NULL,
    join_url text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    timezone text NOT NULL,
    state text DEFAULT 'scheduled'::text NOT NULL,
    sequence integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT meetings_end_after_start CHECK (((ends_at > starts_at) AND (ends_at <= (starts_at + '7 days'::interval)))),
    CONSTRAINT meetings_join_url_is_the_providers CHECK (((char_length(join_url) <= 2000) AND (join_url ~* (('^https://'::text ||
CASE provider
    WHEN 'meet'::text THEN 'meet\.google\.com'::text
    WHEN 'zoom'::text THEN '([a-z0-9-]+\.)*zoom\.us'::text
    WHEN 'teams'::text THEN 'teams\.(microsoft|live)\.com'::text
    ELSE '[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?'::text
END) || '([/?#][^[:space:][:cntrl:]<>"\\]*)?$'::text)))),
    CONSTRAINT meetings_provider_known CHECK ((provider = ANY (ARRAY['meet'::text, 'zoom'::text, 'teams'::text, 'other'::text]))),
    CONSTRAINT meetings_state_known CHECK ((state = ANY (ARRAY['scheduled'::text, 'cancelled'::text]))),
    CONSTRAINT meetings_title_fits CHECK (((title ~ '\S'::text) AND (char_length(title) <= 200)))
);

ALTER TABLE ONLY public.meetings REPLICA IDENTITY FULL;

COMMENT ON TABLE public.meetings IS 'Meetings of a conversation; whoever reads the card, a message, reads the meeting.';

COMMENT ON COLUMN public.meetings.message_id IS 'The card.';

COMMENT ON COLUMN public.meetings.chapter IS 'The card''s: whoever may read that chapter sees the meeting.';

COMMENT ON COLUMN public.meetings.visibility IS 'The card''s: nobody else learns of the meeting of somebody whom nobody hears.';

COMMENT ON COLUMN public.meetings.timezone IS 'Where the organizer thinks of it; times are moments all the same.';

COMMENT ON COLUMN public.meetings.sequence IS 'How often it was moved or cancelled, as calendars count.';

CREATE FUNCTION app.card(p_meeting public.meetings) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select jsonb_build_object('kind', 'meeting', 'meeting_id', p_meeting.id, 'title', p_meeting.title, 'provider', p_meeting.provider,
                            'join_url', p_meeting.join_url, 'starts_at', p_meeting.starts_at, 'ends_at', p_meeting.ends_at,
                            'timezone', p_meeting.timezone, 'state', p_meeting.state)
$$;

COMMENT ON FUNCTION app.card(p_meeting public.meetings) IS 'Takes a meeting; gives what its card says, for programs.';

CREATE FUNCTION app.check_file_name() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if new.name <> old.name and exists (
    select
      from public.file_versions v
     where v.file_id = new.id
       and v.version = coalesce(new.current_version, new.last_version)
       and app.file_type(new.name, null, v.mime_type) is null
  ) then
    perform app.refuse('bad_file_type', new.name);
  end if;
  new.updated_at := clock_timestamp();
  return new;
end
$$;

COMMENT ON FUNCTION app.check_file_name() IS 'Trigger: a file''s new name does not end as if it were of another kind. Errors: PT415 bad_file_type.';

CREATE FUNCTION app.check_settings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
declare
  wrong text;
begin
  select given.key into wrong
    from jsonb_each(new.settings) given
    left join jsonb_each(app.default_settings()) known on known.key = given.key
   where known.key is null
      or jsonb_typeof(given.value) <> jsonb_typeof(known.value)
      or jsonb_typeof(given.value) = 'number' and not (given.value)::numeric between 0 and 2147483647
      or given.key = 'max_message_len' and not (given.value)::numeric between 1 and 40000
      or given.key = 'default_persona_count' and not (given.value)::numeric between 0 and 200
      or given.key = 'dm_policy' and not (given.value <@ '["open", "team", "engagement", "persona", "community"]'
                                          and given.value <> '[]')
      or given.key = 'groups_by' and given.value not in ('"anyone"', '"admins"')
      or given.key = 'oversight_mode' and given.value not in ('"off"', '"open"', '"break_glass"')
      or given.key = 'search_language' and not exists (select
                                                          from pg_catalog.pg_ts_config c
                                                         where c.cfgname = given.value #>> '{}'
                                                           and c.cfgnamespace = 'pg_catalog'::regnamespace)
      or given.key = 'contact_exchange' and given.value not in ('"free"', '"mask"', '"hold"')
      or given.key = 'conversation_path' and given.value #>> '{}' !~ '^/[A-Za-z0-9/_.?=&{}-]{0,199}$'
      or given.key = 'allowed_mime' and exists (
           select
             from jsonb_array_elements(case when jsonb_typeof(given.value) = 'array' then given.value else '[]' end) allowed
            where jsonb_typeof(allowed) <> 'string'
               or allowed #>> '{}' !~ '^(\*/\*|[a-z0-9][a-z0-9.+-]*/(\*|[a-z0-9][a-z0-9.+-]*))$')
      or given.key = 'default_role' and given.value not in ('"client"', '"consultant"', '"member"')
   order by given.key
   limit 1;
  if wrong is not null then
    perform app.refuse('bad_setting', wrong);
  end if;
  return new;
end
$_$;

COMMENT ON FUNCTION app.check_settings() IS 'Trigger: an organisation has only settings that exist, with values of their kind. Errors: PT422 bad_setting, details names it.';

CREATE FUNCTION app.clear_notices() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.notifications n
     set read_at = app.now()
   where n.user_id = new.member_id
     and n.conversation_id = new.conversation_id
     and n.kind in ('dm', 'mention', 'reply', 'reaction')
     and n.read_at is null
     and exists (select
                   from public.messages m
                  where m.conversation_id = n.conversation_id
                    and m.id = n.message_id
                    and m.thread_id is null
                    and m.seq <= new.last_read_seq);
  return null;
end
$$;

COMMENT ON FUNCTION app.clear_notices() IS 'Trigger: whoever has read what a notice is about, on any device, has read the notice.';

CREATE FUNCTION app.clear_thread_notices() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.notifications n
     set read_at = app.now()
   where n.user_id = new.user_id
     and n.conversation_id = new.conversation_id
     and n.kind in ('dm', 'mention', 'reply', 'reaction')
     and n.read_at is null
     and exists (select
                   from public.messages m
                  where m.conversation_id = n.conversation_id
                    and m.id = n.message_id
                    and m.thread_id = new.thread_id);
  return null;
end
$$;

COMMENT ON FUNCTION app.clear_thread_notices() IS 'Trigger: whoever has read a thread has read the notices of it.';

CREATE FUNCTION app.close_functions() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  restated regprocedure;
begin
  for restated in
    select p.oid
      from pg_catalog.pg_proc p
     where p.pronamespace in ('app'::regnamespace, 'public'::regnamespace)
       and p.xmin = pg_current_xact_id()::xid
  loop
    execute format('revoke all on function %s from public, anon, authenticated, service_role', restated);
  end loop;
end
$$;

COMMENT ON FUNCTION app.close_functions() IS 'Revokes from everybody the functions that this transaction has stated, and no others: a function of the operator''s own keeps its rights.';

CREATE FUNCTION app.contact_pattern() RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  -- An e-mail address, also one spelt with (at), or seven digits and more with what people put between them.
  select '([[:alnum:]._%+-]+[[:space:]]*(@|[(\[][[:space:]]*at[[:space:]]*[)\]])[[:space:]]*[[:alnum:]-]+([.][[:alnum:]-]+)+'
      || '|[+]?[(]?[0-9]([[:space:]().\/-]{0,3}[0-9]){6,})'
$$;

COMMENT ON FUNCTION app.contact_pattern() IS 'Gives the regular expression of what counts as a contact.';

CREATE FUNCTION app.contact_rule(p_org uuid, p_conversation uuid, p_body text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case when app.setting(p_org, 'contact_exchange') #>> '{}' = 'free'
                or p_body !~* app.contact_pattern()
                or app.may_exchange_contacts(p_conversation)
              then 'free'
              else app.setting(p_org, 'contact_exchange') #>> '{}' end
$$;

COMMENT ON FUNCTION app.contact_rule(p_org uuid, p_conversation uuid, p_body text) IS 'Takes an organisation, a conversation in it and a body; gives what becomes of a message that says so: free, mask or hold.';

CREATE FUNCTION app.conversation_of_topic(p_topic text) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    AS $_$
  select case
    when p_topic ~ '^conversation:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    then substr(p_topic, 14)::uuid
  end
$_$;

COMMENT ON FUNCTION app.conversation_of_topic(p_topic text) IS 'Takes a channel''s topic; gives the conversation that conversation:<id> names, else null.';

CREATE FUNCTION app.count_bytes(p_org uuid, p_person uuid, p_bytes bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  -- The organisation first, always: two at once wait for each other there.
  insert into app.file_usage as used (owner_id, bytes)
  values (p_org, greatest(p_bytes, 0))
  on conflict (owner_id) do update set bytes = greatest(used.bytes + p_bytes, 0);
  insert into app.file_usage as used (owner_id, bytes)
  values (p_person, greatest(p_bytes, 0))
  on conflict (owner_id) do update set bytes = greatest(used.bytes + p_bytes, 0);
end
$$;

COMMENT ON FUNCTION app.count_bytes(p_org uuid, p_person uuid, p_bytes bigint) IS 'Takes an organisation, a person and how many bytes there are more of theirs, or fewer; counts them.';

CREATE FUNCTION app.count_members() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.count_members() IS 'Trigger: member_count follows who leaves and who comes back.';

CREATE FUNCTION app.count_reaction() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  changed public.message_reactions := case tg_op when 'DELETE' then old else new end;
  step integer := case tg_op when 'DELETE' then -1 else 1 end;
begin
  update public.messages m
     set reaction_counts = case when coalesce((m.reaction_counts ->> changed.emoji)::int, 0) + step > 0
                                then m.reaction_counts || jsonb_build_object(changed.emoji,
                                       coalesce((m.reaction_counts ->> changed.emoji)::int, 0) + step)
                                else m.reaction_counts - changed.emoji end
   where m.conversation_id = changed.conversation_id
     and m.id = changed.message_id;
  return null;
end
$$;

COMMENT ON FUNCTION app.count_reaction() IS 'Trigger: a message counts its reactions, and changes by that.';

CREATE FUNCTION app.count_reply() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.messages m
     set reply_count = m.reply_count + 1,
         last_reply_at = new.created_at
   where m.conversation_id = new.conversation_id
     and m.id = new.thread_id;
  return null;
end
$$;

COMMENT ON FUNCTION app.count_reply() IS 'Trigger: a thread''s root counts its replies, and changes by that.';

CREATE FUNCTION app.default_settings() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select '{
    "dm_policy": ["open"],
    "admins_cross_team": true,
    "groups_by": "anyone",
    "default_role": "member",
    "private_defaults": false,
    "edit_window_s": 0,
    "delete_window_s": 0,
    "max_message_len": 40000,
    "show_history": true,
    "oversight_mode": "off",
    "persona_groups": false,
    "default_persona_count": 20,
    "new_account_hours": 0,
    "new_account_dms": 5,
    "search_language": "english",
    "membership_messages": false,
    "clients_delete_own": true,
    "contact_exchange": "free",
    "conversation_path": "/c/{id}",
    "max_file_mb": 50,
    "strip_pictures": false,
    "allowed_mime": ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic", "image/heif", "image/bmp", "image/tiff",
                     "audio/*", "video/*", "text/plain", "text/markdown", "text/csv", "text/calendar", "text/vcard",
                     "application/pdf", "application/rtf", "application/json", "application/zip", "application/gzip",
                     "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
                     "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                     "application/vnd.openxmlformats-officedocument.presentationml.presentation",
                     "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet",
                     "application/vnd.oasis.opendocument.presentation"]
  }'::jsonb
$$;

COMMENT ON FUNCTION app.default_settings() IS 'Gives every setting of an organisation with its default. Windows in seconds, 0 for without end; megabytes of 1048576 bytes.';

CREATE FUNCTION app.display_name(p_said_of_self jsonb, p_email text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
  -- Whatever was typed at sign-up must not make the sign-up fail, so it is trimmed to fit.
  select left(coalesce(
    nullif(btrim(p_said_of_self ->> 'display_name'), ''),
    nullif(btrim(p_said_of_self ->> 'full_name'), ''),
    nullif(btrim(p_said_of_self ->> 'name'), ''),
    nullif(split_part(p_email, '@', 1), ''),
    'Guest'), 100)
$$;

COMMENT ON FUNCTION app.display_name(p_said_of_self jsonb, p_email text) IS 'Takes what an account says of itself and its address; gives the name to begin with.';

CREATE FUNCTION app.drop_attachments() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  shown uuid[];
begin
  with gone as (
    delete from public.message_attachments a
     where a.conversation_id = new.conversation_id
       and a.message_id = new.id
    returning a.file_id)
  select array_agg(distinct g.file_id) into shown from gone g;
  -- What was brought for this message alone goes with it; what lies in a folder, hangs elsewhere or
  -- has a version of somebody else's stays.
  perform app.drop_file(f.id)
     from public.files f
    where f.id = any (shown)
      and f.folder = ''
      and f.deleted_at is null
      and not exists (select from public.message_attachments a
                       where a.file_id = f.id
                         and (a.conversation_id, a.message_id) <> (new.conversation_id, new.id))
      and not exists (select from public.file_versions v where v.file_id = f.id and v.uploaded_by <> new.sender_id);
  return null;
end
$$;

COMMENT ON FUNCTION app.drop_attachments() IS 'Trigger: a message that is taken back shows no files, and those that were brought for it alone go.';

CREATE FUNCTION app.drop_avatar() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  before text := coalesce(current_setting('storage.allow_delete_query', true), '');
begin
  perform set_config('storage.allow_delete_query', 'true', true);
  -- Whatever else is in the folder of somebody who is there may be worn next.
  delete from storage.objects o
   where o.bucket_id = 'avatars'
     and o.name collate "C" between old.id || '/' and old.id || '0'
     and (o.name = old.avatar_path or new.erased_at is not null);
  perform set_config('storage.allow_delete_query', before, true);
  return null;
end
$$;

COMMENT ON FUNCTION app.drop_avatar() IS 'Trigger: a picture that is not worn any more goes, and with a person all of theirs.';

CREATE FUNCTION app.drop_conversation_objects() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.count_bytes(old.org_id, old.uploaded_by, -old.size_bytes)
    where old.object_version is not null and old.restored_from is null;
  perform app.drop_objects(array[old.object_path])
    where not app.is_held_elsewhere(old.object_path, old.file_id);
  return null;
end
$$;

COMMENT ON FUNCTION app.drop_conversation_objects() IS 'Trigger: what a conversation held goes with it when it is deleted for good.';

CREATE FUNCTION app.drop_embedding() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  delete from public.message_embeddings e
   where e.conversation_id = new.conversation_id
     and e.message_id = new.id;
  return null;
end
$$;

COMMENT ON FUNCTION app.drop_embedding() IS 'Trigger: a message that says something else, or nothing, no longer means what it meant.';

CREATE TABLE public.files (
    id uuid NOT NULL,
    org_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    folder text DEFAULT ''::text NOT NULL,
    chapter integer NOT NULL,
    visibility text DEFAULT 'normal'::text NOT NULL,
    last_version integer DEFAULT 0 NOT NULL,
    current_version integer,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    CONSTRAINT files_current_is_there CHECK ((current_version <= last_version)),
    CONSTRAINT files_folder_fits CHECK (((char_length(folder) <= 255) AND (folder !~ '(^/|/$|//|[\\[:cntrl:]])'::text))),
    CONSTRAINT files_name_fits CHECK (((name ~ '\S'::text) AND (char_length(name) <= 255) AND (name !~ '[/\\[:cntrl:]]'::text))),
    CONSTRAINT files_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text])))
);

ALTER TABLE ONLY public.files REPLICA IDENTITY FULL;

COMMENT ON TABLE public.files IS 'Files of conversations; what they hold is in file_versions.';

COMMENT ON COLUMN public.files.folder IS 'Where it is listed, such as Plans/2030; empty at the top. A folder is there while a file is in it.';

COMMENT ON COLUMN public.files.chapter IS 'The latest chapter in which it was uploaded or shown: whoever may read that chapter sees the file.';

COMMENT ON COLUMN public.files.visibility IS 'shadow: its owner alone sees it.';

COMMENT ON COLUMN public.files.last_version IS 'Number of the newest version; the row''s lock makes numbers gapless.';

COMMENT ON COLUMN public.files.current_version IS 'The newest version that others may have; null until one has been found clean.';

CREATE FUNCTION app.drop_file(p_file uuid) RETURNS public.files
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  gone public.files;
begin
  perform app.lock_showing(p_file);
  update public.files f
     set deleted_at = clock_timestamp(),
         deleted_by = auth.uid(),
         current_version = null
   where f.id = p_file
  returning f.* into gone;
  -- Whoever drops another holder of the same bytes waits here.
  perform
     from storage.objects o
     join public.file_versions v on v.object_path = o.name
    where o.bucket_id = 'chat' and v.file_id = p_file
    order by o.name
      for update of o;
  perform app.count_bytes(v.org_id, v.uploaded_by, -v.size_bytes)
     from public.file_versions v
    where v.file_id = p_file
      and v.restored_from is null
      and v.object_version is not null
      and app.is_held_elsewhere(v.object_path, p_file);
  update public.file_versions v
     set object_version = null
   where v.file_id = p_file
     and v.object_version is not null
     and app.is_held_elsewhere(v.object_path, p_file);
  perform app.drop_objects(array(select v.object_path
                                   from public.file_versions v
                                  where v.file_id = p_file
                                    and v.object_version is not null));
  return gone;
end
$$;

COMMENT ON FUNCTION app.drop_file(p_file uuid) IS 'Takes a file; removes it and all that its versions held, and gives what remains.';

CREATE FUNCTION app.drop_objects(p_paths text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  before text := coalesce(current_setting('storage.allow_delete_query', true), '');
begin
  perform set_config('storage.allow_delete_query', 'true', true);
  delete from storage.objects o where o.bucket_id = 'chat' and o.name = any (p_paths);
  perform set_config('storage.allow_delete_query', before, true);
end
$$;

COMMENT ON FUNCTION app.drop_objects(p_paths text[]) IS 'Takes paths in bucket chat; removes what is there.';

CREATE FUNCTION app.due_reminders(p_limit integer DEFAULT 500) RETURNS TABLE(meeting_id uuid, user_id uuid, minutes_before integer, conversation_id uuid, title text, starts_at timestamp with time zone, join_url text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.due_reminders(p_limit integer) IS 'Takes how many at most; gives whom to remind of what now and marks that as done, so that of several callers one alone gets each. Whoever said no, has left, or would be told when all is over, is passed over. For a job, which tells them in the same transaction.';

CREATE FUNCTION app.end_membership(p_conversation uuid, p_member uuid, p_by uuid) RETURNS public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.end_membership(p_conversation uuid, p_member uuid, p_by uuid) IS 'Takes a conversation, a member and who ends the membership; gives it as ended, or nulls if there was none.';

CREATE FUNCTION app.erase_profile() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.erase_profile() IS 'Trigger: a deleted account leaves its conversations, its profile names nobody and what it kept for itself goes; its words stay.';

CREATE FUNCTION app.file_quota(p_org uuid, p_person uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select q.max_bytes
    from public.file_quotas q
   where q.org_id = p_org
     and q.scope = case when p_person is null then 'org' else 'person' end
     and (q.user_id is null or q.user_id = p_person)
   order by q.user_id is null
   limit 1
$$;

COMMENT ON FUNCTION app.file_quota(p_org uuid, p_person uuid) IS 'Takes an organisation and a person in it, or null for all of it; gives how many bytes may be kept, null when there is no bound.';

CREATE FUNCTION app.file_refusal(p_conversation uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce(app.post_refusal(p_conversation),
                  case when app.is_restricted(auth.uid(), array['no_files'], p_conversation) then 'no_files' end)
$$;

COMMENT ON FUNCTION app.file_refusal(p_conversation uuid) IS 'Takes a conversation; gives the word why the person asking may not put files there now (no_files, or those of app.post_refusal), or null when they may.';

CREATE FUNCTION app.file_refusal_of(p_person uuid, p_conversation uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  before text := coalesce(current_setting('request.jwt.claim.sub', true), '');
  refusal text;
begin
  perform set_config('request.jwt.claim.sub', p_person::text, true);
  refusal := app.file_refusal(p_conversation);
  perform set_config('request.jwt.claim.sub', before, true);
  return refusal;
end
$$;

COMMENT ON FUNCTION app.file_refusal_of(p_person uuid, p_conversation uuid) IS 'Takes a person and a conversation; gives the word why that person may not put files there now, or null when they may.';

CREATE FUNCTION app.file_template() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if auth.uid() is not null then
    new.org_id := app.my_org();
  end if;
  new.owner_id := case when new.scope = 'personal' then coalesce(new.owner_id, auth.uid()) end;
  return new;
end
$$;

COMMENT ON FUNCTION app.file_template() IS 'Trigger: a template belongs to its writer''s organisation, a personal one to the writer.';

CREATE FUNCTION app.file_type(p_name text, p_said text, p_found text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $_$
  -- What the end of the name promises; where that says nothing, what the uploader says.
  select case when promise.mime_type is null then coalesce(p_found, p_said, 'application/octet-stream')
              when p_found is null and not promise.is_tellable then promise.mime_type
              when promise.family = coalesce((select t.family from app.file_types t where t.mime_type = p_found limit 1), p_found)
              then case when promise.family = promise.mime_type then p_found else promise.mime_type end
         end
    from (select) nothing
    left join lateral (
      select t.mime_type, t.family, t.is_tellable
        from app.file_types t
       where t.extension = lower(substring(p_name from '\.([[:alnum:]]{1,16})$'))
          or t.mime_type = p_said
       order by t.extension = lower(substring(p_name from '\.([[:alnum:]]{1,16})$')) desc nulls last, t.extension
       limit 1) promise on true
$_$;

COMMENT ON FUNCTION app.file_type(p_name text, p_said text, p_found text) IS 'Takes a file''s name, the type that its uploader says and the type that its bytes tell, null when they tell none; gives its type, or null when name and bytes do not belong together.';

CREATE FUNCTION app.fill(p_text text, p_values jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $_$
  -- In one pass, so that a value that looks like a blank stays what it is.
  select string_agg(part.piece[1] || coalesce(p_values ->> part.piece[3], part.piece[2], ''), '' order by part.place)
    from regexp_matches(p_text, '(.*?)(?:(\{\{\s*([[:alnum:]_]+)\s*\}\})|$)', 'g') with ordinality part (piece, place)
$_$;

COMMENT ON FUNCTION app.fill(p_text text, p_values jsonb) IS 'Takes a text with {{blanks}} and an object; gives the text with those filled that the object has.';

CREATE FUNCTION app.fill_owner() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  new.user_id := coalesce((select auth.uid()), new.user_id);
  return new;
end
$$;

COMMENT ON FUNCTION app.fill_owner() IS 'Trigger: whose a row is need not be said.';

CREATE FUNCTION app.fill_reaction() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  target public.messages;
begin
  new.actor_id := coalesce(auth.uid(), new.actor_id);
  perform app.take('react');
  select m.* into target
    from public.messages m
   where m.conversation_id = new.conversation_id
     and m.id = new.message_id
     and m.deleted_at is null
     and (auth.uid() is null or app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id))
     for no key update;
  if target.id is null then
    perform app.refuse('no_such_message');
  elsif auth.uid() is not null and not app.can_react(new.conversation_id) then
    perform app.refuse(app.post_refusal(new.conversation_id));
  elsif not target.reaction_counts ? new.emoji and (select count(*) from jsonb_object_keys(target.reaction_counts)) >= 20 then
    perform app.refuse('reactions_full');
  end if;
  new.chapter := target.chapter;
  new.created_at := clock_timestamp();
  new.visibility := case when target.visibility <> 'normal'
                           or app.is_restricted(new.actor_id, array['shadow_ban'], new.conversation_id)
                         then 'shadow' else 'normal' end;
  return new;
end
$$;

COMMENT ON FUNCTION app.fill_reaction() IS 'Trigger: fills who, when and for whose eyes. Errors: 42501 as for speaking, PT404 no_such_message, PT422 reactions_full, PT429 rate_limited.';

CREATE FUNCTION app.find_invites() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.attach_invites(new.email);
  return null;
end
$$;

COMMENT ON FUNCTION app.find_invites() IS 'Trigger: whoever confirms an address finds the invitations sent to it.';

CREATE FUNCTION app.first_org() RETURNS uuid
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select o.id
    from public.orgs o
   order by o.created_at, o.id
   limit 1
$$;

COMMENT ON FUNCTION app.first_org() IS 'Gives the oldest organisation: where new accounts come in.';

CREATE FUNCTION app.follow_engagement() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if new.status in ('negotiating', 'active') then
    perform app.open_engagement(new.id);
  end if;
  update public.conversations c
     set title = new.title
   where c.engagement_id = new.id
     and c.title is distinct from new.title;
  return null;
end
$$;

COMMENT ON FUNCTION app.follow_engagement() IS 'Trigger: who negotiates or works together has a conversation, which bears the engagement''s title. That it ends with it, app.post_refusal says.';

CREATE FUNCTION app.follow_sessions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.follow_sessions() IS 'Trigger: whoever signs in is there, and whoever signed out on their last device is not. OAuth clients that act for somebody do not count.';

CREATE FUNCTION app.follow_thread() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  root public.messages;
begin
  select m.* into root
    from public.messages m
   where m.conversation_id = new.conversation_id
     and m.id = new.thread_id;
  -- Whoever answers has read so far; those whom it concerns have one more to read.
  insert into public.thread_members as mine (user_id, conversation_id, thread_id, last_read_reply)
  values (new.sender_id, new.conversation_id, new.thread_id, root.reply_count)
  on conflict (user_id, conversation_id, thread_id) do update set last_read_reply = excluded.last_read_reply;
  insert into public.thread_members (user_id, conversation_id, thread_id, last_read_reply)
  select concerned, new.conversation_id, new.thread_id, root.reply_count - 1
    from unnest(new.mentions || root.sender_id) concerned
   where concerned <> new.sender_id
   group by concerned
   order by concerned
  on conflict do nothing;
  return null;
end
$$;

COMMENT ON FUNCTION app.follow_thread() IS 'Trigger: whoever answers in a thread, began it or is named in it follows it, unless they have had enough.';

CREATE FUNCTION app.forget_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  -- A restored version shares the bytes, which were counted once.
  perform app.count_bytes(first.org_id, first.uploaded_by, -first.size_bytes)
     from (select v.org_id, v.uploaded_by, v.size_bytes
             from public.file_versions v
            where v.object_path = old.name
              and v.object_version::text = old.version
              and v.restored_from is null) first;
  update public.file_versions v
     set object_version = null
   where v.object_path = old.name
     and v.object_version::text = old.version;
  return null;
end
$$;

COMMENT ON FUNCTION app.forget_bytes() IS 'Trigger: when an object goes, however that happens, the versions that it held are empty and its bytes are counted no more.';

CREATE FUNCTION app.forget_notices() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from public.notifications n
   where n.id in (select old.id
                    from public.notifications old
                   where old.read_at < app.now() - interval '90 days'
                   order by old.read_at
                   limit 10000)
$$;

COMMENT ON FUNCTION app.forget_notices() IS 'Forgets notices that were read three months ago. For a schedule.';

CREATE FUNCTION app.forget_uploads() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from app.file_uploads u where u.expires_at <= app.now()
$$;

COMMENT ON FUNCTION app.forget_uploads() IS 'Forgets uploads that were asked for and never came. For a schedule.';

CREATE FUNCTION app.found() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if auth.uid() is null or new.kind in ('dm', 'engagement') or new.created_for is not null then
    return new;  -- made by the service, or by a function that knows
  end if;
  new.created_by := app.me();
  new.org_id := app.my_org();
  perform app.require_may_found(new.kind);
  new.title := btrim(new.title);
  if new.kind = 'room' and new.slug is null then
    new.slug := app.slug(new.title);
  end if;
  if new.title is null then
    perform app.refuse('bad_title');
  end if;
  if new.kind = 'announcement' then
    new.posting := 'admins';
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION app.found() IS 'Trigger: fills organisation, maker and a room''s slug. Errors: PT403 not_admin, PT422 bad_kind or bad_title.';

CREATE FUNCTION app.hang_attachments() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  insert into public.message_attachments (conversation_id, message_id, file_id, version, sender_id, chapter, visibility, position, alt_text)
  select new.conversation_id, new.id, (a.value ->> 'file_id')::uuid, (a.value ->> 'version')::integer,
         new.sender_id, new.chapter, new.visibility, a.place, a.value ->> 'alt_text'
    from jsonb_array_elements(new.attachments) with ordinality a (value, place);
  if new.visibility = 'normal' then
    -- Whoever reads the message has what it shows, also those who came after it was uploaded.
    update public.file_versions v
       set chapter = greatest(v.chapter, new.chapter),
           visibility = 'normal'
      from public.message_attachments a
     where a.conversation_id = new.conversation_id
       and a.message_id = new.id
       and v.file_id = a.file_id
       and v.version = a.version
       and (v.chapter < new.chapter or v.visibility <> 'normal');
    update public.files f
       set chapter = greatest(f.chapter, new.chapter),
           visibility = 'normal'
      from public.message_attachments a
     where a.conversation_id = new.conversation_id
       and a.message_id = new.id
       and f.id = a.file_id
       and (f.chapter < new.chapter and f.current_version = a.version or f.visibility <> 'normal');
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION app.hang_attachments() IS 'Trigger: the files of a message are listed, and can be had by whoever reads it.';

CREATE FUNCTION app.have_blocked(p_one uuid, p_other uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from public.user_blocks b
     where (b.blocker_id, b.blocked_id) in ((p_one, p_other), (p_other, p_one))
       and (b.expires_at is null or b.expires_at > app.now())
  )
$$;

COMMENT ON FUNCTION app.have_blocked(p_one uuid, p_other uuid) IS 'Takes two people; tells whether one of them has blocked the other.';

CREATE FUNCTION app.hidden_people() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select s.user_id
    from public.user_privacy_settings s
   where not s.discoverable
$$;

COMMENT ON FUNCTION app.hidden_people() IS 'Gives the people who do not want to be found by strangers.';

CREATE FUNCTION app.hide_last_seen() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.user_presence p
     set last_seen_at = null
   where p.user_id = new.user_id
     and p.last_seen_at is not null;
  return null;
end
$$;

COMMENT ON FUNCTION app.hide_last_seen() IS 'Trigger: whoever hides when they were last there has it hidden at once.';

CREATE FUNCTION app.html(p_text text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select replace(replace(replace(replace(p_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;')
$$;

COMMENT ON FUNCTION app.html(p_text text) IS 'Takes a text; gives it as HTML.';

CREATE FUNCTION app.i_show_receipts() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select not exists (
    select
      from public.user_privacy_settings s
     where s.user_id = (select auth.uid())
       and not s.show_read_receipts
  )
$$;

COMMENT ON FUNCTION app.i_show_receipts() IS 'Tells whether the person asking lets others learn how far they have read, and so learns it of them.';

CREATE FUNCTION app.ics_line(p_name text, p_value text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  -- A line has at most 75 octets, and what goes on begins with a space.
  select regexp_replace(line.whole, format('(.{%s})(?=.)', case when octet_length(line.whole) = char_length(line.whole) then 73 else 18 end),
                        E'\\1\r\n ', 'g') || E'\r\n'
    from (select p_name || ':' || regexp_replace(regexp_replace(p_value, '([\\;,])', '\\\1', 'g'), '[\r\n]+', '\\n', 'g') as whole) line
$$;

COMMENT ON FUNCTION app.ics_line(p_name text, p_value text) IS 'Takes a property and its text; gives the line of a calendar file, escaped and folded.';

CREATE FUNCTION app.index_embeddings(p_dimensions integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $_$
begin
  if app.vector_schema() is null then
    perform app.refuse('no_vectors');
  end if;
  execute format('create index if not exists message_embeddings_%1$s_idx on public.message_embeddings
                    using hnsw ((embedding::%2$s.vector(%1$s)) %2$s.vector_cosine_ops) where cardinality(embedding) = %1$s',
                 p_dimensions, app.vector_schema());
end
$_$;

COMMENT ON FUNCTION app.index_embeddings(p_dimensions integer) IS 'Takes how many dimensions the model''s vectors have; makes the index that finds the nearest. For the operator, once. Errors: PT501 no_vectors.';

CREATE FUNCTION app.index_words() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'UPDATE' then
    delete from app.message_words w
     where w.conversation_id = new.conversation_id
       and w.message_id = new.id;
  end if;
  if new.visibility = 'normal' and new.body is not null then
    insert into app.message_words (conversation_id, message_id, chapter, sender_id, message_type, has_link, created_at, words)
    values (new.conversation_id, new.id, new.chapter, new.sender_id, new.message_type, new.body ~* 'https?://',
            new.created_at, app.words(app.search_language(new.org_id), new.body));
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION app.index_words() IS 'Trigger: what a message says can be searched for, as long as it says that.';

CREATE FUNCTION app.index_words_anew() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update app.message_words w
     set words = app.words(app.search_language(new.id), m.body)
    from public.messages m
   where m.org_id = new.id
     and m.conversation_id = w.conversation_id
     and m.id = w.message_id;
  return null;
end
$$;

COMMENT ON FUNCTION app.index_words_anew() IS 'Trigger: an organisation that changes its language has its messages read anew, all in the change''s transaction.';

CREATE FUNCTION app.is_active(p_user uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from app.heartbeats h
     where h.user_id = p_user
       and h.is_there
       and h.active_at > app.now() - interval '60 s'
       and h.at > app.now() - interval '65 s')
$$;

COMMENT ON FUNCTION app.is_active(p_user uuid) IS 'Takes a person; tells whether they did something on one of their devices within the minute.';

CREATE FUNCTION app.is_admin(p_user uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce(app.role_of(p_user) in ('admin', 'superadmin'), false)
$$;

COMMENT ON FUNCTION app.is_admin(p_user uuid) IS 'Takes a person; tells whether they are an admin or superadmin of their organisation.';

CREATE FUNCTION app.is_arriving(p_version text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $_$
  select exists (
    select
      from storage.blobs b
     where b.version = case when p_version ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_version::uuid end)
$_$;

COMMENT ON FUNCTION app.is_arriving(p_version text) IS 'Takes an object''s version; tells whether there are bytes of it, or will be.';

CREATE FUNCTION app.is_findable(p_person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce((select s.discoverable from public.user_privacy_settings s where s.user_id = p_person), true)
      or exists (select from public.user_contacts c where c.owner_id = auth.uid() and c.contact_id = p_person)
      or app.share_a_conversation(auth.uid(), p_person)
$$;

COMMENT ON FUNCTION app.is_findable(p_person uuid) IS 'Takes a person; tells whether a search may show them to the person asking: strangers only if they are discoverable.';

CREATE FUNCTION app.is_held_elsewhere(p_path text, p_file uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (select
                   from public.file_versions v
                  where v.object_path = p_path
                    and v.file_id <> p_file
                    and v.object_version is not null)
$$;

COMMENT ON FUNCTION app.is_held_elsewhere(p_path text, p_file uuid) IS 'Takes a path in bucket chat and a file; tells whether another file has the same bytes, since it was passed on.';

CREATE FUNCTION app.is_member(p_conversation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from public.conversation_members m
     where m.conversation_id = p_conversation
       and m.member_id = (select auth.uid())
       and m.left_at is null
  )
$$;

COMMENT ON FUNCTION app.is_member(p_conversation uuid) IS 'Takes a conversation; tells whether the person asking is in it now.';

CREATE FUNCTION app.is_moderator(p_user uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce(app.role_of(p_user) in ('moderator', 'admin', 'superadmin'), false)
$$;

COMMENT ON FUNCTION app.is_moderator(p_user uuid) IS 'Takes a person; tells whether they are a moderator or admin of their organisation.';

CREATE FUNCTION app.is_new_and_busy(p_from uuid, p_to uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.is_new_and_busy(p_from uuid, p_to uuid) IS 'Takes the writer and the one written to; tells whether the account is new and has opened all conversations with others that a day allows.';

CREATE FUNCTION app.is_picture(p_type text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select p_type in ('image/jpeg', 'image/png', 'image/webp')
$$;

COMMENT ON FUNCTION app.is_picture(p_type text) IS 'Takes a type; tells whether pictures of it are looked at, and can be stripped.';

CREATE FUNCTION app.is_restricted(p_user uuid, p_types text[], p_conversation uuid DEFAULT NULL::uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.is_restricted(p_user uuid, p_types text[], p_conversation uuid) IS 'Takes a person, types of restriction and a conversation; tells whether one of them holds there or everywhere, now.';

CREATE FUNCTION app.is_shadow_banned(p_conversation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from public.user_restrictions r
     where r.user_id = (select auth.uid())
       and r.restriction_type = 'shadow_ban'
       and (r.conversation_id is null or r.conversation_id = p_conversation)
       and r.lifted_at is null
       and (r.expires_at is null or r.expires_at > now())
  )
$$;

COMMENT ON FUNCTION app.is_shadow_banned(p_conversation uuid) IS 'Takes a conversation; tells whether what the person asking sends there is for their own eyes alone.';

CREATE FUNCTION app.is_within(p_conversation uuid, p_setting text, p_since timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select window_s.seconds = 0 or p_since > app.now() - make_interval(secs => window_s.seconds)
    from public.conversations c,
         lateral (select coalesce(case p_setting when 'edit_window_s' then c.edit_window_s end,
                                  app.setting(c.org_id, p_setting)::int) as seconds) window_s
   where c.id = p_conversation
$$;

COMMENT ON FUNCTION app.is_within(p_conversation uuid, p_setting text, p_since timestamp with time zone) IS 'Takes a conversation, edit_window_s or delete_window_s and a time; tells whether it is less than that ago; a window of 0 has no end.';

CREATE FUNCTION app.keep_embeddings(p_asked jsonb, p_answer jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  -- What has changed since it was asked about is asked about anew.
  insert into public.message_embeddings (conversation_id, message_id, embedding, model)
  select m.conversation_id, m.id, array(select v::text::real from jsonb_array_elements(answer.vector) v), p_answer ->> 'model'
    from jsonb_array_elements(p_asked -> 'keys') with ordinality asked (key, place)
    join jsonb_array_elements(p_answer -> 'vectors') with ordinality answer (vector, place) using (place)
    join jsonb_array_elements_text(p_asked -> 'texts') with ordinality said (body, place) using (place)
    join public.messages m on m.conversation_id = (asked.key ->> 0)::uuid and m.id = (asked.key ->> 1)::uuid and left(m.body, 8000) = said.body
   where p_answer ->> 'model' = (select k.name from app.embedding_model k)
  on conflict (conversation_id, message_id) do update
     set embedding = excluded.embedding,
         model = excluded.model
$$;

COMMENT ON FUNCTION app.keep_embeddings(p_asked jsonb, p_answer jsonb) IS 'Takes what was asked and the answer; keeps the vectors of messages that still say what they said.';

CREATE FUNCTION app.keep_record() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  -- Earlier wordings, and who really said it, go with their message, when a conversation is deleted for good.
  if tg_op = 'DELETE' and tg_table_name in ('message_edits', 'message_private') then
    if not exists (select
                     from public.messages m
                    where m.conversation_id = old.conversation_id
                      and m.id = old.message_id) then
      return old;
    end if;
  end if;
  perform app.refuse('append_only');
  return null;
end
$$;

COMMENT ON FUNCTION app.keep_record() IS 'Trigger: refuses changes and deletions, whoever asks. Errors: 42501 append_only.';

CREATE FUNCTION app.keep_wording() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  insert into public.message_edits (conversation_id, message_id, version, body, edited_by)
  values (old.conversation_id, old.id, old.edit_count + 1, old.body, auth.uid());
  return null;
end
$$;

COMMENT ON FUNCTION app.keep_wording() IS 'Trigger: what a corrected message said before is kept.';

CREATE FUNCTION app.knows(p_user uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.knows(p_user uuid) IS 'Takes a person; tells whether the person asking is no stranger to them: themselves, somebody of one''s conversations, teams or engagements, or who has one as a contact.';

CREATE FUNCTION app.live_engagement(p_one uuid, p_other uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select e.id
    from public.engagements e
   where (e.client_id, e.consultant_id) in ((p_one, p_other), (p_other, p_one))
     and e.status in ('bidding', 'negotiating', 'active')
   order by array_position(array['active', 'negotiating', 'bidding'], e.status), e.created_at desc, e.id
   limit 1
$$;

COMMENT ON FUNCTION app.live_engagement(p_one uuid, p_other uuid) IS 'Takes two people; gives the engagement that lets them talk, an active one before a bid, or null.';

CREATE FUNCTION app.lock_showing(p_file uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform
     from public.messages m
     join public.message_attachments a on a.conversation_id = m.conversation_id and a.message_id = m.id
    where a.file_id = p_file
    order by m.id
      for no key update of m;
  perform
     from public.conversations c
     join public.files f on f.conversation_id = c.id
    where f.id = p_file
      for no key update of c;
end
$$;

COMMENT ON FUNCTION app.lock_showing(p_file uuid) IS 'Takes a file that is about to change; locks the messages that show it, then its conversation, as everything does that changes a message.';

CREATE FUNCTION app.mail_due() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  reader record;
  later timestamptz;
  digest text;
  lines jsonb;
begin
  delete from app.notice_outbox o
   using public.notifications n
   where n.id = o.notification_id
     and o.mail_at <= app.now()
     and n.read_at is not null;
  for reader in
    select o.user_id
      from app.notice_outbox o
     where o.mail_at <= app.now()
     group by o.user_id
     order by min(o.mail_at)
     limit 50
  loop
    select s.digest into digest from public.notification_settings s where s.user_id = reader.user_id;
    -- Whoever was there has missed nothing, yet.
    select max(reason.at) into later
      from (select h.at + interval '10 min' as at from app.heartbeats h where h.user_id = reader.user_id
            union all
            select app.quiet_until(reader.user_id)) reason
     where reason.at > app.now();
    if coalesce(digest, 'off') <> 'off' then
      later := null;
    elsif later is null then
      select jsonb_agg(jsonb_build_object('head', w.title, 'body', w.body, 'path', w.path) order by n.told_at)
        into lines
        from (select n.*
                from app.notice_outbox o
                join public.notifications n on n.id = o.notification_id
               where o.user_id = reader.user_id
                 and o.mail_at is not null
                 and n.read_at is null
               order by n.told_at desc
               limit 20) recent
        join public.notifications n on n.id = recent.id
       cross join lateral app.notice_words(n) w;
      perform app.send_mail(reader.user_id, 'missed',
                            case jsonb_array_length(lines) when 1 then lines -> 0 ->> 'head' else 'While you were away' end, lines);
    end if;
    update app.notice_outbox o
       set mail_at = later
     where o.user_id = reader.user_id
       and o.mail_at is not null;
  end loop;
end
$$;

COMMENT ON FUNCTION app.mail_due() IS 'Sends one mail to each of those who have been away for ten minutes and were told of something that they have not read; whoever wants quiet, when that is over; whoever gets digests, none. For a schedule.';

CREATE FUNCTION app.mail_token(p_user uuid, p_list text) RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  insert into app.mail_tokens as t (user_id, list)
  values (p_user, p_list)
  on conflict (user_id, list) do update set list = t.list
  returning token
$$;

COMMENT ON FUNCTION app.mail_token(p_user uuid, p_list text) IS 'Takes a person and missed or digest; gives what a link shows that ends such mail for them.';

CREATE FUNCTION app.make_client_group(p_client uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  org uuid := (select p.org_id from public.profiles p where p.id = p_client);
  made uuid;
begin
  insert into public.conversations (org_id, kind, title, created_for)
  select org, 'persona_group', left('Group of ' || p.display_name, 200), p_client
    from public.profiles p
   where p.id = p_client
  returning id into made;
  perform app.admit(made, array[p_client], 'member', true);
  -- Those who sit in the fewest groups come first, so that all are seen about as often.
  perform app.admit(made, array_agg(chosen.id), 'member', true)
    from (select p.id
            from public.profiles p
           where p.org_id = org
             and p.kind = 'persona'
             and p.deactivated_at is null
             and p.erased_at is null
           order by (select count(*) from public.conversation_members m where m.member_id = p.id and m.left_at is null), p.id
           limit app.setting(org, 'default_persona_count')::int) chosen
  having count(*) > 0;
  return made;
end
$$;

COMMENT ON FUNCTION app.make_client_group(p_client uuid) IS 'Takes a new person; makes their persona_group, with as many personas as the organisation''s default_persona_count says and has, and gives its id.';

CREATE FUNCTION app.make_profile() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.open_profile(new.id, new.raw_user_meta_data, new.email);
  return null;
end
$$;

COMMENT ON FUNCTION app.make_profile() IS 'Trigger: a new account becomes a person.';

CREATE FUNCTION app.mask_contacts(p_body text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select regexp_replace(p_body, app.contact_pattern(), '•••', 'gi')
$$;

COMMENT ON FUNCTION app.mask_contacts(p_body text) IS 'Takes a body; gives it without contacts.';

CREATE FUNCTION app.max_file_bytes(p_org uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select floor((app.setting(p_org, 'max_file_mb'))::numeric * 1048576)::bigint
$$;

COMMENT ON FUNCTION app.max_file_bytes(p_org uuid) IS 'Takes an organisation; gives how many bytes a file may have.';

CREATE FUNCTION app.may_download(p_path text, p_object_version text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from public.file_versions v
     where v.object_path = p_path
       and v.object_version::text = p_object_version
       and case when v.scan_status = 'infected'
                then v.org_id = app.my_org() and app.role_of((select auth.uid())) = 'superadmin'
                else (v.scan_status in ('clean', 'skipped') or v.uploaded_by = (select auth.uid()))
                     and (app.can_read(v.conversation_id, v.chapter, v.visibility, v.uploaded_by)
                          or v.org_id in (select app.my_overseen_orgs()))
                end)
$$;

COMMENT ON FUNCTION app.may_download(p_path text, p_object_version text) IS 'Takes a path in bucket chat and which bytes are there; tells whether the person asking may have them: whoever reads the conversation of the file has what was found clean, its uploader also what was not looked at yet, and of what is infected only superadmins of the organisation have anything.';

CREATE FUNCTION app.may_dress(p_path text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $_$
  select exists (
    select
      from public.profiles p
     where p.id = case when p_path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[^/]+$' then split_part(p_path, '/', 1)::uuid end
       and p.erased_at is null
       and (p.id = (select auth.uid())
            or p.kind = 'persona' and p.org_id = app.my_org() and app.is_admin((select auth.uid()))))
$_$;

COMMENT ON FUNCTION app.may_dress(p_path text) IS 'Takes a path in bucket avatars; tells whether it is in the folder of the person asking, or of a persona that they may dress.';

CREATE FUNCTION app.may_exchange_contacts(p_conversation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select not exists (
    select
      from public.conversation_members m
      join public.profiles p on p.id = m.member_id
     where m.conversation_id = p_conversation
       and m.left_at is null
       and p.kind = 'human'
       and not exists (select
                         from public.consents k
                        where k.user_id = m.member_id
                          and k.purpose = 'contact_exchange'
                          and k.conversation_id = p_conversation
                          and k.withdrawn_at is null))
$$;

COMMENT ON FUNCTION app.may_exchange_contacts(p_conversation uuid) IS 'Takes a conversation; tells whether all people in it have agreed that contacts are told there.';

CREATE FUNCTION app.may_manage_role(p_org uuid, p_user uuid, p_role text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select p_org = app.my_org()
     and p_user <> (select auth.uid())
     and (app.role_of((select auth.uid())) = 'superadmin'
          or app.role_of((select auth.uid())) = 'admin' and p_role <> 'superadmin')
$$;

COMMENT ON FUNCTION app.may_manage_role(p_org uuid, p_user uuid, p_role text) IS 'Takes an organisation, a person and a role; tells whether the person asking may give or take it: superadmins all, admins all but superadmin, nobody their own.';

CREATE FUNCTION app.may_manage_team(p_team uuid, p_user uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.is_admin((select auth.uid()))
     and exists (
       select
         from public.teams t
         join public.profiles p on p.org_id = t.org_id
        where t.id = p_team
          and t.org_id = app.my_org()
          and p.id = p_user)
$$;

COMMENT ON FUNCTION app.may_manage_team(p_team uuid, p_user uuid) IS 'Takes a team and a person; tells whether the person asking may put them in, change or take them out: an admin of the organisation of both.';

CREATE FUNCTION app.may_signal(p_conversation uuid, p_extension text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case p_extension
           when 'broadcast' then not app.is_shadow_banned(p_conversation)
                             and coalesce((select s.show_typing from public.user_privacy_settings s where s.user_id = (select auth.uid())), true)
           when 'presence' then coalesce((select s.show_presence from public.user_privacy_settings s where s.user_id = (select auth.uid())), true)
           else false
         end
     and app.is_member(p_conversation)
$$;

COMMENT ON FUNCTION app.may_signal(p_conversation uuid, p_extension text) IS 'Takes a conversation and broadcast or presence; tells whether the others there may be told that the person asking types, or is there.';

CREATE FUNCTION app.may_tell(p_user uuid, p_kind text, p_conversation uuid, p_actor uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select not app.have_blocked(p_user, p_actor)
     and (p_kind not in ('dm', 'mention', 'reply', 'reaction')
          or exists (
            select
              from public.conversation_members m
              join public.inbox i on i.member_id = m.member_id and i.conversation_id = m.conversation_id
              join public.conversations c on c.id = m.conversation_id
             where m.conversation_id = p_conversation
               and m.member_id = p_user
               and m.left_at is null
               and (i.muted_until is null or i.muted_until <= app.now())
               and case coalesce(i.notify_level, c.notify_default)
                     when 'all' then true
                     when 'mentions' then p_kind = 'mention'
                     else false end))
$$;

COMMENT ON FUNCTION app.may_tell(p_user uuid, p_kind text, p_conversation uuid, p_actor uuid) IS 'Takes a person, a kind of notice, a conversation and whose doing it is; tells whether the person is to hear of it: not from somebody blocked, nor from a conversation that they have muted, left or turned down.';

CREATE FUNCTION app.may_upload(p_path text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from app.file_uploads u
     where u.path = p_path
       and u.expires_at > app.now()
       and case when u.brought_by is null
                then u.uploader_id = (select auth.uid()) and app.file_refusal(u.conversation_id) is null
                else u.brought_by = (select auth.uid()) and app.file_refusal_of(u.uploader_id, u.conversation_id) is null end)
$$;

COMMENT ON FUNCTION app.may_upload(p_path text) IS 'Takes a path in bucket chat; tells whether the person asking was given it by request_upload, and may still put files there.';

CREATE FUNCTION app.may_use_template(p_scope text, p_org uuid, p_owner uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case p_scope
           when 'personal' then p_owner = (select auth.uid())
           when 'org' then p_org = app.my_org()
           else p_org = app.my_org() and app.is_admin((select auth.uid()))
         end
$$;

COMMENT ON FUNCTION app.may_use_template(p_scope text, p_org uuid, p_owner uuid) IS 'Takes a template''s scope, organisation and owner; tells whether the person asking may read and use it.';

CREATE FUNCTION app.may_write_template(p_scope text, p_org uuid, p_owner uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case p_scope
           when 'personal' then p_owner = (select auth.uid())
           else p_org = app.my_org() and app.is_admin((select auth.uid()))
         end
$$;

COMMENT ON FUNCTION app.may_write_template(p_scope text, p_org uuid, p_owner uuid) IS 'Takes a template''s scope, organisation and owner; tells whether the person asking may write it: their own, or as an admin those that are shared.';

CREATE FUNCTION app.me() RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.me() IS 'Gives the id of the person asking. Errors: PT401 signed_out.';

CREATE FUNCTION app.mentioned(p_conversation uuid, p_body text, p_wished uuid[], p_sender uuid) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  words text[];
begin
  -- Most messages name nobody, and that must cost nothing.
  if coalesce(strpos(p_body, '@'), 0) = 0 and coalesce(cardinality(p_wished), 0) = 0 then
    return '{}';
  end if;
  -- The full stop after a name ends the sentence.
  select array_agg(distinct name) into words
    from regexp_matches(p_body, '(?:^|[^[:alnum:]_@])@([[:alnum:]][[:alnum:]_.-]{0,31})', 'g') word,
         unnest(array[lower(word[1]), rtrim(lower(word[1]), '.-')]) name;
  return (
    select coalesce(array_agg(named.id order by named.id), '{}')
      from (select meant.id
              from (select p.id
                      from public.conversations c
                      join public.profiles p on p.org_id = c.org_id and p.username = any (words)
                     where c.id = p_conversation
                    union
                    select wished
                      from unnest(p_wished) wished) meant
             where meant.id <> p_sender
               and app.role_in(p_conversation, meant.id) is not null
               and not exists (select
                                 from public.user_privacy_settings s
                                where s.user_id = meant.id
                                  and (s.allow_mentions_from = 'nobody'
                                       or s.allow_mentions_from = 'contacts'
                                          and not exists (select
                                                            from public.user_contacts k
                                                           where k.owner_id = meant.id
                                                             and k.contact_id = p_sender)))
             order by meant.id
             limit 50) named);
end
$$;

COMMENT ON FUNCTION app.mentioned(p_conversation uuid, p_body text, p_wished uuid[], p_sender uuid) IS 'Takes a conversation, a body, people whom the client names and the sender; gives the members, at most 50, who are meant by id or @username and let themselves be mentioned.';

CREATE FUNCTION app.mentions_all(p_conversation uuid, p_body text) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $_$
begin
  if coalesce(strpos(p_body, '@'), 0) = 0
     or p_body !~* '(^|[^[:alnum:]_@])@(all|here|channel)([^[:alnum:]_]|$)' then
    return false;
  end if;
  return (select c.member_count <= 100 or app.can_do(c.id, 'pin')
            from public.conversations c
           where c.id = p_conversation);
end
$_$;

COMMENT ON FUNCTION app.mentions_all(p_conversation uuid, p_body text) IS 'Takes a conversation and a body; tells whether it calls everybody: by @all, @here or @channel, among more than 100 for moderators only.';

CREATE FUNCTION app.muted_until(p_conversation uuid, p_refusal text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select format('until=%s', coalesce(max(coalesce(r.expires_at, 'infinity')), 'infinity'))
    from public.user_restrictions r
   where p_refusal = 'muted'
     and r.user_id = auth.uid()
     and r.restriction_type in ('mute', 'ban')
     and (r.conversation_id is null or r.conversation_id = p_conversation)
     and r.lifted_at is null
  having count(*) > 0
$$;

COMMENT ON FUNCTION app.muted_until(p_conversation uuid, p_refusal text) IS 'Takes a conversation and a refusal; gives, where it is muted, until when the person asking is, else null.';

CREATE FUNCTION app.my_conversations() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select m.conversation_id
    from public.conversation_members m
   where m.member_id = (select auth.uid())
     and m.left_at is null
$$;

COMMENT ON FUNCTION app.my_conversations() IS 'Gives the conversations the person asking is in now.';

CREATE FUNCTION app.my_org() RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select p.org_id
    from public.profiles p
   where p.id = (select auth.uid())
     and p.erased_at is null
$$;

COMMENT ON FUNCTION app.my_org() IS 'Gives the organisation of the person asking, or null.';

CREATE FUNCTION app.my_orgs_teams() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select t.id
    from public.teams t
   where t.org_id = (select app.my_org())
$$;

COMMENT ON FUNCTION app.my_orgs_teams() IS 'Gives the teams of the organisation of the person asking.';

CREATE FUNCTION app.my_overseen_orgs() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select o.org_id
    from app.overseers o
   where o.user_id = (select auth.uid())
$$;

COMMENT ON FUNCTION app.my_overseen_orgs() IS 'Gives the organisations whose every conversation the person asking may read.';

CREATE FUNCTION app.names_of(p_members uuid[]) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select string_agg(who.display_name, ', ' order by who.place) filter (where who.place <= 3)
         || case when count(*) > 3 then format(' and %s more', count(*) - 3) else '' end
    from (select p.display_name, row_number() over (order by p.display_name, p.id) as place
            from public.profiles p
           where p.id = any (p_members)) who
$$;

COMMENT ON FUNCTION app.names_of(p_members uuid[]) IS 'Takes people; gives the names of three of them, and how many more there are.';

CREATE FUNCTION app.nearest(p_embedding real[], p_limit integer) RETURNS TABLE(conversation_id uuid, message_id uuid, distance double precision)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
begin
  -- Under a filter an index gives its nearest, of which few may be left; so it is asked on until there are enough.
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  return query execute format(
    'select e.conversation_id, e.message_id, e.embedding::%2$s.vector(%1$s) operator(%2$s.<=>) $1::%2$s.vector(%1$s)
       from public.message_embeddings e
      where cardinality(e.embedding) = %1$s
        and exists (select
                      from app.message_words w
                      join public.conversation_members k on k.conversation_id = w.conversation_id
                     where w.conversation_id = e.conversation_id
                       and w.message_id = e.message_id
                       and k.member_id = $2
                       and k.left_at is null
                       and k.joined_chapter <= w.chapter)
      order by e.embedding::%2$s.vector(%1$s) operator(%2$s.<=>) $1::%2$s.vector(%1$s)
      limit $3',
    cardinality(p_embedding), app.vector_schema())
  using p_embedding, auth.uid(), p_limit;
end
$_$;

COMMENT ON FUNCTION app.nearest(p_embedding real[], p_limit integer) IS 'Takes a vector and how many; gives the messages nearest to it that the person asking may read, of those with vectors of as many dimensions.';

CREATE FUNCTION app.next_digest(p_user uuid, p_digest text, p_at time without time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case p_digest
           when 'hourly' then date_trunc('hour', app.now()) + interval '1 hour'
           when 'daily' then (here.today + case when here.clock < p_at then 0 else 1 end + p_at) at time zone here.zone
           when 'weekly' then (here.monday + case when here.today = here.monday and here.clock < p_at then 0 else 7 end + p_at) at time zone here.zone
         end
    from (select z.zone,
                 (app.now() at time zone z.zone)::date as today,
                 (app.now() at time zone z.zone)::time as clock,
                 date_trunc('week', app.now() at time zone z.zone)::date as monday
            from (select app.timezone_of(p_user) as zone) z) here
$$;

COMMENT ON FUNCTION app.next_digest(p_user uuid, p_digest text, p_at time without time zone) IS 'Takes a person, how often and at what time of their day; gives when their next digest is due: on the hour, or every day or Monday at that time; null when off.';

CREATE FUNCTION app.note_mentions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  newly uuid[];
begin
  delete from public.message_mentions k
   where k.conversation_id = new.conversation_id
     and k.message_id = new.id
     and not k.mentioned_id = any (new.mentions);
  with noted as (
    insert into public.message_mentions (conversation_id, message_id, mentioned_id, seq)
    select new.conversation_id, new.id, named, new.seq
      from unnest(new.mentions) named
    on conflict do nothing
    returning mentioned_id
  )
  select coalesce(array_agg(noted.mentioned_id), '{}') into newly from noted;

  if new.mentions_all and (tg_op = 'INSERT' or not old.mentions_all) then
    newly := (select array_agg(m.member_id)
                from public.conversation_members m
               where m.conversation_id = new.conversation_id
                 and m.left_at is null
                 and m.member_id <> new.sender_id);
  end if;

  update public.inbox i
     set mention_count = i.mention_count + 1
   where i.conversation_id = new.conversation_id
     and i.member_id = any (newly)
     and i.last_read_seq < new.seq;
  return null;
end
$$;

COMMENT ON FUNCTION app.note_mentions() IS 'Trigger: whoever is mentioned finds it, and has one mention more in what is unread; a correction tells only those whom it adds.';

CREATE TABLE public.notifications (
    id uuid DEFAULT base.uuid7() NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    conversation_id uuid,
    message_id uuid,
    actor_id uuid,
    subject_id uuid,
    count integer DEFAULT 1 NOT NULL,
    title text,
    body text,
    in_app boolean DEFAULT true NOT NULL,
    told_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone,
    read_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notifications_body_fits CHECK ((char_length(body) <= 1000)),
    CONSTRAINT notifications_kind_known CHECK ((kind = ANY (ARRAY['dm'::text, 'mention'::text, 'reply'::text, 'reaction'::text, 'invite'::text, 'meeting'::text, 'warning'::text, 'report'::text, 'system'::text]))),
    CONSTRAINT notifications_title_fits CHECK ((char_length(title) <= 200))
)
WITH (fillfactor='80');

ALTER TABLE ONLY public.notifications REPLICA IDENTITY FULL;

COMMENT ON TABLE public.notifications IS 'What people are told of. What is said in a conversation is one row as long as it is unread, which counts; there is none for each message and member.';

COMMENT ON COLUMN public.notifications.subject_id IS 'What it is about, if not a message: a meeting, an invitation.';

COMMENT ON COLUMN public.notifications.title IS 'Words, where no message has them.';

COMMENT ON COLUMN public.notifications.in_app IS 'False when the person wants to be told elsewhere only.';

COMMENT ON COLUMN public.notifications.told_at IS 'When it last happened.';

CREATE FUNCTION app.notice_words(p_notice public.notifications) RETURNS TABLE(title text, body text, path text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case p_notice.kind
           when 'dm' then p.display_name
           when 'mention' then format('%s mentioned you in %s', p.display_name, coalesce(c.title, 'a conversation'))
           when 'reply' then format('%s answered in %s', p.display_name, coalesce(c.title, 'a conversation'))
           when 'reaction' then format('%s: %s', p.display_name, p_notice.title)
           when 'invite' then format('%s invites you to %s', p.display_name, coalesce(p_notice.title, 'a conversation'))
           else coalesce(p_notice.title, initcap(p_notice.kind)) end,
         coalesce(p_notice.body, app.preview(m.body, m.attachments), ''),
         case when c.id is null then '' else replace(app.setting(c.org_id, 'conversation_path') #>> '{}', '{id}', c.id::text) end
    from (select) one
    left join public.profiles p on p.id = p_notice.actor_id
    left join public.conversations c on c.id = p_notice.conversation_id
    left join public.conversation_members k on k.conversation_id = c.id and k.member_id = p_notice.user_id and k.left_at is null
    left join public.messages m on m.conversation_id = k.conversation_id and m.id = p_notice.message_id
                               and m.visibility = 'normal' and m.chapter >= k.joined_chapter
$$;

COMMENT ON FUNCTION app.notice_words(p_notice public.notifications) IS 'Takes a notice; gives a line, the words as they stand now and as far as the person may still read them, and the page of the front-end that shows it.';

CREATE FUNCTION app.notify(p_users uuid[], p_kind text, p_conversation uuid DEFAULT NULL::uuid, p_message uuid DEFAULT NULL::uuid, p_actor uuid DEFAULT NULL::uuid, p_subject uuid DEFAULT NULL::uuid, p_title text DEFAULT NULL::text, p_body text DEFAULT NULL::text) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with told as (
    insert into public.notifications as n (user_id, kind, conversation_id, message_id, actor_id, subject_id, title, body, in_app)
    select p.id, p_kind, p_conversation, p_message, p_actor, p_subject, left(p_title, 200), left(p_body, 1000), app.wants(p.id, 'app', p_kind)
      from public.profiles p
     where p.id = any (p_users)
       and p.id is distinct from p_actor
       and p.kind = 'human'
       and p.erased_at is null
       and (app.wants(p.id, 'app', p_kind) or app.wants(p.id, 'push', p_kind) or app.wants(p.id, 'mail', p_kind))
       and app.may_tell(p.id, p_kind, p_conversation, p_actor)
     order by p.id
    on conflict (user_id, kind, conversation_id) where read_at is null and kind in ('dm', 'mention', 'reply', 'reaction') do update
       set count = n.count + 1,
           message_id = excluded.message_id,
           actor_id = excluded.actor_id,
           in_app = excluded.in_app,
           told_at = excluded.told_at,
           seen_at = null
    returning n.id, n.user_id, n.count
  ),
  leaving as (
    -- Half a minute to read it on the device that is at hand, ten for coming back: who has read it is not told elsewhere.
    -- Mail goes once for what is unread, whatever is added to it.
    insert into app.notice_outbox as o (notification_id, user_id, push_at, mail_at)
    select away.id, away.user_id, away.push_at, away.mail_at
      from (select told.id,
                   told.user_id,
                   case when walkie.can_push(told.user_id) and app.wants(told.user_id, 'push', p_kind)
                        then app.now() + interval '30 s' end as push_at,
                   case when told.count = 1 and app.wants(told.user_id, 'mail', p_kind)
                        then app.now() + interval '10 min' end as mail_at
              from told) away
     where away.push_at is not null
        or away.mail_at is not null
    on conflict (notification_id) do update
       set push_at = coalesce(o.push_at, excluded.push_at),
           mail_at = coalesce(o.mail_at, excluded.mail_at)
  )
  select count(*)::integer from told
$$;

COMMENT ON FUNCTION app.notify(p_users uuid[], p_kind text, p_conversation uuid, p_message uuid, p_actor uuid, p_subject uuid, p_title text, p_body text) IS 'Takes people, a kind of notice and, as far as there are, the conversation, the message, whose doing it is, what else it is about, and words; tells those who want to hear of it, and gives how many. What is unread already counts one more.';

CREATE FUNCTION app.now() RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  -- A setting moves it for one session, and only for one of whoever owns the rules: anybody could set one.
  if coalesce(current_setting('app.test_now', true), '') <> ''
     and pg_has_role(session_user, (select n.nspowner from pg_catalog.pg_namespace n where n.nspname = 'app'), 'member') then
    return current_setting('app.test_now')::timestamptz;
  end if;
  return now() + coalesce((select c.ahead from app.clock c), interval '0');
end
$$;

COMMENT ON FUNCTION app.now() IS 'Gives the time of the transaction. Tests move it: for the whole database by a row in app.clock, for their session by app.test_now, which is heeded in sessions of the owner alone.';

CREATE FUNCTION app.object_name(p_name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $_$
  -- What an object's name must not have in it, and what a path would take for a step.
  select case when safe.name ~ '^[. ]*$' then 'file' else safe.name end
    from (select btrim(left(regexp_replace(p_name, '[][{}|<>"#%\\^~`/[:cntrl:]]+', '_', 'g'), 120)) as name) safe
$_$;

COMMENT ON FUNCTION app.object_name(p_name text) IS 'Takes a file''s name; gives the last part of its object''s path.';

CREATE TABLE public.conversations (
    id uuid DEFAULT base.uuid7() NOT NULL,
    org_id uuid NOT NULL,
    kind text NOT NULL,
    visibility text DEFAULT 'private'::text NOT NULL,
    title text,
    slug text,
    dm_key text,
    created_by uuid,
    last_seq bigint DEFAULT 0 NOT NULL,
    last_rev bigint DEFAULT 0 NOT NULL,
    root_count bigint DEFAULT 0 NOT NULL,
    chapter integer DEFAULT 0 NOT NULL,
    last_message_id uuid,
    last_message_at timestamp with time zone,
    last_preview text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    description text,
    topic text,
    category_id uuid,
    posting text DEFAULT 'members'::text NOT NULL,
    engagement_id uuid,
    created_for uuid,
    member_count integer DEFAULT 0 NOT NULL,
    receipts_mode text DEFAULT 'all'::text NOT NULL,
    notify_default text DEFAULT 'all'::text NOT NULL,
    slow_mode_s integer DEFAULT 0 NOT NULL,
    edit_window_s integer,
    no_forward boolean DEFAULT false NOT NULL,
    priority text DEFAULT 'normal'::text NOT NULL,
    locked_at timestamp with time zone,
    archived_at timestamp with time zone,
    CONSTRAINT conversations_description_fits CHECK ((char_length(description) <= 2000)),
    CONSTRAINT conversations_dm_has_key CHECK (((kind = 'dm'::text) = (dm_key IS NOT NULL))),
    CONSTRAINT conversations_edit_window_in_range CHECK ((edit_window_s >= 0)),
    CONSTRAINT conversations_engagement_has_one CHECK (((kind = 'engagement'::text) = (engagement_id IS NOT NULL))),
    CONSTRAINT conversations_kind_known CHECK ((kind = ANY (ARRAY['dm'::text, 'group'::text, 'room'::text, 'engagement'::text, 'persona_group'::text, 'persona_dm'::text, 'announcement'::text]))),
    CONSTRAINT conversations_notify_default_known CHECK ((notify_default = ANY (ARRAY['all'::text, 'mentions'::text, 'none'::text]))),
    CONSTRAINT conversations_posting_known CHECK ((posting = ANY (ARRAY['members'::text, 'admins'::text, 'nobody'::text]))),
    CONSTRAINT conversations_priority_known CHECK ((priority = ANY (ARRAY['low'::text, 'normal'::text, 'high'::text, 'urgent'::text]))),
    CONSTRAINT conversations_receipts_mode_known CHECK ((receipts_mode = ANY (ARRAY['all'::text, 'count'::text, 'off'::text]))),
    CONSTRAINT conversations_room_has_slug CHECK (((kind = 'room'::text) = (slug IS NOT NULL))),
    CONSTRAINT conversations_slow_mode_in_range CHECK (((slow_mode_s >= 0) AND (slow_mode_s <= 86400))),
    CONSTRAINT conversations_slug_is_url_word CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text)),
    CONSTRAINT conversations_title_fits CHECK (((title ~ '\S'::text) AND (char_length(title) <= 200))),
    CONSTRAINT conversations_topic_fits CHECK ((char_length(topic) <= 250)),
    CONSTRAINT conversations_visibility_known CHECK ((visibility = ANY (ARRAY['private'::text, 'org'::text, 'public'::text])))
)
WITH (fillfactor='70');

COMMENT ON TABLE public.conversations IS 'Every place where people talk: pairs, groups and rooms.';

COMMENT ON COLUMN public.conversations.visibility IS 'private: by invitation; org: anyone of the organisation may join; public: as org, and findable from outside.';

COMMENT ON COLUMN public.conversations.slug IS 'A room''s name in addresses.';

COMMENT ON COLUMN public.conversations.dm_key IS 'Both ids of a pair, the lower first: a pair has one conversation.';

COMMENT ON COLUMN public.conversations.last_seq IS 'Number of the newest message; the row''s lock makes numbers follow commit order, without gaps.';

COMMENT ON COLUMN public.conversations.last_rev IS 'Clock of changes: a client that has seen up to n asks for what is above n.';

COMMENT ON COLUMN public.conversations.root_count IS 'How many messages count as unread to one who has read none.';

COMMENT ON COLUMN public.conversations.chapter IS 'Rises when people are let in who may not read what was said before. Policies compare chapters, not message numbers, so that one verdict serves all messages of a chapter.';

COMMENT ON COLUMN public.conversations.last_preview IS 'The newest message''s first words, for the inbox; null until somebody speaks in this chapter.';

COMMENT ON COLUMN public.conversations.posting IS 'Who may speak: every member whose role may, admins alone, or nobody.';

COMMENT ON COLUMN public.conversations.created_for IS 'The person for whom it was made, where an organisation makes one for each.';

COMMENT ON COLUMN public.conversations.receipts_mode IS 'all: members see how far each has read, up to 100 of them; count: how many have; off: nothing.';

COMMENT ON COLUMN public.conversations.edit_window_s IS 'How long words may be corrected; null means as the organisation says.';

COMMENT ON COLUMN public.conversations.no_forward IS 'Whether what is said here must stay here.';

COMMENT ON COLUMN public.conversations.locked_at IS 'Since when nobody speaks; null means open.';

COMMENT ON COLUMN public.conversations.archived_at IS 'Since when it is put away for all.';

CREATE FUNCTION app.open_engagement(p_engagement uuid) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  deal public.engagements;
  place public.conversations;
begin
  select e.* into strict deal from public.engagements e where e.id = p_engagement;
  insert into public.conversations (org_id, kind, title, engagement_id, created_by)
  values (deal.org_id, 'engagement', deal.title, deal.id, auth.uid())
  on conflict (engagement_id) do nothing
  returning * into place;
  if place.id is not null then
    perform app.admit(place.id, array[deal.client_id, deal.consultant_id], 'member', true);
  end if;
  select c.* into strict place from public.conversations c where c.engagement_id = deal.id;
  return place;
end
$$;

COMMENT ON FUNCTION app.open_engagement(p_engagement uuid) IS 'Takes an engagement; gives its one conversation, made if need be, with client and consultant in it.';

CREATE FUNCTION app.open_inboxes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.open_inboxes() IS 'Trigger: whoever comes in gets an inbox row and is counted.';

CREATE FUNCTION app.open_profile(p_id uuid, p_said_of_self jsonb, p_email text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.open_profile(p_id uuid, p_said_of_self jsonb, p_email text) IS 'Takes an account''s id, what it says of itself and its address; makes the person in the first organisation: profile, role, private settings and a group of their own where the organisation says so.';

CREATE FUNCTION app.ord_read(p_conversation uuid, p_seq bigint, p_ord bigint, p_last_sent bigint, p_member uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select p_ord + case when p_last_sent <= p_seq then 0 else (
    select count(*)
      from public.messages m
     where m.conversation_id = p_conversation
       and m.seq > p_seq
       and m.seq <= p_last_sent
       and m.sender_id = p_member
       and m.thread_id is null
       and m.message_type <> 'system'
       and m.visibility = 'normal') end
$$;

COMMENT ON FUNCTION app.ord_read(p_conversation uuid, p_seq bigint, p_ord bigint, p_last_sent bigint, p_member uuid) IS 'Takes a conversation, a message''s seq and ord, the seq of the member''s own newest message, and the member; gives the pointer''s ord: that of the message, and one for each message of one''s own behind it.';

CREATE FUNCTION app.own_meeting(p_meeting uuid) RETURNS public.meetings
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.own_meeting(p_meeting uuid) IS 'Takes a meeting; locks and gives it if the person asking called it and it is to take place. Errors: PT401 signed_out, PT403 not_organizer, PT404 no_such_meeting.';

CREATE FUNCTION app.pass_on(p_attachments jsonb, p_to uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  place public.conversations;
  refusal text;
  shown record;
  passed public.file_versions;
  given jsonb := '[]';
begin
  if p_attachments = '[]' then
    return p_attachments;
  end if;
  select c.* into place from public.conversations c where c.id = p_to;
  refusal := app.file_refusal(p_to);
  if refusal is not null then
    perform app.refuse(refusal);
  end if;
  for shown in
    select (a.value ->> 'file_id')::uuid as file_id, (a.value ->> 'version')::integer as version, a.value ->> 'alt_text' as alt_text
      from jsonb_array_elements(p_attachments) with ordinality a (value, place)
     order by a.place
  loop
    -- Locked, so that the bytes do not go while they get another holder.
    select v.* into passed
      from public.file_versions v
      join storage.objects o on o.bucket_id = 'chat' and o.name = v.object_path and o.version = v.object_version::text
     where v.file_id = shown.file_id
       and v.version = shown.version
       and v.org_id = place.org_id
       and v.scan_status in ('clean', 'skipped')
       for key share of o;
    if passed.file_id is null then
      perform app.refuse('files_stay');
    end if;
    perform app.count_bytes(place.org_id, me, passed.size_bytes);
    perform app.require_room(place.org_id, me, 0);
    passed.visibility := case when app.is_restricted(me, array['shadow_ban'], p_to) then 'shadow' else 'normal' end;
    passed.file_id := base.uuid7();
    insert into public.files (id, org_id, conversation_id, owner_id, name, chapter, visibility, last_version)
    values (passed.file_id, place.org_id, p_to, me, passed.name, place.chapter, passed.visibility, 1);
    insert into public.file_versions (file_id, version, conversation_id, org_id, chapter, visibility, upload_id, object_path,
                                      object_version, name, size_bytes, mime_type, sha256, uploaded_by, scan_status,
                                      scan_engine, scanned_at, width, height, duration_ms)
    values (passed.file_id, 1, p_to, place.org_id, place.chapter, passed.visibility, base.uuid7(), passed.object_path,
            passed.object_version, passed.name, passed.size_bytes, passed.mime_type, passed.sha256, me, passed.scan_status,
            passed.scan_engine, passed.scanned_at, passed.width, passed.height, passed.duration_ms);
    given := given || jsonb_build_array(jsonb_strip_nulls(
      jsonb_build_object('file_id', passed.file_id, 'version', 1, 'alt_text', shown.alt_text)));
  end loop;
  return given;
end
$$;

COMMENT ON FUNCTION app.pass_on(p_attachments jsonb, p_to uuid) IS 'Takes what a message shows and a conversation; makes files of the same bytes there, as the person asking, and gives what a message there shows. Errors: those of app.file_refusal, PT413 quota_full, PT422 files_stay where one is not there, is not clean, or is of another organisation.';

CREATE FUNCTION app.plan_digest() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'INSERT' then
    new.user_id := coalesce(auth.uid(), new.user_id);
  end if;
  new.digest_next := app.next_digest(new.user_id, new.digest, new.digest_at);
  return new;
end
$$;

COMMENT ON FUNCTION app.plan_digest() IS 'Trigger: fills whose the settings are, and when the next digest is due.';

CREATE FUNCTION app.policy_refusal(p_from uuid, p_to uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  -- Rules add up: one that lets is enough, and the first one's word tells why none does.
  select case when bool_or(rules.refusal is null) then null
              else (array_agg(rules.refusal order by rules.place))[1] end
    from (select rule.place, app.rule_refusal(rule.name, p_from, p_to) as refusal
            from public.profiles p,
                 jsonb_array_elements_text(app.setting(p.org_id, 'dm_policy')) with ordinality rule (name, place)
           where p.id = p_from) rules
$$;

COMMENT ON FUNCTION app.policy_refusal(p_from uuid, p_to uuid) IS 'Takes the writer and the one written to; gives null if one of the organisation''s rules lets them, else the word of the first.';

CREATE FUNCTION app.post_refusal(p_conversation uuid) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.post_refusal(p_conversation uuid) IS 'Takes a conversation; gives the word why the person asking may not speak there now (cannot_post, admin_read_only, locked, posting_closed, muted, engagement_over, blocked), or null when they may.';

CREATE FUNCTION app.preview(p_body text, p_attachments jsonb DEFAULT '[]'::jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
  select coalesce(left(coalesce(nullif(regexp_replace(btrim(p_body), '\s+', ' ', 'g'), ''), 'Sent a file: ' || (p_attachments -> 0 ->> 'name')), 80),
                  'This message was deleted')
$$;

COMMENT ON FUNCTION app.preview(p_body text, p_attachments jsonb) IS 'Takes a body, null when deleted, and what comes with it; gives the line that the inbox shows: the words, else that a file was sent, with its name.';

CREATE FUNCTION app.privacy_lets(p_from uuid, p_to uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.privacy_lets(p_from uuid, p_to uuid) IS 'Takes the writer and the one written to; tells whether the latter''s settings agree.';

CREATE FUNCTION app.promised_type(p_name text, p_said text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $_$
  select coalesce((select t.mime_type
                     from app.file_types t
                    where t.extension = lower(substring(p_name from '\.([[:alnum:]]{1,16})$'))),
                  p_said, 'application/octet-stream')
$_$;

COMMENT ON FUNCTION app.promised_type(p_name text, p_said text) IS 'Takes a file''s name and the type that its uploader says; gives the type that it should then be.';

CREATE FUNCTION app.publish_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.files f
     set current_version = best.version,
         chapter = greatest(f.chapter, best.chapter),
         name = case when best.version <> f.current_version or f.current_version is null then coalesce(best.name, f.name) else f.name end,
         updated_at = clock_timestamp()
    from (select) one
    left join lateral (
      select v.version, v.chapter, v.name
        from public.file_versions v
       where v.file_id = new.file_id
         and v.scan_status in ('clean', 'skipped')
         and v.object_version is not null
       order by v.version desc
       limit 1) best on true
   where f.id = new.file_id
     and f.deleted_at is null
     and f.current_version is distinct from best.version;
  return null;
end
$$;

COMMENT ON FUNCTION app.publish_version() IS 'Trigger: a file is the newest of its versions that others may have, or nothing yet.';

CREATE FUNCTION app.push_due() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  due record;
  quiet timestamptz;
begin
  for due in
    select o.notification_id, o.user_id, n as notice, n.read_at
      from app.notice_outbox o
      join public.notifications n on n.id = o.notification_id
     where o.push_at <= app.now()
     order by o.push_at
     limit 500
       for update of o skip locked
  loop
    quiet := case when due.read_at is null then app.quiet_until(due.user_id) end;
    if due.read_at is null and quiet is null and not app.is_active(due.user_id) then
      perform walkie.push(due.user_id,
                          jsonb_build_object('notification_id', due.notification_id, 'kind', (due.notice).kind,
                                             'conversation_id', (due.notice).conversation_id, 'message_id', (due.notice).message_id,
                                             'count', (due.notice).count, 'title', w.title, 'body', w.body, 'path', w.path),
                          replace(coalesce((due.notice).conversation_id, due.notification_id)::text, '-', ''))
         from app.notice_words(due.notice) w;
    end if;
    update app.notice_outbox o set push_at = quiet where o.notification_id = due.notification_id;
  end loop;
  delete from app.notice_outbox o
   where o.push_at is null
     and o.mail_at is null;
end
$$;

COMMENT ON FUNCTION app.push_due() IS 'Wakes the browsers of those who were told of something half a minute ago, have not read it and do nothing on any device; whoever wants quiet, when that is over. For a schedule.';

CREATE FUNCTION app.quiet_until(p_user uuid) RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select (here.today + case when s.quiet_from < s.quiet_to or here.clock < s.quiet_to then 0 else 1 end + s.quiet_to) at time zone here.zone
    from public.notification_settings s
   cross join lateral (select z.zone, (app.now() at time zone z.zone)::date as today, (app.now() at time zone z.zone)::time as clock
                         from (select app.timezone_of(s.user_id) as zone) z) here
   where s.user_id = p_user
     and case when s.quiet_from <= s.quiet_to then here.clock >= s.quiet_from and here.clock < s.quiet_to
              else here.clock >= s.quiet_from or here.clock < s.quiet_to end
$$;

COMMENT ON FUNCTION app.quiet_until(p_user uuid) IS 'Takes a person; gives when their quiet hours end, if they are in them, else null.';

CREATE FUNCTION app.read_own_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  -- What was held and is let through now was said earlier: its sender has read nothing by that.
  if current_setting('app.is_release', true) = 'on' then
    update public.inbox i
       set last_read_ord = i.last_read_ord + 1,
           last_sent_seq = new.seq
     where i.conversation_id = new.conversation_id
       and i.member_id = new.sender_id;
    return null;
  end if;
  update public.inbox i
     set last_read_seq = new.seq,
         last_read_ord = new.ord,
         last_sent_seq = case when new.visibility = 'normal' then new.seq else i.last_sent_seq end,
         last_sent_at = new.created_at,
         mention_count = 0
   where i.conversation_id = new.conversation_id
     and i.member_id = new.sender_id;
  delete from public.typing_states t
   where t.conversation_id = new.conversation_id
     and t.actor_id = new.sender_id;
  return null;
end
$$;

COMMENT ON FUNCTION app.read_own_message() IS 'Trigger: whoever speaks in the main line has read so far, and types no more.';

CREATE FUNCTION app.readable_file(p_file uuid) RETURNS public.files
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  found_ public.files;
begin
  select f.* into found_
    from public.files f
   where f.id = p_file
     and f.deleted_at is null
     and (f.current_version is not null or f.owner_id = auth.uid())
     and app.can_read(f.conversation_id, f.chapter, f.visibility, f.owner_id);
  if found_.id is null then
    perform app.refuse('no_such_file');
  end if;
  return found_;
end
$$;

COMMENT ON FUNCTION app.readable_file(p_file uuid) IS 'Takes a file; gives it if it is there and the person asking can see it. Errors: PT404 no_such_file.';

CREATE FUNCTION app.reckon_expiry() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if new.expires_at is null and new.duration_hours is not null then
    new.expires_at := new.created_at + make_interval(hours => new.duration_hours);
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION app.reckon_expiry() IS 'Trigger: a restriction of so many hours ends that long after it began.';

CREATE FUNCTION app.record_role() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.audit('change_role', 'org_members', new.user_id::text,
                    jsonb_build_object('from', old.role, 'to', new.role, 'suspended_at', new.suspended_at));
  return null;
end
$$;

COMMENT ON FUNCTION app.record_role() IS 'Trigger: a changed role is on record.';

CREATE FUNCTION app.refusals() RETURNS TABLE(hint text, code text, message text, meaning text)
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  values
    ('signed_out',         'PT401', 'Sign in first.', 'the call needs a person and nobody is signed in, or the account is gone'),
    ('not_manager',        'PT403', 'Your role in this conversation does not allow that.', 'only some roles of the conversation may do this'),
    ('not_admin',          'PT403', 'Only an admin of the organisation may do this.', 'the organisation leaves this to its admins'),
    ('not_moderator',      'PT403', 'Only a moderator of the organisation may do this.', 'the organisation leaves this to its moderators and admins'),
    ('own_message',        'PT403', 'Somebody else has to review your message.', 'reviewing a message of one''s own'),
    ('not_yours',          'PT403', 'This message is not yours to change.', 'the message is another''s'),
    ('edit_window_over',   'PT403', 'It is too late to correct this message.', 'the time for corrections is over'),
    ('delete_window_over', 'PT403', 'It is too late to take this message back for all; you can hide it for yourself.', 'the time for taking back is over'),
    ('no_forward',         'PT403', 'What is said here may not be passed on.', 'the conversation forbids forwarding'),
    ('removed',            'PT403', 'You were removed from this room.', 'one who was removed comes back by invitation only'),
    ('owner',              'PT403', 'An owner cannot be removed or demoted by another.', 'the member is an owner'),
    ('last_owner',         'PT403', 'A conversation keeps at least one owner.', 'the last owner cannot step down'),
    ('restricted',         'PT403', 'You cannot write to people at the moment.', 'a moderator has blocked or banned the caller'),
    ('privacy',            'PT403', 'This person does not take messages from you.', 'privacy settings or a block; which, is not told'),
    ('not_same_team',      'PT403', 'You can write only to people of your teams.', 'rule team: the two share no team'),
    ('no_engagement',      'PT403', 'You can write only to people you have a bid or project with.', 'rule engagement: no live engagement'),
    ('persona_only',       'PT403', 'You can write only in your own groups.', 'rule persona: the two share no live persona group'),
    ('new_account_limit',  'PT403', 'New accounts may write to a few people a day.', 'rule community: the limit of a new account is reached'),
    ('no_grant',           'PT403', 'Open this conversation with a reason first.', 'reading as an admin needs open_oversight here'),
    ('not_member',         'PT404', 'There is no such conversation.', 'no such conversation, or the caller is not in it: an outsider cannot tell which'),
    ('no_such_person',     'PT404', 'There is no such person here.', 'nobody by that id whom the caller could write to'),
    ('no_such_room',       'PT404', 'There is no such room.', 'no room by that name that the caller could join'),
    ('no_such_member',     'PT404', 'That person is not in the conversation.', 'the person meant is not a member'),
    ('no_such_message',    'PT404', 'There is no such message.', 'no message by that id that the caller can see'),
    ('no_such_invite',     'PT404', 'There is no such invitation.', 'no open invitation by that id'),
    ('no_such_engagement', 'PT404', 'There is no such engagement.', 'no engagement of the two by that id'),
    ('slug_taken',         'PT409', 'There is a room of that name already.', 'the organisation has a room of that name'),
    ('self',               'PT422', 'A conversation needs somebody else.', 'a conversation with oneself'),
    ('bad_kind',           'PT422', 'Conversations of that kind cannot be made this way.', 'a kind of conversation that cannot be made this way'),
    ('bad_title',          'PT422', 'A room''s title needs a letter from a to z or a digit.', 'no name could be made from the title'),
    ('dm_stays',           'PT422', 'A conversation of two cannot be left.', 'a conversation of two, or of an engagement, keeps its members'),
    ('bad_reply',          'PT422', 'The message you answer is not in this conversation.', 'the message answered or quoted is not there, or not readable'),
    ('bad_type',           'PT422', 'Messages of that type are not yours to send.', 'the type is written by the system'),
    ('no_attachment',      'PT422', 'A file message needs a file.', 'message_type file or image without an attachment'),
    ('bad_filter',         'PT422', 'There is no such filter.', 'a filter, cursor or scope that is not known'),
    ('bad_role',           'PT422', 'There is no such role.', 'a role that cannot be given'),
    ('bad_setting',        'PT422', 'There is no such setting, or not of that type.', 'an organisation''s setting that is not known'),
    ('bad_status',         'PT422', 'There is no such status.', 'a presence status that is not known'),
    ('no_words',           'PT422', 'Say something.', 'words that are needed are missing'),
    ('too_long',           'PT422', 'The message is too long.', 'longer than the organisation allows; details has the limit'),
    ('too_many',           'PT422', 'That is too many at once.', 'more than a call takes; details has the limit'),
    ('pins_full',          'PT422', 'A conversation holds up 50 messages; take one down first.', 'all 50 pins are used'),
    ('reactions_full',     'PT422', 'A message takes 20 different reactions.', 'the message has 20 different emoji'),
    ('slow_mode',          'PT429', 'This conversation is in slow mode.', 'the next message must wait; details and Retry-After say how long'),
    ('rate_limited',       'PT429', 'That was too fast. Try again in a moment.', 'an allowance is used up; details and Retry-After say how long'),
    ('not_organizer',      'PT403', 'This meeting is another''s to change.', 'another has called the meeting'),
    ('no_such_meeting',    'PT404', 'There is no such meeting.', 'no meeting by that id that the caller can see, is asked to, or could still change'),
    ('no_such_template',   'PT404', 'There is no such template.', 'no template by that id that the caller may use'),
    ('no_such_persona',    'PT404', 'There is no such persona here.', 'not a persona of the organisation, retired, or not in the conversation'),
    ('persona_taken',      'PT409', 'Another admin is speaking as this persona.', 'another admin keeps the persona; details says until when'),
    ('bad_variables',      'PT422', 'Values for a template come as one object.', 'values that are not a JSON object, or too large'),
    ('bad_time',           'PT422', 'That time does not work.', 'a time that is past or too far away, an end before the start, or an unknown time zone'),
    ('bad_link',           'PT422', 'That is not a title and link for such a meeting.', 'a link that is not https or not of the provider, an unknown provider, or a title that is blank or too long'),
    ('bad_reminder',       'PT422', 'A meeting has up to five reminders, of up to a week before.', 'reminders out of bounds'),
    ('bad_response',       'PT422', 'Answer yes, no or maybe.', 'an answer to a meeting that is none'),
    ('bad_subscription',   'PT422', 'That is no subscription of a browser.', 'not what PushSubscription.toJSON() gives'),
    ('bad_address',        'PT422', 'That is no e-mail address.', 'an address that cannot be one'),
    ('no_such_mail',       'PT404', 'This link is no longer known.', 'the token of a link in mail that nobody has'),
    ('no_vectors',         'PT501', 'This server cannot search by meaning.', 'a vector is given and the database lacks pgvector'),
    ('not_your_file',      'PT403', 'This file is not yours to delete.', 'the file is another''s, and the caller does not moderate'),
    ('no_such_file',       'PT404', 'There is no such file.', 'no file, or version of it, by that id that the caller can see'),
    ('no_such_upload',     'PT404', 'There is no such upload.', 'no upload by that id that the caller asked for, or it came too late'),
    ('not_uploaded',       'PT409', 'The file has not arrived yet.', 'the bytes of the upload are not all there'),
    ('file_too_large',     'PT413', 'The file is too large.', 'larger than the organisation allows; details has the limit in bytes'),
    ('quota_full',         'PT413', 'There is no room left for this file.', 'more than the person or the organisation may keep; details has what is used and the limit'),
    ('bad_file_type',      'PT415', 'Files of this type are not taken here.', 'a type that the organisation does not list, or bytes that are not what the name says; details has the type'),
    ('bad_file_name',      'PT422', 'A file or folder cannot be called that.', 'a name that is blank, too long or has a slash in it; details says which'),
    ('bad_checksum',       'PT422', 'The file was damaged on its way.', 'the bytes do not have the SHA-256 that was announced'),
    ('bad_attachment',     'PT422', 'That file cannot be sent here.', 'a file that is not of this conversation, not the sender''s to show, infected, or named twice'),
    ('files_stay',         'PT422', 'A file of this message cannot be passed on.', 'forwarding what was not found clean, is deleted, or is another organisation''s'),
    ('no_files',           '42501', 'You cannot send files at the moment.', 'a moderator keeps the caller from sending files'),
    ('cannot_post',        '42501', 'You cannot speak in this conversation.', 'writing into a conversation without being in it, or in a role that only listens'),
    ('admin_read_only',    '42501', 'Admins may read here, not write.', 'clients and consultants talk without admins'),
    ('posting_closed',     '42501', 'Only some may speak here.', 'the conversation''s posting excludes the caller'),
    ('locked',             '42501', 'This conversation is closed.', 'locked or archived for all'),
    ('muted',              '42501', 'You are muted.', 'a moderator has muted or banned the caller; details says until when'),
    ('engagement_over',    '42501', 'The engagement is over.', 'the bid or project is completed, cancelled or declined'),
    ('append_only',        '42501', 'Records are only ever added to.', 'a change or deletion of a record'),
    ('blocked',            '42501', 'This person does not take messages from you.', 'one of the two has blocked the other, or rules have changed since')
$$;

COMMENT ON FUNCTION app.refusals() IS 'Gives every refusal: the machine word, the SQLSTATE (PTnnn is the HTTP status nnn), the words for people and when it comes.';

CREATE FUNCTION app.refuse(p_hint text, p_detail text DEFAULT NULL::text, p_retry_after_s double precision DEFAULT NULL::double precision) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
declare
  refusal record;
begin
  select r.code, r.message into strict refusal
    from app.refusals() r
   where r.hint = p_hint;

  if refusal.code = 'PT429' then
    -- The form that carries headers: the status is 429, and Retry-After goes along.
    raise sqlstate 'PGRST' using
      message = jsonb_build_object('code', refusal.code, 'message', refusal.message,
                                   'details', format('retry_after=%s', ceil(p_retry_after_s)), 'hint', p_hint)::text,
      detail = jsonb_build_object('status', 429, 'headers',
                                  jsonb_build_object('Retry-After', ceil(p_retry_after_s)::text))::text,
      hint = p_hint;
  end if;
  if p_detail is null then
    raise exception using errcode = refusal.code, message = refusal.message, hint = p_hint;
  end if;
  raise exception using errcode = refusal.code, message = refusal.message, detail = p_detail, hint = p_hint;
end
$$;

COMMENT ON FUNCTION app.refuse(p_hint text, p_detail text, p_retry_after_s double precision) IS 'Takes a word of app.refusals(), a detail and, for 429, the seconds to wait; always raises.';

CREATE FUNCTION app.refuse_message(p_conversation uuid, p_message uuid, p_when_late text) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  sender uuid;
  refusal text;
begin
  select m.sender_id into sender
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  refusal := case when sender is null then 'no_such_message'
                  when sender <> auth.uid() then 'not_yours'
                  when p_when_late = 'edit_window_over' then coalesce(app.post_refusal(p_conversation), p_when_late)
                  else p_when_late end;
  perform app.refuse(refusal, app.muted_until(p_conversation, refusal));
end
$$;

COMMENT ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid, p_when_late text) IS 'Takes a message that could not be changed and the word for being late; says why. Errors, always: PT403 not_yours, edit_window_over or delete_window_over, PT404 no_such_message, or, for a correction, 42501 with the word why one may not speak.';

CREATE FUNCTION app.remind() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.notify(array[r.user_id], 'meeting', r.conversation_id, p_subject => r.meeting_id, p_title => r.title,
                    p_body => case when r.starts_at <= app.now() then 'It starts now.'
                                   else format('It starts in %s minutes.', ceil(extract(epoch from r.starts_at - app.now()) / 60)) end)
    from app.due_reminders() r
$$;

COMMENT ON FUNCTION app.remind() IS 'Tells whom a meeting is due for. For a schedule.';

CREATE FUNCTION app.replan_digest() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.notification_settings s
     set digest_next = app.next_digest(s.user_id, s.digest, s.digest_at)
   where s.user_id = new.id;
  return null;
end
$$;

COMMENT ON FUNCTION app.replan_digest() IS 'Trigger: whoever moves to another time zone gets digests by its clock.';

CREATE FUNCTION app.require_admin() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
  if not app.is_admin(app.me()) then
    perform app.refuse('not_admin');
  end if;
end
$$;

COMMENT ON FUNCTION app.require_admin() IS 'Returns if the person asking is an admin of their organisation. Errors: PT401 signed_out, PT403 not_admin.';

CREATE FUNCTION app.require_answerable(p_conversation uuid, p_message uuid) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if not exists (
    select
      from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message
       and (auth.uid() is null or app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id))
  ) then
    perform app.refuse('bad_reply');
  end if;
end
$$;

COMMENT ON FUNCTION app.require_answerable(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message to answer; returns if it is there and the person asking can read it. Errors: PT422 bad_reply.';

CREATE FUNCTION app.require_can_join(p_conversation uuid, p_newcomer uuid) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.require_can_join(p_conversation uuid, p_newcomer uuid) IS 'Takes a conversation and a newcomer; returns if the person asking may bring them in. Errors: as app.require_can_message.';

CREATE FUNCTION app.require_can_message(p_from uuid, p_to uuid) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.require_can_message(p_from uuid, p_to uuid) IS 'Takes the writer and the one written to; returns if that is allowed. Errors: PT422 self, PT404 no_such_person, PT403 restricted, privacy or the organisation''s rule, 42501 admin_read_only.';

CREATE FUNCTION app.require_may_found(p_kind text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
  if p_kind is null or p_kind not in ('group', 'room', 'announcement', 'persona_group') then
    perform app.refuse('bad_kind');
  elsif p_kind in ('announcement', 'persona_group') or app.setting(app.my_org(), 'groups_by') = '"admins"' then
    perform app.require_admin();
  end if;
end
$$;

COMMENT ON FUNCTION app.require_may_found(p_kind text) IS 'Takes a kind of conversation; returns if the person asking may make one. Errors: PT401 signed_out, PT403 not_admin, PT422 bad_kind.';

CREATE FUNCTION app.require_may_give(p_conversation uuid, p_role text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
  if p_role is null or p_role not in ('owner', 'admin', 'moderator', 'member', 'guest', 'observer') then
    perform app.refuse('bad_role');
  end if;
  if p_role in ('owner', 'admin', 'moderator') then
    perform app.require_right(p_conversation, 'appoint');
  end if;
end
$$;

COMMENT ON FUNCTION app.require_may_give(p_conversation uuid, p_role text) IS 'Takes a conversation and a role; returns if the person asking may give it there. Errors: PT403 not_manager, PT422 bad_role.';

CREATE FUNCTION app.require_may_say(p_place public.conversations, p_type text, p_body text, p_is_event boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := auth.uid();
  most integer := app.setting(p_place.org_id, 'max_message_len')::int;
  wait_s double precision;
begin
  perform app.take('send');
  if p_type in ('system', 'meeting') and not p_is_event or p_type = 'poll' then
    perform app.refuse('bad_type');
  elsif char_length(p_body) > most then
    perform app.refuse('too_long', format('limit=%s', most));
  end if;

  if p_place.slow_mode_s > 0 and not app.can_do(p_place.id, 'delete_any') then
    select extract(epoch from i.last_sent_at + make_interval(secs => p_place.slow_mode_s) - app.now()) into wait_s
      from public.inbox i
     where i.member_id = me
       and i.conversation_id = p_place.id;
    if wait_s > 0 then
      perform app.refuse('slow_mode', p_retry_after_s => wait_s);
    end if;
  end if;
end
$$;

COMMENT ON FUNCTION app.require_may_say(p_place public.conversations, p_type text, p_body text, p_is_event boolean) IS 'Takes a conversation, a message''s type, its body and whether the product itself says it; returns if the person asking may say it now. Errors: PT422 bad_type or too_long, PT429 slow_mode or rate_limited.';

CREATE FUNCTION app.require_meeting_time(p_starts timestamp with time zone, p_ends timestamp with time zone, p_timezone text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.require_meeting_time(p_starts timestamp with time zone, p_ends timestamp with time zone, p_timezone text) IS 'Takes when a meeting starts and ends, and a time zone; returns if it ends after it starts, within seven days, is not over, begins within five years, and the zone exists. Errors: PT422 bad_time.';

CREATE FUNCTION app.require_party(p_engagement uuid, p_one uuid, p_other uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
  if not exists (select
                   from public.engagements e
                  where e.id = p_engagement
                    and (e.client_id, e.consultant_id) in ((p_one, p_other), (p_other, p_one))
                    and e.status in ('bidding', 'negotiating', 'active')) then
    perform app.refuse('no_such_engagement');
  end if;
end
$$;

COMMENT ON FUNCTION app.require_party(p_engagement uuid, p_one uuid, p_other uuid) IS 'Takes an engagement and two people; returns if it is theirs and live. Errors: PT404 no_such_engagement.';

CREATE FUNCTION app.require_persona(p_conversation uuid, p_persona uuid) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.require_persona(p_conversation uuid, p_persona uuid) IS 'Takes a conversation and a persona; returns if the person asking may speak as that persona there. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona.';

CREATE FUNCTION app.require_right(p_conversation uuid, p_action text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
  perform app.me();
  if app.can_do(p_conversation, p_action) then
    return;
  end if;
  perform app.refuse(case when app.is_member(p_conversation) then 'not_manager' else 'not_member' end);
end
$$;

COMMENT ON FUNCTION app.require_right(p_conversation uuid, p_action text) IS 'Takes a conversation and an action of app.role_may; returns if the person asking may do it there. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member.';

CREATE FUNCTION app.require_room(p_org uuid, p_person uuid, p_bytes bigint) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.refuse('quota_full', format('used=%s limit=%s', room.used, room.most))
     from (select coalesce((select u.bytes from app.file_usage u where u.owner_id = coalesce(who.id, p_org)), 0) as used,
                  app.file_quota(p_org, who.id) as most
             from unnest(array[p_person, null]) who (id)) room
    where room.used + p_bytes > room.most;
end
$$;

COMMENT ON FUNCTION app.require_room(p_org uuid, p_person uuid, p_bytes bigint) IS 'Takes an organisation, a person and a number of bytes; returns if both may keep so many more. Errors: PT413 quota_full, details has what is used and the limit.';

CREATE FUNCTION app.reset(p_table regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  policy name;
begin
  for policy in
    select polname from pg_catalog.pg_policy where polrelid = p_table
  loop
    execute format('drop policy %I on %s', policy, p_table);
  end loop;
  execute format('revoke all on %s from public, anon, authenticated, service_role', p_table);
  execute format('alter table %s enable row level security', p_table);
end
$$;

COMMENT ON FUNCTION app.reset(p_table regclass) IS 'Takes a table; drops its policies, revokes all rights of the API roles and switches row security on.';

CREATE FUNCTION app.retell_attachments() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.messages m
     set attachments = (select jsonb_agg(app.attachment(v, a.alt_text) order by a.position)
                          from public.message_attachments a
                          join public.file_versions v on v.file_id = a.file_id and v.version = a.version
                         where a.conversation_id = m.conversation_id
                           and a.message_id = m.id)
    from public.message_attachments shown
   where shown.file_id = new.file_id
     and shown.version = new.version
     and m.conversation_id = shown.conversation_id
     and m.id = shown.message_id
     and m.deleted_at is null;
  return null;
end
$$;

COMMENT ON FUNCTION app.retell_attachments() IS 'Trigger: messages say of a file what has become of it, and change by that.';

CREATE FUNCTION app.role_in(p_conversation uuid, p_member uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select m.role
    from public.conversation_members m
   where m.conversation_id = p_conversation
     and m.member_id = p_member
     and m.left_at is null
$$;

COMMENT ON FUNCTION app.role_in(p_conversation uuid, p_member uuid) IS 'Takes a conversation and a person; gives their role there, null when not in it.';

CREATE FUNCTION app.role_may(p_role text, p_action text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.role_may(p_role text, p_action text) IS 'Takes a role in a conversation and post, post_where_admins_post, invite, remove, pin, delete_any, rename or appoint; tells whether the role may. Change it here.';

CREATE FUNCTION app.role_of(p_user uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select m.role
    from public.org_members m
    join public.profiles p on p.id = m.user_id and p.org_id = m.org_id
   where m.user_id = p_user
     and m.suspended_at is null
$$;

COMMENT ON FUNCTION app.role_of(p_user uuid) IS 'Takes a person; gives their role in their organisation, null when suspended.';

CREATE FUNCTION app.rule_refusal(p_rule text, p_from uuid, p_to uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.rule_refusal(p_rule text, p_from uuid, p_to uuid) IS 'Takes a rule (open, team, engagement, persona, community), the writer and the one written to; gives the word of the refusal, or null.';

CREATE FUNCTION app.say_in_chat() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if new.sender_id is null or new.sender_id = (select auth.uid()) then
    insert into public.messages (conversation_id, body)
    values (new.group_id, new.message)
    returning id, sender_id, created_at into new.id, new.sender_id, new.created_at;
  else
    select m.id, m.sender_id, m.created_at
      into new.id, new.sender_id, new.created_at
      from public.send_as_persona(new.group_id, new.sender_id, new.message) m;
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION app.say_in_chat() IS 'Trigger: what is inserted into chat_messages is said, by an admin as the persona that sender_id names. Errors: those of send_message and send_as_persona.';

CREATE FUNCTION app.search_language(p_org uuid) RETURNS regconfig
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select (app.setting(p_org, 'search_language') #>> '{}')::regconfig
$$;

COMMENT ON FUNCTION app.search_language(p_org uuid) IS 'Takes an organisation; gives the text search configuration for what is said there.';

CREATE FUNCTION app.sees_message(p_conversation uuid, p_message uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message
       and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
  )
$$;

COMMENT ON FUNCTION app.sees_message(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message; tells whether the person asking can read it as a member.';

CREATE FUNCTION app.send_digests() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  due public.notification_settings;
  lines jsonb;
begin
  for due in
    select s.*
      from public.notification_settings s
     where s.digest_next <= app.now()
     order by s.digest_next
     limit 50
       for update skip locked
  loop
    select jsonb_agg(jsonb_build_object('head', format('%s: %s unread', unread.title, unread.count),
                                        'body', coalesce(unread.last_preview, ''),
                                        'path', unread.path) order by unread.last_message_at desc)
      into lines
      from (select coalesce(c.title, other.display_name, 'A conversation') as title,
                   c.root_count - i.last_read_ord as count,
                   c.last_preview,
                   c.last_message_at,
                   replace(app.setting(c.org_id, 'conversation_path') #>> '{}', '{id}', c.id::text) as path
              from public.conversation_members mine
              join public.conversations c on c.id = mine.conversation_id
              join public.inbox i on i.member_id = mine.member_id and i.conversation_id = mine.conversation_id
              left join lateral (
                select p.display_name
                  from public.conversation_members m
                  join public.profiles p on p.id = m.member_id
                 where c.kind = 'dm'
                   and m.conversation_id = c.id
                   and m.member_id <> mine.member_id
                 limit 1
              ) other on true
             where mine.member_id = due.user_id
               and mine.left_at is null
               and c.root_count > i.last_read_ord
               and (i.muted_until is null or i.muted_until <= app.now())
               and coalesce(i.notify_level, c.notify_default) <> 'none'
             order by c.last_message_at desc nulls last
             limit 20) unread;
    if lines is not null then
      perform app.send_mail(due.user_id, 'digest', format('Unread in %s conversations', jsonb_array_length(lines)), lines);
    end if;
    update public.notification_settings s
       set digest_next = app.next_digest(s.user_id, s.digest, s.digest_at)
     where s.user_id = due.user_id;
  end loop;
end
$$;

COMMENT ON FUNCTION app.send_digests() IS 'Sends the digests that are due: what is unread, conversation by conversation, up to twenty; nothing when nothing is. For a schedule.';

CREATE FUNCTION app.send_due_messages(p_limit integer DEFAULT 100) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.send_due_messages(p_limit integer) IS 'Takes how many at most; sends what is due as those who scheduled it, each once however many call this at the same time, and gives how many were sent. For a job that runs every few seconds.';

CREATE FUNCTION app.send_mail(p_user uuid, p_list text, p_subject text, p_lines jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  -- A line is what happened, what was said, and where to look.
  select walkie.enqueue_job('mail', jsonb_build_object(
           'to', u.email,
           'subject', regexp_replace(p_subject, '[[:cntrl:]]+', ' ', 'g'),
           'text', string_agg(concat_ws(E'\n', l ->> 'head', nullif(l ->> 'body', ''), '{{site_url}}' || (l ->> 'path')), E'\n\n' order by place)
                   || E'\n\n--\nNo more of such mail: {{unsubscribe_url}}\n',
           'html', string_agg(format('<p><a href="{{site_url}}%s"><b>%s</b></a><br>%s</p>',
                                     app.html(l ->> 'path'), app.html(l ->> 'head'), app.html(l ->> 'body')), '' order by place)
                   || '<p><small><a href="{{unsubscribe_url}}">No more of such mail</a></small></p>',
           'unsubscribe', app.mail_token(u.id, p_list)))
    from auth.users u,
         jsonb_array_elements(p_lines) with ordinality line (l, place)
   where u.id = p_user
     and u.email_confirmed_at is not null
     and u.deleted_at is null
   group by u.id, u.email
$$;

COMMENT ON FUNCTION app.send_mail(p_user uuid, p_list text, p_subject text, p_lines jsonb) IS 'Takes a person, missed or digest, a subject and lines [{"head", "body", "path"}]; sends them as mail to the person''s confirmed address, if there is one.';

CREATE FUNCTION app.send_what_is_due() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.send_due_messages()
$$;

COMMENT ON FUNCTION app.send_what_is_due() IS 'Sends what is due. For a schedule.';

CREATE FUNCTION app.setting(p_org uuid, p_name text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce(o.settings -> p_name, app.default_settings() -> p_name)
    from public.orgs o
   where o.id = p_org
$$;

COMMENT ON FUNCTION app.setting(p_org uuid, p_name text) IS 'Takes an organisation and a setting''s name; gives its value there.';

CREATE FUNCTION app.settle_founder() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if auth.uid() is not null and new.kind in ('group', 'room', 'announcement', 'persona_group') and new.created_for is null then
    perform app.admit(new.id, array[new.created_by], 'owner', true);
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION app.settle_founder() IS 'Trigger: whoever makes a conversation owns it.';

CREATE FUNCTION app.share_a_conversation(p_one uuid, p_other uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.share_a_conversation(p_one uuid, p_other uuid) IS 'Takes two people; tells whether they are in a conversation together.';

CREATE FUNCTION app.share_a_team(p_one uuid, p_other uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from public.team_members one
      join public.team_members other on other.team_id = one.team_id
     where one.user_id = p_one
       and other.user_id = p_other
  )
$$;

COMMENT ON FUNCTION app.share_a_team(p_one uuid, p_other uuid) IS 'Takes two people; tells whether a team has both.';

CREATE FUNCTION app.shows_last_seen(p_user uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce((select s.show_last_seen from public.user_privacy_settings s where s.user_id = p_user), true)
$$;

COMMENT ON FUNCTION app.shows_last_seen(p_user uuid) IS 'Takes a person; tells whether others may know when they were last there.';

CREATE FUNCTION app.shows_presence_to_me(p_user uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.shows_presence_to_me(p_user uuid) IS 'Takes a person; tells whether the person asking may know if they are there: who shares a conversation or a team with them, unless they keep it to themselves.';

CREATE FUNCTION app.shows_receipts(p_member uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce((select s.show_read_receipts from public.user_privacy_settings s where s.user_id = p_member), true)
$$;

COMMENT ON FUNCTION app.shows_receipts(p_member uuid) IS 'Takes a person; tells whether others learn how far they have read.';

CREATE FUNCTION app.slug(p_title text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO ''
    AS $$
declare
  slug text := left(btrim(regexp_replace(lower(p_title), '[^a-z0-9]+', '-', 'g'), '-'), 63);
begin
  if coalesce(slug, '') = '' then
    perform app.refuse('bad_title');
  end if;
  return slug;
end
$$;

COMMENT ON FUNCTION app.slug(p_title text) IS 'Takes a title; gives its letters and digits joined by hyphens, for addresses. Errors: PT422 bad_title.';

CREATE FUNCTION app.snippet(p_language regconfig, p_body text, p_query tsquery) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  -- Marks are control characters until all else is escaped, and a < is one too, since the parser
  -- would drop what looks like a tag; those that the body has of its own are left out.
  select replace(replace(replace(replace(replace(replace(replace(
           ts_headline(p_language, translate(p_body, E'<\x01\x02\x03', E'\x03'), p_query,
                       E'StartSel=\x01, StopSel=\x02, '
                       || case when char_length(p_body) <= 240 then 'HighlightAll=true'
                               else 'MaxWords=30, MinWords=10, MaxFragments=2, FragmentDelimiter=" … "' end),
           '&', '&amp;'), E'\x03', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;'), E'\x01', '<mark>'), E'\x02', '</mark>')
$$;

COMMENT ON FUNCTION app.snippet(p_language regconfig, p_body text, p_query tsquery) IS 'Takes a language, a body and a query; gives it, or of a long one the parts around the words found, as HTML: they stand in <mark>, all else is escaped.';

CREATE FUNCTION app.speak_as(p_person uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  before text := coalesce(current_setting('request.jwt.claims', true), '');
begin
  perform set_config('request.jwt.claims', jsonb_build_object('sub', p_person, 'role', 'authenticated')::text, true);
  return before;
end
$$;

COMMENT ON FUNCTION app.speak_as(p_person uuid) IS 'Takes a person; until the transaction ends, or the claims that it gives are set again, every rule takes them for the one who asks. No API role may call it.';

CREATE FUNCTION app.take(p_name text, p_cost double precision DEFAULT 1) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  who uuid := auth.uid();
  rule app.rate_rules;
  left_over double precision;
begin
  if who is null then
    return;  -- the service goes as fast as it likes
  end if;

  select r.* into rule
    from app.rate_rules r
   where r.name = p_name
     and r.role in ('', coalesce((select m.role from public.org_members m where m.user_id = who limit 1), ''))
   order by r.role desc
   limit 1;
  if rule.name is null then
    return;
  end if;

  -- One statement refills, takes, and finds too little: two at once wait for each other here.
  insert into app.rate_buckets as bucket (key, tokens, at)
  values (p_name || ':' || who, rule.burst - p_cost, clock_timestamp())
  on conflict (key) do update
     set tokens = least(rule.burst, bucket.tokens
                      + rule.rate * greatest(extract(epoch from clock_timestamp() - bucket.at), 0)) - p_cost,
         at = clock_timestamp()
   where least(rule.burst, bucket.tokens
             + rule.rate * greatest(extract(epoch from clock_timestamp() - bucket.at), 0)) >= p_cost
  returning bucket.tokens into left_over;

  if left_over is null then
    select greatest((p_cost - b.tokens) / rule.rate - extract(epoch from clock_timestamp() - b.at), 1) into left_over
      from app.rate_buckets b
     where b.key = p_name || ':' || who;
    perform app.refuse('rate_limited', p_retry_after_s => left_over);
  end if;
end
$$;

COMMENT ON FUNCTION app.take(p_name text, p_cost double precision) IS 'Takes an allowance''s name and a cost; takes that from the allowance of the person asking, as app.rate_rules says for their role. Errors: PT429 rate_limited.';

CREATE FUNCTION app.take_number() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := auth.uid();
  place public.conversations;
  refusal text;
  -- What the product says of itself is nobody's speech: nobody has to be allowed to, and it is no news.
  is_note boolean := new.event is not null and new.message_type = 'system';
begin
  if is_note then
    me := null;
  end if;
  new.sender_id := coalesce(me, new.sender_id);
  if new.thread_id is not null or new.parent_message_id is not null then
    new.parent_message_id := coalesce(new.parent_message_id, new.thread_id);
    new.thread_id := coalesce(app.thread_root(new.conversation_id, coalesce(new.thread_id, new.parent_message_id)), new.thread_id);
    -- What hangs on it is counted there: locked before the conversation, as everywhere.
    perform
       from public.messages m
      where m.conversation_id = new.conversation_id
        and m.id = new.thread_id
        for no key update;
  end if;

  select c.* into place
    from public.conversations c
   where c.id = new.conversation_id
     for no key update;

  -- Asked again under the lock: whoever was removed while this send waited must not be heard.
  refusal := case when me is not null then app.post_refusal(new.conversation_id) end;
  if refusal is not null then
    perform app.refuse(refusal, app.muted_until(new.conversation_id, refusal));
  end if;

  new.org_id := place.org_id;
  new.created_at := clock_timestamp();
  -- A file may speak for itself.
  if new.attachments <> '[]' then
    new.body := coalesce(new.body, '');
  end if;
  if me is not null and app.is_restricted(me, array['shadow_ban'], new.conversation_id) then
    new.visibility := 'shadow';
  end if;

  -- A repeat takes no number: the unique key decides between an error and silence, and no gap is left.
  if new.client_id is not null then
    select m.seq, m.sub, m.ord, m.rev, m.chapter
      into new.seq, new.sub, new.ord, new.rev, new.chapter
      from public.messages m
     where m.conversation_id = new.conversation_id
       and m.sender_id = new.sender_id
       and m.client_id = new.client_id;
    if found then
      return new;
    end if;
  end if;

  if me is not null then
    if new.attachments = '[]' and coalesce(new.body, '') !~ '\S' then
      perform app.refuse('no_words');
    end if;
    perform app.require_may_say(place, new.message_type, new.body, new.event is not null);
  end if;
  if new.reply_to_id is not null then
    perform app.require_answerable(new.conversation_id, new.reply_to_id);
  end if;
  if new.thread_id is not null then
    perform app.require_answerable(new.conversation_id, new.thread_id);
    if app.thread_root(new.conversation_id, new.parent_message_id) is distinct from new.thread_id then
      perform app.refuse('bad_reply');
    end if;
  end if;
  if me is not null then
    case app.contact_rule(place.org_id, place.id, new.body)
      when 'mask' then new.body := app.mask_contacts(new.body);
      when 'hold' then new.visibility := case new.visibility when 'normal' then 'held' else new.visibility end;
      else null;
    end case;
  end if;
  if me is not null and new.message_type in ('standard', 'file', 'image') then
    new.attachments := app.attachments(new.conversation_id, new.attachments);
    if new.attachments <> '[]' then
      new.message_type := case when exists (select
                                              from jsonb_array_elements(new.attachments) file
                                             where file ->> 'mime_type' not like 'image/%')
                               then 'file' else 'image' end;
    elsif new.message_type <> 'standard' then
      perform app.refuse('no_attachment');
    end if;
  end if;
  if not is_note then
    new.mentions := app.mentioned(new.conversation_id, new.body, new.mentions, new.sender_id);
    new.mentions_all := app.mentions_all(new.conversation_id, new.body);
  end if;

  if new.visibility <> 'normal' then
    -- Follows the newest message without moving any clock, so that nobody else can tell.
    new.seq := place.last_seq;
    new.sub := nextval('app.message_sub');
    new.ord := place.root_count;
    new.rev := place.last_rev;
    new.chapter := place.chapter;
    return new;
  end if;

  -- A reply in a thread, or a note, is no news of the main line: it leaves count and preview alone.
  update public.conversations c
     set last_seq = c.last_seq + 1,
         last_rev = c.last_rev + 1,
         root_count = c.root_count + case when new.thread_id is null and not is_note then 1 else 0 end,
         last_message_id = case when new.thread_id is null and not is_note then new.id else c.last_message_id end,
         last_message_at = case when new.thread_id is null and not is_note then new.created_at else c.last_message_at end,
         last_preview = case when new.thread_id is null and not is_note then app.preview(new.body, new.attachments) else c.last_preview end
   where c.id = new.conversation_id
  returning c.last_seq, 0, c.root_count, c.last_rev, c.chapter
    into new.seq, new.sub, new.ord, new.rev, new.chapter;
  return new;
end
$$;

COMMENT ON FUNCTION app.take_number() IS 'Trigger: fills what the server owns (sender, organisation, numbers, time, mentions, shadow for the shadow-banned, and contacts masked or held where the organisation says so) and keeps the conversation''s clocks, last message and preview. Errors: those of app.post_refusal, app.require_may_say and app.attachments, PT422 no_words, bad_reply or no_attachment.';

CREATE FUNCTION app.take_picture() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  size bigint := (new.metadata ->> 'size')::bigint;
  is_bare boolean := coalesce((new.metadata ->> 'isBare')::boolean, false);
begin
  perform app.lock_showing(held.file_id)
     from (select distinct v.file_id
             from public.file_versions v
            where v.object_path = old.name
              and v.object_version::text = old.version
            order by v.file_id) held;
  perform app.count_bytes(first.org_id, first.uploaded_by, size - first.size_bytes)
     from public.file_versions first
    where first.object_path = old.name
      and first.object_version::text = old.version
      and first.restored_from is null
      and first.size_bytes <> size;
  update public.file_versions v
     set object_version = new.version::uuid,
         size_bytes = size,
         sha256 = new.sha256,
         width = (new.metadata ->> 'width')::integer,
         height = (new.metadata ->> 'height')::integer,
         is_raw = v.is_raw and not is_bare,
         scan_status = case when v.is_raw and is_bare and v.scan_status = 'pending'
                            then case when v.scan_engine is null then 'skipped' else 'clean' end
                            else v.scan_status end
   where v.object_path = old.name
     and v.object_version::text = old.version;
  return null;
end
$$;

COMMENT ON FUNCTION app.take_picture() IS 'Trigger: what was found out about a picture holds for the versions of files that have it; one that is stripped is there for others.';

CREATE FUNCTION app.take_revision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  most integer;
begin
  if new.deleted_at is not null then
    new.body := null;
    new.meta := '{}';
    new.event := null;
    new.mentions := '{}';
    new.mentions_all := false;
    new.attachments := '[]';
    new.is_pinned := false;
    new.deleted_by := coalesce(auth.uid(), new.deleted_by);
  elsif new.body is distinct from old.body then
    most := app.setting(new.org_id, 'max_message_len')::int;
    if auth.uid() is not null and new.attachments = '[]' and coalesce(new.body, '') !~ '\S' then
      perform app.refuse('no_words');
    elsif auth.uid() is not null and char_length(new.body) > most then
      perform app.refuse('too_long', format('limit=%s', most));
    end if;
    -- What has been seen cannot be held back.
    if auth.uid() is not null and new.visibility = 'normal' and app.contact_rule(new.org_id, new.conversation_id, new.body) <> 'free' then
      new.body := app.mask_contacts(new.body);
    end if;
    new.edited_at := clock_timestamp();
    new.edit_count := old.edit_count + 1;
    new.mentions := app.mentioned(new.conversation_id, new.body, '{}', new.sender_id);
    new.mentions_all := app.mentions_all(new.conversation_id, new.body);
  end if;

  if new.visibility = 'normal' then
    update public.conversations c
       set last_rev = c.last_rev + 1,
           last_preview = case c.last_message_id when new.id then app.preview(new.body, new.attachments) else c.last_preview end
     where c.id = new.conversation_id
    returning c.last_rev into new.rev;
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION app.take_revision() IS 'Trigger: a changed message takes the next rev, a corrected one its mentions anew, a deleted one loses its words, and the preview follows. Errors: PT422 no_words or too_long.';

CREATE FUNCTION app.take_upload() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
declare
  upload app.file_uploads;
  place public.conversations;
  size bigint := (new.metadata ->> 'size')::bigint;
  type text;
  number integer;
  refusal text;
  is_picture boolean;
  is_raw boolean;
  said_ms text := new.user_metadata ->> 'duration_ms';
begin
  -- Where a row is only tried, policies are asked whether its maker may, which is enough.
  if coalesce(current_setting('storage.is_trial', true), '') = 'true' or not app.is_arriving(new.version) then
    return new;
  end if;
  select u.* into upload from app.file_uploads u where u.path = new.name for update;
  if upload.id is null then
    return new;
  end if;
  select c.* into place from public.conversations c where c.id = upload.conversation_id;

  -- Asked again, since an upload takes its time: whoever was removed meanwhile brings nothing in.
  refusal := app.file_refusal_of(upload.uploader_id, upload.conversation_id);
  type := app.file_type(upload.name, coalesce(new.metadata ->> 'mimetype', upload.mime_type), new.sniffed_type);
  if refusal is not null then
    perform app.refuse(refusal);
  elsif size is null or size > app.max_file_bytes(place.org_id) then
    perform app.refuse('file_too_large', format('limit=%s', app.max_file_bytes(place.org_id)));
  elsif type is null or not app.takes_type(place.org_id, type) then
    perform app.refuse('bad_file_type', coalesce(new.sniffed_type, type));
  elsif upload.sha256 <> new.sha256 then
    perform app.refuse('bad_checksum');
  end if;
  perform app.count_bytes(place.org_id, upload.uploader_id, size);
  perform app.require_room(place.org_id, upload.uploader_id, 0);
  new.metadata := new.metadata || jsonb_build_object('mimetype', type);

  -- The first upload makes the file; the next ones wait here for their number.
  insert into public.files as f (id, org_id, conversation_id, owner_id, name, folder, chapter, visibility, last_version)
  values (upload.file_id, place.org_id, place.id, upload.uploader_id, upload.name, upload.folder, place.chapter, upload.visibility, 1)
  on conflict (id) do update set last_version = f.last_version + 1
   where f.deleted_at is null
  returning f.last_version into number;
  if number is null then
    perform app.refuse('no_such_file');
  end if;
  is_picture := app.is_picture(type);
  is_raw := is_picture and app.setting(place.org_id, 'strip_pictures') = 'true';
  insert into public.file_versions (file_id, version, conversation_id, org_id, chapter, visibility, upload_id, object_path,
                                    object_version, name, size_bytes, mime_type, sha256, uploaded_by, note, is_raw,
                                    duration_ms, scan_status)
  values (upload.file_id, number, place.id, place.org_id, place.chapter, upload.visibility, upload.id, new.name,
          new.version::uuid, upload.name, size, type, new.sha256, upload.uploader_id, upload.note, is_raw,
          case when said_ms ~ '^[0-9]{1,9}$' and type ~ '^(audio|video)/' then said_ms::integer end,
          app.begin_looking(new.version::uuid, is_picture, is_raw));
  delete from app.file_uploads u where u.id = upload.id;
  return new;
end
$_$;

COMMENT ON FUNCTION app.take_upload() IS 'Trigger: an object that was let in becomes the next version of its file, if it is what was announced and what the organisation takes. Errors: those of app.file_refusal, PT404 no_such_file, PT413 file_too_large or quota_full, PT415 bad_file_type, PT422 bad_checksum.';

CREATE FUNCTION app.take_verdict() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.lock_showing(held.file_id)
     from (select distinct v.file_id
             from public.file_versions v
            where v.object_version = new.version
            order by v.file_id) held;
  update public.file_versions v
     set scan_status = case when v.is_raw and new.verdict = 'clean' then 'pending' else new.verdict end,
         scan_engine = new.engine,
         scanned_at = new.at
   where v.object_version = new.version
     and (v.scan_status, v.scan_engine) is distinct from (new.verdict, new.engine);
  if new.verdict = 'infected' and (tg_op = 'INSERT' or old.verdict is distinct from 'infected') then
    perform app.notify(array[v.uploaded_by], 'system', v.conversation_id, p_subject => v.file_id,
                       p_title => 'A file of yours is infected', p_body => format('%s: nobody can have it.', v.name))
       from public.file_versions v
      where v.object_version = new.version;
  end if;
  perform storage.request_picture(new.version, bool_or(v.is_raw))
     from public.file_versions v
    where new.verdict = 'clean'
      and v.object_version = new.version
      and v.width is null
      and app.is_picture(v.mime_type)
   having count(*) > 0;
  return null;
end
$$;

COMMENT ON FUNCTION app.take_verdict() IS 'Trigger: what a scanner said of bytes holds for the versions of files that have them; by that their uploaders learn it, of a virus by a notice, too, and others get what is clean.';

CREATE FUNCTION app.takes_type(p_org uuid, p_type text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from jsonb_array_elements_text(app.setting(p_org, 'allowed_mime')) allowed (type)
     where allowed.type in (p_type, '*/*')
        -- A drawing that can hold programs is let in by its own name alone.
        or allowed.type = split_part(p_type, '/', 1) || '/*' and p_type <> 'image/svg+xml')
     -- Where pictures are stripped, those stay out that cannot be and tell where they were taken.
     and not (p_type in ('image/heic', 'image/heif', 'image/avif', 'image/tiff')
              and app.setting(p_org, 'strip_pictures') = 'true')
$$;

COMMENT ON FUNCTION app.takes_type(p_org uuid, p_type text) IS 'Takes an organisation and a type; tells whether it lets in files of that type.';

CREATE FUNCTION app.tell_arrivals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.tell_membership(came.conversation_id, 'joined', came.members, auth.uid())
    from (select j.conversation_id, array_agg(j.member_id order by j.member_id) as members
            from joined j
           where j.left_at is null
           group by j.conversation_id) came;
  return null;
end
$$;

COMMENT ON FUNCTION app.tell_arrivals() IS 'Trigger: it is said who came.';

CREATE FUNCTION app.tell_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.tell_membership(moved.conversation_id, moved.what, moved.members, moved.by)
    from (select now_.conversation_id,
                 change.what,
                 array_agg(now_.member_id order by now_.member_id) as members,
                 coalesce(min(now_.removed_by::text)::uuid, auth.uid()) as by
            from after now_
            join before was using (conversation_id, member_id)
           cross join lateral (select case when now_.left_at is null then 'joined'
                                           when now_.removed_by is null then 'left'
                                           else 'removed' end as what) change
           where (now_.left_at is null) <> (was.left_at is null)
           group by now_.conversation_id, change.what) moved;
  return null;
end
$$;

COMMENT ON FUNCTION app.tell_changes() IS 'Trigger: it is said who left, was removed, or came back.';

CREATE FUNCTION app.tell_crowds() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  crowd record;
  next_ uuid[];
begin
  for crowd in
    select w.conversation_id, w.message_id, w.after, m.sender_id, m.deleted_at
      from app.notice_crowds w
      join public.messages m on m.conversation_id = w.conversation_id and m.id = w.message_id
     order by w.created_at
     limit 5
       for update of w skip locked
  loop
    select array_agg(chunk.member_id order by chunk.member_id) into next_
      from (select m.member_id
              from public.conversation_members m
             where m.conversation_id = crowd.conversation_id
               and m.member_id > crowd.after
               and m.left_at is null
               and crowd.deleted_at is null
             order by m.member_id
             limit 1000) chunk;
    if next_ is null then
      delete from app.notice_crowds w
       where w.conversation_id = crowd.conversation_id
         and w.message_id = crowd.message_id;
    else
      perform app.notify(next_, 'mention', crowd.conversation_id, crowd.message_id, crowd.sender_id);
      update app.notice_crowds w
         set after = next_[cardinality(next_)]
       where w.conversation_id = crowd.conversation_id
         and w.message_id = crowd.message_id;
    end if;
  end loop;
end
$$;

COMMENT ON FUNCTION app.tell_crowds() IS 'Tells a thousand more of those whom a message to all calls, of up to five messages. For a schedule.';

CREATE FUNCTION app.tell_membership(p_conversation uuid, p_kind text, p_members uuid[], p_by uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  -- From the one concerned, since whoever is behind it may be an admin whom nobody there is to know.
  -- Nothing of those who are there from the founding on.
  insert into public.messages (conversation_id, sender_id, message_type, body, event)
  select c.id,
         p_members[1],
         'system',
         app.names_of(p_members) || case p_kind when 'joined' then ' joined' when 'left' then ' left' else ' was removed' end,
         jsonb_strip_nulls(jsonb_build_object('kind', p_kind, 'members', p_members,
           'by', case when c.kind <> 'persona_group' and app.role_in(c.id, p_by) is not null then p_by end))
    from public.conversations c
   where c.id = p_conversation
     and c.kind in ('group', 'room', 'announcement', 'persona_group')
     and c.created_at < now()
     and app.setting(c.org_id, 'membership_messages')::boolean;
end
$$;

COMMENT ON FUNCTION app.tell_membership(p_conversation uuid, p_kind text, p_members uuid[], p_by uuid) IS 'Takes a conversation, joined, left or removed, the members concerned and who did it; has the conversation say so, if its organisation wants that.';

CREATE FUNCTION app.tell_of_invite() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.notify(array[new.invitee_id], 'invite', p_actor => new.invited_by, p_subject => new.id, p_title => c.title)
     from public.conversations c
    where c.id = new.conversation_id;
  return null;
end
$$;

COMMENT ON FUNCTION app.tell_of_invite() IS 'Trigger: whoever is asked in is told.';

CREATE FUNCTION app.tell_of_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  place public.conversations;
  named uuid[] := new.mentions;
  answered uuid[];
begin
  select c.* into place from public.conversations c where c.id = new.conversation_id;
  if tg_op = 'UPDATE' then
    select array_agg(m) into named from unnest(new.mentions) m where m <> all (old.mentions);
    perform app.notify(named, 'mention', new.conversation_id, new.id, new.sender_id);
    return null;
  elsif place.kind in ('dm', 'engagement', 'persona_dm') then
    perform app.notify(array_agg(m.member_id), 'dm', new.conversation_id, new.id, new.sender_id)
       from public.conversation_members m
      where m.conversation_id = new.conversation_id
        and m.member_id <> new.sender_id
        and m.left_at is null;
    return null;
  end if;

  if new.mentions_all and place.member_count > 50 then
    insert into app.notice_crowds (conversation_id, message_id) values (new.conversation_id, new.id);
  elsif new.mentions_all then
    select array_agg(m.member_id) into named
      from public.conversation_members m
     where m.conversation_id = new.conversation_id
       and m.left_at is null;
  end if;
  if cardinality(named) > 0 then
    perform app.notify(named, 'mention', new.conversation_id, new.id, new.sender_id);
  end if;

  if new.thread_id is not null or new.reply_to_id is not null then
    select array_agg(concerned.id) into answered
      from (select t.user_id as id
              from public.thread_members t
             where t.conversation_id = new.conversation_id
               and t.thread_id = new.thread_id
               and t.following
            union
            select m.sender_id
              from public.messages m
             where m.conversation_id = new.conversation_id
               and m.id = new.reply_to_id
             limit 50) concerned
     where concerned.id <> all (coalesce(named, '{}'));
    perform app.notify(answered, 'reply', new.conversation_id, new.id, new.sender_id);
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION app.tell_of_message() IS 'Trigger: whom a message is for is told: the other of two, those named, and in threads up to 50 who follow. What else is said in a group is unread and no notice.';

CREATE FUNCTION app.tell_of_reaction() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.notify(array[m.sender_id], 'reaction', new.conversation_id, new.message_id, new.actor_id, p_title => new.emoji)
     from public.messages m
    where m.conversation_id = new.conversation_id
      and m.id = new.message_id;
  return null;
end
$$;

COMMENT ON FUNCTION app.tell_of_reaction() IS 'Trigger: whoever gets a reaction to their words is told.';

CREATE FUNCTION app.tell_read(p_member uuid, p_conversations uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if not app.shows_receipts(p_member) then
    return;
  end if;
  with told as (
    update public.conversation_members m
       set last_read_seq = i.last_read_seq,
           last_read_ord = i.last_read_ord,
           last_delivered_seq = greatest(m.last_delivered_seq, i.last_read_seq)
      from public.inbox i
      join public.conversations c on c.id = i.conversation_id
     where i.member_id = p_member
       and i.conversation_id = any (p_conversations)
       and m.conversation_id = i.conversation_id
       and m.member_id = i.member_id
       and m.left_at is null
       and m.last_read_seq < i.last_read_seq
       and c.receipts_mode = 'all'
       and c.member_count <= 100
    returning m.conversation_id, m.last_read_seq
  )
  insert into public.read_marks (conversation_id, member_id, seq)
  select told.conversation_id, p_member, told.last_read_seq
    from told
  on conflict do nothing;
end
$$;

COMMENT ON FUNCTION app.tell_read(p_member uuid, p_conversations uuid[]) IS 'Takes a member and conversations; lets the others know how far the member has read there, if the member shows it and the conversation is small.';

CREATE FUNCTION app.thread_root(p_conversation uuid, p_message uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce(m.thread_id, m.id)
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
$$;

COMMENT ON FUNCTION app.thread_root(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message in it; gives the message that its thread hangs on, itself if it has none.';

CREATE TABLE public.thread_members (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    thread_id uuid NOT NULL,
    last_read_reply integer DEFAULT 0 NOT NULL,
    following boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='80');

ALTER TABLE ONLY public.thread_members REPLICA IDENTITY FULL;

COMMENT ON TABLE public.thread_members IS 'Which threads people follow and how far they have read; unread is the root''s reply_count minus last_read_reply.';

COMMENT ON COLUMN public.thread_members.following IS 'False once the person has had enough: being named there does not bring it back.';

CREATE FUNCTION app.thread_row(p_conversation uuid, p_thread uuid, p_following boolean, p_is_read boolean) RETURNS public.thread_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  replies integer;
  mine public.thread_members;
begin
  select m.reply_count into replies
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_thread
     and m.thread_id is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  if replies is null then
    perform app.refuse('no_such_message');
  end if;
  insert into public.thread_members as t (user_id, conversation_id, thread_id, last_read_reply, following)
  values (me, p_conversation, p_thread, replies, coalesce(p_following, false))
  on conflict (user_id, conversation_id, thread_id) do update
     set following = coalesce(p_following, t.following),
         last_read_reply = case when p_is_read then greatest(t.last_read_reply, excluded.last_read_reply) else t.last_read_reply end
  returning t.* into mine;
  return mine;
end
$$;

COMMENT ON FUNCTION app.thread_row(p_conversation uuid, p_thread uuid, p_following boolean, p_is_read boolean) IS 'Takes a conversation, a thread''s root, whether to follow it (null: as before) and whether all of it is read; notes that for the person asking and gives their row. Errors: PT401 signed_out, PT404 no_such_message.';

CREATE FUNCTION app.timezone_of(p_user uuid) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  zone text := (select p.timezone from public.profiles p where p.id = p_user);
begin
  perform now() at time zone zone;
  return coalesce(zone, 'UTC');
exception when invalid_parameter_value then
  return 'UTC';  -- people type what they like into their profile
end
$$;

COMMENT ON FUNCTION app.timezone_of(p_user uuid) IS 'Takes a person; gives their time zone, UTC if they name none that exists.';

CREATE FUNCTION app.unpin_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  delete from public.conversation_pins p
   where p.conversation_id = new.conversation_id
     and p.message_id = new.id;
  return null;
end
$$;

COMMENT ON FUNCTION app.unpin_deleted() IS 'Trigger: what was taken back is not held up.';

CREATE FUNCTION app.use_preset(p_rule text, p_settings jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  update public.orgs o
     set settings = o.settings || p_settings || jsonb_build_object('dm_policy',
           case when coalesce(current_setting('walkie.mix', true), '') <> 'on' or not o.settings ? 'dm_policy'
                then jsonb_build_array(p_rule)
                when o.settings -> 'dm_policy' ? p_rule
                then o.settings -> 'dm_policy'
                else (o.settings -> 'dm_policy') || jsonb_build_array(p_rule) end)
   where o.slug = coalesce(nullif(current_setting('walkie.org', true), ''), 'default')
$$;

COMMENT ON FUNCTION app.use_preset(p_rule text, p_settings jsonb) IS 'Takes a rule of who may write to whom and settings; gives them to the organisation that the setting walkie.org names, else to default. With walkie.mix = on the rule is added to those that there are.';

CREATE FUNCTION app.username(p_org uuid, p_id uuid, p_wish text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  -- Whoever comes second gets a piece of their id behind the name.
  select case when wish.name ~ '^[a-z0-9]'
                   and not exists (select from public.profiles p where p.org_id = p_org and p.username = wish.name)
              then wish.name
              else left(wish.name, 20) || case when wish.name = '' then 'user-' else '-' end || right(p_id::text, 6)
         end
    from (select left(btrim(regexp_replace(lower(coalesce(p_wish, '')), '[^a-z0-9_.-]+', '', 'g'), '_.-'), 32) as name) wish
$$;

COMMENT ON FUNCTION app.username(p_org uuid, p_id uuid, p_wish text) IS 'Takes an organisation, a new person and the name they would like; gives the word that mentions them.';

CREATE FUNCTION app.vector_schema() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select quote_ident(n.nspname)
    from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace
   where e.extname = 'vector'
$$;

COMMENT ON FUNCTION app.vector_schema() IS 'Gives the schema that pgvector is in, quoted, or null where it is not installed.';

CREATE FUNCTION app.want_embedding() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if walkie.offered('embedding_model') is not null then
    insert into app.embedding_queue (conversation_id, message_id)
    values (new.conversation_id, new.message_id)
    on conflict do nothing;
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION app.want_embedding() IS 'Trigger: what can be found by its words is to be found by its meaning too, where a server can ask for it.';

CREATE FUNCTION app.wants(p_user uuid, p_channel text, p_kind text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select coalesce((select w.enabled
                     from public.notification_preferences w
                    where w.user_id = p_user
                      and w.channel = p_channel
                      and w.kind = p_kind),
                  app.wants_by_default(p_channel, p_kind))
$$;

COMMENT ON FUNCTION app.wants(p_user uuid, p_channel text, p_kind text) IS 'Takes a person, a channel and a kind of notice; tells whether they want to be told there.';

CREATE FUNCTION app.wants_by_default(p_channel text, p_kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select case p_channel
    when 'app' then true
    when 'push' then p_kind <> 'reaction'
    when 'mail' then p_kind in ('dm', 'mention', 'invite', 'warning')
    else false
  end
$$;

COMMENT ON FUNCTION app.wants_by_default(p_channel text, p_kind text) IS 'Takes a channel (app, push, mail) and a kind of notice; tells whether people who have said nothing are told there. Change it here.';

CREATE FUNCTION app.words(p_language regconfig, p_body text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  -- The parser would take what follows a < for a tag and pass over it.
  select to_tsvector(p_language, replace(p_body, '<', ' '))
$$;

COMMENT ON FUNCTION app.words(p_language regconfig, p_body text) IS 'Takes a language and a body; gives its words as searches compare them.';

CREATE FUNCTION auth.accounts_of_addresses(p_addresses text[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  with own as (
    select u.id
      from auth.users u
     where u.email = any (p_addresses)
       and not u.is_sso_user
       and u.deleted_at is null)
  select own.id from own
  union
  select i.user_id
    from auth.identities i
    join auth.users u on u.id = i.user_id
   where i.email = any (p_addresses)
     and i.identity_data ->> 'email_verified' = 'true'
     and not u.is_sso_user
     and u.deleted_at is null
     and not exists (select from own)
$$;

COMMENT ON FUNCTION auth.accounts_of_addresses(p_addresses text[]) IS 'Accounts that somebody signs in to who proved these addresses to a provider: those that have one of them, else those with another identity that proved one.';

CREATE FUNCTION auth.address_class(ip inet) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select case
    when ip is null then null
    when ip <<= '127.0.0.0/8' or ip = '::1' then 'this machine'
    when ip <<= any (array['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10']::inet[]) then 'local network'
    when family(ip) = 4 then host(network(set_masklen(ip, 16))) || '/16'
    else host(network(set_masklen(ip, 32))) || '/32'
  end
$$;

COMMENT ON FUNCTION auth.address_class(ip inet) IS 'Takes an address; gives the network it is in, wide enough that it names no household.';

CREATE FUNCTION auth.audit(action text, person uuid, log_type text, ip text, traits json DEFAULT NULL::json) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  insert into auth.audit_log_entries (instance_id, payload, created_at, ip_address)
  select '00000000-0000-0000-0000-000000000000',
         json_strip_nulls(json_build_object(
           'action', action, 'actor_id', person, 'actor_username', coalesce(u.email, u.phone, ''),
           'actor_via_sso', coalesce(u.is_sso_user, false), 'log_type', log_type, 'traits', traits)),
         clock_timestamp(),
         coalesce(ip, '')
    from (select 1) as one
    left join auth.users u on u.id = person
$$;

COMMENT ON FUNCTION auth.audit(action text, person uuid, log_type text, ip text, traits json) IS 'Writes down what was done, to or by whom, from where, and with what.';

CREATE FUNCTION auth.audit_challenge() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform auth.audit_of_factor(
            case tg_op when 'INSERT' then 'challenge_created' else 'verification_attempted' end,
            f, new.ip_address,
            case tg_op when 'UPDATE' then true end)
     from auth.mfa_factors f
    where f.id = new.factor_id;
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_challenge() IS 'Trigger: writes down that a second factor was asked, or answered rightly.';

CREATE FUNCTION auth.audit_consent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform auth.audit(
    case when new.revoked_at is null then 'oauth_consent_granted' else 'oauth_consent_revoked' end,
    new.user_id, 'user', null,
    json_build_object('client_id', new.client_id, 'scopes', new.scopes));
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_consent() IS 'Trigger: writes down that an OAuth client was let in, and that this was taken back.';

CREATE FUNCTION auth.audit_factor() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'DELETE' then
    perform auth.audit_of_factor(
      case old.factor_type when 'recovery_code' then 'recovery_codes_deleted' else 'factor_unenrolled' end, old, null);
  elsif tg_op = 'INSERT' then
    perform auth.audit_of_factor('factor_in_progress', new, null);
  elsif new.friendly_name is distinct from old.friendly_name then
    perform auth.audit_of_factor('factor_updated', new, null);
  else
    -- Whoever answers asked from the same address; recovery codes answer nothing.
    perform auth.audit_of_factor('verification_attempted', new, (
              select c.ip_address from auth.mfa_challenges c
               where c.factor_id = new.id
               order by c.created_at desc
               limit 1), false);
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_factor() IS 'Trigger: writes down that a second factor came, went, was given another name or a wrong answer.';

CREATE FUNCTION auth.audit_identity() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if exists (select from auth.users u where u.id = old.user_id and u.deleted_at is null) then
    perform auth.audit('identity_unlinked', old.user_id, 'user', null, json_build_object('provider', old.provider));
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_identity() IS 'Trigger: writes down that an identity was unlinked; one that goes with its account is not told apart.';

CREATE TABLE auth.mfa_factors (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    friendly_name text,
    factor_type auth.factor_type NOT NULL,
    status auth.factor_status NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    secret text,
    phone text,
    last_challenged_at timestamp with time zone,
    web_authn_credential jsonb,
    web_authn_aaguid uuid,
    last_webauthn_challenge_data jsonb,
    last_used_step bigint,
    failures smallint DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone
);

COMMENT ON TABLE auth.mfa_factors IS 'Second factors.';

COMMENT ON COLUMN auth.mfa_factors.secret IS 'Sealed with the key of the settings; never in clear.';

COMMENT ON COLUMN auth.mfa_factors.last_used_step IS 'The 30-second step of the last code that was accepted: no code opens twice.';

COMMENT ON COLUMN auth.mfa_factors.failures IS 'Wrong answers since the last right one; after ten the factor rests.';

CREATE FUNCTION auth.audit_of_factor(action text, factor auth.mfa_factors, ip inet, is_right boolean DEFAULT NULL::boolean) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select auth.audit(
    action, factor.user_id, 'factor', host(ip),
    json_strip_nulls(json_build_object('factor_id', factor.id, 'factor_type', factor.factor_type, 'valid', is_right)))
$$;

COMMENT ON FUNCTION auth.audit_of_factor(action text, factor auth.mfa_factors, ip inet, is_right boolean) IS 'Writes down what was done with a second factor, and of an answer whether it was right.';

CREATE FUNCTION auth.audit_one_time_token() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  action text := case new.token_type
    when 'recovery_token' then 'user_recovery_requested'
    when 'reauthentication_token' then 'user_reauthenticate_requested'
    when 'confirmation_token' then
      case
        when exists (select from auth.users u where u.id = new.user_id and u.invited_at = now()) then 'user_invited'
        else 'user_confirmation_requested'
      end
  end;
begin
  if action is not null then
    perform auth.audit(action, new.user_id, 'user', null);
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_one_time_token() IS 'Trigger: writes down that a code or link was asked for. A change of address is written down when it is made.';

CREATE FUNCTION auth.audit_recovery_code() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform auth.audit_of_factor('verification_attempted', f, null, true)
     from auth.mfa_factors f
    where f.id = new.factor_id;
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_recovery_code() IS 'Trigger: writes down that a code on paper was used.';

CREATE FUNCTION auth.audit_recovery_codes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform auth.audit_of_factor('generate_recovery_codes', f, null)
     from auth.mfa_factors f
    where f.id in (select made.factor_id from made);
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_recovery_codes() IS 'Trigger: writes down that somebody was given new codes on paper.';

CREATE FUNCTION auth.audit_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'INSERT' then
    perform auth.audit('login', new.user_id, 'account', host(new.ip), auth.traits_of_client(new.oauth_client_id));
  else
    perform auth.audit('logout', old.user_id, 'account', host(old.ip), auth.traits_of_client(old.oauth_client_id));
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_session() IS 'Trigger: writes down that a session began or ended.';

CREATE FUNCTION auth.audit_user() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'INSERT' then
    perform auth.audit('user_signedup', new.id, 'team', null);
  elsif tg_op = 'DELETE' or new.deleted_at is not null and old.deleted_at is null then
    perform auth.audit('user_deleted', old.id, 'team', null);
  elsif new.encrypted_password is distinct from old.encrypted_password then
    perform auth.audit('user_updated_password', new.id, 'user', null);
  else
    perform auth.audit('user_modified', new.id, 'user', null);
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION auth.audit_user() IS 'Trigger: writes down what became of an account.';

CREATE TABLE auth.rate_limits (
    endpoint text NOT NULL,
    per text NOT NULL,
    amount integer NOT NULL,
    period interval NOT NULL,
    burst integer NOT NULL,
    CONSTRAINT rate_limits_amount_check CHECK ((amount > 0)),
    CONSTRAINT rate_limits_burst_check CHECK ((burst > 0)),
    CONSTRAINT rate_limits_per_check CHECK ((per = ANY (ARRAY['address'::text, 'account'::text, 'all'::text]))),
    CONSTRAINT rate_limits_period_check CHECK ((period > '00:00:00'::interval))
);

COMMENT ON TABLE auth.rate_limits IS 'So many requests a period, and so many at once; delete a row to lift a limit.';

COMMENT ON COLUMN auth.rate_limits.endpoint IS 'Method and path below /auth/v1; for POST /token the grant type too.';

COMMENT ON COLUMN auth.rate_limits.per IS 'Counted by the caller''s address, by the account that is asked for, or all together.';

CREATE FUNCTION auth.bucket(rule auth.rate_limits, whose text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select format('%s %s %s', rule.endpoint, rule.per, encode(sha256(convert_to(whose, 'UTF8')), 'hex'))
$$;

COMMENT ON FUNCTION auth.bucket(rule auth.rate_limits, whose text) IS 'Gives the name of a bucket; nobody''s address stands in it.';

CREATE FUNCTION auth.check_sign_up(email text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $_$
declare
  theirs text := lower(substring(email from '@(.*)$'));
begin
  if theirs is null then
    return;
  end if;
  if exists (select from auth.email_domains d where not d.is_allowed and (theirs = d.domain or theirs like '%.' || d.domain)) then
    raise sqlstate 'PT422' using message = 'Addresses of this provider are not accepted', hint = 'email_address_invalid';
  end if;
  if exists (select from auth.email_domains d where d.is_allowed)
     and not exists (select from auth.email_domains d where d.is_allowed and (theirs = d.domain or theirs like '%.' || d.domain)) then
    raise sqlstate 'PT422' using message = 'Only addresses of certain domains are accepted', hint = 'email_address_not_authorized';
  end if;
end
$_$;

COMMENT ON FUNCTION auth.check_sign_up(email text) IS 'Takes the address of a new account; raises PT422 (email_address_invalid, email_address_not_authorized) when auth.email_domains is against it.';

CREATE FUNCTION auth.count_failure(p_endpoint text, p_account text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select auth.take(auth.bucket(r, p_account), r.amount, r.period, r.burst)
    from auth.rate_limits r
   where r.endpoint = p_endpoint and r.per = 'account'
$$;

COMMENT ON FUNCTION auth.count_failure(p_endpoint text, p_account text) IS 'Counts a failed proof against an account.';

CREATE FUNCTION auth.device(user_agent text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select coalesce(
    concat_ws(' on ',
      case
        when user_agent ~* 'edg(e|a|ios)?/' then 'Edge'
        when user_agent ~* 'opr/|opera' then 'Opera'
        when user_agent ~* 'samsungbrowser' then 'Samsung Internet'
        when user_agent ~* 'firefox|fxios' then 'Firefox'
        when user_agent ~* 'chrome|crios|chromium' then 'Chrome'
        when user_agent ~* 'safari' then 'Safari'
        else nullif(left((regexp_match(user_agent, '^[^/ (]+'))[1], 40), 'Mozilla')
      end,
      case
        when user_agent ~* 'iphone' then 'iPhone'
        when user_agent ~* 'ipad' then 'iPad'
        when user_agent ~* 'android' then 'Android'
        when user_agent ~* 'windows' then 'Windows'
        when user_agent ~* 'mac os|macintosh|darwin' then 'macOS'
        when user_agent ~* 'cros' then 'ChromeOS'
        when user_agent ~* 'linux|x11' then 'Linux'
      end),
    '')
$$;

COMMENT ON FUNCTION auth.device(user_agent text) IS 'Takes a User-Agent; gives what a person calls that device, such as Firefox on Windows.';

CREATE FUNCTION auth.downgrade_sessions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  with lowered as (
    update auth.sessions
       set aal = 'aal1', factor_id = null, updated_at = now()
     where factor_id = old.id
    returning id)
  delete from auth.mfa_amr_claims
   where session_id in (select id from lowered)
     and authentication_method in ('totp', 'mfa/phone', 'mfa/webauthn', 'mfa/recovery_code');

  delete from auth.mfa_factors
   where user_id = old.user_id
     and factor_type = 'recovery_code'
     and not exists (
           select from auth.mfa_factors other
            where other.user_id = old.user_id
              and other.factor_type <> 'recovery_code'
              and other.status = 'verified');
  return null;
end
$$;

COMMENT ON FUNCTION auth.downgrade_sessions() IS 'Trigger: sessions that a factor raised fall back when it goes, and recovery codes never remain alone.';

CREATE FUNCTION auth.email() RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'email', '')
  )
$$;

COMMENT ON FUNCTION auth.email() IS 'Gives the e-mail address in the request''s token, or null.';

CREATE FUNCTION auth.end_my_session(session uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case
    when end_my_session.session = auth.session_id() or not auth.is_of_client(auth.session_id())
      then auth.end_session(auth.uid(), end_my_session.session)
    else false
  end
$$;

COMMENT ON FUNCTION auth.end_my_session(session uuid) IS 'Ends a session of the person asking; says whether there was one. An OAuth client ends its own alone.';

CREATE FUNCTION auth.end_session(person uuid, session uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with ended as (
    delete from auth.sessions s where s.user_id = end_session.person and s.id = end_session.session returning s.id)
  select exists (select from ended)
$$;

COMMENT ON FUNCTION auth.end_session(person uuid, session uuid) IS 'Ends a session of this person; says whether there was one.';

CREATE FUNCTION auth.has_needed_level(person uuid, session uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select not exists (select from auth.mfa_factors f where f.user_id = has_needed_level.person and f.status = 'verified')
      or exists (select from auth.sessions s
                  where s.id = has_needed_level.session and s.user_id = has_needed_level.person and s.aal >= 'aal2')
$$;

COMMENT ON FUNCTION auth.has_needed_level(person uuid, session uuid) IS 'Tells whether a session may change how its person signs in: whoever has a second factor must have shown it.';

CREATE FUNCTION auth.is_of_client(session uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (select from auth.sessions s where s.id = is_of_client.session and s.oauth_client_id is not null)
$$;

COMMENT ON FUNCTION auth.is_of_client(session uuid) IS 'Tells whether an OAuth client acts in this session, rather than the person.';

CREATE FUNCTION auth.jwt() RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;

COMMENT ON FUNCTION auth.jwt() IS 'Gives all claims of the request''s token, or null.';

CREATE FUNCTION auth.leave(person uuid, session uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if auth.is_of_client(leave.session) then
    raise sqlstate 'PT403' using message = 'OAuth clients may not delete accounts', hint = 'no_authorization';
  end if;
  if not exists (
    select
      from auth.sessions s
      left join auth.mfa_amr_claims proof on proof.session_id = s.id
     where s.user_id = leave.person
       and s.id = leave.session
       and coalesce(proof.updated_at, s.created_at) > now() - interval '15 minutes'
  ) then
    raise sqlstate 'PT400' using message = 'Sign in again to delete your account', hint = 'reauthentication_needed';
  end if;
  if not auth.has_needed_level(leave.person, leave.session) then
    raise sqlstate 'PT401' using message = 'Show your second factor to delete your account', hint = 'insufficient_aal';
  end if;
  delete from auth.users u where u.id = leave.person;
end
$$;

COMMENT ON FUNCTION auth.leave(person uuid, session uuid) IS 'Deletes an account with all that refers to it, if its session was proven in the last 15 minutes (else PT400 reauthentication_needed) and has shown the second factor that the person has (else PT401 insufficient_aal). An OAuth client may not (PT403 no_authorization).';

CREATE FUNCTION auth.leave_myself() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select auth.leave(auth.uid(), auth.session_id())
$$;

COMMENT ON FUNCTION auth.leave_myself() IS 'Deletes the account of the person asking.';

CREATE FUNCTION auth.lift(kind text, id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  delete from auth.revocations r where r.kind = lift.kind and r.id = lift.id and r.until > now();
  if found then
    perform auth.tell_revocations(array[format('lifted %s', lift.id)]);
  end if;
end
$$;

COMMENT ON FUNCTION auth.lift(kind text, id uuid) IS 'Takes back what auth.revoke said of a person.';

CREATE FUNCTION auth.my_sessions() RETURNS TABLE(id uuid, device text, address text, created_at timestamp with time zone, last_used_at timestamp with time zone, aal text, is_current boolean, client_name text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select * from auth.sessions_of(auth.uid(), auth.session_id())
$$;

COMMENT ON FUNCTION auth.my_sessions() IS 'Gives the sessions of the person asking, the one used last first.';

CREATE FUNCTION auth.note_barred_person() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'INSERT' then
    perform auth.lift('deleted', new.id);
    return null;
  end if;
  if tg_op = 'DELETE' then
    perform auth.revoke('deleted', array[old.id], now() + auth.token_life());
    return null;
  end if;
  if new.banned_until is distinct from old.banned_until then
    if new.banned_until > now() then
      perform auth.revoke('banned', array[new.id], new.banned_until);
    else
      perform auth.lift('banned', new.id);
    end if;
  end if;
  if new.deleted_at is distinct from old.deleted_at then
    if new.deleted_at is not null then
      perform auth.revoke('deleted', array[new.id], now() + auth.token_life());
    else
      perform auth.lift('deleted', new.id);
    end if;
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION auth.note_barred_person() IS 'Trigger: tokens of people who are banned or deleted are refused, and count again when that is taken back.';

CREATE FUNCTION auth.note_ended_sessions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform auth.revoke('session', (select array_agg(id) from ended), now() + auth.token_life());
  return null;
end
$$;

COMMENT ON FUNCTION auth.note_ended_sessions() IS 'Trigger: the tokens of deleted sessions count no more.';

CREATE FUNCTION auth.note_run_out_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform auth.revoke('session', array[new.id], now() + auth.token_life());
  return null;
end
$$;

COMMENT ON FUNCTION auth.note_run_out_session() IS 'Trigger: a session that was given an end in the past is over.';

CREATE FUNCTION auth.pass(p_endpoint text, p_address text, p_account text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  rule auth.rate_limits;
  wait interval;
begin
  for rule in select * from auth.rate_limits r where r.endpoint = p_endpoint order by r.per loop
    wait := case rule.per
      when 'address' then
        case when p_address is not null then auth.take(auth.bucket(rule, p_address), rule.amount, rule.period, rule.burst) end
      when 'all' then auth.take(auth.bucket(rule, ''), rule.amount, rule.period, rule.burst)
      -- Only failures are counted against an account, or it could be locked by anybody who asks.
      else (select b.full_at + rule.period / rule.amount * (1 - rule.burst) - clock_timestamp()
              from auth.buckets b
             where b.key = auth.bucket(rule, p_account))
    end;
    if wait > interval '0' then
      return ceil(extract(epoch from wait));
    end if;
  end loop;
  return 0;
end
$$;

COMMENT ON FUNCTION auth.pass(p_endpoint text, p_address text, p_account text) IS 'Takes an endpoint, and the address and account it is asked by and for, where known; gives 0, or how many seconds to wait.';

CREATE FUNCTION auth.revocation_line(kind text, id uuid, until timestamp with time zone) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select format('%s %s %s', kind, id, ceil(least(extract(epoch from until), 253402300799))::bigint)
$$;

COMMENT ON FUNCTION auth.revocation_line(kind text, id uuid, until timestamp with time zone) IS 'Gives a revocation as servers read it.';

CREATE FUNCTION auth.revocation_lines() RETURNS SETOF text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from auth.revocations where until < now() - interval '1 minute';
  select auth.sweep_buckets();
  select auth.revocation_line(kind, id, until) from auth.revocations where until > now();
$$;

COMMENT ON FUNCTION auth.revocation_lines() IS 'Forgets what has no token left to refuse, and gives the rest as servers read it.';

CREATE FUNCTION auth.revoke(kind text, ids uuid[], until timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  insert into auth.revocations (kind, id, until)
  select revoke.kind, revoked.id, revoke.until
    from unnest(ids) as revoked (id)
  on conflict on constraint revocations_pkey do update
     set until = excluded.until, revoked_at = excluded.revoked_at;
  perform auth.tell_revocations(array_agg(auth.revocation_line(revoke.kind, revoked.id, revoke.until)))
     from unnest(ids) as revoked (id)
   having count(*) > 0;
end
$$;

COMMENT ON FUNCTION auth.revoke(kind text, ids uuid[], until timestamp with time zone) IS 'Takes a kind (session, banned, deleted), ids, and until when their tokens are refused; from the commit on they are, everywhere.';

CREATE FUNCTION auth.role() RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'role', '')
  )
$$;

COMMENT ON FUNCTION auth.role() IS 'Gives the role in the request''s token (anon, authenticated, service_role), or null.';

CREATE FUNCTION auth.session_id() RETURNS uuid
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'session_id', '')::uuid
$$;

COMMENT ON FUNCTION auth.session_id() IS 'Gives the id of the session the person asking is in, or null.';

CREATE FUNCTION auth.sessions_of(person uuid, present uuid) RETURNS TABLE(id uuid, device text, address text, created_at timestamp with time zone, last_used_at timestamp with time zone, aal text, is_current boolean, client_name text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select s.id,
         auth.device(s.user_agent),
         auth.address_class(s.ip),
         s.created_at,
         coalesce(s.refreshed_at at time zone 'UTC', s.created_at),
         coalesce(s.aal::text, 'aal1'),
         coalesce(s.id = sessions_of.present, false),
         c.client_name
    from auth.sessions s
    left join auth.oauth_clients c on c.id = s.oauth_client_id
   where s.user_id = sessions_of.person
     and (s.not_after is null or s.not_after > now())
     and (s.id = sessions_of.present or not auth.is_of_client(sessions_of.present))
   order by 5 desc, s.id
$$;

COMMENT ON FUNCTION auth.sessions_of(person uuid, present uuid) IS 'Takes a person and their present session; gives their sessions, the one used last first, with the name of the OAuth client that has it, if one has. An OAuth client sees its own alone.';

CREATE FUNCTION auth.sweep_buckets() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from auth.buckets b where b.full_at < now()
$$;

COMMENT ON FUNCTION auth.sweep_buckets() IS 'Forgets buckets that are full again.';

CREATE FUNCTION auth.take(key text, amount integer, period interval, burst integer) RETURNS interval
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  -- A bucket is told by when it is full again: each request puts that off by one share of the period.
  share interval := period / amount;
  now timestamptz := clock_timestamp();
begin
  insert into auth.buckets as b (key, full_at)
  values (take.key, now + share)
  on conflict on constraint buckets_pkey do update
     set full_at = greatest(b.full_at, now) + share
   where greatest(b.full_at, now) + share <= now + share * burst;
  if found then
    return null;
  end if;
  return (select greatest(b.full_at + share - now - share * burst, interval '0') from auth.buckets b where b.key = take.key);
end
$$;

COMMENT ON FUNCTION auth.take(key text, amount integer, period interval, burst integer) IS 'Takes one of amount a period from the bucket of this name, which holds burst; gives null, or how long to wait when it is empty. Exact however many ask at once.';

CREATE FUNCTION auth.tell_revocations(lines text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  -- A notification holds 8000 bytes, a line at most 70.
  perform pg_notify('walkie_revoked', string_agg(line, E'\n'))
     from unnest(lines) with ordinality as told (line, place)
    group by (place - 1) / 100;
  -- The server that is at it reads this before it answers.
  perform set_config('walkie.revoked',
                     concat_ws(E'\n', nullif(current_setting('walkie.revoked', true), ''), array_to_string(lines, E'\n')),
                     true);
end
$$;

COMMENT ON FUNCTION auth.tell_revocations(lines text[]) IS 'Takes lines of "kind id seconds-since-1970" or "lifted id"; tells them to all servers when the transaction commits.';

CREATE FUNCTION auth.token_life() RETURNS interval
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select make_interval(secs => coalesce(nullif(current_setting('walkie.token_seconds', true), '')::int, 604800) + 60)
$$;

COMMENT ON FUNCTION auth.token_life() IS 'Gives how long an access token that was made just now may still count: as the server says in its own transactions, else the longest that can be set, a week.';

CREATE FUNCTION auth.traits_of_client(client uuid) RETURNS json
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  select case when client is not null then json_build_object('client_id', client) end
$$;

COMMENT ON FUNCTION auth.traits_of_client(client uuid) IS 'Gives what is written down of an OAuth client, or null without one.';

CREATE FUNCTION auth.uid() RETURNS uuid
    LANGUAGE sql STABLE
    AS $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '')
  )::uuid
$$;

COMMENT ON FUNCTION auth.uid() IS 'Gives the id of the person asking, or null when nobody is signed in.';

CREATE FUNCTION extensions.uuid_generate_v4() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    RETURN gen_random_uuid();

COMMENT ON FUNCTION extensions.uuid_generate_v4() IS 'Gives a random uuid: stands in for uuid-ossp where the server lacks it.';

CREATE FUNCTION public.add_members(p_conversation uuid, p_members uuid[], p_role text DEFAULT 'member'::text) RETURNS SETOF public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[], p_role text) IS 'Takes a conversation, up to 500 people and their role; lets them in from now on and gives the new memberships. For owners, admins and moderators. Errors: PT401 signed_out, PT403 not_manager or the rule that forbids to add somebody, PT404 not_member or no_such_person, PT422 bad_role or too_many.';

CREATE FUNCTION public.allow_contact_exchange(p_conversation uuid, p_allow boolean DEFAULT true) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  elsif p_allow then
    insert into public.consents (user_id, purpose, conversation_id)
    values (me, 'contact_exchange', p_conversation)
    on conflict do nothing;
  else
    update public.consents k
       set withdrawn_at = clock_timestamp()
     where k.user_id = me
       and k.purpose = 'contact_exchange'
       and k.conversation_id = p_conversation
       and k.withdrawn_at is null;
  end if;
  return app.may_exchange_contacts(p_conversation);
end
$$;

COMMENT ON FUNCTION public.allow_contact_exchange(p_conversation uuid, p_allow boolean) IS 'Takes a conversation and whether the caller agrees that contacts are told there, or no longer; tells whether now all agree. Errors: PT401 signed_out, PT404 not_member.';

CREATE TABLE public.conversation_invites (
    id uuid DEFAULT base.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    invitee_id uuid,
    invited_by uuid NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    expires_at timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    answered_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    email text,
    CONSTRAINT conversation_invites_email_fits CHECK (((email = lower(email)) AND (email ~ '^[^[:space:]@<>",;]+@[^[:space:]@<>",;]+$'::text) AND (char_length(email) <= 255))),
    CONSTRAINT conversation_invites_is_for_one CHECK ((num_nonnulls(invitee_id, email) >= 1)),
    CONSTRAINT conversation_invites_role_known CHECK ((role = ANY (ARRAY['admin'::text, 'moderator'::text, 'member'::text, 'guest'::text, 'observer'::text]))),
    CONSTRAINT conversation_invites_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'accepted'::text, 'declined'::text, 'revoked'::text])))
);

ALTER TABLE ONLY public.conversation_invites REPLICA IDENTITY FULL;

COMMENT ON TABLE public.conversation_invites IS 'Who was asked to come in, and what they said.';

COMMENT ON COLUMN public.conversation_invites.email IS 'Whom it was sent to, if they had no account; whoever confirms that address is the invited.';

CREATE FUNCTION public.answer_invite(p_invite uuid, p_accept boolean) RETURNS public.conversation_invites
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  answered public.conversation_invites;
begin
  -- The one who asked takes it back; the invited accepts or declines.
  update public.conversation_invites i
     set state = case when i.invitee_id <> me then 'revoked' when p_accept then 'accepted' else 'declined' end,
         answered_at = app.now()
   where i.id = p_invite
     and i.state = 'pending'
     and i.expires_at > app.now()
     and (i.invitee_id = me or i.invited_by = me and not p_accept)
  returning i.* into answered;
  if answered.id is null then
    perform app.refuse('no_such_invite');
  end if;
  if answered.state = 'accepted' then
    perform app.admit(answered.conversation_id, array[me], answered.role, false);
  end if;
  return answered;
end
$$;

COMMENT ON FUNCTION public.answer_invite(p_invite uuid, p_accept boolean) IS 'Takes an invitation and whether it is accepted; the invited comes in or declines, the one who asked takes it back with false. Gives the invitation. Errors: PT401 signed_out, PT404 no_such_invite, also when it has expired.';

CREATE TABLE public.profiles (
    id uuid NOT NULL,
    org_id uuid NOT NULL,
    display_name text NOT NULL,
    avatar_path text,
    bio text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    erased_at timestamp with time zone,
    kind text DEFAULT 'human'::text NOT NULL,
    username text,
    status_text text,
    status_emoji text,
    status_until timestamp with time zone,
    locale text,
    timezone text,
    deactivated_at timestamp with time zone,
    CONSTRAINT profiles_avatar_path_fits CHECK ((char_length(avatar_path) <= 1024)),
    CONSTRAINT profiles_bio_fits CHECK ((char_length(bio) <= 2000)),
    CONSTRAINT profiles_display_name_fits CHECK (((display_name ~ '\S'::text) AND (char_length(display_name) <= 100))),
    CONSTRAINT profiles_kind_known CHECK ((kind = ANY (ARRAY['human'::text, 'persona'::text, 'bot'::text, 'system'::text]))),
    CONSTRAINT profiles_locale_fits CHECK ((char_length(locale) <= 35)),
    CONSTRAINT profiles_status_emoji_fits CHECK ((char_length(status_emoji) <= 16)),
    CONSTRAINT profiles_status_text_fits CHECK ((char_length(status_text) <= 140)),
    CONSTRAINT profiles_timezone_fits CHECK ((char_length(timezone) <= 64)),
    CONSTRAINT profiles_username_is_a_word CHECK ((username ~ '^[a-z0-9][a-z0-9_.-]{0,31}$'::text))
);

COMMENT ON TABLE public.profiles IS 'How people appear to each other: one row per person, made when their account is.';

COMMENT ON COLUMN public.profiles.id IS 'The account''s id in auth.users. No foreign key: the profile stays, nameless, when the account goes, since messages point here.';

COMMENT ON COLUMN public.profiles.erased_at IS 'When the account was deleted; the profile then names nobody.';

COMMENT ON COLUMN public.profiles.kind IS 'human: has an account; persona: a figure that admins speak as; bot and system: programs.';

COMMENT ON COLUMN public.profiles.username IS 'The word after the @ that mentions this person.';

COMMENT ON COLUMN public.profiles.deactivated_at IS 'Since when nobody may write to this person; null means active.';

CREATE FUNCTION public.avatar_url(public.profiles) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $_$
  select walkie.offered('media_url') || '/storage/v1/object/public/avatars/' || $1.avatar_path
$_$;

COMMENT ON FUNCTION public.avatar_url(public.profiles) IS 'Takes somebody; gives the address of their picture, where the operator has media served from; null when they have none.';

CREATE FUNCTION public.block_user(p_user uuid, p_hours integer DEFAULT NULL::integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.block_user(p_user uuid, p_hours integer) IS 'Takes a person and for how many hours, or null for good; they can no longer write to the caller, and are not told. Errors: PT401 signed_out, PT404 no_such_person, PT422 self.';

CREATE FUNCTION public.cancel_meeting(p_meeting uuid) RETURNS public.meetings
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.cancel_meeting(p_meeting uuid) IS 'Takes one of the caller''s meetings; it does not take place, nobody is reminded, the card says so, and it is given. Errors: PT401 signed_out, PT403 not_organizer, PT404 no_such_meeting.';

CREATE TABLE public.scheduled_messages (
    id uuid DEFAULT base.uuid7() NOT NULL,
    conversation_id uuid NOT NULL,
    sender_id uuid NOT NULL,
    body text NOT NULL,
    send_at timestamp with time zone NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    message_id uuid,
    error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    persona_id uuid,
    CONSTRAINT scheduled_messages_body_fits CHECK (((body ~ '\S'::text) AND (char_length(body) <= 40000))),
    CONSTRAINT scheduled_messages_state_known CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'failed'::text, 'cancelled'::text])))
);

COMMENT ON TABLE public.scheduled_messages IS 'What is to be said later.';

COMMENT ON COLUMN public.scheduled_messages.message_id IS 'The message that it became.';

COMMENT ON COLUMN public.scheduled_messages.error IS 'Why it could not be sent: a word of the list of refusals, else an SQLSTATE.';

COMMENT ON COLUMN public.scheduled_messages.persona_id IS 'As whom it is said, if not as the sender.';

CREATE FUNCTION public.cancel_scheduled_message(p_scheduled uuid) RETURNS public.scheduled_messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.cancel_scheduled_message(p_scheduled uuid) IS 'Takes one of the caller''s scheduled messages; it is never sent, and is given. Errors: PT401 signed_out, PT404 no_such_message also when it has been sent.';

CREATE FUNCTION public.complete_upload(p_upload uuid) RETURNS public.file_versions
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  made public.file_versions;
begin
  select v.* into made
    from public.file_versions v
   where v.upload_id = p_upload
     and v.uploaded_by = me
     and app.is_member(v.conversation_id);
  if made.file_id is null then
    perform app.refuse(case when exists (select from app.file_uploads u where u.id = p_upload and u.uploader_id = me)
                            then 'not_uploaded' else 'no_such_upload' end);
  end if;
  return made;
end
$$;

COMMENT ON FUNCTION public.complete_upload(p_upload uuid) IS 'Takes an upload that request_upload gave; gives the version that it became. Errors: PT401 signed_out, PT404 no_such_upload, PT409 not_uploaded while the bytes are not all there.';

CREATE FUNCTION public.create_client_group(p_client uuid) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  new_id uuid;
  made public.conversations;
begin
  perform app.require_admin();
  if not exists (select
                   from public.profiles p
                  where p.id = p_client
                    and p.org_id = app.my_org()
                    and p.kind = 'human'
                    and p.erased_at is null) then
    perform app.refuse('no_such_person');
  end if;
  new_id := app.make_client_group(p_client);
  select c.* into made from public.conversations c where c.id = new_id;
  perform app.audit('create_client_group', 'conversations', made.id::text);
  return made;
end
$$;

COMMENT ON FUNCTION public.create_client_group(p_client uuid) IS 'Takes a person; makes a group for them with the organisation''s personas and gives it. For admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_person.';

CREATE FUNCTION public.create_group(p_title text, p_members uuid[] DEFAULT '{}'::uuid[], p_kind text DEFAULT 'group'::text, p_visibility text DEFAULT NULL::text) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  made public.conversations;
begin
  perform app.require_may_found(p_kind);
  perform app.take('open');
  if cardinality(p_members) > 500 then
    perform app.refuse('too_many', 'limit=500');
  end if;
  perform app.require_can_message(me, member)
    from unnest(p_members) member
   where member is distinct from me;

  insert into public.conversations (kind, visibility, title)
  values (p_kind, coalesce(p_visibility, case p_kind when 'room' then 'org' else 'private' end), p_title)
  on conflict (org_id, slug) do nothing
  returning * into made;
  if made.id is null then
    perform app.refuse('slug_taken');
  end if;
  perform app.admit(made.id, array_remove(p_members, me), 'member', true);
  return made;
end
$$;

COMMENT ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text, p_visibility text) IS 'Takes a title, up to 500 people to begin with, a kind (group: by invitation, room: open to the organisation unless p_visibility is private; announcement and persona_group: for admins) and a visibility; gives the conversation, owned by the caller. Errors: PT401 signed_out, PT403 not_admin or the rule that forbids to add somebody, PT404 no_such_person, PT409 slug_taken, PT422 bad_kind, bad_title or too_many, 23514 for a blank or long title.';

CREATE FUNCTION public.create_persona(p_name text, p_avatar text DEFAULT NULL::text, p_bio text DEFAULT NULL::text) RETURNS public.profiles
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  made public.profiles;
  new_id uuid := base.uuid7();
begin
  perform app.require_admin();
  insert into public.profiles (id, org_id, kind, display_name, username, avatar_path, bio)
  values (new_id, app.my_org(), 'persona', btrim(p_name), app.username(app.my_org(), new_id, p_name), p_avatar, p_bio)
  returning * into made;
  perform app.audit('create_persona', 'profiles', made.id::text);
  return made;
end
$$;

COMMENT ON FUNCTION public.create_persona(p_name text, p_avatar text, p_bio text) IS 'Takes a name, an avatar''s path and a biography; makes a persona and gives it. For admins. Errors: PT401 signed_out, PT403 not_admin, 23514 for a blank or long name.';

CREATE FUNCTION public.delete_file(p_file uuid) RETURNS public.files
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  place public.files := app.readable_file(p_file);
begin
  perform app.me();
  if place.owner_id <> auth.uid() and not app.can_do(place.conversation_id, 'delete_any') then
    perform app.refuse('not_your_file');
  end if;
  return app.drop_file(p_file);
end
$$;

COMMENT ON FUNCTION public.delete_file(p_file uuid) IS 'Takes a file of the caller''s own, or any if they moderate; removes it and all that its versions held, for good. Messages keep a mark where it was. Errors: PT401 signed_out, PT403 not_your_file, PT404 no_such_file.';

CREATE TABLE public.messages (
    conversation_id uuid NOT NULL,
    id uuid DEFAULT base.uuid7() NOT NULL,
    seq bigint NOT NULL,
    sub bigint DEFAULT 0 NOT NULL,
    ord bigint NOT NULL,
    rev bigint NOT NULL,
    chapter integer NOT NULL,
    sender_id uuid NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid NOT NULL,
    body_format text DEFAULT 'plain'::text NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    mentions_all boolean DEFAULT false NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_pinned boolean DEFAULT false NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
)
PARTITION BY HASH (conversation_id);

ALTER TABLE ONLY public.messages REPLICA IDENTITY FULL;

COMMENT ON TABLE public.messages IS 'What was said.';

COMMENT ON COLUMN public.messages.seq IS 'Place in the conversation: gapless, in commit order.';

COMMENT ON COLUMN public.messages.sub IS '0, or the order of a shadow or held message after the seq it follows.';

COMMENT ON COLUMN public.messages.ord IS 'How many messages of the main line there were, with this one; replies in threads do not count.';

COMMENT ON COLUMN public.messages.rev IS 'The conversation''s clock at the last change of this row.';

COMMENT ON COLUMN public.messages.chapter IS 'The conversation''s chapter when this was said; later members may not read earlier chapters.';

COMMENT ON COLUMN public.messages.client_id IS 'The sender''s own id for this message: sending it again gives the first one back.';

COMMENT ON COLUMN public.messages.reply_to_id IS 'The message quoted, in the main line or a thread.';

COMMENT ON COLUMN public.messages.visibility IS 'normal: all members see it; shadow and held: its sender alone.';

COMMENT ON COLUMN public.messages.created_at IS 'Taken while the conversation is locked, so it rises with seq.';

COMMENT ON COLUMN public.messages.deleted_at IS 'When it was taken back; the row stays, without its words, so that numbers and replies stay whole.';

COMMENT ON COLUMN public.messages.org_id IS 'The conversation''s organisation, here so that a policy need not look it up.';

COMMENT ON COLUMN public.messages.meta IS 'The client''s own: at most 8 KB.';

COMMENT ON COLUMN public.messages.parent_message_id IS 'The message that this one answers in its thread.';

COMMENT ON COLUMN public.messages.thread_id IS 'The message that the thread hangs on; threads have one level. Null in the main line.';

COMMENT ON COLUMN public.messages.mentions IS 'Members who are named by @username or by the client.';

COMMENT ON COLUMN public.messages.mentions_all IS 'Whether @all, @here or @channel is in it.';

COMMENT ON COLUMN public.messages.reaction_counts IS 'How many people gave each emoji.';

COMMENT ON COLUMN public.messages.forwarded IS 'Where it was copied from: {} if the readers here may not know.';

COMMENT ON COLUMN public.messages.event IS 'What a message of type meeting or system is about, for programs.';

COMMENT ON COLUMN public.messages.attachments IS 'The files with it: file_id, version, name, mime_type, size_bytes, path in bucket chat, status and alt_text of each. A client that inserts names file_id, version and alt_text.';

CREATE FUNCTION public.delete_message(p_conversation uuid, p_message uuid, p_for text DEFAULT 'all'::text) RETURNS public.messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  deleted public.messages;
begin
  if p_for = 'me' then
    select m.* into deleted
      from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message
       and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
    if deleted.id is null then
      perform app.refuse('no_such_message');
    end if;
    insert into public.message_hides (user_id, conversation_id, message_id)
    values (me, p_conversation, p_message)
    on conflict do nothing;
    return deleted;
  elsif p_for is distinct from 'all' then
    perform app.refuse('bad_filter');
  end if;

  update public.messages m
     set deleted_at = coalesce(m.deleted_at, clock_timestamp())
   where m.conversation_id = p_conversation
     and m.id = p_message
     and (app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
          or m.visibility = 'normal' and app.can_do(m.conversation_id, 'delete_any'))
     and app.can_delete(m.conversation_id, m.sender_id, m.created_at)
  returning m.* into deleted;

  if deleted.id is null then
    perform app.refuse_message(p_conversation, p_message, 'delete_window_over');
  end if;
  if deleted.sender_id <> me then
    perform app.audit_group(p_conversation, 'delete_message', p_message);
  end if;
  return deleted;
end
$$;

COMMENT ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid, p_for text) IS 'Takes a conversation, a message and for whom: all takes back the words of one''s own message, or of any if one moderates; me hides it from the caller alone. Gives what remains, also the second time. Errors: PT401 signed_out, PT403 not_yours or delete_window_over, PT404 no_such_message, PT422 bad_filter.';

CREATE FUNCTION public.delete_my_account() RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  select auth.leave_myself()
$$;

COMMENT ON FUNCTION public.delete_my_account() IS 'Deletes your account for good, and signs you out everywhere. You must have signed in within the last 15 minutes (PT400 reauthentication_needed), with your second factor if you have one (PT401 insufficient_aal).';

CREATE FUNCTION public.drop_push_subscription(p_endpoint text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select walkie.unsubscribe_push(app.me(), p_endpoint)
$$;

COMMENT ON FUNCTION public.drop_push_subscription(p_endpoint text) IS 'Takes an endpoint of the caller''s; that browser is woken no longer. False if it was not. Errors: PT401 signed_out.';

CREATE FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) RETURNS public.messages
    LANGUAGE plpgsql
    AS $$
declare
  edited public.messages;
begin
  update public.messages m
     set body = p_body
   where m.conversation_id = p_conversation
     and m.id = p_message
  returning m.* into edited;

  if edited.id is null then
    perform app.refuse_message(p_conversation, p_message, 'edit_window_over');
  end if;
  return edited;
end
$$;

COMMENT ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) IS 'Takes a conversation, one of the caller''s messages and the new words; gives the message. Whoever may not speak may not correct either. Errors: 42501 as send_message, PT403 not_yours or edit_window_over, PT404 no_such_message, PT422 no_words or too_long.';

CREATE FUNCTION public.file_history(p_file uuid) RETURNS SETOF public.file_versions
    LANGUAGE plpgsql STABLE
    AS $$
begin
  perform app.readable_file(p_file);
  return query
    select v.*
      from public.file_versions v
     where v.file_id = p_file
     order by v.version desc;
end
$$;

COMMENT ON FUNCTION public.file_history(p_file uuid) IS 'Takes a file; gives its versions that the caller may have, the newest first, with who brought each and when. Errors: PT404 no_such_file.';

CREATE FUNCTION public.file_limits(p_conversation uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  org uuid := (select c.org_id from public.conversations c where c.id = p_conversation);
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;
  return jsonb_build_object(
    'refusal', app.file_refusal(p_conversation),
    'max_bytes', app.max_file_bytes(org),
    'allowed_mime', app.setting(org, 'allowed_mime'),
    'used_bytes', coalesce((select u.bytes from app.file_usage u where u.owner_id = me), 0),
    'quota_bytes', app.file_quota(org, me));
end
$$;

COMMENT ON FUNCTION public.file_limits(p_conversation uuid) IS 'Takes a conversation; gives {"refusal", "max_bytes", "allowed_mime", "used_bytes", "quota_bytes"}: why the caller may put no file there (null: they may), how large one may be, of which types, how much the caller keeps, and how much they may (null: no bound). Errors: PT401 signed_out, PT404 not_member.';

CREATE FUNCTION public.follow_thread(p_conversation uuid, p_thread uuid, p_following boolean DEFAULT true) RETURNS public.thread_members
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.thread_row(p_conversation, p_thread, coalesce(p_following, true), false)
$$;

COMMENT ON FUNCTION public.follow_thread(p_conversation uuid, p_thread uuid, p_following boolean) IS 'Takes a conversation, a thread''s root and whether to follow it; gives the caller''s row. Errors: PT401 signed_out, PT404 no_such_message.';

CREATE FUNCTION public.forward_message(p_conversation uuid, p_message uuid, p_to uuid[]) RETURNS SETOF public.messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  origin public.messages;
begin
  perform app.take('forward');
  if cardinality(p_to) > 20 then
    perform app.refuse('too_many', 'limit=20');
  end if;
  select m.* into origin
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  if origin.id is null then
    perform app.refuse('no_such_message');
  elsif exists (select from public.conversations c where c.id = p_conversation and c.no_forward) then
    perform app.refuse('no_forward');
  end if;

  -- Where it came from is told only where all may read it there anyway.
  return query
  insert into public.messages (conversation_id, sender_id, body, body_format, attachments, forwarded)
  select target.id,
         app.me(),
         origin.body,
         origin.body_format,
         app.pass_on(origin.attachments, target.id),
         case when exists (
                select
                  from public.conversation_members reader
                 where reader.conversation_id = target.id
                   and reader.left_at is null
                   and not exists (select
                                     from public.conversation_members m
                                    where m.conversation_id = origin.conversation_id
                                      and m.member_id = reader.member_id
                                      and m.left_at is null
                                      and m.joined_chapter <= origin.chapter))
              then '{}'::jsonb
              else jsonb_build_object('conversation_id', origin.conversation_id, 'message_id', origin.id,
                                      'sender_id', origin.sender_id) end
    from (select distinct id from unnest(p_to) id) target
   order by target.id
  returning *;
end
$$;

COMMENT ON FUNCTION public.forward_message(p_conversation uuid, p_message uuid, p_to uuid[]) IS 'Takes a conversation, a message and up to 20 conversations; says it again in each and gives the copies. forwarded names the origin where all members can read it there, else it is {}. What it shows becomes files of the caller''s own there, which stay when the first are deleted. All or none. Errors: those of send_message and request_upload, PT403 no_forward, PT404 no_such_message, PT422 files_stay or too_many.';

CREATE FUNCTION public.get_conversations(p_limit integer DEFAULT 50, p_filter text DEFAULT 'all'::text, p_category uuid DEFAULT NULL::uuid, p_priority text DEFAULT NULL::text, p_query text DEFAULT NULL::text, p_engagement uuid DEFAULT NULL::uuid, p_cursor text DEFAULT NULL::text) RETURNS TABLE(id uuid, kind text, title text, slug text, other_id uuid, last_message_id uuid, last_message_at timestamp with time zone, last_preview text, last_seq bigint, last_rev bigint, last_read_seq bigint, unread bigint, mention_count integer, is_muted boolean, is_archived boolean, is_pinned boolean, category_id uuid, priority text, draft text, engagement_id uuid, member_count integer, cursor text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := auth.uid();
  moment timestamptz := app.now();
  after_rank double precision;
  after_at timestamptz;
  after_id uuid;
begin
  after_rank := split_part(p_cursor, '~', 1);
  after_at := split_part(p_cursor, '~', 2);
  after_id := split_part(p_cursor, '~', 3);
  if p_filter is null or p_filter not in ('all', 'active', 'archived', 'unread', 'muted', 'pinned', 'mentions') then
    perform app.refuse('bad_filter', p_filter);
  end if;
  return query
  select page.id,
         page.kind,
         page.title,
         page.slug,
         page.other_id,
         page.last_message_id,
         page.last_message_at,
         page.last_preview,
         page.last_seq,
         page.last_rev,
         page.last_read_seq,
         page.unread,
         page.mention_count,
         page.is_muted,
         page.is_archived,
         page.is_pinned,
         page.category_id,
         page.priority,
         page.draft,
         page.engagement_id,
         page.member_count,
         format('%s~%s~%s', page.rank, page.at, page.id)
    from (select c.id,
                 c.kind,
                 coalesce(c.title, other.display_name) as title,
                 c.slug,
                 other.id as other_id,
                 c.last_message_id,
                 c.last_message_at,
                 c.last_preview,
                 c.last_seq,
                 c.last_rev,
                 i.last_read_seq,
                 greatest(c.root_count - i.last_read_ord, 0) as unread,
                 i.mention_count,
                 coalesce(i.muted_until > moment, false) as is_muted,
                 -- What is said later brings an archived conversation back, unless it is muted.
                 c.archived_at is not null
                   or i.archived_at is not null
                      and (c.last_seq <= i.archived_seq or coalesce(i.muted_until > moment, false)) as is_archived,
                 i.pinned_at is not null as is_pinned,
                 coalesce(i.category_id, c.category_id) as category_id,
                 coalesce(i.priority, c.priority) as priority,
                 i.draft,
                 c.engagement_id,
                 c.member_count,
                 case when i.pinned_at is null then 'infinity' else coalesce(i.pin_order, 0) end::double precision as rank,
                 coalesce(c.last_message_at, c.created_at) as at
            from public.conversation_members mine
            join public.conversations c on c.id = mine.conversation_id
            join public.inbox i on i.member_id = mine.member_id and i.conversation_id = mine.conversation_id
            left join lateral (
              select p.id, p.display_name
                from public.conversation_members m
                join public.profiles p on p.id = m.member_id
               where c.kind = 'dm'
                 and m.conversation_id = c.id
                 and m.member_id <> me
               limit 1  -- asked for pairs alone, instead of joined with all members of all
            ) other on true
           where mine.member_id = me
             and mine.left_at is null) page
   where (p_filter <> 'active' or not page.is_archived)
     and (p_filter <> 'archived' or page.is_archived)
     and (p_filter <> 'unread' or page.unread > 0)
     and (p_filter <> 'muted' or page.is_muted)
     and (p_filter <> 'pinned' or page.is_pinned)
     and (p_filter <> 'mentions' or page.mention_count > 0)
     and (p_category is null or page.category_id = p_category)
     and (p_priority is null or page.priority = p_priority)
     and (p_engagement is null or page.engagement_id = p_engagement)
     and (p_query is null
          or strpos(lower(page.title), lower(p_query)) > 0
          or exists (select
                       from public.conversation_members m
                       join public.profiles p on p.id = m.member_id
                      where m.conversation_id = page.id
                        and m.left_at is null
                        and m.member_id <> me
                        and strpos(lower(p.display_name), lower(p_query)) > 0))
     and (p_cursor is null
          or page.rank > after_rank
          or page.rank = after_rank and (page.at < after_at or page.at = after_at and page.id > after_id))
   order by page.rank, page.at desc, page.id
   limit least(greatest(p_limit, 0), 1000);
exception when invalid_text_representation or invalid_datetime_format or datetime_field_overflow then
  perform app.refuse('bad_filter', 'p_cursor');
end
$$;

COMMENT ON FUNCTION public.get_conversations(p_limit integer, p_filter text, p_category uuid, p_priority text, p_query text, p_engagement uuid, p_cursor text) IS 'Takes how many (at most 1000), a filter (all, active, archived, unread, muted, pinned, mentions), a category, a priority, words to find in a title or a member''s name, an engagement, and the cursor of the last one received; gives the caller''s conversations that fit all of these: pinned ones first in their order, then the latest spoken in, each with its unread count; a pair bears the other''s name. Errors: PT422 bad_filter.';

CREATE FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint DEFAULT NULL::bigint, p_after_seq bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50, p_thread uuid DEFAULT NULL::uuid, p_around uuid DEFAULT NULL::uuid) RETURNS SETOF public.messages
    LANGUAGE plpgsql STABLE
    AS $$
declare
  most integer := least(greatest(p_limit, 0), 1000);
  middle bigint := (select m.seq from public.messages m where m.conversation_id = p_conversation and m.id = p_around);
  upto bigint := coalesce(p_before_seq, 9223372036854775807);
  older integer := case when p_after_seq is not null then 0 when middle is null then most else most / 2 end;
  below bigint := least(upto, coalesce(middle, upto));
  above bigint := coalesce(p_after_seq, middle - 1, 9223372036854775807);
begin
  -- Bounds and limits are values by now, so that both halves are planned as short walks along an index.
  return query
  select page.*
    from (
      (select m.*
         from public.messages m
        where m.conversation_id = p_conversation
          and m.seq < below
          and (p_thread is null and m.thread_id is null or m.thread_id = p_thread)
          and not exists (select
                            from public.message_hides h
                           where h.user_id = (select auth.uid())
                             and h.conversation_id = m.conversation_id
                             and h.message_id = m.id)
        order by m.seq desc, m.sub desc
        limit older)
      union all
      (select m.*
         from public.messages m
        where m.conversation_id = p_conversation
          and m.seq > above
          and m.seq < upto
          and (p_thread is null and m.thread_id is null or m.thread_id = p_thread)
          and not exists (select
                            from public.message_hides h
                           where h.user_id = (select auth.uid())
                             and h.conversation_id = m.conversation_id
                             and h.message_id = m.id)
        order by m.seq, m.sub
        limit most - older)
    ) page
   order by page.seq, page.sub;
end
$$;

COMMENT ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer, p_thread uuid, p_around uuid) IS 'Takes a conversation, a seq to stay below, a seq to stay above, how many (at most 1000), a thread''s root (else the main line) and a message to have in the middle; gives messages in order: the newest that fit, the ones next after p_after_seq, or those around. What the caller hid is left out. An outsider gets none.';

CREATE FUNCTION public.get_notifications(p_limit integer DEFAULT 50, p_unread boolean DEFAULT false, p_cursor text DEFAULT NULL::text) RETURNS TABLE(id uuid, kind text, conversation_id uuid, message_id uuid, actor_id uuid, actor_name text, subject_id uuid, count integer, title text, body text, told_at timestamp with time zone, seen_at timestamp with time zone, read_at timestamp with time zone, cursor text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
begin
  return query
  select n.id,
         n.kind,
         n.conversation_id,
         n.message_id,
         n.actor_id,
         p.display_name,
         n.subject_id,
         n.count,
         coalesce(n.title, c.title),
         coalesce(n.body, app.preview(m.body, m.attachments)),
         n.told_at,
         n.seen_at,
         n.read_at,
         n.told_at || '~' || n.id
    from public.notifications n
    left join public.profiles p on p.id = n.actor_id
    left join public.messages m on m.conversation_id = n.conversation_id and m.id = n.message_id
                               and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
    left join public.conversations c on c.id = m.conversation_id
   where n.user_id = me
     and n.in_app
     and (not p_unread or n.read_at is null)
     and (p_cursor is null
          or (n.told_at, n.id) < (split_part(p_cursor, '~', 1)::timestamptz, split_part(p_cursor, '~', 2)::uuid))
   order by n.told_at desc, n.id desc
   limit least(greatest(p_limit, 0), 200);
exception when invalid_text_representation or invalid_datetime_format or datetime_field_overflow then
  perform app.refuse('bad_filter', 'p_cursor');
end
$$;

COMMENT ON FUNCTION public.get_notifications(p_limit integer, p_unread boolean, p_cursor text) IS 'Takes how many (at most 200), whether only what is unread, and the cursor of the last one received; gives what the caller was told of, the newest first, with the name of whose doing it is and the words as they stand now. Errors: PT401 signed_out, PT422 bad_filter.';

CREATE FUNCTION public.get_or_create_conversation(p_other uuid, p_engagement uuid DEFAULT NULL::uuid) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  pair text := least(me, p_other) || ':' || greatest(me, p_other);
  deal uuid := p_engagement;
  found_or_made public.conversations;
begin
  -- A pair that talks already goes on reading, whatever the rules say now.
  select c.* into found_or_made
    from public.conversations c
   where p_engagement is null
     and c.org_id = app.my_org()
     and c.dm_key = pair;
  if found then
    return found_or_made;
  end if;

  perform app.take('open');
  perform app.require_can_message(me, p_other);
  if p_engagement is not null then
    perform app.require_party(p_engagement, me, p_other);
  elsif app.setting(app.my_org(), 'dm_policy') ? 'engagement' then
    deal := app.live_engagement(me, p_other);
  end if;
  if deal is not null then
    return app.open_engagement(deal);
  end if;

  insert into public.conversations (org_id, kind, dm_key, created_by)
  values (app.my_org(), 'dm', pair, me)
  on conflict (org_id, dm_key) do nothing
  returning * into found_or_made;
  if found_or_made.id is not null then
    insert into public.conversation_members (conversation_id, member_id)
    values (found_or_made.id, least(me, p_other)), (found_or_made.id, greatest(me, p_other));
  end if;
  -- If the other one was quicker, the insert has waited for that commit, so the pair is complete.
  select c.* into strict found_or_made
    from public.conversations c
   where c.org_id = app.my_org()
     and c.dm_key = pair;
  return found_or_made;
end
$$;

COMMENT ON FUNCTION public.get_or_create_conversation(p_other uuid, p_engagement uuid) IS 'Takes the other person and, where the two talk about an engagement, which one; gives the one conversation, made if need be, however many ask at once. Errors: PT401 signed_out, PT403 with the rule that forbids it, PT404 no_such_person or no_such_engagement, PT422 self, PT429 rate_limited.';

CREATE FUNCTION public.get_persona_conversations(p_limit integer DEFAULT 50, p_waiting boolean DEFAULT false) RETURNS TABLE(id uuid, kind text, title text, client_id uuid, client_name text, last_preview text, last_message_at timestamp with time zone, waiting_since timestamp with time zone, persona_id uuid, admin_id uuid, admin_name text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.get_persona_conversations(p_limit integer, p_waiting boolean) IS 'Takes how many (at most 200) and whether only those that wait; gives the conversations that personas are in, those that have waited longest for an answer first: the person there, since when what they say is unanswered, and which admin keeps which persona. For admins. Errors: PT401 signed_out, PT403 not_admin.';

CREATE FUNCTION public.get_threads(p_limit integer DEFAULT 50, p_unread boolean DEFAULT false, p_before timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(conversation_id uuid, thread_id uuid, preview text, sender_id uuid, reply_count integer, unread integer, last_reply_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select m.conversation_id,
         m.id,
         app.preview(m.body, m.attachments),
         m.sender_id,
         m.reply_count,
         m.reply_count - t.last_read_reply,
         m.last_reply_at
    from public.thread_members t
    join public.conversation_members k on k.conversation_id = t.conversation_id and k.member_id = t.user_id
    join public.messages m on m.conversation_id = t.conversation_id and m.id = t.thread_id
   where t.user_id = app.me()
     and t.following
     and k.left_at is null
     and k.joined_chapter <= m.chapter
     and (not p_unread or m.reply_count > t.last_read_reply)
     and (p_before is null or m.last_reply_at < p_before)
   order by m.last_reply_at desc nulls last, m.id desc
   limit least(greatest(p_limit, 0), 200)
$$;

COMMENT ON FUNCTION public.get_threads(p_limit integer, p_unread boolean, p_before timestamp with time zone) IS 'Takes how many (at most 200), whether only those with something unread, and a last_reply_at to stay before; gives the threads that the caller follows, those last answered first. Errors: PT401 signed_out.';

CREATE FUNCTION public.heartbeat(p_status text DEFAULT 'online'::text, p_active boolean DEFAULT true) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.heartbeat(p_status text, p_active boolean) IS 'Takes online, away, busy or, when going, offline, and whether the person did something; keeps the caller present for 65 seconds and gives their status. Call it every 25 to 30 seconds. Errors: PT401 signed_out, PT422 bad_status, PT429 rate_limited.';

CREATE FUNCTION public.held_messages(p_limit integer DEFAULT 50) RETURNS TABLE(conversation_id uuid, message_id uuid, kind text, title text, sender_id uuid, sender_name text, body text, attachments jsonb, held_since timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select m.conversation_id, m.id, c.kind, c.title, m.sender_id, p.display_name, m.body, m.attachments, m.created_at
    from public.messages m
    join public.conversations c on c.id = m.conversation_id
    join public.profiles p on p.id = m.sender_id
   where m.org_id = app.my_org()
     and m.visibility = 'held'
     and m.deleted_at is null
     and m.sender_id <> app.me()
     and ((select app.is_moderator(app.me()))
          or m.conversation_id in (select mine.conversation_id
                                     from public.conversation_members mine
                                    where mine.member_id = app.me()
                                      and mine.left_at is null
                                      and app.role_may(mine.role, 'delete_any')))
   order by m.created_at, m.id
   limit least(greatest(p_limit, 0), 200)
$$;

COMMENT ON FUNCTION public.held_messages(p_limit integer) IS 'Takes how many (at most 200); gives the messages of others that wait for review, the oldest first: to moderators and admins of the organisation all of them, to those who moderate a conversation those said there. Errors: PT401 signed_out.';

CREATE FUNCTION public.invite_by_email(p_conversation uuid, p_email text, p_role text DEFAULT 'member'::text) RETURNS public.conversation_invites
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  address text := lower(btrim(p_email));
  made public.conversation_invites;
begin
  perform app.require_right(p_conversation, 'invite');
  perform app.require_may_give(p_conversation, p_role);
  if p_role = 'owner' then
    perform app.refuse('bad_role');
  end if;
  perform app.take('mail_invite');

  select i.* into made
    from public.conversation_invites i
   where i.conversation_id = p_conversation
     and i.email = address
     and i.state = 'pending';
  if made.id is null then
    insert into public.conversation_invites (conversation_id, email, invited_by, role, expires_at)
    values (p_conversation, address, me, p_role, app.now() + interval '14 days')
    returning * into made;
  end if;
  -- The same for whoever has an account and whoever has not, so that nobody learns which.
  perform walkie.enqueue_job('mail', jsonb_build_object(
            'to', address,
            'subject', format('%s invites you to %s', p.display_name, coalesce(c.title, 'a conversation')),
            'text', format(E'%s invites you to %s.\n\nSign in or sign up with this address to answer: {{site_url}}\n', p.display_name, coalesce(c.title, 'a conversation')),
            'html', format('<p>%s invites you to <b>%s</b>.</p><p><a href="{{site_url}}">Sign in or sign up with this address to answer</a></p>',
                           app.html(p.display_name), app.html(coalesce(c.title, 'a conversation')))))
     from public.profiles p, public.conversations c
    where p.id = me
      and c.id = p_conversation;
  perform app.attach_invites(address);
  return made;
exception when check_violation or not_null_violation then
  perform app.refuse('bad_address');
end
$$;

COMMENT ON FUNCTION public.invite_by_email(p_conversation uuid, p_email text, p_role text) IS 'Takes a conversation, an address and the role; sends mail, and whoever has or makes an account with that address, confirmed, finds the invitation there, if the two may write to each other. Gives the invitation. For owners, admins and moderators. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member, PT422 bad_role or bad_address, PT429 rate_limited.';

CREATE FUNCTION public.invite_member(p_conversation uuid, p_invitee uuid, p_role text DEFAULT 'member'::text) RETURNS public.conversation_invites
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  made public.conversation_invites;
begin
  perform app.require_right(p_conversation, 'invite');
  perform app.require_may_give(p_conversation, p_role);
  if p_role = 'owner' then
    perform app.refuse('bad_role');
  end if;
  perform app.require_can_join(p_conversation, p_invitee);
  perform app.take('open');

  insert into public.conversation_invites as i (conversation_id, invitee_id, invited_by, role, expires_at)
  values (p_conversation, p_invitee, me, p_role, app.now() + interval '14 days')
  on conflict (conversation_id, invitee_id) where state = 'pending' do update
     set invited_by = excluded.invited_by,
         role = excluded.role,
         expires_at = excluded.expires_at
  returning * into made;
  return made;
end
$$;

COMMENT ON FUNCTION public.invite_member(p_conversation uuid, p_invitee uuid, p_role text) IS 'Takes a conversation, a person and the role they would have; asks them in for 14 days and gives the invitation, the same one if it is still open. For owners, admins and moderators. Errors: PT401 signed_out, PT403 not_manager or the rule that forbids it, PT404 not_member or no_such_person, PT422 bad_role, PT429 rate_limited.';

CREATE FUNCTION public.join_room(p_slug text) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.join_room(p_slug text) IS 'Takes the slug of an open room of the caller''s organisation; joins it and gives it, also when already in. Errors: PT401 signed_out, PT403 removed, PT404 no_such_room.';

CREATE FUNCTION public.leave_conversation(p_conversation uuid) RETURNS public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.leave_conversation(p_conversation uuid) IS 'Takes a conversation; ends the caller''s membership and gives it. Errors: PT401 signed_out, PT404 not_member, PT422 dm_stays.';

CREATE FUNCTION public.list_files(p_conversation uuid, p_folder text DEFAULT NULL::text, p_limit integer DEFAULT 50, p_before timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF public.files
    LANGUAGE sql STABLE
    AS $$
  select f.*
    from public.files f
   where f.conversation_id = p_conversation
     and f.deleted_at is null
     and (p_folder is null or f.folder = p_folder)
     and (p_before is null or f.updated_at < p_before)
   order by f.updated_at desc, f.id desc
   limit least(greatest(p_limit, 0), 500)
$$;

COMMENT ON FUNCTION public.list_files(p_conversation uuid, p_folder text, p_limit integer, p_before timestamp with time zone) IS 'Takes a conversation, a folder (else all), how many (at most 500) and an updated_at to go on from; gives files, the latest changed first. An outsider gets none.';

CREATE FUNCTION public.list_folders(p_conversation uuid) RETURNS TABLE(folder text, files bigint, updated_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
  select f.folder, count(*), max(f.updated_at)
    from public.files f
   where f.conversation_id = p_conversation
     and f.deleted_at is null
   group by f.folder
   order by f.folder
   limit 1000
$$;

COMMENT ON FUNCTION public.list_folders(p_conversation uuid) IS 'Takes a conversation; gives the folders of its files, up to 1000, with how many files are in each and when one was last changed. An outsider gets none.';

CREATE FUNCTION public.list_meetings(p_when text DEFAULT 'upcoming'::text, p_limit integer DEFAULT 50, p_offset integer DEFAULT 0) RETURNS TABLE(id uuid, conversation_id uuid, message_id uuid, organizer_id uuid, title text, provider text, join_url text, starts_at timestamp with time zone, ends_at timestamp with time zone, timezone text, state text, response text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.list_meetings(p_when text, p_limit integer, p_offset integer) IS 'Takes upcoming or past, how many (at most 200) and how many to pass over; gives the meetings the caller is asked to, the next or the latest first, with their answer. Cancelled ones are past. Errors: PT422 bad_filter.';

CREATE FUNCTION public.mark_all_read() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  moved uuid[];
begin
  with moving as (
    update public.inbox i
       set last_read_seq = c.last_seq,
           last_read_ord = c.root_count,
           mention_count = 0
      from public.conversations c
     where i.member_id = me
       and c.id = i.conversation_id
       and c.id in (select app.my_conversations())
       and i.last_read_seq < c.last_seq
    returning i.conversation_id
  )
  select coalesce(array_agg(moving.conversation_id), '{}') into moved from moving;
  perform app.tell_read(me, moved);
  return cardinality(moved);
end
$$;

COMMENT ON FUNCTION public.mark_all_read() IS 'Moves all of the caller''s pointers to the end and gives how many moved. Errors: PT401 signed_out.';

CREATE FUNCTION public.mark_delivered(p_items jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  moved integer;
begin
  if jsonb_typeof(p_items) is distinct from 'object' or (select count(*) from jsonb_object_keys(p_items)) > 1000 then
    perform app.refuse('too_many', 'limit=1000');
  end if;
  update public.conversation_members m
     set last_delivered_seq = least(item.seq::bigint, c.last_seq)
    from jsonb_each_text(p_items) item (id, seq)
    join public.conversations c on c.id = item.id::uuid
   where m.conversation_id = c.id
     and m.member_id = me
     and m.left_at is null
     and m.last_delivered_seq < least(item.seq::bigint, c.last_seq)
     and c.receipts_mode = 'all'
     and c.member_count <= 100;
  get diagnostics moved = row_count;
  return moved;
end
$$;

COMMENT ON FUNCTION public.mark_delivered(p_items jsonb) IS 'Takes an object of conversation ids and the newest seq that reached this device, at most 1000; moves what others are told, in small conversations, and gives how many moved; who hides how far they have read tells that all the same. Errors: PT401 signed_out, PT422 too_many.';

CREATE FUNCTION public.mark_notifications(p_ids uuid[] DEFAULT NULL::uuid[], p_read boolean DEFAULT true) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  marked integer;
begin
  update public.notifications n
     set seen_at = coalesce(n.seen_at, app.now()),
         read_at = case when p_read then app.now() end
   where n.user_id = me
     and n.read_at is null
     and (p_ids is null or n.id = any (p_ids))
     and (p_read or n.seen_at is null);
  get diagnostics marked = row_count;
  return marked;
end
$$;

COMMENT ON FUNCTION public.mark_notifications(p_ids uuid[], p_read boolean) IS 'Takes notices of the caller, all unless given, and whether they were read or, with false, only seen; gives how many that was news to. Errors: PT401 signed_out.';

CREATE TABLE public.inbox (
    member_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    last_read_seq bigint DEFAULT 0 NOT NULL,
    last_read_ord bigint DEFAULT 0 NOT NULL,
    last_sent_seq bigint DEFAULT 0 NOT NULL,
    last_sent_at timestamp with time zone,
    mention_count integer DEFAULT 0 NOT NULL,
    notify_level text,
    muted_until timestamp with time zone,
    archived_at timestamp with time zone,
    archived_seq bigint,
    pinned_at timestamp with time zone,
    pin_order double precision,
    category_id uuid,
    priority text,
    draft text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT inbox_draft_fits CHECK ((char_length(draft) <= 40000)),
    CONSTRAINT inbox_notify_level_known CHECK ((notify_level = ANY (ARRAY['all'::text, 'mentions'::text, 'none'::text]))),
    CONSTRAINT inbox_priority_known CHECK ((priority = ANY (ARRAY['low'::text, 'normal'::text, 'high'::text, 'urgent'::text])))
)
WITH (fillfactor='80');

ALTER TABLE ONLY public.inbox REPLICA IDENTITY FULL;

COMMENT ON TABLE public.inbox IS 'What a conversation is to one of its members alone: how far read, mentions, and how it is listed.';

COMMENT ON COLUMN public.inbox.last_read_ord IS 'How many messages that count as unread come before what is unread; unread is the conversation''s root_count minus this.';

COMMENT ON COLUMN public.inbox.last_sent_seq IS 'The newest message of one''s own.';

COMMENT ON COLUMN public.inbox.mention_count IS 'How often one is mentioned in what is unread.';

COMMENT ON COLUMN public.inbox.notify_level IS 'Null means as the conversation says.';

COMMENT ON COLUMN public.inbox.muted_until IS 'infinity means until it is taken back.';

COMMENT ON COLUMN public.inbox.archived_seq IS 'The conversation''s last_seq when it was archived: what is said later brings it back, unless muted, and nobody has to write that.';

COMMENT ON COLUMN public.inbox.pin_order IS 'Place among the pinned ones, lower first.';

COMMENT ON COLUMN public.inbox.priority IS 'Null means as the conversation says.';

CREATE FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) RETURNS public.inbox
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  pointer public.inbox;
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;

  update public.inbox mine
     set last_read_seq = newest.seq,
         last_read_ord = app.ord_read(p_conversation, newest.seq, newest.ord, mine.last_sent_seq, me),
         mention_count = (select count(*)
                            from public.message_mentions k
                           where k.mentioned_id = me
                             and k.conversation_id = p_conversation
                             and k.seq > newest.seq)
    from (select m.seq, m.ord
            from public.messages m
           where m.conversation_id = p_conversation
             and m.seq <= p_seq
             and m.sub = 0
           order by m.seq desc
           limit 1) newest
   where mine.conversation_id = p_conversation
     and mine.member_id = me
     and mine.last_read_seq < newest.seq;
  if found then
    perform app.tell_read(me, array[p_conversation]);
  end if;

  select i.* into pointer
    from public.inbox i
   where i.conversation_id = p_conversation
     and i.member_id = me;
  return pointer;
end
$$;

COMMENT ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) IS 'Takes a conversation and the seq read up to; moves the caller''s pointer forward, never back, and gives their inbox row. Call it at most once in one or two seconds. Errors: PT401 signed_out, PT404 not_member.';

CREATE FUNCTION public.mark_thread_read(p_conversation uuid, p_thread uuid) RETURNS public.thread_members
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.thread_row(p_conversation, p_thread, null, true)
$$;

COMMENT ON FUNCTION public.mark_thread_read(p_conversation uuid, p_thread uuid) IS 'Takes a conversation and a thread''s root; what there is of the thread is read, and the caller''s row is given. Errors: PT401 signed_out, PT404 no_such_message.';

CREATE FUNCTION public.mark_unread(p_conversation uuid, p_seq bigint) RETURNS public.inbox
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  place public.conversations;
  pointer public.inbox;
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;
  -- Locked, so that what is counted and the counter are of one moment.
  select c.* into place from public.conversations c where c.id = p_conversation for no key update;

  update public.inbox mine
     set last_read_seq = back.seq,
         last_read_ord = place.root_count - (select count(*)
                                               from public.messages m
                                              where m.conversation_id = p_conversation
                                                and m.seq > back.seq
                                                and m.sender_id <> me
                                                and m.thread_id is null
                                                and m.message_type <> 'system'
                                                and m.visibility = 'normal'),
         mention_count = (select count(*)
                            from public.message_mentions k
                           where k.mentioned_id = me
                             and k.conversation_id = p_conversation
                             and k.seq > back.seq)
    from (select greatest(p_seq - 1, place.last_seq - 1000, 0) as seq) back
   where mine.conversation_id = p_conversation
     and mine.member_id = me
     and mine.last_read_seq > back.seq;

  select i.* into pointer
    from public.inbox i
   where i.conversation_id = p_conversation
     and i.member_id = me;
  return pointer;
end
$$;

COMMENT ON FUNCTION public.mark_unread(p_conversation uuid, p_seq bigint) IS 'Takes a conversation and a seq; what is from there on counts as unread again, at most the last 1000, and the inbox row is given. What others were told stays told. Errors: PT401 signed_out, PT404 not_member.';

CREATE FUNCTION public.meeting_ics(p_meeting uuid) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.meeting_ics(p_meeting uuid) IS 'Takes a meeting that the caller can see; gives it as a calendar file. Errors: PT404 no_such_meeting.';

CREATE FUNCTION public.message_history(p_conversation uuid, p_message uuid) RETURNS TABLE(version integer, body text, edited_by uuid, edited_at timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  now_ public.messages;
begin
  select m.* into now_
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
     and (m.sender_id = auth.uid() or app.setting(m.org_id, 'show_history')::boolean);
  if now_.id is null then
    perform app.refuse('no_such_message');
  end if;
  -- A wording is from whoever made it, at the time at which it replaced the one before.
  return query
    select e.version,
           e.body,
           coalesce(lag(e.edited_by) over wordings, now_.sender_id),
           coalesce(lag(e.edited_at) over wordings, now_.created_at)
      from (select x.version, x.body, x.edited_by, x.edited_at
              from public.message_edits x
             where x.conversation_id = p_conversation
               and x.message_id = p_message
            union all
            select now_.edit_count + 1, now_.body, null, null) e
    window wordings as (order by e.version);
end
$$;

COMMENT ON FUNCTION public.message_history(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message; gives every wording in order, with who wrote it and when, the last being what it says now. Where the organisation does not show history, only to the sender. Errors: PT404 no_such_message.';

CREATE FUNCTION public.my_sessions() RETURNS TABLE(id uuid, device text, address text, created_at timestamp with time zone, last_used_at timestamp with time zone, aal text, is_current boolean, client_name text)
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select * from auth.my_sessions()
$$;

COMMENT ON FUNCTION public.my_sessions() IS 'Where you are signed in: device, network, when it began and was last used, which of them this is, and the name of the app of others that has it, if one has.';

CREATE TABLE public.oversight_grants (
    id uuid DEFAULT base.uuid7() NOT NULL,
    admin_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    reason text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT oversight_grants_reason_given CHECK (((reason ~ '\S'::text) AND (char_length(reason) <= 1000)))
);

COMMENT ON TABLE public.oversight_grants IS 'Which admin opened which conversation to read it, why and until when.';

CREATE FUNCTION public.open_oversight(p_conversation uuid, p_reason text, p_minutes integer DEFAULT 60) RETURNS public.oversight_grants
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  made public.oversight_grants;
begin
  perform app.require_admin();
  if not exists (select
                   from public.conversations c
                  where c.id = p_conversation
                    and c.org_id = app.my_org()
                    and app.setting(c.org_id, 'oversight_mode') <> '"off"') then
    perform app.refuse('not_member');
  end if;
  insert into public.oversight_grants (admin_id, conversation_id, reason, expires_at)
  values (app.me(), p_conversation, p_reason, app.now() + make_interval(mins => least(greatest(p_minutes, 1), 1440)))
  returning * into made;
  perform app.audit('open_oversight', 'conversations', p_conversation::text, jsonb_build_object('expires_at', made.expires_at), p_reason);
  return made;
end
$$;

COMMENT ON FUNCTION public.open_oversight(p_conversation uuid, p_reason text, p_minutes integer) IS 'Takes a conversation of the caller''s organisation, a reason and for how many minutes (at most 1440); lets the admin read it by oversee_messages and puts that on record. Errors: PT401 signed_out, PT403 not_admin, PT404 not_member where the organisation has no oversight, 23514 without a reason.';

CREATE FUNCTION public.oversee_messages(p_conversation uuid, p_before_seq bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50) RETURNS SETOF public.messages
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.require_admin();
  -- No policy knows this grant: it ends by itself, and a policy that asks the time could not be remembered.
  if not exists (select
                   from public.oversight_grants g
                   join public.conversations c on c.id = g.conversation_id
                  where g.admin_id = auth.uid()
                    and g.conversation_id = p_conversation
                    and g.expires_at > app.now()
                    and c.org_id = app.my_org()
                    and app.setting(c.org_id, 'oversight_mode') <> '"off"') then
    perform app.refuse('no_grant');
  end if;
  return query
    select page.*
      from (select m.*
              from public.messages m
             where m.conversation_id = p_conversation
               and m.seq < coalesce(p_before_seq, 9223372036854775807)
             order by m.seq desc, m.sub desc
             limit least(greatest(p_limit, 0), 1000)) page
     order by page.seq, page.sub;
end
$$;

COMMENT ON FUNCTION public.oversee_messages(p_conversation uuid, p_before_seq bigint, p_limit integer) IS 'Takes a conversation that the admin has opened, a seq to stay below and how many (at most 1000); gives messages in order. Errors: PT401 signed_out, PT403 not_admin or no_grant.';

CREATE TABLE public.conversation_pins (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    pinned_by uuid NOT NULL,
    chapter integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.conversation_pins REPLICA IDENTITY FULL;

COMMENT ON TABLE public.conversation_pins IS 'Messages that a conversation holds up, at most 50.';

COMMENT ON COLUMN public.conversation_pins.chapter IS 'The message''s: whoever may read that chapter sees the pin.';

CREATE FUNCTION public.pin_message(p_conversation uuid, p_message uuid) RETURNS public.conversation_pins
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  target public.messages;
  made public.conversation_pins;
begin
  perform app.require_right(p_conversation, 'pin');
  if not app.can_react(p_conversation) then
    perform app.refuse(app.post_refusal(p_conversation));
  end if;
  -- The message first, then its conversation: under that lock pins are counted one at a time.
  update public.messages m
     set is_pinned = true
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.deleted_at is null
     and m.visibility = 'normal'
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
  returning m.* into target;
  if target.id is null then
    perform app.refuse('no_such_message');
  end if;

  insert into public.conversation_pins (conversation_id, message_id, pinned_by, chapter)
  values (p_conversation, p_message, me, target.chapter)
  on conflict do nothing;
  if (select count(*) from public.conversation_pins p where p.conversation_id = p_conversation) > 50 then
    perform app.refuse('pins_full');
  end if;
  select p.* into made
    from public.conversation_pins p
   where p.conversation_id = p_conversation
     and p.message_id = p_message;
  return made;
end
$$;

COMMENT ON FUNCTION public.pin_message(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message; holds it up for all and gives the pin, the same one the second time. For owners, admins and moderators, and both of a pair. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member or no_such_message, PT422 pins_full.';

CREATE FUNCTION public.push_key() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select walkie.offered('push_key')
$$;

COMMENT ON FUNCTION public.push_key() IS 'Gives the public key for pushManager.subscribe({userVisibleOnly: true, applicationServerKey}), or null where no server wakes browsers.';

CREATE FUNCTION public.read_at(p_message public.messages) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
  select min(k.at)
    from public.read_marks k
   where k.conversation_id = p_message.conversation_id
     and k.seq >= p_message.seq
     and k.member_id <> p_message.sender_id
$$;

COMMENT ON FUNCTION public.read_at(p_message public.messages) IS 'Takes a message, so that select=*,read_at works; gives when the first of the others had read it, or null.';

CREATE FUNCTION public.read_by(p_conversation uuid, p_message uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  place public.conversations;
  target public.messages;
begin
  select m.* into target
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id);
  if target.id is null then
    perform app.refuse('no_such_message');
  end if;
  select c.* into place from public.conversations c where c.id = p_conversation;

  -- Whoever hides how far they have read does not learn it of others.
  if place.receipts_mode = 'off' or place.member_count > 2000 or not app.i_show_receipts() then
    return jsonb_build_object('count', null, 'members', null);
  elsif place.receipts_mode = 'count' or place.member_count > 100 then
    return (select jsonb_build_object('count', count(*), 'members', null)
              from public.inbox i
              join public.conversation_members m on m.conversation_id = i.conversation_id and m.member_id = i.member_id
             where i.conversation_id = p_conversation
               and i.last_read_seq >= target.seq
               and i.member_id <> target.sender_id
               and m.left_at is null
               and app.shows_receipts(i.member_id));
  end if;
  return (select jsonb_build_object('count', count(*),
                                    'members', coalesce(jsonb_agg(jsonb_build_object('member_id', reader.member_id, 'read_at', reader.at)
                                                                  order by reader.at, reader.member_id), '[]'))
            from (select k.member_id, min(k.at) as at
                    from public.read_marks k
                    join public.conversation_members m on m.conversation_id = k.conversation_id and m.member_id = k.member_id
                   where k.conversation_id = p_conversation
                     and k.seq >= target.seq
                     and k.member_id <> target.sender_id
                     and m.left_at is null
                     and app.shows_receipts(k.member_id)
                   group by k.member_id) reader);
end
$$;

COMMENT ON FUNCTION public.read_by(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message; gives {"count", "members": [{"member_id", "read_at"}]}: who has read it and when, up to 100 members; the count alone up to 2000; nulls beyond, where receipts are off, or if the caller hides theirs. Errors: PT401 signed_out, PT404 no_such_message.';

CREATE FUNCTION public.recent_contacts(p_limit integer DEFAULT 10) RETURNS TABLE(user_id uuid, display_name text, username text, avatar_path text, conversation_id uuid, last_message_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select p.id, p.display_name, p.username, p.avatar_path, latest.conversation_id, latest.last_message_at
    from (select distinct on (other.member_id) other.member_id, c.id as conversation_id, c.last_message_at
            from public.conversation_members mine
            join public.conversations c on c.id = mine.conversation_id
            join public.conversation_members other on other.conversation_id = c.id
           where mine.member_id = app.me()
             and mine.left_at is null
             and c.kind in ('dm', 'engagement')
             and c.last_message_at is not null
             and other.member_id <> mine.member_id
           order by other.member_id, c.last_message_at desc) latest
    join public.profiles p on p.id = latest.member_id
   where p.erased_at is null
   order by latest.last_message_at desc, p.id
   limit least(greatest(p_limit, 0), 100)
$$;

COMMENT ON FUNCTION public.recent_contacts(p_limit integer) IS 'Takes how many (at most 100); gives the people with whom the caller last spoke alone, the latest first, each once. Errors: PT401 signed_out.';

CREATE FUNCTION public.release_persona(p_conversation uuid, p_persona uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from public.persona_leases l
   where l.conversation_id = p_conversation
     and l.persona_id = p_persona
     and l.admin_id = app.me()
$$;

COMMENT ON FUNCTION public.release_persona(p_conversation uuid, p_persona uuid) IS 'Takes a conversation and a persona; the others may speak as it again, if it was the caller who kept it. Errors: PT401 signed_out.';

CREATE FUNCTION public.remove_member(p_conversation uuid, p_member uuid) RETURNS public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) IS 'Takes a conversation and a member; ends the membership and gives it. Moderators remove members, guests and observers; owners and admins all but owners. Errors: PT401 signed_out, PT403 not_manager or owner, PT404 not_member or no_such_member.';

CREATE FUNCTION public.render_template(p_template uuid, p_vars jsonb DEFAULT '{}'::jsonb) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  used text;
begin
  perform app.me();
  if jsonb_typeof(p_vars) is distinct from 'object' or pg_column_size(p_vars) > 65536 then
    perform app.refuse('bad_variables');
  end if;
  update public.message_templates t
     set use_count = t.use_count + 1
   where t.id = p_template
     and app.may_use_template(t.scope, t.org_id, t.owner_id)
  returning t.body into used;
  if used is null then
    perform app.refuse('no_such_template');
  end if;
  return app.fill(used, p_vars);
end
$$;

COMMENT ON FUNCTION public.render_template(p_template uuid, p_vars jsonb) IS 'Takes a template and an object of values; gives its words with the blanks filled and counts the use. Blanks without a value stay as they are. Errors: PT401 signed_out, PT404 no_such_template, PT422 bad_variables.';

CREATE FUNCTION public.request_upload(p_conversation uuid, p_name text, p_size bigint, p_mime text DEFAULT NULL::text, p_file uuid DEFAULT NULL::uuid, p_folder text DEFAULT ''::text, p_note text DEFAULT NULL::text, p_sha256 text DEFAULT NULL::text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
declare
  me uuid := app.me();
  refusal text := app.file_refusal(p_conversation);
  org uuid := app.my_org();
  most bigint := app.max_file_bytes(org);
  before public.files;
  mine_open bigint;
  mine_count integer;
  is_hidden boolean;
  upload app.file_uploads;
begin
  if refusal is not null then
    perform app.refuse(refusal, app.muted_until(p_conversation, refusal));
  elsif p_name is null or p_name !~ '\S' or char_length(p_name) > 255 or p_name ~ '[/\\[:cntrl:]]' then
    perform app.refuse('bad_file_name', 'name');
  elsif char_length(p_folder) > 255 or p_folder ~ '(^/|/$|//|[\\[:cntrl:]])' then
    perform app.refuse('bad_file_name', 'folder');
  elsif char_length(p_note) > 1000 then
    perform app.refuse('too_long', 'limit=1000');
  elsif p_size is null or p_size < 0 or p_size > most then
    perform app.refuse('file_too_large', format('limit=%s', most));
  elsif not app.takes_type(org, app.promised_type(p_name, p_mime)) then
    perform app.refuse('bad_file_type', app.promised_type(p_name, p_mime));
  end if;
  perform app.take('upload');

  is_hidden := app.is_restricted(me, array['shadow_ban'], p_conversation);
  if p_file is not null then
    select f.* into before
      from public.files f
     where f.id = p_file
       and f.conversation_id = p_conversation
       and f.deleted_at is null
       and (f.current_version is not null or f.owner_id = me)
       and app.can_read(f.conversation_id, f.chapter, f.visibility, f.owner_id);
    if before.id is null then
      perform app.refuse('no_such_file');
    end if;
  end if;

  delete from app.file_uploads u where u.uploader_id = me and u.expires_at <= app.now();
  select coalesce(sum(u.size_bytes), 0), count(*) into mine_open, mine_count
    from app.file_uploads u
   where u.uploader_id = me;
  if mine_count >= 100 then
    perform app.refuse('too_many', 'limit=100');
  end if;
  perform app.require_room(org, me, mine_open + p_size);

  upload.id := base.uuid7();
  -- Whoever is heard by nobody adds no number to what others see: it becomes a file of their own.
  upload.file_id := case when before.id is null or is_hidden and before.visibility = 'normal' then base.uuid7() else before.id end;
  -- Not the version's number, which is not known before the bytes are there; and nobody can guess it.
  upload.path := format('%s/%s/%s/%s', p_conversation, upload.file_id, upload.id, app.object_name(p_name));
  upload.expires_at := app.now() + interval '24 hours';
  insert into app.file_uploads (id, path, conversation_id, file_id, uploader_id, name, folder, note,
                                size_bytes, mime_type, sha256, visibility, expires_at)
  values (upload.id, upload.path, p_conversation, upload.file_id, me, p_name, coalesce(p_folder, ''), p_note,
          p_size, p_mime, lower(p_sha256), case when is_hidden then 'shadow' else 'normal' end, upload.expires_at);
  return jsonb_build_object('upload_id', upload.id, 'file_id', upload.file_id, 'bucket', 'chat', 'path', upload.path,
                            'expires_at', upload.expires_at, 'max_bytes', most);
end
$_$;

COMMENT ON FUNCTION public.request_upload(p_conversation uuid, p_name text, p_size bigint, p_mime text, p_file uuid, p_folder text, p_note text, p_sha256 text) IS 'Takes a conversation, a file''s name, its size in bytes, its type, the file of which it is the next version, a folder, a note and its SHA-256 in hex, of which the last six may be left out; gives {"upload_id", "file_id", "bucket", "path", "expires_at", "max_bytes"}: upload to that path within a day, by whichever way. Errors: PT401 signed_out, 42501 as send_message or no_files, PT404 no_such_file, PT413 file_too_large or quota_full, PT415 bad_file_type, PT422 bad_file_name, too_long or too_many, PT429 rate_limited.';

CREATE FUNCTION public.request_upload_as_persona(p_conversation uuid, p_persona uuid, p_name text, p_size bigint, p_mime text DEFAULT NULL::text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.request_upload_as_persona(p_conversation uuid, p_persona uuid, p_name text, p_size bigint, p_mime text) IS 'Takes a conversation, a persona in it, a file''s name, its size in bytes and its type; gives what request_upload gives: the caller uploads, the file is the persona''s, and send_as_persona shows it. For admins. Errors: those of take_persona, and of request_upload as they hold for the persona.';

CREATE FUNCTION public.reschedule_meeting(p_meeting uuid, p_starts timestamp with time zone, p_ends timestamp with time zone, p_url text DEFAULT NULL::text) RETURNS public.meetings
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.reschedule_meeting(p_meeting uuid, p_starts timestamp with time zone, p_ends timestamp with time zone, p_url text) IS 'Takes one of the caller''s meetings, its new start and end and, if it changes, its link; moves it with its reminders and card, and gives it. Errors: PT401 signed_out, PT403 not_organizer, PT404 no_such_meeting, PT422 bad_time or bad_link.';

CREATE TABLE public.meeting_participants (
    meeting_id uuid NOT NULL,
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    chapter integer NOT NULL,
    response text DEFAULT 'invited'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT meeting_participants_response_known CHECK ((response = ANY (ARRAY['invited'::text, 'yes'::text, 'no'::text, 'maybe'::text])))
);

ALTER TABLE ONLY public.meeting_participants REPLICA IDENTITY FULL;

COMMENT ON TABLE public.meeting_participants IS 'Who is asked to a meeting, and what they say to it.';

COMMENT ON COLUMN public.meeting_participants.chapter IS 'The card''s: whoever may read that chapter sees who comes.';

CREATE FUNCTION public.respond_meeting(p_meeting uuid, p_response text) RETURNS public.meeting_participants
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.respond_meeting(p_meeting uuid, p_response text) IS 'Takes a meeting that the caller is asked to and yes, no or maybe; gives the answer as noted. Errors: PT404 no_such_meeting, PT422 bad_response.';

CREATE FUNCTION public.restore_file_version(p_file uuid, p_version integer) RETURNS public.file_versions
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  place public.files := app.readable_file(p_file);
  refusal text := app.file_refusal(place.conversation_id);
  old public.file_versions;
  made public.file_versions;
begin
  if refusal is not null then
    perform app.refuse(refusal, app.muted_until(place.conversation_id, refusal));
  elsif place.visibility = 'normal' and app.is_restricted(me, array['shadow_ban'], place.conversation_id) then
    -- Nobody is to hear of it, and there is nothing of their own that it could change.
    select v.* into made from public.file_versions v where v.file_id = p_file and v.version = place.current_version;
    return made;
  end if;
  select v.* into old
    from public.file_versions v
   where v.file_id = p_file
     and v.version = p_version
     and v.object_version is not null
     and v.scan_status in ('clean', 'skipped')
     and app.can_read(v.conversation_id, v.chapter, v.visibility, v.uploaded_by);
  if old.file_id is null then
    perform app.refuse('no_such_file', 'version');
  end if;
  update public.files f set last_version = f.last_version + 1 where f.id = p_file and f.deleted_at is null
  returning f.last_version into made.version;
  insert into public.file_versions (file_id, version, conversation_id, org_id, chapter, visibility, upload_id, object_path,
                                    object_version, name, size_bytes, mime_type, sha256, uploaded_by, restored_from,
                                    scan_status, scan_engine, scanned_at, width, height, duration_ms)
  select old.file_id, made.version, old.conversation_id, old.org_id, c.chapter, old.visibility, base.uuid7(), old.object_path,
         old.object_version, old.name, old.size_bytes, old.mime_type, old.sha256, me, old.version,
         old.scan_status, old.scan_engine, old.scanned_at, old.width, old.height, old.duration_ms
    from public.conversations c
   where c.id = old.conversation_id
  returning * into made;
  return made;
end
$$;

COMMENT ON FUNCTION public.restore_file_version(p_file uuid, p_version integer) IS 'Takes a file and one of its versions; makes a new version that holds the same, and gives it. Errors: PT401 signed_out, 42501 as request_upload, PT404 no_such_file.';

CREATE FUNCTION public.retire_persona(p_persona uuid, p_retired boolean DEFAULT true) RETURNS public.profiles
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  changed public.profiles;
begin
  perform app.require_admin();
  update public.profiles p
     set deactivated_at = case when p_retired then coalesce(p.deactivated_at, app.now()) end
   where p.id = p_persona
     and p.kind = 'persona'
     and p.org_id = app.my_org()
     and p.erased_at is null
  returning p.* into changed;
  if changed.id is null then
    perform app.refuse('no_such_persona');
  end if;
  delete from public.persona_leases l where l.persona_id = p_persona and p_retired;
  perform app.audit(case when p_retired then 'retire_persona' else 'recall_persona' end, 'profiles', p_persona::text);
  return changed;
end
$$;

COMMENT ON FUNCTION public.retire_persona(p_persona uuid, p_retired boolean) IS 'Takes a persona and whether it is retired, or comes back; a retired one keeps what it has said, speaks no more and is written to no more. Gives it. For admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona.';

CREATE FUNCTION public.review_message(p_conversation uuid, p_message uuid, p_release boolean, p_reason text DEFAULT NULL::text) RETURNS public.messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  claims text := coalesce(current_setting('request.jwt.claims', true), '');
  real_sender uuid;
  held public.messages;
  reviewed public.messages;
begin
  select m.* into held
    from public.messages m
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.visibility = 'held'
     and m.deleted_at is null
     and (m.org_id = app.my_org() and app.is_moderator(me) or app.can_do(m.conversation_id, 'delete_any'))
     for update;
  if held.id is null then
    perform app.refuse('no_such_message');
  elsif held.sender_id = me then
    perform app.refuse('own_message');
  end if;

  if coalesce(p_release, false) then
    -- Said anew by its sender, so that it takes its number, and is counted and told, as what is said now.
    select k.real_sender_id into real_sender
      from public.message_private k
     where k.conversation_id = p_conversation
       and k.message_id = p_message;
    perform set_config('request.jwt.claims', '', true), set_config('app.is_release', 'on', true);
    delete from public.messages m
     where m.conversation_id = p_conversation
       and m.id = p_message;
    insert into public.messages (conversation_id, id, sender_id, client_id, message_type, body, body_format, meta,
                                 reply_to_id, parent_message_id, thread_id, mentions, attachments, forwarded)
    values (held.conversation_id, held.id, held.sender_id, held.client_id, held.message_type, held.body, held.body_format, held.meta,
            held.reply_to_id, held.parent_message_id, held.thread_id, held.mentions, held.attachments, held.forwarded)
    returning * into reviewed;
    perform set_config('request.jwt.claims', claims, true), set_config('app.is_release', '', true);
    insert into public.message_private (conversation_id, message_id, org_id, real_sender_id)
    select held.conversation_id, held.id, held.org_id, real_sender
     where real_sender is not null;
  else
    update public.messages m
       set deleted_at = clock_timestamp()
     where m.conversation_id = p_conversation
       and m.id = p_message
    returning m.* into reviewed;
    perform app.notify(array[held.sender_id], 'system', p_conversation, p_message,
                       p_title => 'A message of yours was not let through', p_body => p_reason);
  end if;
  perform app.audit('review_message', 'messages', p_message::text,
                    jsonb_build_object('conversation_id', p_conversation, 'sender_id', held.sender_id,
                                       'released', coalesce(p_release, false)), p_reason);
  return reviewed;
end
$$;

COMMENT ON FUNCTION public.review_message(p_conversation uuid, p_message uuid, p_release boolean, p_reason text) IS 'Takes a conversation, a message that is held there, whether to let it through, and why not; gives what becomes of it: a message like others, said now, or one that is taken back, of which its sender is told. Either is on record. For moderators and admins of the organisation, and for those who moderate the conversation; nobody reviews their own. Errors: PT401 signed_out, PT403 own_message, PT404 no_such_message, 23514 for a long reason.';

CREATE FUNCTION public.revoke_session(id uuid) RETURNS boolean
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  select auth.end_my_session(revoke_session.id)
$$;

COMMENT ON FUNCTION public.revoke_session(id uuid) IS 'Signs one of your devices out, at once and everywhere. Gives whether it was signed in.';

CREATE FUNCTION public.save_push_subscription(p_subscription jsonb, p_user_agent text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.take('signal');
  perform walkie.subscribe_push(app.me(), p_subscription, p_user_agent);
exception when check_violation or not_null_violation or invalid_text_representation or numeric_value_out_of_range or datetime_field_overflow then
  perform app.refuse('bad_subscription');
end
$$;

COMMENT ON FUNCTION public.save_push_subscription(p_subscription jsonb, p_user_agent text) IS 'Takes what PushSubscription.toJSON() gives, and a name for the browser; from now on it is woken when the caller is told of something while away. Errors: PT401 signed_out, PT422 bad_subscription, PT429 rate_limited.';

CREATE FUNCTION public.schedule_meeting(p_conversation uuid, p_title text, p_provider text, p_url text, p_starts timestamp with time zone, p_ends timestamp with time zone, p_tz text DEFAULT 'UTC'::text, p_participants uuid[] DEFAULT NULL::uuid[], p_reminders integer[] DEFAULT '{10}'::integer[]) RETURNS public.meetings
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.schedule_meeting(p_conversation uuid, p_title text, p_provider text, p_url text, p_starts timestamp with time zone, p_ends timestamp with time zone, p_tz text, p_participants uuid[], p_reminders integer[]) IS 'Takes a conversation, a title, meet, zoom, teams or other, an https link of that provider, start, end, a time zone, the members asked (all, up to 500, unless given) and up to five reminders in minutes before; puts a card into the conversation and gives the meeting. Errors: PT401 signed_out, 42501 as send_message, PT404 not_member or no_such_member, PT422 bad_time, bad_link, bad_reminder or too_many.';

CREATE FUNCTION public.schedule_message(p_conversation uuid, p_body text, p_send_at timestamp with time zone, p_as_persona uuid DEFAULT NULL::uuid) RETURNS public.scheduled_messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.schedule_message(p_conversation uuid, p_body text, p_send_at timestamp with time zone, p_as_persona uuid) IS 'Takes a conversation, words, a time within a year and, from an admin, a persona; has them sent then, if the caller may speak there, or as that persona, then, and gives the row. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona, 42501 as send_message, PT422 bad_time, no_words, too_long or too_many.';

CREATE FUNCTION public.search_hybrid(p_query text, p_embedding real[] DEFAULT NULL::real[], p_k integer DEFAULT 20) RETURNS TABLE(conversation_id uuid, message_id uuid, seq bigint, sender_id uuid, created_at timestamp with time zone, snippet text, score double precision)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  language regconfig := app.search_language(app.my_org());
  query tsquery := websearch_to_tsquery(language, left(p_query, 500));
  by_meaning boolean := coalesce(cardinality(p_embedding), 0) > 0;
begin
  if by_meaning and app.vector_schema() is null then
    perform app.refuse('no_vectors');
  elsif cardinality(p_embedding) > 2000 then
    perform app.refuse('too_many', 'limit=2000');
  end if;

  -- Reciprocal ranks add up: what both ways find early comes first, and no scale need fit another.
  return query
  with found as (
    select w.conversation_id, w.message_id, row_number() over (order by w.rank desc, w.message_id desc) as place
      from public.search_messages(p_query, p_limit => 100) w
    union all
    select n.conversation_id, n.message_id, row_number() over (order by n.distance, n.message_id)
      from app.nearest(p_embedding, 100) n
     where by_meaning
  ),
  fused as (
    select f.conversation_id, f.message_id, sum(1.0 / (60 + f.place))::double precision as score
      from found f
     group by f.conversation_id, f.message_id
     order by 3 desc, 2 desc
     limit least(greatest(p_k, 0), 100)
  )
  select m.conversation_id, m.id, m.seq, m.sender_id, m.created_at, app.snippet(language, m.body, query), f.score
    from fused f
    join public.messages m on m.conversation_id = f.conversation_id and m.id = f.message_id
   order by f.score desc, m.id desc;
end
$$;

COMMENT ON FUNCTION public.search_hybrid(p_query text, p_embedding real[], p_k integer) IS 'Takes words, the vector that the model of message_embeddings gives for them, and how many (at most 100); gives messages found by words, by meaning, or best by both. Without a vector, by words alone. Errors: PT401 signed_out, PT422 too_many, PT429 rate_limited, PT501 no_vectors where a vector is given and the server lacks pgvector.';

CREATE FUNCTION public.search_messages(p_query text, p_conversation uuid DEFAULT NULL::uuid, p_from uuid DEFAULT NULL::uuid, p_has text DEFAULT NULL::text, p_after timestamp with time zone DEFAULT NULL::timestamp with time zone, p_before timestamp with time zone DEFAULT NULL::timestamp with time zone, p_kind text DEFAULT NULL::text, p_cursor text DEFAULT NULL::text, p_limit integer DEFAULT 20) RETURNS TABLE(conversation_id uuid, message_id uuid, seq bigint, thread_id uuid, sender_id uuid, message_type text, created_at timestamp with time zone, snippet text, rank real, cursor text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    SET plan_cache_mode TO 'force_custom_plan'
    AS $_$
declare
  me uuid := app.me();
  language regconfig := app.search_language(app.my_org());
  query tsquery := websearch_to_tsquery(language, left(p_query, 500));
  behind_rank real;
  behind_id uuid;
begin
  perform app.take('search');
  if p_has not in ('link', 'file', 'image') or p_cursor !~ '^[0-9]{1,9}([.][0-9]{1,20})?(e-[0-2]?[0-9])?:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    perform app.refuse('bad_filter');
  end if;
  behind_rank := split_part(p_cursor, ':', 1)::real;
  behind_id := split_part(p_cursor, ':', 2)::uuid;
  -- A query that only says what not to find would have to look at everything.
  if query is null or querytree(query) in ('', 'T') then
    return;
  end if;

  return query
  with hits as (
    -- The newest of what there is plenty of; no more are weighed against each other.
    select w.conversation_id, w.message_id, ts_rank(w.words, query) as rank
      from app.message_words w
      join public.conversation_members k on k.conversation_id = w.conversation_id
     where w.words @@ query
       and k.member_id = me
       and k.left_at is null
       and k.joined_chapter <= w.chapter
       and (p_conversation is null or w.conversation_id = p_conversation)
       and (p_from is null or w.sender_id = p_from)
       and (p_kind is null or w.message_type = p_kind)
       and (p_has is null or case p_has when 'link' then w.has_link
                                        when 'image' then w.message_type = 'image'
                                        else w.message_type in ('file', 'image') end)
       and (p_after is null or w.created_at >= p_after)
       and (p_before is null or w.created_at < p_before)
     order by w.message_id desc
     limit 10000
  ),
  page as (
    select h.*
      from hits h
     where (p_cursor is null or (h.rank, h.message_id) < (behind_rank, behind_id))
       and not exists (select
                         from public.message_hides x
                        where x.user_id = me
                          and x.conversation_id = h.conversation_id
                          and x.message_id = h.message_id)
     order by h.rank desc, h.message_id desc
     limit least(greatest(p_limit, 0), 100)
  )
  select m.conversation_id,
         m.id,
         m.seq,
         m.thread_id,
         m.sender_id,
         m.message_type,
         m.created_at,
         app.snippet(language, m.body, query),
         page.rank,
         page.rank || ':' || m.id
    from page
    join public.messages m on m.conversation_id = page.conversation_id and m.id = page.message_id
   order by page.rank desc, page.message_id desc;
end
$_$;

COMMENT ON FUNCTION public.search_messages(p_query text, p_conversation uuid, p_from uuid, p_has text, p_after timestamp with time zone, p_before timestamp with time zone, p_kind text, p_cursor text, p_limit integer) IS 'Takes words as a search engine does ("a phrase", or, -not), and, each if given, a conversation, a sender, what it has (link, file, image), times to be from and before, a message type, the cursor of the last hit seen and how many (at most 100); gives hits in the caller''s conversations, the best first, each with a snippet in HTML where the words stand in <mark>. Of very many hits only the newest 10,000 are weighed. Errors: PT401 signed_out, PT422 bad_filter, PT429 rate_limited.';

CREATE FUNCTION public.search_rooms(p_query text DEFAULT ''::text, p_limit integer DEFAULT 50) RETURNS TABLE(id uuid, slug text, title text, topic text, visibility text, member_count integer, is_member boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select c.id, c.slug, c.title, c.topic, c.visibility, c.member_count, c.id in (select app.my_conversations())
    from public.conversations c
   where c.org_id = app.my_org()
     and c.kind = 'room'
     and c.archived_at is null
     and (c.visibility in ('org', 'public') or c.id in (select app.my_conversations()))
     and (coalesce(p_query, '') = ''
          or strpos(lower(concat_ws(' ', c.title, c.slug, c.topic, c.description)), lower(p_query)) > 0)
   order by c.member_count desc, c.slug
   limit least(greatest(p_limit, 0), 200)
$$;

COMMENT ON FUNCTION public.search_rooms(p_query text, p_limit integer) IS 'Takes words and how many (at most 200); gives rooms that have them in title, topic or description: the open ones of the caller''s organisation, and the private ones they are in.';

CREATE FUNCTION public.search_users(p_query text, p_limit integer DEFAULT 20) RETURNS SETOF public.profiles
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
declare
  me uuid := app.me();
  needle text := lower(btrim(left(p_query, 100)));
  literally text := replace(replace(replace(needle, '\', '\\'), '%', '\%'), '_', '\_');
  -- Names that are merely similar are found where pg_trgm is.
  similar_to text := (select format('or $1 operator(%I.<%%) lower(p.display_name)', n.nspname)
                        from pg_catalog.pg_extension e
                        join pg_catalog.pg_namespace n on n.oid = e.extnamespace
                       where e.extname = 'pg_trgm');
begin
  perform app.take('search');
  if needle is null or needle = '' then
    return;
  end if;
  return query execute format($q$
    select found.*
      from (select p.*
              from public.profiles p
             where p.org_id = $3
               and p.id <> $4
               and p.erased_at is null
               and p.deactivated_at is null
               and (lower(p.display_name) like '%%' || $2 || '%%' or p.username like $2 || '%%' %s)
             order by case when p.username = $1 or lower(p.display_name) = $1 then 0
                           when lower(p.display_name) like $2 || '%%' or p.username like $2 || '%%' then 1
                           when lower(p.display_name) like '%% ' || $2 || '%%' then 2
                           when lower(p.display_name) like '%%' || $2 || '%%' then 3
                           else 4 end,
                      p.display_name,
                      p.id
             limit 200) found
     where app.is_findable(found.id)
       and (app.can_message($4, found.id)).allowed
     limit least(greatest($5, 0), 20)$q$, coalesce(similar_to, ''))
  using needle, literally, app.my_org(), me, p_limit;
end
$_$;

COMMENT ON FUNCTION public.search_users(p_query text, p_limit integer) IS 'Takes part of a name or the beginning of a username and how many (at most 20); gives people to whom the caller may write, those that match best first. Ask again when the person has paused typing. Errors: PT401 signed_out, PT429 rate_limited.';

CREATE FUNCTION public.send_as_persona(p_conversation uuid, p_persona uuid, p_body text, p_client_id uuid DEFAULT NULL::uuid, p_reply_to uuid DEFAULT NULL::uuid, p_thread_id uuid DEFAULT NULL::uuid, p_attachments jsonb DEFAULT '[]'::jsonb) RETURNS public.messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.send_as_persona(p_conversation uuid, p_persona uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_attachments jsonb) IS 'Takes a conversation, a persona in it, the words, the sender''s own id for the message, the message quoted, the thread and the persona''s files to show as send_message does; says it as the persona, keeps the persona for two minutes and gives the message. Who really said it is on record, for admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona, PT409 persona_taken, and those of send_message as they hold for the persona.';

CREATE FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid DEFAULT NULL::uuid, p_reply_to uuid DEFAULT NULL::uuid, p_thread_id uuid DEFAULT NULL::uuid, p_mentions uuid[] DEFAULT '{}'::uuid[], p_format text DEFAULT 'plain'::text, p_meta jsonb DEFAULT '{}'::jsonb, p_attachments jsonb DEFAULT '[]'::jsonb) RETURNS public.messages
    LANGUAGE plpgsql
    AS $$
declare
  sent public.messages;
begin
  insert into public.messages (conversation_id, body, client_id, reply_to_id, thread_id, mentions, body_format, meta, attachments)
  values (p_conversation_id, p_body, p_client_id, p_reply_to, p_thread_id, coalesce(p_mentions, '{}'),
          coalesce(p_format, 'plain'), coalesce(p_meta, '{}'), coalesce(p_attachments, '[]'))
  on conflict (conversation_id, sender_id, client_id) do nothing
  returning * into sent;

  if sent.id is null then
    select m.* into sent
      from public.messages m
     where m.conversation_id = p_conversation_id
       and m.sender_id = (select auth.uid())
       and m.client_id = p_client_id;
  end if;
  return sent;
end
$$;

COMMENT ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_mentions uuid[], p_format text, p_meta jsonb, p_attachments jsonb) IS 'Takes a conversation, the words, the sender''s own id for the message, the message quoted, the thread, people mentioned besides those that the words name, plain or markdown, the client''s own object, and files as [{"file_id", "version", "alt_text"}], of which the last two may be left out; gives the message. With files the words may be empty. The same p_client_id again gives the first one back. Errors: 42501 with the word why (cannot_post, admin_read_only, posting_closed, locked, muted, engagement_over, blocked), PT422 no_words, bad_reply, bad_attachment, too_many or too_long, PT429 slow_mode or rate_limited.';

CREATE FUNCTION public.set_conversation_prefs(p_conversation uuid, p_prefs jsonb) RETURNS public.inbox
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  wrong text;
  changed public.inbox;
begin
  select given.key into wrong
    from jsonb_object_keys(p_prefs) given (key)
   where given.key not in ('archived', 'pinned', 'pin_order', 'muted_until', 'notify_level', 'category_id', 'priority', 'draft')
   limit 1;
  if wrong is not null then
    perform app.refuse('bad_setting', wrong);
  elsif not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  elsif p_prefs ->> 'category_id' is not null and not exists (
    select
      from public.conversation_categories k
     where k.id = (p_prefs ->> 'category_id')::uuid
       and k.org_id = app.my_org()
       and coalesce(k.owner_id, me) = me
  ) then
    perform app.refuse('bad_setting', 'category_id');
  end if;

  update public.inbox i
     set archived_at  = case (p_prefs ->> 'archived')::boolean when true then app.now() when false then null else i.archived_at end,
         archived_seq = case (p_prefs ->> 'archived')::boolean when true then c.last_seq when false then null else i.archived_seq end,
         pinned_at    = case (p_prefs ->> 'pinned')::boolean when true then coalesce(i.pinned_at, app.now())
                                                             when false then null else i.pinned_at end,
         pin_order    = case when (p_prefs ->> 'pinned')::boolean is false then null
                             when p_prefs ? 'pin_order' then (p_prefs ->> 'pin_order')::double precision
                             when (p_prefs ->> 'pinned')::boolean
                             then coalesce(i.pin_order, (select coalesce(max(x.pin_order), 0) + 1 from public.inbox x where x.member_id = me))
                             else i.pin_order end,
         muted_until  = case when p_prefs ? 'muted_until' then (p_prefs ->> 'muted_until')::timestamptz else i.muted_until end,
         notify_level = case when p_prefs ? 'notify_level' then p_prefs ->> 'notify_level' else i.notify_level end,
         category_id  = case when p_prefs ? 'category_id' then (p_prefs ->> 'category_id')::uuid else i.category_id end,
         priority     = case when p_prefs ? 'priority' then p_prefs ->> 'priority' else i.priority end,
         draft        = case when p_prefs ? 'draft' then nullif(p_prefs ->> 'draft', '') else i.draft end
    from public.conversations c
   where c.id = p_conversation
     and i.conversation_id = c.id
     and i.member_id = me
  returning i.* into changed;
  return changed;
end
$$;

COMMENT ON FUNCTION public.set_conversation_prefs(p_conversation uuid, p_prefs jsonb) IS 'Takes a conversation and an object of what to change for the caller alone: archived, pinned, pin_order, muted_until (a time, infinity, or null to unmute), notify_level, category_id, priority, draft; gives the inbox row. Errors: PT401 signed_out, PT404 not_member, PT422 bad_setting, 23514 for a value that is not known.';

CREATE FUNCTION public.set_member_role(p_conversation uuid, p_member uuid, p_role text) RETURNS public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.set_member_role(p_conversation uuid, p_member uuid, p_role text) IS 'Takes a conversation, a member and owner, admin, moderator, member, guest or observer; gives the membership. For owners and admins; only owners make owners. Errors: PT403 not_manager, owner or last_owner, PT404 not_member or no_such_member, PT422 bad_role.';

CREATE FUNCTION public.set_status(p_status text, p_text text DEFAULT NULL::text, p_emoji text DEFAULT NULL::text, p_until timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.set_status(p_status text, p_text text, p_emoji text, p_until timestamp with time zone) IS 'Takes online, away, busy or offline to stay so whatever the devices say, or null to follow them; words, an emoji and until when they hold, for the profile. Errors: PT401 signed_out, PT422 bad_status, 23514 for long words.';

CREATE FUNCTION public.set_typing(p_conversation uuid, p_typing boolean DEFAULT true, p_thread uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.set_typing(p_conversation uuid, p_typing boolean, p_thread uuid) IS 'Takes a conversation, whether the caller types and in which thread; tells those who listen on conversation:<id> by a typing broadcast, and those who come later by typing_states, for 5 seconds. Call it at most every 3 seconds. Errors: PT401 signed_out, PT404 not_member, PT429 rate_limited.';

CREATE FUNCTION public.star_message(p_conversation uuid, p_message uuid, p_starred boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  if p_starred then
    insert into public.message_stars (user_id, conversation_id, message_id)
    values (auth.uid(), p_conversation, p_message)
    on conflict do nothing;
  else
    delete from public.message_stars s
     where s.user_id = (select auth.uid())
       and s.conversation_id = p_conversation
       and s.message_id = p_message;
  end if;
end
$$;

COMMENT ON FUNCTION public.star_message(p_conversation uuid, p_message uuid, p_starred boolean) IS 'Takes a conversation, a message and whether to keep it; stars it for the caller alone, or no longer. Errors: 42501 for a message that the caller cannot read.';

CREATE FUNCTION public.sync_all(p_cursor jsonb DEFAULT '{}'::jsonb, p_limit integer DEFAULT 500) RETURNS SETOF public.messages
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select news.*
    from (select c.id, c.last_rev, k.joined_chapter, coalesce((p_cursor ->> c.id::text)::bigint, 0) as since_rev
            from public.conversation_members k
            join public.conversations c on c.id = k.conversation_id
           where k.member_id = (select auth.uid())
             and k.left_at is null) mine
   cross join lateral (
      select m.*
        from public.messages m
       where m.conversation_id = mine.id
         and m.rev > mine.since_rev
         and m.chapter >= mine.joined_chapter
         and (m.visibility = 'normal' or m.sender_id = (select auth.uid()))
       order by m.rev
       limit least(greatest(p_limit, 0), 1000)) news
   where mine.last_rev > mine.since_rev
   order by news.conversation_id, news.rev
   limit least(greatest(p_limit, 0), 1000)
$$;

COMMENT ON FUNCTION public.sync_all(p_cursor jsonb, p_limit integer) IS 'Takes an object of conversation ids and the last rev the client has of each (what it leaves out begins at 0) and how many (at most 1000); gives what is new or changed in all of the caller''s conversations, each conversation in order of rev. Call it again with the revs received until fewer come than asked for.';

CREATE FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer DEFAULT 500) RETURNS SETOF public.messages
    LANGUAGE sql STABLE
    AS $$
  select m.*
    from public.messages m
   where m.conversation_id = p_conversation
     and m.rev > p_since_rev
   order by m.rev
   limit least(greatest(p_limit, 0), 1000)
$$;

COMMENT ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) IS 'Takes a conversation, the last rev the client has and how many (at most 1000); gives what is new or changed since, in order, threads included: nothing skipped, each message as it is now. An outsider gets none.';

CREATE TABLE public.persona_leases (
    conversation_id uuid NOT NULL,
    persona_id uuid NOT NULL,
    org_id uuid NOT NULL,
    admin_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.persona_leases REPLICA IDENTITY FULL;

COMMENT ON TABLE public.persona_leases IS 'Which admin speaks as which persona where, and until when the others are kept from it.';

CREATE FUNCTION public.take_persona(p_conversation uuid, p_persona uuid, p_ttl_s integer DEFAULT 120, p_force boolean DEFAULT false) RETURNS public.persona_leases
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.take_persona(p_conversation uuid, p_persona uuid, p_ttl_s integer, p_force boolean) IS 'Takes a conversation, a persona in it, for how many seconds (10 to 3600) and whether to take it from another admin, which is put on record; keeps the others from speaking as it meanwhile, and gives the lease. For admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona, PT409 persona_taken.';

CREATE FUNCTION public.thumb_path(public.file_versions) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $_$
  -- An address that names the bytes may be kept for ever.
  select case when $1.width is not null and $1.object_version is not null
              then format('render/image/authenticated/chat/%s?width=320&height=320&resize=contain&versionId=%s',
                          $1.object_path, $1.object_version) end
$_$;

COMMENT ON FUNCTION public.thumb_path(public.file_versions) IS 'Takes a version of a file; gives where below /storage/v1 a picture of it is at most 320 pixels wide and high, null when there is none.';

CREATE FUNCTION public.toggle_reaction(p_conversation uuid, p_message uuid, p_emoji text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
  delete from public.message_reactions r
   where r.conversation_id = p_conversation
     and r.message_id = p_message
     and r.actor_id = (select auth.uid())
     and r.emoji = p_emoji;
  if found then
    return false;
  end if;
  insert into public.message_reactions (conversation_id, message_id, emoji)
  values (p_conversation, p_message, p_emoji)
  on conflict do nothing;
  return true;
end
$$;

COMMENT ON FUNCTION public.toggle_reaction(p_conversation uuid, p_message uuid, p_emoji text) IS 'Takes a conversation, a message and an emoji; gives the caller''s reaction or takes it back, and tells whether it is there now. Errors: 42501 as for speaking, PT404 no_such_message, PT422 reactions_full, PT429 rate_limited, 23514 for a blank or long emoji.';

CREATE FUNCTION public.unblock_user(p_user uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from public.user_blocks b
   where b.blocker_id = app.me()
     and b.blocked_id = p_user
$$;

COMMENT ON FUNCTION public.unblock_user(p_user uuid) IS 'Takes a person; ends the caller''s block of them. Errors: PT401 signed_out.';

CREATE FUNCTION public.unpin_message(p_conversation uuid, p_message uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform app.require_right(p_conversation, 'pin');
  update public.messages m
     set is_pinned = false
   where m.conversation_id = p_conversation
     and m.id = p_message
     and m.is_pinned;
  delete from public.conversation_pins p
   where p.conversation_id = p_conversation
     and p.message_id = p_message;
end
$$;

COMMENT ON FUNCTION public.unpin_message(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message; takes its pin down, if there is one. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member.';

CREATE FUNCTION public.unsubscribe(p_token text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  known app.mail_tokens;
begin
  select t.* into known from app.mail_tokens t where t.token = p_token;
  if known.token is null then
    perform app.refuse('no_such_mail');
  elsif known.list = 'digest' then
    update public.notification_settings s
       set digest = 'off',
           digest_next = null
     where s.user_id = known.user_id;
  else
    insert into public.notification_preferences as w (user_id, channel, kind, enabled)
    select known.user_id, 'mail', kind, false
      from unnest(array['dm', 'mention', 'reply', 'reaction', 'invite', 'meeting', 'warning', 'report', 'system']) kind
    on conflict (user_id, channel, kind) do update set enabled = false;
    update app.notice_outbox o set mail_at = null where o.user_id = known.user_id and o.mail_at is not null;
  end if;
  return known.list;
end
$$;

COMMENT ON FUNCTION public.unsubscribe(p_token text) IS 'Takes the token of a link in mail; ends such mail for whom it was sent to, and gives which (missed or digest). Nobody need be signed in. Errors: PT404 no_such_mail.';

CREATE FUNCTION public.update_conversation_settings(p_conversation uuid, p_settings jsonb) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  wrong text;
  changed public.conversations;
begin
  select given.key into wrong
    from jsonb_object_keys(p_settings) given (key)
   where given.key not in ('title', 'topic', 'description', 'posting', 'visibility', 'category_id', 'priority',
                           'notify_default', 'receipts_mode', 'slow_mode_s', 'edit_window_s', 'no_forward', 'locked', 'archived')
   limit 1;
  if wrong is not null then
    perform app.refuse('bad_setting', wrong);
  end if;
  perform app.require_right(p_conversation, 'rename');

  update public.conversations c
     set title          = case when p_settings ? 'title' then btrim(p_settings ->> 'title') else c.title end,
         topic          = case when p_settings ? 'topic' then p_settings ->> 'topic' else c.topic end,
         description    = case when p_settings ? 'description' then p_settings ->> 'description' else c.description end,
         posting        = coalesce(p_settings ->> 'posting', c.posting),
         visibility     = coalesce(p_settings ->> 'visibility', c.visibility),
         category_id    = case when p_settings ? 'category_id' then (p_settings ->> 'category_id')::uuid else c.category_id end,
         priority       = coalesce(p_settings ->> 'priority', c.priority),
         notify_default = coalesce(p_settings ->> 'notify_default', c.notify_default),
         receipts_mode  = coalesce(p_settings ->> 'receipts_mode', c.receipts_mode),
         slow_mode_s    = coalesce((p_settings ->> 'slow_mode_s')::int, c.slow_mode_s),
         edit_window_s  = case when p_settings ? 'edit_window_s' then (p_settings ->> 'edit_window_s')::int else c.edit_window_s end,
         no_forward     = coalesce((p_settings ->> 'no_forward')::boolean, c.no_forward),
         locked_at      = case (p_settings ->> 'locked')::boolean when true then coalesce(c.locked_at, app.now())
                                                                  when false then null else c.locked_at end,
         archived_at    = case (p_settings ->> 'archived')::boolean when true then coalesce(c.archived_at, app.now())
                                                                    when false then null else c.archived_at end
   where c.id = p_conversation
  returning c.* into changed;
  return changed;
end
$$;

COMMENT ON FUNCTION public.update_conversation_settings(p_conversation uuid, p_settings jsonb) IS 'Takes a conversation and an object of what to change: title, topic, description, posting, visibility, category_id, priority, notify_default, receipts_mode, slow_mode_s, edit_window_s, no_forward, locked, archived; gives the conversation. For its owners and admins. Errors: PT403 not_manager, PT404 not_member, PT422 bad_setting, 23514 for a value out of range.';

CREATE FUNCTION public.warn_user(p_user uuid, p_text text, p_conversation uuid DEFAULT NULL::uuid, p_message uuid DEFAULT NULL::uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
begin
  if not app.is_moderator(me) then
    perform app.refuse('not_moderator');
  elsif p_user = me then
    perform app.refuse('self');
  elsif not exists (select
                      from public.profiles p
                     where p.id = p_user
                       and p.org_id = app.my_org()
                       and p.kind = 'human'
                       and p.erased_at is null) then
    perform app.refuse('no_such_person');
  elsif p_text is null or p_text !~ '\S' then
    perform app.refuse('no_words');
  elsif char_length(p_text) > 1000 then
    perform app.refuse('too_long', 'limit=1000');
  elsif p_message is not null and not exists (select
                                                from public.messages m
                                               where m.conversation_id = p_conversation
                                                 and m.id = p_message
                                                 and m.sender_id = p_user) then
    perform app.refuse('no_such_message');
  end if;
  -- From nobody in particular: whom the warned one has blocked is no way out of it.
  perform app.notify(array[p_user], 'warning', p_conversation, p_message, p_title => 'A warning', p_body => p_text);
  perform app.audit('warn_user', 'profiles', p_user::text,
                    jsonb_build_object('conversation_id', p_conversation, 'message_id', p_message), p_text);
end
$$;

COMMENT ON FUNCTION public.warn_user(p_user uuid, p_text text, p_conversation uuid, p_message uuid) IS 'Takes a person, words of up to 1000 characters and, if it is about one, a message of theirs with its conversation; tells the person by a notice of kind warning, and puts it on record. For moderators and admins of the organisation. Errors: PT401 signed_out, PT403 not_moderator, PT404 no_such_person or no_such_message, PT422 self, no_words or too_long.';

CREATE FUNCTION public.who_is_online(p_users uuid[]) RETURNS TABLE(user_id uuid, status text, last_seen_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION public.who_is_online(p_users uuid[]) IS 'Takes up to 1000 people; gives those whom the caller may see, each with what holds now (online, away, busy, offline) and when they were last there, if they show that.';

CREATE FUNCTION public.who_is_typing(p_conversation uuid) RETURNS TABLE(user_id uuid, thread_id uuid, expires_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
  select t.actor_id, t.thread_id, t.expires_at
    from public.typing_states t
   where t.conversation_id = p_conversation
     and t.expires_at > app.now()
   order by t.actor_id
$$;

COMMENT ON FUNCTION public.who_is_typing(p_conversation uuid) IS 'Takes a conversation; gives who is typing there at this moment. An outsider gets none.';

CREATE FUNCTION realtime.ask_each(p_name text, p_claims text[], p_params text[]) RETURNS text[]
    LANGUAGE plpgsql
    AS $$
declare
  answer text;
  answers text[] := '{}';
begin
  for person in 1 .. cardinality(p_claims) loop
    perform set_config('request.jwt.claims', p_claims[person], true);
    execute format('execute %I (%L)', p_name, p_params[person]) into answer;
    answers := answers || answer;
  end loop;
  return answers;
end
$$;

COMMENT ON FUNCTION realtime.ask_each(p_name text, p_claims text[], p_params text[]) IS 'Takes a prepared question, and for each person their claims and the value of its parameter; gives each person''s answer as text, asked under their claims and the present role. Raises what the question raises.';

CREATE FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text DEFAULT 'ROW'::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  elsif operation not in ('INSERT', 'UPDATE', 'DELETE') then
    raise exception 'Unexpected operation type: %', operation;
  end if;
  perform realtime.send(
    jsonb_build_object('old_record', old, 'record', new, 'operation', operation, 'table', table_name, 'schema', table_schema),
    event_name, topic_name);
exception when others then
  raise exception 'Failed to process the row: %', sqlerrm;
end
$$;

COMMENT ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) IS 'For row triggers. Takes a private channel''s name, an event, and what the trigger knows (TG_OP, TG_TABLE_NAME, TG_TABLE_SCHEMA, NEW, OLD, TG_LEVEL); broadcasts both rows. Errors: P0001 for a statement''s trigger or an unknown operation.';

CREATE FUNCTION realtime.check_alias() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  view regclass := to_regclass(format('%I.%I', new.view_schema, new.view_name));
  of_table regclass := to_regclass(format('%I.%I', new.table_schema, new.table_name));
  missing text;
begin
  if view is null or of_table is null then
    raise exception using errcode = 'undefined_table',
      message = format('there is no %s', case when view is null then format('view %I.%I', new.view_schema, new.view_name)
                                              else format('table %I.%I', new.table_schema, new.table_name) end);
  end if;
  select case when shown.attname is null then format('the view has no column %I', named.here)
              else format('the table has no column %I', named.there) end
    into missing
    from jsonb_each_text(new.columns) named (here, there)
    left join pg_catalog.pg_attribute shown on shown.attrelid = view and shown.attname = named.here and not shown.attisdropped
    left join pg_catalog.pg_attribute kept on kept.attrelid = of_table and kept.attname = named.there and not kept.attisdropped
   where shown.attname is null
      or kept.attname is null
   order by named.here
   limit 1;
  if missing is not null then
    raise exception using errcode = 'undefined_column', message = missing;
  elsif not realtime.shows_all_of(view, of_table) then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('the view %s does not show every row of %s, so subscribers would hear of rows that it hides', view, of_table),
      hint = 'Select from the table itself, with left joins at most, and without where, group by, distinct or limit: let a policy of the table hide rows, or subscribers filter.';
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION realtime.check_alias() IS 'Trigger: a view stands for a table only if it is there, its columns are the table''s, and it hides no row. Errors: 42P01, 42703, 22023.';

CREATE FUNCTION realtime.drop_partitions(older_than interval) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
declare
  partition name;
  waiting integer := 0;
begin
  if not pg_try_advisory_xact_lock(hashtext('realtime.ensure_partitions')) then
    return 0;
  end if;
  for partition in
    select c.relname
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'realtime.messages'::regclass
       and pg_has_role(c.relowner, 'usage')  -- others are their owner's to drop
       and c.relname ~ '^messages_\d{4}_\d{2}_\d{2}$'
       and to_date(right(c.relname, 10), 'YYYY_MM_DD') + 1 <= timezone('utc', now()) - older_than
     order by c.relname
  loop
    begin
      execute format('lock table only realtime.messages, realtime.%I in access exclusive mode nowait', partition);
      execute format('drop table realtime.%I', partition);
    exception when lock_not_available then
      waiting := waiting + 1;
    end;
  end loop;
  return waiting;
end
$_$;

COMMENT ON FUNCTION realtime.drop_partitions(older_than interval) IS 'Takes an age; drops the daily partitions of realtime.messages whose rows are all older. Gives how many are in use at this moment and left for another time: it waits for nobody, and so nobody waits for it.';

CREATE FUNCTION realtime.ensure_partitions() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  today date := timezone('utc', now())::date;
  day date;
  partition name;
begin
  -- Whoever holds it is doing this very work.
  if not pg_try_advisory_xact_lock(hashtext('realtime.ensure_partitions')) then
    return;
  end if;
  for offset_days in -1 .. 3 loop
    day := today + offset_days;
    partition := 'messages_' || to_char(day, 'YYYY_MM_DD');
    if to_regclass(format('realtime.%I', partition)) is null then
      execute format('create table realtime.%I (like realtime.messages including all)', partition);
      execute format('alter table realtime.messages attach partition realtime.%I for values from (%L) to (%L)',
        partition, day, day + 1);
    end if;
  end loop;
end
$$;

COMMENT ON FUNCTION realtime.ensure_partitions() IS 'Makes the daily partitions of realtime.messages from yesterday to three days ahead, where they are missing. Does nothing while somebody else does it.';

CREATE FUNCTION realtime.explain(p_table regclass, p_key jsonb DEFAULT NULL::jsonb, p_role text DEFAULT 'authenticated'::text, p_claims jsonb DEFAULT '{}'::jsonb, p_event text DEFAULT '*'::text, p_row text DEFAULT NULL::text, p_search_path text DEFAULT current_setting('search_path'::text)) RETURNS TABLE(step text, ok boolean, says text)
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $_$
declare
  relation record;
  published record;
  claims text := (jsonb_build_object('role', p_role) || p_claims)::text;
  permissive text;
  restrictive text;
  policy record;
  judged record;
  told text[];
  keys text[];
  hidden text[];
begin
  select c.oid, c.relkind, c.relispartition, c.relreplident, c.relrowsecurity
    into relation
    from pg_catalog.pg_class c
   where c.oid = p_table;

  -- Is it told at all?
  step := 'table';
  ok := relation.relkind in ('r', 'p');
  says := case when ok then format('%s is a table', p_table)
               else format('%s is no table: the log tells of tables alone', p_table) end;
  return next;

  step := 'publication';
  select p.oid,
         p.pubname,
         t.rowfilter,
         t.attnames,
         array_remove(array[case when p.pubinsert then 'INSERT' end,
                            case when p.pubupdate then 'UPDATE' end,
                            case when p.pubdelete then 'DELETE' end], null) as events
    into published
    from pg_catalog.pg_publication p
    left join (
      select t.pubname, t.rowfilter, t.attnames
        from pg_catalog.pg_publication_tables t
        join pg_catalog.pg_namespace n on n.nspname = t.schemaname
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
       where c.oid = p_table) t on t.pubname = p.pubname
   where p.pubname in ('supabase_realtime', 'supabase_realtime_bulk')
   order by t.attnames is null, p.pubname
   limit 1;
  if published.oid is null then
    ok := false;
    says := 'there is no publication supabase_realtime: walkie check has the SQL that makes it';
  elsif published.attnames is null then
    ok := false;
    says := format('%s is not published: alter publication supabase_realtime add table %1$s', p_table);
    if relation.relispartition then
      says := says || '. It is a partition, and changes of partitions are told as those of their table';
    end if;
  elsif p_event in ('INSERT', 'UPDATE', 'DELETE') and not p_event = any (published.events) then
    ok := false;
    says := format('%s is published, but not its %s: only %s', p_table, p_event, array_to_string(published.events, ', '));
  else
    ok := true;
    says := format('%s is published%s: %s', p_table,
      case when published.pubname = 'supabase_realtime_bulk' then ' in ' || published.pubname else '' end,
      array_to_string(published.events, ', '));
    select array_agg(a.attname::text order by a.attnum)
      into hidden
      from pg_catalog.pg_attribute a
     where a.attrelid = p_table
       and a.attnum > 0
       and not a.attisdropped
       and not a.attname = any (published.attnames);
    if hidden is not null then
      says := says || format('; without the columns %s', array_to_string(hidden, ', '));
    end if;
  end if;
  return next;

  step := 'identity';
  select array_agg(a.attname::text order by a.attnum)
    into keys
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
   where i.indrelid = p_table
     and i.indisprimary;
  ok := keys is not null;
  says := case when ok then format('its primary key is (%s)', array_to_string(keys, ', '))
               else format('%s has no primary key: subscribers hear that something happened, and not what', p_table) end
       || case relation.relreplident
            when 'f' then '; replica identity full: the log has rows as they were before'
            when 'n' then '; replica identity nothing: Postgres refuses updates and deletes'
            else '; of a row before an update or a deletion the log has the replica identity alone'
          end;
  return next;

  -- May the role look at it?
  select r.* into judged from realtime.judge(p_table, format('pg_catalog.row_security_active(%s)', p_table::oid), null, p_role, claims, p_search_path) r;
  if judged.failure is not null then
    step := 'role';
    ok := false;
    says := format('the server cannot work as %s: %s', p_role, judged.failure);
    return next;
    return;
  end if;

  step := 'grants';
  select array_agg(a.attname::text order by a.attnum) filter (where not has_column_privilege(p_role, p_table, a.attnum, 'select')),
         array_agg(a.attname::text order by a.attnum) filter (where has_column_privilege(p_role, p_table, a.attnum, 'select'))
    into hidden, told
    from pg_catalog.pg_attribute a
   where a.attrelid = p_table
     and a.attnum > 0
     and not a.attisdropped;
  ok := told is not null and not coalesce(hidden, '{}') && coalesce(keys, '{}');
  says := case when told is null then format('%s may not select any column: grant select on %s to %1$I', p_role, p_table)
               when not ok then format('%s may not select the primary key, so rows are not shown: grant select (%s) on %s to %1$I', p_role, array_to_string(keys, ', '), p_table)
               when hidden is null then format('%s may select every column', p_role)
               else format('%s may not select %s: these are left out', p_role, array_to_string(hidden, ', ')) end;
  return next;

  step := 'row security';
  ok := true;
  says := case when judged.verdict then format('row security is on and binds %s', p_role)
               when relation.relrowsecurity then format('row security is on and does not bind %s', p_role)
               else 'row security is off: every row is shown' end;
  return next;

  -- Which row?
  if p_row is null and p_key is not null and keys is not null then
    step := 'row';
    begin
      if jsonb_typeof(p_key) <> 'object' and cardinality(keys) = 1 then
        p_key := jsonb_build_object(keys[1], p_key);
      end if;
      if jsonb_typeof(p_key) <> 'object' or not p_key ?& keys then
        ok := false;
        says := format('the key does not name the primary key: (%s)', array_to_string(keys, ', '));
        return next;
        return;
      end if;
      told := realtime.row_values(p_table, p_key);
      if told is null then
        ok := false;
        says := format('there is no row with the key %s', p_key);
      else
        ok := true;
        says := format('there is a row with the key %s', p_key);
        select '(' || string_agg(coalesce('"' || replace(replace(v, '\', '\\'), '"', '\"') || '"', ''), ',' order by n) || ')'
          into p_row
          from unnest(told) with ordinality as t (v, n);
      end if;
    exception when others then
      ok := null;
      says := format('the row cannot be looked up: SQLSTATE %s: %s', sqlstate, sqlerrm);
    end;
    return next;
  end if;
  if p_row is not null and published.rowfilter is not null then
    select r.* into policy from realtime.judge(p_table, published.rowfilter, p_row, current_setting('role'), claims, '') r;
    step := 'row filter';
    ok := policy.verdict;
    says := format('the publication tells rows where %s: this one %s', published.rowfilter,
      case when policy.failure is not null then 'fails with ' || policy.failure
           when policy.verdict then 'is told' else 'is not' end);
    return next;
  end if;
  if not judged.verdict then
    if p_row is not null then
      step := 'verdict';
      ok := true;
      says := format('no policy binds %s: they may see this row', p_role);
      return next;
    end if;
    return;
  end if;

  -- Each policy by itself, and then all of them, as they are joined for the person. They stand in
  -- the order in which Postgres asks them, last name first.
  for policy in
    select p.polname, p.polpermissive, coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') as condition
      from pg_catalog.pg_policy p
     where p.polrelid = p_table
       and p.polcmd in ('r', '*')
       and (p.polroles = '{0}' or exists (
             select from unnest(p.polroles) as role where pg_has_role(p_role, role, 'usage')))
     order by p.polpermissive desc, p.polname desc
  loop
    if policy.polpermissive then
      permissive := concat_ws(' or ', permissive, '(' || policy.condition || ')');
    else
      restrictive := concat_ws(' and ', restrictive, '(' || policy.condition || ')');
    end if;
    step := format('policy "%s"', policy.polname);
    ok := null;
    says := case when policy.polpermissive then 'permits rows' else 'restricts what others permit' end;
    if p_row is not null then
      select r.* into judged from realtime.judge(p_table, policy.condition, p_row, p_role, claims, p_search_path) r;
      ok := case when policy.polpermissive and not judged.verdict then null else judged.verdict end;
      says := case when judged.failure is not null then 'fails with ' || judged.failure
                   when judged.verdict and policy.polpermissive then 'permits this row'
                   when judged.verdict then 'leaves this row alone'
                   when policy.polpermissive then 'does not permit this row'
                   else 'forbids this row' end
           || case when judged.took_ms >= 100 then format(', after %s ms', judged.took_ms) else '' end;
    end if;
    return next;
  end loop;

  step := 'verdict';
  if permissive is null then
    ok := false;
    says := format('no policy of %s lets %s select anything', p_table, p_role);
    return next;
  elsif p_row is not null then
    select r.* into judged
      from realtime.judge(p_table, format('(%s) and (%s)', permissive, coalesce(restrictive, 'true')), p_row, p_role, claims, p_search_path) r;
    ok := coalesce(judged.verdict, false);
    says := case when judged.failure is not null then 'row security fails for this row with ' || judged.failure
                 when ok then 'row security lets them see this row'
                 else 'row security does not let them see this row' end;
    return next;
  end if;
end
$_$;

COMMENT ON FUNCTION realtime.explain(p_table regclass, p_key jsonb, p_role text, p_claims jsonb, p_event text, p_row text, p_search_path text) IS 'Tells why somebody does or does not hear of a row. Takes a table, a row (the values of its primary key, or the whole row as text), a person (role and claims) and an event; gives the steps in order, ok false where an event is stopped, null where nothing was decided. Policies are asked one by one, as the person. The caller must be allowed to become the role.';

CREATE FUNCTION realtime.is_watchable(p_table oid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select exists (
    select
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace s on s.oid = c.relnamespace
     where c.oid = p_table
       and c.relkind = 'r'
       and c.relpersistence = 'p'
       and not c.relispartition
       and s.nspname not in ('pg_catalog', 'information_schema')
       -- In two publications a table would be told with the columns and rows of both. One that is
       -- loaded in bulk is to be told where nobody else waits for it.
       and not exists (
         select
           from pg_catalog.pg_publication p
          where p.pubname in ('supabase_realtime', 'supabase_realtime_bulk')
            and (p.puballtables
                 or exists (select from pg_catalog.pg_publication_rel r where r.prpubid = p.oid and r.prrelid = c.oid)
                 or exists (select from pg_catalog.pg_publication_namespace n where n.pnpubid = p.oid and n.pnnspid = c.relnamespace)))
       -- Without an identity, updates and deletes of a published table are refused.
       and (c.relreplident = 'f'
            or c.relreplident in ('d', 'i')
               and exists (
                 select
                   from pg_catalog.pg_index i
                  where i.indrelid = c.oid
                    and i.indisvalid
                    and i.indimmediate
                    and case c.relreplident when 'd' then i.indisprimary else i.indisreplident end))
  )
$$;

COMMENT ON FUNCTION realtime.is_watchable(p_table oid) IS 'Takes a table; tells whether it can be in the publication walkie_policies without anybody noticing.';

CREATE FUNCTION realtime.judge(p_table regclass, p_condition text, p_row text, p_role text, p_claims text, p_search_path text, OUT verdict boolean, OUT failure text, OUT took_ms integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $_$
declare
  caller text := current_setting('role');
  caller_claims text := coalesce(current_setting('request.jwt.claims', true), '');
  began timestamptz := clock_timestamp();
begin
  if exists (select from pg_catalog.pg_prepared_statements where name = 'walkie_judge') then
    deallocate walkie_judge;
  end if;
  begin
    -- Parsed as the caller: a person may not enter every schema that a policy names.
    execute format('prepare walkie_judge (text) as select coalesce((select %s from unnest(array[$1::%s]) as %I), false)',
      p_condition, p_table, (select relname from pg_catalog.pg_class where oid = p_table));
    perform set_config('search_path', p_search_path, true),
            set_config('request.jwt.claims', p_claims, true),
            set_config('role', p_role, true);
    execute pg_catalog.format('execute walkie_judge (%L)', p_row) into verdict;
    perform pg_catalog.set_config('role', caller, true),
            pg_catalog.set_config('request.jwt.claims', caller_claims, true),
            pg_catalog.set_config('search_path', '', true);
  exception when others then
    -- What the block had put on is off again.
    failure := format('SQLSTATE %s: %s', sqlstate, sqlerrm);
  end;
  took_ms := extract(epoch from clock_timestamp() - began) * 1000;
end
$_$;

COMMENT ON FUNCTION realtime.judge(p_table regclass, p_condition text, p_row text, p_role text, p_claims text, p_search_path text, OUT verdict boolean, OUT failure text, OUT took_ms integer) IS 'Takes a table, a condition on its rows, a row as text, and a person (role, claims, search_path); gives whether the condition holds of the row when that person asks, or what it raised, and how long that took. The caller must be allowed to become the role.';

CREATE FUNCTION realtime.node_fields(node text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  with tokens as (
    select m.found[1] as token,
           m.place,
           sum(case when m.found[1] in ('{', '(') then 1 when m.found[1] in ('}', ')') then -1 else 0 end) over (order by m.place) as depth
      from regexp_matches(node, '(\\.|[{}()]|[^\\{}()]+)', 'g') with ordinality m (found, place)
  ),
  marked as (
    select string_agg(case when t.depth = 1 then replace(t.token, ' :', E'\x01') else t.token end, '' order by t.place) as whole
      from tokens t
  )
  select coalesce(jsonb_object_agg(split_part(field.text, ' ', 1), btrim(substr(field.text, strpos(field.text, ' ')), ' }')), '{}')
    from marked,
         regexp_split_to_table(marked.whole, E'\x01') with ordinality field (text, place)
   where field.place > 1
$$;

COMMENT ON FUNCTION realtime.node_fields(node text) IS 'Takes a node of a rule as pg_node_tree prints it; gives its fields as text, without a closing brace at the end of one.';

CREATE FUNCTION realtime.node_items(list text) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
  with tokens as (
    select m.found[1] as token,
           m.place,
           sum(case when m.found[1] in ('{', '(') then 1 when m.found[1] in ('}', ')') then -1 else 0 end) over (order by m.place) as depth
      from regexp_matches(list, '(\\.|[{}()]|[^\\{}()]+)', 'g') with ordinality m (found, place)
  )
  select string_to_array(string_agg(case when t.depth = 1 and btrim(t.token) = '' then E'\x01' else t.token end, '' order by t.place), E'\x01')
    from tokens t
   where t.depth > 1 or t.depth = 1 and t.token <> '('
$$;

COMMENT ON FUNCTION realtime.node_items(list text) IS 'Takes a list of nodes as pg_node_tree prints it; gives them one by one.';

CREATE FUNCTION realtime.note_policy(p_table oid, p_role text, p_columns text[], p_claims text[], p_reads jsonb, p_candidates jsonb, p_reasons text[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from realtime.policy_notes n
   where not exists (select from pg_catalog.pg_class c where c.oid = n.relation);

  insert into realtime.policy_notes as n
         (relation, role, columns, claims, reads, candidates, is_cacheable, reasons)
  select p_table, p_role, p_columns, p_claims, p_reads, p_candidates, cardinality(p_reasons) = 0, p_reasons
   where exists (select from pg_catalog.pg_class c where c.oid = p_table)
  on conflict (relation, role) do update
     set columns = excluded.columns,
         claims = excluded.claims,
         reads = excluded.reads,
         candidates = excluded.candidates,
         is_cacheable = excluded.is_cacheable,
         reasons = excluded.reasons,
         compiled_at = now()
   -- It is compiled again and again; only news are written.
   where (n.columns, n.claims, n.reads, n.candidates, n.reasons)
         is distinct from (excluded.columns, excluded.claims, excluded.reads, excluded.candidates, excluded.reasons);
$$;

COMMENT ON FUNCTION realtime.note_policy(p_table oid, p_role text, p_columns text[], p_claims text[], p_reads jsonb, p_candidates jsonb, p_reasons text[]) IS 'Takes a table, a role and what the server has understood of the policies between them; keeps it for realtime.compiled_policies.';

CREATE FUNCTION realtime.notify(payload jsonb, event text, topic text, private boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  notice text := json_build_object('topic', topic, 'event', event, 'payload', payload, 'private', private)::text;
begin
  if octet_length(notice) > 7999 then
    raise exception 'a notification takes at most 7999 bytes, and this one has %', octet_length(notice)
      using errcode = 'program_limit_exceeded', hint = 'realtime.send takes large payloads.';
  end if;
  perform pg_notify('walkie', notice);
end
$$;

COMMENT ON FUNCTION realtime.notify(payload jsonb, event text, topic text, private boolean) IS 'As realtime.send, without a row and without the log: nothing is written, nothing can be replayed, and it is lost if the server is not listening at this moment. Errors: 54000 over 7,999 bytes, names and all.';

CREATE FUNCTION realtime.on_ddl() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  told text := current_setting('walkie.ddl_told', true);
  lost oid;
begin
  if tg_event = 'sql_drop' then
    if not exists (select from pg_event_trigger_dropped_objects() where not is_temporary) then
      return;
    end if;
  elsif not exists (select from pg_event_trigger_ddl_commands() where schema_name is distinct from 'pg_temp') then
    return;
  end if;

  -- A table that may no longer be watched leaves at once: the next update of it would fail.
  for lost in
    select r.prrelid
      from pg_catalog.pg_publication_rel r
      join pg_catalog.pg_publication p on p.oid = r.prpubid
     where p.pubname = 'walkie_policies'
       and not realtime.is_watchable(r.prrelid)
  loop
    execute format('alter publication walkie_policies drop table only %s', lost::regclass);
  end loop;

  -- Once a kind and transaction is enough: it is heard when the transaction commits.
  if tg_tag not in ('CREATE INDEX', 'REINDEX', 'CREATE STATISTICS', 'CREATE TRIGGER', 'REFRESH MATERIALIZED VIEW') then
    if told is null or split_part(told, ':', 1) <> pg_current_xact_id()::text then
      told := pg_current_xact_id()::text || ':';
    end if;
    if not tg_tag = any (string_to_array(split_part(told, ':', 2), ',')) then
      perform set_config('walkie.ddl_told', told || tg_tag || ',', true);
      perform pg_logical_emit_message(true, 'rt:ddl', tg_tag);
    end if;
  end if;
exception when others then
  -- Nobody's command fails because of this; the server also looks for itself from time to time.
  raise warning 'realtime.on_ddl: %', sqlerrm;
end
$$;

COMMENT ON FUNCTION realtime.on_ddl() IS 'Event trigger: tells the server, in the log, that what decides who sees what may have changed, and takes tables out of walkie_policies that may no longer be in it.';

CREATE FUNCTION realtime.place() RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    AS $$
  select pg_catalog.pg_current_wal_flush_lsn() || '@' || pg_catalog.pg_current_snapshot()
      || coalesce(',' || pg_catalog.pg_current_xact_id_if_assigned(), '')
$$;

COMMENT ON FUNCTION realtime.place() IS 'Gives the place of what the calling statement sees, as text for `after` in a binding of Realtime: whatever it does not see, and whatever its own transaction changes, follows as events. Take it in the statement that reads the rows, or in one before it; in a later one something would be missed. Errors: 55000 on a standby.';

CREATE FUNCTION realtime.prepare_question(p_name text, p_question text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  if not exists (select from pg_catalog.pg_prepared_statements where name = p_name) then
    execute format('prepare %I (text) as %s', p_name, p_question);
  end if;
end
$$;

COMMENT ON FUNCTION realtime.prepare_question(p_name text, p_question text) IS 'Takes a name and a query with one text parameter that gives an array of booleans; prepares it for this session, unless that is done.';

CREATE FUNCTION realtime.row_values(p_table oid, p_key jsonb) RETURNS text[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    SET row_security TO 'off'
    SET "DateStyle" TO 'ISO'
    SET "IntervalStyle" TO 'postgres'
    SET "TimeZone" TO 'UTC'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    AS $_$
declare
  condition text;
  outputs text;
  found text[];
begin
  if not exists (
    select
      from pg_catalog.pg_publication_tables t
      join pg_catalog.pg_namespace n on n.nspname = t.schemaname
      join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
     where t.pubname in ('supabase_realtime', 'supabase_realtime_bulk') and c.oid = p_table)
  then
    return null;
  end if;

  -- Without the length of a type: a cast to char(2) would cut the value that is looked for.
  select string_agg(format('t.%I = %L::%s', a.attname, p_key ->> a.attname, format_type(a.atttypid, -1)), ' and ')
    into condition
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
   where i.indrelid = p_table
     and i.indisprimary;
  select string_agg(format('case when t.%1$I is distinct from null then format(''%%s'', t.%1$I) end', a.attname), ', ' order by a.attnum)
    into outputs
    from pg_catalog.pg_attribute a
   where a.attrelid = p_table
     and a.attnum > 0
     and not a.attisdropped;

  execute format('select array[%s] from %s as t where %s', outputs, p_table::regclass, coalesce(condition, 'false')) into found;
  return found;
end
$_$;

COMMENT ON FUNCTION realtime.row_values(p_table oid, p_key jsonb) IS 'Takes a published table and the values of its primary key by column; gives the values of that row as text, in the order of the columns, whoever may see it. Null when there is no such row or the table is not published. Errors: 22P02 and the like for a value that is none of its type.';

CREATE FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  message_id uuid := gen_random_uuid();
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (id, payload, event, topic, private, extension)
  values (message_id,
          case when jsonb_typeof(payload) = 'object' then jsonb_build_object('id', message_id) || payload else payload end,
          event, topic, private, 'broadcast');
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

COMMENT ON FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean) IS 'Takes a payload, an event, a channel''s name and whether it is the private channel of that name; broadcasts when the transaction commits. An object without an id gets one. A failure is a warning, never an error.';

CREATE FUNCTION realtime.send_binary(payload bytea, event text, topic text, private boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (binary_payload, event, topic, private, extension)
  values (payload, event, topic, private, 'broadcast');
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end
$$;

COMMENT ON FUNCTION realtime.send_binary(payload bytea, event text, topic text, private boolean) IS 'As realtime.send, with bytes; sockets of vsn 1.0.0 cannot carry them and hear nothing.';

CREATE FUNCTION realtime.shows_all_of(view regclass, of_table regclass) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
declare
  query jsonb;
  source jsonb;
  item text;
  entry jsonb;
begin
  select realtime.node_fields(substr(r.ev_action::text, 2)) into query
    from pg_catalog.pg_rewrite r
    join pg_catalog.pg_class c on c.oid = r.ev_class
   where r.ev_class = view
     and c.relkind = 'v';
  source := realtime.node_fields(query ->> 'jointree' || '}');
  if query is null
     or source ->> 'quals' is distinct from '<>'
     or exists (select
                  from unnest(array['groupClause', 'groupingSets', 'havingQual', 'distinctClause', 'limitOffset', 'limitCount', 'setOperations']) field
                 where query ->> field is distinct from '<>')
     or query ->> 'hasAggs' is distinct from 'false'
     or query ->> 'hasTargetSRFs' is distinct from 'false'
     or cardinality(realtime.node_items(source ->> 'fromlist')) is distinct from 1
  then
    return false;
  end if;
  item := (realtime.node_items(source ->> 'fromlist'))[1];
  -- A left join hides nothing of its left side.
  while item like '{JOINEXPR %' loop
    entry := realtime.node_fields(item);
    if entry ->> 'jointype' is distinct from '1' then
      return false;
    end if;
    item := entry ->> 'larg' || '}';
  end loop;
  entry := realtime.node_fields((realtime.node_items(query ->> 'rtable'))[(realtime.node_fields(item) ->> 'rtindex')::integer]);
  return coalesce(entry ->> 'rtekind' = '0'
                  and (entry ->> 'relid')::oid = of_table
                  and entry ->> 'tablesample' = '<>', false);
end
$$;

COMMENT ON FUNCTION realtime.shows_all_of(view regclass, of_table regclass) IS 'Takes a view and a table; tells whether the view shows every row of the table: selects from it, joins by left joins at most, and leaves nothing out.';

CREATE FUNCTION realtime.topic() RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select nullif(current_setting('realtime.topic', true), '')
$$;

COMMENT ON FUNCTION realtime.topic() IS 'Gives the name of the private channel being judged, without the leading realtime:, or null outside such a judgement.';

CREATE FUNCTION realtime.watch(p_tables oid[]) RETURNS SETOF oid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    SET lock_timeout TO '1s'
    AS $$
declare
  wanted oid;
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'walkie_policies')
     or not exists (select from pg_catalog.pg_event_trigger where evtname = 'walkie_ddl' and evtenabled <> 'D') then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtext('realtime.watch'));

  for wanted in
    select distinct t from unnest(p_tables) t where realtime.is_watchable(t)
  loop
    begin
      if not exists (select
                       from pg_catalog.pg_publication_rel r
                       join pg_catalog.pg_publication p on p.oid = r.prpubid
                      where p.pubname = 'walkie_policies' and r.prrelid = wanted) then
        execute format('alter publication walkie_policies add table only %s', wanted::regclass);
        -- Somebody may have held the table to change it.
        if not realtime.is_watchable(wanted) then
          raise exception 'it has just changed';
        end if;
      end if;
      return next wanted;
    exception when others then
      raise warning '% is not watched: %', wanted::regclass, sqlerrm;
    end;
  end loop;
end
$$;

COMMENT ON FUNCTION realtime.watch(p_tables oid[]) IS 'Takes tables that policies read; publishes to the server, and to nobody else, those that can be. Gives the ones whose changes are told from the end of this transaction on.';

CREATE FUNCTION storage.add_derivative(source uuid, transformation text, derivative uuid, size bigint, mimetype text, etag text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  perform from storage.blobs b where b.version = add_derivative.source and b.state = 'kept' for key share;
  if found then
    insert into storage.derivatives (source, transformation, version, size, mimetype, etag)
    values (add_derivative.source, add_derivative.transformation, add_derivative.derivative, add_derivative.size,
            add_derivative.mimetype, add_derivative.etag)
    on conflict on constraint derivatives_pkey do nothing;
  end if;
  if not found then
    perform storage.give_up_blob(add_derivative.derivative);
    return;
  end if;
  perform storage.keep_blob(add_derivative.derivative, add_derivative.size);
  -- Whoever asks for every size there is does not fill the disk.
  delete from storage.derivatives d
   where d.source = add_derivative.source
     and d.version in (select other.version
                         from storage.derivatives other
                        where other.source = add_derivative.source
                        order by other.created_at desc, other.version
                       offset 32);
end
$$;

COMMENT ON FUNCTION storage.add_derivative(source uuid, transformation text, derivative uuid, size bigint, mimetype text, etag text) IS 'Takes a version, a transformation, and name, size, type and ETag of what was made; keeps it, and the latest 32 of a version.';

CREATE FUNCTION storage.add_piece(upload uuid, starts_at bigint, piece uuid, size bigint, life interval) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  pieces integer;
begin
  update storage.resumable_uploads u set received = u.received + add_piece.size, pieces = u.pieces + 1
   where u.version = add_piece.upload and u.received = add_piece.starts_at
  returning u.pieces into pieces;
  if not found then
    raise sqlstate 'PT423' using message = 'Another request goes on with this upload';
  end if;
  if pieces > 10000 then
    raise sqlstate 'PT400' using message = 'The upload comes in too many pieces';
  end if;
  insert into storage.resumable_pieces (upload, starts_at, version)
  values (add_piece.upload, add_piece.starts_at, add_piece.piece);
  perform storage.keep_blob(add_piece.piece, add_piece.size);
  update storage.blobs b set until = pg_catalog.now() + add_piece.life
   where b.version = add_piece.upload and b.state = 'writing';
end
$$;

COMMENT ON FUNCTION storage.add_piece(upload uuid, starts_at bigint, piece uuid, size bigint, life interval) IS 'Takes an upload, where a piece of it begins, the name and size of the piece, and how long the upload lives from now; adds it. Errors: PT423 where somebody else added one there.';

CREATE FUNCTION storage.allow_any_operation(expected_operations text[]) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select coalesce(bool_or(storage.allow_only_operation(expected)), false)
    from unnest(expected_operations) expected
$$;

COMMENT ON FUNCTION storage.allow_any_operation(expected_operations text[]) IS 'The same for several operations: whether it is one of them.';

CREATE FUNCTION storage.allow_only_operation(expected_operation text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select coalesce(storage.operation() in (expected_operation, 'storage.' || expected_operation), false)
$$;

COMMENT ON FUNCTION storage.allow_only_operation(expected_operation text) IS 'Takes an operation, with or without the leading storage.; gives whether it is this one that is being done.';

CREATE TABLE storage.objects (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    bucket_id text NOT NULL,
    name text NOT NULL,
    owner uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_accessed_at timestamp with time zone DEFAULT now() NOT NULL,
    metadata jsonb,
    path_tokens text[] GENERATED ALWAYS AS (string_to_array(name, '/'::text)) STORED,
    version text,
    owner_id text,
    user_metadata jsonb,
    archived_at timestamp with time zone,
    is_delete_marker boolean DEFAULT false NOT NULL,
    is_versioned boolean DEFAULT false NOT NULL,
    expires_at timestamp with time zone,
    sha256 text,
    sniffed_type text,
    CONSTRAINT objects_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 1024)))
);

COMMENT ON TABLE storage.objects IS 'One row an object, and one for each version that is kept. Policies here decide who may do what; rows appear only when their bytes are safe.';

COMMENT ON COLUMN storage.objects.id IS 'Stays the same when the object is overwritten or moved; a kept version has one of its own.';

COMMENT ON COLUMN storage.objects.name IS 'The whole path within the bucket.';

COMMENT ON COLUMN storage.objects.metadata IS 'What the server found: size, mimetype, eTag, cacheControl, lastModified.';

COMMENT ON COLUMN storage.objects.version IS 'Names the bytes; fresh for each upload.';

COMMENT ON COLUMN storage.objects.user_metadata IS 'What whoever uploaded it said about it.';

COMMENT ON COLUMN storage.objects.archived_at IS 'When it was overwritten or deleted; null for what is current.';

COMMENT ON COLUMN storage.objects.is_delete_marker IS 'Whether this says that the object is deleted while versions of it are kept.';

COMMENT ON COLUMN storage.objects.is_versioned IS 'Whether it was written while its bucket kept versions.';

COMMENT ON COLUMN storage.objects.expires_at IS 'From when it is not there any more; the bytes follow soon.';

COMMENT ON COLUMN storage.objects.sha256 IS 'Digest of the bytes, in hex.';

COMMENT ON COLUMN storage.objects.sniffed_type IS 'What the first bytes say it is; null when they say nothing.';

CREATE FUNCTION storage.archive_object(object storage.objects) RETURNS void
    LANGUAGE sql
    AS $$
  insert into storage.objects (bucket_id, name, owner, created_at, last_accessed_at, metadata, version, owner_id,
                               user_metadata, archived_at, is_delete_marker, is_versioned, expires_at, sha256, sniffed_type)
  values (object.bucket_id, object.name, object.owner, object.created_at, object.last_accessed_at, object.metadata,
          object.version, object.owner_id, object.user_metadata, clock_timestamp(), object.is_delete_marker,
          object.is_versioned, object.expires_at, object.sha256, object.sniffed_type)
$$;

COMMENT ON FUNCTION storage.archive_object(object storage.objects) IS 'Takes a current object; keeps it as a noncurrent version beside, before the row goes on as another.';

CREATE FUNCTION storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  insert into storage.objects (bucket_id, name, owner, metadata) values (bucketid, name, owner, metadata);
  raise sqlstate 'PT200' using message = 'ROLLBACK', detail = 'rollback successful insert';
end
$$;

COMMENT ON FUNCTION storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb) IS 'Tries an insert as the caller and always undoes it. Errors: PT200 where it would have succeeded, else what refused it.';

CREATE FUNCTION storage.check_quota(bucket text, owner text, more bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  quota storage.quotas;
  kept  numeric;
begin
  for quota in
    select q.*
      from storage.quotas q
     where (q.bucket_id is null or q.bucket_id = bucket)
       and (q.is_total or owner <> '' and (q.owner_id is null or q.owner_id = owner))
     order by q.is_total, q.bucket_id nulls first
  loop
    if quota.is_total or quota.bucket_id is null then
      -- Uploads at once that count together must see each other.
      perform pg_advisory_xact_lock(hashtextextended(
        case when quota.is_total then 'storage.quotas of ' || coalesce(quota.bucket_id, '') else 'storage.quotas ' || owner end, 0));
    end if;
    select coalesce(sum(u.bytes), 0) + more into kept
      from storage.usage u
     where (quota.is_total or u.owner_id = owner) and (quota.bucket_id is null or u.bucket_id = quota.bucket_id);
    if kept > quota.max_bytes then
      raise sqlstate 'PT413' using
        message = format('The quota of %s bytes would be exceeded', quota.max_bytes),
        detail = format('%s bytes would be kept.', kept);
    end if;
  end loop;
end
$$;

COMMENT ON FUNCTION storage.check_quota(bucket text, owner text, more bigint) IS 'Takes a bucket, an owner and how many bytes more there are to be. Errors: PT413 where a row of storage.quotas permits less.';

CREATE FUNCTION storage.claim_upload(upload uuid, version uuid) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  claimed uuid;
  claimed_state text;
begin
  select u.completed_as into claimed from storage.s3_multipart_uploads u where u.id = upload for update;
  if not found then
    return null;
  end if;
  select b.state into claimed_state from storage.blobs b where b.version = claimed;
  if claimed_state = 'kept' then
    return 'done';
  end if;
  if claimed_state = 'writing' then
    return 'busy';
  end if;
  -- Nobody's, or of somebody whose bytes came to nothing.
  update storage.s3_multipart_uploads u set completed_as = claim_upload.version where u.id = upload;
  return 'ours';
end
$$;

COMMENT ON FUNCTION storage.claim_upload(upload uuid, version uuid) IS 'Takes an upload and the bytes in which its parts are joined; gives ours where these may become the object, busy or done where those of somebody else do, and null where there is no such upload.';

CREATE FUNCTION storage.clear_gone(bucket text, object_name text) RETURNS void
    LANGUAGE sql
    SET "storage.allow_delete_query" TO 'true'
    AS $$
  update storage.objects o
     set archived_at = now()
   where o.bucket_id = bucket and o.name = object_name and o.archived_at is null and o.is_delete_marker;
  delete from storage.objects o
   where o.bucket_id = bucket and o.name = object_name and o.archived_at is null and o.expires_at <= now()
$$;

COMMENT ON FUNCTION storage.clear_gone(bucket text, object_name text) IS 'Takes a bucket and a name; makes way where what was there is deleted or expired.';

CREATE FUNCTION storage.count_usage() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  grown record;
begin
  -- In one order, so that nobody waits for somebody who waits for them.
  if tg_op = 'INSERT' then
    for grown in
      insert into storage.usage as u (bucket_id, owner_id, bytes, objects)
      select n.bucket_id, coalesce(n.owner_id, ''), sum(storage.size_of(n.metadata)), count(*)
        from new_rows n
       group by 1, 2
       order by 1, 2
      on conflict (bucket_id, owner_id)
      do update set bytes = u.bytes + excluded.bytes, objects = u.objects + excluded.objects
      returning u.bucket_id, u.owner_id
    loop
      perform storage.check_quota(grown.bucket_id, grown.owner_id, 0);
    end loop;
  elsif tg_op = 'DELETE' then
    insert into storage.usage as u (bucket_id, owner_id, bytes, objects)
    select o.bucket_id, coalesce(o.owner_id, ''), - sum(storage.size_of(o.metadata)), - count(*)
      from old_rows o
     where exists (select from storage.buckets b where b.id = o.bucket_id)
     group by 1, 2
     order by 1, 2
    on conflict (bucket_id, owner_id)
    do update set bytes = u.bytes + excluded.bytes, objects = u.objects + excluded.objects;
  else
    for grown in
      with changed as (
        select n.bucket_id, coalesce(n.owner_id, '') as owner_id, storage.size_of(n.metadata) as bytes, 1 as objects
          from new_rows n
        union all
        select o.bucket_id, coalesce(o.owner_id, ''), - storage.size_of(o.metadata), -1
          from old_rows o)
      insert into storage.usage as u (bucket_id, owner_id, bytes, objects)
      select c.bucket_id, c.owner_id, sum(c.bytes), sum(c.objects)
        from changed c
       group by 1, 2
      having sum(c.bytes) <> 0 or sum(c.objects) <> 0
       order by 1, 2
      on conflict (bucket_id, owner_id)
      do update set bytes = u.bytes + excluded.bytes, objects = u.objects + excluded.objects
      returning u.bucket_id, u.owner_id
    loop
      perform storage.check_quota(grown.bucket_id, grown.owner_id, 0);
    end loop;
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION storage.count_usage() IS 'Counts what each owner keeps, and refuses what would be too much.';

CREATE FUNCTION storage.delete_current(object uuid) RETURNS void
    LANGUAGE plpgsql
    SET "storage.allow_delete_query" TO 'true'
    AS $$
declare
  known storage.objects;
begin
  select * into known from storage.objects o where o.id = object and o.archived_at is null for update;
  if not found or known.is_delete_marker then
    return;
  end if;
  if (select b.versioning_status = 'DISABLED' from storage.buckets b where b.id = known.bucket_id) then
    delete from storage.objects o where o.id = object;
    return;
  end if;
  if storage.keeps_versions(known) then
    perform storage.archive_object(known);
  end if;
  update storage.objects o
     set version = gen_random_uuid()::text, is_delete_marker = true, metadata = null, user_metadata = null,
         is_versioned = (select b.versioning_status = 'ENABLED' from storage.buckets b where b.id = o.bucket_id),
         created_at = now(), expires_at = null, sha256 = null, sniffed_type = null
   where o.id = object;
end
$$;

COMMENT ON FUNCTION storage.delete_current(object uuid) IS 'Takes a current object; deletes it, or marks it as deleted where its bucket keeps versions.';

CREATE FUNCTION storage.delete_version(object uuid) RETURNS void
    LANGUAGE plpgsql
    SET "storage.allow_delete_query" TO 'true'
    AS $$
declare
  known  storage.objects;
  newest storage.objects;
begin
  select * into known from storage.objects o where o.id = object for update;
  if known.archived_at is null then
    select * into newest
      from storage.objects o
     where o.bucket_id = known.bucket_id and o.name = known.name and o.archived_at is not null
     order by o.archived_at desc
     limit 1
       for update;
  end if;
  if newest.id is null then
    delete from storage.objects o where o.id = object;
    return;
  end if;
  -- The version before it is current again, in the row that others may refer to.
  update storage.objects o
     set version = newest.version, metadata = newest.metadata, user_metadata = newest.user_metadata,
         owner = newest.owner, owner_id = newest.owner_id, is_versioned = newest.is_versioned,
         is_delete_marker = newest.is_delete_marker, created_at = newest.created_at,
         expires_at = newest.expires_at, sha256 = newest.sha256, sniffed_type = newest.sniffed_type
   where o.id = object;
  delete from storage.objects o where o.id = newest.id;
end
$$;

COMMENT ON FUNCTION storage.delete_version(object uuid) IS 'Takes a version; deletes it for good. Where it was the current one, the one before is current again.';

CREATE FUNCTION storage.doom_all_versions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update storage.blobs set state = 'doomed', since = now() where state = 'kept';
  delete from storage.usage;
  perform pg_notify('walkie', 'storage');
  return null;
end
$$;

COMMENT ON FUNCTION storage.doom_all_versions() IS 'Lets go of all bytes when all objects are gone at once.';

CREATE FUNCTION storage.doom_left_behind() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  lost integer;
begin
  update storage.blobs set state = 'doomed', since = now() where state = 'writing' and until <= now();
  get diagnostics lost = row_count;
  return lost;
end
$$;

COMMENT ON FUNCTION storage.doom_left_behind() IS 'Lets go of bytes that were never finished in their time, and gives how many.';

CREATE FUNCTION storage.doom_part() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  perform storage.give_up_blob(old.version);
  return null;
end
$$;

COMMENT ON FUNCTION storage.doom_part() IS 'Lets go of the bytes of a part that was joined, replaced or given up.';

CREATE FUNCTION storage.doom_piece() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update storage.blobs b set state = 'doomed', since = pg_catalog.now() where b.version = old.version;
  if found then
    perform pg_catalog.pg_notify('walkie', 'storage');
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION storage.doom_piece() IS 'Lets go of the bytes of a piece or a derivative whose row went.';

CREATE FUNCTION storage.doom_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
begin
  if old.version ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
     and not exists (select from storage.objects o where o.version = old.version) then
    update storage.blobs set state = 'doomed', since = now() where version = old.version::uuid;
    if found then
      perform pg_notify('walkie', 'storage');
    end if;
  end if;
  return null;
end
$_$;

COMMENT ON FUNCTION storage.doom_version() IS 'Lets go of bytes that no object has any more, whoever deleted it and however.';

CREATE FUNCTION storage.end_trial() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if current_setting('storage.is_trial', true) = 'true' then
    raise sqlstate 'WKT00' using message = 'the trial succeeded';
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION storage.end_trial() IS 'Undoes a write that was only tried.';

CREATE FUNCTION storage.expire_objects(up_to integer) RETURNS integer
    LANGUAGE plpgsql
    SET "storage.allow_delete_query" TO 'true'
    AS $$
declare
  gone integer;
begin
  delete from storage.objects o
   where o.id in (select e.id from storage.objects e where e.expires_at <= now() limit up_to for update skip locked);
  get diagnostics gone = row_count;
  return gone;
end
$$;

COMMENT ON FUNCTION storage.expire_objects(up_to integer) IS 'Takes how many; deletes objects whose time is over, versions or not, and gives their number.';

CREATE FUNCTION storage.expire_uploads() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  gone integer;
begin
  delete from storage.s3_multipart_uploads where until <= now();
  get diagnostics gone = row_count;
  return gone;
end
$$;

COMMENT ON FUNCTION storage.expire_uploads() IS 'Gives up uploads whose time is over, with their parts; gives how many.';

CREATE FUNCTION storage.expire_versions(up_to integer) RETURNS integer
    LANGUAGE plpgsql
    SET "storage.allow_delete_query" TO 'true'
    AS $$
declare
  gone integer;
begin
  with rules as (
    select b.id as bucket_id,
           (rule -> 'noncurrentVersionExpiration' ->> 'noncurrentDays')::integer as days,
           coalesce((rule -> 'noncurrentVersionExpiration' ->> 'newerNoncurrentVersions')::integer, 0) as newer
      from storage.buckets b
     cross join jsonb_array_elements(b.lifecycle -> 'rules') rule
     where rule ->> 'status' = 'Enabled'),
  ranked as (
    select o.id, o.bucket_id, o.archived_at,
           row_number() over (partition by o.bucket_id, o.name order by o.archived_at desc) as place
      from storage.objects o
     where o.archived_at is not null
       and o.bucket_id in (select r.bucket_id from rules r)),
  due as (
    select distinct v.id
      from ranked v
      join rules r on r.bucket_id = v.bucket_id
     where v.place > r.newer and v.archived_at <= now() - make_interval(days => r.days)
     limit up_to)
  delete from storage.objects o where o.id in (select d.id from due d);
  get diagnostics gone = row_count;
  -- A marker that hides nothing any more has no use.
  delete from storage.objects o
   where o.is_delete_marker and o.archived_at is null
     and o.bucket_id in (select b.id from storage.buckets b where b.lifecycle is not null)
     and not exists (select
                       from storage.objects v
                      where v.bucket_id = o.bucket_id and v.name = o.name and v.archived_at is not null)
     and o.created_at <= now() - interval '1 day';
  return gone;
end
$$;

COMMENT ON FUNCTION storage.expire_versions(up_to integer) IS 'Takes how many; deletes noncurrent versions that the rules of their bucket let go, and gives their number.';

CREATE FUNCTION storage.extension(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO ''
    AS $$
  select split_part(split_part(name, '/', -1), '.', -1)
$$;

COMMENT ON FUNCTION storage.extension(name text) IS 'Takes the name of an object; gives what follows its last dot.';

CREATE FUNCTION storage.filename(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO ''
    AS $$
  select split_part(name, '/', -1)
$$;

COMMENT ON FUNCTION storage.filename(name text) IS 'Takes the name of an object; gives its last part.';

CREATE FUNCTION storage.foldername(name text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO ''
    AS $$
  select (string_to_array(name, '/'))[:cardinality(string_to_array(name, '/')) - 1]
$$;

COMMENT ON FUNCTION storage.foldername(name text) IS 'Takes the name of an object; gives the folders it is in, the outermost first.';

CREATE FUNCTION storage.forget_verdict() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  delete from storage.scans s where s.version = old.version;
  return null;
end
$$;

COMMENT ON FUNCTION storage.forget_verdict() IS 'What a scanner said of bytes goes with them.';

CREATE FUNCTION storage.get_size_by_bucket() RETURNS TABLE(size bigint, bucket_id text)
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select coalesce(sum((o.metadata ->> 'size')::bigint), 0)::bigint, o.bucket_id
    from storage.objects o
   group by o.bucket_id
$$;

COMMENT ON FUNCTION storage.get_size_by_bucket() IS 'Gives how many bytes are in each bucket, as far as the caller sees the objects.';

CREATE FUNCTION storage.give_up_blob(version uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  update storage.blobs b set state = 'doomed', since = now()
   where b.version = give_up_blob.version and b.state = 'writing';
  if found then
    perform pg_notify('walkie', 'storage');
  end if;
end
$$;

COMMENT ON FUNCTION storage.give_up_blob(version uuid) IS 'Takes the name of bytes that nobody is going to have; lets them be removed.';

CREATE FUNCTION storage.guard_version() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if not coalesce(current_setting('storage.is_trial', true) = 'true', false)
     and not (select r.rolbypassrls or r.rolsuper from pg_roles r where r.rolname = current_user)
     and current_user <> 'supabase_storage_admin'
     and storage.is_taken(new.version) then
    raise insufficient_privilege using message = 'these bytes belong to another object';
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION storage.guard_version() IS 'Keeps people from taking bytes by naming them in SQL.';

CREATE FUNCTION storage.is_gone(bucket text, object_name text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (select
                   from storage.objects o
                  where o.bucket_id = bucket and o.name = object_name and o.archived_at is null
                    and (o.is_delete_marker or o.expires_at <= now()))
$$;

COMMENT ON FUNCTION storage.is_gone(bucket text, object_name text) IS 'Takes a bucket and a name; gives whether an object of that name was there and is deleted or expired.';

CREATE FUNCTION storage.is_public(bucket text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select b.public from storage.buckets b where b.id = bucket
$$;

COMMENT ON FUNCTION storage.is_public(bucket text) IS 'Takes a bucket; gives whether everybody may read it, or null where there is none.';

CREATE FUNCTION storage.is_taken(version text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (select from storage.blobs b where b.version::text = is_taken.version)
$$;

COMMENT ON FUNCTION storage.is_taken(version text) IS 'Takes a version; gives whether there are bytes of that name.';

CREATE FUNCTION storage.iso(at timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

COMMENT ON FUNCTION storage.iso(at timestamp with time zone) IS 'Takes a moment; gives it as the API writes it.';

CREATE FUNCTION storage.keep_blob(version uuid, size bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  update storage.blobs b set state = 'kept', size = keep_blob.size, since = now(), until = null
   where b.version = keep_blob.version and b.state = 'writing';
  if not found then
    raise sqlstate 'PT408' using message = 'The upload took too long';
  end if;
end
$$;

COMMENT ON FUNCTION storage.keep_blob(version uuid, size bigint) IS 'Takes the name and size of bytes that an object has from now on. Errors: PT408 where they were swept away meanwhile.';

CREATE FUNCTION storage.keeps_versions(object storage.objects) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select b.versioning_status = 'ENABLED' or b.versioning_status = 'SUSPENDED' and object.is_versioned
    from storage.buckets b
   where b.id = object.bucket_id
$$;

COMMENT ON FUNCTION storage.keeps_versions(object storage.objects) IS 'Takes a current object; gives whether it stays as a noncurrent version when it is overwritten or deleted.';

CREATE FUNCTION storage.list_objects_with_delimiter(bucket_id text, prefix_param text, delimiter_param text, max_keys integer DEFAULT 100, start_after text DEFAULT ''::text, next_token text DEFAULT ''::text) RETURNS TABLE(name text, id uuid, metadata jsonb, updated_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
  select prefix_param || w.entry, (w.object).id, (w.object).metadata, (w.object).updated_at
    from storage.walk_level(bucket_id, prefix_param, delimiter_param,
                            greatest(start_after collate "C", next_token collate "C"), false, max_keys) w
$$;

COMMENT ON FUNCTION storage.list_objects_with_delimiter(bucket_id text, prefix_param text, delimiter_param text, max_keys integer, start_after text, next_token text) IS 'Takes a bucket, how names begin, what ends a folder, how many and after which; gives names in the order of their bytes, and folders without an id.';

CREATE FUNCTION storage.missing_policies(target regclass, role text, commands text[]) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select coalesce(array_agg(command order by place), '{}')
    from unnest(commands) with ordinality wanted (command, place)
   where not exists (select
                       from pg_policy p
                      where p.polrelid = target and p.polpermissive
                        and p.polcmd in ('*', case command when 'SELECT' then 'r' when 'INSERT' then 'a'
                                                           when 'UPDATE' then 'w' else 'd' end)
                        and exists (select
                                      from unnest(p.polroles) granted
                                     where granted = 0 or pg_has_role(role::name, granted, 'usage')))
$$;

COMMENT ON FUNCTION storage.missing_policies(target regclass, role text, commands text[]) IS 'Takes a table, a role and commands; gives those commands that no policy permits the role at all.';

CREATE FUNCTION storage.note_scanner(name text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  insert into storage.scanners (name) values (name)
  on conflict do nothing
$$;

COMMENT ON FUNCTION storage.note_scanner(name text) IS 'Takes the name of a scanner that a server has; from then on files wait for a verdict.';

CREATE FUNCTION storage.open_blob(version uuid, until interval DEFAULT '24:00:00'::interval) RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  insert into storage.blobs (version, state, until) values (version, 'writing', now() + until)
$$;

COMMENT ON FUNCTION storage.open_blob(version uuid, until interval) IS 'Takes the name of bytes to come and how long they may take; notes them in the ledger, so that they are swept away unless they are kept.';

CREATE FUNCTION storage.operation() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select nullif(current_setting('storage.operation', true), '')
$$;

COMMENT ON FUNCTION storage.operation() IS 'Gives what is being done, such as storage.object.upload, or null outside of a request of Storage.';

CREATE FUNCTION storage.protect_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if coalesce(current_setting('storage.allow_delete_query', true), 'false') <> 'true' then
    raise insufficient_privilege using
      message = format('Direct deletion from storage.%I is not allowed. Use the Storage API instead.', tg_table_name),
      hint = 'set storage.allow_delete_query = true where you mean it: bytes of deleted objects are removed too.';
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION storage.protect_delete() IS 'Keeps people from deleting files by a slip in SQL.';

CREATE FUNCTION storage.put_object(object jsonb, is_upsert boolean) RETURNS SETOF storage.objects
    LANGUAGE plpgsql
    SET "storage.allow_delete_query" TO 'true'
    AS $$
declare
  wanted storage.objects := jsonb_populate_record(null::storage.objects, object);
  known  storage.objects;
begin
  wanted.is_versioned :=
    (select b.versioning_status = 'ENABLED' from storage.buckets b where b.id = wanted.bucket_id);
  loop
    select * into known
      from storage.objects o
     where o.bucket_id = wanted.bucket_id and o.name = wanted.name and o.archived_at is null
       for update;
    exit when found;
    return query
      insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata, is_versioned,
                                   expires_at, sha256, sniffed_type)
      values (wanted.bucket_id, wanted.name, wanted.owner, wanted.owner_id, wanted.version, wanted.metadata,
              wanted.user_metadata, coalesce(wanted.is_versioned, false), wanted.expires_at, wanted.sha256,
              wanted.sniffed_type)
      on conflict (bucket_id, name) where archived_at is null do nothing
      returning *;
    if found then
      return;
    end if;
  end loop;
  if not (is_upsert or known.is_delete_marker or coalesce(known.expires_at <= now(), false)) then
    raise unique_violation using message = 'The resource already exists', constraint = 'bucketid_objname';
  end if;
  if storage.keeps_versions(known) then
    perform storage.archive_object(known);
  end if;
  if not coalesce(wanted.is_versioned, false) then
    -- Where versions are not kept any more, there is but one that was written since.
    delete from storage.objects o
     where o.bucket_id = wanted.bucket_id and o.name = wanted.name
       and o.archived_at is not null and not o.is_versioned
       and o.version is distinct from known.version;
  end if;
  return query
    update storage.objects o
       set owner = wanted.owner, owner_id = wanted.owner_id, version = wanted.version, metadata = wanted.metadata,
           user_metadata = wanted.user_metadata, is_versioned = coalesce(wanted.is_versioned, false),
           is_delete_marker = false, expires_at = wanted.expires_at, sha256 = wanted.sha256,
           sniffed_type = wanted.sniffed_type,
           created_at = case when storage.keeps_versions(known) or known.is_delete_marker
                             then now() else o.created_at end
     where o.id = known.id
    returning o.*;
end
$$;

COMMENT ON FUNCTION storage.put_object(object jsonb, is_upsert boolean) IS 'Takes a row as JSON and whether it may overwrite; writes it, keeping what it overwrites where the bucket keeps versions. Errors: 23505.';

CREATE FUNCTION storage.put_part(upload uuid, number integer, version uuid, size bigint, etag text, checksum text, max_bytes bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  total bigint;
begin
  -- One after the other, so that all of them together stay within the limit.
  perform from storage.s3_multipart_uploads u where u.id = upload and u.until > now() for update;
  if not found then
    return false;
  end if;
  delete from storage.s3_multipart_uploads_parts p where p.upload_id = upload and p.part_number = number;
  insert into storage.s3_multipart_uploads_parts (upload_id, part_number, version, size, etag, checksum)
  values (upload, number, version, size, etag, checksum);
  select sum(p.size) into total from storage.s3_multipart_uploads_parts p where p.upload_id = upload;
  if total > max_bytes then
    raise sqlstate 'PT413' using message = 'The object exceeded the maximum allowed size';
  end if;
  update storage.s3_multipart_uploads u set in_progress_size = total where u.id = upload;
  return true;
end
$$;

COMMENT ON FUNCTION storage.put_part(upload uuid, number integer, version uuid, size bigint, etag text, checksum text, max_bytes bigint) IS 'Takes an upload, the number of a part, its bytes, and how many bytes all parts may be; keeps it in place of one of that number, and gives whether there still is such an upload. Errors: PT413.';

CREATE FUNCTION storage.record_verdict(version uuid, verdict text, engine text, signature text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  -- Of bytes that are gone meanwhile nothing is kept.
  insert into storage.scans (version, verdict, engine, signature, sha256)
  select b.version, record_verdict.verdict, record_verdict.engine, record_verdict.signature,
         (select max(o.sha256) from storage.objects o where o.version = b.version::text)
    from storage.blobs b
   where b.version = record_verdict.version
     for key share
  on conflict on constraint scans_pkey do update
     set verdict = excluded.verdict, engine = excluded.engine, signature = excluded.signature, sha256 = excluded.sha256, at = now()
$$;

COMMENT ON FUNCTION storage.record_verdict(version uuid, verdict text, engine text, signature text) IS 'Takes the version of an object and what a scanner said of its bytes: clean, infected or failed, and what was found.';

CREATE FUNCTION storage.request_picture(version uuid, is_bare boolean) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select walkie.enqueue_job('picture', jsonb_build_object('version', version, 'is_bare', is_bare), null, 'picture:' || version, 20)
$$;

COMMENT ON FUNCTION storage.request_picture(version uuid, is_bare boolean) IS 'Takes the version of a picture and whether what is noted in it is to be taken out; has it looked at after the commit.';

CREATE FUNCTION storage.request_scan(version uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  -- A scanner may be away for long; once an hour somebody looks whether it is back.
  select walkie.enqueue_job('scan', jsonb_build_object('version', version), null, 'scan:' || version, 1000)
$$;

COMMENT ON FUNCTION storage.request_scan(version uuid) IS 'Takes the version of an object; has its bytes looked at after the commit, and again for as long as nobody could.';

CREATE FUNCTION storage.reuse_verdict(version uuid, engine text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with same as (
    select s.verdict, s.signature, o.sha256
      from storage.objects o
      join storage.scans s on s.sha256 = o.sha256 and s.engine = reuse_verdict.engine
     where o.version = reuse_verdict.version::text
     order by s.at desc
     limit 1),
  told as (
    insert into storage.scans (version, verdict, engine, signature, sha256)
    select reuse_verdict.version, same.verdict, reuse_verdict.engine, same.signature, same.sha256
      from same
    on conflict on constraint scans_pkey do update
       set verdict = excluded.verdict, engine = excluded.engine, signature = excluded.signature, sha256 = excluded.sha256, at = now()
    returning 1)
  select exists (select from told)
$$;

COMMENT ON FUNCTION storage.reuse_verdict(version uuid, engine text) IS 'Takes the version of an object and a scanner with its signatures; if that has looked at the same bytes before, its verdict holds here too, and true is given.';

CREATE FUNCTION storage.search(prefix text, bucketname text, limits integer DEFAULT 100, levels integer DEFAULT 1, offsets integer DEFAULT 0, search text DEFAULT ''::text, sortcolumn text DEFAULT 'name'::text, sortorder text DEFAULT 'asc'::text) RETURNS TABLE(name text, id uuid, updated_at timestamp with time zone, created_at timestamp with time zone, last_accessed_at timestamp with time zone, metadata jsonb)
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  with seen as (
    select o.*, array_to_string(o.path_tokens[levels:], '/') as rest
      from storage.objects o
     where o.bucket_id = bucketname and o.archived_at is null and not o.is_delete_marker
       and (o.expires_at is null or o.expires_at > now())
       and starts_with(lower(o.name), lower(prefix || search))
       and cardinality(o.path_tokens) >= levels),
  entries as (
    select split_part(s.rest, '/', 1) as name, null::uuid as id, null::timestamptz as updated_at,
           null::timestamptz as created_at, null::timestamptz as last_accessed_at, null::jsonb as metadata
      from seen s
     where strpos(s.rest, '/') > 0
     group by 1
    union all
    select s.rest, s.id, s.updated_at, s.created_at, s.last_accessed_at, s.metadata
      from seen s
     where strpos(s.rest, '/') = 0)
  select e.name, e.id, e.updated_at, e.created_at, e.last_accessed_at, e.metadata
    from entries e
   order by case when sortorder <> 'desc'
                 then case sortcolumn when 'updated_at' then storage.iso(e.updated_at)
                                      when 'created_at' then storage.iso(e.created_at)
                                      when 'last_accessed_at' then storage.iso(e.last_accessed_at)
                                      else e.name end end collate "C" asc nulls first,
            case when sortorder = 'desc'
                 then case sortcolumn when 'updated_at' then storage.iso(e.updated_at)
                                      when 'created_at' then storage.iso(e.created_at)
                                      when 'last_accessed_at' then storage.iso(e.last_accessed_at)
                                      else e.name end end collate "C" desc nulls last,
            e.name collate "C"
   limit limits offset offsets
$$;

COMMENT ON FUNCTION storage.search(prefix text, bucketname text, limits integer, levels integer, offsets integer, search text, sortcolumn text, sortorder text) IS 'Takes how names begin, a bucket, how many, at which level of folders, from where and in which order; gives files, and folders without an id.';

CREATE FUNCTION storage.settle_picture(version uuid, width integer, height integer, is_bare boolean, replacement uuid, size bigint, md5 text, sha256 text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update storage.objects o
     set version = coalesce(replacement::text, o.version),
         metadata = o.metadata || jsonb_strip_nulls(jsonb_build_object(
           'width', width, 'height', height, 'isBare', nullif(is_bare, false), 'size', settle_picture.size,
           'contentLength', settle_picture.size, 'eTag', '"' || md5 || '"')),
         sha256 = coalesce(settle_picture.sha256, o.sha256)
   where o.version = settle_picture.version::text;
  if replacement is null then
    return;
  elsif found then
    perform storage.keep_blob(replacement, settle_picture.size);
  else
    -- Deleted or overwritten meanwhile.
    perform storage.give_up_blob(replacement);
  end if;
end
$$;

COMMENT ON FUNCTION storage.settle_picture(version uuid, width integer, height integer, is_bare boolean, replacement uuid, size bigint, md5 text, sha256 text) IS 'Takes the version of a picture, how large it is shown, whether nothing is noted in it any more, and the name, size and digests of the bytes that take its place, or null where none do; writes that down. Errors: PT408 where these were swept away meanwhile.';

CREATE FUNCTION storage.settle_upload() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  delete from storage.resumable_uploads u where u.version = new.version;
  if new.state = 'doomed' then
    delete from storage.derivatives d where d.source = new.version;
  end if;
  return null;
end
$$;

COMMENT ON FUNCTION storage.settle_upload() IS 'Ends a resumable upload when its bytes are kept or let go of, and drops what was made of a version that goes.';

CREATE FUNCTION storage.size_of(metadata jsonb) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO ''
    AS $_$
  select case when metadata ->> 'size' ~ '^[0-9]{1,18}$' then (metadata ->> 'size')::bigint else 0 end
$_$;

COMMENT ON FUNCTION storage.size_of(metadata jsonb) IS 'Takes what is noted about an object; gives how many bytes that says it has.';

CREATE FUNCTION storage.spellings(bucket text, prefix text) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  with recursive walked (length, spelling) as (
    select 0, ''
    union all
    select w.length + 1, w.spelling || letter
      from walked w
     cross join lateral (select distinct letter
                           from unnest(array[substr(prefix, w.length + 1, 1), lower(substr(prefix, w.length + 1, 1)),
                                             upper(substr(prefix, w.length + 1, 1))]) letter
                          where length(letter) = 1) ways
     where w.length < length(prefix)
       and exists (select
                     from storage.objects o
                    where o.bucket_id = bucket and o.archived_at is null
                      and o.name collate "C" >= w.spelling || letter
                      and o.name collate "C" < w.spelling || letter || U&'\+10FFFF'))
  select coalesce(array_agg(found.spelling), '{}')
    from (select w.spelling from walked w where w.length = length(prefix) limit 100) found
$$;

COMMENT ON FUNCTION storage.spellings(bucket text, prefix text) IS 'Takes a bucket and how names begin, in capitals or not; gives how that is really written there, up to a hundred ways. For the server alone, since it looks past policies.';

CREATE FUNCTION storage.stamp_object(object jsonb, expires_in double precision) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select object || jsonb_build_object(
           'metadata', object -> 'metadata' || jsonb_build_object('lastModified', storage.iso(now())),
           'expires_at', now() + make_interval(secs => expires_in))
$$;

COMMENT ON FUNCTION storage.stamp_object(object jsonb, expires_in double precision) IS 'Takes a row as JSON and in how many seconds it is gone, or null; gives it with the moment of its writing.';

CREATE FUNCTION storage.stamp_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  new.updated_at := now();
  return new;
end
$$;

COMMENT ON FUNCTION storage.stamp_update() IS 'Notes when a row was last changed.';

CREATE FUNCTION storage.try_delete(bucket text, names text[], versions text[]) RETURNS SETOF uuid
    LANGUAGE plpgsql
    AS $$
declare
  wanted record;
  found_id uuid;
begin
  for wanted in
    select o.id
      from unnest(names, versions) asked (name, version)
      join storage.objects o
        on o.bucket_id = bucket and o.name = asked.name
       and case when asked.version is null
                then o.archived_at is null and not o.is_delete_marker
                     and (o.expires_at is null or o.expires_at > now())
                else o.version = asked.version
           end
  loop
    found_id := null;
    begin
      perform set_config('storage.is_trial', 'true', true);
      delete from storage.objects o where o.id = wanted.id;
    exception when sqlstate 'WKT00' then
      found_id := wanted.id;
    end;
    if found_id is not null then
      return next found_id;
    end if;
  end loop;
  perform set_config('storage.is_trial', '', true);
end
$$;

COMMENT ON FUNCTION storage.try_delete(bucket text, names text[], versions text[]) IS 'Takes a bucket, names, and the version of each or null; gives the rows that the caller may delete, and deletes none.';

CREATE FUNCTION storage.try_write(object jsonb, is_upsert boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  wanted storage.objects := jsonb_populate_record(null::storage.objects, object);
begin
  perform set_config('storage.is_trial', 'true', true);
  wanted.id := gen_random_uuid();
  wanted.created_at := now();
  wanted.updated_at := now();
  wanted.last_accessed_at := now();
  -- Beside what is gone, not in its place, which would ask for more rights.
  wanted.archived_at := case when storage.is_gone(wanted.bucket_id, wanted.name) then now() end;
  if is_upsert then
    insert into storage.objects (id, bucket_id, name, owner, owner_id, version, metadata, user_metadata,
                                 created_at, updated_at, last_accessed_at, archived_at, expires_at, sha256, sniffed_type)
    values (wanted.id, wanted.bucket_id, wanted.name, wanted.owner, wanted.owner_id, wanted.version, wanted.metadata,
            wanted.user_metadata, wanted.created_at, wanted.updated_at, wanted.last_accessed_at, wanted.archived_at,
            wanted.expires_at, wanted.sha256, wanted.sniffed_type)
    on conflict (bucket_id, name) where archived_at is null
    do update set owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version,
                  metadata = excluded.metadata, user_metadata = excluded.user_metadata,
                  expires_at = excluded.expires_at, sha256 = excluded.sha256, sniffed_type = excluded.sniffed_type;
  else
    insert into storage.objects (id, bucket_id, name, owner, owner_id, version, metadata, user_metadata,
                                 created_at, updated_at, last_accessed_at, archived_at, expires_at, sha256, sniffed_type)
    values (wanted.id, wanted.bucket_id, wanted.name, wanted.owner, wanted.owner_id, wanted.version, wanted.metadata,
            wanted.user_metadata, wanted.created_at, wanted.updated_at, wanted.last_accessed_at, wanted.archived_at,
            wanted.expires_at, wanted.sha256, wanted.sniffed_type);
  end if;
  -- A trigger before the row may drop it in silence; then nothing can be kept either.
  raise insufficient_privilege using message = 'new row violates row-level security policy for table "objects"';
exception when sqlstate 'WKT00' then
  -- What takes the place of something else may free more than it takes.
  if not is_upsert then
    perform storage.check_quota(wanted.bucket_id, coalesce(wanted.owner_id, ''), storage.size_of(wanted.metadata));
  end if;
end
$$;

COMMENT ON FUNCTION storage.try_write(object jsonb, is_upsert boolean) IS 'Takes a row as JSON and whether it may overwrite; tries to write it as the caller and undoes it. Errors: what refused it: 42501, 23505, PT413.';

CREATE FUNCTION storage.walk_level(bucket text, prefix text, delimiter text, place text, is_descending boolean, up_to bigint, search text DEFAULT NULL::text) RETURNS TABLE(entry text, object storage.objects)
    LANGUAGE plpgsql STABLE
    AS $$
declare
  beyond constant text := U&'\+10FFFF';
  here   text := coalesce(place, case when is_descending then prefix || beyond else '' end);
  step   constant integer := least(coalesce(up_to, 1000), 1000);
  seen   refcursor;
  taken  integer;
  given  bigint := 0;
  cut    integer;
  is_folder boolean;
begin
  if not is_descending and here < prefix collate "C" then
    here := '';
  end if;
  while up_to is null or given < up_to loop
    if is_descending then
      open seen for
        select o.*
          from storage.objects o
         where o.bucket_id = bucket and o.archived_at is null and not o.is_delete_marker
           and (o.expires_at is null or o.expires_at > now())
           and o.name collate "C" >= prefix and o.name collate "C" < here
         order by o.name collate "C" desc
         limit step;
    else
      open seen for
        select o.*
          from storage.objects o
         where o.bucket_id = bucket and o.archived_at is null and not o.is_delete_marker
           and (o.expires_at is null or o.expires_at > now())
           and o.name collate "C" >= prefix and o.name collate "C" > here and o.name collate "C" < prefix || beyond
         order by o.name collate "C"
         limit step;
    end if;
    taken := 0;
    is_folder := false;
    while not is_folder and (up_to is null or given < up_to) loop
      fetch seen into object;
      exit when not found;
      taken := taken + 1;
      entry := substr(object.name, length(prefix) + 1);
      here := object.name;
      cut := case when delimiter = '' then 0 else strpos(entry, delimiter) end;
      is_folder := cut > 0;
      if is_folder then
        entry := left(entry, cut + length(delimiter) - 1);
        here := prefix || entry || case when is_descending then '' else beyond end;
        object := null;
      end if;
      if search is null or strpos(lower(case when is_folder then left(entry, cut - 1) else entry end), lower(search)) > 0 then
        given := given + 1;
        return next;
      end if;
    end loop;
    close seen;
    exit when not is_folder and taken < step;
  end loop;
end
$$;

COMMENT ON FUNCTION storage.walk_level(bucket text, prefix text, delimiter text, place text, is_descending boolean, up_to bigint, search text) IS 'Takes a bucket, how names begin, what ends a folder (empty: nothing does), after which name, whether backwards, how many or null for all, and what entries have in them; gives what follows the beginning in the order of bytes with each object, and folders once, without one.';

CREATE FUNCTION walkie.announce_jobs() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  perform pg_catalog.pg_notify('walkie', 'jobs');
  return null;
end
$$;

COMMENT ON FUNCTION walkie.announce_jobs() IS 'Wakes the servers when the transaction commits.';

CREATE FUNCTION walkie.can_push(person uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (select from walkie.push_subscriptions s where s.user_id = person)
     and walkie.offered('push_key') is not null
$$;

COMMENT ON FUNCTION walkie.can_push(person uuid) IS 'Takes a person; tells whether there is a browser of theirs to wake, and a server that can.';

CREATE FUNCTION walkie.claim_jobs(worker text, kinds text[], up_to integer, lease interval) RETURNS TABLE(id bigint, kind text, payload jsonb, attempt smallint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with due as (
    select j.id
      from walkie.jobs j
     where j.state = 'ready' and j.run_at <= now() and j.kind = any (kinds)
     order by j.priority, j.run_at
     limit up_to
       for update skip locked)
  update walkie.jobs j
     set state = 'running',
         attempts = j.attempts + 1,
         locked_by = worker,
         locked_until = clock_timestamp() + lease
    from due
   where j.id = due.id
  returning j.id, j.kind, j.payload, j.attempts
$$;

COMMENT ON FUNCTION walkie.claim_jobs(worker text, kinds text[], up_to integer, lease interval) IS 'Takes the name of a server, the kinds it knows, how many it can do and how long it may take; gives the jobs that are its own until then.';

CREATE FUNCTION walkie.drop_push_target(subscription uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from walkie.push_subscriptions s where s.id = subscription
$$;

COMMENT ON FUNCTION walkie.drop_push_target(subscription uuid) IS 'Takes a subscription that leads nowhere any more; forgets it.';

CREATE FUNCTION walkie.endpoint_digest(endpoint text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
  select sha256(convert_to(endpoint, 'UTF8'))
$$;

COMMENT ON FUNCTION walkie.endpoint_digest(endpoint text) IS 'Takes where a browser is woken; gives by what it is known once that is sealed.';

CREATE FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone DEFAULT now(), unique_key text DEFAULT NULL::text, max_attempts integer DEFAULT 10, priority integer DEFAULT 0) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  insert into walkie.jobs (kind, payload, run_at, unique_key, max_attempts, priority)
  values (kind, payload, coalesce(run_at, now()), unique_key, max_attempts, priority)
  on conflict (unique_key) where state in ('ready', 'running') do nothing
  returning id
$$;

COMMENT ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) IS 'Takes what is to be done and when; gives the job''s id, or null when one of the same unique_key waits already. It runs after the commit.';

CREATE FUNCTION walkie.enqueue_question(kind text, payload jsonb, conclusion regproc) RETURNS bigint
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  insert into walkie.jobs (kind, payload, conclusion)
  select kind, payload, format('%I.%I', n.nspname, p.proname)
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where p.oid = conclusion
  returning id
$$;

COMMENT ON FUNCTION walkie.enqueue_question(kind text, payload jsonb, conclusion regproc) IS 'Takes what is to be asked outside, and the function that takes the payload and the answer (both jsonb) when it is there; gives the job''s id. For owners of the database alone, since the function is called as they are.';

CREATE FUNCTION walkie.fail_job(job bigint, worker text, attempt integer, error text, is_final boolean) RETURNS text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  update walkie.jobs
     set state = case when is_final or attempts >= max_attempts then 'dead' else 'ready' end,
         done_at = case when is_final or attempts >= max_attempts then now() end,
         -- 5 s, 10 s, 20 s ... an hour; a quarter more or less, so that many do not come back at once.
         run_at = now() + least(5 * 2 ^ (attempts - 1), 3600) * (0.75 + random() / 2) * interval '1 second',
         locked_by = null,
         locked_until = null,
         last_error = left(error, 500)
   where id = job and state = 'running' and locked_by = worker and attempts = attempt
  returning state
$$;

COMMENT ON FUNCTION walkie.fail_job(job bigint, worker text, attempt integer, error text, is_final boolean) IS 'Says that an attempt failed; gives ready when there will be another, dead when not, and nothing when the lease was lost.';

CREATE FUNCTION walkie.finish_job(job bigint, worker text, attempt integer, result jsonb DEFAULT NULL::jsonb) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $_$
declare
  done walkie.jobs;
begin
  select j.* into done
    from walkie.jobs j
   where j.id = job and j.state = 'running' and j.locked_by = worker and j.attempts = attempt
     for update;
  if done.id is null then
    return false;
  end if;
  if done.conclusion is not null then
    execute format('select %s($1, $2)', done.conclusion) using done.payload, result;
  end if;
  update walkie.jobs j
     set state = 'done', payload = '{}', done_at = now(), locked_by = null, locked_until = null, last_error = null
   where j.id = job;
  return true;
end
$_$;

COMMENT ON FUNCTION walkie.finish_job(job bigint, worker text, attempt integer, result jsonb) IS 'Says that a job is done and what came of it, which its conclusion is told in the same transaction; false when the lease was lost meanwhile.';

CREATE FUNCTION walkie.offer(name text, value text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from walkie.offers o where o.name = offer.name and offer.value is null;
  insert into walkie.offers as known (name, value)
  select offer.name, offer.value
   where offer.value is not null
  on conflict (name) do update set value = excluded.value
   where known.value <> excluded.value
$$;

COMMENT ON FUNCTION walkie.offer(name text, value text) IS 'Takes what a server can do besides, and its particulars, or null when it cannot; notes that.';

CREATE FUNCTION walkie.offered(name text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select o.value from walkie.offers o where o.name = offered.name
$$;

COMMENT ON FUNCTION walkie.offered(name text) IS 'Takes the name of what servers can do besides; gives its particulars, or null.';

CREATE FUNCTION walkie.push(person uuid, body jsonb, topic text DEFAULT NULL::text, ttl_s integer DEFAULT 86400) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with asked as (
    insert into walkie.jobs (kind, payload, max_attempts)
    select 'push', jsonb_build_object('subscription', s.id, 'body', body, 'topic', topic, 'ttl_s', ttl_s), 6
      from walkie.push_subscriptions s
     where s.user_id = person
       and (s.expires_at is null or s.expires_at > now())
    returning 1)
  select count(*)::integer from asked
$$;

COMMENT ON FUNCTION walkie.push(person uuid, body jsonb, topic text, ttl_s integer) IS 'Takes a person, what is to be said to their browsers (some 3,900 bytes), a word of up to 32 letters of which only the newest is kept while a browser is away, and for how long it is worth saying; gives how many browsers are asked for.';

CREATE FUNCTION walkie.push_target(subscription uuid) RETURNS TABLE(plain text, sealed text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select case when s.sealed is null then json_build_object('endpoint', s.endpoint, 'p256dh', s.p256dh, 'auth', s.auth)::text end, s.sealed
    from walkie.push_subscriptions s
   where s.id = subscription
$$;

COMMENT ON FUNCTION walkie.push_target(subscription uuid) IS 'Takes a subscription; gives where it leads and the keys of that browser as JSON, plain or sealed, nothing when it is gone.';

CREATE FUNCTION walkie.receive_mail(sender text, recipient text, subject text, plain text, html text) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from walkie.inbox
   where id <= (select i.id from walkie.inbox i order by i.id desc offset 499 limit 1);
  insert into walkie.inbox (sender, recipient, subject, plain, html)
  values (sender, recipient, subject, plain, html)
  returning id
$$;

COMMENT ON FUNCTION walkie.receive_mail(sender text, recipient text, subject text, plain text, html text) IS 'Puts a message into the inbox of a development server; the oldest make way.';

CREATE FUNCTION walkie.retry_job(job bigint) RETURNS boolean
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  with revived as (
    update walkie.jobs
       set state = 'ready', attempts = 0, run_at = now(), done_at = null
     where id = job and state = 'dead' and (payload <> '{}' or done_at > now() - interval '1 day')
    returning id)
  select exists (select from revived)
$$;

COMMENT ON FUNCTION walkie.retry_job(job bigint) IS 'For a DBA: gives a dead job another row of attempts; false when it is not dead, or has been so for more than a day.';

CREATE FUNCTION walkie.run_due_schedule() RETURNS TABLE(name text, error text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  due walkie.schedules;
  failure text;
begin
  select s.* into due
    from walkie.schedules s
   where s.next_run <= clock_timestamp()
   order by s.next_run
   limit 1
     for update skip locked;
  if due.name is null then
    return;
  end if;
  begin
    execute format('select %s()', due.function);
  exception when others then
    failure := format('%s: %s', sqlstate, sqlerrm);
  end;
  update walkie.schedules s
     set next_run = clock_timestamp() + s.every,
         last_run = clock_timestamp(),
         last_error = left(failure, 500)
   where s.name = due.name;
  return query select due.name, failure;
end
$$;

COMMENT ON FUNCTION walkie.run_due_schedule() IS 'Calls one function that is due, notes when it is due next, and gives its name and why it failed, if it did; nothing when none is due.';

CREATE FUNCTION walkie.schedule(name text, function regproc, every interval) RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  insert into walkie.schedules as known (name, function, every)
  select name, format('%I.%I', n.nspname, p.proname), every
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where p.oid = function
  on conflict (name) do update
     set function = excluded.function,
         every = excluded.every,
         next_run = now()
   where (known.function, known.every) is distinct from (excluded.function, excluded.every)
$$;

COMMENT ON FUNCTION walkie.schedule(name text, function regproc, every interval) IS 'Takes a name, a function that takes nothing and how often; has the servers call it from now on. The same name again replaces it.';

CREATE FUNCTION walkie.seal_push_target(subscription uuid, plain text, sealed text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  update walkie.push_subscriptions s
     set endpoint = null,
         p256dh = null,
         auth = null,
         sealed = seal_push_target.sealed
   where s.id = subscription
     and s.sealed is null
     -- One that was kept anew meanwhile has a job of its own.
     and json_build_object('endpoint', s.endpoint, 'p256dh', s.p256dh, 'auth', s.auth)::text = seal_push_target.plain
$$;

COMMENT ON FUNCTION walkie.seal_push_target(subscription uuid, plain text, sealed text) IS 'Takes a subscription, what walkie.push_target gave of it, and the same sealed; keeps only that.';

CREATE FUNCTION walkie.subscribe_push(person uuid, subscription jsonb, agent text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  -- A browser has one endpoint, whoever signs in there: the last one is meant.
  with kept as (
    insert into walkie.push_subscriptions (user_id, endpoint_digest, endpoint, p256dh, auth, user_agent, expires_at)
    values (person, walkie.endpoint_digest(subscription ->> 'endpoint'),
            subscription ->> 'endpoint', subscription -> 'keys' ->> 'p256dh', subscription -> 'keys' ->> 'auth', left(agent, 500),
            to_timestamp((subscription ->> 'expirationTime')::double precision / 1000))
    on conflict (endpoint_digest) do update
       set user_id = excluded.user_id,
           endpoint = excluded.endpoint,
           p256dh = excluded.p256dh,
           auth = excluded.auth,
           sealed = null,
           user_agent = excluded.user_agent,
           expires_at = excluded.expires_at,
           created_at = now()
    returning id)
  insert into walkie.jobs (kind, payload)
  select 'push_seal', jsonb_build_object('subscription', kept.id) from kept;
  delete from walkie.push_subscriptions s
   where s.id in (select old.id
                    from walkie.push_subscriptions old
                   where old.user_id = person
                   order by old.created_at desc, old.id
                  offset 20);
$$;

COMMENT ON FUNCTION walkie.subscribe_push(person uuid, subscription jsonb, agent text) IS 'Takes a person, what PushSubscription.toJSON() gives, and the name of the browser; has the person woken there. Of more than 20 the oldest go.';

CREATE FUNCTION walkie.sweep_jobs() RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from walkie.jobs
   where state = 'done' and done_at < now() - interval '1 day'
      or state = 'dead' and done_at < now() - interval '30 days';
  -- What was said, or a link, is not kept longer than somebody may want to try again.
  update walkie.jobs
     set payload = '{}'
   where state = 'dead'
     and done_at < now() - interval '1 day'
     and payload <> '{}';
  with lost as (
    select id
      from walkie.jobs
     where state = 'running' and locked_until < clock_timestamp()
       for update skip locked),
  freed as (
    update walkie.jobs j
       set state = case when j.attempts >= j.max_attempts then 'dead' else 'ready' end,
           done_at = case when j.attempts >= j.max_attempts then now() end,
           run_at = now(),
           locked_by = null,
           locked_until = null,
           last_error = 'whoever worked on it was lost'
      from lost
     where j.id = lost.id
    returning 1)
  select count(*)::integer from freed
$$;

COMMENT ON FUNCTION walkie.sweep_jobs() IS 'Frees jobs whose lease has run out, and gives their number; empties those that died a day ago, and forgets what ended long ago.';

CREATE FUNCTION walkie.unschedule(name text) RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  delete from walkie.schedules known where known.name = unschedule.name
$$;

COMMENT ON FUNCTION walkie.unschedule(name text) IS 'Takes the name of a schedule; its function is called no longer.';

CREATE FUNCTION walkie.unsubscribe_push(person uuid, endpoint text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with gone as (
    delete from walkie.push_subscriptions s
     where s.user_id = person
       and s.endpoint_digest = walkie.endpoint_digest(unsubscribe_push.endpoint)
    returning 1)
  select exists (select from gone)
$$;

COMMENT ON FUNCTION walkie.unsubscribe_push(person uuid, endpoint text) IS 'Takes a person and an endpoint; they are woken there no longer. False when they were not.';

CREATE TABLE app.clock (
    is_only boolean DEFAULT true NOT NULL,
    ahead interval NOT NULL,
    CONSTRAINT clock_is_only_check CHECK (is_only)
);

COMMENT ON TABLE app.clock IS 'How far rules about time are ahead of the clock on the wall: no row but in tests, which let a server and themselves see one time.';

CREATE TABLE app.embedding_model (
    is_only boolean DEFAULT true NOT NULL,
    name text NOT NULL,
    CONSTRAINT embedding_model_is_only_check CHECK (is_only)
);

COMMENT ON TABLE app.embedding_model IS 'The model whose vectors are kept; when servers have another, all is asked for anew.';

CREATE TABLE app.embedding_queue (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL
);

COMMENT ON TABLE app.embedding_queue IS 'Messages whose meaning is still to be asked for; no row where no server can ask.';

CREATE TABLE app.file_types (
    extension text NOT NULL,
    mime_type text NOT NULL,
    family text NOT NULL,
    is_tellable boolean NOT NULL,
    CONSTRAINT file_types_extension_is_a_word CHECK ((extension ~ '^[a-z0-9]{1,16}$'::text))
);

COMMENT ON TABLE app.file_types IS 'What the end of a file''s name promises; the operator''s to add to.';

COMMENT ON COLUMN app.file_types.family IS 'Types of one family look alike from their first bytes, and pass for each other.';

COMMENT ON COLUMN app.file_types.is_tellable IS 'Whether the bytes tell the type, so that bytes that tell nothing are a lie.';

CREATE TABLE app.file_uploads (
    id uuid NOT NULL,
    path text NOT NULL,
    conversation_id uuid NOT NULL,
    file_id uuid NOT NULL,
    uploader_id uuid NOT NULL,
    name text NOT NULL,
    folder text NOT NULL,
    note text,
    size_bytes bigint NOT NULL,
    mime_type text,
    sha256 text,
    visibility text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    brought_by uuid,
    CONSTRAINT file_uploads_note_fits CHECK ((char_length(note) <= 1000))
);

COMMENT ON TABLE app.file_uploads IS 'Uploads that were let in and have not ended: who may put what where until when.';

COMMENT ON COLUMN app.file_uploads.brought_by IS 'The admin who brings it for a persona; null when people bring their own.';

CREATE TABLE app.file_usage (
    owner_id uuid NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    CONSTRAINT file_usage_never_negative CHECK ((bytes >= 0))
)
WITH (fillfactor='50');

COMMENT ON TABLE app.file_usage IS 'How many bytes of files a person has, and an organisation; kept with each upload and deletion.';

CREATE TABLE app.heartbeats (
    user_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    active_at timestamp with time zone,
    is_there boolean NOT NULL,
    manual_status text,
    CONSTRAINT heartbeats_manual_status_known CHECK ((manual_status = ANY (ARRAY['online'::text, 'away'::text, 'busy'::text, 'offline'::text])))
)
WITH (fillfactor='50');

COMMENT ON TABLE app.heartbeats IS 'When each person''s devices were last heard of: what of it others may know is in user_presence.';

COMMENT ON COLUMN app.heartbeats.at IS 'The last heartbeat, to within half a minute.';

COMMENT ON COLUMN app.heartbeats.active_at IS 'When the person last did something.';

COMMENT ON COLUMN app.heartbeats.is_there IS 'False when they have gone, or two heartbeats are missing.';

COMMENT ON COLUMN app.heartbeats.manual_status IS 'What the person chose; it wins over what their devices say.';

CREATE TABLE app.installed_functions (
    signature text NOT NULL
);

COMMENT ON TABLE app.installed_functions IS 'The functions in public that the product installed, so that only these are dropped when it no longer has them.';

CREATE TABLE app.mail_tokens (
    token text DEFAULT replace(((gen_random_uuid())::text || (gen_random_uuid())::text), '-'::text, ''::text) NOT NULL,
    user_id uuid NOT NULL,
    list text NOT NULL,
    CONSTRAINT mail_tokens_list_known CHECK ((list = ANY (ARRAY['missed'::text, 'digest'::text])))
);

COMMENT ON TABLE app.mail_tokens IS 'What a link in mail shows so that there is no more of such mail, without signing in.';

CREATE SEQUENCE app.message_sub
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

COMMENT ON SEQUENCE app.message_sub IS 'Orders the messages that must not move the conversation''s own clock.';

CREATE TABLE app.message_words (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    chapter integer NOT NULL,
    sender_id uuid NOT NULL,
    message_type text NOT NULL,
    has_link boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    words tsvector NOT NULL
);

COMMENT ON TABLE app.message_words IS 'The words of messages that are neither deleted nor hidden from others, in the language of their organisation; kept by triggers.';

COMMENT ON COLUMN app.message_words.chapter IS 'The message''s: whoever may read that chapter finds it.';

CREATE TABLE app.messages_00 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_00 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_01 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_01 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_02 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_02 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_03 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_03 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_04 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_04 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_05 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_05 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_06 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_06 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_07 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_07 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_08 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_08 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_09 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_09 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_10 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_10 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_11 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_11 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_12 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_12 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_13 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_13 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_14 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_14 REPLICA IDENTITY FULL;

CREATE TABLE app.messages_15 (
    conversation_id uuid CONSTRAINT messages_conversation_id_not_null NOT NULL,
    id uuid DEFAULT base.uuid7() CONSTRAINT messages_id_not_null NOT NULL,
    seq bigint CONSTRAINT messages_seq_not_null NOT NULL,
    sub bigint DEFAULT 0 CONSTRAINT messages_sub_not_null NOT NULL,
    ord bigint CONSTRAINT messages_ord_not_null NOT NULL,
    rev bigint CONSTRAINT messages_rev_not_null NOT NULL,
    chapter integer CONSTRAINT messages_chapter_not_null NOT NULL,
    sender_id uuid CONSTRAINT messages_sender_id_not_null NOT NULL,
    client_id uuid,
    message_type text DEFAULT 'standard'::text CONSTRAINT messages_message_type_not_null NOT NULL,
    body text,
    reply_to_id uuid,
    visibility text DEFAULT 'normal'::text CONSTRAINT messages_visibility_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT messages_created_at_not_null NOT NULL,
    edited_at timestamp with time zone,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    org_id uuid CONSTRAINT messages_org_id_not_null NOT NULL,
    body_format text DEFAULT 'plain'::text CONSTRAINT messages_body_format_not_null NOT NULL,
    meta jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_meta_not_null NOT NULL,
    parent_message_id uuid,
    thread_id uuid,
    reply_count integer DEFAULT 0 CONSTRAINT messages_reply_count_not_null NOT NULL,
    last_reply_at timestamp with time zone,
    mentions uuid[] DEFAULT '{}'::uuid[] CONSTRAINT messages_mentions_not_null NOT NULL,
    mentions_all boolean DEFAULT false CONSTRAINT messages_mentions_all_not_null NOT NULL,
    reaction_counts jsonb DEFAULT '{}'::jsonb CONSTRAINT messages_reaction_counts_not_null NOT NULL,
    is_pinned boolean DEFAULT false CONSTRAINT messages_is_pinned_not_null NOT NULL,
    forwarded jsonb,
    edit_count integer DEFAULT 0 CONSTRAINT messages_edit_count_not_null NOT NULL,
    event jsonb,
    attachments jsonb DEFAULT '[]'::jsonb CONSTRAINT messages_attachments_not_null NOT NULL,
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_format_known CHECK ((body_format = ANY (ARRAY['plain'::text, 'markdown'::text]))),
    CONSTRAINT messages_event_is_not_said CHECK (((event IS NULL) OR (message_type = ANY (ARRAY['system'::text, 'meeting'::text])))),
    CONSTRAINT messages_mentions_bounded CHECK ((cardinality(mentions) <= 50)),
    CONSTRAINT messages_meta_fits CHECK (((jsonb_typeof(meta) = 'object'::text) AND (pg_column_size(meta) <= 8192))),
    CONSTRAINT messages_say_something CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND ((body ~ '\S'::text) OR (attachments <> '[]'::jsonb))))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_15 REPLICA IDENTITY FULL;

CREATE TABLE app.notice_crowds (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    after uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE app.notice_crowds IS 'Messages that call more people than a send should wait for; up to whom they were told.';

CREATE TABLE app.notice_outbox (
    notification_id uuid NOT NULL,
    user_id uuid NOT NULL,
    push_at timestamp with time zone,
    mail_at timestamp with time zone
);

COMMENT ON TABLE app.notice_outbox IS 'Which notices are to leave the house and when, unless they are read before: written with the notice, in the transaction of its cause.';

CREATE TABLE app.overseers (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL
);

COMMENT ON TABLE app.overseers IS 'Who may read every conversation of an organisation: its admins, where it says so. Kept by triggers, so that policies ask a few rows that seldom change instead of roles and settings.';

CREATE UNLOGGED TABLE app.rate_buckets (
    key text NOT NULL,
    tokens double precision NOT NULL,
    at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE app.rate_buckets IS 'What is left of allowances; a crash fills them all.';

CREATE TABLE app.rate_rules (
    name text NOT NULL,
    role text DEFAULT ''::text NOT NULL,
    rate double precision NOT NULL,
    burst double precision NOT NULL,
    CONSTRAINT rate_rules_positive CHECK (((rate > (0)::double precision) AND (burst >= (1)::double precision)))
);

COMMENT ON TABLE app.rate_rules IS 'How many times a second and in one go; the operator''s to change.';

COMMENT ON COLUMN app.rate_rules.role IS 'In the organisation; empty means everybody for whose role there is no row.';

CREATE TABLE auth.audit_log_entries (
    instance_id uuid,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    payload json,
    created_at timestamp with time zone DEFAULT now(),
    ip_address character varying(64) DEFAULT ''::character varying NOT NULL
);

COMMENT ON TABLE auth.audit_log_entries IS 'Who did what to which account, and when.';

CREATE UNLOGGED TABLE auth.buckets (
    key text NOT NULL,
    full_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE auth.buckets IS 'When each bucket is full again; one that is full has no row worth keeping.';

CREATE TABLE auth.custom_oauth_providers (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    provider_type text NOT NULL,
    identifier text NOT NULL,
    name text NOT NULL,
    client_id text NOT NULL,
    client_secret text DEFAULT ''::text NOT NULL,
    acceptable_client_ids text[] DEFAULT '{}'::text[] NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    pkce_enabled boolean DEFAULT true NOT NULL,
    attribute_mapping jsonb DEFAULT '{}'::jsonb NOT NULL,
    custom_claims_allowlist text[] DEFAULT '{}'::text[] NOT NULL,
    authorization_params jsonb DEFAULT '{}'::jsonb NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    email_optional boolean DEFAULT false NOT NULL,
    issuer text,
    discovery_url text,
    skip_nonce_check boolean DEFAULT false NOT NULL,
    authorization_url text,
    token_url text,
    userinfo_url text,
    jwks_uri text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT custom_oauth_providers_client_id_check CHECK (((char_length(client_id) >= 1) AND (char_length(client_id) <= 512))),
    CONSTRAINT custom_oauth_providers_identifier_check CHECK ((identifier ~ '^custom:[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT custom_oauth_providers_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT custom_oauth_providers_provider_type_check CHECK ((provider_type = ANY (ARRAY['oauth2'::text, 'oidc'::text])))
);

COMMENT ON TABLE auth.custom_oauth_providers IS 'Providers that an operator added while the server runs.';

COMMENT ON COLUMN auth.custom_oauth_providers.client_secret IS 'Sealed with the key of the settings.';

CREATE TABLE auth.email_domains (
    domain text NOT NULL,
    is_allowed boolean NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT email_domains_domain_check CHECK (((domain = lower(domain)) AND (domain <> ''::text)))
);

COMMENT ON TABLE auth.email_domains IS 'Domains whose addresses may have an account, subdomains included: once any is allowed only those are, and a refused one never is.';

CREATE TABLE auth.flow_state (
    id uuid NOT NULL,
    user_id uuid,
    auth_code text,
    code_challenge_method auth.code_challenge_method,
    code_challenge text,
    provider_type text NOT NULL,
    provider_access_token text,
    provider_refresh_token text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    authentication_method text NOT NULL,
    auth_code_issued_at timestamp with time zone,
    invite_token text,
    referrer text,
    oauth_client_state_id uuid,
    linking_target_id uuid,
    email_optional boolean DEFAULT false NOT NULL,
    nonce text,
    provider_verifier text,
    session_not_after timestamp with time zone
);

COMMENT ON TABLE auth.flow_state IS 'Sign-ins that left for a provider or a mailbox and come back with a code (PKCE).';

COMMENT ON COLUMN auth.flow_state.auth_code IS 'sha256 of the code in hexadecimal.';

COMMENT ON COLUMN auth.flow_state.nonce IS 'What the provider''s id_token must repeat.';

COMMENT ON COLUMN auth.flow_state.provider_verifier IS 'Our own PKCE verifier towards the provider.';

COMMENT ON COLUMN auth.flow_state.session_not_after IS 'When the session ends that the code is good for, if a directory said so.';

CREATE TABLE auth.identities (
    provider_id text NOT NULL,
    user_id uuid NOT NULL,
    identity_data jsonb NOT NULL,
    provider text NOT NULL,
    last_sign_in_at timestamp with time zone,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    email text GENERATED ALWAYS AS (lower((identity_data ->> 'email'::text))) STORED,
    id uuid DEFAULT gen_random_uuid() NOT NULL
);

COMMENT ON TABLE auth.identities IS 'The ways in which an account can prove itself: one row per provider.';

CREATE TABLE auth.mfa_amr_claims (
    session_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    authentication_method text NOT NULL,
    id uuid NOT NULL
);

COMMENT ON TABLE auth.mfa_amr_claims IS 'How a session was proven: the amr claim of its tokens.';

CREATE TABLE auth.mfa_challenges (
    id uuid NOT NULL,
    factor_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    verified_at timestamp with time zone,
    ip_address inet NOT NULL,
    otp_code text,
    web_authn_session_data jsonb
);

COMMENT ON TABLE auth.mfa_challenges IS 'Questions put to a second factor, good for five minutes.';

CREATE TABLE auth.mfa_recovery_codes (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    factor_id uuid NOT NULL,
    code_hash text NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE auth.mfa_recovery_codes IS 'Codes that stand in for a lost second factor, each once; hashed.';

CREATE TABLE auth.oauth_authorizations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    authorization_id text NOT NULL,
    client_id uuid NOT NULL,
    user_id uuid,
    redirect_uri text NOT NULL,
    scope text NOT NULL,
    state text,
    resource text,
    code_challenge text NOT NULL,
    code_challenge_method auth.code_challenge_method NOT NULL,
    response_type auth.oauth_response_type DEFAULT 'code'::auth.oauth_response_type NOT NULL,
    status auth.oauth_authorization_status DEFAULT 'pending'::auth.oauth_authorization_status NOT NULL,
    authorization_code text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    approved_at timestamp with time zone,
    nonce text,
    authenticated_at timestamp with time zone,
    used_at timestamp with time zone,
    session_id uuid,
    CONSTRAINT oauth_authorizations_code_challenge_check CHECK (((char_length(code_challenge) >= 43) AND (char_length(code_challenge) <= 128))),
    CONSTRAINT oauth_authorizations_nonce_check CHECK ((char_length(nonce) <= 255)),
    CONSTRAINT oauth_authorizations_redirect_uri_check CHECK ((char_length(redirect_uri) <= 2048)),
    CONSTRAINT oauth_authorizations_resource_check CHECK ((char_length(resource) <= 2048)),
    CONSTRAINT oauth_authorizations_scope_check CHECK ((char_length(scope) <= 1024)),
    CONSTRAINT oauth_authorizations_state_check CHECK ((char_length(state) <= 4096))
);

COMMENT ON TABLE auth.oauth_authorizations IS 'What a client asked somebody for: first it waits for their consent, then its code for the client.';

COMMENT ON COLUMN auth.oauth_authorizations.user_id IS 'The first person who looked at it; nobody else may decide.';

COMMENT ON COLUMN auth.oauth_authorizations.authorization_code IS 'sha256 of the code in hexadecimal.';

COMMENT ON COLUMN auth.oauth_authorizations.authenticated_at IS 'When the person had last proven who they are as they consented: the claim auth_time.';

COMMENT ON COLUMN auth.oauth_authorizations.session_id IS 'What the code gave; it ends when the code is shown a second time.';

CREATE TABLE auth.oauth_clients (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    client_secret_hash text,
    registration_type auth.oauth_registration_type NOT NULL,
    redirect_uris text[] NOT NULL,
    grant_types text[] NOT NULL,
    client_name text NOT NULL,
    client_uri text,
    logo_uri text,
    scope text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    client_type auth.oauth_client_type NOT NULL,
    token_endpoint_auth_method text NOT NULL,
    CONSTRAINT oauth_clients_client_name_check CHECK (((char_length(client_name) >= 1) AND (char_length(client_name) <= 1024))),
    CONSTRAINT oauth_clients_client_uri_check CHECK ((char_length(client_uri) <= 2048)),
    CONSTRAINT oauth_clients_grant_types_check CHECK ((grant_types <@ '{authorization_code,refresh_token}'::text[])),
    CONSTRAINT oauth_clients_logo_uri_check CHECK ((char_length(logo_uri) <= 2048)),
    CONSTRAINT oauth_clients_redirect_uris_check CHECK (((cardinality(redirect_uris) >= 1) AND (cardinality(redirect_uris) <= 10))),
    CONSTRAINT oauth_clients_scope_check CHECK ((char_length(scope) <= 1024)),
    CONSTRAINT oauth_clients_secret_check CHECK (((client_type = 'public'::auth.oauth_client_type) = (client_secret_hash IS NULL))),
    CONSTRAINT oauth_clients_token_endpoint_auth_method_check CHECK ((token_endpoint_auth_method = ANY (ARRAY['none'::text, 'client_secret_basic'::text, 'client_secret_post'::text]))),
    CONSTRAINT oauth_clients_type_check CHECK (((client_type = 'public'::auth.oauth_client_type) = (token_endpoint_auth_method = 'none'::text)))
);

COMMENT ON TABLE auth.oauth_clients IS 'Apps of others that may act for people who consent.';

COMMENT ON COLUMN auth.oauth_clients.client_secret_hash IS 'sha256 of the secret in hexadecimal; null for a client that cannot keep one.';

COMMENT ON COLUMN auth.oauth_clients.scope IS 'What the client may ask for at most, separated by spaces; null for anything.';

COMMENT ON COLUMN auth.oauth_clients.deleted_at IS 'A client with a time here is refused as if it were gone.';

CREATE TABLE auth.oauth_consents (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    client_id uuid NOT NULL,
    scopes text NOT NULL,
    granted_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT oauth_consents_scopes_check CHECK ((char_length(scopes) <= 1024))
);

COMMENT ON TABLE auth.oauth_consents IS 'What people let clients do for them, until they take it back.';

COMMENT ON COLUMN auth.oauth_consents.scopes IS 'Separated by spaces.';

CREATE TABLE auth.one_time_tokens (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    token_type auth.one_time_token_type NOT NULL,
    token_hash text NOT NULL,
    relates_to text NOT NULL,
    created_at timestamp without time zone DEFAULT timezone('utc'::text, now()) NOT NULL,
    updated_at timestamp without time zone DEFAULT timezone('utc'::text, now()) NOT NULL,
    code_hash text,
    attempts smallint DEFAULT 0 NOT NULL,
    flow_id uuid,
    CONSTRAINT one_time_tokens_token_hash_check CHECK ((char_length(token_hash) > 0))
);

COMMENT ON TABLE auth.one_time_tokens IS 'Codes and links on their way: one a person and purpose, gone when used.';

COMMENT ON COLUMN auth.one_time_tokens.token_hash IS 'sha256 of the link''s secret in hexadecimal: a copy of this table lets nobody in.';

COMMENT ON COLUMN auth.one_time_tokens.relates_to IS 'The address or number it was sent to.';

COMMENT ON COLUMN auth.one_time_tokens.code_hash IS 'Digest of the address and the code, keyed with the server''s secret; null once it was guessed at too often.';

COMMENT ON COLUMN auth.one_time_tokens.flow_id IS 'The sign-in that goes on with a code instead of a session (PKCE).';

CREATE TABLE auth.refresh_tokens (
    instance_id uuid,
    id bigint NOT NULL,
    token character varying(255),
    user_id character varying(255),
    revoked boolean,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    parent character varying(255),
    session_id uuid
);

COMMENT ON TABLE auth.refresh_tokens IS 'The chain of refresh tokens of each session.';

COMMENT ON COLUMN auth.refresh_tokens.token IS 'sha256 of the token in hexadecimal: a copy of this table lets nobody in.';

CREATE SEQUENCE auth.refresh_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE auth.refresh_tokens_id_seq OWNED BY auth.refresh_tokens.id;

CREATE TABLE auth.revocations (
    kind text NOT NULL,
    id uuid NOT NULL,
    revoked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT revocations_kind_check CHECK ((kind = ANY (ARRAY['session'::text, 'banned'::text, 'deleted'::text])))
);

COMMENT ON TABLE auth.revocations IS 'Sessions and people whose access tokens are refused although they have not expired; kept until they have.';

COMMENT ON COLUMN auth.revocations.id IS 'Of the session when that is the kind, else of the person.';

CREATE TABLE auth.saml_assertions (
    sso_provider_id uuid NOT NULL,
    id_hash text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE auth.saml_assertions IS 'Assertions that have signed somebody in, kept for as long as they would count: each opens once.';

COMMENT ON COLUMN auth.saml_assertions.id_hash IS 'sha256 of the assertion''s ID in hexadecimal.';

CREATE TABLE auth.saml_providers (
    id uuid NOT NULL,
    sso_provider_id uuid NOT NULL,
    entity_id text NOT NULL,
    metadata_xml text NOT NULL,
    metadata_url text,
    attribute_mapping jsonb,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    name_id_format text,
    metadata_tried_at timestamp with time zone,
    CONSTRAINT "entity_id not empty" CHECK ((char_length(entity_id) > 0)),
    CONSTRAINT "metadata_url not empty" CHECK (((metadata_url IS NULL) OR (char_length(metadata_url) > 0))),
    CONSTRAINT "metadata_xml not empty" CHECK ((char_length(metadata_xml) > 0))
);

COMMENT ON TABLE auth.saml_providers IS 'How each directory is spoken with, as its metadata says.';

COMMENT ON COLUMN auth.saml_providers.attribute_mapping IS 'Which of its attributes stand for which claims: {"keys": {"name": {"name": "displayName"}}}.';

COMMENT ON COLUMN auth.saml_providers.metadata_tried_at IS 'When metadata_url was last asked for news, be there an answer or not.';

CREATE TABLE auth.saml_relay_states (
    id uuid NOT NULL,
    sso_provider_id uuid NOT NULL,
    request_id text NOT NULL,
    for_email text,
    redirect_to text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    flow_state_id uuid,
    CONSTRAINT "request_id not empty" CHECK ((char_length(request_id) > 0))
);

COMMENT ON TABLE auth.saml_relay_states IS 'People who left for their company''s directory; gone when they come back.';

COMMENT ON COLUMN auth.saml_relay_states.request_id IS 'The question that the directory''s answer must name.';

CREATE TABLE auth.sendings (
    address_hash text NOT NULL,
    purpose text NOT NULL,
    sent_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE auth.sendings IS 'When something was last sent to an address, be there an account or not: nothing goes there too often.';

COMMENT ON COLUMN auth.sendings.address_hash IS 'sha256 of the address or number in hexadecimal.';

CREATE TABLE auth.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    factor_id uuid,
    aal auth.aal_level,
    not_after timestamp with time zone,
    refreshed_at timestamp without time zone,
    user_agent text,
    ip inet,
    tag text,
    oauth_client_id uuid,
    refresh_token_hmac_key text,
    refresh_token_counter bigint,
    scopes text,
    CONSTRAINT sessions_scopes_check CHECK ((char_length(scopes) <= 4096))
);

COMMENT ON TABLE auth.sessions IS 'One row per sign-in; deleting it signs that device out at its next refresh.';

COMMENT ON COLUMN auth.sessions.oauth_client_id IS 'The client that acts for the person in this session; null when it is their own.';

COMMENT ON COLUMN auth.sessions.scopes IS 'What that client was granted, separated by spaces.';

CREATE TABLE auth.sso_domains (
    id uuid NOT NULL,
    sso_provider_id uuid NOT NULL,
    domain text NOT NULL,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    CONSTRAINT "domain not empty" CHECK ((char_length(domain) > 0))
);

COMMENT ON TABLE auth.sso_domains IS 'By which domains people find their company''s directory.';

CREATE TABLE auth.sso_providers (
    id uuid NOT NULL,
    resource_id text,
    disabled boolean,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    CONSTRAINT "resource_id not empty" CHECK (((resource_id IS NULL) OR (char_length(resource_id) > 0)))
);

COMMENT ON TABLE auth.sso_providers IS 'Companies whose own directory signs their people in.';

COMMENT ON COLUMN auth.sso_providers.resource_id IS 'A name of the operator''s own, if it has one.';

CREATE TABLE auth.users (
    instance_id uuid,
    id uuid NOT NULL,
    aud character varying(255),
    role character varying(255),
    email character varying(255),
    encrypted_password character varying(255),
    email_confirmed_at timestamp with time zone,
    invited_at timestamp with time zone,
    confirmation_token character varying(255),
    confirmation_sent_at timestamp with time zone,
    recovery_token character varying(255),
    recovery_sent_at timestamp with time zone,
    email_change_token_new character varying(255),
    email_change character varying(255),
    email_change_sent_at timestamp with time zone,
    last_sign_in_at timestamp with time zone,
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    is_super_admin boolean,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    phone text,
    phone_confirmed_at timestamp with time zone,
    phone_change text DEFAULT ''::text,
    phone_change_token character varying(255) DEFAULT ''::character varying,
    phone_change_sent_at timestamp with time zone,
    confirmed_at timestamp with time zone GENERATED ALWAYS AS (LEAST(email_confirmed_at, phone_confirmed_at)) STORED,
    email_change_token_current character varying(255) DEFAULT ''::character varying,
    email_change_confirm_status smallint DEFAULT 0,
    banned_until timestamp with time zone,
    reauthentication_token character varying(255) DEFAULT ''::character varying,
    reauthentication_sent_at timestamp with time zone,
    is_sso_user boolean DEFAULT false NOT NULL,
    deleted_at timestamp with time zone,
    is_anonymous boolean DEFAULT false NOT NULL,
    CONSTRAINT users_email_change_confirm_status_check CHECK (((email_change_confirm_status >= 0) AND (email_change_confirm_status <= 2)))
);

COMMENT ON TABLE auth.users IS 'One row per account.';

COMMENT ON COLUMN auth.users.encrypted_password IS 'bcrypt or argon2id hash; null or empty for an account without a password.';

COMMENT ON COLUMN auth.users.raw_app_meta_data IS 'What the service says of the person; only the service writes it.';

COMMENT ON COLUMN auth.users.raw_user_meta_data IS 'What the person says of themselves; never decide a right by it.';

CREATE TABLE auth.webauthn_challenges (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    challenge_type text NOT NULL,
    session_data jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT webauthn_challenges_challenge_type_check CHECK ((challenge_type = ANY (ARRAY['registration'::text, 'authentication'::text])))
);

COMMENT ON TABLE auth.webauthn_challenges IS 'Questions put to a passkey, used once.';

CREATE TABLE auth.webauthn_credentials (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    credential_id bytea NOT NULL,
    credential jsonb NOT NULL,
    friendly_name text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone
);

COMMENT ON TABLE auth.webauthn_credentials IS 'Passkeys: public halves only.';

COMMENT ON COLUMN auth.webauthn_credentials.credential IS 'Public key, counter and flags, as the server''s library keeps them.';

CREATE TABLE public.audit_log (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    org_id uuid,
    actor_id uuid,
    action text NOT NULL,
    table_name text,
    row_key text,
    diff jsonb,
    reason text,
    CONSTRAINT audit_log_action_fits CHECK ((char_length(action) <= 100)),
    CONSTRAINT audit_log_reason_fits CHECK ((char_length(reason) <= 1000))
);

COMMENT ON TABLE public.audit_log IS 'What people with special rights did, and when. Only ever added to.';

ALTER TABLE public.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.chat_admin_logs WITH (security_invoker='true') AS
 SELECT id,
    actor_id AS admin_id,
    action,
    table_name,
    row_key AS target_id,
    diff AS details,
    reason,
    at AS created_at
   FROM public.audit_log l;

COMMENT ON VIEW public.chat_admin_logs IS 'The audit log in other words.';

CREATE VIEW public.chat_fake_users WITH (security_invoker='true') AS
 SELECT id,
    display_name,
    avatar_path AS avatar_url,
    bio,
    ( SELECT l.actor_id
           FROM public.audit_log l
          WHERE ((l.action = 'create_persona'::text) AND (l.row_key = (p.id)::text))
         LIMIT 1) AS created_by,
    (deactivated_at IS NULL) AS is_active,
    created_at
   FROM public.profiles p
  WHERE (kind = 'persona'::text);

COMMENT ON VIEW public.chat_fake_users IS 'Personas in other words; they have no account, so nobody signs in as one.';

CREATE VIEW public.chat_groups WITH (security_invoker='true') AS
 SELECT id,
    title AS name,
    description,
    kind AS group_type,
    created_by,
    created_for,
    member_count,
    last_message_at,
    created_at
   FROM public.conversations c
  WHERE (kind = ANY (ARRAY['group'::text, 'room'::text, 'persona_group'::text, 'announcement'::text]));

COMMENT ON VIEW public.chat_groups IS 'Conversations of more than two, in other words: name and description can be changed by who may rename them.';

CREATE TABLE public.message_private (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    org_id uuid NOT NULL,
    real_sender_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.message_private IS 'Which admin really said what a persona said. Only ever added to, and never published.';

CREATE VIEW public.chat_messages WITH (security_invoker='true') AS
 SELECT m.id,
    m.conversation_id AS group_id,
    m.sender_id,
    m.body AS message,
    p.real_sender_id AS admin_id,
        CASE
            WHEN app.is_admin(( SELECT auth.uid() AS uid)) THEN (p.real_sender_id IS NOT NULL)
            ELSE NULL::boolean
        END AS sent_by_admin,
    m.deleted_at,
    m.created_at
   FROM (public.messages m
     LEFT JOIN public.message_private p ON (((p.conversation_id = m.conversation_id) AND (p.message_id = m.id))));

COMMENT ON VIEW public.chat_messages IS 'Messages in other words; admin_id and sent_by_admin tell admins who spoke as a persona, and are null for everybody else.';

CREATE VIEW public.chat_scheduled_messages WITH (security_invoker='true') AS
 SELECT id,
    conversation_id AS group_id,
    COALESCE(persona_id, sender_id) AS sender_id,
        CASE
            WHEN (persona_id IS NOT NULL) THEN sender_id
            ELSE NULL::uuid
        END AS admin_id,
    body AS message,
    send_at AS scheduled_at,
    state AS status,
    created_at
   FROM public.scheduled_messages s;

COMMENT ON VIEW public.chat_scheduled_messages IS 'One''s own scheduled messages in other words; schedule_message makes them.';

CREATE TABLE public.consents (
    id uuid DEFAULT base.uuid7() NOT NULL,
    user_id uuid NOT NULL,
    purpose text NOT NULL,
    conversation_id uuid,
    given_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    withdrawn_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT consents_purpose_known CHECK ((purpose = 'contact_exchange'::text))
);

COMMENT ON TABLE public.consents IS 'What people have agreed to, where, when, and until when; what is withdrawn stays on record.';

CREATE TABLE public.conversation_categories (
    id uuid DEFAULT base.uuid7() NOT NULL,
    org_id uuid NOT NULL,
    owner_id uuid,
    name text NOT NULL,
    "position" integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT conversation_categories_name_fits CHECK (((name ~ '\S'::text) AND (char_length(name) <= 100)))
);

COMMENT ON TABLE public.conversation_categories IS 'Headings for lists of conversations.';

COMMENT ON COLUMN public.conversation_categories.owner_id IS 'Whose own heading; null means the organisation''s, for rooms.';

CREATE TABLE public.engagements (
    id uuid DEFAULT base.uuid7() NOT NULL,
    org_id uuid NOT NULL,
    client_id uuid NOT NULL,
    consultant_id uuid NOT NULL,
    bid_ref text DEFAULT ''::text NOT NULL,
    title text NOT NULL,
    status text DEFAULT 'bidding'::text NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT engagements_status_known CHECK ((status = ANY (ARRAY['bidding'::text, 'negotiating'::text, 'active'::text, 'completed'::text, 'cancelled'::text, 'declined'::text]))),
    CONSTRAINT engagements_title_fits CHECK (((title ~ '\S'::text) AND (char_length(title) <= 200))),
    CONSTRAINT engagements_two_people CHECK ((client_id <> consultant_id))
);

ALTER TABLE ONLY public.engagements REPLICA IDENTITY FULL;

COMMENT ON TABLE public.engagements IS 'A client''s bid or project with a consultant; written by the business, read by both.';

COMMENT ON COLUMN public.engagements.bid_ref IS 'What the business calls it.';

CREATE TABLE public.file_quotas (
    id uuid DEFAULT base.uuid7() NOT NULL,
    org_id uuid NOT NULL,
    scope text NOT NULL,
    user_id uuid,
    max_bytes bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT file_quotas_not_negative CHECK ((max_bytes >= 0)),
    CONSTRAINT file_quotas_org_is_nobody CHECK (((scope = 'person'::text) OR (user_id IS NULL))),
    CONSTRAINT file_quotas_scope_known CHECK ((scope = ANY (ARRAY['org'::text, 'person'::text])))
);

COMMENT ON TABLE public.file_quotas IS 'How much may be kept in files; without a row there is no bound.';

COMMENT ON COLUMN public.file_quotas.scope IS 'org: all of the organisation together; person: one person.';

COMMENT ON COLUMN public.file_quotas.user_id IS 'Whose; null means each person''s who has no row of their own.';

CREATE TABLE public.meeting_reminders (
    meeting_id uuid NOT NULL,
    user_id uuid NOT NULL,
    minutes_before integer NOT NULL,
    due_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT meeting_reminders_within_a_week CHECK (((minutes_before >= 0) AND (minutes_before <= 10080)))
);

COMMENT ON TABLE public.meeting_reminders IS 'When who is to be reminded of a meeting, and when that was done.';

CREATE TABLE public.message_attachments (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    file_id uuid NOT NULL,
    version integer NOT NULL,
    sender_id uuid NOT NULL,
    chapter integer NOT NULL,
    visibility text NOT NULL,
    "position" integer NOT NULL,
    alt_text text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT message_attachments_alt_text_fits CHECK ((char_length(alt_text) <= 1000))
);

COMMENT ON TABLE public.message_attachments IS 'Which versions of which files messages show.';

COMMENT ON COLUMN public.message_attachments.chapter IS 'The message''s, as sender and visibility are: whoever reads the message sees what hangs on it.';

COMMENT ON COLUMN public.message_attachments.alt_text IS 'What it shows, for those who do not see it.';

CREATE TABLE public.message_edits (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    version integer NOT NULL,
    body text NOT NULL,
    edited_by uuid,
    edited_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.message_edits IS 'What messages said before they were corrected. Only ever added to.';

COMMENT ON COLUMN public.message_edits.edited_by IS 'Who replaced these words.';

CREATE TABLE public.message_embeddings (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    embedding real[] NOT NULL,
    model text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT message_embeddings_dimensions_in_range CHECK (((array_ndims(embedding) = 1) AND ((cardinality(embedding) >= 1) AND (cardinality(embedding) <= 2000)))),
    CONSTRAINT message_embeddings_has_no_holes CHECK ((array_position(embedding, NULL::real) IS NULL)),
    CONSTRAINT message_embeddings_model_named CHECK (((model ~ '\S'::text) AND (char_length(model) <= 100)))
);

COMMENT ON TABLE public.message_embeddings IS 'What messages mean, as the model says that the service asked; gone as soon as the message says something else.';

CREATE TABLE public.message_hides (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.message_hides IS 'Messages that people deleted for themselves alone. Pages leave them out; a policy does not, since it would have to be asked for each message anew.';

CREATE TABLE public.message_mentions (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    mentioned_id uuid NOT NULL,
    seq bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.message_mentions IS 'Who is mentioned where: for the mentioned to find it.';

CREATE TABLE public.message_reactions (
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    actor_id uuid NOT NULL,
    emoji text NOT NULL,
    chapter integer NOT NULL,
    visibility text DEFAULT 'normal'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT message_reactions_emoji_fits CHECK (((emoji ~ '\S'::text) AND (char_length(emoji) <= 32))),
    CONSTRAINT message_reactions_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text])))
);

ALTER TABLE ONLY public.message_reactions REPLICA IDENTITY FULL;

COMMENT ON TABLE public.message_reactions IS 'Who gave which emoji to which message.';

COMMENT ON COLUMN public.message_reactions.actor_id IS 'The profile. No foreign key: this table would become a second way from messages to profiles, and a client''s embedding ambiguous.';

COMMENT ON COLUMN public.message_reactions.chapter IS 'The message''s: whoever may read that chapter sees the reaction.';

CREATE TABLE public.message_stars (
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.message_stars IS 'Messages that people keep for themselves.';

CREATE TABLE public.message_templates (
    id uuid DEFAULT base.uuid7() NOT NULL,
    org_id uuid NOT NULL,
    owner_id uuid,
    scope text DEFAULT 'personal'::text NOT NULL,
    shortcut text,
    title text NOT NULL,
    body text NOT NULL,
    category text,
    use_count bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT message_templates_body_fits CHECK (((body ~ '\S'::text) AND (char_length(body) <= 8000))),
    CONSTRAINT message_templates_category_fits CHECK ((char_length(category) <= 100)),
    CONSTRAINT message_templates_personal_has_owner CHECK (((scope = 'personal'::text) = (owner_id IS NOT NULL))),
    CONSTRAINT message_templates_scope_known CHECK ((scope = ANY (ARRAY['personal'::text, 'org'::text, 'admin'::text]))),
    CONSTRAINT message_templates_shortcut_is_a_word CHECK ((shortcut ~ '^/[a-z0-9][a-z0-9_-]{0,31}$'::text)),
    CONSTRAINT message_templates_title_fits CHECK (((title ~ '\S'::text) AND (char_length(title) <= 100)))
);

COMMENT ON TABLE public.message_templates IS 'What people say often, with {{blanks}} to fill.';

COMMENT ON COLUMN public.message_templates.scope IS 'personal: its owner''s; org: everybody reads it and admins write it; admin: the admins'' alone.';

COMMENT ON COLUMN public.message_templates.shortcut IS 'What is typed to get it, such as /hi.';

CREATE TABLE public.notification_preferences (
    user_id uuid NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notification_preferences_channel_known CHECK ((channel = ANY (ARRAY['app'::text, 'push'::text, 'mail'::text]))),
    CONSTRAINT notification_preferences_kind_known CHECK ((kind = ANY (ARRAY['dm'::text, 'mention'::text, 'reply'::text, 'reaction'::text, 'invite'::text, 'meeting'::text, 'warning'::text, 'report'::text, 'system'::text])))
);

COMMENT ON TABLE public.notification_preferences IS 'Where people want to be told of what; what has no row is as app.wants_by_default says.';

CREATE TABLE public.notification_settings (
    user_id uuid NOT NULL,
    quiet_from time without time zone,
    quiet_to time without time zone,
    digest text DEFAULT 'off'::text NOT NULL,
    digest_at time without time zone DEFAULT '08:00:00'::time without time zone NOT NULL,
    digest_next timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT notification_settings_digest_known CHECK ((digest = ANY (ARRAY['off'::text, 'hourly'::text, 'daily'::text, 'weekly'::text]))),
    CONSTRAINT notification_settings_quiet_has_two_ends CHECK (((quiet_from IS NULL) = (quiet_to IS NULL)))
);

COMMENT ON TABLE public.notification_settings IS 'When people are not to be woken, and whether they want mail that sums up.';

COMMENT ON COLUMN public.notification_settings.quiet_from IS 'In the person''s own time zone; may be later than quiet_to.';

COMMENT ON COLUMN public.notification_settings.digest IS 'off: mail for what was missed; else mail that sums up what is unread, instead.';

COMMENT ON COLUMN public.notification_settings.digest_next IS 'When the next one is due; reckoned by a trigger.';

CREATE TABLE public.org_members (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    invited_by uuid,
    suspended_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT org_members_role_known CHECK ((role = ANY (ARRAY['client'::text, 'consultant'::text, 'member'::text, 'moderator'::text, 'admin'::text, 'superadmin'::text])))
);

ALTER TABLE ONLY public.org_members REPLICA IDENTITY FULL;

COMMENT ON TABLE public.org_members IS 'What people are in their organisation.';

COMMENT ON COLUMN public.org_members.user_id IS 'The profile. No foreign key: a second way from orgs to profiles would make a client''s embedding ambiguous.';

CREATE TABLE public.orgs (
    id uuid DEFAULT base.uuid7() NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT orgs_name_not_blank CHECK ((name ~ '\S'::text)),
    CONSTRAINT orgs_settings_are_an_object CHECK (((jsonb_typeof(settings) = 'object'::text) AND (pg_column_size(settings) <= 16384))),
    CONSTRAINT orgs_slug_is_url_word CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

COMMENT ON TABLE public.orgs IS 'Organisations: people of one never meet people of another.';

COMMENT ON COLUMN public.orgs.settings IS 'What differs from the defaults of app.default_settings(); a trigger refuses what it does not know.';

CREATE VIEW public.participants WITH (security_invoker='true') AS
 SELECT conversation_id,
    member_id AS user_id,
    role,
    last_read_seq,
    joined_at,
    left_at
   FROM public.conversation_members m;

COMMENT ON VIEW public.participants IS 'Members of conversations in other words.';

CREATE TABLE public.read_marks (
    conversation_id uuid NOT NULL,
    member_id uuid NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.read_marks IS 'When a member of a small conversation had read up to which message: one row per move of a pointer, not per message.';

CREATE VIEW public.room_categories WITH (security_invoker='true') AS
 SELECT id,
    name,
    "position",
    created_at
   FROM public.conversation_categories k
  WHERE (owner_id IS NULL);

COMMENT ON VIEW public.room_categories IS 'The organisation''s headings for rooms.';

CREATE VIEW public.room_members WITH (security_invoker='true') AS
 SELECT conversation_id AS room_id,
    member_id AS user_id,
    role,
    joined_at,
    left_at
   FROM public.conversation_members m
  WHERE (EXISTS ( SELECT
           FROM public.conversations c
          WHERE ((c.id = m.conversation_id) AND (c.kind = 'room'::text))));

COMMENT ON VIEW public.room_members IS 'Members of rooms in other words.';

CREATE VIEW public.rooms WITH (security_invoker='true') AS
 SELECT id,
    slug,
    title AS name,
    topic,
    description,
    visibility,
    category_id,
    created_by,
    member_count,
    last_message_at,
    archived_at,
    created_at
   FROM public.conversations c
  WHERE (kind = 'room'::text);

COMMENT ON VIEW public.rooms IS 'Rooms that one is in, in other words; search_rooms finds the others.';

CREATE TABLE public.team_members (
    team_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT team_members_role_known CHECK ((role = ANY (ARRAY['lead'::text, 'member'::text])))
);

ALTER TABLE ONLY public.team_members REPLICA IDENTITY FULL;

COMMENT ON TABLE public.team_members IS 'Who is in which team.';

CREATE TABLE public.teams (
    id uuid DEFAULT base.uuid7() NOT NULL,
    org_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT teams_name_fits CHECK (((name ~ '\S'::text) AND (char_length(name) <= 100)))
);

COMMENT ON TABLE public.teams IS 'Groups of people who work together; where the rule is team, only they write to each other.';

CREATE UNLOGGED TABLE public.typing_states (
    conversation_id uuid NOT NULL,
    actor_id uuid NOT NULL,
    thread_id uuid,
    expires_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.typing_states IS 'Who is typing, for those who come in late; unlogged, since a crash ends all typing. Live it is told by broadcast.';

CREATE TABLE public.user_blocks (
    blocker_id uuid NOT NULL,
    blocked_id uuid NOT NULL,
    expires_at timestamp with time zone,
    reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_blocks_of_another CHECK ((blocker_id <> blocked_id)),
    CONSTRAINT user_blocks_reason_fits CHECK ((char_length(reason) <= 500))
);

COMMENT ON TABLE public.user_blocks IS 'Whom people do not want to hear from; the blocked one is not told.';

CREATE TABLE public.user_contacts (
    owner_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_contacts_of_another CHECK ((owner_id <> contact_id))
);

COMMENT ON TABLE public.user_contacts IS 'Whom people know: who may write to them where they let only contacts.';

CREATE VIEW public.user_conversations WITH (security_invoker='true') AS
 SELECT c.id,
    c.kind,
    COALESCE(c.title, other.display_name) AS title,
    other.id AS other_id,
    c.last_message_id,
    c.last_message_at,
    c.last_preview,
    GREATEST((c.root_count - i.last_read_ord), (0)::bigint) AS unread,
    i.mention_count,
    i.muted_until,
    i.pinned_at
   FROM ((public.inbox i
     LEFT JOIN public.conversations c ON ((c.id = i.conversation_id)))
     LEFT JOIN LATERAL ( SELECT p.id,
            p.display_name
           FROM (public.conversation_members m
             JOIN public.profiles p ON ((p.id = m.member_id)))
          WHERE ((c.kind = 'dm'::text) AND (m.conversation_id = c.id) AND (m.member_id <> i.member_id))
         LIMIT 1) other ON (true));

COMMENT ON VIEW public.user_conversations IS 'The conversations of the person asking, with last message and unread count.';

CREATE VIEW public.user_messages WITH (security_invoker='true') AS
 SELECT id,
    conversation_id,
    sender_id,
    body,
    client_id,
    message_type,
    parent_message_id,
    thread_id,
    reply_to_id,
    edited_at,
    deleted_at,
    created_at
   FROM public.messages m;

COMMENT ON VIEW public.user_messages IS 'Messages, in few columns: they can be inserted, and their words changed, as in messages.';

CREATE TABLE public.user_presence (
    user_id uuid NOT NULL,
    status text DEFAULT 'offline'::text NOT NULL,
    last_seen_at timestamp with time zone,
    CONSTRAINT user_presence_status_known CHECK ((status = ANY (ARRAY['online'::text, 'away'::text, 'busy'::text, 'offline'::text])))
)
WITH (fillfactor='50');

COMMENT ON TABLE public.user_presence IS 'Who is there; who is there without a pause writes once a minute.';

COMMENT ON COLUMN public.user_presence.status IS 'What holds, also when it was chosen by hand.';

COMMENT ON COLUMN public.user_presence.last_seen_at IS 'The last heartbeat, to within half a minute; null when the person hides it.';

CREATE TABLE public.user_privacy_settings (
    user_id uuid NOT NULL,
    show_typing boolean DEFAULT true NOT NULL,
    show_presence boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    who_can_dm text DEFAULT 'everyone'::text NOT NULL,
    show_last_seen boolean DEFAULT true NOT NULL,
    show_read_receipts boolean DEFAULT true NOT NULL,
    allow_mentions_from text DEFAULT 'everyone'::text NOT NULL,
    discoverable boolean DEFAULT true NOT NULL,
    link_previews boolean DEFAULT true NOT NULL,
    CONSTRAINT user_privacy_settings_allow_mentions_known CHECK ((allow_mentions_from = ANY (ARRAY['everyone'::text, 'contacts'::text, 'nobody'::text]))),
    CONSTRAINT user_privacy_settings_who_can_dm_known CHECK ((who_can_dm = ANY (ARRAY['everyone'::text, 'shared'::text, 'contacts'::text, 'nobody'::text])))
);

COMMENT ON TABLE public.user_privacy_settings IS 'What people show of themselves; without a row, what the defaults say.';

COMMENT ON COLUMN public.user_privacy_settings.show_typing IS 'Whether the others in a conversation hear what one does there besides sending: typing and the like.';

COMMENT ON COLUMN public.user_privacy_settings.show_presence IS 'Whether the others in a conversation see that one is there.';

COMMENT ON COLUMN public.user_privacy_settings.who_can_dm IS 'Who may open a conversation of two: everyone whom the organisation lets, who shares a conversation, team or engagement, contacts, nobody.';

COMMENT ON COLUMN public.user_privacy_settings.show_read_receipts IS 'Whether others learn how far one has read; whoever hides it does not learn it of others.';

COMMENT ON COLUMN public.user_privacy_settings.discoverable IS 'Whether strangers see one''s profile, find one in searches and may write.';

CREATE TABLE public.user_restrictions (
    id uuid DEFAULT base.uuid7() NOT NULL,
    user_id uuid NOT NULL,
    conversation_id uuid,
    restriction_type text NOT NULL,
    expires_at timestamp with time zone,
    lifted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_hours integer,
    reason text,
    created_by uuid,
    lifted_by uuid,
    CONSTRAINT user_restrictions_duration_positive CHECK ((duration_hours > 0)),
    CONSTRAINT user_restrictions_reason_fits CHECK ((char_length(reason) <= 1000)),
    CONSTRAINT user_restrictions_type_known CHECK ((restriction_type = ANY (ARRAY['mute'::text, 'block'::text, 'shadow_ban'::text, 'ban'::text, 'slow_mode'::text, 'no_files'::text, 'no_links'::text])))
);

COMMENT ON TABLE public.user_restrictions IS 'What people may not do, where and until when.';

COMMENT ON COLUMN public.user_restrictions.conversation_id IS 'Where; null means everywhere.';

COMMENT ON COLUMN public.user_restrictions.restriction_type IS 'mute: says nothing; block: opens and uses no conversations of two; ban: both; shadow_ban: what they send is seen by themselves alone, and they are not told.';

COMMENT ON COLUMN public.user_restrictions.expires_at IS 'When it ends by itself; null means never.';

COMMENT ON COLUMN public.user_restrictions.lifted_at IS 'When it was ended early.';

COMMENT ON COLUMN public.user_restrictions.duration_hours IS 'From it expires_at is reckoned when that is null.';

CREATE TABLE public.user_settings (
    user_id uuid NOT NULL,
    theme text DEFAULT 'system'::text NOT NULL,
    density text DEFAULT 'comfortable'::text NOT NULL,
    sounds boolean DEFAULT true NOT NULL,
    sound_name text DEFAULT 'default'::text NOT NULL,
    keyboard_mode text DEFAULT 'default'::text NOT NULL,
    enter_to_send boolean DEFAULT true NOT NULL,
    reduced_motion boolean DEFAULT false NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_settings_density_known CHECK ((density = ANY (ARRAY['comfortable'::text, 'compact'::text]))),
    CONSTRAINT user_settings_keyboard_mode_known CHECK ((keyboard_mode = ANY (ARRAY['default'::text, 'vim'::text, 'emacs'::text]))),
    CONSTRAINT user_settings_language_fits CHECK ((language ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$'::text)),
    CONSTRAINT user_settings_sound_name_fits CHECK ((sound_name ~ '^[a-z0-9_-]{1,40}$'::text)),
    CONSTRAINT user_settings_theme_known CHECK ((theme = ANY (ARRAY['system'::text, 'light'::text, 'dark'::text])))
);

COMMENT ON TABLE public.user_settings IS 'How people like their screen; the same on all their devices.';

CREATE TABLE realtime.aliases (
    view_schema text DEFAULT 'public'::text NOT NULL,
    view_name text NOT NULL,
    table_schema text DEFAULT 'public'::text NOT NULL,
    table_name text NOT NULL,
    columns jsonb NOT NULL,
    CONSTRAINT aliases_columns_check CHECK ((jsonb_typeof(columns) = 'object'::text))
);

COMMENT ON TABLE realtime.aliases IS 'Views that stand for a published table: whoever subscribes to the view hears of the table''s rows, under the view''s names. Only the log of tables is written, and only their policies are asked.';

COMMENT ON COLUMN realtime.aliases.columns IS 'The view''s columns, each with the table''s that it is: {"words": "body"}. Others are not told, but for the primary key.';

CREATE UNLOGGED TABLE realtime.policy_notes (
    relation oid NOT NULL,
    role text NOT NULL,
    columns text[] NOT NULL,
    claims text[],
    reads jsonb NOT NULL,
    candidates jsonb,
    is_cacheable boolean NOT NULL,
    reasons text[] NOT NULL,
    compiled_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE realtime.policy_notes IS 'One row a table and role whose policies the server has compiled: see realtime.compiled_policies.';

CREATE VIEW realtime.compiled_policies AS
 SELECT format('%I.%I'::text, s.nspname, c.relname) AS "table",
    n.role,
    n.columns,
    n.claims,
    n.reads,
    n.candidates,
    n.is_cacheable AS cacheable,
    n.reasons,
    n.compiled_at
   FROM ((realtime.policy_notes n
     JOIN pg_class c ON ((c.oid = n.relation)))
     JOIN pg_namespace s ON ((s.oid = c.relnamespace)));

COMMENT ON VIEW realtime.compiled_policies IS 'What the server has last understood of the policies of each table and role: the columns and claims that decide (claims null: all), the tables read and how their changes are followed, who is asked (candidates null: everybody), why verdicts are not remembered where they are not, and since when it is understood so.';

CREATE TABLE realtime.messages (
    topic text NOT NULL,
    extension text NOT NULL,
    payload jsonb,
    event text,
    private boolean DEFAULT false,
    updated_at timestamp without time zone DEFAULT timezone('utc'::text, now()) NOT NULL,
    inserted_at timestamp without time zone DEFAULT timezone('utc'::text, now()) NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    binary_payload bytea,
    CONSTRAINT messages_one_payload CHECK (((payload IS NULL) OR (binary_payload IS NULL)))
)
PARTITION BY RANGE (inserted_at);

COMMENT ON TABLE realtime.messages IS 'Policies on this table decide who may use a private channel: select to listen, insert to send. Rows are broadcasts sent from SQL.';

COMMENT ON COLUMN realtime.messages.topic IS 'The channel''s name, without the leading realtime:.';

COMMENT ON COLUMN realtime.messages.extension IS 'broadcast or presence.';

COMMENT ON COLUMN realtime.messages.inserted_at IS 'UTC, whatever the session''s time zone; decides the partition.';

CREATE TABLE storage.blobs (
    version uuid NOT NULL,
    state text NOT NULL,
    size bigint,
    since timestamp with time zone DEFAULT now() NOT NULL,
    until timestamp with time zone,
    CONSTRAINT blobs_state_check CHECK ((state = ANY (ARRAY['writing'::text, 'kept'::text, 'doomed'::text])))
);

COMMENT ON TABLE storage.blobs IS 'Every piece of bytes that may be on the disk or in the store. A row comes before the bytes and goes after them, so that a crash leaves nothing behind.';

COMMENT ON COLUMN storage.blobs.state IS 'writing: not finished yet; kept: an object has it; doomed: to be removed.';

COMMENT ON COLUMN storage.blobs.until IS 'When one that is still being written counts as left behind.';

CREATE TABLE storage.buckets (
    id text NOT NULL,
    name text NOT NULL,
    owner uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    public boolean DEFAULT false NOT NULL,
    avif_autodetection boolean DEFAULT false NOT NULL,
    file_size_limit bigint,
    allowed_mime_types text[],
    owner_id text,
    type storage.buckettype DEFAULT 'STANDARD'::storage.buckettype NOT NULL,
    versioning_status text DEFAULT 'DISABLED'::text NOT NULL,
    lifecycle jsonb,
    max_signed_seconds integer,
    CONSTRAINT buckets_file_size_limit_check CHECK ((file_size_limit >= 0)),
    CONSTRAINT buckets_max_signed_seconds_check CHECK ((max_signed_seconds > 0)),
    CONSTRAINT buckets_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT buckets_versioning_status_check CHECK ((versioning_status = ANY (ARRAY['DISABLED'::text, 'ENABLED'::text, 'SUSPENDED'::text])))
);

COMMENT ON TABLE storage.buckets IS 'Where objects are; a public one is read by everybody.';

COMMENT ON COLUMN storage.buckets.owner IS 'As owner_id, where that is a uuid; older clients read it.';

COMMENT ON COLUMN storage.buckets.file_size_limit IS 'Most bytes of an object; the server''s own limit where it is lower or this is null.';

COMMENT ON COLUMN storage.buckets.allowed_mime_types IS 'What may be put in, such as image/png or image/*; null for anything.';

COMMENT ON COLUMN storage.buckets.owner_id IS 'Claim sub of whoever made it.';

COMMENT ON COLUMN storage.buckets.versioning_status IS 'ENABLED keeps what is overwritten or deleted; SUSPENDED keeps what was kept.';

COMMENT ON COLUMN storage.buckets.lifecycle IS 'Rules about how long noncurrent versions stay, as the API takes them.';

COMMENT ON COLUMN storage.buckets.max_signed_seconds IS 'How long a signed URL for a download works at most, whatever was asked; null: as long as was asked.';

CREATE TABLE storage.derivatives (
    source uuid NOT NULL,
    transformation text NOT NULL,
    version uuid NOT NULL,
    size bigint NOT NULL,
    mimetype text NOT NULL,
    etag text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE storage.derivatives IS 'Pictures made out of others; they go with the version they were made of.';

COMMENT ON COLUMN storage.derivatives.source IS 'The version it was made of.';

COMMENT ON COLUMN storage.derivatives.transformation IS 'What was asked for, such as width:320,resize:cover,quality:80.';

COMMENT ON COLUMN storage.derivatives.version IS 'Names its own bytes.';

CREATE TABLE storage.quotas (
    id bigint NOT NULL,
    bucket_id text,
    owner_id text,
    max_bytes bigint NOT NULL,
    is_total boolean DEFAULT false NOT NULL,
    CONSTRAINT quotas_max_bytes_check CHECK ((max_bytes >= 0)),
    CONSTRAINT quotas_total_is_of_nobody CHECK (((NOT is_total) OR (owner_id IS NULL)))
);

COMMENT ON TABLE storage.quotas IS 'How much may be kept, by each owner or by all together; what would go over is refused.';

COMMENT ON COLUMN storage.quotas.bucket_id IS 'Null: in all buckets together.';

COMMENT ON COLUMN storage.quotas.owner_id IS 'Null: each owner.';

COMMENT ON COLUMN storage.quotas.is_total IS 'True: all owners together, and what has none; false: each by themselves.';

ALTER TABLE storage.quotas ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME storage.quotas_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE storage.resumable_pieces (
    upload uuid NOT NULL,
    starts_at bigint NOT NULL,
    version uuid NOT NULL,
    CONSTRAINT resumable_pieces_starts_at_check CHECK ((starts_at >= 0))
);

COMMENT ON TABLE storage.resumable_pieces IS 'Bytes of resumable uploads that are safe already, as they came.';

COMMENT ON COLUMN storage.resumable_pieces.version IS 'Names the bytes of the piece.';

CREATE TABLE storage.resumable_uploads (
    version uuid NOT NULL,
    bucket_id text NOT NULL,
    owner_id text,
    wish jsonb NOT NULL,
    said text,
    length bigint,
    received bigint DEFAULT 0 NOT NULL,
    pieces integer DEFAULT 0 NOT NULL,
    CONSTRAINT resumable_uploads_check CHECK (((received >= 0) AND (received <= length))),
    CONSTRAINT resumable_uploads_length_check CHECK ((length >= 0))
);

COMMENT ON TABLE storage.resumable_uploads IS 'Uploads under way whose bytes may come in several requests. A row goes when the ledger has its version kept or doomed.';

COMMENT ON COLUMN storage.resumable_uploads.version IS 'Names the bytes that the object is going to have.';

COMMENT ON COLUMN storage.resumable_uploads.wish IS 'What is to be kept and how, as the server read it at the beginning.';

COMMENT ON COLUMN storage.resumable_uploads.said IS 'Upload-Metadata as the client sent it, which it may ask for.';

COMMENT ON COLUMN storage.resumable_uploads.length IS 'How many bytes there will be; null while the client has not said.';

COMMENT ON COLUMN storage.resumable_uploads.received IS 'How many bytes are safe.';

COMMENT ON COLUMN storage.resumable_uploads.pieces IS 'How many pieces they came in.';

CREATE TABLE storage.s3_multipart_uploads (
    id uuid NOT NULL,
    bucket_id text NOT NULL,
    key text NOT NULL,
    owner_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    until timestamp with time zone NOT NULL,
    in_progress_size bigint DEFAULT 0 NOT NULL,
    wish jsonb NOT NULL,
    completed_as uuid
);

COMMENT ON TABLE storage.s3_multipart_uploads IS 'Uploads over S3 that come in parts and were not completed yet.';

COMMENT ON COLUMN storage.s3_multipart_uploads.owner_id IS 'Claim sub of whoever began it; nobody else goes on with it but servers.';

COMMENT ON COLUMN storage.s3_multipart_uploads.until IS 'When it is given up.';

COMMENT ON COLUMN storage.s3_multipart_uploads.in_progress_size IS 'Bytes of all parts that are there.';

COMMENT ON COLUMN storage.s3_multipart_uploads.wish IS 'What the object is to be, as it was said in the beginning.';

COMMENT ON COLUMN storage.s3_multipart_uploads.completed_as IS 'The bytes in which all parts are joined, once somebody completes it.';

CREATE TABLE storage.s3_multipart_uploads_parts (
    upload_id uuid NOT NULL,
    part_number integer NOT NULL,
    version uuid NOT NULL,
    size bigint NOT NULL,
    etag text NOT NULL,
    checksum text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT s3_multipart_uploads_parts_part_number_check CHECK (((part_number >= 1) AND (part_number <= 10000))),
    CONSTRAINT s3_multipart_uploads_parts_size_check CHECK ((size >= 0))
);

COMMENT ON TABLE storage.s3_multipart_uploads_parts IS 'The parts of such uploads; each rests by itself until all are joined.';

COMMENT ON COLUMN storage.s3_multipart_uploads_parts.version IS 'Names the bytes.';

COMMENT ON COLUMN storage.s3_multipart_uploads_parts.etag IS 'MD5 of the bytes, in hex.';

COMMENT ON COLUMN storage.s3_multipart_uploads_parts.checksum IS 'What else was checked when it came: the name of a header, and its value.';

CREATE TABLE storage.scanners (
    name text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE storage.scanners IS 'What looks at files. A server that has a scanner writes a row; from then on files wait for a verdict, even if no server has one any more. Delete the row to go without.';

CREATE TABLE storage.scans (
    version uuid NOT NULL,
    verdict text NOT NULL,
    engine text,
    signature text,
    at timestamp with time zone DEFAULT now() NOT NULL,
    sha256 text,
    CONSTRAINT scans_verdict_check CHECK ((verdict = ANY (ARRAY['clean'::text, 'infected'::text, 'failed'::text])))
);

COMMENT ON TABLE storage.scans IS 'What a virus scanner said of bytes; policies may ask for it.';

COMMENT ON COLUMN storage.scans.signature IS 'What was found.';

COMMENT ON COLUMN storage.scans.sha256 IS 'Of the bytes: what is the same need not be looked at again.';

CREATE TABLE storage.usage (
    bucket_id text NOT NULL,
    owner_id text NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    objects bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE storage.usage IS 'How much each owner keeps in each bucket, versions included; kept right by a trigger.';

COMMENT ON COLUMN storage.usage.owner_id IS 'As in storage.objects; empty where it has none.';

CREATE TABLE walkie.inbox (
    id bigint NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    plain text NOT NULL,
    html text NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE walkie.inbox IS 'Mail of a development server, which is shown instead of sent; the latest few hundred.';

ALTER TABLE walkie.inbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME walkie.inbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE walkie.installation (
    part text NOT NULL,
    fingerprint text NOT NULL,
    version text NOT NULL,
    installed_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE walkie.installation IS 'One row a part: a hash of all its files, and the version that installed it';

CREATE TABLE walkie.jobs (
    id bigint NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    run_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'ready'::text NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    max_attempts smallint DEFAULT 10 NOT NULL,
    locked_by text,
    locked_until timestamp with time zone,
    unique_key text,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    done_at timestamp with time zone,
    conclusion text,
    CONSTRAINT jobs_max_attempts_check CHECK ((max_attempts > 0)),
    CONSTRAINT jobs_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'running'::text, 'done'::text, 'dead'::text])))
);

COMMENT ON TABLE walkie.jobs IS 'Effects that are due: mail, texts, calls. A dead one stays for a month, for somebody to look.';

COMMENT ON COLUMN walkie.jobs.kind IS 'What is to be done; a server takes only the kinds it knows.';

COMMENT ON COLUMN walkie.jobs.payload IS 'What the effect needs; emptied when it is done, since it may hold one-time links.';

COMMENT ON COLUMN walkie.jobs.priority IS 'Lower ones come first.';

COMMENT ON COLUMN walkie.jobs.locked_until IS 'When whoever works on it counts as lost.';

COMMENT ON COLUMN walkie.jobs.unique_key IS 'While one of this name is ready or running, another is not taken.';

COMMENT ON COLUMN walkie.jobs.conclusion IS 'A function that takes the payload and what came of it, and is called in the transaction that ends the job.';

ALTER TABLE walkie.jobs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME walkie.jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE walkie.offers (
    name text NOT NULL,
    value text NOT NULL
);

COMMENT ON TABLE walkie.offers IS 'What servers of this database can do besides, told by each when it starts: push_key is the public key of web push, embedding_model names who gives vectors.';

CREATE TABLE walkie.platform_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);

CREATE TABLE walkie.product_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);

CREATE TABLE walkie.push_subscriptions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    endpoint text,
    p256dh text,
    auth text,
    user_agent text,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    endpoint_digest bytea NOT NULL,
    sealed text,
    CONSTRAINT push_subscriptions_auth_check CHECK ((auth ~ '^[A-Za-z0-9_-]{22}(==)?$'::text)),
    CONSTRAINT push_subscriptions_endpoint_check CHECK (((endpoint ~ '^https?://'::text) AND (char_length(endpoint) <= 2048))),
    CONSTRAINT push_subscriptions_p256dh_check CHECK ((p256dh ~ '^[A-Za-z0-9_-]{87}=?$'::text)),
    CONSTRAINT push_subscriptions_sealed_check CHECK ((num_nonnulls(endpoint, p256dh, auth) =
CASE
    WHEN (sealed IS NULL) THEN 3
    ELSE 0
END)),
    CONSTRAINT push_subscriptions_user_agent_check CHECK ((char_length(user_agent) <= 500))
);

COMMENT ON TABLE walkie.push_subscriptions IS 'Browsers that people let be woken: where, and with which keys what is said to them is sealed.';

COMMENT ON COLUMN walkie.push_subscriptions.endpoint_digest IS 'SHA-256 of where the browser is woken: one row a browser.';

COMMENT ON COLUMN walkie.push_subscriptions.sealed IS 'Endpoint and keys as JSON, sealed by a server. Null for the moment until one has done so; then endpoint, p256dh and auth are null.';

CREATE TABLE walkie.schedules (
    name text NOT NULL,
    function text NOT NULL,
    every interval NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    last_error text,
    CONSTRAINT schedules_every_check CHECK (((every >= '00:00:01'::interval) AND (every <= '7 days'::interval)))
)
WITH (fillfactor='50');

COMMENT ON TABLE walkie.schedules IS 'Functions that are called again and again, each by one server at a time; written by walkie.schedule and by whoever owns the table.';

COMMENT ON COLUMN walkie.schedules.function IS 'Takes nothing; what it does and that it was called are one transaction.';

COMMENT ON COLUMN walkie.schedules.last_error IS 'Why the last call failed; null when it did not.';

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_00 FOR VALUES WITH (modulus 16, remainder 0);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_01 FOR VALUES WITH (modulus 16, remainder 1);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_02 FOR VALUES WITH (modulus 16, remainder 2);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_03 FOR VALUES WITH (modulus 16, remainder 3);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_04 FOR VALUES WITH (modulus 16, remainder 4);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_05 FOR VALUES WITH (modulus 16, remainder 5);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_06 FOR VALUES WITH (modulus 16, remainder 6);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_07 FOR VALUES WITH (modulus 16, remainder 7);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_08 FOR VALUES WITH (modulus 16, remainder 8);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_09 FOR VALUES WITH (modulus 16, remainder 9);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_10 FOR VALUES WITH (modulus 16, remainder 10);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_11 FOR VALUES WITH (modulus 16, remainder 11);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_12 FOR VALUES WITH (modulus 16, remainder 12);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_13 FOR VALUES WITH (modulus 16, remainder 13);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_14 FOR VALUES WITH (modulus 16, remainder 14);

ALTER TABLE ONLY public.messages ATTACH PARTITION app.messages_15 FOR VALUES WITH (modulus 16, remainder 15);

ALTER TABLE ONLY auth.refresh_tokens ALTER COLUMN id SET DEFAULT nextval('auth.refresh_tokens_id_seq'::regclass);

ALTER TABLE ONLY app.clock
    ADD CONSTRAINT clock_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY app.embedding_model
    ADD CONSTRAINT embedding_model_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY app.embedding_queue
    ADD CONSTRAINT embedding_queue_pkey PRIMARY KEY (conversation_id, message_id);

ALTER TABLE ONLY app.file_types
    ADD CONSTRAINT file_types_pkey PRIMARY KEY (extension);

ALTER TABLE ONLY app.file_uploads
    ADD CONSTRAINT file_uploads_path_key UNIQUE (path);

ALTER TABLE ONLY app.file_uploads
    ADD CONSTRAINT file_uploads_pkey PRIMARY KEY (id);

ALTER TABLE ONLY app.file_usage
    ADD CONSTRAINT file_usage_pkey PRIMARY KEY (owner_id);

ALTER TABLE ONLY app.heartbeats
    ADD CONSTRAINT heartbeats_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY app.installed_functions
    ADD CONSTRAINT installed_functions_pkey PRIMARY KEY (signature);

ALTER TABLE ONLY app.mail_tokens
    ADD CONSTRAINT mail_tokens_one_per_list UNIQUE (user_id, list);

ALTER TABLE ONLY app.mail_tokens
    ADD CONSTRAINT mail_tokens_pkey PRIMARY KEY (token);

ALTER TABLE ONLY app.message_words
    ADD CONSTRAINT message_words_pkey PRIMARY KEY (conversation_id, message_id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_client_id_unique UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_00
    ADD CONSTRAINT messages_00_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_number_unique UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_00
    ADD CONSTRAINT messages_00_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_00
    ADD CONSTRAINT messages_00_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_01
    ADD CONSTRAINT messages_01_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_01
    ADD CONSTRAINT messages_01_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_01
    ADD CONSTRAINT messages_01_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_02
    ADD CONSTRAINT messages_02_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_02
    ADD CONSTRAINT messages_02_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_02
    ADD CONSTRAINT messages_02_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_03
    ADD CONSTRAINT messages_03_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_03
    ADD CONSTRAINT messages_03_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_03
    ADD CONSTRAINT messages_03_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_04
    ADD CONSTRAINT messages_04_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_04
    ADD CONSTRAINT messages_04_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_04
    ADD CONSTRAINT messages_04_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_05
    ADD CONSTRAINT messages_05_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_05
    ADD CONSTRAINT messages_05_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_05
    ADD CONSTRAINT messages_05_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_06
    ADD CONSTRAINT messages_06_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_06
    ADD CONSTRAINT messages_06_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_06
    ADD CONSTRAINT messages_06_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_07
    ADD CONSTRAINT messages_07_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_07
    ADD CONSTRAINT messages_07_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_07
    ADD CONSTRAINT messages_07_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_08
    ADD CONSTRAINT messages_08_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_08
    ADD CONSTRAINT messages_08_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_08
    ADD CONSTRAINT messages_08_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_09
    ADD CONSTRAINT messages_09_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_09
    ADD CONSTRAINT messages_09_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_09
    ADD CONSTRAINT messages_09_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_10
    ADD CONSTRAINT messages_10_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_10
    ADD CONSTRAINT messages_10_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_10
    ADD CONSTRAINT messages_10_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_11
    ADD CONSTRAINT messages_11_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_11
    ADD CONSTRAINT messages_11_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_11
    ADD CONSTRAINT messages_11_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_12
    ADD CONSTRAINT messages_12_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_12
    ADD CONSTRAINT messages_12_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_12
    ADD CONSTRAINT messages_12_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_13
    ADD CONSTRAINT messages_13_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_13
    ADD CONSTRAINT messages_13_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_13
    ADD CONSTRAINT messages_13_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_14
    ADD CONSTRAINT messages_14_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_14
    ADD CONSTRAINT messages_14_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_14
    ADD CONSTRAINT messages_14_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.messages_15
    ADD CONSTRAINT messages_15_conversation_id_sender_id_client_id_key UNIQUE (conversation_id, sender_id, client_id);

ALTER TABLE ONLY app.messages_15
    ADD CONSTRAINT messages_15_conversation_id_seq_sub_key UNIQUE (conversation_id, seq, sub);

ALTER TABLE ONLY app.messages_15
    ADD CONSTRAINT messages_15_pkey PRIMARY KEY (conversation_id, id);

ALTER TABLE ONLY app.notice_crowds
    ADD CONSTRAINT notice_crowds_pkey PRIMARY KEY (conversation_id, message_id);

ALTER TABLE ONLY app.notice_outbox
    ADD CONSTRAINT notice_outbox_pkey PRIMARY KEY (notification_id);

ALTER TABLE ONLY app.overseers
    ADD CONSTRAINT overseers_pkey PRIMARY KEY (org_id, user_id);

ALTER TABLE ONLY app.rate_buckets
    ADD CONSTRAINT rate_buckets_pkey PRIMARY KEY (key);

ALTER TABLE ONLY app.rate_rules
    ADD CONSTRAINT rate_rules_pkey PRIMARY KEY (name, role);

ALTER TABLE ONLY auth.audit_log_entries
    ADD CONSTRAINT audit_log_entries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.buckets
    ADD CONSTRAINT buckets_pkey PRIMARY KEY (key);

ALTER TABLE ONLY auth.custom_oauth_providers
    ADD CONSTRAINT custom_oauth_providers_identifier_key UNIQUE (identifier);

ALTER TABLE ONLY auth.custom_oauth_providers
    ADD CONSTRAINT custom_oauth_providers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.email_domains
    ADD CONSTRAINT email_domains_pkey PRIMARY KEY (domain);

ALTER TABLE ONLY auth.flow_state
    ADD CONSTRAINT flow_state_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.identities
    ADD CONSTRAINT identities_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.identities
    ADD CONSTRAINT identities_provider_id_provider_unique UNIQUE (provider_id, provider);

ALTER TABLE ONLY auth.mfa_amr_claims
    ADD CONSTRAINT mfa_amr_claims_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.mfa_amr_claims
    ADD CONSTRAINT mfa_amr_claims_session_id_authentication_method_pkey UNIQUE (session_id, authentication_method);

ALTER TABLE ONLY auth.mfa_challenges
    ADD CONSTRAINT mfa_challenges_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.mfa_factors
    ADD CONSTRAINT mfa_factors_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.mfa_recovery_codes
    ADD CONSTRAINT mfa_recovery_codes_factor_id_code_hash_key UNIQUE (factor_id, code_hash);

ALTER TABLE ONLY auth.mfa_recovery_codes
    ADD CONSTRAINT mfa_recovery_codes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.oauth_authorizations
    ADD CONSTRAINT oauth_authorizations_authorization_code_key UNIQUE (authorization_code);

ALTER TABLE ONLY auth.oauth_authorizations
    ADD CONSTRAINT oauth_authorizations_authorization_id_key UNIQUE (authorization_id);

ALTER TABLE ONLY auth.oauth_authorizations
    ADD CONSTRAINT oauth_authorizations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.oauth_clients
    ADD CONSTRAINT oauth_clients_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.oauth_consents
    ADD CONSTRAINT oauth_consents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.oauth_consents
    ADD CONSTRAINT oauth_consents_user_client_unique UNIQUE (user_id, client_id);

ALTER TABLE ONLY auth.one_time_tokens
    ADD CONSTRAINT one_time_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.one_time_tokens
    ADD CONSTRAINT one_time_tokens_user_id_token_type_key UNIQUE (user_id, token_type);

ALTER TABLE ONLY auth.rate_limits
    ADD CONSTRAINT rate_limits_pkey PRIMARY KEY (endpoint, per);

ALTER TABLE ONLY auth.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.refresh_tokens
    ADD CONSTRAINT refresh_tokens_token_key UNIQUE (token);

ALTER TABLE ONLY auth.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (id, kind);

ALTER TABLE ONLY auth.saml_assertions
    ADD CONSTRAINT saml_assertions_pkey PRIMARY KEY (sso_provider_id, id_hash);

ALTER TABLE ONLY auth.saml_providers
    ADD CONSTRAINT saml_providers_entity_id_key UNIQUE (entity_id);

ALTER TABLE ONLY auth.saml_providers
    ADD CONSTRAINT saml_providers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.saml_relay_states
    ADD CONSTRAINT saml_relay_states_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.sendings
    ADD CONSTRAINT sendings_pkey PRIMARY KEY (address_hash, purpose);

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.sso_domains
    ADD CONSTRAINT sso_domains_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.sso_providers
    ADD CONSTRAINT sso_providers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_phone_key UNIQUE (phone);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.webauthn_challenges
    ADD CONSTRAINT webauthn_challenges_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.webauthn_credentials
    ADD CONSTRAINT webauthn_credentials_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversation_categories
    ADD CONSTRAINT conversation_categories_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversation_invites
    ADD CONSTRAINT conversation_invites_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversation_members
    ADD CONSTRAINT conversation_members_pkey PRIMARY KEY (conversation_id, member_id);

ALTER TABLE ONLY public.conversation_pins
    ADD CONSTRAINT conversation_pins_pkey PRIMARY KEY (conversation_id, message_id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_one_dm_per_pair UNIQUE (org_id, dm_key);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_one_per_engagement UNIQUE (engagement_id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_slug_unique UNIQUE (org_id, slug);

ALTER TABLE ONLY public.engagements
    ADD CONSTRAINT engagements_once_per_bid UNIQUE (client_id, consultant_id, bid_ref);

ALTER TABLE ONLY public.engagements
    ADD CONSTRAINT engagements_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.file_quotas
    ADD CONSTRAINT file_quotas_one_each UNIQUE NULLS NOT DISTINCT (org_id, scope, user_id);

ALTER TABLE ONLY public.file_quotas
    ADD CONSTRAINT file_quotas_pkey PRIMARY KEY (id);

ALTER TABLE public.file_versions
    ADD CONSTRAINT file_versions_duration_not_negative CHECK ((duration_ms >= 0)) NOT VALID;

ALTER TABLE ONLY public.file_versions
    ADD CONSTRAINT file_versions_pkey PRIMARY KEY (file_id, version);

ALTER TABLE public.file_versions
    ADD CONSTRAINT file_versions_sizes_positive CHECK (((width > 0) AND (height > 0))) NOT VALID;

ALTER TABLE ONLY public.file_versions
    ADD CONSTRAINT file_versions_upload_id_key UNIQUE (upload_id);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (member_id, conversation_id);

ALTER TABLE ONLY public.meeting_participants
    ADD CONSTRAINT meeting_participants_pkey PRIMARY KEY (meeting_id, user_id);

ALTER TABLE ONLY public.meeting_reminders
    ADD CONSTRAINT meeting_reminders_pkey PRIMARY KEY (meeting_id, user_id, minutes_before);

ALTER TABLE ONLY public.meetings
    ADD CONSTRAINT meetings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.message_attachments
    ADD CONSTRAINT message_attachments_pkey PRIMARY KEY (conversation_id, message_id, file_id, version);

ALTER TABLE ONLY public.message_edits
    ADD CONSTRAINT message_edits_pkey PRIMARY KEY (conversation_id, message_id, version);

ALTER TABLE ONLY public.message_embeddings
    ADD CONSTRAINT message_embeddings_pkey PRIMARY KEY (conversation_id, message_id);

ALTER TABLE ONLY public.message_hides
    ADD CONSTRAINT message_hides_pkey PRIMARY KEY (user_id, conversation_id, message_id);

ALTER TABLE ONLY public.message_mentions
    ADD CONSTRAINT message_mentions_pkey PRIMARY KEY (conversation_id, message_id, mentioned_id);

ALTER TABLE ONLY public.message_private
    ADD CONSTRAINT message_private_pkey PRIMARY KEY (conversation_id, message_id);

ALTER TABLE ONLY public.message_reactions
    ADD CONSTRAINT message_reactions_pkey PRIMARY KEY (conversation_id, message_id, actor_id, emoji);

ALTER TABLE ONLY public.message_stars
    ADD CONSTRAINT message_stars_pkey PRIMARY KEY (user_id, conversation_id, message_id);

ALTER TABLE ONLY public.message_templates
    ADD CONSTRAINT message_templates_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notification_preferences
    ADD CONSTRAINT notification_preferences_pkey PRIMARY KEY (user_id, channel, kind);

ALTER TABLE ONLY public.notification_settings
    ADD CONSTRAINT notification_settings_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.org_members
    ADD CONSTRAINT org_members_pkey PRIMARY KEY (org_id, user_id);

ALTER TABLE ONLY public.orgs
    ADD CONSTRAINT orgs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.orgs
    ADD CONSTRAINT orgs_slug_unique UNIQUE (slug);

ALTER TABLE ONLY public.oversight_grants
    ADD CONSTRAINT oversight_grants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.persona_leases
    ADD CONSTRAINT persona_leases_pkey PRIMARY KEY (conversation_id, persona_id);

ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_username_unique UNIQUE (org_id, username);

ALTER TABLE ONLY public.read_marks
    ADD CONSTRAINT read_marks_pkey PRIMARY KEY (conversation_id, member_id, seq);

ALTER TABLE ONLY public.scheduled_messages
    ADD CONSTRAINT scheduled_messages_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.team_members
    ADD CONSTRAINT team_members_pkey PRIMARY KEY (team_id, user_id);

ALTER TABLE ONLY public.teams
    ADD CONSTRAINT teams_name_unique UNIQUE (org_id, name);

ALTER TABLE ONLY public.teams
    ADD CONSTRAINT teams_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.thread_members
    ADD CONSTRAINT thread_members_pkey PRIMARY KEY (user_id, conversation_id, thread_id);

ALTER TABLE ONLY public.typing_states
    ADD CONSTRAINT typing_states_pkey PRIMARY KEY (conversation_id, actor_id);

ALTER TABLE ONLY public.user_blocks
    ADD CONSTRAINT user_blocks_pkey PRIMARY KEY (blocker_id, blocked_id);

ALTER TABLE ONLY public.user_contacts
    ADD CONSTRAINT user_contacts_pkey PRIMARY KEY (owner_id, contact_id);

ALTER TABLE ONLY public.user_presence
    ADD CONSTRAINT user_presence_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.user_privacy_settings
    ADD CONSTRAINT user_privacy_settings_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.user_restrictions
    ADD CONSTRAINT user_restrictions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_settings
    ADD CONSTRAINT user_settings_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY realtime.aliases
    ADD CONSTRAINT aliases_pkey PRIMARY KEY (view_schema, view_name);

ALTER TABLE ONLY realtime.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id, inserted_at);

ALTER TABLE ONLY realtime.policy_notes
    ADD CONSTRAINT policy_notes_pkey PRIMARY KEY (relation, role);

ALTER TABLE ONLY storage.blobs
    ADD CONSTRAINT blobs_pkey PRIMARY KEY (version);

ALTER TABLE ONLY storage.buckets
    ADD CONSTRAINT buckets_name_key UNIQUE (name);

ALTER TABLE ONLY storage.buckets
    ADD CONSTRAINT buckets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY storage.derivatives
    ADD CONSTRAINT derivatives_pkey PRIMARY KEY (source, transformation);

ALTER TABLE ONLY storage.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY storage.quotas
    ADD CONSTRAINT quotas_one_each UNIQUE NULLS NOT DISTINCT (bucket_id, owner_id, is_total);

ALTER TABLE ONLY storage.quotas
    ADD CONSTRAINT quotas_pkey PRIMARY KEY (id);

ALTER TABLE ONLY storage.resumable_pieces
    ADD CONSTRAINT resumable_pieces_pkey PRIMARY KEY (upload, starts_at);

ALTER TABLE ONLY storage.resumable_uploads
    ADD CONSTRAINT resumable_uploads_pkey PRIMARY KEY (version);

ALTER TABLE ONLY storage.s3_multipart_uploads_parts
    ADD CONSTRAINT s3_multipart_uploads_parts_pkey PRIMARY KEY (upload_id, part_number);

ALTER TABLE ONLY storage.s3_multipart_uploads_parts
    ADD CONSTRAINT s3_multipart_uploads_parts_version_key UNIQUE (version);

ALTER TABLE ONLY storage.s3_multipart_uploads
    ADD CONSTRAINT s3_multipart_uploads_pkey PRIMARY KEY (id);

ALTER TABLE ONLY storage.scanners
    ADD CONSTRAINT scanners_pkey PRIMARY KEY (name);

ALTER TABLE ONLY storage.scans
    ADD CONSTRAINT scans_pkey PRIMARY KEY (version);

ALTER TABLE ONLY storage.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (bucket_id, owner_id);

ALTER TABLE ONLY walkie.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY walkie.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (part);

ALTER TABLE ONLY walkie.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY walkie.offers
    ADD CONSTRAINT offers_pkey PRIMARY KEY (name);

ALTER TABLE ONLY walkie.platform_history
    ADD CONSTRAINT platform_history_pkey PRIMARY KEY (version);

ALTER TABLE ONLY walkie.product_history
    ADD CONSTRAINT product_history_pkey PRIMARY KEY (version);

ALTER TABLE ONLY walkie.push_subscriptions
    ADD CONSTRAINT push_subscriptions_endpoint_digest_key UNIQUE (endpoint_digest);

ALTER TABLE ONLY walkie.push_subscriptions
    ADD CONSTRAINT push_subscriptions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY walkie.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (name);

CREATE INDEX file_uploads_uploader_idx ON app.file_uploads USING btree (uploader_id);

CREATE INDEX heartbeats_there_idx ON app.heartbeats USING btree (at) WHERE is_there;

CREATE INDEX message_words_words_idx ON app.message_words USING gin (words) WITH (fastupdate=off);

CREATE INDEX messages_rev_idx ON ONLY public.messages USING btree (conversation_id, rev);

CREATE INDEX messages_00_conversation_id_rev_idx ON app.messages_00 USING btree (conversation_id, rev);

CREATE INDEX messages_thread_idx ON ONLY public.messages USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_00_conversation_id_thread_id_seq_idx ON app.messages_00 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_held_idx ON ONLY public.messages USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_00_org_id_created_at_idx ON app.messages_00 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_sender_idx ON ONLY public.messages USING btree (sender_id, created_at DESC);

CREATE INDEX messages_00_sender_id_created_at_idx ON app.messages_00 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_01_conversation_id_rev_idx ON app.messages_01 USING btree (conversation_id, rev);

CREATE INDEX messages_01_conversation_id_thread_id_seq_idx ON app.messages_01 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_01_org_id_created_at_idx ON app.messages_01 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_01_sender_id_created_at_idx ON app.messages_01 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_02_conversation_id_rev_idx ON app.messages_02 USING btree (conversation_id, rev);

CREATE INDEX messages_02_conversation_id_thread_id_seq_idx ON app.messages_02 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_02_org_id_created_at_idx ON app.messages_02 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_02_sender_id_created_at_idx ON app.messages_02 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_03_conversation_id_rev_idx ON app.messages_03 USING btree (conversation_id, rev);

CREATE INDEX messages_03_conversation_id_thread_id_seq_idx ON app.messages_03 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_03_org_id_created_at_idx ON app.messages_03 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_03_sender_id_created_at_idx ON app.messages_03 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_04_conversation_id_rev_idx ON app.messages_04 USING btree (conversation_id, rev);

CREATE INDEX messages_04_conversation_id_thread_id_seq_idx ON app.messages_04 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_04_org_id_created_at_idx ON app.messages_04 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_04_sender_id_created_at_idx ON app.messages_04 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_05_conversation_id_rev_idx ON app.messages_05 USING btree (conversation_id, rev);

CREATE INDEX messages_05_conversation_id_thread_id_seq_idx ON app.messages_05 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_05_org_id_created_at_idx ON app.messages_05 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_05_sender_id_created_at_idx ON app.messages_05 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_06_conversation_id_rev_idx ON app.messages_06 USING btree (conversation_id, rev);

CREATE INDEX messages_06_conversation_id_thread_id_seq_idx ON app.messages_06 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_06_org_id_created_at_idx ON app.messages_06 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_06_sender_id_created_at_idx ON app.messages_06 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_07_conversation_id_rev_idx ON app.messages_07 USING btree (conversation_id, rev);

CREATE INDEX messages_07_conversation_id_thread_id_seq_idx ON app.messages_07 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_07_org_id_created_at_idx ON app.messages_07 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_07_sender_id_created_at_idx ON app.messages_07 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_08_conversation_id_rev_idx ON app.messages_08 USING btree (conversation_id, rev);

CREATE INDEX messages_08_conversation_id_thread_id_seq_idx ON app.messages_08 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_08_org_id_created_at_idx ON app.messages_08 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_08_sender_id_created_at_idx ON app.messages_08 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_09_conversation_id_rev_idx ON app.messages_09 USING btree (conversation_id, rev);

CREATE INDEX messages_09_conversation_id_thread_id_seq_idx ON app.messages_09 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_09_org_id_created_at_idx ON app.messages_09 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_09_sender_id_created_at_idx ON app.messages_09 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_10_conversation_id_rev_idx ON app.messages_10 USING btree (conversation_id, rev);

CREATE INDEX messages_10_conversation_id_thread_id_seq_idx ON app.messages_10 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_10_org_id_created_at_idx ON app.messages_10 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_10_sender_id_created_at_idx ON app.messages_10 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_11_conversation_id_rev_idx ON app.messages_11 USING btree (conversation_id, rev);

CREATE INDEX messages_11_conversation_id_thread_id_seq_idx ON app.messages_11 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_11_org_id_created_at_idx ON app.messages_11 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_11_sender_id_created_at_idx ON app.messages_11 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_12_conversation_id_rev_idx ON app.messages_12 USING btree (conversation_id, rev);

CREATE INDEX messages_12_conversation_id_thread_id_seq_idx ON app.messages_12 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_12_org_id_created_at_idx ON app.messages_12 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_12_sender_id_created_at_idx ON app.messages_12 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_13_conversation_id_rev_idx ON app.messages_13 USING btree (conversation_id, rev);

CREATE INDEX messages_13_conversation_id_thread_id_seq_idx ON app.messages_13 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_13_org_id_created_at_idx ON app.messages_13 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_13_sender_id_created_at_idx ON app.messages_13 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_14_conversation_id_rev_idx ON app.messages_14 USING btree (conversation_id, rev);

CREATE INDEX messages_14_conversation_id_thread_id_seq_idx ON app.messages_14 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_14_org_id_created_at_idx ON app.messages_14 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_14_sender_id_created_at_idx ON app.messages_14 USING btree (sender_id, created_at DESC);

CREATE INDEX messages_15_conversation_id_rev_idx ON app.messages_15 USING btree (conversation_id, rev);

CREATE INDEX messages_15_conversation_id_thread_id_seq_idx ON app.messages_15 USING btree (conversation_id, thread_id, seq) WHERE (thread_id IS NOT NULL);

CREATE INDEX messages_15_org_id_created_at_idx ON app.messages_15 USING btree (org_id, created_at) WHERE ((visibility = 'held'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_15_sender_id_created_at_idx ON app.messages_15 USING btree (sender_id, created_at DESC);

CREATE INDEX notice_outbox_mail_idx ON app.notice_outbox USING btree (mail_at) WHERE (mail_at IS NOT NULL);

CREATE INDEX notice_outbox_push_idx ON app.notice_outbox USING btree (push_at) WHERE (push_at IS NOT NULL);

CREATE INDEX notice_outbox_user_idx ON app.notice_outbox USING btree (user_id) WHERE (mail_at IS NOT NULL);

CREATE INDEX audit_log_entries_created_at_idx ON auth.audit_log_entries USING btree (created_at DESC, id);

CREATE INDEX audit_logs_instance_id_idx ON auth.audit_log_entries USING btree (instance_id);

CREATE INDEX buckets_full_at_idx ON auth.buckets USING btree (full_at);

CREATE UNIQUE INDEX confirmation_token_idx ON auth.users USING btree (confirmation_token) WHERE ((confirmation_token)::text <> ''::text);

CREATE UNIQUE INDEX email_change_token_current_idx ON auth.users USING btree (email_change_token_current) WHERE ((email_change_token_current)::text <> ''::text);

CREATE UNIQUE INDEX email_change_token_new_idx ON auth.users USING btree (email_change_token_new) WHERE ((email_change_token_new)::text <> ''::text);

CREATE INDEX factor_id_created_at_idx ON auth.mfa_factors USING btree (user_id, created_at);

CREATE INDEX flow_state_created_at_idx ON auth.flow_state USING btree (created_at DESC);

CREATE INDEX identities_email_idx ON auth.identities USING btree (email text_pattern_ops);

CREATE INDEX identities_user_id_idx ON auth.identities USING btree (user_id);

CREATE INDEX idx_auth_code ON auth.flow_state USING btree (auth_code);

CREATE INDEX idx_user_id_auth_method ON auth.flow_state USING btree (user_id, authentication_method);

CREATE INDEX mfa_challenge_created_at_idx ON auth.mfa_challenges USING btree (created_at DESC);

CREATE UNIQUE INDEX mfa_factors_user_friendly_name_unique ON auth.mfa_factors USING btree (friendly_name, user_id) WHERE (TRIM(BOTH FROM friendly_name) <> ''::text);

CREATE INDEX mfa_factors_user_id_idx ON auth.mfa_factors USING btree (user_id);

CREATE INDEX oauth_authorizations_client_id_user_id_idx ON auth.oauth_authorizations USING btree (client_id, user_id);

CREATE INDEX oauth_authorizations_created_at_idx ON auth.oauth_authorizations USING btree (created_at);

CREATE INDEX oauth_authorizations_session_id_idx ON auth.oauth_authorizations USING btree (session_id) WHERE (session_id IS NOT NULL);

CREATE INDEX oauth_authorizations_user_id_idx ON auth.oauth_authorizations USING btree (user_id);

CREATE INDEX oauth_clients_created_at_idx ON auth.oauth_clients USING btree (created_at DESC, id);

CREATE INDEX oauth_consents_client_id_idx ON auth.oauth_consents USING btree (client_id);

CREATE INDEX one_time_tokens_created_at_idx ON auth.one_time_tokens USING btree (created_at);

CREATE INDEX one_time_tokens_flow_id_idx ON auth.one_time_tokens USING btree (flow_id) WHERE (flow_id IS NOT NULL);

CREATE INDEX one_time_tokens_relates_to_hash_idx ON auth.one_time_tokens USING hash (relates_to);

CREATE INDEX one_time_tokens_token_hash_hash_idx ON auth.one_time_tokens USING hash (token_hash);

CREATE UNIQUE INDEX reauthentication_token_idx ON auth.users USING btree (reauthentication_token) WHERE ((reauthentication_token)::text <> ''::text);

CREATE UNIQUE INDEX recovery_token_idx ON auth.users USING btree (recovery_token) WHERE ((recovery_token)::text <> ''::text);

CREATE INDEX refresh_tokens_parent_idx ON auth.refresh_tokens USING btree (parent);

CREATE INDEX refresh_tokens_session_id_revoked_idx ON auth.refresh_tokens USING btree (session_id, revoked);

CREATE INDEX refresh_tokens_user_id_idx ON auth.refresh_tokens USING btree (user_id);

CREATE INDEX revocations_until_idx ON auth.revocations USING btree (until);

CREATE INDEX saml_assertions_expires_at_idx ON auth.saml_assertions USING btree (expires_at);

CREATE INDEX saml_providers_sso_provider_id_idx ON auth.saml_providers USING btree (sso_provider_id);

CREATE INDEX saml_relay_states_created_at_idx ON auth.saml_relay_states USING btree (created_at DESC);

CREATE INDEX saml_relay_states_flow_state_id_idx ON auth.saml_relay_states USING btree (flow_state_id) WHERE (flow_state_id IS NOT NULL);

CREATE INDEX saml_relay_states_for_email_idx ON auth.saml_relay_states USING btree (for_email);

CREATE INDEX saml_relay_states_sso_provider_id_idx ON auth.saml_relay_states USING btree (sso_provider_id);

CREATE INDEX sendings_sent_at_idx ON auth.sendings USING btree (sent_at);

CREATE INDEX sessions_not_after_idx ON auth.sessions USING btree (not_after DESC);

CREATE INDEX sessions_oauth_client_id_idx ON auth.sessions USING btree (oauth_client_id) WHERE (oauth_client_id IS NOT NULL);

CREATE INDEX sessions_user_id_idx ON auth.sessions USING btree (user_id, created_at);

CREATE UNIQUE INDEX sso_domains_domain_idx ON auth.sso_domains USING btree (lower(domain));

CREATE INDEX sso_domains_sso_provider_id_idx ON auth.sso_domains USING btree (sso_provider_id);

CREATE UNIQUE INDEX sso_providers_resource_id_idx ON auth.sso_providers USING btree (lower(resource_id));

CREATE INDEX sso_providers_resource_id_pattern_idx ON auth.sso_providers USING btree (resource_id text_pattern_ops);

CREATE UNIQUE INDEX unique_phone_factor_per_user ON auth.mfa_factors USING btree (user_id, phone);

CREATE UNIQUE INDEX users_email_partial_key ON auth.users USING btree (email) WHERE (NOT is_sso_user);

COMMENT ON INDEX auth.users_email_partial_key IS 'An address is one account, except that single sign-on may know it a second time.';

CREATE INDEX users_instance_id_email_idx ON auth.users USING btree (instance_id, lower((email)::text));

CREATE INDEX webauthn_challenges_expires_at_idx ON auth.webauthn_challenges USING btree (expires_at);

CREATE INDEX webauthn_challenges_user_id_idx ON auth.webauthn_challenges USING btree (user_id);

CREATE UNIQUE INDEX webauthn_credentials_credential_id_key ON auth.webauthn_credentials USING btree (credential_id);

CREATE INDEX webauthn_credentials_user_id_idx ON auth.webauthn_credentials USING btree (user_id);

CREATE INDEX audit_log_org_idx ON public.audit_log USING btree (org_id, id);

CREATE INDEX consents_conversation_idx ON public.consents USING btree (conversation_id, purpose) WHERE (withdrawn_at IS NULL);

CREATE UNIQUE INDEX consents_one_standing ON public.consents USING btree (user_id, purpose, conversation_id) NULLS NOT DISTINCT WHERE (withdrawn_at IS NULL);

CREATE UNIQUE INDEX conversation_categories_name_unique ON public.conversation_categories USING btree (org_id, COALESCE(owner_id, org_id), lower(name));

CREATE INDEX conversation_invites_email_idx ON public.conversation_invites USING btree (email) WHERE (invitee_id IS NULL);

CREATE INDEX conversation_invites_invitee_idx ON public.conversation_invites USING btree (invitee_id);

CREATE UNIQUE INDEX conversation_invites_one_pending ON public.conversation_invites USING btree (conversation_id, invitee_id) WHERE (state = 'pending'::text);

CREATE UNIQUE INDEX conversation_invites_one_pending_by_mail ON public.conversation_invites USING btree (conversation_id, email) WHERE ((state = 'pending'::text) AND (invitee_id IS NULL));

CREATE INDEX conversation_members_live_idx ON public.conversation_members USING btree (member_id) INCLUDE (conversation_id) WHERE (left_at IS NULL);

CREATE INDEX conversations_org_kind_idx ON public.conversations USING btree (org_id, kind, visibility);

CREATE INDEX engagements_consultant_idx ON public.engagements USING btree (consultant_id, client_id);

CREATE INDEX file_versions_path_idx ON public.file_versions USING btree (object_path);

CREATE INDEX file_versions_unscanned_idx ON public.file_versions USING btree (object_version) WHERE (scan_status = ANY (ARRAY['pending'::text, 'failed'::text]));

CREATE INDEX files_conversation_idx ON public.files USING btree (conversation_id, folder, updated_at DESC) WHERE (deleted_at IS NULL);

CREATE INDEX files_owner_idx ON public.files USING btree (owner_id);

CREATE INDEX inbox_conversation_idx ON public.inbox USING btree (conversation_id, member_id);

CREATE INDEX meeting_participants_user_idx ON public.meeting_participants USING btree (user_id);

CREATE INDEX meeting_reminders_due_idx ON public.meeting_reminders USING btree (due_at) WHERE (sent_at IS NULL);

CREATE INDEX meetings_conversation_idx ON public.meetings USING btree (conversation_id, starts_at);

CREATE INDEX meetings_message_idx ON public.meetings USING btree (conversation_id, message_id);

CREATE INDEX message_attachments_file_idx ON public.message_attachments USING btree (file_id, version);

CREATE INDEX message_mentions_mentioned_idx ON public.message_mentions USING btree (mentioned_id, conversation_id, seq);

CREATE INDEX message_templates_owner_idx ON public.message_templates USING btree (owner_id);

CREATE UNIQUE INDEX message_templates_shortcut_unique ON public.message_templates USING btree (org_id, COALESCE(owner_id, org_id), scope, shortcut);

CREATE INDEX notification_settings_due_idx ON public.notification_settings USING btree (digest_next) WHERE (digest_next IS NOT NULL);

CREATE INDEX notifications_conversation_idx ON public.notifications USING btree (conversation_id);

CREATE UNIQUE INDEX notifications_one_unread ON public.notifications USING btree (user_id, kind, conversation_id) WHERE ((read_at IS NULL) AND (kind = ANY (ARRAY['dm'::text, 'mention'::text, 'reply'::text, 'reaction'::text])));

CREATE INDEX notifications_read_idx ON public.notifications USING btree (read_at) WHERE (read_at IS NOT NULL);

CREATE INDEX notifications_told_idx ON public.notifications USING btree (user_id, told_at DESC);

CREATE INDEX org_members_user_idx ON public.org_members USING btree (user_id);

CREATE INDEX oversight_grants_admin_idx ON public.oversight_grants USING btree (admin_id, conversation_id);

CREATE INDEX profiles_org_id_idx ON public.profiles USING btree (org_id);

CREATE INDEX scheduled_messages_conversation_idx ON public.scheduled_messages USING btree (conversation_id);

CREATE INDEX scheduled_messages_due_idx ON public.scheduled_messages USING btree (send_at) WHERE (state = 'waiting'::text);

CREATE INDEX scheduled_messages_sender_idx ON public.scheduled_messages USING btree (sender_id, send_at);

CREATE INDEX team_members_user_idx ON public.team_members USING btree (user_id) INCLUDE (team_id);

CREATE INDEX thread_members_thread_idx ON public.thread_members USING btree (conversation_id, thread_id);

CREATE INDEX user_blocks_blocked_idx ON public.user_blocks USING btree (blocked_id);

CREATE INDEX user_restrictions_conversation_idx ON public.user_restrictions USING btree (conversation_id);

CREATE INDEX user_restrictions_user_idx ON public.user_restrictions USING btree (user_id, restriction_type);

CREATE INDEX messages_inserted_at_topic_index ON ONLY realtime.messages USING btree (inserted_at DESC, topic) WHERE ((extension = 'broadcast'::text) AND private);

CREATE INDEX blobs_doomed_idx ON storage.blobs USING btree (since) WHERE (state = 'doomed'::text);

CREATE INDEX blobs_writing_idx ON storage.blobs USING btree (until) WHERE (state = 'writing'::text);

CREATE UNIQUE INDEX bucketid_objname ON storage.objects USING btree (bucket_id, name) WHERE (archived_at IS NULL);

CREATE INDEX objects_archived_idx ON storage.objects USING btree (bucket_id, name COLLATE "C", archived_at DESC) WHERE (archived_at IS NOT NULL);

CREATE INDEX objects_expires_at_idx ON storage.objects USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX objects_folded_idx ON storage.objects USING btree (bucket_id, lower(name) COLLATE "C") WHERE (archived_at IS NULL);

CREATE INDEX objects_listing_idx ON storage.objects USING btree (bucket_id, name COLLATE "C") WHERE (archived_at IS NULL);

CREATE INDEX objects_version_idx ON storage.objects USING btree (version);

CREATE INDEX resumable_uploads_bucket_id_idx ON storage.resumable_uploads USING btree (bucket_id);

CREATE INDEX s3_multipart_uploads_listing_idx ON storage.s3_multipart_uploads USING btree (bucket_id, key COLLATE "C", id);

CREATE INDEX s3_multipart_uploads_until_idx ON storage.s3_multipart_uploads USING btree (until);

CREATE INDEX scans_sha256_idx ON storage.scans USING btree (sha256, engine);

CREATE INDEX inbox_recipient_idx ON walkie.inbox USING btree (recipient, id DESC);

CREATE INDEX jobs_due_idx ON walkie.jobs USING btree (priority, run_at) WHERE (state = 'ready'::text);

CREATE INDEX jobs_ended_idx ON walkie.jobs USING btree (done_at) WHERE (state = ANY (ARRAY['done'::text, 'dead'::text]));

CREATE INDEX jobs_lease_idx ON walkie.jobs USING btree (locked_until) WHERE (state = 'running'::text);

CREATE UNIQUE INDEX jobs_unique_key ON walkie.jobs USING btree (unique_key) WHERE (state = ANY (ARRAY['ready'::text, 'running'::text]));

CREATE INDEX push_subscriptions_user_idx ON walkie.push_subscriptions USING btree (user_id, created_at);

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_00_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_00_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_00_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_00_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_00_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_00_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_00_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_01_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_01_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_01_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_01_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_01_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_01_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_01_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_02_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_02_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_02_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_02_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_02_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_02_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_02_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_03_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_03_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_03_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_03_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_03_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_03_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_03_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_04_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_04_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_04_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_04_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_04_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_04_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_04_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_05_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_05_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_05_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_05_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_05_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_05_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_05_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_06_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_06_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_06_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_06_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_06_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_06_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_06_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_07_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_07_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_07_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_07_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_07_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_07_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_07_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_08_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_08_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_08_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_08_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_08_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_08_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_08_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_09_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_09_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_09_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_09_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_09_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_09_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_09_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_10_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_10_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_10_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_10_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_10_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_10_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_10_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_11_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_11_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_11_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_11_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_11_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_11_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_11_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_12_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_12_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_12_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_12_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_12_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_12_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_12_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_13_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_13_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_13_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_13_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_13_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_13_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_13_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_14_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_14_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_14_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_14_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_14_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_14_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_14_sender_id_created_at_idx;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_15_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_15_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_15_conversation_id_seq_sub_key;

ALTER INDEX public.messages_thread_idx ATTACH PARTITION app.messages_15_conversation_id_thread_id_seq_idx;

ALTER INDEX public.messages_held_idx ATTACH PARTITION app.messages_15_org_id_created_at_idx;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_15_pkey;

ALTER INDEX public.messages_sender_idx ATTACH PARTITION app.messages_15_sender_id_created_at_idx;

CREATE TRIGGER on_message_words_insert__want_embedding AFTER INSERT ON app.message_words FOR EACH ROW EXECUTE FUNCTION app.want_embedding();

CREATE TRIGGER on_auth_sessions_change__follow_sessions AFTER INSERT OR DELETE ON auth.sessions FOR EACH ROW EXECUTE FUNCTION app.follow_sessions();

CREATE TRIGGER on_auth_users_delete__erase_profile AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION app.erase_profile();

CREATE TRIGGER on_auth_users_insert__make_profile AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION app.make_profile();

CREATE TRIGGER on_auth_users_insert__take_invites AFTER INSERT ON auth.users FOR EACH ROW WHEN ((new.email_confirmed_at IS NOT NULL)) EXECUTE FUNCTION app.find_invites();

CREATE TRIGGER on_auth_users_update__take_invites AFTER UPDATE OF email, email_confirmed_at ON auth.users FOR EACH ROW WHEN (((new.email_confirmed_at IS NOT NULL) AND ((old.email_confirmed_at IS NULL) OR ((old.email)::text IS DISTINCT FROM (new.email)::text)))) EXECUTE FUNCTION app.find_invites();

CREATE TRIGGER on_identities_delete__audit AFTER DELETE ON auth.identities FOR EACH ROW EXECUTE FUNCTION auth.audit_identity();

CREATE TRIGGER on_mfa_challenges_insert__audit AFTER INSERT ON auth.mfa_challenges FOR EACH ROW EXECUTE FUNCTION auth.audit_challenge();

CREATE TRIGGER on_mfa_challenges_update__audit AFTER UPDATE ON auth.mfa_challenges FOR EACH ROW WHEN (((new.verified_at IS NOT NULL) AND (old.verified_at IS NULL))) EXECUTE FUNCTION auth.audit_challenge();

CREATE TRIGGER on_mfa_factors_delete__audit AFTER DELETE ON auth.mfa_factors FOR EACH ROW WHEN ((old.status = 'verified'::auth.factor_status)) EXECUTE FUNCTION auth.audit_factor();

CREATE TRIGGER on_mfa_factors_delete__downgrade AFTER DELETE ON auth.mfa_factors FOR EACH ROW EXECUTE FUNCTION auth.downgrade_sessions();

CREATE TRIGGER on_mfa_factors_insert__audit AFTER INSERT ON auth.mfa_factors FOR EACH ROW WHEN ((new.factor_type <> 'recovery_code'::auth.factor_type)) EXECUTE FUNCTION auth.audit_factor();

CREATE TRIGGER on_mfa_factors_update__audit AFTER UPDATE ON auth.mfa_factors FOR EACH ROW WHEN (((new.friendly_name IS DISTINCT FROM old.friendly_name) OR (new.failures > old.failures) OR (new.locked_until > COALESCE(old.locked_until, '-infinity'::timestamp with time zone)))) EXECUTE FUNCTION auth.audit_factor();

CREATE TRIGGER on_mfa_recovery_codes_insert__audit AFTER INSERT ON auth.mfa_recovery_codes REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_recovery_codes();

CREATE TRIGGER on_mfa_recovery_codes_update__audit AFTER UPDATE ON auth.mfa_recovery_codes FOR EACH ROW WHEN (((new.used_at IS NOT NULL) AND (old.used_at IS NULL))) EXECUTE FUNCTION auth.audit_recovery_code();

CREATE TRIGGER on_oauth_consents_write__audit AFTER INSERT OR UPDATE ON auth.oauth_consents FOR EACH ROW EXECUTE FUNCTION auth.audit_consent();

CREATE TRIGGER on_one_time_tokens_write__audit AFTER INSERT OR UPDATE OF token_hash ON auth.one_time_tokens FOR EACH ROW EXECUTE FUNCTION auth.audit_one_time_token();

CREATE TRIGGER on_sessions_change__audit AFTER INSERT OR DELETE ON auth.sessions FOR EACH ROW EXECUTE FUNCTION auth.audit_session();

CREATE TRIGGER on_sessions_delete__revoke AFTER DELETE ON auth.sessions REFERENCING OLD TABLE AS ended FOR EACH STATEMENT EXECUTE FUNCTION auth.note_ended_sessions();

CREATE TRIGGER on_sessions_update__revoke AFTER UPDATE OF not_after ON auth.sessions FOR EACH ROW WHEN (((new.not_after IS DISTINCT FROM old.not_after) AND (new.not_after <= now()))) EXECUTE FUNCTION auth.note_run_out_session();

CREATE TRIGGER on_users_change__audit AFTER INSERT OR DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.audit_user();

CREATE TRIGGER on_users_delete__bar AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.note_barred_person();

CREATE TRIGGER on_users_insert__lift AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.note_barred_person();

CREATE TRIGGER on_users_update__audit AFTER UPDATE ON auth.users FOR EACH ROW WHEN ((((new.encrypted_password)::text IS DISTINCT FROM (old.encrypted_password)::text) OR ((new.email)::text IS DISTINCT FROM (old.email)::text) OR (new.phone IS DISTINCT FROM old.phone) OR (new.banned_until IS DISTINCT FROM old.banned_until) OR (new.deleted_at IS DISTINCT FROM old.deleted_at) OR ((new.role)::text IS DISTINCT FROM (old.role)::text) OR (new.raw_app_meta_data IS DISTINCT FROM old.raw_app_meta_data))) EXECUTE FUNCTION auth.audit_user();

CREATE TRIGGER on_users_update__bar AFTER UPDATE OF banned_until, deleted_at ON auth.users FOR EACH ROW WHEN (((new.banned_until IS DISTINCT FROM old.banned_until) OR (new.deleted_at IS DISTINCT FROM old.deleted_at))) EXECUTE FUNCTION auth.note_barred_person();

CREATE TRIGGER on_audit_log_change__refuse BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION app.keep_record();

CREATE TRIGGER on_audit_log_truncate__refuse BEFORE TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION app.keep_record();

CREATE TRIGGER on_chat_messages_insert__say INSTEAD OF INSERT ON public.chat_messages FOR EACH ROW EXECUTE FUNCTION app.say_in_chat();

CREATE TRIGGER on_conversation_invites_insert__tell AFTER INSERT ON public.conversation_invites FOR EACH ROW WHEN ((new.invitee_id IS NOT NULL)) EXECUTE FUNCTION app.tell_of_invite();

CREATE TRIGGER on_conversation_invites_update__tell AFTER UPDATE OF invitee_id ON public.conversation_invites FOR EACH ROW WHEN (((old.invitee_id IS NULL) AND (new.invitee_id IS NOT NULL) AND (new.state = 'pending'::text))) EXECUTE FUNCTION app.tell_of_invite();

CREATE TRIGGER on_conversation_members_delete__count AFTER DELETE ON public.conversation_members REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION app.count_members();

CREATE TRIGGER on_conversation_members_insert__open_inboxes AFTER INSERT ON public.conversation_members REFERENCING NEW TABLE AS joined FOR EACH STATEMENT EXECUTE FUNCTION app.open_inboxes();

CREATE TRIGGER on_conversation_members_insert__tell_arrivals AFTER INSERT ON public.conversation_members REFERENCING NEW TABLE AS joined FOR EACH STATEMENT EXECUTE FUNCTION app.tell_arrivals();

CREATE TRIGGER on_conversation_members_update__count AFTER UPDATE ON public.conversation_members REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION app.count_members();

CREATE TRIGGER on_conversation_members_update__tell AFTER UPDATE ON public.conversation_members REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION app.tell_changes();

CREATE TRIGGER on_conversations_delete__archive_instead BEFORE DELETE ON public.conversations FOR EACH ROW EXECUTE FUNCTION app.archive_instead();

CREATE TRIGGER on_conversations_insert__found BEFORE INSERT ON public.conversations FOR EACH ROW EXECUTE FUNCTION app.found();

CREATE TRIGGER on_conversations_insert__settle_founder AFTER INSERT ON public.conversations FOR EACH ROW EXECUTE FUNCTION app.settle_founder();

CREATE TRIGGER on_engagements_write__follow AFTER INSERT OR UPDATE OF status, title ON public.engagements FOR EACH ROW EXECUTE FUNCTION app.follow_engagement();

CREATE TRIGGER on_file_versions_delete__drop_objects AFTER DELETE ON public.file_versions FOR EACH ROW EXECUTE FUNCTION app.drop_conversation_objects();

CREATE TRIGGER on_file_versions_insert__publish AFTER INSERT ON public.file_versions FOR EACH ROW EXECUTE FUNCTION app.publish_version();

CREATE TRIGGER on_file_versions_update__publish AFTER UPDATE OF scan_status, object_version ON public.file_versions FOR EACH ROW WHEN (((old.scan_status IS DISTINCT FROM new.scan_status) OR ((old.object_version IS NULL) <> (new.object_version IS NULL)))) EXECUTE FUNCTION app.publish_version();

CREATE TRIGGER on_file_versions_update__retell AFTER UPDATE OF scan_status, object_version, width ON public.file_versions FOR EACH ROW WHEN (((old.scan_status IS DISTINCT FROM new.scan_status) OR (old.object_version IS DISTINCT FROM new.object_version) OR (old.width IS DISTINCT FROM new.width))) EXECUTE FUNCTION app.retell_attachments();

CREATE TRIGGER on_files_update__check_name BEFORE UPDATE OF name, folder ON public.files FOR EACH ROW WHEN (((old.name IS DISTINCT FROM new.name) OR (old.folder IS DISTINCT FROM new.folder))) EXECUTE FUNCTION app.check_file_name();

CREATE TRIGGER on_inbox_update__clear_notices AFTER UPDATE OF last_read_seq ON public.inbox FOR EACH ROW WHEN ((new.last_read_seq > old.last_read_seq)) EXECUTE FUNCTION app.clear_notices();

CREATE TRIGGER on_message_edits_change__refuse BEFORE DELETE OR UPDATE ON public.message_edits FOR EACH ROW EXECUTE FUNCTION app.keep_record();

CREATE TRIGGER on_message_private_change__refuse BEFORE DELETE OR UPDATE ON public.message_private FOR EACH ROW EXECUTE FUNCTION app.keep_record();

CREATE TRIGGER on_message_private_truncate__refuse BEFORE TRUNCATE ON public.message_private FOR EACH STATEMENT EXECUTE FUNCTION app.keep_record();

CREATE TRIGGER on_message_reactions_delete__count AFTER DELETE ON public.message_reactions FOR EACH ROW WHEN ((old.visibility = 'normal'::text)) EXECUTE FUNCTION app.count_reaction();

CREATE TRIGGER on_message_reactions_insert__count AFTER INSERT ON public.message_reactions FOR EACH ROW WHEN ((new.visibility = 'normal'::text)) EXECUTE FUNCTION app.count_reaction();

CREATE TRIGGER on_message_reactions_insert__fill BEFORE INSERT ON public.message_reactions FOR EACH ROW EXECUTE FUNCTION app.fill_reaction();

CREATE TRIGGER on_message_reactions_insert__tell AFTER INSERT ON public.message_reactions FOR EACH ROW WHEN ((new.visibility = 'normal'::text)) EXECUTE FUNCTION app.tell_of_reaction();

CREATE TRIGGER on_message_templates_write__file BEFORE INSERT OR UPDATE OF scope ON public.message_templates FOR EACH ROW EXECUTE FUNCTION app.file_template();

CREATE TRIGGER on_messages_delete__drop_attachments AFTER UPDATE ON public.messages FOR EACH ROW WHEN (((old.deleted_at IS NULL) AND (new.deleted_at IS NOT NULL) AND (old.attachments <> '[]'::jsonb))) EXECUTE FUNCTION app.drop_attachments();

CREATE TRIGGER on_messages_delete__unpin AFTER UPDATE ON public.messages FOR EACH ROW WHEN ((old.is_pinned AND (new.deleted_at IS NOT NULL))) EXECUTE FUNCTION app.unpin_deleted();

CREATE TRIGGER on_messages_insert__count_reply AFTER INSERT ON public.messages FOR EACH ROW WHEN (((new.thread_id IS NOT NULL) AND (new.visibility = 'normal'::text))) EXECUTE FUNCTION app.count_reply();

CREATE TRIGGER on_messages_insert__follow_thread AFTER INSERT ON public.messages FOR EACH ROW WHEN (((new.thread_id IS NOT NULL) AND (new.visibility = 'normal'::text))) EXECUTE FUNCTION app.follow_thread();

CREATE TRIGGER on_messages_insert__hang_attachments AFTER INSERT ON public.messages FOR EACH ROW WHEN ((new.attachments <> '[]'::jsonb)) EXECUTE FUNCTION app.hang_attachments();

CREATE TRIGGER on_messages_insert__index_words AFTER INSERT ON public.messages FOR EACH ROW WHEN (((new.visibility = 'normal'::text) AND (new.message_type <> 'system'::text))) EXECUTE FUNCTION app.index_words();

CREATE TRIGGER on_messages_insert__note_mentions AFTER INSERT ON public.messages FOR EACH ROW WHEN (((new.visibility = 'normal'::text) AND ((new.mentions <> '{}'::uuid[]) OR new.mentions_all))) EXECUTE FUNCTION app.note_mentions();

CREATE TRIGGER on_messages_insert__read_own_message AFTER INSERT ON public.messages FOR EACH ROW WHEN (((new.thread_id IS NULL) AND (new.message_type <> 'system'::text))) EXECUTE FUNCTION app.read_own_message();

CREATE TRIGGER on_messages_insert__take_number BEFORE INSERT ON public.messages FOR EACH ROW EXECUTE FUNCTION app.take_number();

CREATE TRIGGER on_messages_insert__tell AFTER INSERT ON public.messages FOR EACH ROW WHEN (((new.visibility = 'normal'::text) AND (new.message_type <> 'system'::text))) EXECUTE FUNCTION app.tell_of_message();

CREATE TRIGGER on_messages_update__drop_embedding AFTER UPDATE ON public.messages FOR EACH ROW WHEN ((new.body IS DISTINCT FROM old.body)) EXECUTE FUNCTION app.drop_embedding();

CREATE TRIGGER on_messages_update__index_words AFTER UPDATE ON public.messages FOR EACH ROW WHEN (((new.message_type <> 'system'::text) AND ((new.body IS DISTINCT FROM old.body) OR (new.visibility IS DISTINCT FROM old.visibility)))) EXECUTE FUNCTION app.index_words();

CREATE TRIGGER on_messages_update__keep_wording AFTER UPDATE ON public.messages FOR EACH ROW WHEN ((new.edit_count > old.edit_count)) EXECUTE FUNCTION app.keep_wording();

CREATE TRIGGER on_messages_update__note_mentions AFTER UPDATE ON public.messages FOR EACH ROW WHEN (((new.visibility = 'normal'::text) AND ((new.mentions IS DISTINCT FROM old.mentions) OR (new.mentions_all IS DISTINCT FROM old.mentions_all)))) EXECUTE FUNCTION app.note_mentions();

CREATE TRIGGER on_messages_update__take_revision BEFORE UPDATE ON public.messages FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.take_revision();

CREATE TRIGGER on_messages_update__tell AFTER UPDATE ON public.messages FOR EACH ROW WHEN (((new.visibility = 'normal'::text) AND (new.deleted_at IS NULL) AND (new.mentions IS DISTINCT FROM old.mentions))) EXECUTE FUNCTION app.tell_of_message();

CREATE TRIGGER on_notification_preferences_insert__fill_owner BEFORE INSERT ON public.notification_preferences FOR EACH ROW EXECUTE FUNCTION app.fill_owner();

CREATE TRIGGER on_notification_settings_insert__plan_digest BEFORE INSERT ON public.notification_settings FOR EACH ROW EXECUTE FUNCTION app.plan_digest();

CREATE TRIGGER on_notification_settings_update__plan_digest BEFORE UPDATE OF digest, digest_at ON public.notification_settings FOR EACH ROW EXECUTE FUNCTION app.plan_digest();

CREATE TRIGGER on_org_members_insert__appoint_overseers AFTER INSERT ON public.org_members FOR EACH ROW WHEN ((new.role = ANY (ARRAY['admin'::text, 'superadmin'::text]))) EXECUTE FUNCTION app.appoint_overseers();

CREATE TRIGGER on_org_members_update__appoint_overseers AFTER DELETE OR UPDATE ON public.org_members FOR EACH ROW EXECUTE FUNCTION app.appoint_overseers();

CREATE TRIGGER on_org_members_update__record_role AFTER UPDATE ON public.org_members FOR EACH ROW WHEN (((old.role IS DISTINCT FROM new.role) OR (old.suspended_at IS DISTINCT FROM new.suspended_at))) EXECUTE FUNCTION app.record_role();

CREATE TRIGGER on_orgs_update__appoint_overseers AFTER UPDATE OF settings ON public.orgs FOR EACH ROW WHEN ((old.settings IS DISTINCT FROM new.settings)) EXECUTE FUNCTION app.appoint_overseers();

CREATE TRIGGER on_orgs_update__index_words_anew AFTER UPDATE OF settings ON public.orgs FOR EACH ROW WHEN (((old.settings -> 'search_language'::text) IS DISTINCT FROM (new.settings -> 'search_language'::text))) EXECUTE FUNCTION app.index_words_anew();

CREATE TRIGGER on_orgs_write__check_settings BEFORE INSERT OR UPDATE OF settings ON public.orgs FOR EACH ROW EXECUTE FUNCTION app.check_settings();

CREATE TRIGGER on_profiles_update__drop_avatar AFTER UPDATE OF avatar_path, erased_at ON public.profiles FOR EACH ROW WHEN (((old.avatar_path <> COALESCE(new.avatar_path, ''::text)) OR ((old.erased_at IS NULL) AND (new.erased_at IS NOT NULL)))) EXECUTE FUNCTION app.drop_avatar();

CREATE TRIGGER on_profiles_update__replan_digest AFTER UPDATE OF timezone ON public.profiles FOR EACH ROW WHEN ((old.timezone IS DISTINCT FROM new.timezone)) EXECUTE FUNCTION app.replan_digest();

CREATE TRIGGER on_thread_members_update__clear_notices AFTER UPDATE OF last_read_reply ON public.thread_members FOR EACH ROW WHEN ((new.last_read_reply > old.last_read_reply)) EXECUTE FUNCTION app.clear_thread_notices();

CREATE TRIGGER on_user_privacy_settings_insert__hide_last_seen AFTER INSERT ON public.user_privacy_settings FOR EACH ROW WHEN ((NOT new.show_last_seen)) EXECUTE FUNCTION app.hide_last_seen();

CREATE TRIGGER on_user_privacy_settings_update__hide_last_seen AFTER UPDATE OF show_last_seen ON public.user_privacy_settings FOR EACH ROW WHEN (((NOT new.show_last_seen) AND old.show_last_seen)) EXECUTE FUNCTION app.hide_last_seen();

CREATE TRIGGER on_user_restrictions_insert__reckon_expiry BEFORE INSERT ON public.user_restrictions FOR EACH ROW EXECUTE FUNCTION app.reckon_expiry();

CREATE TRIGGER on_user_settings_insert__fill_owner BEFORE INSERT ON public.user_settings FOR EACH ROW EXECUTE FUNCTION app.fill_owner();

CREATE TRIGGER on_aliases_write__check BEFORE INSERT OR UPDATE ON realtime.aliases FOR EACH ROW EXECUTE FUNCTION realtime.check_alias();

CREATE TRIGGER "!end_delete_trial" AFTER DELETE ON storage.objects FOR EACH ROW EXECUTE FUNCTION storage.end_trial();

CREATE TRIGGER "!end_trial" AFTER INSERT OR UPDATE ON storage.objects FOR EACH ROW EXECUTE FUNCTION storage.end_trial();

CREATE TRIGGER guard_version BEFORE INSERT OR UPDATE OF version ON storage.objects FOR EACH ROW WHEN ((new.version IS NOT NULL)) EXECUTE FUNCTION storage.guard_version();

CREATE TRIGGER on_blobs_delete__forget_verdict AFTER DELETE ON storage.blobs FOR EACH ROW EXECUTE FUNCTION storage.forget_verdict();

CREATE TRIGGER on_blobs_update__settle_upload AFTER UPDATE OF state ON storage.blobs FOR EACH ROW WHEN ((old.state IS DISTINCT FROM new.state)) EXECUTE FUNCTION storage.settle_upload();

CREATE TRIGGER on_derivatives_delete__doom_piece AFTER DELETE ON storage.derivatives FOR EACH ROW EXECUTE FUNCTION storage.doom_piece();

CREATE TRIGGER on_objects_delete__count_usage AFTER DELETE ON storage.objects REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION storage.count_usage();

CREATE TRIGGER on_objects_delete__doom_version AFTER DELETE ON storage.objects FOR EACH ROW EXECUTE FUNCTION storage.doom_version();

CREATE TRIGGER on_objects_delete__forget_bytes AFTER DELETE ON storage.objects FOR EACH ROW WHEN ((old.bucket_id = 'chat'::text)) EXECUTE FUNCTION app.forget_bytes();

CREATE TRIGGER on_objects_insert__count_usage AFTER INSERT ON storage.objects REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION storage.count_usage();

CREATE TRIGGER on_objects_insert__take_upload BEFORE INSERT ON storage.objects FOR EACH ROW WHEN ((new.bucket_id = 'chat'::text)) EXECUTE FUNCTION app.take_upload();

CREATE TRIGGER on_objects_truncate__doom_versions AFTER TRUNCATE ON storage.objects FOR EACH STATEMENT EXECUTE FUNCTION storage.doom_all_versions();

CREATE TRIGGER on_objects_update__count_usage AFTER UPDATE ON storage.objects REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION storage.count_usage();

CREATE TRIGGER on_objects_update__doom_version AFTER UPDATE OF version ON storage.objects FOR EACH ROW WHEN ((old.version IS DISTINCT FROM new.version)) EXECUTE FUNCTION storage.doom_version();

CREATE TRIGGER on_objects_update__take_picture AFTER UPDATE OF version, metadata ON storage.objects FOR EACH ROW WHEN (((new.bucket_id = 'chat'::text) AND (old.metadata IS DISTINCT FROM new.metadata) AND (new.metadata ? 'width'::text))) EXECUTE FUNCTION app.take_picture();

CREATE TRIGGER on_resumable_pieces_delete__doom_piece AFTER DELETE ON storage.resumable_pieces FOR EACH ROW EXECUTE FUNCTION storage.doom_piece();

CREATE TRIGGER on_s3_multipart_uploads_parts_delete__doom_part AFTER DELETE ON storage.s3_multipart_uploads_parts FOR EACH ROW EXECUTE FUNCTION storage.doom_part();

CREATE TRIGGER on_scans_write__take_verdict AFTER INSERT OR UPDATE ON storage.scans FOR EACH ROW EXECUTE FUNCTION app.take_verdict();

CREATE TRIGGER protect_buckets_delete BEFORE DELETE ON storage.buckets FOR EACH STATEMENT EXECUTE FUNCTION storage.protect_delete();

CREATE TRIGGER protect_objects_delete BEFORE DELETE ON storage.objects FOR EACH STATEMENT EXECUTE FUNCTION storage.protect_delete();

CREATE TRIGGER protect_objects_truncate BEFORE TRUNCATE ON storage.objects FOR EACH STATEMENT EXECUTE FUNCTION storage.protect_delete();

CREATE TRIGGER update_buckets_updated_at BEFORE UPDATE ON storage.buckets FOR EACH ROW EXECUTE FUNCTION storage.stamp_update();

CREATE TRIGGER update_objects_updated_at BEFORE UPDATE ON storage.objects FOR EACH ROW EXECUTE FUNCTION storage.stamp_update();

CREATE TRIGGER on_jobs_insert__announce AFTER INSERT ON walkie.jobs FOR EACH STATEMENT EXECUTE FUNCTION walkie.announce_jobs();

ALTER TABLE ONLY app.file_uploads
    ADD CONSTRAINT file_uploads_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY app.file_uploads
    ADD CONSTRAINT file_uploads_uploader_id_fkey FOREIGN KEY (uploader_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY app.message_words
    ADD CONSTRAINT message_words_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.notice_crowds
    ADD CONSTRAINT notice_crowds_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY app.notice_outbox
    ADD CONSTRAINT notice_outbox_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES public.notifications(id) ON DELETE CASCADE;

ALTER TABLE ONLY app.overseers
    ADD CONSTRAINT overseers_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.flow_state
    ADD CONSTRAINT flow_state_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.identities
    ADD CONSTRAINT identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.mfa_amr_claims
    ADD CONSTRAINT mfa_amr_claims_session_id_fkey FOREIGN KEY (session_id) REFERENCES auth.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.mfa_challenges
    ADD CONSTRAINT mfa_challenges_factor_id_fkey FOREIGN KEY (factor_id) REFERENCES auth.mfa_factors(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.mfa_factors
    ADD CONSTRAINT mfa_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.mfa_recovery_codes
    ADD CONSTRAINT mfa_recovery_codes_factor_id_fkey FOREIGN KEY (factor_id) REFERENCES auth.mfa_factors(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.oauth_authorizations
    ADD CONSTRAINT oauth_authorizations_client_id_fkey FOREIGN KEY (client_id) REFERENCES auth.oauth_clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.oauth_authorizations
    ADD CONSTRAINT oauth_authorizations_session_id_fkey FOREIGN KEY (session_id) REFERENCES auth.sessions(id) ON DELETE SET NULL;

ALTER TABLE ONLY auth.oauth_authorizations
    ADD CONSTRAINT oauth_authorizations_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.oauth_consents
    ADD CONSTRAINT oauth_consents_client_id_fkey FOREIGN KEY (client_id) REFERENCES auth.oauth_clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.oauth_consents
    ADD CONSTRAINT oauth_consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.one_time_tokens
    ADD CONSTRAINT one_time_tokens_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES auth.flow_state(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.one_time_tokens
    ADD CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES auth.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.saml_assertions
    ADD CONSTRAINT saml_assertions_sso_provider_id_fkey FOREIGN KEY (sso_provider_id) REFERENCES auth.sso_providers(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.saml_providers
    ADD CONSTRAINT saml_providers_sso_provider_id_fkey FOREIGN KEY (sso_provider_id) REFERENCES auth.sso_providers(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.saml_relay_states
    ADD CONSTRAINT saml_relay_states_flow_state_id_fkey FOREIGN KEY (flow_state_id) REFERENCES auth.flow_state(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.saml_relay_states
    ADD CONSTRAINT saml_relay_states_sso_provider_id_fkey FOREIGN KEY (sso_provider_id) REFERENCES auth.sso_providers(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_oauth_client_id_fkey FOREIGN KEY (oauth_client_id) REFERENCES auth.oauth_clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.sso_domains
    ADD CONSTRAINT sso_domains_sso_provider_id_fkey FOREIGN KEY (sso_provider_id) REFERENCES auth.sso_providers(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.webauthn_challenges
    ADD CONSTRAINT webauthn_challenges_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.webauthn_credentials
    ADD CONSTRAINT webauthn_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_categories
    ADD CONSTRAINT conversation_categories_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_invites
    ADD CONSTRAINT conversation_invites_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_members
    ADD CONSTRAINT conversation_members_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_members
    ADD CONSTRAINT conversation_members_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.conversation_pins
    ADD CONSTRAINT conversation_pins_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_category_exists FOREIGN KEY (category_id) REFERENCES public.conversation_categories(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_engagement_id_fkey FOREIGN KEY (engagement_id) REFERENCES public.engagements(id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id);

ALTER TABLE ONLY public.engagements
    ADD CONSTRAINT engagements_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.file_quotas
    ADD CONSTRAINT file_quotas_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.file_versions
    ADD CONSTRAINT file_versions_file_id_fkey FOREIGN KEY (file_id) REFERENCES public.files(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.file_versions
    ADD CONSTRAINT file_versions_uploaded_by_fkey FOREIGN KEY (uploaded_by) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_category_id_fkey FOREIGN KEY (category_id) REFERENCES public.conversation_categories(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_conversation_id_member_id_fkey FOREIGN KEY (conversation_id, member_id) REFERENCES public.conversation_members(conversation_id, member_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.meeting_participants
    ADD CONSTRAINT meeting_participants_meeting_id_fkey FOREIGN KEY (meeting_id) REFERENCES public.meetings(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.meeting_reminders
    ADD CONSTRAINT meeting_reminders_meeting_id_user_id_fkey FOREIGN KEY (meeting_id, user_id) REFERENCES public.meeting_participants(meeting_id, user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.meetings
    ADD CONSTRAINT meetings_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.meetings
    ADD CONSTRAINT meetings_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_attachments
    ADD CONSTRAINT message_attachments_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_attachments
    ADD CONSTRAINT message_attachments_file_id_version_fkey FOREIGN KEY (file_id, version) REFERENCES public.file_versions(file_id, version) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_edits
    ADD CONSTRAINT message_edits_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_embeddings
    ADD CONSTRAINT message_embeddings_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_hides
    ADD CONSTRAINT message_hides_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_mentions
    ADD CONSTRAINT message_mentions_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_private
    ADD CONSTRAINT message_private_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_reactions
    ADD CONSTRAINT message_reactions_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_stars
    ADD CONSTRAINT message_stars_conversation_id_message_id_fkey FOREIGN KEY (conversation_id, message_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_templates
    ADD CONSTRAINT message_templates_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE public.messages
    ADD CONSTRAINT messages_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE public.messages
    ADD CONSTRAINT messages_sender_id_fkey FOREIGN KEY (sender_id) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.org_members
    ADD CONSTRAINT org_members_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.oversight_grants
    ADD CONSTRAINT oversight_grants_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.persona_leases
    ADD CONSTRAINT persona_leases_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id);

ALTER TABLE ONLY public.read_marks
    ADD CONSTRAINT read_marks_conversation_id_member_id_fkey FOREIGN KEY (conversation_id, member_id) REFERENCES public.conversation_members(conversation_id, member_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.scheduled_messages
    ADD CONSTRAINT scheduled_messages_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.team_members
    ADD CONSTRAINT team_members_team_id_fkey FOREIGN KEY (team_id) REFERENCES public.teams(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.team_members
    ADD CONSTRAINT team_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.teams
    ADD CONSTRAINT teams_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.thread_members
    ADD CONSTRAINT thread_members_conversation_id_thread_id_fkey FOREIGN KEY (conversation_id, thread_id) REFERENCES public.messages(conversation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_blocks
    ADD CONSTRAINT user_blocks_blocker_id_fkey FOREIGN KEY (blocker_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_contacts
    ADD CONSTRAINT user_contacts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_privacy_settings
    ADD CONSTRAINT user_privacy_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_restrictions
    ADD CONSTRAINT user_restrictions_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_restrictions
    ADD CONSTRAINT user_restrictions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY storage.derivatives
    ADD CONSTRAINT derivatives_source_fkey FOREIGN KEY (source) REFERENCES storage.blobs(version) ON DELETE CASCADE;

ALTER TABLE ONLY storage.objects
    ADD CONSTRAINT objects_bucket_id_fkey FOREIGN KEY (bucket_id) REFERENCES storage.buckets(id);

ALTER TABLE ONLY storage.quotas
    ADD CONSTRAINT quotas_bucket_id_fkey FOREIGN KEY (bucket_id) REFERENCES storage.buckets(id) ON DELETE CASCADE;

ALTER TABLE ONLY storage.resumable_pieces
    ADD CONSTRAINT resumable_pieces_upload_fkey FOREIGN KEY (upload) REFERENCES storage.resumable_uploads(version) ON DELETE CASCADE;

ALTER TABLE ONLY storage.resumable_uploads
    ADD CONSTRAINT resumable_uploads_bucket_id_fkey FOREIGN KEY (bucket_id) REFERENCES storage.buckets(id) ON DELETE CASCADE;

ALTER TABLE ONLY storage.resumable_uploads
    ADD CONSTRAINT resumable_uploads_version_fkey FOREIGN KEY (version) REFERENCES storage.blobs(version) ON DELETE CASCADE;

ALTER TABLE ONLY storage.s3_multipart_uploads
    ADD CONSTRAINT s3_multipart_uploads_bucket_id_fkey FOREIGN KEY (bucket_id) REFERENCES storage.buckets(id) ON DELETE CASCADE;

ALTER TABLE ONLY storage.s3_multipart_uploads_parts
    ADD CONSTRAINT s3_multipart_uploads_parts_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES storage.s3_multipart_uploads(id) ON DELETE CASCADE;

ALTER TABLE ONLY storage.usage
    ADD CONSTRAINT usage_bucket_id_fkey FOREIGN KEY (bucket_id) REFERENCES storage.buckets(id) ON DELETE CASCADE;

ALTER TABLE ONLY walkie.push_subscriptions
    ADD CONSTRAINT push_subscriptions_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE auth.audit_log_entries ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.buckets ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.custom_oauth_providers ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.email_domains ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.flow_state ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.identities ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.mfa_amr_claims ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.mfa_challenges ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.mfa_factors ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.mfa_recovery_codes ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.oauth_authorizations ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.oauth_clients ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.oauth_consents ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.one_time_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.rate_limits ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.refresh_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.revocations ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.saml_assertions ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.saml_providers ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.saml_relay_states ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.sendings ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.sso_domains ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.sso_providers ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.webauthn_challenges ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.webauthn_credentials ENABLE ROW LEVEL SECURITY;

CREATE POLICY "admins change what people are in teams" ON public.team_members FOR UPDATE TO authenticated USING (app.may_manage_team(team_id, user_id));

CREATE POLICY "admins dissolve teams" ON public.teams FOR DELETE TO authenticated USING (((org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid))));

CREATE POLICY "admins dress personas" ON public.profiles FOR UPDATE TO authenticated USING (((kind = 'persona'::text) AND (org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid))));

CREATE POLICY "admins give and take roles, superadmins all of them, nobody the" ON public.org_members FOR UPDATE TO authenticated USING (app.may_manage_role(org_id, user_id, role)) WITH CHECK (app.may_manage_role(org_id, user_id, role));

CREATE POLICY "admins make teams" ON public.teams FOR INSERT TO authenticated WITH CHECK (((org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid))));

CREATE POLICY "admins put people of the organisation into teams" ON public.team_members FOR INSERT TO authenticated WITH CHECK (app.may_manage_team(team_id, user_id));

CREATE POLICY "admins read what they have opened" ON public.oversight_grants FOR SELECT TO authenticated USING ((admin_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "admins read where their organisation oversees" ON public.conversations FOR SELECT TO authenticated USING ((org_id IN ( SELECT app.my_overseen_orgs() AS my_overseen_orgs)));

CREATE POLICY "admins read where their organisation oversees" ON public.engagements FOR SELECT TO authenticated USING ((org_id IN ( SELECT app.my_overseen_orgs() AS my_overseen_orgs)));

CREATE POLICY "admins read where their organisation oversees" ON public.messages FOR SELECT TO authenticated USING ((org_id IN ( SELECT app.my_overseen_orgs() AS my_overseen_orgs)));

CREATE POLICY "admins read who spoke as a persona" ON public.message_private FOR SELECT TO authenticated USING (((org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid))));

CREATE POLICY "admins rename teams" ON public.teams FOR UPDATE TO authenticated USING (((org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid))));

CREATE POLICY "admins see clean versions where their organisation oversees" ON public.file_versions FOR SELECT TO authenticated USING (((scan_status = ANY (ARRAY['clean'::text, 'skipped'::text])) AND (org_id IN ( SELECT app.my_overseen_orgs() AS my_overseen_orgs))));

CREATE POLICY "admins see files where their organisation oversees" ON public.files FOR SELECT TO authenticated USING (((current_version IS NOT NULL) AND (org_id IN ( SELECT app.my_overseen_orgs() AS my_overseen_orgs))));

CREATE POLICY "admins see who speaks as which persona" ON public.persona_leases FOR SELECT TO authenticated USING (((org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid))));

CREATE POLICY "admins take people out of teams" ON public.team_members FOR DELETE TO authenticated USING (app.may_manage_team(team_id, user_id));

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

CREATE POLICY "authors correct their own messages, in time" ON public.messages FOR UPDATE TO authenticated USING (((deleted_at IS NULL) AND app.can_edit(conversation_id, visibility, sender_id, message_type, created_at)));

CREATE POLICY "clients read their engagements" ON public.engagements FOR SELECT TO authenticated USING ((client_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.consents ENABLE ROW LEVEL SECURITY;

CREATE POLICY "consultants read their engagements" ON public.engagements FOR SELECT TO authenticated USING ((consultant_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.conversation_categories ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.conversation_invites ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.conversation_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.conversation_pins ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.conversations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.engagements ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.file_quotas ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.file_versions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.files ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.inbox ENABLE ROW LEVEL SECURITY;

CREATE POLICY "makers read a conversation in which nobody is yet" ON public.conversations FOR SELECT TO authenticated USING (((created_by = ( SELECT auth.uid() AS uid)) AND (member_count = 0)));

ALTER TABLE public.meeting_participants ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.meeting_reminders ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.meetings ENABLE ROW LEVEL SECURITY;

CREATE POLICY "members read messages of their conversations" ON public.messages FOR SELECT TO authenticated USING (app.can_read(conversation_id, chapter, visibility, sender_id));

CREATE POLICY "members read their conversations" ON public.conversations FOR SELECT TO authenticated USING ((id IN ( SELECT app.my_conversations() AS my_conversations)));

CREATE POLICY "members read who is in it with them" ON public.conversation_members FOR SELECT TO authenticated USING (app.is_member(conversation_id));

CREATE POLICY "members read who was asked in" ON public.conversation_invites FOR SELECT TO authenticated USING (((email IS NULL) AND app.is_member(conversation_id)));

CREATE POLICY "members see the files of their conversations" ON public.files FOR SELECT TO authenticated USING (((current_version IS NOT NULL) AND app.can_read(conversation_id, chapter, visibility, owner_id)));

CREATE POLICY "members see the versions that were found clean" ON public.file_versions FOR SELECT TO authenticated USING (((scan_status = ANY (ARRAY['clean'::text, 'skipped'::text])) AND app.can_read(conversation_id, chapter, visibility, uploaded_by)));

CREATE POLICY "members see who types" ON public.typing_states FOR SELECT TO authenticated USING (app.is_member(conversation_id));

CREATE POLICY "members speak in their conversations, as themselves" ON public.messages FOR INSERT TO authenticated WITH CHECK (((sender_id = ( SELECT auth.uid() AS uid)) AND app.can_post(conversation_id)));

CREATE POLICY "members who show how far they have read see it of the others" ON public.read_marks FOR SELECT TO authenticated USING ((app.is_member(conversation_id) AND app.i_show_receipts()));

ALTER TABLE public.message_attachments ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_edits ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_embeddings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_hides ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_mentions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_private ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_reactions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_stars ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.message_templates ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.notification_preferences ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.notification_settings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.notifications ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.org_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.orgs ENABLE ROW LEVEL SECURITY;

CREATE POLICY "overseers read what was done in their organisation" ON public.audit_log FOR SELECT TO authenticated USING ((org_id IN ( SELECT app.my_overseen_orgs() AS my_overseen_orgs)));

ALTER TABLE public.oversight_grants ENABLE ROW LEVEL SECURITY;

CREATE POLICY "owners and admins say what a conversation is" ON public.conversations FOR UPDATE TO authenticated USING (app.can_do(id, 'rename'::text));

CREATE POLICY "owners put a conversation away" ON public.conversations FOR DELETE TO authenticated USING (((app.role_in(id, ( SELECT auth.uid() AS uid)) = 'owner'::text) AND (kind <> ALL (ARRAY['dm'::text, 'engagement'::text]))));

CREATE POLICY "owners, and who renames the conversation, name and file it" ON public.files FOR UPDATE TO authenticated USING (((deleted_at IS NULL) AND (((owner_id = ( SELECT auth.uid() AS uid)) AND app.can_post(conversation_id)) OR app.can_do(conversation_id, 'rename'::text))));

CREATE POLICY "people answer for themselves" ON public.meeting_participants FOR UPDATE TO authenticated USING (((user_id = ( SELECT auth.uid() AS uid)) AND app.is_member(conversation_id)));

CREATE POLICY "people change how they like their screen" ON public.user_settings FOR UPDATE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people change their own headings, admins the organisation's" ON public.conversation_categories FOR UPDATE TO authenticated USING (((owner_id = ( SELECT auth.uid() AS uid)) OR ((owner_id IS NULL) AND (org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid)))));

CREATE POLICY "people change their own profile" ON public.profiles FOR UPDATE TO authenticated USING ((id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people change their own settings" ON public.user_privacy_settings FOR UPDATE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people change their own templates, admins shared ones" ON public.message_templates FOR UPDATE TO authenticated USING (app.may_write_template(scope, org_id, owner_id));

CREATE POLICY "people change when they want to be told" ON public.notification_settings FOR UPDATE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people change where they want to be told" ON public.notification_preferences FOR UPDATE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people delete their own headings, admins the organisation's" ON public.conversation_categories FOR DELETE TO authenticated USING (((owner_id = ( SELECT auth.uid() AS uid)) OR ((owner_id IS NULL) AND (org_id = ( SELECT app.my_org() AS my_org)) AND app.is_admin(( SELECT auth.uid() AS uid)))));

CREATE POLICY "people delete their own templates, admins shared ones" ON public.message_templates FOR DELETE TO authenticated USING (app.may_write_template(scope, org_id, owner_id));

CREATE POLICY "people find where they are mentioned, while they are members" ON public.message_mentions FOR SELECT TO authenticated USING (((mentioned_id = ( SELECT auth.uid() AS uid)) AND app.is_member(conversation_id)));

CREATE POLICY "people forget where they wanted to be told" ON public.notification_preferences FOR DELETE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people forget whom they knew" ON public.user_contacts FOR DELETE TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people keep their own inbox" ON public.inbox FOR UPDATE TO authenticated USING ((member_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people make groups and rooms of their organisation" ON public.conversations FOR INSERT TO authenticated WITH CHECK (((created_by = ( SELECT auth.uid() AS uid)) AND (org_id = ( SELECT app.my_org() AS my_org))));

CREATE POLICY "people make their own headings, admins the organisation's" ON public.conversation_categories FOR INSERT TO authenticated WITH CHECK (((org_id = ( SELECT app.my_org() AS my_org)) AND ((owner_id = ( SELECT auth.uid() AS uid)) OR ((owner_id IS NULL) AND app.is_admin(( SELECT auth.uid() AS uid))))));

CREATE POLICY "people make their own settings" ON public.user_privacy_settings FOR INSERT TO authenticated WITH CHECK ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people note whom they know" ON public.user_contacts FOR INSERT TO authenticated WITH CHECK ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people react as themselves" ON public.message_reactions FOR INSERT TO authenticated WITH CHECK (((actor_id = ( SELECT auth.uid() AS uid)) AND app.can_react(conversation_id)));

CREATE POLICY "people read how they like their screen" ON public.user_settings FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read how they were asked in" ON public.conversation_invites FOR SELECT TO authenticated USING ((invitee_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read the headings of their organisation" ON public.conversation_categories FOR SELECT TO authenticated USING (((owner_id IS NULL) AND (org_id = ( SELECT app.my_org() AS my_org))));

CREATE POLICY "people read the profiles of their organisation, but of who hide" ON public.profiles FOR SELECT TO authenticated USING (((org_id = ( SELECT app.my_org() AS my_org)) AND ((NOT (id IN ( SELECT app.hidden_people() AS hidden_people))) OR app.knows(id) OR app.is_admin(( SELECT auth.uid() AS uid)))));

CREATE POLICY "people read the roles of their organisation" ON public.org_members FOR SELECT TO authenticated USING ((org_id = ( SELECT app.my_org() AS my_org)));

CREATE POLICY "people read the teams of their organisation" ON public.teams FOR SELECT TO authenticated USING ((org_id = ( SELECT app.my_org() AS my_org)));

CREATE POLICY "people read their own contacts" ON public.user_contacts FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read their own headings" ON public.conversation_categories FOR SELECT TO authenticated USING ((owner_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read their own inbox, where they are in" ON public.inbox FOR SELECT TO authenticated USING (((member_id = ( SELECT auth.uid() AS uid)) AND (conversation_id IN ( SELECT app.my_conversations() AS my_conversations))));

CREATE POLICY "people read their own memberships, ended ones too" ON public.conversation_members FOR SELECT TO authenticated USING ((member_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read their own organisation" ON public.orgs FOR SELECT TO authenticated USING ((id = ( SELECT app.my_org() AS my_org)));

CREATE POLICY "people read their own reminders" ON public.meeting_reminders FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read their own settings" ON public.user_privacy_settings FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read their own stars" ON public.message_stars FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read their own templates, shared ones, and admins the ad" ON public.message_templates FOR SELECT TO authenticated USING (app.may_use_template(scope, org_id, owner_id));

CREATE POLICY "people read what they have agreed to" ON public.consents FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read what they have hidden from themselves" ON public.message_hides FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read what they have scheduled" ON public.scheduled_messages FOR SELECT TO authenticated USING ((sender_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read what they were told" ON public.notifications FOR SELECT TO authenticated USING (((user_id = ( SELECT auth.uid() AS uid)) AND in_app));

CREATE POLICY "people read when they want to be told" ON public.notification_settings FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read where they want to be told" ON public.notification_preferences FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read which threads they follow" ON public.thread_members FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read who is in the teams of their organisation" ON public.team_members FOR SELECT TO authenticated USING ((team_id IN ( SELECT app.my_orgs_teams() AS my_orgs_teams)));

CREATE POLICY "people read whom they asked in" ON public.conversation_invites FOR SELECT TO authenticated USING ((invited_by = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read whom they have blocked, and not who has blocked the" ON public.user_blocks FOR SELECT TO authenticated USING ((blocker_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people say how they like their screen" ON public.user_settings FOR INSERT TO authenticated WITH CHECK ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people say when they want to be told" ON public.notification_settings FOR INSERT TO authenticated WITH CHECK ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people say where they want to be told" ON public.notification_preferences FOR INSERT TO authenticated WITH CHECK ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people see what bounds them" ON public.file_quotas FOR SELECT TO authenticated USING (((org_id = ( SELECT app.my_org() AS my_org)) AND ((user_id IS NULL) OR (user_id = ( SELECT auth.uid() AS uid)))));

CREATE POLICY "people see what they have brought" ON public.file_versions FOR SELECT TO authenticated USING (((uploaded_by = ( SELECT auth.uid() AS uid)) AND app.is_member(conversation_id)));

CREATE POLICY "people see what they have brought" ON public.files FOR SELECT TO authenticated USING (((owner_id = ( SELECT auth.uid() AS uid)) AND app.is_member(conversation_id)));

CREATE POLICY "people see who of those they talk with is there" ON public.user_presence FOR SELECT TO authenticated USING (app.shows_presence_to_me(user_id));

CREATE POLICY "people show themselves again what they had hidden" ON public.message_hides FOR DELETE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people star what they can read" ON public.message_stars FOR INSERT TO authenticated WITH CHECK (((user_id = ( SELECT auth.uid() AS uid)) AND app.sees_message(conversation_id, message_id)));

CREATE POLICY "people take back their own reactions" ON public.message_reactions FOR DELETE TO authenticated USING (((actor_id = ( SELECT auth.uid() AS uid)) AND app.can_react(conversation_id)));

CREATE POLICY "people take their stars away" ON public.message_stars FOR DELETE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people write their own templates, admins shared ones" ON public.message_templates FOR INSERT TO authenticated WITH CHECK (app.may_write_template(scope, org_id, owner_id));

ALTER TABLE public.persona_leases ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.read_marks ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.scheduled_messages ENABLE ROW LEVEL SECURITY;

CREATE POLICY "superadmins change their organisation's settings" ON public.orgs FOR UPDATE TO authenticated USING (((id = ( SELECT app.my_org() AS my_org)) AND (app.role_of(( SELECT auth.uid() AS uid)) = 'superadmin'::text)));

CREATE POLICY "superadmins see and set the bounds of their organisation" ON public.file_quotas TO authenticated USING (((org_id = ( SELECT app.my_org() AS my_org)) AND (app.role_of(( SELECT auth.uid() AS uid)) = 'superadmin'::text)));

ALTER TABLE public.team_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.teams ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.thread_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.typing_states ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_blocks ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_contacts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_presence ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_privacy_settings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_restrictions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_settings ENABLE ROW LEVEL SECURITY;

CREATE POLICY "who reads a message sees its reactions" ON public.message_reactions FOR SELECT TO authenticated USING (app.can_read(conversation_id, chapter, visibility, actor_id));

CREATE POLICY "who reads a message sees that it is held up" ON public.conversation_pins FOR SELECT TO authenticated USING (app.can_read(conversation_id, chapter, 'normal'::text, NULL::uuid));

CREATE POLICY "who reads a message sees what hangs on it" ON public.message_attachments FOR SELECT TO authenticated USING (app.can_read(conversation_id, chapter, visibility, sender_id));

CREATE POLICY "whoever reads the card reads the meeting" ON public.meetings FOR SELECT TO authenticated USING (app.can_read(conversation_id, chapter, visibility, organizer_id));

CREATE POLICY "whoever reads the card reads who comes" ON public.meeting_participants FOR SELECT TO authenticated USING (app.can_read(conversation_id, chapter, 'normal'::text, user_id));

CREATE POLICY "members listen to their conversation" ON realtime.messages FOR SELECT TO authenticated USING (((extension = ANY (ARRAY['broadcast'::text, 'presence'::text])) AND (topic = ( SELECT realtime.topic() AS topic)) AND app.is_member(app.conversation_of_topic(( SELECT realtime.topic() AS topic)))));

CREATE POLICY "members send to their conversation" ON realtime.messages FOR INSERT TO authenticated WITH CHECK (((topic = ( SELECT realtime.topic() AS topic)) AND app.may_signal(app.conversation_of_topic(( SELECT realtime.topic() AS topic)), extension)));

ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.blobs ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.buckets ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.derivatives ENABLE ROW LEVEL SECURITY;

CREATE POLICY "members have the files of their conversations" ON storage.objects FOR SELECT TO authenticated USING (((bucket_id = 'chat'::text) AND app.may_download(name, version)));

ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;

CREATE POLICY "people delete their own pictures" ON storage.objects FOR DELETE TO authenticated USING (((bucket_id = 'avatars'::text) AND app.may_dress(name)));

CREATE POLICY "people find their own pictures" ON storage.objects FOR SELECT TO authenticated USING (((bucket_id = 'avatars'::text) AND app.may_dress(name)));

CREATE POLICY "people put up pictures of themselves, admins of personas" ON storage.objects FOR INSERT TO authenticated WITH CHECK (((bucket_id = 'avatars'::text) AND app.may_dress(name)));

CREATE POLICY "people replace their own pictures" ON storage.objects FOR UPDATE TO authenticated USING (((bucket_id = 'avatars'::text) AND app.may_dress(name)));

CREATE POLICY "people see what the buckets of the product take" ON storage.buckets FOR SELECT TO authenticated USING ((id = ANY (ARRAY['chat'::text, 'avatars'::text])));

ALTER TABLE storage.quotas ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.resumable_pieces ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.resumable_uploads ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.s3_multipart_uploads ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.s3_multipart_uploads_parts ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.scanners ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.scans ENABLE ROW LEVEL SECURITY;

ALTER TABLE storage.usage ENABLE ROW LEVEL SECURITY;

CREATE POLICY "who was given a path puts the file there" ON storage.objects FOR INSERT TO authenticated WITH CHECK (((bucket_id = 'chat'::text) AND app.may_upload(name)));

CREATE PUBLICATION supabase_realtime WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true, publish_generated_columns = stored);

COMMENT ON PUBLICATION supabase_realtime IS 'Tables in it reach subscribers live. Add yours: alter publication supabase_realtime add table ...';

CREATE PUBLICATION supabase_realtime_messages_publication WITH (publish = 'insert', publish_via_partition_root = true);

COMMENT ON PUBLICATION supabase_realtime_messages_publication IS 'What realtime.send writes, for the server to hand to the channels.';

CREATE PUBLICATION walkie_policies WITH (publish = 'insert, update, delete, truncate');

COMMENT ON PUBLICATION walkie_policies IS 'Tables that row policies read and that nobody follows. The server adds and removes them itself; only to make one unlogged, take it out first.';

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.conversation_invites;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.conversation_members;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.conversation_pins;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.conversations;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.file_versions;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.files;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.inbox;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.meeting_participants;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.meetings;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.message_reactions;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.messages;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.notifications;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.persona_leases;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.profiles;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.thread_members;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.user_presence;

ALTER PUBLICATION supabase_realtime_messages_publication ADD TABLE ONLY realtime.messages;

GRANT USAGE ON SCHEMA app TO authenticator;
GRANT USAGE ON SCHEMA app TO authenticated;
GRANT USAGE ON SCHEMA app TO service_role;

GRANT USAGE ON SCHEMA auth TO anon;
GRANT USAGE ON SCHEMA auth TO authenticated;
GRANT USAGE ON SCHEMA auth TO service_role;
GRANT USAGE ON SCHEMA auth TO authenticator;

GRANT USAGE ON SCHEMA base TO authenticator;
GRANT USAGE ON SCHEMA base TO authenticated;
GRANT USAGE ON SCHEMA base TO service_role;

GRANT USAGE ON SCHEMA extensions TO anon;
GRANT USAGE ON SCHEMA extensions TO authenticated;
GRANT USAGE ON SCHEMA extensions TO service_role;
GRANT USAGE ON SCHEMA extensions TO authenticator;

GRANT USAGE ON SCHEMA public TO anon;
GRANT USAGE ON SCHEMA public TO authenticated;
GRANT USAGE ON SCHEMA public TO service_role;
GRANT USAGE ON SCHEMA public TO authenticator;

GRANT USAGE ON SCHEMA realtime TO anon;
GRANT USAGE ON SCHEMA realtime TO authenticated;
GRANT USAGE ON SCHEMA realtime TO service_role;
GRANT USAGE ON SCHEMA realtime TO authenticator;

GRANT USAGE ON SCHEMA storage TO anon;
GRANT USAGE ON SCHEMA storage TO authenticated;
GRANT USAGE ON SCHEMA storage TO service_role;
GRANT USAGE ON SCHEMA storage TO authenticator;

GRANT USAGE ON SCHEMA walkie TO PUBLIC;
GRANT USAGE ON SCHEMA walkie TO authenticator;
GRANT USAGE ON SCHEMA walkie TO supabase_auth_admin;
GRANT USAGE ON SCHEMA walkie TO supabase_storage_admin;

GRANT SELECT ON TABLE public.conversation_members TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.conversation_members TO service_role;

REVOKE ALL ON FUNCTION app.admit(p_conversation uuid, p_members uuid[], p_role text, p_from_the_start boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.appoint_overseers() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.archive_instead() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.ask_for_embeddings() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.attach_invites(p_email text) FROM PUBLIC;

GRANT SELECT ON TABLE public.file_versions TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.file_versions TO service_role;

REVOKE ALL ON FUNCTION app.attachment(p_version public.file_versions, p_alt_text text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.attachments(p_conversation uuid, p_wished jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.audit(p_action text, p_table text, p_key text, p_diff jsonb, p_reason text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.audit_group(p_conversation uuid, p_action text, p_target uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.be_there(p_user uuid, p_status text, p_active boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.begin_looking(p_version uuid, p_is_picture boolean, p_is_raw boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.begin_scan(p_version uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid, p_created_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid, p_created_at timestamp with time zone) TO authenticated;
GRANT ALL ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid, p_created_at timestamp with time zone) TO service_role;

REVOKE ALL ON FUNCTION app.can_do(p_conversation uuid, p_action text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_do(p_conversation uuid, p_action text) TO authenticated;
GRANT ALL ON FUNCTION app.can_do(p_conversation uuid, p_action text) TO service_role;

REVOKE ALL ON FUNCTION app.can_edit(p_conversation uuid, p_visibility text, p_sender uuid, p_type text, p_created_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_edit(p_conversation uuid, p_visibility text, p_sender uuid, p_type text, p_created_at timestamp with time zone) TO authenticated;
GRANT ALL ON FUNCTION app.can_edit(p_conversation uuid, p_visibility text, p_sender uuid, p_type text, p_created_at timestamp with time zone) TO service_role;

REVOKE ALL ON FUNCTION app.can_message(p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.can_post(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_post(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_post(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION app.can_react(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_react(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_react(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) TO service_role;

GRANT SELECT ON TABLE public.meetings TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.meetings TO service_role;

REVOKE ALL ON FUNCTION app.card(p_meeting public.meetings) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.check_file_name() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.check_settings() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.clear_notices() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.clear_thread_notices() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.close_functions() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.contact_pattern() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.contact_rule(p_org uuid, p_conversation uuid, p_body text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.conversation_of_topic(p_topic text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.conversation_of_topic(p_topic text) TO authenticated;
GRANT ALL ON FUNCTION app.conversation_of_topic(p_topic text) TO service_role;

REVOKE ALL ON FUNCTION app.count_bytes(p_org uuid, p_person uuid, p_bytes bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.count_members() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.count_reaction() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.count_reply() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.default_settings() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.display_name(p_said_of_self jsonb, p_email text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.drop_attachments() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.drop_avatar() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.drop_conversation_objects() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.drop_embedding() FROM PUBLIC;

GRANT SELECT ON TABLE public.files TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.files TO service_role;

GRANT UPDATE(name) ON TABLE public.files TO authenticated;

GRANT UPDATE(folder) ON TABLE public.files TO authenticated;

REVOKE ALL ON FUNCTION app.drop_file(p_file uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.drop_objects(p_paths text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.due_reminders(p_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.end_membership(p_conversation uuid, p_member uuid, p_by uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.erase_profile() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.file_quota(p_org uuid, p_person uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.file_refusal(p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.file_refusal_of(p_person uuid, p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.file_template() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.file_type(p_name text, p_said text, p_found text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.fill(p_text text, p_values jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.fill_owner() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.fill_reaction() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.find_invites() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.first_org() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.follow_engagement() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.follow_sessions() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.follow_thread() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.forget_bytes() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.forget_notices() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.forget_uploads() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.found() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.hang_attachments() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.have_blocked(p_one uuid, p_other uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.hidden_people() FROM PUBLIC;
GRANT ALL ON FUNCTION app.hidden_people() TO authenticated;
GRANT ALL ON FUNCTION app.hidden_people() TO service_role;

REVOKE ALL ON FUNCTION app.hide_last_seen() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.html(p_text text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.i_show_receipts() FROM PUBLIC;
GRANT ALL ON FUNCTION app.i_show_receipts() TO authenticated;
GRANT ALL ON FUNCTION app.i_show_receipts() TO service_role;

REVOKE ALL ON FUNCTION app.ics_line(p_name text, p_value text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.index_embeddings(p_dimensions integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.index_words() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.index_words_anew() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_active(p_user uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_admin(p_user uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.is_admin(p_user uuid) TO authenticated;
GRANT ALL ON FUNCTION app.is_admin(p_user uuid) TO service_role;

REVOKE ALL ON FUNCTION app.is_arriving(p_version text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_findable(p_person uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_held_elsewhere(p_path text, p_file uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_member(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.is_member(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION app.is_member(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION app.is_moderator(p_user uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_new_and_busy(p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_picture(p_type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_restricted(p_user uuid, p_types text[], p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_shadow_banned(p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_within(p_conversation uuid, p_setting text, p_since timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.keep_embeddings(p_asked jsonb, p_answer jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.keep_record() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.keep_wording() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.knows(p_user uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.knows(p_user uuid) TO authenticated;
GRANT ALL ON FUNCTION app.knows(p_user uuid) TO service_role;

REVOKE ALL ON FUNCTION app.live_engagement(p_one uuid, p_other uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.lock_showing(p_file uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.mail_due() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.mail_token(p_user uuid, p_list text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.make_client_group(p_client uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.make_profile() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.mask_contacts(p_body text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.max_file_bytes(p_org uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.may_download(p_path text, p_object_version text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_download(p_path text, p_object_version text) TO authenticated;
GRANT ALL ON FUNCTION app.may_download(p_path text, p_object_version text) TO service_role;

REVOKE ALL ON FUNCTION app.may_dress(p_path text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_dress(p_path text) TO authenticated;
GRANT ALL ON FUNCTION app.may_dress(p_path text) TO service_role;

REVOKE ALL ON FUNCTION app.may_exchange_contacts(p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.may_manage_role(p_org uuid, p_user uuid, p_role text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_manage_role(p_org uuid, p_user uuid, p_role text) TO authenticated;
GRANT ALL ON FUNCTION app.may_manage_role(p_org uuid, p_user uuid, p_role text) TO service_role;

REVOKE ALL ON FUNCTION app.may_manage_team(p_team uuid, p_user uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_manage_team(p_team uuid, p_user uuid) TO authenticated;
GRANT ALL ON FUNCTION app.may_manage_team(p_team uuid, p_user uuid) TO service_role;

REVOKE ALL ON FUNCTION app.may_signal(p_conversation uuid, p_extension text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_signal(p_conversation uuid, p_extension text) TO authenticated;
GRANT ALL ON FUNCTION app.may_signal(p_conversation uuid, p_extension text) TO service_role;

REVOKE ALL ON FUNCTION app.may_tell(p_user uuid, p_kind text, p_conversation uuid, p_actor uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.may_upload(p_path text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_upload(p_path text) TO authenticated;
GRANT ALL ON FUNCTION app.may_upload(p_path text) TO service_role;

REVOKE ALL ON FUNCTION app.may_use_template(p_scope text, p_org uuid, p_owner uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_use_template(p_scope text, p_org uuid, p_owner uuid) TO authenticated;
GRANT ALL ON FUNCTION app.may_use_template(p_scope text, p_org uuid, p_owner uuid) TO service_role;

REVOKE ALL ON FUNCTION app.may_write_template(p_scope text, p_org uuid, p_owner uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_write_template(p_scope text, p_org uuid, p_owner uuid) TO authenticated;
GRANT ALL ON FUNCTION app.may_write_template(p_scope text, p_org uuid, p_owner uuid) TO service_role;

REVOKE ALL ON FUNCTION app.me() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.mentioned(p_conversation uuid, p_body text, p_wished uuid[], p_sender uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.mentions_all(p_conversation uuid, p_body text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.muted_until(p_conversation uuid, p_refusal text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.my_conversations() FROM PUBLIC;
GRANT ALL ON FUNCTION app.my_conversations() TO authenticated;
GRANT ALL ON FUNCTION app.my_conversations() TO service_role;

REVOKE ALL ON FUNCTION app.my_org() FROM PUBLIC;
GRANT ALL ON FUNCTION app.my_org() TO authenticated;
GRANT ALL ON FUNCTION app.my_org() TO service_role;

REVOKE ALL ON FUNCTION app.my_orgs_teams() FROM PUBLIC;
GRANT ALL ON FUNCTION app.my_orgs_teams() TO authenticated;
GRANT ALL ON FUNCTION app.my_orgs_teams() TO service_role;

REVOKE ALL ON FUNCTION app.my_overseen_orgs() FROM PUBLIC;
GRANT ALL ON FUNCTION app.my_overseen_orgs() TO authenticated;
GRANT ALL ON FUNCTION app.my_overseen_orgs() TO service_role;

REVOKE ALL ON FUNCTION app.names_of(p_members uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.nearest(p_embedding real[], p_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.next_digest(p_user uuid, p_digest text, p_at time without time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.note_mentions() FROM PUBLIC;

GRANT SELECT ON TABLE public.notifications TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notifications TO service_role;

REVOKE ALL ON FUNCTION app.notice_words(p_notice public.notifications) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.notify(p_users uuid[], p_kind text, p_conversation uuid, p_message uuid, p_actor uuid, p_subject uuid, p_title text, p_body text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.now() FROM PUBLIC;
GRANT ALL ON FUNCTION app.now() TO authenticated;
GRANT ALL ON FUNCTION app.now() TO service_role;

REVOKE ALL ON FUNCTION app.object_name(p_name text) FROM PUBLIC;

GRANT SELECT,DELETE ON TABLE public.conversations TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.conversations TO service_role;

GRANT INSERT(kind) ON TABLE public.conversations TO authenticated;

GRANT INSERT(visibility) ON TABLE public.conversations TO authenticated;

GRANT INSERT(title),UPDATE(title) ON TABLE public.conversations TO authenticated;

GRANT INSERT(slug) ON TABLE public.conversations TO authenticated;

GRANT INSERT(description),UPDATE(description) ON TABLE public.conversations TO authenticated;

GRANT INSERT(topic),UPDATE(topic) ON TABLE public.conversations TO authenticated;

GRANT INSERT(category_id),UPDATE(category_id) ON TABLE public.conversations TO authenticated;

GRANT INSERT(posting),UPDATE(posting) ON TABLE public.conversations TO authenticated;

GRANT UPDATE(slow_mode_s) ON TABLE public.conversations TO authenticated;

GRANT UPDATE(no_forward) ON TABLE public.conversations TO authenticated;

GRANT UPDATE(priority) ON TABLE public.conversations TO authenticated;

REVOKE ALL ON FUNCTION app.open_engagement(p_engagement uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.open_inboxes() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.open_profile(p_id uuid, p_said_of_self jsonb, p_email text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.ord_read(p_conversation uuid, p_seq bigint, p_ord bigint, p_last_sent bigint, p_member uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.own_meeting(p_meeting uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.pass_on(p_attachments jsonb, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.plan_digest() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.policy_refusal(p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.post_refusal(p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.preview(p_body text, p_attachments jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.privacy_lets(p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.promised_type(p_name text, p_said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.publish_version() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.push_due() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.quiet_until(p_user uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.read_own_message() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.readable_file(p_file uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.readable_file(p_file uuid) TO authenticated;
GRANT ALL ON FUNCTION app.readable_file(p_file uuid) TO service_role;

REVOKE ALL ON FUNCTION app.reckon_expiry() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.record_role() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.refusals() FROM PUBLIC;
GRANT ALL ON FUNCTION app.refusals() TO authenticated;
GRANT ALL ON FUNCTION app.refusals() TO service_role;

REVOKE ALL ON FUNCTION app.refuse(p_hint text, p_detail text, p_retry_after_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION app.refuse(p_hint text, p_detail text, p_retry_after_s double precision) TO authenticated;
GRANT ALL ON FUNCTION app.refuse(p_hint text, p_detail text, p_retry_after_s double precision) TO service_role;

REVOKE ALL ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid, p_when_late text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid, p_when_late text) TO authenticated;
GRANT ALL ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid, p_when_late text) TO service_role;

REVOKE ALL ON FUNCTION app.remind() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.replan_digest() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_admin() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_answerable(p_conversation uuid, p_message uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_can_join(p_conversation uuid, p_newcomer uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_can_message(p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_may_found(p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_may_give(p_conversation uuid, p_role text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_may_say(p_place public.conversations, p_type text, p_body text, p_is_event boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_meeting_time(p_starts timestamp with time zone, p_ends timestamp with time zone, p_timezone text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_party(p_engagement uuid, p_one uuid, p_other uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_persona(p_conversation uuid, p_persona uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_right(p_conversation uuid, p_action text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_room(p_org uuid, p_person uuid, p_bytes bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.reset(p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.retell_attachments() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.role_in(p_conversation uuid, p_member uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.role_in(p_conversation uuid, p_member uuid) TO authenticated;
GRANT ALL ON FUNCTION app.role_in(p_conversation uuid, p_member uuid) TO service_role;

REVOKE ALL ON FUNCTION app.role_may(p_role text, p_action text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.role_of(p_user uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.role_of(p_user uuid) TO authenticated;
GRANT ALL ON FUNCTION app.role_of(p_user uuid) TO service_role;

REVOKE ALL ON FUNCTION app.rule_refusal(p_rule text, p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.say_in_chat() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.search_language(p_org uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.sees_message(p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.sees_message(p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION app.sees_message(p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION app.send_digests() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.send_due_messages(p_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.send_mail(p_user uuid, p_list text, p_subject text, p_lines jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.send_what_is_due() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.setting(p_org uuid, p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.settle_founder() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.share_a_conversation(p_one uuid, p_other uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.share_a_team(p_one uuid, p_other uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.shows_last_seen(p_user uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.shows_presence_to_me(p_user uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.shows_presence_to_me(p_user uuid) TO authenticated;
GRANT ALL ON FUNCTION app.shows_presence_to_me(p_user uuid) TO service_role;

REVOKE ALL ON FUNCTION app.shows_receipts(p_member uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.slug(p_title text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.snippet(p_language regconfig, p_body text, p_query tsquery) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.speak_as(p_person uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take(p_name text, p_cost double precision) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take_number() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take_picture() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take_revision() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take_upload() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take_verdict() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.takes_type(p_org uuid, p_type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_arrivals() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_changes() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_crowds() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_membership(p_conversation uuid, p_kind text, p_members uuid[], p_by uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_of_invite() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_of_message() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_of_reaction() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.tell_read(p_member uuid, p_conversations uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.thread_root(p_conversation uuid, p_message uuid) FROM PUBLIC;

GRANT SELECT ON TABLE public.thread_members TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.thread_members TO service_role;

REVOKE ALL ON FUNCTION app.thread_row(p_conversation uuid, p_thread uuid, p_following boolean, p_is_read boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.timezone_of(p_user uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.unpin_deleted() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.use_preset(p_rule text, p_settings jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.username(p_org uuid, p_id uuid, p_wish text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.vector_schema() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.want_embedding() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.wants(p_user uuid, p_channel text, p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.wants_by_default(p_channel text, p_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.words(p_language regconfig, p_body text) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.accounts_of_addresses(p_addresses text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.audit(action text, person uuid, log_type text, ip text, traits json) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.audit_of_factor(action text, factor auth.mfa_factors, ip inet, is_right boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.check_sign_up(email text) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.count_failure(p_endpoint text, p_account text) FROM PUBLIC;

GRANT ALL ON FUNCTION auth.email() TO anon;
GRANT ALL ON FUNCTION auth.email() TO authenticated;
GRANT ALL ON FUNCTION auth.email() TO service_role;

REVOKE ALL ON FUNCTION auth.end_my_session(session uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.end_my_session(session uuid) TO authenticated;
GRANT ALL ON FUNCTION auth.end_my_session(session uuid) TO service_role;

REVOKE ALL ON FUNCTION auth.end_session(person uuid, session uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.has_needed_level(person uuid, session uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.is_of_client(session uuid) FROM PUBLIC;

GRANT ALL ON FUNCTION auth.jwt() TO anon;
GRANT ALL ON FUNCTION auth.jwt() TO authenticated;
GRANT ALL ON FUNCTION auth.jwt() TO service_role;

REVOKE ALL ON FUNCTION auth.leave(person uuid, session uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.leave_myself() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.leave_myself() TO authenticated;
GRANT ALL ON FUNCTION auth.leave_myself() TO service_role;

REVOKE ALL ON FUNCTION auth.lift(kind text, id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.my_sessions() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.my_sessions() TO authenticated;
GRANT ALL ON FUNCTION auth.my_sessions() TO service_role;

REVOKE ALL ON FUNCTION auth.pass(p_endpoint text, p_address text, p_account text) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.revocation_lines() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.revocation_lines() TO authenticator;

REVOKE ALL ON FUNCTION auth.revoke(kind text, ids uuid[], until timestamp with time zone) FROM PUBLIC;

GRANT ALL ON FUNCTION auth.role() TO anon;
GRANT ALL ON FUNCTION auth.role() TO authenticated;
GRANT ALL ON FUNCTION auth.role() TO service_role;

GRANT ALL ON FUNCTION auth.session_id() TO authenticated;
GRANT ALL ON FUNCTION auth.session_id() TO service_role;

REVOKE ALL ON FUNCTION auth.sessions_of(person uuid, present uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.sweep_buckets() FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.take(key text, amount integer, period interval, burst integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.tell_revocations(lines text[]) FROM PUBLIC;

GRANT ALL ON FUNCTION auth.uid() TO anon;
GRANT ALL ON FUNCTION auth.uid() TO authenticated;
GRANT ALL ON FUNCTION auth.uid() TO service_role;

REVOKE ALL ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[], p_role text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[], p_role text) TO authenticated;
GRANT ALL ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[], p_role text) TO service_role;

REVOKE ALL ON FUNCTION public.allow_contact_exchange(p_conversation uuid, p_allow boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.allow_contact_exchange(p_conversation uuid, p_allow boolean) TO authenticated;
GRANT ALL ON FUNCTION public.allow_contact_exchange(p_conversation uuid, p_allow boolean) TO service_role;

GRANT SELECT ON TABLE public.conversation_invites TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.conversation_invites TO service_role;

REVOKE ALL ON FUNCTION public.answer_invite(p_invite uuid, p_accept boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.answer_invite(p_invite uuid, p_accept boolean) TO authenticated;
GRANT ALL ON FUNCTION public.answer_invite(p_invite uuid, p_accept boolean) TO service_role;

GRANT SELECT ON TABLE public.profiles TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.profiles TO service_role;

GRANT UPDATE(display_name) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(avatar_path) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(bio) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(username) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(status_text) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(status_emoji) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(status_until) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(locale) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(timezone) ON TABLE public.profiles TO authenticated;

REVOKE ALL ON FUNCTION public.avatar_url(public.profiles) FROM PUBLIC;
GRANT ALL ON FUNCTION public.avatar_url(public.profiles) TO authenticated;
GRANT ALL ON FUNCTION public.avatar_url(public.profiles) TO service_role;

REVOKE ALL ON FUNCTION public.block_user(p_user uuid, p_hours integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.block_user(p_user uuid, p_hours integer) TO authenticated;
GRANT ALL ON FUNCTION public.block_user(p_user uuid, p_hours integer) TO service_role;

REVOKE ALL ON FUNCTION public.cancel_meeting(p_meeting uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.cancel_meeting(p_meeting uuid) TO authenticated;
GRANT ALL ON FUNCTION public.cancel_meeting(p_meeting uuid) TO service_role;

GRANT SELECT ON TABLE public.scheduled_messages TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.scheduled_messages TO service_role;

REVOKE ALL ON FUNCTION public.cancel_scheduled_message(p_scheduled uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.cancel_scheduled_message(p_scheduled uuid) TO authenticated;
GRANT ALL ON FUNCTION public.cancel_scheduled_message(p_scheduled uuid) TO service_role;

REVOKE ALL ON FUNCTION public.complete_upload(p_upload uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.complete_upload(p_upload uuid) TO authenticated;
GRANT ALL ON FUNCTION public.complete_upload(p_upload uuid) TO service_role;

REVOKE ALL ON FUNCTION public.create_client_group(p_client uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_client_group(p_client uuid) TO authenticated;
GRANT ALL ON FUNCTION public.create_client_group(p_client uuid) TO service_role;

REVOKE ALL ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text, p_visibility text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text, p_visibility text) TO authenticated;
GRANT ALL ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text, p_visibility text) TO service_role;

REVOKE ALL ON FUNCTION public.create_persona(p_name text, p_avatar text, p_bio text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_persona(p_name text, p_avatar text, p_bio text) TO authenticated;
GRANT ALL ON FUNCTION public.create_persona(p_name text, p_avatar text, p_bio text) TO service_role;

REVOKE ALL ON FUNCTION public.delete_file(p_file uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_file(p_file uuid) TO authenticated;
GRANT ALL ON FUNCTION public.delete_file(p_file uuid) TO service_role;

GRANT SELECT ON TABLE public.messages TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.messages TO service_role;

GRANT INSERT(conversation_id) ON TABLE public.messages TO authenticated;

GRANT INSERT(client_id) ON TABLE public.messages TO authenticated;

GRANT INSERT(message_type) ON TABLE public.messages TO authenticated;

GRANT INSERT(body),UPDATE(body) ON TABLE public.messages TO authenticated;

GRANT INSERT(reply_to_id) ON TABLE public.messages TO authenticated;

GRANT INSERT(body_format) ON TABLE public.messages TO authenticated;

GRANT INSERT(meta) ON TABLE public.messages TO authenticated;

GRANT INSERT(parent_message_id) ON TABLE public.messages TO authenticated;

GRANT INSERT(thread_id) ON TABLE public.messages TO authenticated;

GRANT INSERT(mentions) ON TABLE public.messages TO authenticated;

GRANT INSERT(attachments) ON TABLE public.messages TO authenticated;

REVOKE ALL ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid, p_for text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid, p_for text) TO authenticated;
GRANT ALL ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid, p_for text) TO service_role;

REVOKE ALL ON FUNCTION public.delete_my_account() FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_my_account() TO authenticated;
GRANT ALL ON FUNCTION public.delete_my_account() TO service_role;

REVOKE ALL ON FUNCTION public.drop_push_subscription(p_endpoint text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_push_subscription(p_endpoint text) TO authenticated;
GRANT ALL ON FUNCTION public.drop_push_subscription(p_endpoint text) TO service_role;

REVOKE ALL ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) TO authenticated;
GRANT ALL ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) TO service_role;

REVOKE ALL ON FUNCTION public.file_history(p_file uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.file_history(p_file uuid) TO authenticated;
GRANT ALL ON FUNCTION public.file_history(p_file uuid) TO service_role;

REVOKE ALL ON FUNCTION public.file_limits(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.file_limits(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION public.file_limits(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION public.follow_thread(p_conversation uuid, p_thread uuid, p_following boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.follow_thread(p_conversation uuid, p_thread uuid, p_following boolean) TO authenticated;
GRANT ALL ON FUNCTION public.follow_thread(p_conversation uuid, p_thread uuid, p_following boolean) TO service_role;

REVOKE ALL ON FUNCTION public.forward_message(p_conversation uuid, p_message uuid, p_to uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.forward_message(p_conversation uuid, p_message uuid, p_to uuid[]) TO authenticated;
GRANT ALL ON FUNCTION public.forward_message(p_conversation uuid, p_message uuid, p_to uuid[]) TO service_role;

REVOKE ALL ON FUNCTION public.get_conversations(p_limit integer, p_filter text, p_category uuid, p_priority text, p_query text, p_engagement uuid, p_cursor text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_conversations(p_limit integer, p_filter text, p_category uuid, p_priority text, p_query text, p_engagement uuid, p_cursor text) TO authenticated;
GRANT ALL ON FUNCTION public.get_conversations(p_limit integer, p_filter text, p_category uuid, p_priority text, p_query text, p_engagement uuid, p_cursor text) TO service_role;

REVOKE ALL ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer, p_thread uuid, p_around uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer, p_thread uuid, p_around uuid) TO authenticated;
GRANT ALL ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer, p_thread uuid, p_around uuid) TO service_role;

REVOKE ALL ON FUNCTION public.get_notifications(p_limit integer, p_unread boolean, p_cursor text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_notifications(p_limit integer, p_unread boolean, p_cursor text) TO authenticated;
GRANT ALL ON FUNCTION public.get_notifications(p_limit integer, p_unread boolean, p_cursor text) TO service_role;

REVOKE ALL ON FUNCTION public.get_or_create_conversation(p_other uuid, p_engagement uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_or_create_conversation(p_other uuid, p_engagement uuid) TO authenticated;
GRANT ALL ON FUNCTION public.get_or_create_conversation(p_other uuid, p_engagement uuid) TO service_role;

REVOKE ALL ON FUNCTION public.get_persona_conversations(p_limit integer, p_waiting boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_persona_conversations(p_limit integer, p_waiting boolean) TO authenticated;
GRANT ALL ON FUNCTION public.get_persona_conversations(p_limit integer, p_waiting boolean) TO service_role;

REVOKE ALL ON FUNCTION public.get_threads(p_limit integer, p_unread boolean, p_before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_threads(p_limit integer, p_unread boolean, p_before timestamp with time zone) TO authenticated;
GRANT ALL ON FUNCTION public.get_threads(p_limit integer, p_unread boolean, p_before timestamp with time zone) TO service_role;

REVOKE ALL ON FUNCTION public.heartbeat(p_status text, p_active boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.heartbeat(p_status text, p_active boolean) TO authenticated;
GRANT ALL ON FUNCTION public.heartbeat(p_status text, p_active boolean) TO service_role;

REVOKE ALL ON FUNCTION public.held_messages(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.held_messages(p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.held_messages(p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.invite_by_email(p_conversation uuid, p_email text, p_role text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.invite_by_email(p_conversation uuid, p_email text, p_role text) TO authenticated;
GRANT ALL ON FUNCTION public.invite_by_email(p_conversation uuid, p_email text, p_role text) TO service_role;

REVOKE ALL ON FUNCTION public.invite_member(p_conversation uuid, p_invitee uuid, p_role text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.invite_member(p_conversation uuid, p_invitee uuid, p_role text) TO authenticated;
GRANT ALL ON FUNCTION public.invite_member(p_conversation uuid, p_invitee uuid, p_role text) TO service_role;

REVOKE ALL ON FUNCTION public.join_room(p_slug text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.join_room(p_slug text) TO authenticated;
GRANT ALL ON FUNCTION public.join_room(p_slug text) TO service_role;

REVOKE ALL ON FUNCTION public.leave_conversation(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.leave_conversation(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION public.leave_conversation(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION public.list_files(p_conversation uuid, p_folder text, p_limit integer, p_before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.list_files(p_conversation uuid, p_folder text, p_limit integer, p_before timestamp with time zone) TO authenticated;
GRANT ALL ON FUNCTION public.list_files(p_conversation uuid, p_folder text, p_limit integer, p_before timestamp with time zone) TO service_role;

REVOKE ALL ON FUNCTION public.list_folders(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.list_folders(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION public.list_folders(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION public.list_meetings(p_when text, p_limit integer, p_offset integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.list_meetings(p_when text, p_limit integer, p_offset integer) TO authenticated;
GRANT ALL ON FUNCTION public.list_meetings(p_when text, p_limit integer, p_offset integer) TO service_role;

REVOKE ALL ON FUNCTION public.mark_all_read() FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_all_read() TO authenticated;
GRANT ALL ON FUNCTION public.mark_all_read() TO service_role;

REVOKE ALL ON FUNCTION public.mark_delivered(p_items jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_delivered(p_items jsonb) TO authenticated;
GRANT ALL ON FUNCTION public.mark_delivered(p_items jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.mark_notifications(p_ids uuid[], p_read boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_notifications(p_ids uuid[], p_read boolean) TO authenticated;
GRANT ALL ON FUNCTION public.mark_notifications(p_ids uuid[], p_read boolean) TO service_role;

GRANT SELECT ON TABLE public.inbox TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbox TO service_role;

GRANT UPDATE(notify_level) ON TABLE public.inbox TO authenticated;

GRANT UPDATE(muted_until) ON TABLE public.inbox TO authenticated;

GRANT UPDATE(pinned_at) ON TABLE public.inbox TO authenticated;

GRANT UPDATE(pin_order) ON TABLE public.inbox TO authenticated;

GRANT UPDATE(priority) ON TABLE public.inbox TO authenticated;

GRANT UPDATE(draft) ON TABLE public.inbox TO authenticated;

REVOKE ALL ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) TO authenticated;
GRANT ALL ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) TO service_role;

REVOKE ALL ON FUNCTION public.mark_thread_read(p_conversation uuid, p_thread uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_thread_read(p_conversation uuid, p_thread uuid) TO authenticated;
GRANT ALL ON FUNCTION public.mark_thread_read(p_conversation uuid, p_thread uuid) TO service_role;

REVOKE ALL ON FUNCTION public.mark_unread(p_conversation uuid, p_seq bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_unread(p_conversation uuid, p_seq bigint) TO authenticated;
GRANT ALL ON FUNCTION public.mark_unread(p_conversation uuid, p_seq bigint) TO service_role;

REVOKE ALL ON FUNCTION public.meeting_ics(p_meeting uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.meeting_ics(p_meeting uuid) TO authenticated;
GRANT ALL ON FUNCTION public.meeting_ics(p_meeting uuid) TO service_role;

REVOKE ALL ON FUNCTION public.message_history(p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.message_history(p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION public.message_history(p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION public.my_sessions() FROM PUBLIC;
GRANT ALL ON FUNCTION public.my_sessions() TO authenticated;
GRANT ALL ON FUNCTION public.my_sessions() TO service_role;

GRANT SELECT ON TABLE public.oversight_grants TO authenticated;
GRANT SELECT ON TABLE public.oversight_grants TO service_role;

REVOKE ALL ON FUNCTION public.open_oversight(p_conversation uuid, p_reason text, p_minutes integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.open_oversight(p_conversation uuid, p_reason text, p_minutes integer) TO authenticated;
GRANT ALL ON FUNCTION public.open_oversight(p_conversation uuid, p_reason text, p_minutes integer) TO service_role;

REVOKE ALL ON FUNCTION public.oversee_messages(p_conversation uuid, p_before_seq bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.oversee_messages(p_conversation uuid, p_before_seq bigint, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.oversee_messages(p_conversation uuid, p_before_seq bigint, p_limit integer) TO service_role;

GRANT SELECT ON TABLE public.conversation_pins TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.conversation_pins TO service_role;

REVOKE ALL ON FUNCTION public.pin_message(p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.pin_message(p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION public.pin_message(p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION public.push_key() FROM PUBLIC;
GRANT ALL ON FUNCTION public.push_key() TO anon;
GRANT ALL ON FUNCTION public.push_key() TO authenticated;
GRANT ALL ON FUNCTION public.push_key() TO service_role;

REVOKE ALL ON FUNCTION public.read_at(p_message public.messages) FROM PUBLIC;
GRANT ALL ON FUNCTION public.read_at(p_message public.messages) TO authenticated;
GRANT ALL ON FUNCTION public.read_at(p_message public.messages) TO service_role;

REVOKE ALL ON FUNCTION public.read_by(p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.read_by(p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION public.read_by(p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION public.recent_contacts(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.recent_contacts(p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.recent_contacts(p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.release_persona(p_conversation uuid, p_persona uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.release_persona(p_conversation uuid, p_persona uuid) TO authenticated;
GRANT ALL ON FUNCTION public.release_persona(p_conversation uuid, p_persona uuid) TO service_role;

REVOKE ALL ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) TO authenticated;
GRANT ALL ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) TO service_role;

REVOKE ALL ON FUNCTION public.render_template(p_template uuid, p_vars jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.render_template(p_template uuid, p_vars jsonb) TO authenticated;
GRANT ALL ON FUNCTION public.render_template(p_template uuid, p_vars jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.request_upload(p_conversation uuid, p_name text, p_size bigint, p_mime text, p_file uuid, p_folder text, p_note text, p_sha256 text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.request_upload(p_conversation uuid, p_name text, p_size bigint, p_mime text, p_file uuid, p_folder text, p_note text, p_sha256 text) TO authenticated;
GRANT ALL ON FUNCTION public.request_upload(p_conversation uuid, p_name text, p_size bigint, p_mime text, p_file uuid, p_folder text, p_note text, p_sha256 text) TO service_role;

REVOKE ALL ON FUNCTION public.request_upload_as_persona(p_conversation uuid, p_persona uuid, p_name text, p_size bigint, p_mime text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.request_upload_as_persona(p_conversation uuid, p_persona uuid, p_name text, p_size bigint, p_mime text) TO authenticated;
GRANT ALL ON FUNCTION public.request_upload_as_persona(p_conversation uuid, p_persona uuid, p_name text, p_size bigint, p_mime text) TO service_role;

REVOKE ALL ON FUNCTION public.reschedule_meeting(p_meeting uuid, p_starts timestamp with time zone, p_ends timestamp with time zone, p_url text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.reschedule_meeting(p_meeting uuid, p_starts timestamp with time zone, p_ends timestamp with time zone, p_url text) TO authenticated;
GRANT ALL ON FUNCTION public.reschedule_meeting(p_meeting uuid, p_starts timestamp with time zone, p_ends timestamp with time zone, p_url text) TO service_role;

GRANT SELECT ON TABLE public.meeting_participants TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.meeting_participants TO service_role;

GRANT UPDATE(response) ON TABLE public.meeting_participants TO authenticated;

REVOKE ALL ON FUNCTION public.respond_meeting(p_meeting uuid, p_response text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.respond_meeting(p_meeting uuid, p_response text) TO authenticated;
GRANT ALL ON FUNCTION public.respond_meeting(p_meeting uuid, p_response text) TO service_role;

REVOKE ALL ON FUNCTION public.restore_file_version(p_file uuid, p_version integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.restore_file_version(p_file uuid, p_version integer) TO authenticated;
GRANT ALL ON FUNCTION public.restore_file_version(p_file uuid, p_version integer) TO service_role;

REVOKE ALL ON FUNCTION public.retire_persona(p_persona uuid, p_retired boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.retire_persona(p_persona uuid, p_retired boolean) TO authenticated;
GRANT ALL ON FUNCTION public.retire_persona(p_persona uuid, p_retired boolean) TO service_role;

REVOKE ALL ON FUNCTION public.review_message(p_conversation uuid, p_message uuid, p_release boolean, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.review_message(p_conversation uuid, p_message uuid, p_release boolean, p_reason text) TO authenticated;
GRANT ALL ON FUNCTION public.review_message(p_conversation uuid, p_message uuid, p_release boolean, p_reason text) TO service_role;

REVOKE ALL ON FUNCTION public.revoke_session(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.revoke_session(id uuid) TO authenticated;
GRANT ALL ON FUNCTION public.revoke_session(id uuid) TO service_role;

REVOKE ALL ON FUNCTION public.save_push_subscription(p_subscription jsonb, p_user_agent text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.save_push_subscription(p_subscription jsonb, p_user_agent text) TO authenticated;
GRANT ALL ON FUNCTION public.save_push_subscription(p_subscription jsonb, p_user_agent text) TO service_role;

REVOKE ALL ON FUNCTION public.schedule_meeting(p_conversation uuid, p_title text, p_provider text, p_url text, p_starts timestamp with time zone, p_ends timestamp with time zone, p_tz text, p_participants uuid[], p_reminders integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.schedule_meeting(p_conversation uuid, p_title text, p_provider text, p_url text, p_starts timestamp with time zone, p_ends timestamp with time zone, p_tz text, p_participants uuid[], p_reminders integer[]) TO authenticated;
GRANT ALL ON FUNCTION public.schedule_meeting(p_conversation uuid, p_title text, p_provider text, p_url text, p_starts timestamp with time zone, p_ends timestamp with time zone, p_tz text, p_participants uuid[], p_reminders integer[]) TO service_role;

REVOKE ALL ON FUNCTION public.schedule_message(p_conversation uuid, p_body text, p_send_at timestamp with time zone, p_as_persona uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.schedule_message(p_conversation uuid, p_body text, p_send_at timestamp with time zone, p_as_persona uuid) TO authenticated;
GRANT ALL ON FUNCTION public.schedule_message(p_conversation uuid, p_body text, p_send_at timestamp with time zone, p_as_persona uuid) TO service_role;

REVOKE ALL ON FUNCTION public.search_hybrid(p_query text, p_embedding real[], p_k integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_hybrid(p_query text, p_embedding real[], p_k integer) TO authenticated;
GRANT ALL ON FUNCTION public.search_hybrid(p_query text, p_embedding real[], p_k integer) TO service_role;

REVOKE ALL ON FUNCTION public.search_messages(p_query text, p_conversation uuid, p_from uuid, p_has text, p_after timestamp with time zone, p_before timestamp with time zone, p_kind text, p_cursor text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_messages(p_query text, p_conversation uuid, p_from uuid, p_has text, p_after timestamp with time zone, p_before timestamp with time zone, p_kind text, p_cursor text, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.search_messages(p_query text, p_conversation uuid, p_from uuid, p_has text, p_after timestamp with time zone, p_before timestamp with time zone, p_kind text, p_cursor text, p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.search_rooms(p_query text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_rooms(p_query text, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.search_rooms(p_query text, p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.search_users(p_query text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_users(p_query text, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.search_users(p_query text, p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.send_as_persona(p_conversation uuid, p_persona uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_attachments jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.send_as_persona(p_conversation uuid, p_persona uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_attachments jsonb) TO authenticated;
GRANT ALL ON FUNCTION public.send_as_persona(p_conversation uuid, p_persona uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_attachments jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_mentions uuid[], p_format text, p_meta jsonb, p_attachments jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_mentions uuid[], p_format text, p_meta jsonb, p_attachments jsonb) TO authenticated;
GRANT ALL ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid, p_thread_id uuid, p_mentions uuid[], p_format text, p_meta jsonb, p_attachments jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.set_conversation_prefs(p_conversation uuid, p_prefs jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.set_conversation_prefs(p_conversation uuid, p_prefs jsonb) TO authenticated;
GRANT ALL ON FUNCTION public.set_conversation_prefs(p_conversation uuid, p_prefs jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.set_member_role(p_conversation uuid, p_member uuid, p_role text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.set_member_role(p_conversation uuid, p_member uuid, p_role text) TO authenticated;
GRANT ALL ON FUNCTION public.set_member_role(p_conversation uuid, p_member uuid, p_role text) TO service_role;

REVOKE ALL ON FUNCTION public.set_status(p_status text, p_text text, p_emoji text, p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.set_status(p_status text, p_text text, p_emoji text, p_until timestamp with time zone) TO authenticated;
GRANT ALL ON FUNCTION public.set_status(p_status text, p_text text, p_emoji text, p_until timestamp with time zone) TO service_role;

REVOKE ALL ON FUNCTION public.set_typing(p_conversation uuid, p_typing boolean, p_thread uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.set_typing(p_conversation uuid, p_typing boolean, p_thread uuid) TO authenticated;
GRANT ALL ON FUNCTION public.set_typing(p_conversation uuid, p_typing boolean, p_thread uuid) TO service_role;

REVOKE ALL ON FUNCTION public.star_message(p_conversation uuid, p_message uuid, p_starred boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.star_message(p_conversation uuid, p_message uuid, p_starred boolean) TO authenticated;
GRANT ALL ON FUNCTION public.star_message(p_conversation uuid, p_message uuid, p_starred boolean) TO service_role;

REVOKE ALL ON FUNCTION public.sync_all(p_cursor jsonb, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sync_all(p_cursor jsonb, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.sync_all(p_cursor jsonb, p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) TO service_role;

GRANT SELECT ON TABLE public.persona_leases TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.persona_leases TO service_role;

REVOKE ALL ON FUNCTION public.take_persona(p_conversation uuid, p_persona uuid, p_ttl_s integer, p_force boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.take_persona(p_conversation uuid, p_persona uuid, p_ttl_s integer, p_force boolean) TO authenticated;
GRANT ALL ON FUNCTION public.take_persona(p_conversation uuid, p_persona uuid, p_ttl_s integer, p_force boolean) TO service_role;

REVOKE ALL ON FUNCTION public.thumb_path(public.file_versions) FROM PUBLIC;
GRANT ALL ON FUNCTION public.thumb_path(public.file_versions) TO authenticated;
GRANT ALL ON FUNCTION public.thumb_path(public.file_versions) TO service_role;

REVOKE ALL ON FUNCTION public.toggle_reaction(p_conversation uuid, p_message uuid, p_emoji text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.toggle_reaction(p_conversation uuid, p_message uuid, p_emoji text) TO authenticated;
GRANT ALL ON FUNCTION public.toggle_reaction(p_conversation uuid, p_message uuid, p_emoji text) TO service_role;

REVOKE ALL ON FUNCTION public.unblock_user(p_user uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.unblock_user(p_user uuid) TO authenticated;
GRANT ALL ON FUNCTION public.unblock_user(p_user uuid) TO service_role;

REVOKE ALL ON FUNCTION public.unpin_message(p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.unpin_message(p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION public.unpin_message(p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION public.unsubscribe(p_token text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.unsubscribe(p_token text) TO anon;
GRANT ALL ON FUNCTION public.unsubscribe(p_token text) TO authenticated;
GRANT ALL ON FUNCTION public.unsubscribe(p_token text) TO service_role;

REVOKE ALL ON FUNCTION public.update_conversation_settings(p_conversation uuid, p_settings jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.update_conversation_settings(p_conversation uuid, p_settings jsonb) TO authenticated;
GRANT ALL ON FUNCTION public.update_conversation_settings(p_conversation uuid, p_settings jsonb) TO service_role;

REVOKE ALL ON FUNCTION public.warn_user(p_user uuid, p_text text, p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.warn_user(p_user uuid, p_text text, p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION public.warn_user(p_user uuid, p_text text, p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION public.who_is_online(p_users uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.who_is_online(p_users uuid[]) TO authenticated;
GRANT ALL ON FUNCTION public.who_is_online(p_users uuid[]) TO service_role;

REVOKE ALL ON FUNCTION public.who_is_typing(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.who_is_typing(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION public.who_is_typing(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) TO anon;
GRANT ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) TO authenticated;
GRANT ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) TO service_role;

REVOKE ALL ON FUNCTION realtime.check_alias() FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.drop_partitions(older_than interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.ensure_partitions() FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.explain(p_table regclass, p_key jsonb, p_role text, p_claims jsonb, p_event text, p_row text, p_search_path text) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.explain(p_table regclass, p_key jsonb, p_role text, p_claims jsonb, p_event text, p_row text, p_search_path text) TO authenticator;

REVOKE ALL ON FUNCTION realtime.is_watchable(p_table oid) FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.judge(p_table regclass, p_condition text, p_row text, p_role text, p_claims text, p_search_path text, OUT verdict boolean, OUT failure text, OUT took_ms integer) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.judge(p_table regclass, p_condition text, p_row text, p_role text, p_claims text, p_search_path text, OUT verdict boolean, OUT failure text, OUT took_ms integer) TO authenticator;

REVOKE ALL ON FUNCTION realtime.node_fields(node text) FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.node_items(list text) FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.note_policy(p_table oid, p_role text, p_columns text[], p_claims text[], p_reads jsonb, p_candidates jsonb, p_reasons text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.note_policy(p_table oid, p_role text, p_columns text[], p_claims text[], p_reads jsonb, p_candidates jsonb, p_reasons text[]) TO authenticator;

REVOKE ALL ON FUNCTION realtime.notify(payload jsonb, event text, topic text, private boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.notify(payload jsonb, event text, topic text, private boolean) TO service_role;

REVOKE ALL ON FUNCTION realtime.on_ddl() FROM PUBLIC;

GRANT ALL ON FUNCTION realtime.place() TO anon;
GRANT ALL ON FUNCTION realtime.place() TO authenticated;
GRANT ALL ON FUNCTION realtime.place() TO service_role;

REVOKE ALL ON FUNCTION realtime.prepare_question(p_name text, p_question text) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.prepare_question(p_name text, p_question text) TO authenticator;

REVOKE ALL ON FUNCTION realtime.row_values(p_table oid, p_key jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.row_values(p_table oid, p_key jsonb) TO authenticator;

REVOKE ALL ON FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean) TO anon;
GRANT ALL ON FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean) TO authenticated;
GRANT ALL ON FUNCTION realtime.send(payload jsonb, event text, topic text, private boolean) TO service_role;

REVOKE ALL ON FUNCTION realtime.send_binary(payload bytea, event text, topic text, private boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.send_binary(payload bytea, event text, topic text, private boolean) TO anon;
GRANT ALL ON FUNCTION realtime.send_binary(payload bytea, event text, topic text, private boolean) TO authenticated;
GRANT ALL ON FUNCTION realtime.send_binary(payload bytea, event text, topic text, private boolean) TO service_role;

REVOKE ALL ON FUNCTION realtime.shows_all_of(view regclass, of_table regclass) FROM PUBLIC;

GRANT ALL ON FUNCTION realtime.topic() TO anon;
GRANT ALL ON FUNCTION realtime.topic() TO authenticated;
GRANT ALL ON FUNCTION realtime.topic() TO service_role;

REVOKE ALL ON FUNCTION realtime.watch(p_tables oid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.watch(p_tables oid[]) TO authenticator;

REVOKE ALL ON FUNCTION storage.add_derivative(source uuid, transformation text, derivative uuid, size bigint, mimetype text, etag text) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.add_piece(upload uuid, starts_at bigint, piece uuid, size bigint, life interval) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.objects TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.objects TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.objects TO service_role;

REVOKE ALL ON FUNCTION storage.archive_object(object storage.objects) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.archive_object(object storage.objects) TO service_role;

REVOKE ALL ON FUNCTION storage.claim_upload(upload uuid, version uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.clear_gone(bucket text, object_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.clear_gone(bucket text, object_name text) TO service_role;

REVOKE ALL ON FUNCTION storage.count_usage() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.delete_current(object uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.delete_current(object uuid) TO service_role;

REVOKE ALL ON FUNCTION storage.delete_version(object uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.delete_version(object uuid) TO service_role;

REVOKE ALL ON FUNCTION storage.doom_all_versions() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.doom_left_behind() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.doom_part() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.doom_piece() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.doom_version() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.end_trial() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.expire_objects(up_to integer) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.expire_objects(up_to integer) TO service_role;

REVOKE ALL ON FUNCTION storage.expire_uploads() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.expire_versions(up_to integer) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.expire_versions(up_to integer) TO service_role;

REVOKE ALL ON FUNCTION storage.forget_verdict() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.give_up_blob(version uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.guard_version() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.keep_blob(version uuid, size bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.keeps_versions(object storage.objects) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.keeps_versions(object storage.objects) TO service_role;

REVOKE ALL ON FUNCTION storage.missing_policies(target regclass, role text, commands text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.note_scanner(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.note_scanner(name text) TO authenticator;

REVOKE ALL ON FUNCTION storage.open_blob(version uuid, until interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.protect_delete() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.put_object(object jsonb, is_upsert boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.put_object(object jsonb, is_upsert boolean) TO service_role;

REVOKE ALL ON FUNCTION storage.put_part(upload uuid, number integer, version uuid, size bigint, etag text, checksum text, max_bytes bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.record_verdict(version uuid, verdict text, engine text, signature text) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.record_verdict(version uuid, verdict text, engine text, signature text) TO authenticator;

REVOKE ALL ON FUNCTION storage.request_picture(version uuid, is_bare boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.request_scan(version uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.reuse_verdict(version uuid, engine text) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.reuse_verdict(version uuid, engine text) TO authenticator;

REVOKE ALL ON FUNCTION storage.settle_picture(version uuid, width integer, height integer, is_bare boolean, replacement uuid, size bigint, md5 text, sha256 text) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.settle_picture(version uuid, width integer, height integer, is_bare boolean, replacement uuid, size bigint, md5 text, sha256 text) TO authenticator;

REVOKE ALL ON FUNCTION storage.settle_upload() FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.spellings(bucket text, prefix text) FROM PUBLIC;

REVOKE ALL ON FUNCTION storage.stamp_object(object jsonb, expires_in double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION storage.stamp_object(object jsonb, expires_in double precision) TO service_role;

REVOKE ALL ON FUNCTION storage.stamp_update() FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.announce_jobs() FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.can_push(person uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.claim_jobs(worker text, kinds text[], up_to integer, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.claim_jobs(worker text, kinds text[], up_to integer, lease interval) TO authenticator;

REVOKE ALL ON FUNCTION walkie.drop_push_target(subscription uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.drop_push_target(subscription uuid) TO authenticator;

REVOKE ALL ON FUNCTION walkie.endpoint_digest(endpoint text) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) TO authenticator;
GRANT ALL ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) TO supabase_auth_admin;
GRANT ALL ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) TO supabase_storage_admin;

REVOKE ALL ON FUNCTION walkie.enqueue_question(kind text, payload jsonb, conclusion regproc) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.fail_job(job bigint, worker text, attempt integer, error text, is_final boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.fail_job(job bigint, worker text, attempt integer, error text, is_final boolean) TO authenticator;

REVOKE ALL ON FUNCTION walkie.finish_job(job bigint, worker text, attempt integer, result jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.finish_job(job bigint, worker text, attempt integer, result jsonb) TO authenticator;

REVOKE ALL ON FUNCTION walkie.offer(name text, value text) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.offer(name text, value text) TO authenticator;

REVOKE ALL ON FUNCTION walkie.offered(name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.push(person uuid, body jsonb, topic text, ttl_s integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.push_target(subscription uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.push_target(subscription uuid) TO authenticator;

REVOKE ALL ON FUNCTION walkie.receive_mail(sender text, recipient text, subject text, plain text, html text) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.receive_mail(sender text, recipient text, subject text, plain text, html text) TO authenticator;

REVOKE ALL ON FUNCTION walkie.retry_job(job bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.run_due_schedule() FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.run_due_schedule() TO authenticator;

REVOKE ALL ON FUNCTION walkie.schedule(name text, function regproc, every interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.seal_push_target(subscription uuid, plain text, sealed text) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.seal_push_target(subscription uuid, plain text, sealed text) TO authenticator;

REVOKE ALL ON FUNCTION walkie.subscribe_push(person uuid, subscription jsonb, agent text) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.sweep_jobs() FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.sweep_jobs() TO authenticator;

REVOKE ALL ON FUNCTION walkie.unschedule(name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.unsubscribe_push(person uuid, endpoint text) FROM PUBLIC;

GRANT SELECT ON TABLE public.audit_log TO authenticated;
GRANT SELECT ON TABLE public.audit_log TO service_role;

GRANT ALL ON SEQUENCE public.audit_log_id_seq TO service_role;
GRANT ALL ON SEQUENCE public.audit_log_id_seq TO anon;
GRANT ALL ON SEQUENCE public.audit_log_id_seq TO authenticated;

GRANT SELECT ON TABLE public.chat_admin_logs TO authenticated;
GRANT SELECT ON TABLE public.chat_admin_logs TO service_role;

GRANT SELECT ON TABLE public.chat_fake_users TO authenticated;
GRANT SELECT ON TABLE public.chat_fake_users TO service_role;

GRANT SELECT ON TABLE public.chat_groups TO authenticated;
GRANT SELECT ON TABLE public.chat_groups TO service_role;

GRANT UPDATE(name) ON TABLE public.chat_groups TO authenticated;
GRANT UPDATE(name) ON TABLE public.chat_groups TO service_role;

GRANT UPDATE(description) ON TABLE public.chat_groups TO authenticated;
GRANT UPDATE(description) ON TABLE public.chat_groups TO service_role;

GRANT SELECT ON TABLE public.message_private TO authenticated;
GRANT SELECT ON TABLE public.message_private TO service_role;

GRANT SELECT ON TABLE public.chat_messages TO authenticated;
GRANT SELECT ON TABLE public.chat_messages TO service_role;

GRANT INSERT(group_id) ON TABLE public.chat_messages TO authenticated;

GRANT INSERT(sender_id) ON TABLE public.chat_messages TO authenticated;

GRANT INSERT(message) ON TABLE public.chat_messages TO authenticated;

GRANT SELECT ON TABLE public.chat_scheduled_messages TO authenticated;
GRANT SELECT ON TABLE public.chat_scheduled_messages TO service_role;

GRANT SELECT ON TABLE public.consents TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.consents TO service_role;

GRANT SELECT,DELETE ON TABLE public.conversation_categories TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.conversation_categories TO service_role;

GRANT INSERT(org_id) ON TABLE public.conversation_categories TO authenticated;

GRANT INSERT(owner_id) ON TABLE public.conversation_categories TO authenticated;

GRANT INSERT(name),UPDATE(name) ON TABLE public.conversation_categories TO authenticated;

GRANT INSERT("position"),UPDATE("position") ON TABLE public.conversation_categories TO authenticated;

GRANT SELECT ON TABLE public.engagements TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.engagements TO service_role;

GRANT SELECT,DELETE ON TABLE public.file_quotas TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.file_quotas TO service_role;

GRANT INSERT(org_id) ON TABLE public.file_quotas TO authenticated;

GRANT INSERT(scope) ON TABLE public.file_quotas TO authenticated;

GRANT INSERT(user_id) ON TABLE public.file_quotas TO authenticated;

GRANT INSERT(max_bytes),UPDATE(max_bytes) ON TABLE public.file_quotas TO authenticated;

GRANT SELECT ON TABLE public.meeting_reminders TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.meeting_reminders TO service_role;

GRANT SELECT ON TABLE public.message_attachments TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_attachments TO service_role;

GRANT SELECT ON TABLE public.message_edits TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_embeddings TO service_role;

GRANT SELECT,DELETE ON TABLE public.message_hides TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_hides TO service_role;

GRANT SELECT ON TABLE public.message_mentions TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_mentions TO service_role;

GRANT SELECT,DELETE ON TABLE public.message_reactions TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_reactions TO service_role;

GRANT INSERT(conversation_id) ON TABLE public.message_reactions TO authenticated;

GRANT INSERT(message_id) ON TABLE public.message_reactions TO authenticated;

GRANT INSERT(emoji) ON TABLE public.message_reactions TO authenticated;

GRANT SELECT,DELETE ON TABLE public.message_stars TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_stars TO service_role;

GRANT INSERT(user_id) ON TABLE public.message_stars TO authenticated;

GRANT INSERT(conversation_id) ON TABLE public.message_stars TO authenticated;

GRANT INSERT(message_id) ON TABLE public.message_stars TO authenticated;

GRANT SELECT,DELETE ON TABLE public.message_templates TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.message_templates TO service_role;

GRANT INSERT(scope),UPDATE(scope) ON TABLE public.message_templates TO authenticated;

GRANT INSERT(shortcut),UPDATE(shortcut) ON TABLE public.message_templates TO authenticated;

GRANT INSERT(title),UPDATE(title) ON TABLE public.message_templates TO authenticated;

GRANT INSERT(body),UPDATE(body) ON TABLE public.message_templates TO authenticated;

GRANT INSERT(category),UPDATE(category) ON TABLE public.message_templates TO authenticated;

GRANT SELECT,DELETE ON TABLE public.notification_preferences TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notification_preferences TO service_role;

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE public.notification_preferences TO authenticated;

GRANT INSERT(channel),UPDATE(channel) ON TABLE public.notification_preferences TO authenticated;

GRANT INSERT(kind),UPDATE(kind) ON TABLE public.notification_preferences TO authenticated;

GRANT INSERT(enabled),UPDATE(enabled) ON TABLE public.notification_preferences TO authenticated;

GRANT SELECT ON TABLE public.notification_settings TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notification_settings TO service_role;

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE public.notification_settings TO authenticated;

GRANT INSERT(quiet_from),UPDATE(quiet_from) ON TABLE public.notification_settings TO authenticated;

GRANT INSERT(quiet_to),UPDATE(quiet_to) ON TABLE public.notification_settings TO authenticated;

GRANT INSERT(digest),UPDATE(digest) ON TABLE public.notification_settings TO authenticated;

GRANT INSERT(digest_at),UPDATE(digest_at) ON TABLE public.notification_settings TO authenticated;

GRANT SELECT ON TABLE public.org_members TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.org_members TO service_role;

GRANT UPDATE(role) ON TABLE public.org_members TO authenticated;

GRANT UPDATE(suspended_at) ON TABLE public.org_members TO authenticated;

GRANT SELECT ON TABLE public.orgs TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.orgs TO service_role;

GRANT UPDATE(name) ON TABLE public.orgs TO authenticated;

GRANT UPDATE(settings) ON TABLE public.orgs TO authenticated;

GRANT SELECT ON TABLE public.participants TO authenticated;
GRANT SELECT ON TABLE public.participants TO service_role;

GRANT SELECT ON TABLE public.read_marks TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.read_marks TO service_role;

GRANT SELECT ON TABLE public.room_categories TO authenticated;
GRANT SELECT ON TABLE public.room_categories TO service_role;

GRANT SELECT ON TABLE public.room_members TO authenticated;
GRANT SELECT ON TABLE public.room_members TO service_role;

GRANT SELECT ON TABLE public.rooms TO authenticated;
GRANT SELECT ON TABLE public.rooms TO service_role;

GRANT UPDATE(name) ON TABLE public.rooms TO authenticated;
GRANT UPDATE(name) ON TABLE public.rooms TO service_role;

GRANT UPDATE(topic) ON TABLE public.rooms TO authenticated;
GRANT UPDATE(topic) ON TABLE public.rooms TO service_role;

GRANT UPDATE(description) ON TABLE public.rooms TO authenticated;
GRANT UPDATE(description) ON TABLE public.rooms TO service_role;

GRANT SELECT,DELETE ON TABLE public.team_members TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.team_members TO service_role;

GRANT INSERT(team_id) ON TABLE public.team_members TO authenticated;

GRANT INSERT(user_id) ON TABLE public.team_members TO authenticated;

GRANT INSERT(role),UPDATE(role) ON TABLE public.team_members TO authenticated;

GRANT SELECT,DELETE ON TABLE public.teams TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.teams TO service_role;

GRANT INSERT(org_id) ON TABLE public.teams TO authenticated;

GRANT INSERT(name),UPDATE(name) ON TABLE public.teams TO authenticated;

GRANT SELECT ON TABLE public.typing_states TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.typing_states TO service_role;

GRANT SELECT ON TABLE public.user_blocks TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_blocks TO service_role;

GRANT SELECT,DELETE ON TABLE public.user_contacts TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_contacts TO service_role;

GRANT INSERT(owner_id) ON TABLE public.user_contacts TO authenticated;

GRANT INSERT(contact_id) ON TABLE public.user_contacts TO authenticated;

GRANT SELECT ON TABLE public.user_conversations TO authenticated;
GRANT SELECT ON TABLE public.user_conversations TO service_role;

GRANT SELECT ON TABLE public.user_messages TO authenticated;
GRANT SELECT ON TABLE public.user_messages TO service_role;

GRANT INSERT(conversation_id) ON TABLE public.user_messages TO authenticated;
GRANT INSERT(conversation_id) ON TABLE public.user_messages TO service_role;

GRANT INSERT(body),UPDATE(body) ON TABLE public.user_messages TO authenticated;
GRANT INSERT(body),UPDATE(body) ON TABLE public.user_messages TO service_role;

GRANT INSERT(client_id) ON TABLE public.user_messages TO authenticated;
GRANT INSERT(client_id) ON TABLE public.user_messages TO service_role;

GRANT INSERT(parent_message_id) ON TABLE public.user_messages TO authenticated;
GRANT INSERT(parent_message_id) ON TABLE public.user_messages TO service_role;

GRANT INSERT(thread_id) ON TABLE public.user_messages TO authenticated;
GRANT INSERT(thread_id) ON TABLE public.user_messages TO service_role;

GRANT INSERT(reply_to_id) ON TABLE public.user_messages TO authenticated;
GRANT INSERT(reply_to_id) ON TABLE public.user_messages TO service_role;

GRANT SELECT ON TABLE public.user_presence TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_presence TO service_role;

GRANT SELECT ON TABLE public.user_privacy_settings TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_privacy_settings TO service_role;

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(show_typing),UPDATE(show_typing) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(show_presence),UPDATE(show_presence) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(who_can_dm),UPDATE(who_can_dm) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(show_last_seen),UPDATE(show_last_seen) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(show_read_receipts),UPDATE(show_read_receipts) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(allow_mentions_from),UPDATE(allow_mentions_from) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(discoverable),UPDATE(discoverable) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(link_previews),UPDATE(link_previews) ON TABLE public.user_privacy_settings TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_restrictions TO service_role;

GRANT SELECT ON TABLE public.user_settings TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_settings TO service_role;

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(theme),UPDATE(theme) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(density),UPDATE(density) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(sounds),UPDATE(sounds) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(sound_name),UPDATE(sound_name) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(keyboard_mode),UPDATE(keyboard_mode) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(enter_to_send),UPDATE(enter_to_send) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(reduced_motion),UPDATE(reduced_motion) ON TABLE public.user_settings TO authenticated;

GRANT INSERT(language),UPDATE(language) ON TABLE public.user_settings TO authenticated;

GRANT SELECT ON TABLE realtime.aliases TO authenticator;

GRANT SELECT ON TABLE realtime.compiled_policies TO service_role;

GRANT SELECT,INSERT,UPDATE ON TABLE realtime.messages TO anon;
GRANT SELECT,INSERT,UPDATE ON TABLE realtime.messages TO authenticated;
GRANT SELECT,INSERT,UPDATE ON TABLE realtime.messages TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.buckets TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.buckets TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.buckets TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.quotas TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.scanners TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE storage.scans TO service_role;

GRANT SELECT ON TABLE storage.usage TO service_role;

GRANT SELECT,DELETE ON TABLE walkie.inbox TO authenticator;

GRANT SELECT ON TABLE walkie.installation TO PUBLIC;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON SEQUENCES TO service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON SEQUENCES TO anon;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON SEQUENCES TO authenticated;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON FUNCTIONS TO service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON FUNCTIONS TO authenticated;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON TABLES TO service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON TABLES TO anon;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON TABLES TO authenticated;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT USAGE ON SCHEMAS TO authenticator;

CREATE EVENT TRIGGER walkie_ddl ON ddl_command_end
   EXECUTE FUNCTION realtime.on_ddl();

COMMENT ON EVENT TRIGGER walkie_ddl IS 'Tells the server that what decides who sees what may have changed.';

CREATE EVENT TRIGGER walkie_drop ON sql_drop
   EXECUTE FUNCTION realtime.on_ddl();

COMMENT ON EVENT TRIGGER walkie_drop IS 'Tells the server that what decides who sees what may have changed.';

