-- Versions: what becomes of an object that is deleted while its bucket keeps versions, and how
-- long versions stay.

create or replace function storage.try_delete(bucket text, names text[], versions text[])
returns setof uuid
language plpgsql
as $$
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
comment on function storage.try_delete(text, text[], text[]) is
  'Takes a bucket, names, and the version of each or null; gives the rows that the caller may delete, and deletes none.';

create or replace trigger "!end_delete_trial"
after delete on storage.objects
for each row execute function storage.end_trial();

create or replace function storage.delete_current(object uuid)
returns void
language plpgsql
set storage.allow_delete_query = 'true'
as $$
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
comment on function storage.delete_current(uuid) is
  'Takes a current object; deletes it, or marks it as deleted where its bucket keeps versions.';

create or replace function storage.delete_version(object uuid)
returns void
language plpgsql
set storage.allow_delete_query = 'true'
as $$
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
comment on function storage.delete_version(uuid) is
  'Takes a version; deletes it for good. Where it was the current one, the one before is current again.';

create or replace function storage.clear_gone(bucket text, object_name text)
returns void
language sql
set storage.allow_delete_query = 'true'
as $$
  update storage.objects o
     set archived_at = now()
   where o.bucket_id = bucket and o.name = object_name and o.archived_at is null and o.is_delete_marker;
  delete from storage.objects o
   where o.bucket_id = bucket and o.name = object_name and o.archived_at is null and o.expires_at <= now()
$$;
comment on function storage.clear_gone(text, text) is
  'Takes a bucket and a name; makes way where what was there is deleted or expired.';

create or replace function storage.expire_objects(up_to integer)
returns integer
language plpgsql
set storage.allow_delete_query = 'true'
as $$
declare
  gone integer;
begin
  delete from storage.objects o
   where o.id in (select e.id from storage.objects e where e.expires_at <= now() limit up_to for update skip locked);
  get diagnostics gone = row_count;
  return gone;
end
$$;
comment on function storage.expire_objects(integer) is
  'Takes how many; deletes objects whose time is over, versions or not, and gives their number.';

create or replace function storage.expire_versions(up_to integer)
returns integer
language plpgsql
set storage.allow_delete_query = 'true'
as $$
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
comment on function storage.expire_versions(integer) is
  'Takes how many; deletes noncurrent versions that the rules of their bucket let go, and gives their number.';

create or replace function storage.doom_left_behind()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  lost integer;
begin
  update storage.blobs set state = 'doomed', since = now() where state = 'writing' and until <= now();
  get diagnostics lost = row_count;
  return lost;
end
$$;
comment on function storage.doom_left_behind() is
  'Lets go of bytes that were never finished in their time, and gives how many.';

create or replace function storage.missing_policies(target regclass, role text, commands text[])
returns text[]
language sql stable
set search_path = ''
as $$
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
comment on function storage.missing_policies(regclass, text, text[]) is
  'Takes a table, a role and commands; gives those commands that no policy permits the role at all.';

revoke execute on function storage.delete_current, storage.delete_version, storage.clear_gone, storage.expire_objects,
                           storage.expire_versions, storage.doom_left_behind, storage.missing_policies from public;
grant execute on function storage.delete_current, storage.delete_version, storage.clear_gone, storage.expire_objects,
                          storage.expire_versions
  to service_role;
