-- Messages that wait for a moderator are found without reading all messages; what discoverable means now.
-- Messages are locked against writing for one pass over each partition.

create index messages_held_idx on public.messages (org_id, created_at)
 where visibility = 'held' and deleted_at is null;

comment on column public.user_privacy_settings.discoverable is
  'Whether strangers see one''s profile, find one in searches and may write.';
