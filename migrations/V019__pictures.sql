-- What is known of pictures, sound and films, and who brings files for a persona.
-- file_versions and file_uploads are locked for a moment, since the columns need no rewriting.

alter table public.file_versions
  add column width       integer,
  add column height      integer,
  add column duration_ms integer,
  add column is_raw      boolean not null default false,
  add constraint file_versions_sizes_positive check (width > 0 and height > 0) not valid,
  add constraint file_versions_duration_not_negative check (duration_ms >= 0) not valid;
comment on column public.file_versions.width is 'Of a picture as it is shown, in pixels; null until it was looked at, and for all else.';
comment on column public.file_versions.height is 'As width.';
comment on column public.file_versions.duration_ms is 'How long sound or a film is, as its uploader says.';
comment on column public.file_versions.is_raw is 'Whether what a camera noted is still in it and must go before others may have it.';

alter table app.file_uploads add column brought_by uuid;
comment on column app.file_uploads.brought_by is 'The admin who brings it for a persona; null when people bring their own.';
