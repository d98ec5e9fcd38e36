-- Files with messages: what a message shows, and what becomes of that.

create or replace function app.attachment(p_version public.file_versions, p_alt_text text)
returns jsonb
language sql immutable
set search_path = ''
as $$
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
comment on function app.attachment(public.file_versions, text) is
  'Takes a version of a file and what it shows in words; gives what a message says of it.';

create or replace function app.attachments(p_conversation uuid, p_wished jsonb)
returns jsonb
language plpgsql stable
security definer set search_path = ''  -- looks at files that the sender may not see, to say so
as $$
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
comment on function app.attachments(uuid, jsonb) is
  'Takes a conversation and a list of {"file_id", "version", "alt_text"}, version being the current one unless given; gives what a message says of them, if the person asking may show them there. Errors: PT422 bad_attachment or too_many.';

create or replace function app.hang_attachments()
returns trigger
language plpgsql
security definer set search_path = ''  -- attachments are nobody's to write directly
as $$
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
comment on function app.hang_attachments() is
  'Trigger: the files of a message are listed, and can be had by whoever reads it.';

create or replace trigger on_messages_insert__hang_attachments
after insert on public.messages
for each row when (new.attachments <> '[]')
execute function app.hang_attachments();

create or replace function app.lock_showing(p_file uuid)
returns void
language plpgsql
security definer set search_path = ''  -- locks what others wrote
as $$
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
comment on function app.lock_showing(uuid) is
  'Takes a file that is about to change; locks the messages that show it, then its conversation, as everything does that changes a message.';

create or replace function app.retell_attachments()
returns trigger
language plpgsql
security definer set search_path = ''  -- what messages say of files is nobody's to write directly
as $$
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
comment on function app.retell_attachments() is
  'Trigger: messages say of a file what has become of it, and change by that.';

create or replace trigger on_file_versions_update__retell
after update of scan_status, object_version, width on public.file_versions
for each row when (old.scan_status is distinct from new.scan_status
                   or old.object_version is distinct from new.object_version
                   or old.width is distinct from new.width)
execute function app.retell_attachments();

create or replace function app.pass_on(p_attachments jsonb, p_to uuid)
returns jsonb
language plpgsql
security definer set search_path = ''  -- files are nobody's to write directly
as $$
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
comment on function app.pass_on(jsonb, uuid) is
  'Takes what a message shows and a conversation; makes files of the same bytes there, as the person asking, and gives what a message there shows. Errors: those of app.file_refusal, PT413 quota_full, PT422 files_stay where one is not there, is not clean, or is of another organisation.';

create or replace function app.drop_attachments()
returns trigger
language plpgsql
security definer set search_path = ''  -- attachments are nobody's to write directly
as $$
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
comment on function app.drop_attachments() is
  'Trigger: a message that is taken back shows no files, and those that were brought for it alone go.';

create or replace trigger on_messages_delete__drop_attachments
after update on public.messages
for each row when (old.deleted_at is null and new.deleted_at is not null and old.attachments <> '[]')
execute function app.drop_attachments();
