-- The OAuth 2.1 server: clients that act for people, what they ask for, and what people consented to.
-- Reads auth.sessions and auth.audit_log_entries once, and holds back writes to them meanwhile.

set local role supabase_auth_admin;

create type auth.oauth_registration_type as enum ('dynamic', 'manual');
create type auth.oauth_authorization_status as enum ('pending', 'approved', 'denied', 'expired');
create type auth.oauth_response_type as enum ('code');
create type auth.oauth_client_type as enum ('public', 'confidential');

create table auth.oauth_clients (
  id                         uuid primary key default gen_random_uuid(),
  client_secret_hash         text,
  registration_type          auth.oauth_registration_type not null,
  redirect_uris              text[] not null check (cardinality(redirect_uris) between 1 and 10),
  grant_types                text[] not null check (grant_types <@ '{authorization_code,refresh_token}'),
  client_name                text not null check (char_length(client_name) between 1 and 1024),
  client_uri                 text check (char_length(client_uri) <= 2048),
  logo_uri                   text check (char_length(logo_uri) <= 2048),
  scope                      text check (char_length(scope) <= 1024),
  created_at                 timestamptz not null default now(),
  updated_at                 timestamptz not null default now(),
  deleted_at                 timestamptz,
  client_type                auth.oauth_client_type not null,
  token_endpoint_auth_method text not null check (token_endpoint_auth_method in ('none', 'client_secret_basic', 'client_secret_post')),
  constraint oauth_clients_type_check check ((client_type = 'public') = (token_endpoint_auth_method = 'none')),
  constraint oauth_clients_secret_check check ((client_type = 'public') = (client_secret_hash is null))
);
comment on table auth.oauth_clients is 'Apps of others that may act for people who consent.';
comment on column auth.oauth_clients.client_secret_hash is 'sha256 of the secret in hexadecimal; null for a client that cannot keep one.';
comment on column auth.oauth_clients.scope is 'What the client may ask for at most, separated by spaces; null for anything.';
comment on column auth.oauth_clients.deleted_at is 'A client with a time here is refused as if it were gone.';
create index oauth_clients_created_at_idx on auth.oauth_clients (created_at desc, id);

create table auth.oauth_authorizations (
  id                    uuid primary key default gen_random_uuid(),
  authorization_id      text not null,
  client_id             uuid not null references auth.oauth_clients on delete cascade,
  user_id               uuid references auth.users on delete cascade,
  redirect_uri          text not null check (char_length(redirect_uri) <= 2048),
  scope                 text not null check (char_length(scope) <= 1024),
  state                 text check (char_length(state) <= 4096),
  resource              text check (char_length(resource) <= 2048),
  code_challenge        text not null check (char_length(code_challenge) between 43 and 128),
  code_challenge_method auth.code_challenge_method not null,
  response_type         auth.oauth_response_type not null default 'code',
  status                auth.oauth_authorization_status not null default 'pending',
  authorization_code    text,
  created_at            timestamptz not null default now(),
  expires_at            timestamptz not null,
  approved_at           timestamptz,
  nonce                 text check (char_length(nonce) <= 255),
  authenticated_at      timestamptz,
  used_at               timestamptz,
  session_id            uuid references auth.sessions on delete set null,
  constraint oauth_authorizations_authorization_id_key unique (authorization_id),
  constraint oauth_authorizations_authorization_code_key unique (authorization_code)
);
comment on table auth.oauth_authorizations is 'What a client asked somebody for: first it waits for their consent, then its code for the client.';
comment on column auth.oauth_authorizations.user_id is 'The first person who looked at it; nobody else may decide.';
comment on column auth.oauth_authorizations.authorization_code is 'sha256 of the code in hexadecimal.';
comment on column auth.oauth_authorizations.authenticated_at is 'When the person had last proven who they are as they consented: the claim auth_time.';
comment on column auth.oauth_authorizations.session_id is 'What the code gave; it ends when the code is shown a second time.';
create index oauth_authorizations_client_id_user_id_idx on auth.oauth_authorizations (client_id, user_id);
create index oauth_authorizations_user_id_idx on auth.oauth_authorizations (user_id);
create index oauth_authorizations_created_at_idx on auth.oauth_authorizations (created_at);
create index oauth_authorizations_session_id_idx on auth.oauth_authorizations (session_id) where session_id is not null;

create table auth.oauth_consents (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null references auth.users on delete cascade,
  client_id  uuid not null references auth.oauth_clients on delete cascade,
  scopes     text not null check (char_length(scopes) <= 1024),
  granted_at timestamptz not null default now(),
  revoked_at timestamptz,
  constraint oauth_consents_user_client_unique unique (user_id, client_id)
);
comment on table auth.oauth_consents is 'What people let clients do for them, until they take it back.';
comment on column auth.oauth_consents.scopes is 'Separated by spaces.';
create index oauth_consents_client_id_idx on auth.oauth_consents (client_id);

alter table auth.oauth_clients enable row level security;
alter table auth.oauth_authorizations enable row level security;
alter table auth.oauth_consents enable row level security;

alter table auth.sessions
  add constraint sessions_oauth_client_id_fkey foreign key (oauth_client_id) references auth.oauth_clients on delete cascade;
comment on column auth.sessions.oauth_client_id is 'The client that acts for the person in this session; null when it is their own.';
comment on column auth.sessions.scopes is 'What that client was granted, separated by spaces.';
create index sessions_oauth_client_id_idx on auth.sessions (oauth_client_id) where oauth_client_id is not null;

create index audit_log_entries_created_at_idx on auth.audit_log_entries (created_at desc, id);

insert into auth.rate_limits (endpoint, per, amount, period, burst) values
  ('POST /oauth/clients/register', 'address', 10,  '1 hour',    10),
  ('GET /oauth/authorize',         'address', 150, '5 minutes', 60),
  ('POST /oauth/token',            'address', 600, '5 minutes', 120)
on conflict do nothing;

reset role;

-- They are restated with another column, which only new ones can have.
drop function if exists public.my_sessions();
drop function if exists auth.my_sessions();
drop function if exists auth.sessions_of(uuid, uuid);
