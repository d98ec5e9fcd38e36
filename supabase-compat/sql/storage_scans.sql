-- Looking for viruses. A file is looked at once; its verdict is in storage.scans, for policies to ask.

create or replace function storage.note_scanner(name text)
returns void
language sql
security definer set search_path = ''  -- the server only says that it has one
as $$
  insert into storage.scanners (name) values (name)
  on conflict do nothing
$$;
comment on function storage.note_scanner is 'Takes the name of a scanner that a server has; from then on files wait for a verdict.';

create or replace function storage.request_scan(version uuid)
returns void
language sql
security definer set search_path = ''
as $$
  -- A scanner may be away for long; once an hour somebody looks whether it is back.
  select walkie.enqueue_job('scan', jsonb_build_object('version', version), null, 'scan:' || version, 1000)
$$;
comment on function storage.request_scan is 'Takes the version of an object; has its bytes looked at after the commit, and again for as long as nobody could.';

create or replace function storage.request_picture(version uuid, is_bare boolean)
returns void
language sql
security definer set search_path = ''
as $$
  select walkie.enqueue_job('picture', jsonb_build_object('version', version, 'is_bare', is_bare), null, 'picture:' || version, 20)
$$;
comment on function storage.request_picture is
  'Takes the version of a picture and whether what is noted in it is to be taken out; has it looked at after the commit.';

create or replace function storage.reuse_verdict(version uuid, engine text)
returns boolean
language sql
security definer set search_path = ''
as $$
  with same as (
    select s.verdict, s.signature, o.sha256
      from storage.objects o
      join storage.scans s on s.sha256 = o.sha256 and s.engine = reuse_verdict.engine
     where o.version = reuse_verdict.version::text
     order by s.at desc
     limit 1),
  told as (
    insert into storage.scans (version, verdict, engine, signature, sha256)
    select reuse_verdict.version, same.verdict, reuse_verdict.engine, same.signature, same.sha256
      from same
    on conflict on constraint scans_pkey do update
       set verdict = excluded.verdict, engine = excluded.engine, signature = excluded.signature, sha256 = excluded.sha256, at = now()
    returning 1)
  select exists (select from told)
$$;
comment on function storage.reuse_verdict is
  'Takes the version of an object and a scanner with its signatures; if that has looked at the same bytes before, its verdict holds here too, and true is given.';

create or replace function storage.record_verdict(version uuid, verdict text, engine text, signature text)
returns void
language sql
security definer set search_path = ''
as $$
  -- Of bytes that are gone meanwhile nothing is kept.
  insert into storage.scans (version, verdict, engine, signature, sha256)
  select b.version, record_verdict.verdict, record_verdict.engine, record_verdict.signature,
         (select max(o.sha256) from storage.objects o where o.version = b.version::text)
    from storage.blobs b
   where b.version = record_verdict.version
     for key share
  on conflict on constraint scans_pkey do update
     set verdict = excluded.verdict, engine = excluded.engine, signature = excluded.signature, sha256 = excluded.sha256, at = now()
$$;
comment on function storage.record_verdict is 'Takes the version of an object and what a scanner said of its bytes: clean, infected or failed, and what was found.';

revoke execute on function storage.note_scanner, storage.request_scan, storage.request_picture, storage.reuse_verdict, storage.record_verdict from public;
-- Whose request_scan is, as all functions of storage.
grant usage on schema walkie to supabase_storage_admin;
grant execute on function walkie.enqueue_job to supabase_storage_admin;
grant execute on function storage.note_scanner, storage.reuse_verdict, storage.record_verdict to authenticator;
