-- Conversations and who is in them.
-- Columns that only record who did something (created_by, removed_by, deleted_by) are no foreign keys:
-- a second way to profiles would make a client's select=*,profiles(*) ambiguous.

create table public.conversations (
  id              uuid primary key default base.uuid7(),
  org_id          uuid not null references public.orgs,
  kind            text not null,
  visibility      text not null default 'private',
  title           text,
  slug            text,
  dm_key          text,
  created_by      uuid,
  last_seq        bigint not null default 0,
  last_rev        bigint not null default 0,
  root_count      bigint not null default 0,
  chapter         integer not null default 0,
  last_message_id uuid,
  last_message_at timestamptz,
  last_preview    text,
  created_at      timestamptz not null default now(),
  constraint conversations_kind_known check (kind in (
    'dm', 'group', 'room', 'engagement', 'persona_group', 'persona_dm', 'announcement')),
  constraint conversations_visibility_known check (visibility in ('private', 'org', 'public')),
  constraint conversations_title_fits check (title ~ '\S' and char_length(title) <= 200),
  constraint conversations_slug_is_url_word check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  constraint conversations_dm_has_key check ((kind = 'dm') = (dm_key is not null)),
  constraint conversations_room_has_slug check ((kind = 'room') = (slug is not null)),
  constraint conversations_one_dm_per_pair unique (org_id, dm_key),
  constraint conversations_slug_unique unique (org_id, slug)
) with (fillfactor = 70);
-- fillfactor leaves room on the page, and no index holds a column that moves with each message,
-- so a send updates this row in place (heap-only).

comment on table public.conversations is 'Every place where people talk: pairs, groups and rooms.';
comment on column public.conversations.visibility is
  'private: by invitation; org: anyone of the organisation may join; public: as org, and findable from outside.';
comment on column public.conversations.slug is 'A room''s name in addresses.';
comment on column public.conversations.dm_key is 'Both ids of a pair, the lower first: a pair has one conversation.';
comment on column public.conversations.last_seq is 'Number of the newest message; the row''s lock makes numbers follow commit order, without gaps.';
comment on column public.conversations.last_rev is 'Clock of changes: a client that has seen up to n asks for what is above n.';
comment on column public.conversations.root_count is 'How many messages count as unread to one who has read none.';
comment on column public.conversations.chapter is
  'Rises when people are let in who may not read what was said before. Policies compare chapters, not message numbers, so that one verdict serves all messages of a chapter.';
comment on column public.conversations.last_preview is 'The newest message''s first words, for the inbox; null until somebody speaks in this chapter.';

create table public.conversation_members (
  conversation_id uuid not null references public.conversations on delete cascade,
  member_id       uuid not null references public.profiles,
  role            text not null default 'member',
  joined_chapter  integer not null default 0,
  last_read_seq   bigint not null default 0,
  last_read_ord   bigint not null default 0,
  joined_at       timestamptz not null default now(),
  left_at         timestamptz,
  removed_by      uuid,
  created_at      timestamptz not null default now(),
  primary key (conversation_id, member_id),
  constraint conversation_members_role_known check (role in (
    'owner', 'admin', 'moderator', 'member', 'guest', 'observer')),
  constraint conversation_members_removed_has_left check (removed_by is null or left_at is not null)
) with (fillfactor = 80);
comment on table public.conversation_members is 'Who is in which conversation, and how far each has read.';
comment on column public.conversation_members.joined_chapter is 'The first chapter of the conversation that this member may read.';
comment on column public.conversation_members.last_read_seq is 'The newest message read; only ever rises.';
comment on column public.conversation_members.last_read_ord is 'ord of that message: unread is root_count minus this.';
comment on column public.conversation_members.left_at is 'When the member left or was removed; the row stays so that they can be named, and find their place again.';
comment on column public.conversation_members.removed_by is 'Who removed the member; null when they left themselves.';

-- The pointers are left out of the index, else every read would rewrite it.
create index conversation_members_live_idx on public.conversation_members (member_id) include (conversation_id)
 where left_at is null;
