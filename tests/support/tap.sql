-- The few functions of pgTAP that our tests use, and who is who. Can be run again and again.
-- Each assertion gives one row of text in TAP form, so that pg_prove and our own runner read the same.
-- Counters are settings of the transaction: every role may count, and a rollback forgets.

create schema if not exists tests;
grant usage on schema tests to public;

-- Who is who

create or replace function tests.id(p_name text)
returns uuid
language sql stable
security definer set search_path = ''  -- accounts are for their owner only
as $$
  select u.id from auth.users u where u.email = p_name || '@example.com'
$$;

create or replace function tests.conversation(p_name text)
returns uuid
language sql stable
security definer set search_path = ''  -- a test names conversations that its person cannot see
as $$
  select c.id
    from public.conversations c
   where lower(c.title) = p_name
      or c.kind = 'dm' and p_name = 'dm'
         and c.dm_key = tests.id('ana') || ':' || tests.id('bo')
$$;

create or replace function tests.be(p_name text)
returns void
language plpgsql
as $$
begin
  perform set_config('request.jwt.claims', case p_name
      when 'administrator' then ''
      when 'nobody' then '{"role": "anon"}'
      when 'service' then '{"role": "service_role"}'
      else jsonb_build_object('role', 'authenticated', 'sub', tests.id(p_name), 'email', p_name || '@example.com')::text
    end, true);
  perform set_config('role', case p_name
      when 'administrator' then 'none'
      when 'nobody' then 'anon'
      when 'service' then 'service_role'
      else 'authenticated'
    end, true);
end
$$;

-- What a storage server does when the bytes of an upload have arrived: the ledger first, then the object.
create or replace function tests.put(
  p_path text,
  p_size bigint default 4,
  p_said text default 'text/plain',
  p_found text default null,
  p_sha256 text default null,
  p_bucket text default 'chat'
)
returns uuid
language plpgsql
security definer set search_path = ''  -- what the server writes is nobody's to write
as $$
declare
  bytes uuid := gen_random_uuid();
begin
  insert into storage.blobs (version, state, size) values (bytes, 'writing', p_size);
  insert into storage.objects (bucket_id, name, owner_id, version, metadata, sha256, sniffed_type)
  values (p_bucket, p_path, auth.uid()::text, bytes, jsonb_build_object('size', p_size, 'mimetype', p_said), p_sha256, p_found);
  return bytes;
end
$$;

-- A file of somebody's, asked for and uploaded.
create or replace function tests.bring(
  p_conversation text,
  p_name text,
  p_file uuid default null,
  p_folder text default '',
  p_size bigint default 4,
  p_found text default null
)
returns public.file_versions
language plpgsql
as $$
declare
  asked jsonb := public.request_upload(tests.conversation(p_conversation), p_name, p_size, null, p_file, p_folder);
begin
  perform tests.put(asked ->> 'path', p_size, 'application/octet-stream', p_found);
  return public.complete_upload((asked ->> 'upload_id')::uuid);
end
$$;

-- Counting

create or replace function tests.line(p_passed boolean, p_name text, p_why text default null)
returns text
language plpgsql
as $$
declare
  number int := coalesce(nullif(current_setting('tests.number', true), '')::int, 0) + 1;
begin
  perform set_config('tests.number', number::text, true);
  if p_passed then
    return format('ok %s - %s', number, p_name);
  end if;
  perform set_config('tests.failed', (coalesce(nullif(current_setting('tests.failed', true), '')::int, 0) + 1)::text, true);
  return format('not ok %s - %s', number, p_name)
    || coalesce(E'\n# ' || replace(p_why, E'\n', E'\n# '), '');
end
$$;

create or replace function tests.plan(p_count integer)
returns text
language sql
as $$
  select '1..' || set_config('tests.planned', p_count::text, true)
$$;

create or replace function tests.finish()
returns setof text
language plpgsql
as $$
declare
  planned int := coalesce(nullif(current_setting('tests.planned', true), '')::int, 0);
  number int := coalesce(nullif(current_setting('tests.number', true), '')::int, 0);
  failed int := coalesce(nullif(current_setting('tests.failed', true), '')::int, 0);
begin
  if number <> planned then
    return next format('not ok %s - %s tests were planned but %s ran', number + 1, planned, number);
  end if;
  if failed > 0 then
    return next format('# %s of %s failed', failed, number);
  end if;
end
$$;

-- Asserting

create or replace function tests.ok(p_passed boolean, p_name text)
returns text
language sql
as $$
  select tests.line(coalesce(p_passed, false), p_name, 'it is ' || coalesce(p_passed::text, 'null'))
$$;

create or replace function tests.is(p_have anyelement, p_want anyelement, p_name text)
returns text
language sql
as $$
  select tests.line(p_have is not distinct from p_want, p_name,
    format(E'have: %s\nwant: %s', coalesce(p_have::text, 'null'), coalesce(p_want::text, 'null')))
$$;

create or replace function tests.is_empty(p_query text, p_name text)
returns text
language plpgsql
as $$
declare
  rows bigint;
begin
  execute p_query;
  get diagnostics rows = row_count;
  return tests.line(rows = 0, p_name, format('it gave %s rows', rows));
end
$$;

create or replace function tests.isnt_empty(p_query text, p_name text)
returns text
language plpgsql
as $$
declare
  rows bigint;
begin
  execute p_query;
  get diagnostics rows = row_count;
  return tests.line(rows > 0, p_name, 'it gave no row');
end
$$;

create or replace function tests.lives_ok(p_statement text, p_name text)
returns text
language plpgsql
as $$
begin
  execute p_statement;
  return tests.line(true, p_name);
exception when others then
  return tests.line(false, p_name, format('%s: %s', sqlstate, sqlerrm));
end
$$;

create or replace function tests.throws_ok(p_statement text, p_sqlstate text, p_message text, p_name text)
returns text
language plpgsql
as $$
begin
  begin
    execute p_statement;
  exception when others then
    return tests.line(sqlstate = p_sqlstate and (p_message is null or sqlerrm = p_message), p_name,
      format('it threw %s: %s', sqlstate, sqlerrm));
  end;
  return tests.line(false, p_name, 'it threw nothing');
end
$$;

-- Not in pgTAP: the machine word that a rule gives with its refusal.
create or replace function tests.hint_ok(p_statement text, p_sqlstate text, p_hint text, p_name text)
returns text
language plpgsql
as $$
declare
  hint text;
begin
  begin
    execute p_statement;
  exception when others then
    get stacked diagnostics hint = pg_exception_hint;
    return tests.line(sqlstate = p_sqlstate and hint = p_hint, p_name,
      format('it threw %s: %s (%s)', sqlstate, sqlerrm, hint));
  end;
  return tests.line(false, p_name, 'it threw nothing');
end
$$;

-- Tests are faster than people: the allowances of the product are for those that are about them.
update app.rate_rules set rate = 100000, burst = 1000000;
