-- Files: buckets, the objects in them, and the ledger of the bytes behind those.

do $$
declare
  wanted record;
begin
  if to_regrole('supabase_storage_admin') is null then
    begin
      create role supabase_storage_admin nologin noinherit;
    exception when duplicate_object or unique_violation then
      null;
    end;
  end if;
  for wanted in
    select member.rolname as member
      from pg_catalog.pg_roles member
     where member.rolname in ('authenticator', current_user)
       and not member.rolsuper
       and not pg_has_role(member.oid, 'supabase_storage_admin', case when member.rolinherit then 'usage' else 'member' end)
  loop
    begin
      execute format('grant supabase_storage_admin to %I', wanted.member);
    exception
      when insufficient_privilege then
        raise notice 'role % is no member of supabase_storage_admin; ask an administrator to run: grant supabase_storage_admin to %',
          wanted.member, wanted.member;
      when unique_violation or internal_error then
        null;
    end;
  end loop;
end
$$;

create schema storage authorization supabase_storage_admin;
comment on schema storage is 'Files: policies on storage.objects say who may do what with them.';
grant usage on schema storage to anon, authenticated, service_role, authenticator;

set local role supabase_storage_admin;

create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');

create table storage.buckets (
  id                 text primary key,
  name               text not null unique,
  owner              uuid,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  public             boolean not null default false,
  avif_autodetection boolean not null default false,
  file_size_limit    bigint check (file_size_limit >= 0),
  allowed_mime_types text[],
  owner_id           text,
  type               storage.buckettype not null default 'STANDARD',
  versioning_status  text not null default 'DISABLED' check (versioning_status in ('DISABLED', 'ENABLED', 'SUSPENDED')),
  lifecycle          jsonb,
  max_signed_seconds integer check (max_signed_seconds > 0),
  constraint buckets_name_length check (char_length(name) between 1 and 100)
);
comment on table storage.buckets is 'Where objects are; a public one is read by everybody.';
comment on column storage.buckets.owner is 'As owner_id, where that is a uuid; older clients read it.';
comment on column storage.buckets.owner_id is 'Claim sub of whoever made it.';
comment on column storage.buckets.file_size_limit is 'Most bytes of an object; the server''s own limit where it is lower or this is null.';
comment on column storage.buckets.allowed_mime_types is 'What may be put in, such as image/png or image/*; null for anything.';
comment on column storage.buckets.versioning_status is 'ENABLED keeps what is overwritten or deleted; SUSPENDED keeps what was kept.';
comment on column storage.buckets.lifecycle is 'Rules about how long noncurrent versions stay, as the API takes them.';
comment on column storage.buckets.max_signed_seconds is
  'How long a signed URL for a download works at most, whatever was asked; null: as long as was asked.';

create table storage.objects (
  id               uuid primary key default gen_random_uuid(),
  bucket_id        text not null references storage.buckets,
  name             text not null check (octet_length(name) between 1 and 1024),
  owner            uuid,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  last_accessed_at timestamptz not null default now(),
  metadata         jsonb,
  path_tokens      text[] generated always as (string_to_array(name, '/')) stored,
  version          text,
  owner_id         text,
  user_metadata    jsonb,
  archived_at      timestamptz,
  is_delete_marker boolean not null default false,
  is_versioned     boolean not null default false,
  expires_at       timestamptz,
  sha256           text,
  sniffed_type     text
);
comment on table storage.objects is
  'One row an object, and one for each version that is kept. Policies here decide who may do what; rows appear only when their bytes are safe.';
comment on column storage.objects.id is 'Stays the same when the object is overwritten or moved; a kept version has one of its own.';
comment on column storage.objects.name is 'The whole path within the bucket.';
comment on column storage.objects.metadata is 'What the server found: size, mimetype, eTag, cacheControl, lastModified.';
comment on column storage.objects.user_metadata is 'What whoever uploaded it said about it.';
comment on column storage.objects.version is 'Names the bytes; fresh for each upload.';
comment on column storage.objects.archived_at is 'When it was overwritten or deleted; null for what is current.';
comment on column storage.objects.is_delete_marker is 'Whether this says that the object is deleted while versions of it are kept.';
comment on column storage.objects.is_versioned is 'Whether it was written while its bucket kept versions.';
comment on column storage.objects.expires_at is 'From when it is not there any more; the bytes follow soon.';
comment on column storage.objects.sha256 is 'Digest of the bytes, in hex.';
comment on column storage.objects.sniffed_type is 'What the first bytes say it is; null when they say nothing.';

create unique index bucketid_objname on storage.objects (bucket_id, name) where archived_at is null;
create index objects_listing_idx on storage.objects (bucket_id, name collate "C") where archived_at is null;
create index objects_folded_idx on storage.objects (bucket_id, lower(name) collate "C") where archived_at is null;
create index objects_archived_idx on storage.objects (bucket_id, name collate "C", archived_at desc) where archived_at is not null;
create index objects_version_idx on storage.objects (version);
create index objects_expires_at_idx on storage.objects (expires_at) where expires_at is not null;

create table storage.blobs (
  version uuid primary key,
  state   text not null check (state in ('writing', 'kept', 'doomed')),
  size    bigint,
  since   timestamptz not null default now(),
  until   timestamptz
);
comment on table storage.blobs is
  'Every piece of bytes that may be on the disk or in the store. A row comes before the bytes and goes after them, so that a crash leaves nothing behind.';
comment on column storage.blobs.state is 'writing: not finished yet; kept: an object has it; doomed: to be removed.';
comment on column storage.blobs.until is 'When one that is still being written counts as left behind.';
create index blobs_writing_idx on storage.blobs (until) where state = 'writing';
create index blobs_doomed_idx on storage.blobs (since) where state = 'doomed';

create table storage.scans (
  version   uuid primary key,
  verdict   text not null check (verdict in ('clean', 'infected', 'failed')),
  engine    text,
  signature text,
  at        timestamptz not null default now()
);
comment on table storage.scans is 'What a virus scanner said of bytes; policies may ask for it.';
comment on column storage.scans.signature is 'What was found.';

create table storage.usage (
  bucket_id text not null references storage.buckets on delete cascade,
  owner_id  text not null,
  bytes     bigint not null default 0,
  objects   bigint not null default 0,
  primary key (bucket_id, owner_id)
);
comment on table storage.usage is 'How much each owner keeps in each bucket, versions included; kept right by a trigger.';
comment on column storage.usage.owner_id is 'As in storage.objects; empty where it has none.';

create table storage.quotas (
  id        bigint generated always as identity primary key,
  bucket_id text references storage.buckets on delete cascade,
  owner_id  text,
  max_bytes bigint not null check (max_bytes >= 0),
  unique nulls not distinct (bucket_id, owner_id)
);
comment on table storage.quotas is 'How much each owner may keep; what would go over is refused.';
comment on column storage.quotas.bucket_id is 'Null: in all buckets together.';
comment on column storage.quotas.owner_id is 'Null: each owner.';

alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
alter table storage.blobs enable row level security;
alter table storage.scans enable row level security;
alter table storage.usage enable row level security;
alter table storage.quotas enable row level security;
grant select, insert, update, delete on storage.buckets, storage.objects to anon, authenticated, service_role;
grant select, insert, update, delete on storage.scans, storage.quotas to service_role;
grant select on storage.usage to service_role;

reset role;
