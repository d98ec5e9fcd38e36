-- The roles and schemas that every Supabase client and migration takes for granted.
-- Roles belong to the whole cluster, so each step looks first and forgives another database that was quicker.

do $$
declare
  wanted record;
begin
  for wanted in
    select *
      from (values ('anon', 'nologin noinherit'),
                   ('authenticated', 'nologin noinherit'),
                   ('service_role', 'nologin noinherit'),
                   ('authenticator', 'login noinherit'),
                   ('supabase_auth_admin', 'nologin noinherit'),
                   ('supabase_realtime_admin', 'nologin noinherit')) as role (name, attributes)
     where not exists (select from pg_catalog.pg_roles where rolname = role.name)
  loop
    begin
      execute format('create role %I %s', wanted.name, wanted.attributes);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;

  -- Before PostgreSQL 16 only a superuser may give these two, so a lack is told rather than fatal.
  for wanted in
    select role.*
      from (values ('service_role', 'bypassrls'),
                   ('authenticator', 'replication')) as role (name, attribute)
      join pg_catalog.pg_roles r on r.rolname = role.name
     where not case role.attribute when 'bypassrls' then r.rolbypassrls else r.rolreplication end
  loop
    begin
      execute format('alter role %I %s', wanted.name, wanted.attribute);
    exception
      when insufficient_privilege then
        raise notice 'role % lacks %; ask an administrator to run: alter role % %',
          wanted.name, wanted.attribute, wanted.name, wanted.attribute;
      when internal_error then  -- "tuple concurrently updated": another database gave it just now
        null;
    end;
  end loop;

  for wanted in
    select granted.rolname as granted, member.rolname as member
      from (values ('anon', 'authenticator'),
                   ('authenticated', 'authenticator'),
                   ('service_role', 'authenticator'),
                   ('supabase_auth_admin', 'authenticator'),
                   ('supabase_realtime_admin', 'authenticator'),
                   ('supabase_auth_admin', current_user),
                   ('supabase_realtime_admin', current_user)) as pair (granted, member)
      join pg_catalog.pg_roles granted on granted.rolname = pair.granted
      join pg_catalog.pg_roles member on member.rolname = pair.member
     where not member.rolsuper
       -- Since PostgreSQL 16 the maker of a role administers it without having its rights.
       and not pg_has_role(member.oid, granted.oid, case when member.rolinherit then 'usage' else 'member' end)
  loop
    begin
      execute format('grant %I to %I', wanted.granted, wanted.member);
    exception
      when insufficient_privilege then
        raise notice 'role % is no member of %; ask an administrator to run: grant % to %',
          wanted.member, wanted.granted, wanted.granted, wanted.member;
      when unique_violation or internal_error then
        null;
    end;
  end loop;
end
$$;

comment on schema public is 'What clients see: tables, views and the functions they may call.';

create schema if not exists extensions;
comment on schema extensions is 'Extensions that people''s own SQL expects, kept out of public.';

create schema auth authorization supabase_auth_admin;
comment on schema auth is 'Accounts, sessions and the functions that tell a policy who is asking.';

create schema realtime authorization supabase_realtime_admin;
comment on schema realtime is 'Where policies say who may use a private channel.';

grant usage on schema public, extensions, auth, realtime to anon, authenticated, service_role;

-- As on Supabase, a table made in public is open to the API roles until row security closes it;
-- the product's own tables are closed by app.reset.
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;

-- The server parses the text of policies as its login role, whatever schema their functions are
-- in; to enter a schema gives no right to anything inside.
grant usage on schema public, extensions, auth, realtime to authenticator;
alter default privileges grant usage on schemas to authenticator;
