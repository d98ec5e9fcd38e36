-- Accounts in the hands of their people: leaving, and an anonymous one that becomes part of another.
-- What happens to accounts is written down.

create or replace function auth.leave(person uuid, session uuid)
returns void
language plpgsql
security definer set search_path = ''  -- people may not write accounts
as $$
begin
  if auth.is_of_client(leave.session) then
    raise sqlstate 'PT403' using message = 'OAuth clients may not delete accounts', hint = 'no_authorization';
  end if;
  if not exists (
    select
      from auth.sessions s
      left join auth.mfa_amr_claims proof on proof.session_id = s.id
     where s.user_id = leave.person
       and s.id = leave.session
       and coalesce(proof.updated_at, s.created_at) > now() - interval '15 minutes'
  ) then
    raise sqlstate 'PT400' using message = 'Sign in again to delete your account', hint = 'reauthentication_needed';
  end if;
  if not auth.has_needed_level(leave.person, leave.session) then
    raise sqlstate 'PT401' using message = 'Show your second factor to delete your account', hint = 'insufficient_aal';
  end if;
  delete from auth.users u where u.id = leave.person;
end
$$;
comment on function auth.leave(uuid, uuid) is
  'Deletes an account with all that refers to it, if its session was proven in the last 15 minutes (else PT400 reauthentication_needed) and has shown the second factor that the person has (else PT401 insufficient_aal). An OAuth client may not (PT403 no_authorization).';

-- Asks for nobody but the person of the claims.
create or replace function auth.leave_myself()
returns void
language sql
security definer set search_path = ''
as $$
  select auth.leave(auth.uid(), auth.session_id())
$$;
comment on function auth.leave_myself() is 'Deletes the account of the person asking.';

create or replace function public.delete_my_account()
returns void
language sql
set search_path = ''
as $$
  select auth.leave_myself()
$$;
comment on function public.delete_my_account() is
  'Deletes your account for good, and signs you out everywhere. You must have signed in within the last 15 minutes (PT400 reauthentication_needed), with your second factor if you have one (PT401 insufficient_aal).';

create or replace function auth.audit(action text, person uuid, log_type text, ip text, traits json default null)
returns void
language sql
security definer set search_path = ''
as $$
  insert into auth.audit_log_entries (instance_id, payload, created_at, ip_address)
  select '00000000-0000-0000-0000-000000000000',
         json_strip_nulls(json_build_object(
           'action', action, 'actor_id', person, 'actor_username', coalesce(u.email, u.phone, ''),
           'actor_via_sso', coalesce(u.is_sso_user, false), 'log_type', log_type, 'traits', traits)),
         clock_timestamp(),
         coalesce(ip, '')
    from (select 1) as one
    left join auth.users u on u.id = person
$$;
comment on function auth.audit(text, uuid, text, text, json) is 'Writes down what was done, to or by whom, from where, and with what.';

create or replace function auth.audit_session()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    perform auth.audit('login', new.user_id, 'account', host(new.ip), auth.traits_of_client(new.oauth_client_id));
  else
    perform auth.audit('logout', old.user_id, 'account', host(old.ip), auth.traits_of_client(old.oauth_client_id));
  end if;
  return null;
end
$$;
comment on function auth.audit_session() is 'Trigger: writes down that a session began or ended.';

create or replace trigger on_sessions_change__audit
after insert or delete on auth.sessions
for each row execute function auth.audit_session();

create or replace function auth.audit_user()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    perform auth.audit('user_signedup', new.id, 'team', null);
  elsif tg_op = 'DELETE' or new.deleted_at is not null and old.deleted_at is null then
    perform auth.audit('user_deleted', old.id, 'team', null);
  elsif new.encrypted_password is distinct from old.encrypted_password then
    perform auth.audit('user_updated_password', new.id, 'user', null);
  else
    perform auth.audit('user_modified', new.id, 'user', null);
  end if;
  return null;
end
$$;
comment on function auth.audit_user() is 'Trigger: writes down what became of an account.';

create or replace trigger on_users_change__audit
after insert or delete on auth.users
for each row execute function auth.audit_user();

create or replace trigger on_users_update__audit
after update on auth.users
for each row when (
  new.encrypted_password is distinct from old.encrypted_password
  or new.email is distinct from old.email
  or new.phone is distinct from old.phone
  or new.banned_until is distinct from old.banned_until
  or new.deleted_at is distinct from old.deleted_at
  or new.role is distinct from old.role
  or new.raw_app_meta_data is distinct from old.raw_app_meta_data)
execute function auth.audit_user();

alter function auth.leave(uuid, uuid) owner to supabase_auth_admin;
alter function auth.leave_myself() owner to supabase_auth_admin;
alter function auth.audit(text, uuid, text, text, json) owner to supabase_auth_admin;
alter function auth.audit_session() owner to supabase_auth_admin;
alter function auth.audit_user() owner to supabase_auth_admin;
revoke execute on function auth.leave(uuid, uuid), auth.leave_myself(), auth.audit(text, uuid, text, text, json), public.delete_my_account() from public;
revoke execute on function public.delete_my_account() from anon;
grant execute on function auth.leave_myself(), public.delete_my_account() to authenticated, service_role;
