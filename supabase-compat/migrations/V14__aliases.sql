-- Views that subscriptions may name.

create table realtime.aliases (
  view_schema  text not null default 'public',
  view_name    text not null,
  table_schema text not null default 'public',
  table_name   text not null,
  columns      jsonb not null check (jsonb_typeof(columns) = 'object'),
  primary key (view_schema, view_name)
);
comment on table realtime.aliases is
  'Views that stand for a published table: whoever subscribes to the view hears of the table''s rows, under the view''s names. Only the log of tables is written, and only their policies are asked.';
comment on column realtime.aliases.columns is 'The view''s columns, each with the table''s that it is: {"words": "body"}. Others are not told, but for the primary key.';
revoke all on realtime.aliases from public, anon, authenticated, service_role;
grant usage on schema realtime to authenticator;
grant select on realtime.aliases to authenticator;
