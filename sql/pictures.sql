-- Pictures: how large they are, and what is taken out of them before others have them.

create or replace function app.is_picture(p_type text)
returns boolean
language sql immutable
set search_path = ''
as $$
  select p_type in ('image/jpeg', 'image/png', 'image/webp')
$$;
comment on function app.is_picture(text) is 'Takes a type; tells whether pictures of it are looked at, and can be stripped.';

create or replace function app.begin_looking(p_version uuid, p_is_picture boolean, p_is_raw boolean)
returns text
language plpgsql
security definer set search_path = ''  -- asks for an effect
as $$
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
comment on function app.begin_looking(uuid, boolean, boolean) is
  'Takes bytes that have arrived, whether they are a picture and whether it must be stripped; has them looked at, and gives the status that they have until then.';

create or replace function app.take_picture()
returns trigger
language plpgsql
security definer set search_path = ''  -- files are nobody's to write directly
as $$
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
comment on function app.take_picture() is
  'Trigger: what was found out about a picture holds for the versions of files that have it; one that is stripped is there for others.';

create or replace trigger on_objects_update__take_picture
after update of version, metadata on storage.objects
for each row when (new.bucket_id = 'chat' and old.metadata is distinct from new.metadata and new.metadata ? 'width')
execute function app.take_picture();

create or replace function public.thumb_path(public.file_versions)
returns text
language sql immutable
set search_path = ''
as $$
  -- An address that names the bytes may be kept for ever.
  select case when $1.width is not null and $1.object_version is not null
              then format('render/image/authenticated/chat/%s?width=320&height=320&resize=contain&versionId=%s',
                          $1.object_path, $1.object_version) end
$$;
comment on function public.thumb_path(public.file_versions) is
  'Takes a version of a file; gives where below /storage/v1 a picture of it is at most 320 pixels wide and high, null when there is none.';

create or replace function public.avatar_url(public.profiles)
returns text
language sql stable
security definer set search_path = ''  -- what servers offer is nobody's to read
as $$
  select walkie.offered('media_url') || '/storage/v1/object/public/avatars/' || $1.avatar_path
$$;
comment on function public.avatar_url(public.profiles) is
  'Takes somebody; gives the address of their picture, where the operator has media served from; null when they have none.';
