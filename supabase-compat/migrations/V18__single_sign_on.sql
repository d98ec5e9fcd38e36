-- Single sign-on by SAML 2.0: whose directories sign people in, and who is on the way there.
-- Adds a column without a default to auth.flow_state, which takes a moment's lock on it.

set local role supabase_auth_admin;

create table auth.sso_providers (
  id          uuid primary key,
  resource_id text constraint "resource_id not empty" check (resource_id is null or char_length(resource_id) > 0),
  disabled    boolean,
  created_at  timestamptz,
  updated_at  timestamptz
);
comment on table auth.sso_providers is 'Companies whose own directory signs their people in.';
comment on column auth.sso_providers.resource_id is 'A name of the operator''s own, if it has one.';
create unique index sso_providers_resource_id_idx on auth.sso_providers (lower(resource_id));
create index sso_providers_resource_id_pattern_idx on auth.sso_providers (resource_id text_pattern_ops);

create table auth.sso_domains (
  id              uuid primary key,
  sso_provider_id uuid not null references auth.sso_providers on delete cascade,
  domain          text not null constraint "domain not empty" check (char_length(domain) > 0),
  created_at      timestamptz,
  updated_at      timestamptz
);
comment on table auth.sso_domains is 'By which domains people find their company''s directory.';
create unique index sso_domains_domain_idx on auth.sso_domains (lower(domain));
create index sso_domains_sso_provider_id_idx on auth.sso_domains (sso_provider_id);

create table auth.saml_providers (
  id                uuid primary key,
  sso_provider_id   uuid not null references auth.sso_providers on delete cascade,
  entity_id         text not null unique constraint "entity_id not empty" check (char_length(entity_id) > 0),
  metadata_xml      text not null constraint "metadata_xml not empty" check (char_length(metadata_xml) > 0),
  metadata_url      text constraint "metadata_url not empty" check (metadata_url is null or char_length(metadata_url) > 0),
  attribute_mapping jsonb,
  created_at        timestamptz,
  updated_at        timestamptz,
  name_id_format    text,
  metadata_tried_at timestamptz
);
comment on table auth.saml_providers is 'How each directory is spoken with, as its metadata says.';
comment on column auth.saml_providers.attribute_mapping is 'Which of its attributes stand for which claims: {"keys": {"name": {"name": "displayName"}}}.';
comment on column auth.saml_providers.metadata_tried_at is 'When metadata_url was last asked for news, be there an answer or not.';
create index saml_providers_sso_provider_id_idx on auth.saml_providers (sso_provider_id);

create table auth.saml_relay_states (
  id              uuid primary key,
  sso_provider_id uuid not null references auth.sso_providers on delete cascade,
  request_id      text not null constraint "request_id not empty" check (char_length(request_id) > 0),
  for_email       text,
  redirect_to     text,
  created_at      timestamptz,
  updated_at      timestamptz,
  flow_state_id   uuid references auth.flow_state on delete cascade
);
comment on table auth.saml_relay_states is 'People who left for their company''s directory; gone when they come back.';
comment on column auth.saml_relay_states.request_id is 'The question that the directory''s answer must name.';
create index saml_relay_states_sso_provider_id_idx on auth.saml_relay_states (sso_provider_id);
create index saml_relay_states_for_email_idx on auth.saml_relay_states (for_email);
create index saml_relay_states_created_at_idx on auth.saml_relay_states (created_at desc);
create index saml_relay_states_flow_state_id_idx on auth.saml_relay_states (flow_state_id) where flow_state_id is not null;

create table auth.saml_assertions (
  sso_provider_id uuid not null references auth.sso_providers on delete cascade,
  id_hash         text not null,
  expires_at      timestamptz not null,
  primary key (sso_provider_id, id_hash)
);
comment on table auth.saml_assertions is 'Assertions that have signed somebody in, kept for as long as they would count: each opens once.';
comment on column auth.saml_assertions.id_hash is 'sha256 of the assertion''s ID in hexadecimal.';
create index saml_assertions_expires_at_idx on auth.saml_assertions (expires_at);

alter table auth.flow_state add column session_not_after timestamptz;
comment on column auth.flow_state.session_not_after is 'When the session ends that the code is good for, if a directory said so.';

insert into auth.rate_limits (endpoint, per, amount, period, burst) values
  ('POST /sso/saml/acs', 'address', 300, '5 minutes', 100);

alter table auth.sso_providers enable row level security;
alter table auth.sso_domains enable row level security;
alter table auth.saml_providers enable row level security;
alter table auth.saml_relay_states enable row level security;
alter table auth.saml_assertions enable row level security;

reset role;
