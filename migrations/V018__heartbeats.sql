-- When devices were last heard of, and what people chose, leave the table that others read.
-- Takes user_presence for itself for as long as one pass over it.

create table app.heartbeats (
  user_id       uuid primary key,
  at            timestamptz not null,
  active_at     timestamptz,
  is_there      boolean not null,
  manual_status text,
  constraint heartbeats_manual_status_known check (manual_status in ('online', 'away', 'busy', 'offline'))
) with (fillfactor = 50);
comment on table app.heartbeats is 'When each person''s devices were last heard of: what of it others may know is in user_presence.';
comment on column app.heartbeats.at is 'The last heartbeat, to within half a minute.';
comment on column app.heartbeats.active_at is 'When the person last did something.';
comment on column app.heartbeats.is_there is 'False when they have gone, or two heartbeats are missing.';
comment on column app.heartbeats.manual_status is 'What the person chose; it wins over what their devices say.';
create index heartbeats_there_idx on app.heartbeats (at) where is_there;

insert into app.heartbeats (user_id, at, active_at, is_there, manual_status)
select p.user_id, coalesce(p.last_seen_at, '-infinity'), p.last_active_at, p.status <> 'offline', p.manual_status
  from public.user_presence p;
update public.user_presence p
   set status = p.manual_status
 where p.manual_status is not null
   and p.status <> 'offline';
update public.user_presence p
   set last_seen_at = null
  from public.user_privacy_settings s
 where s.user_id = p.user_id
   and not s.show_last_seen;

drop index public.user_presence_live_idx;
alter table public.user_presence
  drop column manual_status,
  drop column last_active_at;
comment on column public.user_presence.status is 'What holds, also when it was chosen by hand.';
