-- Uploads over S3 that come in parts, and the parts that are there already.

set local role supabase_storage_admin;

create table storage.s3_multipart_uploads (
  id               uuid primary key,
  bucket_id        text not null references storage.buckets on delete cascade,
  key              text not null,
  owner_id         text,
  created_at       timestamptz not null default now(),
  until            timestamptz not null,
  in_progress_size bigint not null default 0,
  wish             jsonb not null,
  completed_as     uuid
);
comment on table storage.s3_multipart_uploads is 'Uploads over S3 that come in parts and were not completed yet.';
comment on column storage.s3_multipart_uploads.owner_id is 'Claim sub of whoever began it; nobody else goes on with it but servers.';
comment on column storage.s3_multipart_uploads.until is 'When it is given up.';
comment on column storage.s3_multipart_uploads.in_progress_size is 'Bytes of all parts that are there.';
comment on column storage.s3_multipart_uploads.wish is 'What the object is to be, as it was said in the beginning.';
comment on column storage.s3_multipart_uploads.completed_as is 'The bytes in which all parts are joined, once somebody completes it.';
create index s3_multipart_uploads_listing_idx on storage.s3_multipart_uploads (bucket_id, key collate "C", id);
create index s3_multipart_uploads_until_idx on storage.s3_multipart_uploads (until);

create table storage.s3_multipart_uploads_parts (
  upload_id   uuid not null references storage.s3_multipart_uploads on delete cascade,
  part_number integer not null check (part_number between 1 and 10000),
  version     uuid not null unique,
  size        bigint not null check (size >= 0),
  etag        text not null,
  checksum    text,
  created_at  timestamptz not null default now(),
  primary key (upload_id, part_number)
);
comment on table storage.s3_multipart_uploads_parts is 'The parts of such uploads; each rests by itself until all are joined.';
comment on column storage.s3_multipart_uploads_parts.version is 'Names the bytes.';
comment on column storage.s3_multipart_uploads_parts.etag is 'MD5 of the bytes, in hex.';
comment on column storage.s3_multipart_uploads_parts.checksum is 'What else was checked when it came: the name of a header, and its value.';

alter table storage.s3_multipart_uploads enable row level security;
alter table storage.s3_multipart_uploads_parts enable row level security;

reset role;
