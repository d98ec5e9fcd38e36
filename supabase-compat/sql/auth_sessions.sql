-- Sessions as people see and end them. What ends one, or bars a person, is written down and told
-- to every server at once: their access tokens count no more, though they have not expired.

create or replace function auth.token_life()
returns interval
language sql stable
set search_path = ''
as $$
  select make_interval(secs => coalesce(nullif(current_setting('walkie.token_seconds', true), '')::int, 604800) + 60)
$$;
comment on function auth.token_life() is
  'Gives how long an access token that was made just now may still count: as the server says in its own transactions, else the longest that can be set, a week.';

create or replace function auth.tell_revocations(lines text[])
returns void
language plpgsql
security definer set search_path = ''
as $$
begin
  -- A notification holds 8000 bytes, a line at most 70.
  perform pg_notify('walkie_revoked', string_agg(line, E'\n'))
     from unnest(lines) with ordinality as told (line, place)
    group by (place - 1) / 100;
  -- The server that is at it reads this before it answers.
  perform set_config('walkie.revoked',
                     concat_ws(E'\n', nullif(current_setting('walkie.revoked', true), ''), array_to_string(lines, E'\n')),
                     true);
end
$$;
comment on function auth.tell_revocations(text[]) is
  'Takes lines of "kind id seconds-since-1970" or "lifted id"; tells them to all servers when the transaction commits.';

create or replace function auth.revocation_line(kind text, id uuid, until timestamptz)
returns text
language sql immutable
set search_path = ''
as $$
  select format('%s %s %s', kind, id, ceil(least(extract(epoch from until), 253402300799))::bigint)
$$;
comment on function auth.revocation_line(text, uuid, timestamptz) is 'Gives a revocation as servers read it.';

create or replace function auth.revoke(kind text, ids uuid[], until timestamptz)
returns void
language plpgsql
security definer set search_path = ''  -- whoever ends a session need not write this table
as $$
begin
  insert into auth.revocations (kind, id, until)
  select revoke.kind, revoked.id, revoke.until
    from unnest(ids) as revoked (id)
  on conflict on constraint revocations_pkey do update
     set until = excluded.until, revoked_at = excluded.revoked_at;
  perform auth.tell_revocations(array_agg(auth.revocation_line(revoke.kind, revoked.id, revoke.until)))
     from unnest(ids) as revoked (id)
   having count(*) > 0;
end
$$;
comment on function auth.revoke(text, uuid[], timestamptz) is
  'Takes a kind (session, banned, deleted), ids, and until when their tokens are refused; from the commit on they are, everywhere.';

create or replace function auth.lift(kind text, id uuid)
returns void
language plpgsql
security definer set search_path = ''
as $$
begin
  delete from auth.revocations r where r.kind = lift.kind and r.id = lift.id and r.until > now();
  if found then
    perform auth.tell_revocations(array[format('lifted %s', lift.id)]);
  end if;
end
$$;
comment on function auth.lift(text, uuid) is 'Takes back what auth.revoke said of a person.';

create or replace function auth.revocation_lines()
returns setof text
language sql
security definer set search_path = ''
as $$
  delete from auth.revocations where until < now() - interval '1 minute';
  select auth.sweep_buckets();
  select auth.revocation_line(kind, id, until) from auth.revocations where until > now();
$$;
comment on function auth.revocation_lines() is
  'Forgets what has no token left to refuse, and gives the rest as servers read it.';

create or replace function auth.note_ended_sessions()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  perform auth.revoke('session', (select array_agg(id) from ended), now() + auth.token_life());
  return null;
end
$$;
comment on function auth.note_ended_sessions() is 'Trigger: the tokens of deleted sessions count no more.';

create or replace trigger on_sessions_delete__revoke
after delete on auth.sessions
referencing old table as ended
for each statement execute function auth.note_ended_sessions();

create or replace function auth.note_run_out_session()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  perform auth.revoke('session', array[new.id], now() + auth.token_life());
  return null;
end
$$;
comment on function auth.note_run_out_session() is 'Trigger: a session that was given an end in the past is over.';

create or replace trigger on_sessions_update__revoke
after update of not_after on auth.sessions
for each row when (new.not_after is distinct from old.not_after and new.not_after <= now())
execute function auth.note_run_out_session();

create or replace function auth.note_barred_person()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    perform auth.lift('deleted', new.id);
    return null;
  end if;
  if tg_op = 'DELETE' then
    perform auth.revoke('deleted', array[old.id], now() + auth.token_life());
    return null;
  end if;
  if new.banned_until is distinct from old.banned_until then
    if new.banned_until > now() then
      perform auth.revoke('banned', array[new.id], new.banned_until);
    else
      perform auth.lift('banned', new.id);
    end if;
  end if;
  if new.deleted_at is distinct from old.deleted_at then
    if new.deleted_at is not null then
      perform auth.revoke('deleted', array[new.id], now() + auth.token_life());
    else
      perform auth.lift('deleted', new.id);
    end if;
  end if;
  return null;
end
$$;
comment on function auth.note_barred_person() is
  'Trigger: tokens of people who are banned or deleted are refused, and count again when that is taken back.';

create or replace trigger on_users_insert__lift
after insert on auth.users
for each row execute function auth.note_barred_person();

create or replace trigger on_users_update__bar
after update of banned_until, deleted_at on auth.users
for each row when (new.banned_until is distinct from old.banned_until or new.deleted_at is distinct from old.deleted_at)
execute function auth.note_barred_person();

create or replace trigger on_users_delete__bar
after delete on auth.users
for each row execute function auth.note_barred_person();

create or replace function auth.device(user_agent text)
returns text
language sql immutable
set search_path = ''
as $$
  select coalesce(
    concat_ws(' on ',
      case
        when user_agent ~* 'edg(e|a|ios)?/' then 'Edge'
        when user_agent ~* 'opr/|opera' then 'Opera'
        when user_agent ~* 'samsungbrowser' then 'Samsung Internet'
        when user_agent ~* 'firefox|fxios' then 'Firefox'
        when user_agent ~* 'chrome|crios|chromium' then 'Chrome'
        when user_agent ~* 'safari' then 'Safari'
        else nullif(left((regexp_match(user_agent, '^[^/ (]+'))[1], 40), 'Mozilla')
      end,
      case
        when user_agent ~* 'iphone' then 'iPhone'
        when user_agent ~* 'ipad' then 'iPad'
        when user_agent ~* 'android' then 'Android'
        when user_agent ~* 'windows' then 'Windows'
        when user_agent ~* 'mac os|macintosh|darwin' then 'macOS'
        when user_agent ~* 'cros' then 'ChromeOS'
        when user_agent ~* 'linux|x11' then 'Linux'
      end),
    '')
$$;
comment on function auth.device(text) is 'Takes a User-Agent; gives what a person calls that device, such as Firefox on Windows.';

create or replace function auth.address_class(ip inet)
returns text
language sql immutable
set search_path = ''
as $$
  select case
    when ip is null then null
    when ip <<= '127.0.0.0/8' or ip = '::1' then 'this machine'
    when ip <<= any (array['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10']::inet[]) then 'local network'
    when family(ip) = 4 then host(network(set_masklen(ip, 16))) || '/16'
    else host(network(set_masklen(ip, 32))) || '/32'
  end
$$;
comment on function auth.address_class(inet) is
  'Takes an address; gives the network it is in, wide enough that it names no household.';

create or replace function auth.is_of_client(session uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- people do not read sessions
as $$
  select exists (select from auth.sessions s where s.id = is_of_client.session and s.oauth_client_id is not null)
$$;
comment on function auth.is_of_client(uuid) is
  'Tells whether an OAuth client acts in this session, rather than the person.';

create or replace function auth.sessions_of(person uuid, present uuid)
returns table (id uuid, device text, address text, created_at timestamptz, last_used_at timestamptz, aal text, is_current boolean, client_name text)
language sql stable
security definer set search_path = ''
as $$
  select s.id,
         auth.device(s.user_agent),
         auth.address_class(s.ip),
         s.created_at,
         coalesce(s.refreshed_at at time zone 'UTC', s.created_at),
         coalesce(s.aal::text, 'aal1'),
         coalesce(s.id = sessions_of.present, false),
         c.client_name
    from auth.sessions s
    left join auth.oauth_clients c on c.id = s.oauth_client_id
   where s.user_id = sessions_of.person
     and (s.not_after is null or s.not_after > now())
     and (s.id = sessions_of.present or not auth.is_of_client(sessions_of.present))
   order by 5 desc, s.id
$$;
comment on function auth.sessions_of(uuid, uuid) is
  'Takes a person and their present session; gives their sessions, the one used last first, with the name of the OAuth client that has it, if one has. An OAuth client sees its own alone.';

create or replace function auth.end_session(person uuid, session uuid)
returns boolean
language sql
security definer set search_path = ''
as $$
  with ended as (
    delete from auth.sessions s where s.user_id = end_session.person and s.id = end_session.session returning s.id)
  select exists (select from ended)
$$;
comment on function auth.end_session(uuid, uuid) is 'Ends a session of this person; says whether there was one.';

create or replace function auth.session_id()
returns uuid
language sql stable
set search_path = ''
as $$
  select nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'session_id', '')::uuid
$$;
comment on function auth.session_id() is 'Gives the id of the session the person asking is in, or null.';

-- These two ask for nobody but the person of the claims, so that they may be called by anyone.
create or replace function auth.my_sessions()
returns table (id uuid, device text, address text, created_at timestamptz, last_used_at timestamptz, aal text, is_current boolean, client_name text)
language sql stable
security definer set search_path = ''
as $$
  select * from auth.sessions_of(auth.uid(), auth.session_id())
$$;
comment on function auth.my_sessions() is 'Gives the sessions of the person asking, the one used last first.';

create or replace function auth.end_my_session(session uuid)
returns boolean
language sql
security definer set search_path = ''
as $$
  select case
    when end_my_session.session = auth.session_id() or not auth.is_of_client(auth.session_id())
      then auth.end_session(auth.uid(), end_my_session.session)
    else false
  end
$$;
comment on function auth.end_my_session(uuid) is
  'Ends a session of the person asking; says whether there was one. An OAuth client ends its own alone.';

create or replace function public.my_sessions()
returns table (id uuid, device text, address text, created_at timestamptz, last_used_at timestamptz, aal text, is_current boolean, client_name text)
language sql stable
set search_path = ''
as $$
  select * from auth.my_sessions()
$$;
comment on function public.my_sessions() is
  'Where you are signed in: device, network, when it began and was last used, which of them this is, and the name of the app of others that has it, if one has.';

create or replace function public.revoke_session(id uuid)
returns boolean
language sql
set search_path = ''
as $$
  select auth.end_my_session(revoke_session.id)
$$;
comment on function public.revoke_session(uuid) is
  'Signs one of your devices out, at once and everywhere. Gives whether it was signed in.';

alter function auth.token_life() owner to supabase_auth_admin;
alter function auth.tell_revocations(text[]) owner to supabase_auth_admin;
alter function auth.revocation_line(text, uuid, timestamptz) owner to supabase_auth_admin;
alter function auth.revoke(text, uuid[], timestamptz) owner to supabase_auth_admin;
alter function auth.lift(text, uuid) owner to supabase_auth_admin;
alter function auth.revocation_lines() owner to supabase_auth_admin;
alter function auth.note_ended_sessions() owner to supabase_auth_admin;
alter function auth.note_run_out_session() owner to supabase_auth_admin;
alter function auth.note_barred_person() owner to supabase_auth_admin;
alter function auth.device(text) owner to supabase_auth_admin;
alter function auth.address_class(inet) owner to supabase_auth_admin;
alter function auth.is_of_client(uuid) owner to supabase_auth_admin;
alter function auth.sessions_of(uuid, uuid) owner to supabase_auth_admin;
alter function auth.end_session(uuid, uuid) owner to supabase_auth_admin;
alter function auth.session_id() owner to supabase_auth_admin;
alter function auth.my_sessions() owner to supabase_auth_admin;
alter function auth.end_my_session(uuid) owner to supabase_auth_admin;

revoke execute on function
  auth.tell_revocations(text[]), auth.revoke(text, uuid[], timestamptz), auth.lift(text, uuid), auth.revocation_lines(),
  auth.is_of_client(uuid), auth.sessions_of(uuid, uuid), auth.end_session(uuid, uuid), auth.my_sessions(), auth.end_my_session(uuid),
  public.my_sessions(), public.revoke_session(uuid)
from public;
grant execute on function auth.revocation_lines() to authenticator;
grant execute on function auth.my_sessions(), auth.end_my_session(uuid), auth.session_id() to authenticated, service_role;
revoke execute on function public.my_sessions(), public.revoke_session(uuid) from anon;
grant execute on function public.my_sessions(), public.revoke_session(uuid) to authenticated, service_role;
