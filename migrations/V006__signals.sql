-- What people keep to themselves, and who is heard by nobody.

create table public.user_privacy_settings (
  user_id       uuid primary key references public.profiles on delete cascade,
  show_typing   boolean not null default true,
  show_presence boolean not null default true,
  created_at    timestamptz not null default now()
);
comment on table public.user_privacy_settings is 'What people show of themselves; without a row, what the defaults say.';
comment on column public.user_privacy_settings.show_typing is 'Whether the others in a conversation hear what one does there besides sending: typing and the like.';
comment on column public.user_privacy_settings.show_presence is 'Whether the others in a conversation see that one is there.';

create table public.user_restrictions (
  id               uuid primary key default base.uuid7(),
  user_id          uuid not null references public.profiles on delete cascade,
  conversation_id  uuid references public.conversations on delete cascade,
  restriction_type text not null,
  expires_at       timestamptz,
  lifted_at        timestamptz,
  created_at       timestamptz not null default now(),
  constraint user_restrictions_type_known check (restriction_type in ('shadow_ban'))
);
comment on table public.user_restrictions is 'What people may not do, where and until when.';
comment on column public.user_restrictions.conversation_id is 'Where; null means everywhere.';
comment on column public.user_restrictions.restriction_type is
  'shadow_ban: what they send is seen by themselves alone, and they are not told.';
comment on column public.user_restrictions.expires_at is 'When it ends by itself; null means never.';
comment on column public.user_restrictions.lifted_at is 'When it was ended early.';

create index user_restrictions_user_idx on public.user_restrictions (user_id, restriction_type);
create index user_restrictions_conversation_idx on public.user_restrictions (conversation_id);
