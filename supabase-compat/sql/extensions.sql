-- What Supabase preinstalls, as far as this server has it; the product searches better with pg_trgm and vector, and works without.

do $$
declare
  wanted text;
begin
  for wanted in
    select available.name
      from pg_catalog.pg_available_extensions available
     where available.name in ('uuid-ossp', 'pgcrypto', 'pg_trgm', 'citext', 'vector')
       and available.installed_version is null
       and not (available.name = 'uuid-ossp' and to_regprocedure('extensions.uuid_generate_v4()') is not null)
  loop
    begin
      execute format('create extension if not exists %I schema extensions', wanted);
    exception when insufficient_privilege then
      raise notice 'extension % is left out: % may not create it', wanted, current_user;
    end;
  end loop;

  -- The one function of uuid-ossp that nearly every published migration calls.
  if to_regprocedure('extensions.uuid_generate_v4()') is null then
    create function extensions.uuid_generate_v4()
    returns uuid
    language sql volatile parallel safe
    return pg_catalog.gen_random_uuid();
    comment on function extensions.uuid_generate_v4() is
      'Gives a random uuid: stands in for uuid-ossp where the server lacks it.';
  end if;
end
$$;
