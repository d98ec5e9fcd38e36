-- What is done again and again, what the servers offer, and browsers that may be woken.
-- Adds a column without a default to walkie.jobs: a lock for a moment.

create table walkie.schedules (
  name       text primary key,
  function   text not null,
  every      interval not null check (every between interval '1 second' and interval '7 days'),
  next_run   timestamptz not null default now(),
  last_run   timestamptz,
  last_error text
) with (fillfactor = 50);
comment on table walkie.schedules is
  'Functions that are called again and again, each by one server at a time; written by walkie.schedule and by whoever owns the table.';
comment on column walkie.schedules.function is 'Takes nothing; what it does and that it was called are one transaction.';
comment on column walkie.schedules.last_error is 'Why the last call failed; null when it did not.';

create table walkie.offers (
  name  text primary key,
  value text not null
);
comment on table walkie.offers is
  'What servers of this database can do besides, told by each when it starts: push_key is the public key of web push, embedding_model names who gives vectors.';

create table walkie.push_subscriptions (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null references auth.users on delete cascade,
  endpoint   text not null unique check (endpoint ~ '^https?://' and char_length(endpoint) <= 2048),
  p256dh     text not null check (p256dh ~ '^[A-Za-z0-9_-]{87}=?$'),
  auth       text not null check (auth ~ '^[A-Za-z0-9_-]{22}(==)?$'),
  user_agent text check (char_length(user_agent) <= 500),
  expires_at timestamptz,
  created_at timestamptz not null default now()
);
comment on table walkie.push_subscriptions is 'Browsers that people let be woken: where, and with which keys what is said to them is sealed.';
create index push_subscriptions_user_idx on walkie.push_subscriptions (user_id, created_at);

alter table walkie.jobs add column conclusion text;
comment on column walkie.jobs.conclusion is
  'A function that takes the payload and what came of it, and is called in the transaction that ends the job.';
