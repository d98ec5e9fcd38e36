-- Work that leaves the house: rows in, effects out. Whoever asks for an effect writes a row in the
-- transaction of its cause; the server's `jobs` does it once that is committed.

create table walkie.jobs (
  id           bigint generated always as identity primary key,
  kind         text not null,
  payload      jsonb not null,
  priority     smallint not null default 0,
  run_at       timestamptz not null default now(),
  state        text not null default 'ready' check (state in ('ready', 'running', 'done', 'dead')),
  attempts     smallint not null default 0,
  max_attempts smallint not null default 10 check (max_attempts > 0),
  locked_by    text,
  locked_until timestamptz,
  unique_key   text,
  last_error   text,
  created_at   timestamptz not null default now(),
  done_at      timestamptz
);
comment on table walkie.jobs is 'Effects that are due: mail, texts, calls. A dead one stays for a month, for somebody to look.';
comment on column walkie.jobs.kind is 'What is to be done; a server takes only the kinds it knows.';
comment on column walkie.jobs.priority is 'Lower ones come first.';
comment on column walkie.jobs.unique_key is 'While one of this name is ready or running, another is not taken.';
comment on column walkie.jobs.payload is 'What the effect needs; emptied when it is done, since it may hold one-time links.';
comment on column walkie.jobs.locked_until is 'When whoever works on it counts as lost.';
create index jobs_due_idx on walkie.jobs (priority, run_at) where state = 'ready';
create index jobs_lease_idx on walkie.jobs (locked_until) where state = 'running';
create index jobs_ended_idx on walkie.jobs (done_at) where state in ('done', 'dead');
create unique index jobs_unique_key on walkie.jobs (unique_key) where state in ('ready', 'running');

create table walkie.inbox (
  id          bigint generated always as identity primary key,
  sender      text not null,
  recipient   text not null,
  subject     text not null,
  plain       text not null,
  html        text not null,
  received_at timestamptz not null default now()
);
comment on table walkie.inbox is 'Mail of a development server, which is shown instead of sent; the latest few hundred.';
create index inbox_recipient_idx on walkie.inbox (recipient, id desc);
