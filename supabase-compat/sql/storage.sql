-- Files: what policies ask, how a write is tried and kept, and how bytes are let go of.
--
-- What writes rows of objects leaves the search path as it is, since people's triggers and policies
-- run inside of it and find their tables there.
--
-- Bytes are never written inside of a transaction. First a write is tried as the person and undone,
-- and the ledger learns of the bytes to come; then they are written; then one transaction makes
-- the row. Whatever is cut off in between is in the ledger and swept away.

create or replace function storage.foldername(name text)
returns text[]
language sql immutable parallel safe
set search_path = ''
as $$
  select (string_to_array(name, '/'))[:cardinality(string_to_array(name, '/')) - 1]
$$;
comment on function storage.foldername(text) is 'Takes the name of an object; gives the folders it is in, the outermost first.';

create or replace function storage.filename(name text)
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select split_part(name, '/', -1)
$$;
comment on function storage.filename(text) is 'Takes the name of an object; gives its last part.';

create or replace function storage.extension(name text)
returns text
language sql immutable parallel safe
set search_path = ''
as $$
  select split_part(split_part(name, '/', -1), '.', -1)
$$;
comment on function storage.extension(text) is 'Takes the name of an object; gives what follows its last dot.';

create or replace function storage.operation()
returns text
language sql stable
set search_path = ''
as $$
  select nullif(current_setting('storage.operation', true), '')
$$;
comment on function storage.operation() is
  'Gives what is being done, such as storage.object.upload, or null outside of a request of Storage.';

create or replace function storage.allow_only_operation(expected_operation text)
returns boolean
language sql stable
set search_path = ''
as $$
  select coalesce(storage.operation() in (expected_operation, 'storage.' || expected_operation), false)
$$;
comment on function storage.allow_only_operation(text) is
  'Takes an operation, with or without the leading storage.; gives whether it is this one that is being done.';

create or replace function storage.allow_any_operation(expected_operations text[])
returns boolean
language sql stable
set search_path = ''
as $$
  select coalesce(bool_or(storage.allow_only_operation(expected)), false)
    from unnest(expected_operations) expected
$$;
comment on function storage.allow_any_operation(text[]) is 'The same for several operations: whether it is one of them.';

create or replace function storage.get_size_by_bucket()
returns table (size bigint, bucket_id text)
language sql stable
set search_path = ''
as $$
  select coalesce(sum((o.metadata ->> 'size')::bigint), 0)::bigint, o.bucket_id
    from storage.objects o
   group by o.bucket_id
$$;
comment on function storage.get_size_by_bucket() is 'Gives how many bytes are in each bucket, as far as the caller sees the objects.';

create or replace function storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb)
returns void
language plpgsql
as $$
begin
  insert into storage.objects (bucket_id, name, owner, metadata) values (bucketid, name, owner, metadata);
  raise sqlstate 'PT200' using message = 'ROLLBACK', detail = 'rollback successful insert';
end
$$;
comment on function storage.can_insert_object(text, text, uuid, jsonb) is
  'Tries an insert as the caller and always undoes it. Errors: PT200 where it would have succeeded, else what refused it.';

-- A write is tried as the person: policies, constraints and their own triggers before the row speak
-- here. The first trigger after the row ends the trial, so that no other one hears of a row that is
-- not going to be.

create or replace function storage.end_trial()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if current_setting('storage.is_trial', true) = 'true' then
    raise sqlstate 'WKT00' using message = 'the trial succeeded';
  end if;
  return null;
end
$$;
comment on function storage.end_trial() is 'Undoes a write that was only tried.';

create or replace trigger "!end_trial"
after insert or update on storage.objects
for each row execute function storage.end_trial();

create or replace function storage.is_public(bucket text)
returns boolean
language sql stable
security definer set search_path = ''   -- people see a bucket's objects without seeing the bucket
as $$
  select b.public from storage.buckets b where b.id = bucket
$$;
comment on function storage.is_public(text) is 'Takes a bucket; gives whether everybody may read it, or null where there is none.';

create or replace function storage.iso(at timestamptz)
returns text
language sql stable
set search_path = ''
as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
comment on function storage.iso(timestamptz) is 'Takes a moment; gives it as the API writes it.';

create or replace function storage.is_gone(bucket text, object_name text)
returns boolean
language sql stable
security definer set search_path = ''   -- what is gone is hidden from people, and their name is free again
as $$
  select exists (select
                   from storage.objects o
                  where o.bucket_id = bucket and o.name = object_name and o.archived_at is null
                    and (o.is_delete_marker or o.expires_at <= now()))
$$;
comment on function storage.is_gone(text, text) is
  'Takes a bucket and a name; gives whether an object of that name was there and is deleted or expired.';

create or replace function storage.try_write(object jsonb, is_upsert boolean)
returns void
language plpgsql
as $$
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
comment on function storage.try_write(jsonb, boolean) is
  'Takes a row as JSON and whether it may overwrite; tries to write it as the caller and undoes it. Errors: what refused it: 42501, 23505, PT413.';

create or replace function storage.is_taken(version text)
returns boolean
language sql stable
security definer set search_path = ''   -- people may not read the ledger
as $$
  select exists (select from storage.blobs b where b.version::text = is_taken.version)
$$;
comment on function storage.is_taken(text) is 'Takes a version; gives whether there are bytes of that name.';

create or replace function storage.guard_version()
returns trigger
language plpgsql
set search_path = ''
as $$
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
comment on function storage.guard_version() is 'Keeps people from taking bytes by naming them in SQL.';

create or replace trigger guard_version
before insert or update of version on storage.objects
for each row when (new.version is not null)
execute function storage.guard_version();

create or replace function storage.stamp_update()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function storage.stamp_update() is 'Notes when a row was last changed.';

create or replace trigger update_objects_updated_at
before update on storage.objects
for each row execute function storage.stamp_update();

create or replace trigger update_buckets_updated_at
before update on storage.buckets
for each row execute function storage.stamp_update();

create or replace function storage.protect_delete()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(current_setting('storage.allow_delete_query', true), 'false') <> 'true' then
    raise insufficient_privilege using
      message = format('Direct deletion from storage.%I is not allowed. Use the Storage API instead.', tg_table_name),
      hint = 'set storage.allow_delete_query = true where you mean it: bytes of deleted objects are removed too.';
  end if;
  return null;
end
$$;
comment on function storage.protect_delete() is 'Keeps people from deleting files by a slip in SQL.';

create or replace trigger protect_objects_delete
before delete on storage.objects
for each statement execute function storage.protect_delete();

create or replace trigger protect_buckets_delete
before delete on storage.buckets
for each statement execute function storage.protect_delete();

create or replace function storage.doom_version()
returns trigger
language plpgsql
security definer set search_path = ''   -- whoever may delete an object may not touch the ledger
as $$
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
$$;
comment on function storage.doom_version() is 'Lets go of bytes that no object has any more, whoever deleted it and however.';

create or replace trigger on_objects_delete__doom_version
after delete on storage.objects
for each row execute function storage.doom_version();

create or replace trigger on_objects_update__doom_version
after update of version on storage.objects
for each row when (old.version is distinct from new.version)
execute function storage.doom_version();

create or replace trigger protect_objects_truncate
before truncate on storage.objects
for each statement execute function storage.protect_delete();

create or replace function storage.doom_all_versions()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  update storage.blobs set state = 'doomed', since = now() where state = 'kept';
  delete from storage.usage;
  perform pg_notify('walkie', 'storage');
  return null;
end
$$;
comment on function storage.doom_all_versions() is 'Lets go of all bytes when all objects are gone at once.';

create or replace trigger on_objects_truncate__doom_versions
after truncate on storage.objects
for each statement execute function storage.doom_all_versions();

-- What follows is the server's own.

create or replace function storage.open_blob(version uuid, until interval default interval '24 hours')
returns void
language sql
set search_path = ''
as $$
  insert into storage.blobs (version, state, until) values (version, 'writing', now() + until)
$$;
comment on function storage.open_blob(uuid, interval) is
  'Takes the name of bytes to come and how long they may take; notes them in the ledger, so that they are swept away unless they are kept.';

create or replace function storage.keep_blob(version uuid, size bigint)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update storage.blobs b set state = 'kept', size = keep_blob.size, since = now(), until = null
   where b.version = keep_blob.version and b.state = 'writing';
  if not found then
    raise sqlstate 'PT408' using message = 'The upload took too long';
  end if;
end
$$;
comment on function storage.keep_blob(uuid, bigint) is
  'Takes the name and size of bytes that an object has from now on. Errors: PT408 where they were swept away meanwhile.';

create or replace function storage.give_up_blob(version uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update storage.blobs b set state = 'doomed', since = now()
   where b.version = give_up_blob.version and b.state = 'writing';
  if found then
    perform pg_notify('walkie', 'storage');
  end if;
end
$$;
comment on function storage.give_up_blob(uuid) is 'Takes the name of bytes that nobody is going to have; lets them be removed.';

create or replace function storage.archive_object(object storage.objects)
returns void
language sql
as $$
  insert into storage.objects (bucket_id, name, owner, created_at, last_accessed_at, metadata, version, owner_id,
                               user_metadata, archived_at, is_delete_marker, is_versioned, expires_at, sha256, sniffed_type)
  values (object.bucket_id, object.name, object.owner, object.created_at, object.last_accessed_at, object.metadata,
          object.version, object.owner_id, object.user_metadata, clock_timestamp(), object.is_delete_marker,
          object.is_versioned, object.expires_at, object.sha256, object.sniffed_type)
$$;
comment on function storage.archive_object(storage.objects) is
  'Takes a current object; keeps it as a noncurrent version beside, before the row goes on as another.';

create or replace function storage.keeps_versions(object storage.objects)
returns boolean
language sql stable
set search_path = ''
as $$
  select b.versioning_status = 'ENABLED' or b.versioning_status = 'SUSPENDED' and object.is_versioned
    from storage.buckets b
   where b.id = object.bucket_id
$$;
comment on function storage.keeps_versions(storage.objects) is
  'Takes a current object; gives whether it stays as a noncurrent version when it is overwritten or deleted.';

create or replace function storage.stamp_object(object jsonb, expires_in double precision)
returns jsonb
language sql stable
set search_path = ''
as $$
  select object || jsonb_build_object(
           'metadata', object -> 'metadata' || jsonb_build_object('lastModified', storage.iso(now())),
           'expires_at', now() + make_interval(secs => expires_in))
$$;
comment on function storage.stamp_object(jsonb, double precision) is
  'Takes a row as JSON and in how many seconds it is gone, or null; gives it with the moment of its writing.';

create or replace function storage.put_object(object jsonb, is_upsert boolean)
returns setof storage.objects
language plpgsql
set storage.allow_delete_query = 'true'
as $$
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
comment on function storage.put_object(jsonb, boolean) is
  'Takes a row as JSON and whether it may overwrite; writes it, keeping what it overwrites where the bucket keeps versions. Errors: 23505.';

revoke execute on function storage.end_trial, storage.guard_version, storage.stamp_update, storage.protect_delete, storage.doom_version,
                           storage.doom_all_versions,
                           storage.open_blob, storage.keep_blob, storage.give_up_blob, storage.archive_object, storage.keeps_versions,
                           storage.stamp_object, storage.put_object from public;

-- Rows are written as service_role: people's triggers after them find the rights there that they
-- have elsewhere.
grant execute on function storage.put_object, storage.stamp_object, storage.archive_object, storage.keeps_versions
  to service_role;
