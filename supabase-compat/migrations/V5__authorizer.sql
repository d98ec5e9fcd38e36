-- What the server has last understood of row policies, for whoever wants to know why a change is or is not cheap to deliver.

set local role supabase_realtime_admin;

-- Unlogged: the server notes it again whenever it compiles, and it must not itself be news in the log.
create unlogged table realtime.policy_notes (
  relation     oid not null,
  role         text not null,
  columns      text[] not null,
  claims       text[],
  reads        jsonb not null,
  candidates   jsonb,
  is_cacheable boolean not null,
  reasons      text[] not null,
  compiled_at  timestamptz not null default now(),
  primary key (relation, role)
);
comment on table realtime.policy_notes is
  'One row a table and role whose policies the server has compiled: see realtime.compiled_policies.';

reset role;

-- Always there, since the log is streamed with it.
do $$
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'walkie_policies') then
    create publication walkie_policies;
    comment on publication walkie_policies is
      'Tables that row policies read and that nobody follows. The server adds and removes them itself; only to make one unlogged, take it out first.';
  end if;
end
$$;
