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

CREATE TYPE auth.one_time_token_type AS ENUM (
    'confirmation_token',
    'reauthentication_token',
    'recovery_token',
    'email_change_token_new',
    'email_change_token_current',
    'phone_change_token'
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
    CONSTRAINT conversation_members_removed_has_left CHECK (((removed_by IS NULL) OR (left_at IS NOT NULL))),
    CONSTRAINT conversation_members_role_known CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'moderator'::text, 'member'::text, 'guest'::text, 'observer'::text])))
)
WITH (fillfactor='80');

ALTER TABLE ONLY public.conversation_members REPLICA IDENTITY FULL;

COMMENT ON TABLE public.conversation_members IS 'Who is in which conversation, and how far each has read.';

COMMENT ON COLUMN public.conversation_members.joined_chapter IS 'The first chapter of the conversation that this member may read.';

COMMENT ON COLUMN public.conversation_members.last_read_seq IS 'The newest message read; only ever rises.';

COMMENT ON COLUMN public.conversation_members.last_read_ord IS 'ord of that message: unread is root_count minus this.';

COMMENT ON COLUMN public.conversation_members.left_at IS 'When the member left or was removed; the row stays so that they can be named, and find their place again.';

COMMENT ON COLUMN public.conversation_members.removed_by IS 'Who removed the member; null when they left themselves.';

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

CREATE FUNCTION app.can_delete(p_conversation uuid, p_sender uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.can_edit(p_conversation, p_sender) or app.can_manage(p_conversation)
$$;

COMMENT ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid) IS 'Takes a message''s conversation and sender; tells whether the person asking may take it back.';

CREATE FUNCTION app.can_edit(p_conversation uuid, p_sender uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select p_sender = (select auth.uid()) and app.is_member(p_conversation)
$$;

COMMENT ON FUNCTION app.can_edit(p_conversation uuid, p_sender uuid) IS 'Takes a message''s conversation and sender; tells whether the person asking may correct it.';

CREATE FUNCTION app.can_manage(p_conversation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select exists (
    select
      from public.conversation_members m
     where m.conversation_id = p_conversation
       and m.member_id = (select auth.uid())
       and m.left_at is null
       and m.role in ('owner', 'admin')
  )
$$;

COMMENT ON FUNCTION app.can_manage(p_conversation uuid) IS 'Takes a conversation; tells whether the person asking may let people in and remove them, and take back others'' words.';

CREATE FUNCTION app.can_message(p_from uuid, p_to uuid) RETURNS app.verdict
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.can_message(p_from uuid, p_to uuid) IS 'Takes the writer and the one written to; gives whether, the first refusal (self, no_such_person, not_same_org) and every check made.';

CREATE FUNCTION app.can_post(p_conversation uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select app.is_member(p_conversation)
$$;

COMMENT ON FUNCTION app.can_post(p_conversation uuid) IS 'Takes a conversation; tells whether the person asking may speak in it.';

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

COMMENT ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) IS 'Takes a message''s conversation, chapter, visibility and sender; tells whether the person asking may read it.';

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

CREATE FUNCTION app.conversation_of_topic(p_topic text) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    AS $_$
  select case
    when p_topic ~ '^conversation:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    then substr(p_topic, 14)::uuid
  end
$_$;

COMMENT ON FUNCTION app.conversation_of_topic(p_topic text) IS 'Takes a channel''s topic; gives the conversation that conversation:<id> names, else null.';

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
         erased_at = clock_timestamp()
   where id = old.id;
  delete from public.user_privacy_settings
   where user_id = old.id;
  return null;
end
$$;

COMMENT ON FUNCTION app.erase_profile() IS 'Trigger: a deleted account leaves its conversations, its profile names nobody and its settings go; its words stay.';

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

CREATE FUNCTION app.make_profile() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  insert into public.profiles (id, org_id, display_name)
  values (new.id, app.first_org(), app.display_name(new.raw_user_meta_data, new.email))
  on conflict (id) do nothing;
  return null;
end
$$;

COMMENT ON FUNCTION app.make_profile() IS 'Trigger: a new account gets its profile, in the first organisation.';

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
    raise sqlstate 'PT401' using message = 'Sign in first.', hint = 'signed_out';
  end if;
  return me;
end
$$;

COMMENT ON FUNCTION app.me() IS 'Gives the id of the person asking. Errors: PT401 signed_out.';

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

CREATE FUNCTION app.preview(p_body text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
  select coalesce(left(regexp_replace(btrim(p_body), '\s+', ' ', 'g'), 140), 'This message was deleted')
$$;

COMMENT ON FUNCTION app.preview(p_body text) IS 'Takes a body, null when deleted; gives the line that the inbox shows.';

CREATE FUNCTION app.read_own_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  update public.conversation_members m
     set last_read_seq = new.seq,
         last_read_ord = new.ord
   where m.conversation_id = new.conversation_id
     and m.member_id = new.sender_id
     and m.last_read_seq < new.seq;
  return null;
end
$$;

COMMENT ON FUNCTION app.read_own_message() IS 'Trigger: whoever speaks has read so far.';

CREATE FUNCTION app.refuse_message(p_conversation uuid, p_message uuid) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if exists (select
               from public.messages m
              where m.conversation_id = p_conversation
                and m.id = p_message
                and m.deleted_at is null
                and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)) then
    raise sqlstate 'PT403' using message = 'This message is not yours to change.', hint = 'not_yours';
  end if;
  raise sqlstate 'PT404' using message = 'There is no such message.', hint = 'no_such_message';
end
$$;

COMMENT ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid) IS 'Takes a message that could not be changed and says why. Errors, always: PT403 not_yours, or PT404 no_such_message.';

CREATE FUNCTION app.require_can_message(p_from uuid, p_to uuid) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

COMMENT ON FUNCTION app.require_can_message(p_from uuid, p_to uuid) IS 'Takes the writer and the one written to; returns if that is allowed. Errors: PT422 self, PT404 no_such_person.';

CREATE FUNCTION app.require_manager(p_conversation uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
  if not app.is_member(p_conversation) then
    raise sqlstate 'PT404' using message = 'There is no such conversation.', hint = 'not_member';
  elsif not app.can_manage(p_conversation) then
    raise sqlstate 'PT403' using message = 'Only an owner or admin of the conversation may do this.', hint = 'not_manager';
  end if;
end
$$;

COMMENT ON FUNCTION app.require_manager(p_conversation uuid) IS 'Takes a conversation; returns if the person asking manages it. Errors: PT404 not_member, PT403 not_manager.';

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

CREATE FUNCTION app.slug(p_title text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
  slug text := left(btrim(regexp_replace(lower(p_title), '[^a-z0-9]+', '-', 'g'), '-'), 63);
begin
  if coalesce(slug, '') = '' then
    raise sqlstate 'PT422' using message = 'A room''s title needs a letter from a to z or a digit.', hint = 'bad_title';
  end if;
  return slug;
end
$$;

COMMENT ON FUNCTION app.slug(p_title text) IS 'Takes a title; gives its letters and digits joined by hyphens, for addresses. Errors: PT422 bad_title.';

CREATE FUNCTION app.take_number() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  perform
     from public.conversations c
    where c.id = new.conversation_id
      for no key update;

  -- Asked again under the lock: whoever was removed while this send waited must not be heard.
  if auth.uid() is not null and not app.can_post(new.conversation_id) then
    raise insufficient_privilege using message = 'You cannot speak in this conversation.', hint = 'not_member';
  end if;

  if new.reply_to_id is not null and not exists (
    select
      from public.messages m
     where m.conversation_id = new.conversation_id
       and m.id = new.reply_to_id
       and (auth.uid() is null or app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id))
  ) then
    raise sqlstate 'PT422' using message = 'The message you answer is not in this conversation.', hint = 'bad_reply';
  end if;

  new.sender_id := coalesce(auth.uid(), new.sender_id);
  new.created_at := clock_timestamp();
  if app.is_shadow_banned(new.conversation_id) then
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

  if new.visibility = 'normal' then
    update public.conversations c
       set last_seq = c.last_seq + 1,
           last_rev = c.last_rev + 1,
           root_count = c.root_count + 1,
           last_message_id = new.id,
           last_message_at = new.created_at,
           last_preview = app.preview(new.body)
     where c.id = new.conversation_id
    returning c.last_seq, 0, c.root_count, c.last_rev, c.chapter
      into new.seq, new.sub, new.ord, new.rev, new.chapter;
  else
    -- Follows the newest message without moving any clock, so that nobody else can tell.
    select c.last_seq, nextval('app.message_sub'), c.root_count, c.last_rev, c.chapter
      into new.seq, new.sub, new.ord, new.rev, new.chapter
      from public.conversations c
     where c.id = new.conversation_id;
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION app.take_number() IS 'Trigger: fills what the server owns (sender, numbers, time, and shadow for the shadow-banned) and keeps the conversation''s clocks, last message and preview. Errors: 42501 not_member, PT422 bad_reply.';

CREATE FUNCTION app.take_revision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if new.deleted_at is not null then
    new.body := null;
    new.deleted_by := coalesce(auth.uid(), new.deleted_by);
  elsif new.body is distinct from old.body then
    new.edited_at := clock_timestamp();
  end if;

  if new.visibility = 'normal' then
    update public.conversations c
       set last_rev = c.last_rev + 1,
           last_preview = case c.last_message_id when new.id then app.preview(new.body) else c.last_preview end
     where c.id = new.conversation_id
    returning c.last_rev into new.rev;
  end if;
  return new;
end
$$;

COMMENT ON FUNCTION app.take_revision() IS 'Trigger: a changed message takes the next rev, a deleted one loses its words, and the preview follows.';

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

CREATE FUNCTION auth.audit(action text, person uuid, log_type text, ip text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  insert into auth.audit_log_entries (instance_id, payload, created_at, ip_address)
  select '00000000-0000-0000-0000-000000000000',
         json_build_object('action', action, 'actor_id', person, 'actor_username', coalesce(u.email, u.phone, ''),
                           'actor_via_sso', coalesce(u.is_sso_user, false), 'log_type', log_type),
         clock_timestamp(),
         coalesce(ip, '')
    from (select 1) as one
    left join auth.users u on u.id = person
$$;

COMMENT ON FUNCTION auth.audit(action text, person uuid, log_type text, ip text) IS 'Writes down what was done, to or by whom, and from where.';

CREATE FUNCTION auth.audit_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'INSERT' then
    perform auth.audit('login', new.user_id, 'account', host(new.ip));
  else
    perform auth.audit('logout', old.user_id, 'account', host(old.ip));
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

CREATE FUNCTION auth.email() RETURNS text
    LANGUAGE sql STABLE
    AS $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email', '')
  )
$$;

COMMENT ON FUNCTION auth.email() IS 'Gives the e-mail address in the request''s token, or null.';

CREATE FUNCTION auth.end_my_session(session uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select auth.end_session(auth.uid(), end_my_session.session)
$$;

COMMENT ON FUNCTION auth.end_my_session(session uuid) IS 'Ends a session of the person asking; says whether there was one.';

CREATE FUNCTION auth.end_session(person uuid, session uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with ended as (
    delete from auth.sessions s where s.user_id = end_session.person and s.id = end_session.session returning s.id)
  select exists (select from ended)
$$;

COMMENT ON FUNCTION auth.end_session(person uuid, session uuid) IS 'Ends a session of this person; says whether there was one.';

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
  delete from auth.users u where u.id = leave.person;
end
$$;

COMMENT ON FUNCTION auth.leave(person uuid, session uuid) IS 'Deletes an account with all that refers to it, if its session was proven in the last 15 minutes; raises PT400 reauthentication_needed if not.';

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

CREATE FUNCTION auth.my_sessions() RETURNS TABLE(id uuid, device text, address text, created_at timestamp with time zone, last_used_at timestamp with time zone, aal text, is_current boolean)
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
    nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role', '')
  )
$$;

COMMENT ON FUNCTION auth.role() IS 'Gives the role in the request''s token (anon, authenticated, service_role), or null.';

CREATE FUNCTION auth.session_id() RETURNS uuid
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'session_id', '')::uuid
$$;

COMMENT ON FUNCTION auth.session_id() IS 'Gives the id of the session the person asking is in, or null.';

CREATE FUNCTION auth.sessions_of(person uuid, present uuid) RETURNS TABLE(id uuid, device text, address text, created_at timestamp with time zone, last_used_at timestamp with time zone, aal text, is_current boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select s.id,
         auth.device(s.user_agent),
         auth.address_class(s.ip),
         s.created_at,
         coalesce(s.refreshed_at at time zone 'UTC', s.created_at),
         coalesce(s.aal::text, 'aal1'),
         coalesce(s.id = sessions_of.present, false)
    from auth.sessions s
   where s.user_id = sessions_of.person
     and (s.not_after is null or s.not_after > now())
   order by 5 desc, s.id
$$;

COMMENT ON FUNCTION auth.sessions_of(person uuid, present uuid) IS 'Takes a person and their present session; gives their sessions, the one used last first.';

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

CREATE FUNCTION auth.uid() RETURNS uuid
    LANGUAGE sql STABLE
    AS $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')
  )::uuid
$$;

COMMENT ON FUNCTION auth.uid() IS 'Gives the id of the person asking, or null when nobody is signed in.';

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

CREATE FUNCTION extensions.uuid_generate_v4() RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    RETURN gen_random_uuid();

COMMENT ON FUNCTION extensions.uuid_generate_v4() IS 'Gives a random uuid: stands in for uuid-ossp where the server lacks it.';

CREATE FUNCTION public.add_members(p_conversation uuid, p_members uuid[]) RETURNS SETOF public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
begin
  perform app.require_manager(p_conversation);
  perform app.require_can_message(me, newcomer)
    from unnest(p_members) newcomer
   where newcomer is distinct from me;
  return query
    select admitted.*
      from app.admit(p_conversation, array_remove(p_members, me), 'member', false) admitted;
end
$$;

COMMENT ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[]) IS 'Takes a conversation and people; lets them in from now on and gives the new memberships. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member or no_such_person.';

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
    CONSTRAINT conversations_dm_has_key CHECK (((kind = 'dm'::text) = (dm_key IS NOT NULL))),
    CONSTRAINT conversations_kind_known CHECK ((kind = ANY (ARRAY['dm'::text, 'group'::text, 'room'::text, 'engagement'::text, 'persona_group'::text, 'persona_dm'::text, 'announcement'::text]))),
    CONSTRAINT conversations_room_has_slug CHECK (((kind = 'room'::text) = (slug IS NOT NULL))),
    CONSTRAINT conversations_slug_is_url_word CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text)),
    CONSTRAINT conversations_title_fits CHECK (((title ~ '\S'::text) AND (char_length(title) <= 200))),
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

CREATE FUNCTION public.create_group(p_title text, p_members uuid[] DEFAULT '{}'::uuid[], p_kind text DEFAULT 'group'::text) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  made public.conversations;
begin
  if p_kind is null or p_kind not in ('group', 'room') then
    raise sqlstate 'PT422' using message = 'Only groups and rooms can be made this way.', hint = 'bad_kind';
  end if;

  insert into public.conversations (org_id, kind, visibility, title, slug, created_by)
  select p.org_id,
         p_kind,
         case p_kind when 'room' then 'org' else 'private' end,
         btrim(p_title),
         case p_kind when 'room' then app.slug(p_title) end,
         me
    from public.profiles p
   where p.id = me
  on conflict (org_id, slug) do nothing
  returning * into made;
  if made.id is null then
    raise sqlstate 'PT409' using message = 'There is a room of that name already.', hint = 'slug_taken';
  end if;

  perform app.admit(made.id, array[me], 'owner', true);
  perform app.require_can_message(me, member)
    from unnest(p_members) member
   where member is distinct from me;
  perform app.admit(made.id, array_remove(p_members, me), 'member', true);
  return made;
end
$$;

COMMENT ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text) IS 'Takes a title, the people to begin with and group (by invitation) or room (anyone of the organisation may join); gives the conversation, owned by the caller. Errors: PT401 signed_out, PT404 no_such_person, PT409 slug_taken, PT422 bad_kind or bad_title, 23514 for a blank or long title.';

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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
)
PARTITION BY HASH (conversation_id);

ALTER TABLE ONLY public.messages REPLICA IDENTITY FULL;

COMMENT ON TABLE public.messages IS 'What was said.';

COMMENT ON COLUMN public.messages.seq IS 'Place in the conversation: gapless, in commit order.';

COMMENT ON COLUMN public.messages.sub IS '0, or the order of a shadow or held message after the seq it follows.';

COMMENT ON COLUMN public.messages.ord IS 'How many messages that count as unread there were, with this one.';

COMMENT ON COLUMN public.messages.rev IS 'The conversation''s clock at the last change of this row.';

COMMENT ON COLUMN public.messages.chapter IS 'The conversation''s chapter when this was said; later members may not read earlier chapters.';

COMMENT ON COLUMN public.messages.client_id IS 'The sender''s own id for this message: sending it again gives the first one back.';

COMMENT ON COLUMN public.messages.visibility IS 'normal: all members see it; shadow and held: its sender alone.';

COMMENT ON COLUMN public.messages.created_at IS 'Taken while the conversation is locked, so it rises with seq.';

COMMENT ON COLUMN public.messages.deleted_at IS 'When it was taken back; the row stays, without its words, so that numbers and replies stay whole.';

CREATE FUNCTION public.delete_message(p_conversation uuid, p_message uuid) RETURNS public.messages
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  deleted public.messages;
begin
  update public.messages m
     set deleted_at = coalesce(m.deleted_at, clock_timestamp())
   where m.conversation_id = p_conversation
     and m.id = p_message
     and app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id)
     and app.can_delete(m.conversation_id, m.sender_id)
  returning m.* into deleted;

  if deleted.id is null then
    perform app.refuse_message(p_conversation, p_message);
  end if;
  return deleted;
end
$$;

COMMENT ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid) IS 'Takes a conversation and a message of the caller''s, or any if they manage the conversation; takes its words back and gives what remains, also the second time. Errors: PT403 not_yours, PT404 no_such_message.';

CREATE FUNCTION public.delete_my_account() RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  select auth.leave_myself()
$$;

COMMENT ON FUNCTION public.delete_my_account() IS 'Deletes your account for good, and signs you out everywhere. You must have signed in within the last 15 minutes (PT400 reauthentication_needed).';

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
    perform app.refuse_message(p_conversation, p_message);
  end if;
  return edited;
end
$$;

COMMENT ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) IS 'Takes a conversation, one of the caller''s messages and the new words; gives the message. Errors: PT403 not_yours, PT404 no_such_message, 23514 for a blank or long body.';

CREATE FUNCTION public.get_conversations(p_limit integer DEFAULT 50) RETURNS TABLE(id uuid, kind text, title text, slug text, other_id uuid, last_message_id uuid, last_message_at timestamp with time zone, last_preview text, last_seq bigint, last_rev bigint, last_read_seq bigint, unread bigint)
    LANGUAGE sql STABLE
    AS $$
  select page.id,
         page.kind,
         coalesce(page.title, other.display_name),
         page.slug,
         other.id,
         page.last_message_id,
         page.last_message_at,
         page.last_preview,
         page.last_seq,
         page.last_rev,
         page.last_read_seq,
         greatest(page.root_count - page.last_read_ord, 0)
    from (select c.*, mine.member_id, mine.last_read_seq, mine.last_read_ord
            from public.conversation_members mine
            join public.conversations c on c.id = mine.conversation_id
           where mine.member_id = (select auth.uid())
             and mine.left_at is null
           order by coalesce(c.last_message_at, c.created_at) desc, c.id
           limit least(greatest(p_limit, 0), 1000)) page
    left join lateral (
      select p.id, p.display_name
        from public.conversation_members m
        join public.profiles p on p.id = m.member_id
       where page.kind = 'dm'
         and m.conversation_id = page.id
         and m.member_id <> page.member_id
    ) other on true
   order by coalesce(page.last_message_at, page.created_at) desc, page.id
$$;

COMMENT ON FUNCTION public.get_conversations(p_limit integer) IS 'Takes how many (at most 1000); gives the caller''s conversations, the latest spoken in first, each with its unread count; a pair bears the other''s name.';

CREATE FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint DEFAULT NULL::bigint, p_after_seq bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50) RETURNS SETOF public.messages
    LANGUAGE sql STABLE
    AS $$
  select page.*
    from (
      (select m.*
         from public.messages m
        where p_after_seq is null
          and m.conversation_id = p_conversation
          and m.seq < coalesce(p_before_seq, 9223372036854775807)
        order by m.seq desc, m.sub desc
        limit least(greatest(p_limit, 0), 1000))
      union all
      (select m.*
         from public.messages m
        where m.conversation_id = p_conversation
          and m.seq > p_after_seq
          and m.seq < coalesce(p_before_seq, 9223372036854775807)
        order by m.seq, m.sub
        limit least(greatest(p_limit, 0), 1000))
    ) page
   order by page.seq, page.sub
$$;

COMMENT ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer) IS 'Takes a conversation, a seq to stay below, a seq to stay above and how many (at most 1000); gives messages in order: the newest that fit, or the ones next after p_after_seq. An outsider gets none.';

CREATE FUNCTION public.get_or_create_conversation(p_other uuid) RETURNS public.conversations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  found_or_made public.conversations;
begin
  perform app.require_can_message(me, p_other);

  insert into public.conversations (org_id, kind, dm_key, created_by)
  select p.org_id, 'dm', least(me, p_other) || ':' || greatest(me, p_other), me
    from public.profiles p
   where p.id = me
  on conflict (org_id, dm_key) do nothing
  returning * into found_or_made;

  if found_or_made.id is not null then
    insert into public.conversation_members (conversation_id, member_id)
    values (found_or_made.id, me), (found_or_made.id, p_other);
  else
    -- The other one was quicker: the insert has waited for that commit, so the pair is complete.
    select c.* into strict found_or_made
      from public.conversations c
     where c.org_id = app.my_org()
       and c.dm_key = least(me, p_other) || ':' || greatest(me, p_other);
  end if;
  return found_or_made;
end
$$;

COMMENT ON FUNCTION public.get_or_create_conversation(p_other uuid) IS 'Takes the other person; gives the one conversation of the two, made if need be, however many ask at once. Errors: PT401 signed_out, PT404 no_such_person, PT422 self.';

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
     and (c.visibility in ('org', 'public') or app.is_member(c.id));
  if room.id is null then
    raise sqlstate 'PT404' using message = 'There is no such room.', hint = 'no_such_room';
  end if;

  if exists (select
               from public.conversation_members m
              where m.conversation_id = room.id
                and m.member_id = me
                and m.removed_by is not null) then
    raise sqlstate 'PT403' using message = 'You were removed from this room.', hint = 'removed';
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
  if exists (select from public.conversations c where c.id = p_conversation and c.kind = 'dm') and app.is_member(p_conversation) then
    raise sqlstate 'PT422' using message = 'A conversation of two cannot be left.', hint = 'dm_stays';
  end if;

  ended := app.end_membership(p_conversation, me, me);
  if ended.member_id is null then
    raise sqlstate 'PT404' using message = 'There is no such conversation.', hint = 'not_member';
  end if;
  return ended;
end
$$;

COMMENT ON FUNCTION public.leave_conversation(p_conversation uuid) IS 'Takes a conversation; ends the caller''s membership and gives it. Errors: PT401 signed_out, PT404 not_member, PT422 dm_stays.';

CREATE FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) RETURNS public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  pointer public.conversation_members;
begin
  update public.conversation_members mine
     set last_read_seq = newest.seq,
         last_read_ord = newest.ord
    from (select m.seq, m.ord
            from public.messages m
           where m.conversation_id = p_conversation
             and m.seq <= p_seq
             and m.sub = 0
           order by m.seq desc
           limit 1) newest
   where mine.conversation_id = p_conversation
     and mine.member_id = me
     and mine.left_at is null
     and mine.last_read_seq < newest.seq;

  select m.* into pointer
    from public.conversation_members m
   where m.conversation_id = p_conversation
     and m.member_id = me
     and m.left_at is null;
  if pointer.member_id is null then
    raise sqlstate 'PT404' using message = 'There is no such conversation.', hint = 'not_member';
  end if;
  return pointer;
end
$$;

COMMENT ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) IS 'Takes a conversation and the seq read up to; moves the caller''s pointer forward, never back, and gives their membership. Errors: PT401 signed_out, PT404 not_member.';

CREATE FUNCTION public.my_sessions() RETURNS TABLE(id uuid, device text, address text, created_at timestamp with time zone, last_used_at timestamp with time zone, aal text, is_current boolean)
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select * from auth.my_sessions()
$$;

COMMENT ON FUNCTION public.my_sessions() IS 'Where you are signed in: device, network, when it began and was last used, and which of them this is.';

CREATE FUNCTION public.remove_member(p_conversation uuid, p_member uuid) RETURNS public.conversation_members
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
  me uuid := app.me();
  ended public.conversation_members;
begin
  perform app.require_manager(p_conversation);
  if p_member <> me and exists (select
                                  from public.conversation_members m
                                 where m.conversation_id = p_conversation
                                   and m.member_id = p_member
                                   and m.left_at is null
                                   and m.role = 'owner') then
    raise sqlstate 'PT403' using message = 'An owner cannot be removed.', hint = 'owner';
  end if;

  ended := app.end_membership(p_conversation, p_member, me);
  if ended.member_id is null then
    raise sqlstate 'PT404' using message = 'That person is not in the conversation.', hint = 'no_such_member';
  end if;
  return ended;
end
$$;

COMMENT ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) IS 'Takes a conversation and a member; ends the membership and gives it. Errors: PT401 signed_out, PT403 not_manager or owner, PT404 not_member or no_such_member.';

CREATE FUNCTION public.revoke_session(id uuid) RETURNS boolean
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  select auth.end_my_session(revoke_session.id)
$$;

COMMENT ON FUNCTION public.revoke_session(id uuid) IS 'Signs one of your devices out, at once and everywhere. Gives whether it was signed in.';

CREATE FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid DEFAULT NULL::uuid, p_reply_to uuid DEFAULT NULL::uuid) RETURNS public.messages
    LANGUAGE plpgsql
    AS $$
declare
  sent public.messages;
begin
  insert into public.messages (conversation_id, body, client_id, reply_to_id)
  values (p_conversation_id, p_body, p_client_id, p_reply_to)
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

COMMENT ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid) IS 'Takes a conversation, the words, the sender''s own id for the message and the message answered; gives the message. The same p_client_id again gives the first one back. Errors: 42501 not_member, PT422 bad_reply, 23514 for a blank or long body.';

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

COMMENT ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) IS 'Takes a conversation, the last rev the client has and how many (at most 1000); gives what is new or changed since, in order: nothing skipped, each message as it is now. An outsider gets none.';

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
   where p.pubname = 'supabase_realtime';
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
    says := format('%s is published: %s', p_table, array_to_string(published.events, ', '));
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
       -- In two publications a table would be told with the columns and rows of both.
       and not exists (
         select
           from pg_catalog.pg_publication p
          where p.pubname = 'supabase_realtime'
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
     where t.pubname = 'supabase_realtime' and c.oid = p_table)
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

CREATE FUNCTION walkie.finish_job(job bigint, worker text, attempt integer) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with done as (
    update walkie.jobs
       set state = 'done', payload = '{}', done_at = now(), locked_by = null, locked_until = null, last_error = null
     where id = job and state = 'running' and locked_by = worker and attempts = attempt
    returning id)
  select exists (select from done)
$$;

COMMENT ON FUNCTION walkie.finish_job(job bigint, worker text, attempt integer) IS 'Says that a job is done; false when the lease was lost meanwhile.';

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
     where id = job and state = 'dead'
    returning id)
  select exists (select from revived)
$$;

COMMENT ON FUNCTION walkie.retry_job(job bigint) IS 'For a DBA: gives a dead job another row of attempts; false when it is not dead.';

CREATE FUNCTION walkie.sweep_jobs() RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
  delete from walkie.jobs
   where state = 'done' and done_at < now() - interval '1 day'
      or state = 'dead' and done_at < now() - interval '30 days';
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

COMMENT ON FUNCTION walkie.sweep_jobs() IS 'Frees jobs whose lease has run out, and gives their number; forgets what ended long ago.';

CREATE TABLE app.installed_functions (
    signature text NOT NULL
);

COMMENT ON TABLE app.installed_functions IS 'The functions in public that the product installed, so that only these are dropped when it no longer has them.';

CREATE SEQUENCE app.message_sub
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

COMMENT ON SEQUENCE app.message_sub IS 'Orders the messages that must not move the conversation''s own clock.';

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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
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
    CONSTRAINT messages_body_fits CHECK ((char_length(body) <= 40000)),
    CONSTRAINT messages_body_not_blank CHECK (((deleted_at IS NOT NULL) OR ((body IS NOT NULL) AND (body ~ '\S'::text)))),
    CONSTRAINT messages_tombstone_is_empty CHECK (((deleted_at IS NULL) OR (body IS NULL))),
    CONSTRAINT messages_type_known CHECK ((message_type = ANY (ARRAY['standard'::text, 'file'::text, 'image'::text, 'meeting'::text, 'system'::text, 'poll'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['normal'::text, 'shadow'::text, 'held'::text])))
);

ALTER TABLE ONLY app.messages_15 REPLICA IDENTITY FULL;

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
    provider_verifier text
);

COMMENT ON TABLE auth.flow_state IS 'Sign-ins that left for a provider or a mailbox and come back with a code (PKCE).';

COMMENT ON COLUMN auth.flow_state.auth_code IS 'sha256 of the code in hexadecimal.';

COMMENT ON COLUMN auth.flow_state.nonce IS 'What the provider''s id_token must repeat.';

COMMENT ON COLUMN auth.flow_state.provider_verifier IS 'Our own PKCE verifier towards the provider.';

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
    last_used_step bigint
);

COMMENT ON TABLE auth.mfa_factors IS 'Second factors.';

COMMENT ON COLUMN auth.mfa_factors.secret IS 'Sealed with the key of the settings; never in clear.';

COMMENT ON COLUMN auth.mfa_factors.last_used_step IS 'The 30-second step of the last code that was accepted: no code opens twice.';

CREATE TABLE auth.mfa_recovery_codes (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    factor_id uuid NOT NULL,
    code_hash text NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE auth.mfa_recovery_codes IS 'Codes that stand in for a lost second factor, each once; hashed.';

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
    CONSTRAINT webauthn_challenges_challenge_type_check CHECK ((challenge_type = ANY (ARRAY['signup'::text, 'registration'::text, 'authentication'::text])))
);

COMMENT ON TABLE auth.webauthn_challenges IS 'Questions put to a passkey, used once.';

CREATE TABLE auth.webauthn_credentials (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    credential_id bytea NOT NULL,
    public_key bytea NOT NULL,
    credential jsonb NOT NULL,
    attestation_type text DEFAULT ''::text NOT NULL,
    aaguid uuid,
    sign_count bigint DEFAULT 0 NOT NULL,
    transports jsonb DEFAULT '[]'::jsonb NOT NULL,
    backup_eligible boolean DEFAULT false NOT NULL,
    backed_up boolean DEFAULT false NOT NULL,
    friendly_name text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone
);

COMMENT ON TABLE auth.webauthn_credentials IS 'Passkeys: public halves only.';

CREATE TABLE public.orgs (
    id uuid DEFAULT base.uuid7() NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT orgs_name_not_blank CHECK ((name ~ '\S'::text)),
    CONSTRAINT orgs_slug_is_url_word CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

COMMENT ON TABLE public.orgs IS 'Organisations: people of one never meet people of another.';

CREATE TABLE public.profiles (
    id uuid NOT NULL,
    org_id uuid NOT NULL,
    display_name text NOT NULL,
    avatar_path text,
    bio text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    erased_at timestamp with time zone,
    CONSTRAINT profiles_avatar_path_fits CHECK ((char_length(avatar_path) <= 1024)),
    CONSTRAINT profiles_bio_fits CHECK ((char_length(bio) <= 2000)),
    CONSTRAINT profiles_display_name_fits CHECK (((display_name ~ '\S'::text) AND (char_length(display_name) <= 100)))
);

COMMENT ON TABLE public.profiles IS 'How people appear to each other: one row per person, made when their account is.';

COMMENT ON COLUMN public.profiles.id IS 'The account''s id in auth.users. No foreign key: the profile stays, nameless, when the account goes, since messages point here.';

COMMENT ON COLUMN public.profiles.erased_at IS 'When the account was deleted; the profile then names nobody.';

CREATE TABLE public.user_privacy_settings (
    user_id uuid NOT NULL,
    show_typing boolean DEFAULT true NOT NULL,
    show_presence boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.user_privacy_settings IS 'What people show of themselves; without a row, what the defaults say.';

COMMENT ON COLUMN public.user_privacy_settings.show_typing IS 'Whether the others in a conversation hear what one does there besides sending: typing and the like.';

COMMENT ON COLUMN public.user_privacy_settings.show_presence IS 'Whether the others in a conversation see that one is there.';

CREATE TABLE public.user_restrictions (
    id uuid DEFAULT base.uuid7() NOT NULL,
    user_id uuid NOT NULL,
    conversation_id uuid,
    restriction_type text NOT NULL,
    expires_at timestamp with time zone,
    lifted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_restrictions_type_known CHECK ((restriction_type = 'shadow_ban'::text))
);

COMMENT ON TABLE public.user_restrictions IS 'What people may not do, where and until when.';

COMMENT ON COLUMN public.user_restrictions.conversation_id IS 'Where; null means everywhere.';

COMMENT ON COLUMN public.user_restrictions.restriction_type IS 'shadow_ban: what they send is seen by themselves alone, and they are not told.';

COMMENT ON COLUMN public.user_restrictions.expires_at IS 'When it ends by itself; null means never.';

COMMENT ON COLUMN public.user_restrictions.lifted_at IS 'When it was ended early.';

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
    CONSTRAINT jobs_max_attempts_check CHECK ((max_attempts > 0)),
    CONSTRAINT jobs_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'running'::text, 'done'::text, 'dead'::text])))
);

COMMENT ON TABLE walkie.jobs IS 'Effects that are due: mail, texts, calls. A dead one stays for a month, for somebody to look.';

COMMENT ON COLUMN walkie.jobs.kind IS 'What is to be done; a server takes only the kinds it knows.';

COMMENT ON COLUMN walkie.jobs.payload IS 'What the effect needs; emptied when it is done, since it may hold one-time links.';

COMMENT ON COLUMN walkie.jobs.priority IS 'Lower ones come first.';

COMMENT ON COLUMN walkie.jobs.locked_until IS 'When whoever works on it counts as lost.';

COMMENT ON COLUMN walkie.jobs.unique_key IS 'While one of this name is ready or running, another is not taken.';

ALTER TABLE walkie.jobs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME walkie.jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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

ALTER TABLE ONLY app.installed_functions
    ADD CONSTRAINT installed_functions_pkey PRIMARY KEY (signature);

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
    ADD CONSTRAINT mfa_factors_last_challenged_at_key UNIQUE (last_challenged_at);

ALTER TABLE ONLY auth.mfa_factors
    ADD CONSTRAINT mfa_factors_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.mfa_recovery_codes
    ADD CONSTRAINT mfa_recovery_codes_factor_id_code_hash_key UNIQUE (factor_id, code_hash);

ALTER TABLE ONLY auth.mfa_recovery_codes
    ADD CONSTRAINT mfa_recovery_codes_pkey PRIMARY KEY (id);

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

ALTER TABLE ONLY auth.sendings
    ADD CONSTRAINT sendings_pkey PRIMARY KEY (address_hash, purpose);

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_phone_key UNIQUE (phone);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.webauthn_challenges
    ADD CONSTRAINT webauthn_challenges_pkey PRIMARY KEY (id);

ALTER TABLE ONLY auth.webauthn_credentials
    ADD CONSTRAINT webauthn_credentials_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversation_members
    ADD CONSTRAINT conversation_members_pkey PRIMARY KEY (conversation_id, member_id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_one_dm_per_pair UNIQUE (org_id, dm_key);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_slug_unique UNIQUE (org_id, slug);

ALTER TABLE ONLY public.orgs
    ADD CONSTRAINT orgs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.orgs
    ADD CONSTRAINT orgs_slug_unique UNIQUE (slug);

ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_privacy_settings
    ADD CONSTRAINT user_privacy_settings_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.user_restrictions
    ADD CONSTRAINT user_restrictions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY realtime.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id, inserted_at);

ALTER TABLE ONLY realtime.policy_notes
    ADD CONSTRAINT policy_notes_pkey PRIMARY KEY (relation, role);

ALTER TABLE ONLY walkie.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY walkie.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (part);

ALTER TABLE ONLY walkie.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY walkie.platform_history
    ADD CONSTRAINT platform_history_pkey PRIMARY KEY (version);

ALTER TABLE ONLY walkie.product_history
    ADD CONSTRAINT product_history_pkey PRIMARY KEY (version);

CREATE INDEX messages_rev_idx ON ONLY public.messages USING btree (conversation_id, rev);

CREATE INDEX messages_00_conversation_id_rev_idx ON app.messages_00 USING btree (conversation_id, rev);

CREATE INDEX messages_01_conversation_id_rev_idx ON app.messages_01 USING btree (conversation_id, rev);

CREATE INDEX messages_02_conversation_id_rev_idx ON app.messages_02 USING btree (conversation_id, rev);

CREATE INDEX messages_03_conversation_id_rev_idx ON app.messages_03 USING btree (conversation_id, rev);

CREATE INDEX messages_04_conversation_id_rev_idx ON app.messages_04 USING btree (conversation_id, rev);

CREATE INDEX messages_05_conversation_id_rev_idx ON app.messages_05 USING btree (conversation_id, rev);

CREATE INDEX messages_06_conversation_id_rev_idx ON app.messages_06 USING btree (conversation_id, rev);

CREATE INDEX messages_07_conversation_id_rev_idx ON app.messages_07 USING btree (conversation_id, rev);

CREATE INDEX messages_08_conversation_id_rev_idx ON app.messages_08 USING btree (conversation_id, rev);

CREATE INDEX messages_09_conversation_id_rev_idx ON app.messages_09 USING btree (conversation_id, rev);

CREATE INDEX messages_10_conversation_id_rev_idx ON app.messages_10 USING btree (conversation_id, rev);

CREATE INDEX messages_11_conversation_id_rev_idx ON app.messages_11 USING btree (conversation_id, rev);

CREATE INDEX messages_12_conversation_id_rev_idx ON app.messages_12 USING btree (conversation_id, rev);

CREATE INDEX messages_13_conversation_id_rev_idx ON app.messages_13 USING btree (conversation_id, rev);

CREATE INDEX messages_14_conversation_id_rev_idx ON app.messages_14 USING btree (conversation_id, rev);

CREATE INDEX messages_15_conversation_id_rev_idx ON app.messages_15 USING btree (conversation_id, rev);

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

CREATE INDEX sendings_sent_at_idx ON auth.sendings USING btree (sent_at);

CREATE INDEX sessions_not_after_idx ON auth.sessions USING btree (not_after DESC);

CREATE INDEX sessions_user_id_idx ON auth.sessions USING btree (user_id, created_at);

CREATE UNIQUE INDEX unique_phone_factor_per_user ON auth.mfa_factors USING btree (user_id, phone);

CREATE UNIQUE INDEX users_email_partial_key ON auth.users USING btree (email) WHERE (NOT is_sso_user);

COMMENT ON INDEX auth.users_email_partial_key IS 'An address is one account, except that single sign-on may know it a second time.';

CREATE INDEX users_instance_id_email_idx ON auth.users USING btree (instance_id, lower((email)::text));

CREATE INDEX webauthn_challenges_expires_at_idx ON auth.webauthn_challenges USING btree (expires_at);

CREATE INDEX webauthn_challenges_user_id_idx ON auth.webauthn_challenges USING btree (user_id);

CREATE UNIQUE INDEX webauthn_credentials_credential_id_key ON auth.webauthn_credentials USING btree (credential_id);

CREATE INDEX webauthn_credentials_user_id_idx ON auth.webauthn_credentials USING btree (user_id);

CREATE INDEX conversation_members_live_idx ON public.conversation_members USING btree (member_id) INCLUDE (conversation_id) WHERE (left_at IS NULL);

CREATE INDEX profiles_org_id_idx ON public.profiles USING btree (org_id);

CREATE INDEX user_restrictions_conversation_idx ON public.user_restrictions USING btree (conversation_id);

CREATE INDEX user_restrictions_user_idx ON public.user_restrictions USING btree (user_id, restriction_type);

CREATE INDEX messages_inserted_at_topic_index ON ONLY realtime.messages USING btree (inserted_at DESC, topic) WHERE ((extension = 'broadcast'::text) AND private);

CREATE INDEX inbox_recipient_idx ON walkie.inbox USING btree (recipient, id DESC);

CREATE INDEX jobs_due_idx ON walkie.jobs USING btree (priority, run_at) WHERE (state = 'ready'::text);

CREATE INDEX jobs_ended_idx ON walkie.jobs USING btree (done_at) WHERE (state = ANY (ARRAY['done'::text, 'dead'::text]));

CREATE INDEX jobs_lease_idx ON walkie.jobs USING btree (locked_until) WHERE (state = 'running'::text);

CREATE UNIQUE INDEX jobs_unique_key ON walkie.jobs USING btree (unique_key) WHERE (state = ANY (ARRAY['ready'::text, 'running'::text]));

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_00_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_00_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_00_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_00_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_01_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_01_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_01_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_01_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_02_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_02_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_02_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_02_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_03_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_03_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_03_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_03_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_04_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_04_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_04_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_04_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_05_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_05_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_05_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_05_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_06_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_06_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_06_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_06_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_07_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_07_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_07_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_07_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_08_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_08_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_08_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_08_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_09_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_09_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_09_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_09_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_10_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_10_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_10_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_10_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_11_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_11_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_11_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_11_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_12_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_12_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_12_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_12_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_13_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_13_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_13_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_13_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_14_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_14_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_14_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_14_pkey;

ALTER INDEX public.messages_rev_idx ATTACH PARTITION app.messages_15_conversation_id_rev_idx;

ALTER INDEX public.messages_client_id_unique ATTACH PARTITION app.messages_15_conversation_id_sender_id_client_id_key;

ALTER INDEX public.messages_number_unique ATTACH PARTITION app.messages_15_conversation_id_seq_sub_key;

ALTER INDEX public.messages_pkey ATTACH PARTITION app.messages_15_pkey;

CREATE TRIGGER on_auth_users_delete__erase_profile AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION app.erase_profile();

CREATE TRIGGER on_auth_users_insert__make_profile AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION app.make_profile();

CREATE TRIGGER on_sessions_change__audit AFTER INSERT OR DELETE ON auth.sessions FOR EACH ROW EXECUTE FUNCTION auth.audit_session();

CREATE TRIGGER on_sessions_delete__revoke AFTER DELETE ON auth.sessions REFERENCING OLD TABLE AS ended FOR EACH STATEMENT EXECUTE FUNCTION auth.note_ended_sessions();

CREATE TRIGGER on_sessions_update__revoke AFTER UPDATE OF not_after ON auth.sessions FOR EACH ROW WHEN (((new.not_after IS DISTINCT FROM old.not_after) AND (new.not_after <= now()))) EXECUTE FUNCTION auth.note_run_out_session();

CREATE TRIGGER on_users_change__audit AFTER INSERT OR DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.audit_user();

CREATE TRIGGER on_users_delete__bar AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.note_barred_person();

CREATE TRIGGER on_users_insert__lift AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.note_barred_person();

CREATE TRIGGER on_users_update__audit AFTER UPDATE ON auth.users FOR EACH ROW WHEN ((((new.encrypted_password)::text IS DISTINCT FROM (old.encrypted_password)::text) OR ((new.email)::text IS DISTINCT FROM (old.email)::text) OR (new.phone IS DISTINCT FROM old.phone) OR (new.banned_until IS DISTINCT FROM old.banned_until) OR (new.deleted_at IS DISTINCT FROM old.deleted_at) OR ((new.role)::text IS DISTINCT FROM (old.role)::text) OR (new.raw_app_meta_data IS DISTINCT FROM old.raw_app_meta_data))) EXECUTE FUNCTION auth.audit_user();

CREATE TRIGGER on_users_update__bar AFTER UPDATE OF banned_until, deleted_at ON auth.users FOR EACH ROW WHEN (((new.banned_until IS DISTINCT FROM old.banned_until) OR (new.deleted_at IS DISTINCT FROM old.deleted_at))) EXECUTE FUNCTION auth.note_barred_person();

CREATE TRIGGER on_messages_insert__read_own_message AFTER INSERT ON public.messages FOR EACH ROW EXECUTE FUNCTION app.read_own_message();

CREATE TRIGGER on_messages_insert__take_number BEFORE INSERT ON public.messages FOR EACH ROW EXECUTE FUNCTION app.take_number();

CREATE TRIGGER on_messages_update__take_revision BEFORE UPDATE ON public.messages FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION app.take_revision();

CREATE TRIGGER on_jobs_insert__announce AFTER INSERT ON walkie.jobs FOR EACH STATEMENT EXECUTE FUNCTION walkie.announce_jobs();

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

ALTER TABLE ONLY auth.one_time_tokens
    ADD CONSTRAINT one_time_tokens_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES auth.flow_state(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.one_time_tokens
    ADD CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES auth.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.webauthn_challenges
    ADD CONSTRAINT webauthn_challenges_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY auth.webauthn_credentials
    ADD CONSTRAINT webauthn_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_members
    ADD CONSTRAINT conversation_members_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.conversation_members
    ADD CONSTRAINT conversation_members_member_id_fkey FOREIGN KEY (member_id) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id);

ALTER TABLE public.messages
    ADD CONSTRAINT messages_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE public.messages
    ADD CONSTRAINT messages_sender_id_fkey FOREIGN KEY (sender_id) REFERENCES public.profiles(id);

ALTER TABLE ONLY public.profiles
    ADD CONSTRAINT profiles_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.orgs(id);

ALTER TABLE ONLY public.user_privacy_settings
    ADD CONSTRAINT user_privacy_settings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_restrictions
    ADD CONSTRAINT user_restrictions_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES public.conversations(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_restrictions
    ADD CONSTRAINT user_restrictions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE;

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

ALTER TABLE auth.one_time_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.rate_limits ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.refresh_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.revocations ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.sendings ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.webauthn_challenges ENABLE ROW LEVEL SECURITY;

ALTER TABLE auth.webauthn_credentials ENABLE ROW LEVEL SECURITY;

CREATE POLICY "authors correct their own messages" ON public.messages FOR UPDATE TO authenticated USING (((deleted_at IS NULL) AND app.can_edit(conversation_id, sender_id)));

ALTER TABLE public.conversation_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.conversations ENABLE ROW LEVEL SECURITY;

CREATE POLICY "members read messages of their conversations" ON public.messages FOR SELECT TO authenticated USING (app.can_read(conversation_id, chapter, visibility, sender_id));

CREATE POLICY "members read their conversations" ON public.conversations FOR SELECT TO authenticated USING ((id IN ( SELECT app.my_conversations() AS my_conversations)));

CREATE POLICY "members read who is in it with them" ON public.conversation_members FOR SELECT TO authenticated USING (app.is_member(conversation_id));

CREATE POLICY "members speak in their conversations, as themselves" ON public.messages FOR INSERT TO authenticated WITH CHECK (((sender_id = ( SELECT auth.uid() AS uid)) AND app.can_post(conversation_id)));

ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.orgs ENABLE ROW LEVEL SECURITY;

CREATE POLICY "people change their own profile" ON public.profiles FOR UPDATE TO authenticated USING ((id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people change their own settings" ON public.user_privacy_settings FOR UPDATE TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people make their own settings" ON public.user_privacy_settings FOR INSERT TO authenticated WITH CHECK ((user_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read the profiles of their organisation" ON public.profiles FOR SELECT TO authenticated USING ((org_id = ( SELECT app.my_org() AS my_org)));

CREATE POLICY "people read their own memberships, ended ones too" ON public.conversation_members FOR SELECT TO authenticated USING ((member_id = ( SELECT auth.uid() AS uid)));

CREATE POLICY "people read their own organisation" ON public.orgs FOR SELECT TO authenticated USING ((id = ( SELECT app.my_org() AS my_org)));

CREATE POLICY "people read their own settings" ON public.user_privacy_settings FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_privacy_settings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_restrictions ENABLE ROW LEVEL SECURITY;

CREATE POLICY "members listen to their conversation" ON realtime.messages FOR SELECT TO authenticated USING (((extension = ANY (ARRAY['broadcast'::text, 'presence'::text])) AND (topic = ( SELECT realtime.topic() AS topic)) AND app.is_member(app.conversation_of_topic(( SELECT realtime.topic() AS topic)))));

CREATE POLICY "members send to their conversation" ON realtime.messages FOR INSERT TO authenticated WITH CHECK (((topic = ( SELECT realtime.topic() AS topic)) AND app.may_signal(app.conversation_of_topic(( SELECT realtime.topic() AS topic)), extension)));

ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY;

CREATE PUBLICATION supabase_realtime WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true, publish_generated_columns = stored);

COMMENT ON PUBLICATION supabase_realtime IS 'Tables in it reach subscribers live. Add yours: alter publication supabase_realtime add table ...';

CREATE PUBLICATION supabase_realtime_messages_publication WITH (publish = 'insert', publish_via_partition_root = true);

COMMENT ON PUBLICATION supabase_realtime_messages_publication IS 'What realtime.send writes, for the server to hand to the channels.';

CREATE PUBLICATION walkie_policies WITH (publish = 'insert, update, delete, truncate');

COMMENT ON PUBLICATION walkie_policies IS 'Tables that row policies read and that nobody follows. The server adds and removes them itself; only to make one unlogged, take it out first.';

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.conversation_members;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.conversations;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.messages;

ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.profiles;

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

GRANT USAGE ON SCHEMA walkie TO PUBLIC;
GRANT USAGE ON SCHEMA walkie TO authenticator;
GRANT USAGE ON SCHEMA walkie TO supabase_auth_admin;

GRANT SELECT ON TABLE public.conversation_members TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.conversation_members TO service_role;

REVOKE ALL ON FUNCTION app.admit(p_conversation uuid, p_members uuid[], p_role text, p_from_the_start boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_delete(p_conversation uuid, p_sender uuid) TO service_role;

REVOKE ALL ON FUNCTION app.can_edit(p_conversation uuid, p_sender uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_edit(p_conversation uuid, p_sender uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_edit(p_conversation uuid, p_sender uuid) TO service_role;

REVOKE ALL ON FUNCTION app.can_manage(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_manage(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_manage(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION app.can_message(p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.can_post(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_post(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_post(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) TO authenticated;
GRANT ALL ON FUNCTION app.can_read(p_conversation uuid, p_chapter integer, p_visibility text, p_sender uuid) TO service_role;

REVOKE ALL ON FUNCTION app.close_functions() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.conversation_of_topic(p_topic text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.conversation_of_topic(p_topic text) TO authenticated;
GRANT ALL ON FUNCTION app.conversation_of_topic(p_topic text) TO service_role;

REVOKE ALL ON FUNCTION app.display_name(p_said_of_self jsonb, p_email text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.end_membership(p_conversation uuid, p_member uuid, p_by uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.erase_profile() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.first_org() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.is_member(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.is_member(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION app.is_member(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION app.is_shadow_banned(p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.make_profile() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.may_signal(p_conversation uuid, p_extension text) FROM PUBLIC;
GRANT ALL ON FUNCTION app.may_signal(p_conversation uuid, p_extension text) TO authenticated;
GRANT ALL ON FUNCTION app.may_signal(p_conversation uuid, p_extension text) TO service_role;

REVOKE ALL ON FUNCTION app.me() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.my_conversations() FROM PUBLIC;
GRANT ALL ON FUNCTION app.my_conversations() TO authenticated;
GRANT ALL ON FUNCTION app.my_conversations() TO service_role;

REVOKE ALL ON FUNCTION app.my_org() FROM PUBLIC;
GRANT ALL ON FUNCTION app.my_org() TO authenticated;
GRANT ALL ON FUNCTION app.my_org() TO service_role;

REVOKE ALL ON FUNCTION app.preview(p_body text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.read_own_message() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION app.refuse_message(p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION app.require_can_message(p_from uuid, p_to uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.require_manager(p_conversation uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.reset(p_table regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.slug(p_title text) FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take_number() FROM PUBLIC;

REVOKE ALL ON FUNCTION app.take_revision() FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.audit(action text, person uuid, log_type text, ip text) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.check_sign_up(email text) FROM PUBLIC;

REVOKE ALL ON FUNCTION auth.count_failure(p_endpoint text, p_account text) FROM PUBLIC;

GRANT ALL ON FUNCTION auth.email() TO anon;
GRANT ALL ON FUNCTION auth.email() TO authenticated;
GRANT ALL ON FUNCTION auth.email() TO service_role;

REVOKE ALL ON FUNCTION auth.end_my_session(session uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.end_my_session(session uuid) TO authenticated;
GRANT ALL ON FUNCTION auth.end_my_session(session uuid) TO service_role;

REVOKE ALL ON FUNCTION auth.end_session(person uuid, session uuid) FROM PUBLIC;

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

REVOKE ALL ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[]) TO authenticated;
GRANT ALL ON FUNCTION public.add_members(p_conversation uuid, p_members uuid[]) TO service_role;

GRANT SELECT ON TABLE public.conversations TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.conversations TO service_role;

REVOKE ALL ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text) TO authenticated;
GRANT ALL ON FUNCTION public.create_group(p_title text, p_members uuid[], p_kind text) TO service_role;

GRANT SELECT ON TABLE public.messages TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.messages TO service_role;

GRANT INSERT(conversation_id) ON TABLE public.messages TO authenticated;

GRANT INSERT(client_id) ON TABLE public.messages TO authenticated;

GRANT INSERT(body),UPDATE(body) ON TABLE public.messages TO authenticated;

GRANT INSERT(reply_to_id) ON TABLE public.messages TO authenticated;

REVOKE ALL ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid) TO authenticated;
GRANT ALL ON FUNCTION public.delete_message(p_conversation uuid, p_message uuid) TO service_role;

REVOKE ALL ON FUNCTION public.delete_my_account() FROM PUBLIC;
GRANT ALL ON FUNCTION public.delete_my_account() TO authenticated;
GRANT ALL ON FUNCTION public.delete_my_account() TO service_role;

REVOKE ALL ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) TO authenticated;
GRANT ALL ON FUNCTION public.edit_message(p_conversation uuid, p_message uuid, p_body text) TO service_role;

REVOKE ALL ON FUNCTION public.get_conversations(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_conversations(p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.get_conversations(p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.get_messages(p_conversation uuid, p_before_seq bigint, p_after_seq bigint, p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION public.get_or_create_conversation(p_other uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.get_or_create_conversation(p_other uuid) TO authenticated;
GRANT ALL ON FUNCTION public.get_or_create_conversation(p_other uuid) TO service_role;

REVOKE ALL ON FUNCTION public.join_room(p_slug text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.join_room(p_slug text) TO authenticated;
GRANT ALL ON FUNCTION public.join_room(p_slug text) TO service_role;

REVOKE ALL ON FUNCTION public.leave_conversation(p_conversation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.leave_conversation(p_conversation uuid) TO authenticated;
GRANT ALL ON FUNCTION public.leave_conversation(p_conversation uuid) TO service_role;

REVOKE ALL ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) TO authenticated;
GRANT ALL ON FUNCTION public.mark_read(p_conversation uuid, p_seq bigint) TO service_role;

REVOKE ALL ON FUNCTION public.my_sessions() FROM PUBLIC;
GRANT ALL ON FUNCTION public.my_sessions() TO authenticated;
GRANT ALL ON FUNCTION public.my_sessions() TO service_role;

REVOKE ALL ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) TO authenticated;
GRANT ALL ON FUNCTION public.remove_member(p_conversation uuid, p_member uuid) TO service_role;

REVOKE ALL ON FUNCTION public.revoke_session(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.revoke_session(id uuid) TO authenticated;
GRANT ALL ON FUNCTION public.revoke_session(id uuid) TO service_role;

REVOKE ALL ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid) TO authenticated;
GRANT ALL ON FUNCTION public.send_message(p_conversation_id uuid, p_body text, p_client_id uuid, p_reply_to uuid) TO service_role;

REVOKE ALL ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.sync_conversation(p_conversation uuid, p_since_rev bigint, p_limit integer) TO service_role;

REVOKE ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) TO anon;
GRANT ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) TO authenticated;
GRANT ALL ON FUNCTION realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text) TO service_role;

REVOKE ALL ON FUNCTION realtime.drop_partitions(older_than interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.ensure_partitions() FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.explain(p_table regclass, p_key jsonb, p_role text, p_claims jsonb, p_event text, p_row text, p_search_path text) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.explain(p_table regclass, p_key jsonb, p_role text, p_claims jsonb, p_event text, p_row text, p_search_path text) TO authenticator;

REVOKE ALL ON FUNCTION realtime.is_watchable(p_table oid) FROM PUBLIC;

REVOKE ALL ON FUNCTION realtime.judge(p_table regclass, p_condition text, p_row text, p_role text, p_claims text, p_search_path text, OUT verdict boolean, OUT failure text, OUT took_ms integer) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.judge(p_table regclass, p_condition text, p_row text, p_role text, p_claims text, p_search_path text, OUT verdict boolean, OUT failure text, OUT took_ms integer) TO authenticator;

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

GRANT ALL ON FUNCTION realtime.topic() TO anon;
GRANT ALL ON FUNCTION realtime.topic() TO authenticated;
GRANT ALL ON FUNCTION realtime.topic() TO service_role;

REVOKE ALL ON FUNCTION realtime.watch(p_tables oid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION realtime.watch(p_tables oid[]) TO authenticator;

REVOKE ALL ON FUNCTION walkie.announce_jobs() FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.claim_jobs(worker text, kinds text[], up_to integer, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.claim_jobs(worker text, kinds text[], up_to integer, lease interval) TO authenticator;

REVOKE ALL ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) TO authenticator;
GRANT ALL ON FUNCTION walkie.enqueue_job(kind text, payload jsonb, run_at timestamp with time zone, unique_key text, max_attempts integer, priority integer) TO supabase_auth_admin;

REVOKE ALL ON FUNCTION walkie.fail_job(job bigint, worker text, attempt integer, error text, is_final boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.fail_job(job bigint, worker text, attempt integer, error text, is_final boolean) TO authenticator;

REVOKE ALL ON FUNCTION walkie.finish_job(job bigint, worker text, attempt integer) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.finish_job(job bigint, worker text, attempt integer) TO authenticator;

REVOKE ALL ON FUNCTION walkie.receive_mail(sender text, recipient text, subject text, plain text, html text) FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.receive_mail(sender text, recipient text, subject text, plain text, html text) TO authenticator;

REVOKE ALL ON FUNCTION walkie.retry_job(job bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION walkie.sweep_jobs() FROM PUBLIC;
GRANT ALL ON FUNCTION walkie.sweep_jobs() TO authenticator;

GRANT SELECT ON TABLE public.orgs TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.orgs TO service_role;

GRANT SELECT ON TABLE public.profiles TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.profiles TO service_role;

GRANT UPDATE(display_name) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(avatar_path) ON TABLE public.profiles TO authenticated;

GRANT UPDATE(bio) ON TABLE public.profiles TO authenticated;

GRANT SELECT ON TABLE public.user_privacy_settings TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_privacy_settings TO service_role;

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(show_typing),UPDATE(show_typing) ON TABLE public.user_privacy_settings TO authenticated;

GRANT INSERT(show_presence),UPDATE(show_presence) ON TABLE public.user_privacy_settings TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_restrictions TO service_role;

GRANT SELECT ON TABLE realtime.compiled_policies TO service_role;

GRANT SELECT,INSERT,UPDATE ON TABLE realtime.messages TO anon;
GRANT SELECT,INSERT,UPDATE ON TABLE realtime.messages TO authenticated;
GRANT SELECT,INSERT,UPDATE ON TABLE realtime.messages TO service_role;

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

