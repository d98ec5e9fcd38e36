-- What messages say, as words to search by; and what they mean, as vectors.
-- Every message is read once; messages are locked against writing for as long as that takes.

-- Not a column of messages: every page and every change in the log would carry it, and PostgreSQL 18
-- refuses changes of a table whose old rows go to the log in full while a generated column does not.
-- Only what everybody in the conversation may see is here, so a search need not ask about the rest.
create table app.message_words (
  conversation_id uuid not null,
  message_id      uuid not null,
  chapter         integer not null,
  sender_id       uuid not null,
  message_type    text not null,
  has_link        boolean not null,
  created_at      timestamptz not null,
  words           tsvector not null,
  primary key (conversation_id, message_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade
);
comment on table app.message_words is
  'The words of messages that are neither deleted nor hidden from others, in the language of their organisation; kept by triggers.';
comment on column app.message_words.chapter is 'The message''s: whoever may read that chapter finds it.';

-- Ready before anything is searched: without fastupdate a search never waits for a list to be worked off.
create index message_words_words_idx on app.message_words using gin (words) with (fastupdate = off);

lock table public.messages in share row exclusive mode;
insert into app.message_words (conversation_id, message_id, chapter, sender_id, message_type, has_link, created_at, words)
select m.conversation_id,
       m.id,
       m.chapter,
       m.sender_id,
       m.message_type,
       m.body ~* 'https?://',
       m.created_at,
       to_tsvector('english', replace(m.body, '<', ' '))
  from public.messages m
 where m.visibility = 'normal'
   and m.deleted_at is null
   and m.message_type <> 'system';

-- An array, not a vector: the shape is then the same on every server, with pgvector or without.
create table public.message_embeddings (
  conversation_id uuid not null,
  message_id      uuid not null,
  embedding       real[] not null,
  model           text not null,
  created_at      timestamptz not null default now(),
  primary key (conversation_id, message_id),
  foreign key (conversation_id, message_id) references public.messages (conversation_id, id) on delete cascade,
  constraint message_embeddings_dimensions_in_range check (array_ndims(embedding) = 1 and cardinality(embedding) between 1 and 2000),
  constraint message_embeddings_has_no_holes check (array_position(embedding, null) is null),
  constraint message_embeddings_model_named check (model ~ '\S' and char_length(model) <= 100)
);
comment on table public.message_embeddings is
  'What messages mean, as the model says that the service asked; gone as soon as the message says something else.';

insert into app.rate_rules (name, rate, burst)
values ('search', 5, 30)
on conflict do nothing;
