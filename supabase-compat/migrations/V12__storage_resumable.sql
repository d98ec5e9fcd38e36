-- Uploads that may be interrupted, and pictures that were made out of others.

set local role supabase_storage_admin;

create table storage.resumable_uploads (
  version   uuid primary key references storage.blobs on delete cascade,
  bucket_id text not null references storage.buckets on delete cascade,
  owner_id  text,
  wish      jsonb not null,
  said      text,
  length    bigint check (length >= 0),
  received  bigint not null default 0 check (received >= 0 and received <= length),
  pieces    integer not null default 0
);
comment on table storage.resumable_uploads is
  'Uploads under way whose bytes may come in several requests. A row goes when the ledger has its version kept or doomed.';
comment on column storage.resumable_uploads.version is 'Names the bytes that the object is going to have.';
comment on column storage.resumable_uploads.wish is 'What is to be kept and how, as the server read it at the beginning.';
comment on column storage.resumable_uploads.said is 'Upload-Metadata as the client sent it, which it may ask for.';
comment on column storage.resumable_uploads.length is 'How many bytes there will be; null while the client has not said.';
comment on column storage.resumable_uploads.received is 'How many bytes are safe.';
comment on column storage.resumable_uploads.pieces is 'How many pieces they came in.';
create index resumable_uploads_bucket_id_idx on storage.resumable_uploads (bucket_id);

create table storage.resumable_pieces (
  upload    uuid not null references storage.resumable_uploads on delete cascade,
  starts_at bigint not null check (starts_at >= 0),
  version   uuid not null,
  primary key (upload, starts_at)
);
comment on table storage.resumable_pieces is 'Bytes of resumable uploads that are safe already, as they came.';
comment on column storage.resumable_pieces.version is 'Names the bytes of the piece.';

create table storage.derivatives (
  source         uuid not null references storage.blobs on delete cascade,
  transformation text not null,
  version        uuid not null,
  size           bigint not null,
  mimetype       text not null,
  etag           text not null,
  created_at     timestamptz not null default now(),
  primary key (source, transformation)
);
comment on table storage.derivatives is 'Pictures made out of others; they go with the version they were made of.';
comment on column storage.derivatives.source is 'The version it was made of.';
comment on column storage.derivatives.transformation is 'What was asked for, such as width:320,resize:cover,quality:80.';
comment on column storage.derivatives.version is 'Names its own bytes.';

alter table storage.resumable_uploads enable row level security;
alter table storage.resumable_pieces enable row level security;
alter table storage.derivatives enable row level security;

reset role;
