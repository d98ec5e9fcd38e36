-- More of what is written down: what people asked to be sent, ways to sign in that went, and what
-- they let OAuth clients do.

create or replace function auth.traits_of_client(client uuid)
returns json
language sql immutable
set search_path = ''
as $$
  select case when client is not null then json_build_object('client_id', client) end
$$;
comment on function auth.traits_of_client(uuid) is 'Gives what is written down of an OAuth client, or null without one.';

create or replace function auth.audit_one_time_token()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
declare
  action text := case new.token_type
    when 'recovery_token' then 'user_recovery_requested'
    when 'reauthentication_token' then 'user_reauthenticate_requested'
    when 'confirmation_token' then
      case
        when exists (select from auth.users u where u.id = new.user_id and u.invited_at = now()) then 'user_invited'
        else 'user_confirmation_requested'
      end
  end;
begin
  if action is not null then
    perform auth.audit(action, new.user_id, 'user', null);
  end if;
  return null;
end
$$;
comment on function auth.audit_one_time_token() is
  'Trigger: writes down that a code or link was asked for. A change of address is written down when it is made.';

create or replace trigger on_one_time_tokens_write__audit
after insert or update of token_hash on auth.one_time_tokens
for each row execute function auth.audit_one_time_token();

create or replace function auth.audit_identity()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  if exists (select from auth.users u where u.id = old.user_id and u.deleted_at is null) then
    perform auth.audit('identity_unlinked', old.user_id, 'user', null, json_build_object('provider', old.provider));
  end if;
  return null;
end
$$;
comment on function auth.audit_identity() is
  'Trigger: writes down that an identity was unlinked; one that goes with its account is not told apart.';

create or replace trigger on_identities_delete__audit
after delete on auth.identities
for each row execute function auth.audit_identity();

create or replace function auth.audit_consent()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  perform auth.audit(
    case when new.revoked_at is null then 'oauth_consent_granted' else 'oauth_consent_revoked' end,
    new.user_id, 'user', null,
    json_build_object('client_id', new.client_id, 'scopes', new.scopes));
  return null;
end
$$;
comment on function auth.audit_consent() is 'Trigger: writes down that an OAuth client was let in, and that this was taken back.';

create or replace trigger on_oauth_consents_write__audit
after insert or update on auth.oauth_consents
for each row execute function auth.audit_consent();

alter function auth.traits_of_client(uuid) owner to supabase_auth_admin;
alter function auth.audit_one_time_token() owner to supabase_auth_admin;
alter function auth.audit_identity() owner to supabase_auth_admin;
alter function auth.audit_consent() owner to supabase_auth_admin;
