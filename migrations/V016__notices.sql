-- Notices: what people are told of, and how they want to be told. Settings of one's own, invitations by mail.
-- conversation_invites loses a not-null and gains a column: a lock for a moment.

create table app.clock (
  is_only boolean primary key default true check (is_only),
  ahead   interval not null
);
comment on table app.clock is
  'How far rules about time are ahead of the clock on the wall: no row but in tests, which let a server and themselves see one time.';

create table public.notifications (
  id              uuid primary key default base.uuid7(),
  user_id         uuid not null,
  kind            text not null,
  conversation_id uuid references public.conversations on delete cascade,
  message_id      uuid,
  actor_id        uuid references public.profiles,
  subject_id      uuid,
  count           integer not null default 1,
  title           text,
  body            text,
  in_app          boolean not null default true,
  told_at         timestamptz not null default clock_timestamp(),
  seen_at         timestamptz,
  read_at         timestamptz,
  created_at      timestamptz not null default now(),
  constraint notifications_kind_known check (kind in (
    'dm', 'mention', 'reply', 'reaction', 'invite', 'meeting', 'warning', 'report', 'system')),
  constraint notifications_title_fits check (char_length(title) <= 200),
  constraint notifications_body_fits check (char_length(body) <= 1000)
) with (fillfactor = 80);
comment on table public.notifications is
  'What people are told of. What is said in a conversation is one row as long as it is unread, which counts; there is none for each message and member.';
comment on column public.notifications.subject_id is 'What it is about, if not a message: a meeting, an invitation.';
comment on column public.notifications.title is 'Words, where no message has them.';
comment on column public.notifications.in_app is 'False when the person wants to be told elsewhere only.';
comment on column public.notifications.told_at is 'When it last happened.';
-- Not by month: an unread row must be found, and be the only one, whenever it began. Read ones go after a while.
create unique index notifications_one_unread on public.notifications (user_id, kind, conversation_id)
 where read_at is null and kind in ('dm', 'mention', 'reply', 'reaction');
create index notifications_told_idx on public.notifications (user_id, told_at desc);
create index notifications_read_idx on public.notifications (read_at) where read_at is not null;
create index notifications_conversation_idx on public.notifications (conversation_id);
alter table public.notifications replica identity full;

create table app.notice_outbox (
  notification_id uuid primary key references public.notifications on delete cascade,
  user_id         uuid not null,
  push_at         timestamptz,
  mail_at         timestamptz
);
comment on table app.notice_outbox is
  'Which notices are to leave the house and when, unless they are read before: written with the notice, in the transaction of its cause.';
create index notice_outbox_push_idx on app.notice_outbox (push_at) where push_at is not null;
create index notice_outbox_mail_idx on app.notice_outbox (mail_at) where mail_at is not null;
create index notice_outbox_user_idx on app.notice_outbox (user_id) where mail_at is not null;

create table app.notice_crowds (
  conversation_id uuid not null,
  message_id      uuid not null,
  after           uuid not null default '00000000-0000-0000-0000-000000000000',
  created_at      timestamptz not null default now(),
  primary key (conversation_id, message_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table app.notice_crowds is 'Messages that call more people than a send should wait for; up to whom they were told.';

create table public.notification_preferences (
  user_id    uuid not null,
  channel    text not null,
  kind       text not null,
  enabled    boolean not null,
  created_at timestamptz not null default now(),
  primary key (user_id, channel, kind),
  constraint notification_preferences_channel_known check (channel in ('app', 'push', 'mail')),
  constraint notification_preferences_kind_known check (kind in (
    'dm', 'mention', 'reply', 'reaction', 'invite', 'meeting', 'warning', 'report', 'system'))
);
comment on table public.notification_preferences is 'Where people want to be told of what; what has no row is as app.wants_by_default says.';

-- Quiet hours and digests are of a person, not of a channel and kind, so they have a row of their own.
create table public.notification_settings (
  user_id     uuid primary key,
  quiet_from  time,
  quiet_to    time,
  digest      text not null default 'off',
  digest_at   time not null default '08:00',
  digest_next timestamptz,
  created_at  timestamptz not null default now(),
  constraint notification_settings_quiet_has_two_ends check ((quiet_from is null) = (quiet_to is null)),
  constraint notification_settings_digest_known check (digest in ('off', 'hourly', 'daily', 'weekly'))
);
comment on table public.notification_settings is 'When people are not to be woken, and whether they want mail that sums up.';
comment on column public.notification_settings.quiet_from is 'In the person''s own time zone; may be later than quiet_to.';
comment on column public.notification_settings.digest is 'off: mail for what was missed; else mail that sums up what is unread, instead.';
comment on column public.notification_settings.digest_next is 'When the next one is due; reckoned by a trigger.';
create index notification_settings_due_idx on public.notification_settings (digest_next) where digest_next is not null;

create table app.mail_tokens (
  token   text primary key default replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
  user_id uuid not null,
  list    text not null,
  constraint mail_tokens_list_known check (list in ('missed', 'digest')),
  constraint mail_tokens_one_per_list unique (user_id, list)
);
comment on table app.mail_tokens is 'What a link in mail shows so that there is no more of such mail, without signing in.';

create table public.user_settings (
  user_id        uuid primary key,
  theme          text not null default 'system',
  density        text not null default 'comfortable',
  sounds         boolean not null default true,
  sound_name     text not null default 'default',
  keyboard_mode  text not null default 'default',
  enter_to_send  boolean not null default true,
  reduced_motion boolean not null default false,
  language       text not null default 'en',
  created_at     timestamptz not null default now(),
  constraint user_settings_theme_known check (theme in ('system', 'light', 'dark')),
  constraint user_settings_density_known check (density in ('comfortable', 'compact')),
  constraint user_settings_keyboard_mode_known check (keyboard_mode in ('default', 'vim', 'emacs')),
  constraint user_settings_sound_name_fits check (sound_name ~ '^[a-z0-9_-]{1,40}$'),
  constraint user_settings_language_fits check (language ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$')
);
comment on table public.user_settings is 'How people like their screen; the same on all their devices.';

alter table public.conversation_invites
  alter column invitee_id drop not null,
  add column email text,
  add constraint conversation_invites_is_for_one check (num_nonnulls(invitee_id, email) >= 1),
  add constraint conversation_invites_email_fits check (email = lower(email) and email ~ '^[^[:space:]@<>",;]+@[^[:space:]@<>",;]+$'
                                                        and char_length(email) <= 255);
comment on column public.conversation_invites.email is
  'Whom it was sent to, if they had no account; whoever confirms that address is the invited.';
create unique index conversation_invites_one_pending_by_mail on public.conversation_invites (conversation_id, email)
 where state = 'pending' and invitee_id is null;
create index conversation_invites_email_idx on public.conversation_invites (email) where invitee_id is null;

alter table public.scheduled_messages
  add column persona_id uuid;
comment on column public.scheduled_messages.persona_id is 'As whom it is said, if not as the sender.';

create table app.embedding_queue (
  conversation_id uuid not null,
  message_id      uuid not null,
  primary key (conversation_id, message_id)
);
comment on table app.embedding_queue is 'Messages whose meaning is still to be asked for; no row where no server can ask.';

create table app.embedding_model (
  is_only boolean primary key default true check (is_only),
  name    text not null
);
comment on table app.embedding_model is 'The model whose vectors are kept; when servers have another, all is asked for anew.';

alter publication supabase_realtime add table public.notifications;

create table public.consents (
  id              uuid primary key default base.uuid7(),
  user_id         uuid not null,
  purpose         text not null,
  conversation_id uuid references public.conversations on delete cascade,
  given_at        timestamptz not null default clock_timestamp(),
  withdrawn_at    timestamptz,
  created_at      timestamptz not null default now(),
  constraint consents_purpose_known check (purpose in ('contact_exchange'))
);
comment on table public.consents is 'What people have agreed to, where, when, and until when; what is withdrawn stays on record.';
create unique index consents_one_standing on public.consents (user_id, purpose, conversation_id) nulls not distinct
 where withdrawn_at is null;
create index consents_conversation_idx on public.consents (conversation_id, purpose) where withdrawn_at is null;

insert into app.rate_rules (name, rate, burst)
values ('mail_invite', 0.01, 20)
on conflict do nothing;
