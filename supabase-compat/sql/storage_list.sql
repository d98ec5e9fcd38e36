-- Lists of objects, for people's own SQL: each sees what policies show them. The API asks in its
-- own words.

create or replace function storage.search(prefix text, bucketname text, limits integer default 100, levels integer default 1,
                                          offsets integer default 0, search text default '', sortcolumn text default 'name',
                                          sortorder text default 'asc')
returns table (name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz, metadata jsonb)
language sql stable
set search_path = ''
as $$
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
comment on function storage.search(text, text, integer, integer, integer, text, text, text) is
  'Takes how names begin, a bucket, how many, at which level of folders, from where and in which order; gives files, and folders without an id.';

-- The walk that the API's own lists go, too: along the index, and past a folder in one step, however
-- much is in it. It leaves the search path as it is, for the functions that policies call.

create or replace function storage.walk_level(bucket text, prefix text, delimiter text, place text, is_descending boolean,
                                              up_to bigint, search text default null)
returns table (entry text, object storage.objects)
language plpgsql stable
as $$
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
comment on function storage.walk_level(text, text, text, text, boolean, bigint, text) is
  'Takes a bucket, how names begin, what ends a folder (empty: nothing does), after which name, whether backwards, how many or null for all, and what entries have in them; gives what follows the beginning in the order of bytes with each object, and folders once, without one.';

create or replace function storage.spellings(bucket text, prefix text)
returns text[]
language sql stable
set search_path = ''
as $$
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
comment on function storage.spellings(text, text) is
  'Takes a bucket and how names begin, in capitals or not; gives how that is really written there, up to a hundred ways. For the server alone, since it looks past policies.';

create or replace function storage.list_objects_with_delimiter(bucket_id text, prefix_param text, delimiter_param text,
                                                               max_keys integer default 100, start_after text default '',
                                                               next_token text default '')
returns table (name text, id uuid, metadata jsonb, updated_at timestamptz)
language sql stable
as $$
  select prefix_param || w.entry, (w.object).id, (w.object).metadata, (w.object).updated_at
    from storage.walk_level(bucket_id, prefix_param, delimiter_param,
                            greatest(start_after collate "C", next_token collate "C"), false, max_keys) w
$$;
comment on function storage.list_objects_with_delimiter(text, text, text, integer, text, text) is
  'Takes a bucket, how names begin, what ends a folder, how many and after which; gives names in the order of their bytes, and folders without an id.';

revoke execute on function storage.spellings from public;
