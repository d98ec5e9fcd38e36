-- Messages, spread over partitions by conversation.

create sequence app.message_sub;
comment on sequence app.message_sub is 'Orders the messages that must not move the conversation''s own clock.';

create table public.messages (
  conversation_id uuid not null references public.conversations on delete cascade,
  id              uuid not null default base.uuid7(),
  seq             bigint not null,
  sub             bigint not null default 0,
  ord             bigint not null,
  rev             bigint not null,
  chapter         integer not null,
  sender_id       uuid not null references public.profiles,
  client_id       uuid,
  message_type    text not null default 'standard',
  body            text,
  reply_to_id     uuid,
  visibility      text not null default 'normal',
  created_at      timestamptz not null default now(),
  edited_at       timestamptz,
  deleted_at      timestamptz,
  deleted_by      uuid,
  primary key (conversation_id, id),
  constraint messages_number_unique unique (conversation_id, seq, sub),
  constraint messages_client_id_unique unique (conversation_id, sender_id, client_id),
  constraint messages_type_known check (message_type in (
    'standard', 'file', 'image', 'meeting', 'system', 'poll')),
  constraint messages_visibility_known check (visibility in ('normal', 'shadow', 'held')),
  constraint messages_body_not_blank check (deleted_at is not null or (body is not null and body ~ '\S')),
  constraint messages_body_fits check (char_length(body) <= 40000),
  constraint messages_tombstone_is_empty check (deleted_at is null or body is null)
) partition by hash (conversation_id);

create index messages_rev_idx on public.messages (conversation_id, rev);

comment on table public.messages is 'What was said.';
comment on column public.messages.seq is 'Place in the conversation: gapless, in commit order.';
comment on column public.messages.sub is '0, or the order of a shadow or held message after the seq it follows.';
comment on column public.messages.ord is 'How many messages that count as unread there were, with this one.';
comment on column public.messages.rev is 'The conversation''s clock at the last change of this row.';
comment on column public.messages.chapter is 'The conversation''s chapter when this was said; later members may not read earlier chapters.';
comment on column public.messages.client_id is 'The sender''s own id for this message: sending it again gives the first one back.';
comment on column public.messages.visibility is
  'normal: all members see it; shadow and held: its sender alone.';
comment on column public.messages.created_at is 'Taken while the conversation is locked, so it rises with seq.';
comment on column public.messages.deleted_at is 'When it was taken back; the row stays, without its words, so that numbers and replies stay whole.';

-- Every query names its conversation and so touches one partition. Sixteen keep vacuum and index
-- depth small up to some hundred million rows, and still let a test clone the database in a blink.
-- They live in app, where no API role has a grant: the parent, and its policies, are the only way in.
-- The old row goes to the log in full, so that a change is judged by what it was as well as by what
-- it is; replica identity does not pass from parent to partition, so each is told.
do $$
begin
  for n in 0 .. 15 loop
    execute format('create table app.messages_%s partition of public.messages for values with (modulus 16, remainder %s)',
      to_char(n, 'FM00'), n);
    execute format('alter table app.messages_%s replica identity full', to_char(n, 'FM00'));
  end loop;
end
$$;
alter table public.messages replica identity full;
