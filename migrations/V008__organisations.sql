-- Organisations decide who may write to whom: roles, teams, engagements, blocks, contacts, settings.
-- Columns with constant defaults are added to profiles and user_privacy_settings: a lock for a moment.

alter table public.orgs
  add column settings jsonb not null default '{}',
  add constraint orgs_settings_are_an_object check (jsonb_typeof(settings) = 'object' and pg_column_size(settings) <= 16384);
comment on column public.orgs.settings is 'What differs from the defaults of app.default_settings(); a trigger refuses what it does not know.';

alter table public.profiles
  add column kind           text not null default 'human',
  add column username       text,
  add column status_text    text,
  add column status_emoji   text,
  add column status_until   timestamptz,
  add column locale         text,
  add column timezone       text,
  add column created_by     uuid,
  add column deactivated_at timestamptz,
  add constraint profiles_kind_known check (kind in ('human', 'persona', 'bot', 'system')),
  add constraint profiles_username_is_a_word check (username ~ '^[a-z0-9][a-z0-9_.-]{0,31}$'),
  add constraint profiles_username_unique unique (org_id, username),
  add constraint profiles_status_text_fits check (char_length(status_text) <= 140),
  add constraint profiles_status_emoji_fits check (char_length(status_emoji) <= 16),
  add constraint profiles_locale_fits check (char_length(locale) <= 35),
  add constraint profiles_timezone_fits check (char_length(timezone) <= 64);
comment on column public.profiles.kind is 'human: has an account; persona: a figure that admins speak as; bot and system: programs.';
comment on column public.profiles.username is 'The word after the @ that mentions this person.';
comment on column public.profiles.deactivated_at is 'Since when nobody may write to this person; null means active.';

create table public.org_members (
  org_id       uuid not null references public.orgs on delete cascade,
  user_id      uuid not null,
  role         text not null default 'member',
  invited_by   uuid,
  suspended_at timestamptz,
  created_at   timestamptz not null default now(),
  primary key (org_id, user_id),
  constraint org_members_role_known check (role in (
    'client', 'consultant', 'member', 'moderator', 'admin', 'superadmin'))
);
comment on table public.org_members is 'What people are in their organisation.';
comment on column public.org_members.user_id is 'The profile. No foreign key: a second way from orgs to profiles would make a client''s embedding ambiguous.';
create index org_members_user_idx on public.org_members (user_id);
alter table public.org_members replica identity full;

insert into public.org_members (org_id, user_id)
select p.org_id, p.id from public.profiles p where p.erased_at is null;

create table app.overseers (
  org_id  uuid not null references public.orgs on delete cascade,
  user_id uuid not null,
  primary key (org_id, user_id)
);
comment on table app.overseers is
  'Who may read every conversation of an organisation: its admins, where it says so. Kept by triggers, so that policies ask a few rows that seldom change instead of roles and settings.';

create table public.teams (
  id         uuid primary key default base.uuid7(),
  org_id     uuid not null references public.orgs on delete cascade,
  name       text not null,
  created_at timestamptz not null default now(),
  constraint teams_name_fits check (name ~ '\S' and char_length(name) <= 100),
  constraint teams_name_unique unique (org_id, name)
);
comment on table public.teams is 'Groups of people who work together; where the rule is team, only they write to each other.';

create table public.team_members (
  team_id    uuid not null references public.teams on delete cascade,
  user_id    uuid not null references public.profiles,
  role       text not null default 'member',
  created_at timestamptz not null default now(),
  primary key (team_id, user_id),
  constraint team_members_role_known check (role in ('lead', 'member'))
);
comment on table public.team_members is 'Who is in which team.';
create index team_members_user_idx on public.team_members (user_id) include (team_id);
alter table public.team_members replica identity full;

create table public.engagements (
  id            uuid primary key default base.uuid7(),
  org_id        uuid not null references public.orgs on delete cascade,
  client_id     uuid not null,
  consultant_id uuid not null,
  bid_ref       text not null default '',
  title         text not null,
  status        text not null default 'bidding',
  started_at    timestamptz,
  ended_at      timestamptz,
  created_at    timestamptz not null default now(),
  constraint engagements_two_people check (client_id <> consultant_id),
  constraint engagements_status_known check (status in (
    'bidding', 'negotiating', 'active', 'completed', 'cancelled', 'declined')),
  constraint engagements_title_fits check (title ~ '\S' and char_length(title) <= 200),
  constraint engagements_once_per_bid unique (client_id, consultant_id, bid_ref)
);
comment on table public.engagements is 'A client''s bid or project with a consultant; written by the business, read by both.';
comment on column public.engagements.bid_ref is 'What the business calls it.';
create index engagements_consultant_idx on public.engagements (consultant_id, client_id);
alter table public.engagements replica identity full;

create table public.user_blocks (
  blocker_id uuid not null references public.profiles on delete cascade,
  blocked_id uuid not null,
  expires_at timestamptz,
  reason     text,
  created_at timestamptz not null default now(),
  primary key (blocker_id, blocked_id),
  constraint user_blocks_of_another check (blocker_id <> blocked_id),
  constraint user_blocks_reason_fits check (char_length(reason) <= 500)
);
comment on table public.user_blocks is 'Whom people do not want to hear from; the blocked one is not told.';
create index user_blocks_blocked_idx on public.user_blocks (blocked_id);

create table public.user_contacts (
  owner_id   uuid not null references public.profiles on delete cascade,
  contact_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (owner_id, contact_id),
  constraint user_contacts_of_another check (owner_id <> contact_id)
);
comment on table public.user_contacts is 'Whom people know: who may write to them where they let only contacts.';

alter table public.user_privacy_settings
  add column who_can_dm          text not null default 'everyone',
  add column show_last_seen      boolean not null default true,
  add column show_read_receipts  boolean not null default true,
  add column allow_mentions_from text not null default 'everyone',
  add column discoverable        boolean not null default true,
  add column link_previews       boolean not null default true,
  add constraint user_privacy_settings_who_can_dm_known check (who_can_dm in ('everyone', 'shared', 'contacts', 'nobody')),
  add constraint user_privacy_settings_allow_mentions_known check (allow_mentions_from in ('everyone', 'contacts', 'nobody'));
comment on column public.user_privacy_settings.who_can_dm is
  'Who may open a conversation of two: everyone whom the organisation lets, who shares a conversation, team or engagement, contacts, nobody.';
comment on column public.user_privacy_settings.show_read_receipts is 'Whether others learn how far one has read; whoever hides it does not learn it of others.';
comment on column public.user_privacy_settings.discoverable is 'Whether strangers find one in searches and may write.';

alter table public.user_restrictions
  drop constraint user_restrictions_type_known,
  add constraint user_restrictions_type_known check (restriction_type in (
    'mute', 'block', 'shadow_ban', 'ban', 'slow_mode', 'no_files', 'no_links')),
  add column duration_hours integer,
  add column reason         text,
  add column created_by     uuid,
  add column lifted_by      uuid,
  add constraint user_restrictions_duration_positive check (duration_hours > 0),
  add constraint user_restrictions_reason_fits check (char_length(reason) <= 1000);
comment on column public.user_restrictions.restriction_type is
  'mute: says nothing; block: opens and uses no conversations of two; ban: both; shadow_ban: what they send is seen by themselves alone, and they are not told.';
comment on column public.user_restrictions.duration_hours is 'From it expires_at is reckoned when that is null.';

create table public.audit_log (
  id         bigint generated always as identity primary key,
  at         timestamptz not null default clock_timestamp(),
  org_id     uuid,
  actor_id   uuid,
  action     text not null,
  table_name text,
  row_key    text,
  diff       jsonb,
  reason     text,
  constraint audit_log_action_fits check (char_length(action) <= 100),
  constraint audit_log_reason_fits check (char_length(reason) <= 1000)
);
comment on table public.audit_log is 'What people with special rights did, and when. Only ever added to.';
create index audit_log_org_idx on public.audit_log (org_id, id);

create table public.oversight_grants (
  id              uuid primary key default base.uuid7(),
  admin_id        uuid not null,
  conversation_id uuid not null references public.conversations on delete cascade,
  reason          text not null,
  expires_at      timestamptz not null,
  created_at      timestamptz not null default now(),
  constraint oversight_grants_reason_given check (reason ~ '\S' and char_length(reason) <= 1000)
);
comment on table public.oversight_grants is 'Which admin opened which conversation to read it, why and until when.';
create index oversight_grants_admin_idx on public.oversight_grants (admin_id, conversation_id);
