-- How much each owner keeps, counted in the transaction that changes it, and how much they may.

create or replace function storage.size_of(metadata jsonb)
returns bigint
language sql immutable parallel safe
set search_path = ''
as $$
  select case when metadata ->> 'size' ~ '^[0-9]{1,18}$' then (metadata ->> 'size')::bigint else 0 end
$$;
comment on function storage.size_of(jsonb) is 'Takes what is noted about an object; gives how many bytes that says it has.';

create or replace function storage.check_quota(bucket text, owner text, more bigint)
returns void
language plpgsql
security definer set search_path = ''   -- people may not read what others keep
as $$
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
comment on function storage.check_quota(text, text, bigint) is
  'Takes a bucket, an owner and how many bytes more there are to be. Errors: PT413 where a row of storage.quotas permits less.';

create or replace function storage.count_usage()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
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
comment on function storage.count_usage() is 'Counts what each owner keeps, and refuses what would be too much.';

create or replace trigger on_objects_insert__count_usage
after insert on storage.objects
referencing new table as new_rows
for each statement execute function storage.count_usage();

create or replace trigger on_objects_update__count_usage
after update on storage.objects
referencing old table as old_rows new table as new_rows
for each statement execute function storage.count_usage();

create or replace trigger on_objects_delete__count_usage
after delete on storage.objects
referencing old table as old_rows
for each statement execute function storage.count_usage();

revoke execute on function storage.count_usage from public;
