-- Private channels and the publication of the live log.

set local role supabase_realtime_admin;

create table realtime.messages (
  topic          text not null,
  extension      text not null,
  payload        jsonb,
  event          text,
  private        boolean default false,
  updated_at     timestamp not null default timezone('utc', now()),
  inserted_at    timestamp not null default timezone('utc', now()),
  id             uuid not null default gen_random_uuid(),
  binary_payload bytea,
  primary key (id, inserted_at),
  constraint messages_one_payload check (payload is null or binary_payload is null)
) partition by range (inserted_at);
comment on table realtime.messages is
  'Policies on this table decide who may use a private channel: select to listen, insert to send. Rows are broadcasts sent from SQL.';
comment on column realtime.messages.topic is 'The channel''s name, without the leading realtime:.';
comment on column realtime.messages.extension is 'broadcast or presence.';
comment on column realtime.messages.inserted_at is 'UTC, whatever the session''s time zone; decides the partition.';

create index messages_inserted_at_topic_index on realtime.messages (inserted_at desc, topic)
 where extension = 'broadcast' and private;

alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;

reset role;

do $$
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime with (publish_via_partition_root = true);
    comment on publication supabase_realtime is 'Tables in it reach subscribers live. Add yours: alter publication supabase_realtime add table ...';
  end if;
end
$$;
