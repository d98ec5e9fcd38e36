-- Which files an organisation takes, and how much of them.

create or replace function app.file_type(p_name text, p_said text, p_found text)
returns text
language sql stable
security definer set search_path = ''  -- the list of types is nobody's to read
as $$
  -- What the end of the name promises; where that says nothing, what the uploader says.
  select case when promise.mime_type is null then coalesce(p_found, p_said, 'application/octet-stream')
              when p_found is null and not promise.is_tellable then promise.mime_type
              when promise.family = coalesce((select t.family from app.file_types t where t.mime_type = p_found limit 1), p_found)
              then case when promise.family = promise.mime_type then p_found else promise.mime_type end
         end
    from (select) nothing
    left join lateral (
      select t.mime_type, t.family, t.is_tellable
        from app.file_types t
       where t.extension = lower(substring(p_name from '\.([[:alnum:]]{1,16})$'))
          or t.mime_type = p_said
       order by t.extension = lower(substring(p_name from '\.([[:alnum:]]{1,16})$')) desc nulls last, t.extension
       limit 1) promise on true
$$;
comment on function app.file_type(text, text, text) is
  'Takes a file''s name, the type that its uploader says and the type that its bytes tell, null when they tell none; gives its type, or null when name and bytes do not belong together.';

create or replace function app.takes_type(p_org uuid, p_type text)
returns boolean
language sql stable
security definer set search_path = ''  -- settings are looked up for those who may not read them
as $$
  select exists (
    select
      from jsonb_array_elements_text(app.setting(p_org, 'allowed_mime')) allowed (type)
     where allowed.type in (p_type, '*/*')
        -- A drawing that can hold programs is let in by its own name alone.
        or allowed.type = split_part(p_type, '/', 1) || '/*' and p_type <> 'image/svg+xml')
     -- Where pictures are stripped, those stay out that cannot be and tell where they were taken.
     and not (p_type in ('image/heic', 'image/heif', 'image/avif', 'image/tiff')
              and app.setting(p_org, 'strip_pictures') = 'true')
$$;
comment on function app.takes_type(uuid, text) is 'Takes an organisation and a type; tells whether it lets in files of that type.';

create or replace function app.max_file_bytes(p_org uuid)
returns bigint
language sql stable
security definer set search_path = ''  -- as takes_type
as $$
  select floor((app.setting(p_org, 'max_file_mb'))::numeric * 1048576)::bigint
$$;
comment on function app.max_file_bytes(uuid) is 'Takes an organisation; gives how many bytes a file may have.';

create or replace function app.file_quota(p_org uuid, p_person uuid)
returns bigint
language sql stable
security definer set search_path = ''  -- quotas of others are nobody's to read
as $$
  select q.max_bytes
    from public.file_quotas q
   where q.org_id = p_org
     and q.scope = case when p_person is null then 'org' else 'person' end
     and (q.user_id is null or q.user_id = p_person)
   order by q.user_id is null
   limit 1
$$;
comment on function app.file_quota(uuid, uuid) is
  'Takes an organisation and a person in it, or null for all of it; gives how many bytes may be kept, null when there is no bound.';

create or replace function app.require_room(p_org uuid, p_person uuid, p_bytes bigint)
returns void
language plpgsql stable
security definer set search_path = ''  -- as file_quota
as $$
begin
  perform app.refuse('quota_full', format('used=%s limit=%s', room.used, room.most))
     from (select coalesce((select u.bytes from app.file_usage u where u.owner_id = coalesce(who.id, p_org)), 0) as used,
                  app.file_quota(p_org, who.id) as most
             from unnest(array[p_person, null]) who (id)) room
    where room.used + p_bytes > room.most;
end
$$;
comment on function app.require_room(uuid, uuid, bigint) is
  'Takes an organisation, a person and a number of bytes; returns if both may keep so many more. Errors: PT413 quota_full, details has what is used and the limit.';

create or replace function app.count_bytes(p_org uuid, p_person uuid, p_bytes bigint)
returns void
language plpgsql
security definer set search_path = ''  -- what is used is nobody's to write
as $$
begin
  -- The organisation first, always: two at once wait for each other there.
  insert into app.file_usage as used (owner_id, bytes)
  values (p_org, greatest(p_bytes, 0))
  on conflict (owner_id) do update set bytes = greatest(used.bytes + p_bytes, 0);
  insert into app.file_usage as used (owner_id, bytes)
  values (p_person, greatest(p_bytes, 0))
  on conflict (owner_id) do update set bytes = greatest(used.bytes + p_bytes, 0);
end
$$;
comment on function app.count_bytes(uuid, uuid, bigint) is
  'Takes an organisation, a person and how many bytes there are more of theirs, or fewer; counts them.';

create or replace function app.file_refusal(p_conversation uuid)
returns text
language sql stable
security definer set search_path = ''  -- asks post_refusal, which people may not
as $$
  select coalesce(app.post_refusal(p_conversation),
                  case when app.is_restricted(auth.uid(), array['no_files'], p_conversation) then 'no_files' end)
$$;
comment on function app.file_refusal(uuid) is
  'Takes a conversation; gives the word why the person asking may not put files there now (no_files, or those of app.post_refusal), or null when they may.';

create or replace function app.file_refusal_of(p_person uuid, p_conversation uuid)
returns text
language plpgsql
security definer set search_path = ''  -- for functions that ask about somebody else
as $$
declare
  before text := coalesce(current_setting('request.jwt.claim.sub', true), '');
  refusal text;
begin
  perform set_config('request.jwt.claim.sub', p_person::text, true);
  refusal := app.file_refusal(p_conversation);
  perform set_config('request.jwt.claim.sub', before, true);
  return refusal;
end
$$;
comment on function app.file_refusal_of(uuid, uuid) is
  'Takes a person and a conversation; gives the word why that person may not put files there now, or null when they may.';

create or replace function public.file_limits(p_conversation uuid)
returns jsonb
language plpgsql stable
security definer set search_path = ''  -- settings and quotas are looked up for those who may not read them
as $$
declare
  me uuid := app.me();
  org uuid := (select c.org_id from public.conversations c where c.id = p_conversation);
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  end if;
  return jsonb_build_object(
    'refusal', app.file_refusal(p_conversation),
    'max_bytes', app.max_file_bytes(org),
    'allowed_mime', app.setting(org, 'allowed_mime'),
    'used_bytes', coalesce((select u.bytes from app.file_usage u where u.owner_id = me), 0),
    'quota_bytes', app.file_quota(org, me));
end
$$;
comment on function public.file_limits(uuid) is
  'Takes a conversation; gives {"refusal", "max_bytes", "allowed_mime", "used_bytes", "quota_bytes"}: why the caller may put no file there (null: they may), how large one may be, of which types, how much the caller keeps, and how much they may (null: no bound). Errors: PT401 signed_out, PT404 not_member.';
