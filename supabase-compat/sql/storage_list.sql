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

create or replace function storage.list_objects_with_delimiter(bucket_id text, prefix_param text, delimiter_param text,
                                                               max_keys integer default 100, start_after text default '',
                                                               next_token text default '')
returns table (name text, id uuid, metadata jsonb, updated_at timestamptz)
language plpgsql stable
set search_path = ''
as $$
declare
  bucket alias for bucket_id;
  place  text := greatest(start_after collate "C", next_token collate "C");
  ending text := prefix_param || U&'\+10FFFF';
  found_row record;
  cut integer;
  given integer := 0;
begin
  while given < max_keys loop
    select o.name, o.id, o.metadata, o.updated_at into found_row
      from storage.objects o
     where o.bucket_id = bucket and o.archived_at is null and not o.is_delete_marker
       and (o.expires_at is null or o.expires_at > now())
       and o.name collate "C" > place and o.name collate "C" >= prefix_param and o.name collate "C" < ending
     order by o.name collate "C"
     limit 1;
    exit when not found;
    cut := case when delimiter_param = '' then 0
                else strpos(substr(found_row.name, length(prefix_param) + 1), delimiter_param) end;
    if cut = 0 then
      name := found_row.name;
      id := found_row.id;
      metadata := found_row.metadata;
      updated_at := found_row.updated_at;
      place := found_row.name;
    else
      -- A folder counts once, however much is in it.
      name := substr(found_row.name, 1, length(prefix_param) + cut + length(delimiter_param) - 1);
      id := null;
      metadata := null;
      updated_at := null;
      place := name || U&'\+10FFFF';
    end if;
    given := given + 1;
    return next;
  end loop;
end
$$;
comment on function storage.list_objects_with_delimiter(text, text, text, integer, text, text) is
  'Takes a bucket, how names begin, what ends a folder, how many and after which; gives names in the order of their bytes, and folders without an id.';
