-- Threads, mentions, reactions, pins, stars and earlier wordings of messages.
-- org_id is filled into every message: one pass over the table, which is locked meanwhile.

alter table public.messages
  add column org_id            uuid,
  add column body_format       text not null default 'plain',
  add column meta              jsonb not null default '{}',
  add column parent_message_id uuid,
  add column thread_id         uuid,
  add column reply_count       integer not null default 0,
  add column last_reply_at     timestamptz,
  add column mentions          uuid[] not null default '{}',
  add column mentions_all      boolean not null default false,
  add column reaction_counts   jsonb not null default '{}',
  add column is_pinned         boolean not null default false,
  add column forwarded         jsonb,
  add column edit_count        integer not null default 0,
  add constraint messages_body_format_known check (body_format in ('plain', 'markdown')),
  add constraint messages_meta_fits check (jsonb_typeof(meta) = 'object' and pg_column_size(meta) <= 8192),
  add constraint messages_mentions_bounded check (cardinality(mentions) <= 50);
comment on column public.messages.org_id is 'The conversation''s organisation, here so that a policy need not look it up.';
comment on column public.messages.meta is 'The client''s own: at most 8 KB.';
comment on column public.messages.parent_message_id is 'The message that this one answers in its thread.';
comment on column public.messages.thread_id is 'The message that the thread hangs on; threads have one level. Null in the main line.';
comment on column public.messages.reply_to_id is 'The message quoted, in the main line or a thread.';
comment on column public.messages.ord is 'How many messages of the main line there were, with this one; replies in threads do not count.';
comment on column public.messages.mentions is 'Members who are named by @username or by the client.';
comment on column public.messages.mentions_all is 'Whether @all, @here or @channel is in it.';
comment on column public.messages.reaction_counts is 'How many people gave each emoji.';
comment on column public.messages.forwarded is 'Where it was copied from: {} if the readers here may not know.';

-- A trigger that follows changes must not take this for one.
alter table public.messages disable trigger user;
update public.messages m set org_id = c.org_id from public.conversations c where c.id = m.conversation_id;
alter table public.messages enable trigger user;
alter table public.messages alter column org_id set not null;

create index messages_thread_idx on public.messages (conversation_id, thread_id, seq) where thread_id is not null;
create index messages_sender_idx on public.messages (sender_id, created_at desc);

create table public.message_edits (
  conversation_id uuid not null,
  message_id      uuid not null,
  version         integer not null,
  body            text not null,
  edited_by       uuid,
  edited_at       timestamptz not null default clock_timestamp(),
  primary key (conversation_id, message_id, version),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table public.message_edits is 'What messages said before they were corrected. Only ever added to.';
comment on column public.message_edits.edited_by is 'Who replaced these words.';

create table public.message_reactions (
  conversation_id uuid not null,
  message_id      uuid not null,
  actor_id        uuid not null,
  emoji           text not null,
  chapter         integer not null,
  visibility      text not null default 'normal',
  created_at      timestamptz not null default now(),
  primary key (conversation_id, message_id, actor_id, emoji),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade,
  constraint message_reactions_emoji_fits check (emoji ~ '\S' and char_length(emoji) <= 32),
  constraint message_reactions_visibility_known check (visibility in ('normal', 'shadow'))
);
comment on table public.message_reactions is 'Who gave which emoji to which message.';
comment on column public.message_reactions.actor_id is
  'The profile. No foreign key: this table would become a second way from messages to profiles, and a client''s embedding ambiguous.';
comment on column public.message_reactions.chapter is 'The message''s: whoever may read that chapter sees the reaction.';
alter table public.message_reactions replica identity full;

create table public.message_mentions (
  conversation_id uuid not null,
  message_id      uuid not null,
  mentioned_id    uuid not null,
  seq             bigint not null,
  created_at      timestamptz not null default now(),
  primary key (conversation_id, message_id, mentioned_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table public.message_mentions is 'Who is mentioned where: for the mentioned to find it.';
create index message_mentions_mentioned_idx on public.message_mentions (mentioned_id, conversation_id, seq);

create table public.message_stars (
  user_id         uuid not null,
  conversation_id uuid not null,
  message_id      uuid not null,
  created_at      timestamptz not null default now(),
  primary key (user_id, conversation_id, message_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table public.message_stars is 'Messages that people keep for themselves.';

create table public.message_hides (
  user_id         uuid not null,
  conversation_id uuid not null,
  message_id      uuid not null,
  created_at      timestamptz not null default now(),
  primary key (user_id, conversation_id, message_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table public.message_hides is
  'Messages that people deleted for themselves alone. Pages leave them out; a policy does not, since it would have to be asked for each message anew.';

create table public.conversation_pins (
  conversation_id uuid not null,
  message_id      uuid not null,
  pinned_by       uuid not null,
  chapter         integer not null,
  created_at      timestamptz not null default now(),
  primary key (conversation_id, message_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table public.conversation_pins is 'Messages that a conversation holds up, at most 50.';
comment on column public.conversation_pins.chapter is 'The message''s: whoever may read that chapter sees the pin.';
alter table public.conversation_pins replica identity full;
