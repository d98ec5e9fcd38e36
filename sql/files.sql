-- Files of conversations: asking, bringing, versions, deleting.
-- An upload is asked for, and gets a path that only the one who asked may fill. The version is made
-- when the object is: in its transaction, so that no file is without bytes and no bytes without file.

create or replace function app.object_name(p_name text)
returns text
language sql immutable
set search_path = ''
as $$
  -- What an object's name must not have in it, and what a path would take for a step.
  select case when safe.name ~ '^[. ]*$' then 'file' else safe.name end
    from (select btrim(left(regexp_replace(p_name, '[][{}|<>"#%\\^~`/[:cntrl:]]+', '_', 'g'), 120)) as name) safe
$$;
comment on function app.object_name(text) is 'Takes a file''s name; gives the last part of its object''s path.';

create or replace function public.request_upload(
  p_conversation uuid,
  p_name text,
  p_size bigint,
  p_mime text default null,
  p_file uuid default null,
  p_folder text default '',
  p_note text default null,
  p_sha256 text default null
)
returns jsonb
language plpgsql
security definer set search_path = ''  -- what is let in is nobody's to write
as $$
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
$$;
comment on function public.request_upload(uuid, text, bigint, text, uuid, text, text, text) is
  'Takes a conversation, a file''s name, its size in bytes, its type, the file of which it is the next version, a folder, a note and its SHA-256 in hex, of which the last six may be left out; gives {"upload_id", "file_id", "bucket", "path", "expires_at", "max_bytes"}: upload to that path within a day, by whichever way. Errors: PT401 signed_out, 42501 as send_message or no_files, PT404 no_such_file, PT413 file_too_large or quota_full, PT415 bad_file_type, PT422 bad_file_name, too_long or too_many, PT429 rate_limited.';

create or replace function app.forget_uploads()
returns void
language sql
security definer set search_path = ''  -- what is let in is nobody's to write
as $$
  delete from app.file_uploads u where u.expires_at <= app.now()
$$;
comment on function app.forget_uploads() is 'Forgets uploads that were asked for and never came. For a schedule.';
select walkie.schedule('forget uploads', 'app.forget_uploads', interval '10 minutes');

create or replace function app.promised_type(p_name text, p_said text)
returns text
language sql stable
security definer set search_path = ''  -- as file_type
as $$
  select coalesce((select t.mime_type
                     from app.file_types t
                    where t.extension = lower(substring(p_name from '\.([[:alnum:]]{1,16})$'))),
                  p_said, 'application/octet-stream')
$$;
comment on function app.promised_type(text, text) is
  'Takes a file''s name and the type that its uploader says; gives the type that it should then be.';

create or replace function app.may_upload(p_path text)
returns boolean
language sql
security definer set search_path = ''  -- what is let in is nobody's to read
as $$
  select exists (
    select
      from app.file_uploads u
     where u.path = p_path
       and u.expires_at > app.now()
       and case when u.brought_by is null
                then u.uploader_id = (select auth.uid()) and app.file_refusal(u.conversation_id) is null
                else u.brought_by = (select auth.uid()) and app.file_refusal_of(u.uploader_id, u.conversation_id) is null end)
$$;
comment on function app.may_upload(text) is
  'Takes a path in bucket chat; tells whether the person asking was given it by request_upload, and may still put files there.';

create or replace function app.may_download(p_path text, p_object_version text)
returns boolean
language sql stable
security definer set search_path = ''  -- the policy of objects asks it, and must not depend on those of files
as $$
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
comment on function app.may_download(text, text) is
  'Takes a path in bucket chat and which bytes are there; tells whether the person asking may have them: whoever reads the conversation of the file has what was found clean, its uploader also what was not looked at yet, and of what is infected only superadmins of the organisation have anything.';

create or replace function app.is_arriving(p_version text)
returns boolean
language sql stable
security definer set search_path = ''  -- the ledger is nobody's to read
as $$
  select exists (
    select
      from storage.blobs b
     where b.version = case when p_version ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_version::uuid end)
$$;
comment on function app.is_arriving(text) is
  'Takes an object''s version; tells whether there are bytes of it, or will be.';

create or replace function app.take_upload()
returns trigger
language plpgsql
security definer set search_path = ''  -- files are nobody's to write directly
as $$
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
$$;
comment on function app.take_upload() is
  'Trigger: an object that was let in becomes the next version of its file, if it is what was announced and what the organisation takes. Errors: those of app.file_refusal, PT404 no_such_file, PT413 file_too_large or quota_full, PT415 bad_file_type, PT422 bad_checksum.';

create or replace trigger on_objects_insert__take_upload
before insert on storage.objects
for each row when (new.bucket_id = 'chat')
execute function app.take_upload();

create or replace function app.publish_version()
returns trigger
language plpgsql
security definer set search_path = ''  -- files are nobody's to write directly
as $$
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
comment on function app.publish_version() is 'Trigger: a file is the newest of its versions that others may have, or nothing yet.';

create or replace trigger on_file_versions_insert__publish
after insert on public.file_versions
for each row execute function app.publish_version();
create or replace trigger on_file_versions_update__publish
after update of scan_status, object_version on public.file_versions
for each row when (old.scan_status is distinct from new.scan_status
                   or (old.object_version is null) <> (new.object_version is null))
execute function app.publish_version();

create or replace function public.complete_upload(p_upload uuid)
returns public.file_versions
language plpgsql stable
security definer set search_path = ''  -- looks into what was let in
as $$
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
comment on function public.complete_upload(uuid) is
  'Takes an upload that request_upload gave; gives the version that it became. Errors: PT401 signed_out, PT404 no_such_upload, PT409 not_uploaded while the bytes are not all there.';

create or replace function app.readable_file(p_file uuid)
returns public.files
language plpgsql stable
security definer set search_path = ''  -- calls of different rights ask it; the answer must not depend on that
as $$
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
comment on function app.readable_file(uuid) is
  'Takes a file; gives it if it is there and the person asking can see it. Errors: PT404 no_such_file.';

create or replace function public.file_history(p_file uuid)
returns setof public.file_versions
language plpgsql stable
as $$
begin
  perform app.readable_file(p_file);
  return query
    select v.*
      from public.file_versions v
     where v.file_id = p_file
     order by v.version desc;
end
$$;
comment on function public.file_history(uuid) is
  'Takes a file; gives its versions that the caller may have, the newest first, with who brought each and when. Errors: PT404 no_such_file.';

create or replace function public.restore_file_version(p_file uuid, p_version integer)
returns public.file_versions
language plpgsql
security definer set search_path = ''  -- files are nobody's to write directly
as $$
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
comment on function public.restore_file_version(uuid, integer) is
  'Takes a file and one of its versions; makes a new version that holds the same, and gives it. Errors: PT401 signed_out, 42501 as request_upload, PT404 no_such_file.';

create or replace function public.list_files(
  p_conversation uuid,
  p_folder text default null,
  p_limit integer default 50,
  p_before timestamptz default null
)
returns setof public.files
language sql stable
as $$
  select f.*
    from public.files f
   where f.conversation_id = p_conversation
     and f.deleted_at is null
     and (p_folder is null or f.folder = p_folder)
     and (p_before is null or f.updated_at < p_before)
   order by f.updated_at desc, f.id desc
   limit least(greatest(p_limit, 0), 500)
$$;
comment on function public.list_files(uuid, text, integer, timestamptz) is
  'Takes a conversation, a folder (else all), how many (at most 500) and an updated_at to go on from; gives files, the latest changed first. An outsider gets none.';

create or replace function public.list_folders(p_conversation uuid)
returns table (folder text, files bigint, updated_at timestamptz)
language sql stable
as $$
  select f.folder, count(*), max(f.updated_at)
    from public.files f
   where f.conversation_id = p_conversation
     and f.deleted_at is null
   group by f.folder
   order by f.folder
   limit 1000
$$;
comment on function public.list_folders(uuid) is
  'Takes a conversation; gives the folders of its files, up to 1000, with how many files are in each and when one was last changed. An outsider gets none.';

create or replace function app.check_file_name()
returns trigger
language plpgsql
security definer set search_path = ''  -- asks file_type, which people may not
as $$
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
comment on function app.check_file_name() is
  'Trigger: a file''s new name does not end as if it were of another kind. Errors: PT415 bad_file_type.';

create or replace trigger on_files_update__check_name
before update of name, folder on public.files
for each row when (old.name is distinct from new.name or old.folder is distinct from new.folder)
execute function app.check_file_name();

create or replace function public.delete_file(p_file uuid)
returns public.files
language plpgsql
security definer set search_path = ''  -- deleted_at is nobody's to write directly
as $$
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
comment on function public.delete_file(uuid) is
  'Takes a file of the caller''s own, or any if they moderate; removes it and all that its versions held, for good. Messages keep a mark where it was. Errors: PT401 signed_out, PT403 not_your_file, PT404 no_such_file.';

create or replace function app.drop_file(p_file uuid)
returns public.files
language plpgsql
security definer set search_path = ''  -- for those who have asked whether they may
as $$
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
comment on function app.drop_file(uuid) is 'Takes a file; removes it and all that its versions held, and gives what remains.';

create or replace function app.is_held_elsewhere(p_path text, p_file uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- looks at the files of all
as $$
  select exists (select
                   from public.file_versions v
                  where v.object_path = p_path
                    and v.file_id <> p_file
                    and v.object_version is not null)
$$;
comment on function app.is_held_elsewhere(text, uuid) is
  'Takes a path in bucket chat and a file; tells whether another file has the same bytes, since it was passed on.';

create or replace function app.drop_objects(p_paths text[])
returns void
language plpgsql
security definer set search_path = ''  -- objects are removed for those who may not do it by themselves
as $$
declare
  before text := coalesce(current_setting('storage.allow_delete_query', true), '');
begin
  perform set_config('storage.allow_delete_query', 'true', true);
  delete from storage.objects o where o.bucket_id = 'chat' and o.name = any (p_paths);
  perform set_config('storage.allow_delete_query', before, true);
end
$$;
comment on function app.drop_objects(text[]) is 'Takes paths in bucket chat; removes what is there.';

create or replace function app.forget_bytes()
returns trigger
language plpgsql
security definer set search_path = ''  -- files are nobody's to write directly
as $$
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
comment on function app.forget_bytes() is
  'Trigger: when an object goes, however that happens, the versions that it held are empty and its bytes are counted no more.';

create or replace trigger on_objects_delete__forget_bytes
after delete on storage.objects
for each row when (old.bucket_id = 'chat')
execute function app.forget_bytes();

create or replace function app.drop_conversation_objects()
returns trigger
language plpgsql
security definer set search_path = ''  -- as drop_objects
as $$
begin
  perform app.count_bytes(old.org_id, old.uploaded_by, -old.size_bytes)
    where old.object_version is not null and old.restored_from is null;
  perform app.drop_objects(array[old.object_path])
    where not app.is_held_elsewhere(old.object_path, old.file_id);
  return null;
end
$$;
comment on function app.drop_conversation_objects() is
  'Trigger: what a conversation held goes with it when it is deleted for good.';

create or replace trigger on_file_versions_delete__drop_objects
after delete on public.file_versions
for each row execute function app.drop_conversation_objects();
