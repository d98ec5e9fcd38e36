-- Uploads over S3 that come in parts. Their parts are in the ledger as bytes that are being written,
-- so those of an upload that is never completed are swept away with all that is left behind.

create or replace function storage.doom_part()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform storage.give_up_blob(old.version);
  return null;
end
$$;
comment on function storage.doom_part() is 'Lets go of the bytes of a part that was joined, replaced or given up.';

create or replace trigger on_s3_multipart_uploads_parts_delete__doom_part
after delete on storage.s3_multipart_uploads_parts
for each row execute function storage.doom_part();

create or replace function storage.put_part(upload uuid, number integer, version uuid, size bigint, etag text,
                                            checksum text, max_bytes bigint)
returns boolean
language plpgsql
set search_path = ''
as $$
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
comment on function storage.put_part(uuid, integer, uuid, bigint, text, text, bigint) is
  'Takes an upload, the number of a part, its bytes, and how many bytes all parts may be; keeps it in place of one of that number, and gives whether there still is such an upload. Errors: PT413.';

create or replace function storage.claim_upload(upload uuid, version uuid)
returns text
language plpgsql
set search_path = ''
as $$
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
comment on function storage.claim_upload(uuid, uuid) is
  'Takes an upload and the bytes in which its parts are joined; gives ours where these may become the object, busy or done where those of somebody else do, and null where there is no such upload.';

create or replace function storage.expire_uploads()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  gone integer;
begin
  delete from storage.s3_multipart_uploads where until <= now();
  get diagnostics gone = row_count;
  return gone;
end
$$;
comment on function storage.expire_uploads() is 'Gives up uploads whose time is over, with their parts; gives how many.';

revoke execute on function storage.doom_part, storage.put_part, storage.claim_upload, storage.expire_uploads from public;
