-- What a second factor guards, what must hold when it goes, whoever removes it, and what is written
-- down of it.

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

create or replace function auth.audit_of_factor(action text, factor auth.mfa_factors, ip inet, is_right boolean default null)
returns void
language sql
security definer set search_path = ''
as $$
  select auth.audit(
    action, factor.user_id, 'factor', host(ip),
    json_strip_nulls(json_build_object('factor_id', factor.id, 'factor_type', factor.factor_type, 'valid', is_right)))
$$;
comment on function auth.audit_of_factor(text, auth.mfa_factors, inet, boolean) is
  'Writes down what was done with a second factor, and of an answer whether it was right.';

create or replace function auth.audit_factor()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  if tg_op = 'DELETE' then
    perform auth.audit_of_factor(
      case old.factor_type when 'recovery_code' then 'recovery_codes_deleted' else 'factor_unenrolled' end, old, null);
  elsif tg_op = 'INSERT' then
    perform auth.audit_of_factor('factor_in_progress', new, null);
  elsif new.friendly_name is distinct from old.friendly_name then
    perform auth.audit_of_factor('factor_updated', new, null);
  else
    -- Whoever answers asked from the same address; recovery codes answer nothing.
    perform auth.audit_of_factor('verification_attempted', new, (
              select c.ip_address from auth.mfa_challenges c
               where c.factor_id = new.id
               order by c.created_at desc
               limit 1), false);
  end if;
  return null;
end
$$;
comment on function auth.audit_factor() is
  'Trigger: writes down that a second factor came, went, was given another name or a wrong answer.';

create or replace trigger on_mfa_factors_insert__audit
after insert on auth.mfa_factors
for each row when (new.factor_type <> 'recovery_code') execute function auth.audit_factor();

create or replace trigger on_mfa_factors_update__audit
after update on auth.mfa_factors
for each row when (
  new.friendly_name is distinct from old.friendly_name
  or new.failures > old.failures
  or new.locked_until > coalesce(old.locked_until, '-infinity'))
execute function auth.audit_factor();

-- One that never answered protected nobody, and goes without a word.
create or replace trigger on_mfa_factors_delete__audit
after delete on auth.mfa_factors
for each row when (old.status = 'verified') execute function auth.audit_factor();

create or replace function auth.audit_challenge()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  perform auth.audit_of_factor(
            case tg_op when 'INSERT' then 'challenge_created' else 'verification_attempted' end,
            f, new.ip_address,
            case tg_op when 'UPDATE' then true end)
     from auth.mfa_factors f
    where f.id = new.factor_id;
  return null;
end
$$;
comment on function auth.audit_challenge() is 'Trigger: writes down that a second factor was asked, or answered rightly.';

create or replace trigger on_mfa_challenges_insert__audit
after insert on auth.mfa_challenges
for each row execute function auth.audit_challenge();

create or replace trigger on_mfa_challenges_update__audit
after update on auth.mfa_challenges
for each row when (new.verified_at is not null and old.verified_at is null) execute function auth.audit_challenge();

create or replace function auth.audit_recovery_codes()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  perform auth.audit_of_factor('generate_recovery_codes', f, null)
     from auth.mfa_factors f
    where f.id in (select made.factor_id from made);
  return null;
end
$$;
comment on function auth.audit_recovery_codes() is 'Trigger: writes down that somebody was given new codes on paper.';

create or replace trigger on_mfa_recovery_codes_insert__audit
after insert on auth.mfa_recovery_codes
referencing new table as made
for each statement execute function auth.audit_recovery_codes();

create or replace function auth.audit_recovery_code()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  perform auth.audit_of_factor('verification_attempted', f, null, true)
     from auth.mfa_factors f
    where f.id = new.factor_id;
  return null;
end
$$;
comment on function auth.audit_recovery_code() is 'Trigger: writes down that a code on paper was used.';

create or replace trigger on_mfa_recovery_codes_update__audit
after update on auth.mfa_recovery_codes
for each row when (new.used_at is not null and old.used_at is null) execute function auth.audit_recovery_code();

alter function auth.audit_of_factor(text, auth.mfa_factors, inet, boolean) owner to supabase_auth_admin;
alter function auth.audit_factor() owner to supabase_auth_admin;
alter function auth.audit_challenge() owner to supabase_auth_admin;
alter function auth.audit_recovery_codes() owner to supabase_auth_admin;
alter function auth.audit_recovery_code() owner to supabase_auth_admin;
alter function auth.downgrade_sessions() owner to supabase_auth_admin;
alter function auth.has_needed_level(uuid, uuid) owner to supabase_auth_admin;
revoke execute on function auth.has_needed_level(uuid, uuid) from public;
revoke execute on function auth.audit_of_factor(text, auth.mfa_factors, inet, boolean) from public;
