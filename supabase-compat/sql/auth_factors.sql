-- What a second factor guards, and what must hold when it goes, whoever removes it.

create or replace function auth.has_needed_level(person uuid, session uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- people do not read sessions
as $$
  select not exists (select from auth.mfa_factors f where f.user_id = has_needed_level.person and f.status = 'verified')
      or exists (select from auth.sessions s
                  where s.id = has_needed_level.session and s.user_id = has_needed_level.person and s.aal >= 'aal2')
$$;
comment on function auth.has_needed_level(uuid, uuid) is
  'Tells whether a session may change how its person signs in: whoever has a second factor must have shown it.';

create or replace function auth.downgrade_sessions()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  with lowered as (
    update auth.sessions
       set aal = 'aal1', factor_id = null, updated_at = now()
     where factor_id = old.id
    returning id)
  delete from auth.mfa_amr_claims
   where session_id in (select id from lowered)
     and authentication_method in ('totp', 'mfa/phone', 'mfa/webauthn', 'mfa/recovery_code');

  delete from auth.mfa_factors
   where user_id = old.user_id
     and factor_type = 'recovery_code'
     and not exists (
           select from auth.mfa_factors other
            where other.user_id = old.user_id
              and other.factor_type <> 'recovery_code'
              and other.status = 'verified');
  return null;
end
$$;
comment on function auth.downgrade_sessions() is
  'Trigger: sessions that a factor raised fall back when it goes, and recovery codes never remain alone.';

create or replace trigger on_mfa_factors_delete__downgrade
after delete on auth.mfa_factors
for each row execute function auth.downgrade_sessions();

alter function auth.downgrade_sessions() owner to supabase_auth_admin;
alter function auth.has_needed_level(uuid, uuid) owner to supabase_auth_admin;
revoke execute on function auth.has_needed_level(uuid, uuid) from public;
