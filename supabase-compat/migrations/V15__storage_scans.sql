-- Looking for viruses: whether anything does, and verdicts by what was looked at.

set local role supabase_storage_admin;

create table storage.scanners (
  name  text primary key,
  since timestamptz not null default now()
);
comment on table storage.scanners is
  'What looks at files. A server that has a scanner writes a row; from then on files wait for a verdict, even if no server has one any more. Delete the row to go without.';

alter table storage.scans add column sha256 text;
comment on column storage.scans.sha256 is 'Of the bytes: what is the same need not be looked at again.';
create index scans_sha256_idx on storage.scans (sha256, engine);

alter table storage.scanners enable row level security;
grant select, insert, update, delete on storage.scanners to service_role;

reset role;
