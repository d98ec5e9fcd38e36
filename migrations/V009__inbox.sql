-- Conversations get their settings, members a private inbox.
-- Rewrites no table; conversations and conversation_members are locked for as long as one pass over each.

alter table public.conversations
  add column description   text,
  add column topic         text,
  add column category_id   uuid,
  add column posting       text not null default 'members',
  add column engagement_id uuid references public.engagements,
  add column created_for   uuid,
  add column member_count  integer not null default 0,
  add column receipts_mode text not null default 'all',
  add column notify_default text not null default 'all',
  add column slow_mode_s   integer not null default 0,
  add column edit_window_s integer,
  add column no_forward    boolean not null default false,
  add column priority      text not null default 'normal',
  add column locked_at     timestamptz,
  add column archived_at   timestamptz,
  add constraint conversations_description_fits check (char_length(description) <= 2000),
  add constraint conversations_topic_fits check (char_length(topic) <= 250),
  add constraint conversations_posting_known check (posting in ('members', 'admins', 'nobody')),
  add constraint conversations_receipts_mode_known check (receipts_mode in ('all', 'count', 'off')),
  add constraint conversations_notify_default_known check (notify_default in ('all', 'mentions', 'none')),
  add constraint conversations_slow_mode_in_range check (slow_mode_s between 0 and 86400),
  add constraint conversations_edit_window_in_range check (edit_window_s >= 0),
  add constraint conversations_priority_known check (priority in ('low', 'normal', 'high', 'urgent')),
  add constraint conversations_engagement_has_one check ((kind = 'engagement') = (engagement_id is not null)),
  add constraint conversations_one_per_engagement unique (engagement_id);
comment on column public.conversations.posting is 'Who may speak: every member whose role may, admins alone, or nobody.';
comment on column public.conversations.created_for is 'The person for whom it was made, where an organisation makes one for each.';
comment on column public.conversations.receipts_mode is
  'all: members see how far each has read, up to 100 of them; count: how many have; off: nothing.';
comment on column public.conversations.locked_at is 'Since when nobody speaks; null means open.';
comment on column public.conversations.archived_at is 'Since when it is put away for all.';
comment on column public.conversations.edit_window_s is 'How long words may be corrected; null means as the organisation says.';
comment on column public.conversations.no_forward is 'Whether what is said here must stay here.';

update public.conversations c
   set member_count = (select count(*)
                         from public.conversation_members m
                        where m.conversation_id = c.id
                          and m.left_at is null);

create table public.conversation_categories (
  id         uuid primary key default base.uuid7(),
  org_id     uuid not null references public.orgs on delete cascade,
  owner_id   uuid,
  name       text not null,
  position   integer not null default 0,
  created_at timestamptz not null default now(),
  constraint conversation_categories_name_fits check (name ~ '\S' and char_length(name) <= 100)
);
comment on table public.conversation_categories is 'Headings for lists of conversations.';
comment on column public.conversation_categories.owner_id is 'Whose own heading; null means the organisation''s, for rooms.';
create unique index conversation_categories_name_unique
  on public.conversation_categories (org_id, coalesce(owner_id, org_id), lower(name));
alter table public.conversations
  add constraint conversations_category_exists foreign key (category_id)
      references public.conversation_categories on delete set null;

alter table public.conversation_members
  add column last_delivered_seq bigint not null default 0;
comment on column public.conversation_members.last_read_seq is
  'How far the others are told that this member has read; rises only. The member''s own pointer is in inbox.';
comment on column public.conversation_members.last_delivered_seq is 'The newest message that reached one of this member''s devices; rises only.';

-- The design had these columns in conversation_members, which all members read: a draft, a folder or
-- a pointer that its owner hides would have been everybody's. So they have a table that is one's own.
create table public.inbox (
  member_id       uuid not null,
  conversation_id uuid not null,
  last_read_seq   bigint not null default 0,
  last_read_ord   bigint not null default 0,
  last_sent_seq   bigint not null default 0,
  last_sent_at    timestamptz,
  mention_count   integer not null default 0,
  notify_level    text,
  muted_until     timestamptz,
  archived_at     timestamptz,
  archived_seq    bigint,
  pinned_at       timestamptz,
  pin_order       double precision,
  category_id     uuid references public.conversation_categories on delete set null,
  priority        text,
  draft           text,
  created_at      timestamptz not null default now(),
  primary key (member_id, conversation_id),
  foreign key (conversation_id, member_id)
    references public.conversation_members (conversation_id, member_id) on delete cascade,
  constraint inbox_notify_level_known check (notify_level in ('all', 'mentions', 'none')),
  constraint inbox_priority_known check (priority in ('low', 'normal', 'high', 'urgent')),
  constraint inbox_draft_fits check (char_length(draft) <= 40000)
) with (fillfactor = 80);
comment on table public.inbox is 'What a conversation is to one of its members alone: how far read, mentions, and how it is listed.';
comment on column public.inbox.last_read_ord is
  'How many messages that count as unread come before what is unread; unread is the conversation''s root_count minus this.';
comment on column public.inbox.last_sent_seq is 'The newest message of one''s own.';
comment on column public.inbox.mention_count is 'How often one is mentioned in what is unread.';
comment on column public.inbox.notify_level is 'Null means as the conversation says.';
comment on column public.inbox.muted_until is 'infinity means until it is taken back.';
comment on column public.inbox.archived_seq is
  'The conversation''s last_seq when it was archived: what is said later brings it back, unless muted, and nobody has to write that.';
comment on column public.inbox.pin_order is 'Place among the pinned ones, lower first.';
comment on column public.inbox.priority is 'Null means as the conversation says.';
-- For the foreign key, and for what must touch some members of a large conversation.
create index inbox_conversation_idx on public.inbox (conversation_id, member_id);
alter table public.inbox replica identity full;

insert into public.inbox (member_id, conversation_id, last_read_seq, last_read_ord, created_at)
select m.member_id, m.conversation_id, m.last_read_seq, m.last_read_ord, m.created_at
  from public.conversation_members m;

create table public.read_marks (
  conversation_id uuid not null,
  member_id       uuid not null,
  seq             bigint not null,
  at              timestamptz not null default clock_timestamp(),
  primary key (conversation_id, member_id, seq),
  foreign key (conversation_id, member_id)
    references public.conversation_members (conversation_id, member_id) on delete cascade
);
comment on table public.read_marks is
  'When a member of a small conversation had read up to which message: one row per move of a pointer, not per message.';

create table public.conversation_invites (
  id              uuid primary key default base.uuid7(),
  conversation_id uuid not null references public.conversations on delete cascade,
  invitee_id      uuid not null,
  invited_by      uuid not null,
  role            text not null default 'member',
  state           text not null default 'pending',
  expires_at      timestamptz not null default now() + interval '14 days',
  answered_at     timestamptz,
  created_at      timestamptz not null default now(),
  constraint conversation_invites_role_known check (role in ('admin', 'moderator', 'member', 'guest', 'observer')),
  constraint conversation_invites_state_known check (state in ('pending', 'accepted', 'declined', 'revoked'))
);
comment on table public.conversation_invites is 'Who was asked to come in, and what they said.';
create unique index conversation_invites_one_pending on public.conversation_invites (conversation_id, invitee_id)
 where state = 'pending';
create index conversation_invites_invitee_idx on public.conversation_invites (invitee_id);
alter table public.conversation_invites replica identity full;

-- Finding rooms by their name.
create index conversations_org_kind_idx on public.conversations (org_id, kind, visibility);
