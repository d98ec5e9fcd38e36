-- Who is there, who types, how fast one may go; and what of all this reaches subscribers.

create table public.user_presence (
  user_id        uuid primary key,
  status         text not null default 'offline',
  manual_status  text,
  last_seen_at   timestamptz,
  last_active_at timestamptz,
  constraint user_presence_status_known check (status in ('online', 'away', 'busy', 'offline')),
  constraint user_presence_manual_status_known check (manual_status in ('online', 'away', 'busy', 'offline'))
) with (fillfactor = 50);
comment on table public.user_presence is 'Who is there; who is there without a pause writes once a minute.';
comment on column public.user_presence.manual_status is 'What the person chose; it wins over what their devices say.';
comment on column public.user_presence.last_seen_at is 'The last heartbeat, to within half a minute; null when the person hides it.';
create index user_presence_live_idx on public.user_presence (last_seen_at) where status <> 'offline';

create unlogged table public.typing_states (
  conversation_id uuid not null,
  actor_id        uuid not null,
  thread_id       uuid,
  expires_at      timestamptz not null,
  primary key (conversation_id, actor_id)
) with (fillfactor = 50);
comment on table public.typing_states is
  'Who is typing, for those who come in late; unlogged, since a crash ends all typing. Live it is told by broadcast.';

create unlogged table app.rate_buckets (
  key    text primary key,
  tokens double precision not null,
  at     timestamptz not null
) with (fillfactor = 50);
comment on table app.rate_buckets is 'What is left of allowances; a crash fills them all.';

create table app.rate_rules (
  name   text not null,
  role   text not null default '',
  rate   double precision not null,
  burst  double precision not null,
  primary key (name, role),
  constraint rate_rules_positive check (rate > 0 and burst >= 1)
);
comment on table app.rate_rules is 'How many times a second and in one go; the operator''s to change.';
comment on column app.rate_rules.role is 'In the organisation; empty means everybody for whose role there is no row.';

insert into app.rate_rules (name, rate, burst)
values ('send', 20, 100), ('react', 10, 50), ('open', 2, 30), ('signal', 10, 50), ('forward', 2, 20);

alter publication supabase_realtime
  add table public.inbox, public.message_reactions, public.conversation_pins, public.conversation_invites, public.user_presence;
