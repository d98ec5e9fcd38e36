-- Who follows which thread, and who speaks as which persona.

create table public.thread_members (
  user_id         uuid not null,
  conversation_id uuid not null,
  thread_id       uuid not null,
  last_read_reply integer not null default 0,
  following       boolean not null default true,
  created_at      timestamptz not null default now(),
  primary key (user_id, conversation_id, thread_id),
  foreign key (conversation_id, thread_id) references public.messages (conversation_id, id) on delete cascade
) with (fillfactor = 80);
comment on table public.thread_members is
  'Which threads people follow and how far they have read; unread is the root''s reply_count minus last_read_reply.';
comment on column public.thread_members.following is 'False once the person has had enough: being named there does not bring it back.';
create index thread_members_thread_idx on public.thread_members (conversation_id, thread_id);
alter table public.thread_members replica identity full;

-- Whoever answered before this was there has read what there is; so has whom they answered.
insert into public.thread_members (user_id, conversation_id, thread_id, last_read_reply)
select distinct part.user_id, r.conversation_id, r.thread_id, root.reply_count
  from public.messages r
  join public.messages root on root.conversation_id = r.conversation_id and root.id = r.thread_id
 cross join lateral (values (r.sender_id), (root.sender_id)) part (user_id)
 where r.visibility = 'normal';

-- Another table and not another column: a column of messages could be published or selected by mistake.
create table public.message_private (
  conversation_id uuid not null,
  message_id      uuid not null,
  org_id          uuid not null,
  real_sender_id  uuid not null,
  created_at      timestamptz not null default now(),
  primary key (conversation_id, message_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table public.message_private is 'Which admin really said what a persona said. Only ever added to, and never published.';

create table public.persona_leases (
  conversation_id uuid not null references public.conversations on delete cascade,
  persona_id      uuid not null,
  org_id          uuid not null,
  admin_id        uuid not null,
  expires_at      timestamptz not null,
  created_at      timestamptz not null default now(),
  primary key (conversation_id, persona_id)
);
comment on table public.persona_leases is 'Which admin speaks as which persona where, and until when the others are kept from it.';
alter table public.persona_leases replica identity full;

alter publication supabase_realtime add table public.thread_members, public.persona_leases;
