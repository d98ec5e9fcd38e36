-- Finding people.

do $$
declare
  home text := (select n.nspname
                  from pg_extension e
                  join pg_namespace n on n.oid = e.extnamespace
                 where e.extname = 'pg_trgm');
begin
  if home is not null then
    execute format('create index if not exists profiles_name_trgm_idx on public.profiles using gin (lower(display_name) %I.gin_trgm_ops)', home);
  end if;
end
$$;

create or replace function app.is_findable(p_person uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- settings are their owner's
as $$
  select coalesce((select s.discoverable from public.user_privacy_settings s where s.user_id = p_person), true)
      or exists (select from public.user_contacts c where c.owner_id = auth.uid() and c.contact_id = p_person)
      or app.share_a_conversation(auth.uid(), p_person)
$$;
comment on function app.is_findable(uuid) is
  'Takes a person; tells whether a search may show them to the person asking: strangers only if they are discoverable.';

create or replace function public.search_users(p_query text, p_limit integer default 20)
returns setof public.profiles
language plpgsql
security definer set search_path = ''  -- asks can_message, which people may not
as $$
declare
  me uuid := app.me();
  needle text := lower(btrim(left(p_query, 100)));
  literally text := replace(replace(replace(needle, '\', '\\'), '%', '\%'), '_', '\_');
  -- Names that are merely similar are found where pg_trgm is.
  similar_to text := (select format('or $1 operator(%I.<%%) lower(p.display_name)', n.nspname)
                        from pg_catalog.pg_extension e
                        join pg_catalog.pg_namespace n on n.oid = e.extnamespace
                       where e.extname = 'pg_trgm');
begin
  perform app.take('search');
  if needle is null or needle = '' then
    return;
  end if;
  return query execute format($q$
    select found.*
      from (select p.*
              from public.profiles p
             where p.org_id = $3
               and p.id <> $4
               and p.erased_at is null
               and p.deactivated_at is null
               and (lower(p.display_name) like '%%' || $2 || '%%' or p.username like $2 || '%%' %s)
             order by case when p.username = $1 or lower(p.display_name) = $1 then 0
                           when lower(p.display_name) like $2 || '%%' or p.username like $2 || '%%' then 1
                           when lower(p.display_name) like '%% ' || $2 || '%%' then 2
                           when lower(p.display_name) like '%%' || $2 || '%%' then 3
                           else 4 end,
                      p.display_name,
                      p.id
             limit 200) found
     where app.is_findable(found.id)
       and (app.can_message($4, found.id)).allowed
     limit least(greatest($5, 0), 20)$q$, coalesce(similar_to, ''))
  using needle, literally, app.my_org(), me, p_limit;
end
$$;
comment on function public.search_users(text, integer) is
  'Takes part of a name or the beginning of a username and how many (at most 20); gives people to whom the caller may write, those that match best first. Ask again when the person has paused typing. Errors: PT401 signed_out, PT429 rate_limited.';

create or replace function public.recent_contacts(p_limit integer default 10)
returns table (
  user_id uuid,
  display_name text,
  username text,
  avatar_path text,
  conversation_id uuid,
  last_message_at timestamptz
)
language sql stable
security definer set search_path = ''  -- one query over what is the caller's own
as $$
  select p.id, p.display_name, p.username, p.avatar_path, latest.conversation_id, latest.last_message_at
    from (select distinct on (other.member_id) other.member_id, c.id as conversation_id, c.last_message_at
            from public.conversation_members mine
            join public.conversations c on c.id = mine.conversation_id
            join public.conversation_members other on other.conversation_id = c.id
           where mine.member_id = app.me()
             and mine.left_at is null
             and c.kind in ('dm', 'engagement')
             and c.last_message_at is not null
             and other.member_id <> mine.member_id
           order by other.member_id, c.last_message_at desc) latest
    join public.profiles p on p.id = latest.member_id
   where p.erased_at is null
   order by latest.last_message_at desc, p.id
   limit least(greatest(p_limit, 0), 100)
$$;
comment on function public.recent_contacts(integer) is
  'Takes how many (at most 100); gives the people with whom the caller last spoke alone, the latest first, each once. Errors: PT401 signed_out.';
