-- Whose account somebody is who comes with a provider's word. Replace it to link otherwise, or
-- never: a function that gives no row makes a new account for each identity.

create or replace function auth.accounts_of_addresses(p_addresses text[])
returns setof uuid
language sql
stable
set search_path = ''
as $$
  with own as (
    select u.id
      from auth.users u
     where u.email = any (p_addresses)
       and not u.is_sso_user
       and u.deleted_at is null)
  select own.id from own
  union
  select i.user_id
    from auth.identities i
    join auth.users u on u.id = i.user_id
   where i.email = any (p_addresses)
     and i.identity_data ->> 'email_verified' = 'true'
     and not u.is_sso_user
     and u.deleted_at is null
     and not exists (select from own)
$$;
comment on function auth.accounts_of_addresses is 'Accounts that somebody signs in to who proved these addresses to a provider: those that have one of them, else those with another identity that proved one.';
alter function auth.accounts_of_addresses(text[]) owner to supabase_auth_admin;
revoke execute on function auth.accounts_of_addresses(text[]) from public;
