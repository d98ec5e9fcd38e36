-- Templates, messages to be sent later, meetings.
-- Messages are locked while a constraint looks at each, once.

create table public.message_templates (
  id         uuid primary key default base.uuid7(),
  org_id     uuid not null references public.orgs on delete cascade,
  owner_id   uuid,
  scope      text not null default 'personal',
  shortcut   text,
  title      text not null,
  body       text not null,
  category   text,
  use_count  bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint message_templates_scope_known check (scope in ('personal', 'org', 'admin')),
  constraint message_templates_personal_has_owner check ((scope = 'personal') = (owner_id is not null)),
  constraint message_templates_shortcut_is_a_word check (shortcut ~ '^/[a-z0-9][a-z0-9_-]{0,31}$'),
  constraint message_templates_title_fits check (title ~ '\S' and char_length(title) <= 100),
  constraint message_templates_body_fits check (body ~ '\S' and char_length(body) <= 8000),
  constraint message_templates_category_fits check (char_length(category) <= 100)
);
comment on table public.message_templates is 'What people say often, with {{blanks}} to fill.';
comment on column public.message_templates.scope is
  'personal: its owner''s; org: everybody reads it and admins write it; admin: the admins'' alone.';
comment on column public.message_templates.shortcut is 'What is typed to get it, such as /hi.';
create unique index message_templates_shortcut_unique
  on public.message_templates (org_id, coalesce(owner_id, org_id), scope, shortcut);
create index message_templates_owner_idx on public.message_templates (owner_id);

create table public.scheduled_messages (
  id              uuid primary key default base.uuid7(),
  conversation_id uuid not null references public.conversations on delete cascade,
  sender_id       uuid not null,
  body            text not null,
  send_at         timestamptz not null,
  state           text not null default 'waiting',
  message_id      uuid,
  error           text,
  created_at      timestamptz not null default now(),
  constraint scheduled_messages_state_known check (state in ('waiting', 'sent', 'failed', 'cancelled')),
  constraint scheduled_messages_body_fits check (body ~ '\S' and char_length(body) <= 40000)
);
comment on table public.scheduled_messages is 'What is to be said later.';
comment on column public.scheduled_messages.message_id is 'The message that it became.';
comment on column public.scheduled_messages.error is 'Why it could not be sent: a word of the list of refusals, else an SQLSTATE.';
create index scheduled_messages_due_idx on public.scheduled_messages (send_at) where state = 'waiting';
create index scheduled_messages_sender_idx on public.scheduled_messages (sender_id, send_at);
create index scheduled_messages_conversation_idx on public.scheduled_messages (conversation_id);

-- No API role may write it: it is how a trigger knows what the product says from what a client says.
alter table public.messages
  add column event jsonb,
  add constraint messages_event_is_not_said check (event is null or message_type in ('system', 'meeting'));
comment on column public.messages.event is 'What a message of type meeting or system is about, for programs.';

create table public.meetings (
  id              uuid primary key default base.uuid7(),
  conversation_id uuid not null references public.conversations on delete cascade,
  message_id      uuid not null,
  chapter         integer not null,
  visibility      text not null,
  organizer_id    uuid not null,
  title           text not null,
  provider        text not null,
  join_url        text not null,
  starts_at       timestamptz not null,
  ends_at         timestamptz not null,
  timezone        text not null,
  state           text not null default 'scheduled',
  sequence        integer not null default 0,
  created_at      timestamptz not null default now(),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade,
  constraint meetings_title_fits check (title ~ '\S' and char_length(title) <= 200),
  constraint meetings_provider_known check (provider in ('meet', 'zoom', 'teams', 'other')),
  -- The host ends where the expression says, so that user@host and the like cannot pass for another.
  constraint meetings_join_url_is_the_providers check (
    char_length(join_url) <= 2000
    and join_url ~* ('^https://' || case provider
                                      when 'meet' then 'meet\.google\.com'
                                      when 'zoom' then '([a-z0-9-]+\.)*zoom\.us'
                                      when 'teams' then 'teams\.(microsoft|live)\.com'
                                      else '[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?' end
                     || '([/?#][^[:space:][:cntrl:]<>"\\]*)?$')),
  constraint meetings_end_after_start check (ends_at > starts_at and ends_at <= starts_at + interval '7 days'),
  constraint meetings_state_known check (state in ('scheduled', 'cancelled'))
);
comment on table public.meetings is 'Meetings of a conversation; whoever reads the card, a message, reads the meeting.';
comment on column public.meetings.message_id is 'The card.';
comment on column public.meetings.chapter is 'The card''s: whoever may read that chapter sees the meeting.';
comment on column public.meetings.visibility is 'The card''s: nobody else learns of the meeting of somebody whom nobody hears.';
comment on column public.meetings.timezone is 'Where the organizer thinks of it; times are moments all the same.';
comment on column public.meetings.sequence is 'How often it was moved or cancelled, as calendars count.';
create index meetings_conversation_idx on public.meetings (conversation_id, starts_at);
create index meetings_message_idx on public.meetings (conversation_id, message_id);
alter table public.meetings replica identity full;

create table public.meeting_participants (
  meeting_id      uuid not null references public.meetings on delete cascade,
  user_id         uuid not null,
  conversation_id uuid not null,
  chapter         integer not null,
  response        text not null default 'invited',
  created_at      timestamptz not null default now(),
  primary key (meeting_id, user_id),
  constraint meeting_participants_response_known check (response in ('invited', 'yes', 'no', 'maybe'))
);
comment on table public.meeting_participants is 'Who is asked to a meeting, and what they say to it.';
comment on column public.meeting_participants.chapter is 'The card''s: whoever may read that chapter sees who comes.';
create index meeting_participants_user_idx on public.meeting_participants (user_id);
alter table public.meeting_participants replica identity full;

create table public.meeting_reminders (
  meeting_id     uuid not null,
  user_id        uuid not null,
  minutes_before integer not null,
  due_at         timestamptz not null,
  sent_at        timestamptz,
  created_at     timestamptz not null default now(),
  primary key (meeting_id, user_id, minutes_before),
  foreign key (meeting_id, user_id) references public.meeting_participants on delete cascade,
  constraint meeting_reminders_within_a_week check (minutes_before between 0 and 10080)
);
comment on table public.meeting_reminders is 'When who is to be reminded of a meeting, and when that was done.';
create index meeting_reminders_due_idx on public.meeting_reminders (due_at) where sent_at is null;

alter publication supabase_realtime add table public.meetings, public.meeting_participants;
