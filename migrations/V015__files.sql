-- Files of conversations: versions, attachments, what is allowed and how much; avatars.
-- Messages and profiles are locked while a constraint looks at each message, once.

create table public.files (
  id              uuid primary key,
  org_id          uuid not null references public.orgs on delete cascade,
  conversation_id uuid not null references public.conversations on delete cascade,
  owner_id        uuid not null references public.profiles,
  name            text not null,
  folder          text not null default '',
  chapter         integer not null,
  visibility      text not null default 'normal',
  last_version    integer not null default 0,
  current_version integer,
  created_at      timestamptz not null default clock_timestamp(),
  updated_at      timestamptz not null default clock_timestamp(),
  deleted_at      timestamptz,
  deleted_by      uuid,
  constraint files_name_fits check (name ~ '\S' and char_length(name) <= 255 and name !~ '[/\\[:cntrl:]]'),
  constraint files_folder_fits check (char_length(folder) <= 255 and folder !~ '(^/|/$|//|[\\[:cntrl:]])'),
  constraint files_visibility_known check (visibility in ('normal', 'shadow')),
  constraint files_current_is_there check (current_version <= last_version)
);
comment on table public.files is 'Files of conversations; what they hold is in file_versions.';
comment on column public.files.folder is 'Where it is listed, such as Plans/2030; empty at the top. A folder is there while a file is in it.';
comment on column public.files.chapter is 'The latest chapter in which it was uploaded or shown: whoever may read that chapter sees the file.';
comment on column public.files.visibility is 'shadow: its owner alone sees it.';
comment on column public.files.last_version is 'Number of the newest version; the row''s lock makes numbers gapless.';
comment on column public.files.current_version is 'The newest version that others may have; null until one has been found clean.';
create index files_conversation_idx on public.files (conversation_id, folder, updated_at desc) where deleted_at is null;
create index files_owner_idx on public.files (owner_id);
alter table public.files replica identity full;

create table public.file_versions (
  file_id         uuid not null references public.files on delete cascade,
  version         integer not null,
  conversation_id uuid not null,
  org_id          uuid not null,
  chapter         integer not null,
  visibility      text not null default 'normal',
  upload_id       uuid not null unique,
  object_path     text not null,
  object_version  uuid,
  name            text not null,
  size_bytes      bigint not null,
  mime_type       text not null,
  sha256          text,
  uploaded_by     uuid not null references public.profiles,
  restored_from   integer,
  note            text,
  scan_status     text not null default 'pending',
  scan_engine     text,
  scanned_at      timestamptz,
  created_at      timestamptz not null default clock_timestamp(),
  primary key (file_id, version),
  constraint file_versions_from_one check (version >= 1),
  constraint file_versions_visibility_known check (visibility in ('normal', 'shadow')),
  constraint file_versions_note_fits check (char_length(note) <= 1000),
  constraint file_versions_scan_status_known check (scan_status in ('pending', 'clean', 'infected', 'failed', 'skipped'))
);
comment on table public.file_versions is 'What a file held, upload after upload; numbers are given when the bytes are there, and have no gaps.';
comment on column public.file_versions.object_path is 'Name of the object in bucket chat; a restored version has that of the one restored.';
comment on column public.file_versions.object_version is 'Which bytes of that object were looked at: others would have to be looked at again.';
comment on column public.file_versions.mime_type is 'What the bytes are; where that cannot be told, what the uploader says.';
comment on column public.file_versions.scan_status is
  'pending, infected and failed: only its uploader has it; clean: others too; skipped: too, since nothing scans here.';
create index file_versions_path_idx on public.file_versions (object_path);
create index file_versions_unscanned_idx on public.file_versions (object_version) where scan_status in ('pending', 'failed');
alter table public.file_versions replica identity full;

create table public.message_attachments (
  conversation_id uuid not null,
  message_id      uuid not null,
  file_id         uuid not null,
  version         integer not null,
  sender_id       uuid not null,
  chapter         integer not null,
  visibility      text not null,
  position        integer not null,
  alt_text        text,
  created_at      timestamptz not null default now(),
  primary key (conversation_id, message_id, file_id, version),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade,
  foreign key (file_id, version) references public.file_versions (file_id, version) on delete cascade,
  constraint message_attachments_alt_text_fits check (char_length(alt_text) <= 1000)
);
comment on table public.message_attachments is 'Which versions of which files messages show.';
comment on column public.message_attachments.chapter is 'The message''s, as sender and visibility are: whoever reads the message sees what hangs on it.';
comment on column public.message_attachments.alt_text is 'What it shows, for those who do not see it.';
create index message_attachments_file_idx on public.message_attachments (file_id, version);

-- What a client needs to show the files comes with the message, live changes included.
alter table public.messages
  add column attachments jsonb not null default '[]',
  drop constraint messages_body_not_blank,
  add constraint messages_say_something check (
    deleted_at is not null or body is not null and (body ~ '\S' or attachments <> '[]'));
comment on column public.messages.attachments is
  'The files with it: file_id, version, name, mime_type, size_bytes, path in bucket chat, status and alt_text of each. A client that inserts names file_id, version and alt_text.';

create table app.file_uploads (
  id              uuid primary key,
  path            text not null unique,
  conversation_id uuid not null references public.conversations on delete cascade,
  file_id         uuid not null,
  uploader_id     uuid not null references public.profiles on delete cascade,
  name            text not null,
  folder          text not null,
  note            text,
  size_bytes      bigint not null,
  mime_type       text,
  sha256          text,
  visibility      text not null,
  expires_at      timestamptz not null,
  constraint file_uploads_note_fits check (char_length(note) <= 1000)
);
comment on table app.file_uploads is 'Uploads that were let in and have not ended: who may put what where until when.';
create index file_uploads_uploader_idx on app.file_uploads (uploader_id);

create table app.file_usage (
  owner_id uuid primary key,
  bytes    bigint not null default 0,
  constraint file_usage_never_negative check (bytes >= 0)
) with (fillfactor = 50);
comment on table app.file_usage is 'How many bytes of files a person has, and an organisation; kept with each upload and deletion.';

create table public.file_quotas (
  id         uuid primary key default base.uuid7(),
  org_id     uuid not null references public.orgs on delete cascade,
  scope      text not null,
  user_id    uuid,
  max_bytes  bigint not null,
  created_at timestamptz not null default now(),
  constraint file_quotas_scope_known check (scope in ('org', 'person')),
  constraint file_quotas_org_is_nobody check (scope = 'person' or user_id is null),
  constraint file_quotas_not_negative check (max_bytes >= 0),
  constraint file_quotas_one_each unique nulls not distinct (org_id, scope, user_id)
);
comment on table public.file_quotas is 'How much may be kept in files; without a row there is no bound.';
comment on column public.file_quotas.scope is 'org: all of the organisation together; person: one person.';
comment on column public.file_quotas.user_id is 'Whose; null means each person''s who has no row of their own.';

create table app.file_types (
  extension    text primary key,
  mime_type    text not null,
  family       text not null,
  is_tellable  boolean not null,
  constraint file_types_extension_is_a_word check (extension ~ '^[a-z0-9]{1,16}$')
);
comment on table app.file_types is 'What the end of a file''s name promises; the operator''s to add to.';
comment on column app.file_types.family is 'Types of one family look alike from their first bytes, and pass for each other.';
comment on column app.file_types.is_tellable is 'Whether the bytes tell the type, so that bytes that tell nothing are a lie.';

insert into app.file_types (extension, mime_type, family, is_tellable)
select extension, mime_type, coalesce(family, mime_type), is_tellable
  from (values
    ('png', 'image/png', null, true), ('jpg', 'image/jpeg', null, true), ('jpeg', 'image/jpeg', null, true),
    ('gif', 'image/gif', null, true), ('webp', 'image/webp', null, true), ('bmp', 'image/bmp', null, true),
    ('tif', 'image/tiff', null, true), ('tiff', 'image/tiff', null, true), ('ico', 'image/vnd.microsoft.icon', null, true),
    ('avif', 'image/avif', 'heif', true), ('heic', 'image/heic', 'heif', true), ('heif', 'image/heif', 'heif', true),
    ('svg', 'image/svg+xml', 'markup', false), ('html', 'text/html', 'markup', false), ('htm', 'text/html', 'markup', false),
    ('xml', 'text/xml', 'markup', false), ('pdf', 'application/pdf', null, true), ('rtf', 'application/rtf', 'text', false),
    ('mp4', 'video/mp4', 'mp4', true), ('m4v', 'video/x-m4v', 'mp4', true), ('mov', 'video/quicktime', 'mp4', true),
    ('m4a', 'audio/m4a', 'mp4', true), ('aac', 'audio/aac', null, true), ('mp3', 'audio/mpeg', null, true),
    ('webm', 'video/webm', 'matroska', true), ('mkv', 'video/x-matroska', 'matroska', true),
    ('ogg', 'audio/ogg', 'ogg', true), ('oga', 'audio/ogg', 'ogg', true), ('ogv', 'video/ogg', 'ogg', true),
    ('opus', 'audio/opus', 'ogg', true), ('wav', 'audio/x-wav', null, true), ('flac', 'audio/x-flac', null, true),
    ('avi', 'video/x-msvideo', null, true), ('mpg', 'video/mpeg', null, true), ('mpeg', 'video/mpeg', null, true),
    ('zip', 'application/zip', 'zip', true), ('epub', 'application/epub+zip', 'zip', true),
    ('docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'zip', true),
    ('xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'zip', true),
    ('pptx', 'application/vnd.openxmlformats-officedocument.presentationml.presentation', 'zip', true),
    ('odt', 'application/vnd.oasis.opendocument.text', 'zip', true),
    ('ods', 'application/vnd.oasis.opendocument.spreadsheet', 'zip', true),
    ('odp', 'application/vnd.oasis.opendocument.presentation', 'zip', true),
    ('jar', 'application/java-archive', 'program', true), ('apk', 'application/vnd.android.package-archive', 'program', true),
    ('doc', 'application/msword', 'ole', true), ('xls', 'application/vnd.ms-excel', 'ole', true),
    ('ppt', 'application/vnd.ms-powerpoint', 'ole', true), ('ole', 'application/x-ole-storage', 'ole', true), ('msi', 'application/x-msi', 'program', true),
    ('gz', 'application/gzip', null, true), ('7z', 'application/x-7z-compressed', null, true),
    ('rar', 'application/vnd.rar', null, true), ('tar', 'application/x-tar', null, true),
    ('txt', 'text/plain', 'text', false), ('log', 'text/plain', 'text', false), ('md', 'text/markdown', 'text', false),
    ('csv', 'text/csv', 'text', false), ('json', 'application/json', 'text', false), ('ics', 'text/calendar', 'text', false),
    ('vcf', 'text/vcard', 'text', false), ('exe', 'application/vnd.microsoft.portable-executable', 'program', true),
    ('dll', 'application/vnd.microsoft.portable-executable', 'program', true), ('com', 'application/x-msdownload', 'program', true),
    ('scr', 'application/vnd.microsoft.portable-executable', 'program', true), ('so', 'application/x-executable', 'program', true),
    ('bat', 'application/x-bat', 'script', false), ('cmd', 'application/x-bat', 'script', false),
    ('ps1', 'application/x-powershell', 'script', false), ('sh', 'text/x-shellscript', 'script', false),
    ('js', 'text/javascript', 'script', false), ('vbs', 'text/vbscript', 'script', false),
    ('wasm', 'application/wasm', null, true)
  ) known (extension, mime_type, family, is_tellable);

-- The organisation decides on size; this bounds what is taken in before it can be asked.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('chat', 'chat', false, null, null),
       ('avatars', 'avatars', true, 2000000, '{image/png,image/jpeg,image/gif,image/webp,image/avif}')
on conflict (id) do nothing;
-- A link to a file outlives the right to it by five minutes at most.
update storage.buckets set max_signed_seconds = 300 where id = 'chat';

insert into app.rate_rules (name, rate, burst)
values ('upload', 2, 50)
on conflict do nothing;

-- Who made a persona is on record in audit_log; a profile is read by all.
alter table public.profiles drop column created_by;

alter publication supabase_realtime add table public.files, public.file_versions;
