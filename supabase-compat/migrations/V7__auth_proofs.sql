-- One-time tokens, OAuth flows, second factors, passkeys and what ended before its tokens did.
-- Names and columns are those that people's SQL knows from Supabase; secrets are never readable here.

set local role supabase_auth_admin;

create type auth.factor_type as enum ('totp', 'webauthn', 'phone', 'recovery_code');
create type auth.factor_status as enum ('unverified', 'verified');
create type auth.code_challenge_method as enum ('s256', 'plain');
create type auth.one_time_token_type as enum (
  'confirmation_token', 'reauthentication_token', 'recovery_token',
  'email_change_token_new', 'email_change_token_current', 'phone_change_token');

create table auth.flow_state (
  id                     uuid primary key,
  user_id                uuid references auth.users on delete cascade,
  auth_code              text,
  code_challenge_method  auth.code_challenge_method,
  code_challenge         text,
  provider_type          text not null,
  provider_access_token  text,
  provider_refresh_token text,
  created_at             timestamptz,
  updated_at             timestamptz,
  authentication_method  text not null,
  auth_code_issued_at    timestamptz,
  invite_token           text,
  referrer               text,
  oauth_client_state_id  uuid,
  linking_target_id      uuid,
  email_optional         boolean not null default false,
  nonce                  text,
  provider_verifier      text
);
comment on table auth.flow_state is 'Sign-ins that left for a provider or a mailbox and come back with a code (PKCE).';
comment on column auth.flow_state.auth_code is 'sha256 of the code in hexadecimal.';
comment on column auth.flow_state.nonce is 'What the provider''s id_token must repeat.';
comment on column auth.flow_state.provider_verifier is 'Our own PKCE verifier towards the provider.';
create index idx_auth_code on auth.flow_state (auth_code);
create index idx_user_id_auth_method on auth.flow_state (user_id, authentication_method);
create index flow_state_created_at_idx on auth.flow_state (created_at desc);

create table auth.one_time_tokens (
  id         uuid primary key default gen_random_uuid(),
  user_id    uuid not null references auth.users on delete cascade,
  token_type auth.one_time_token_type not null,
  token_hash text not null check (char_length(token_hash) > 0),
  relates_to text not null,
  created_at timestamp not null default timezone('utc', now()),
  updated_at timestamp not null default timezone('utc', now()),
  code_hash  text,
  attempts   smallint not null default 0,
  flow_id    uuid references auth.flow_state on delete cascade,
  constraint one_time_tokens_user_id_token_type_key unique (user_id, token_type)
);
comment on table auth.one_time_tokens is 'Codes and links on their way: one a person and purpose, gone when used.';
comment on column auth.one_time_tokens.token_hash is 'sha256 of the link''s secret in hexadecimal: a copy of this table lets nobody in.';
comment on column auth.one_time_tokens.code_hash is 'Digest of the address and the code, keyed with the server''s secret; null once it was guessed at too often.';
comment on column auth.one_time_tokens.relates_to is 'The address or number it was sent to.';
comment on column auth.one_time_tokens.flow_id is 'The sign-in that goes on with a code instead of a session (PKCE).';
create index one_time_tokens_token_hash_hash_idx on auth.one_time_tokens using hash (token_hash);
create index one_time_tokens_relates_to_hash_idx on auth.one_time_tokens using hash (relates_to);
create index one_time_tokens_created_at_idx on auth.one_time_tokens (created_at);
create index one_time_tokens_flow_id_idx on auth.one_time_tokens (flow_id) where flow_id is not null;

create table auth.sendings (
  address_hash text not null,
  purpose      text not null,
  sent_at      timestamptz not null,
  primary key (address_hash, purpose)
);
comment on table auth.sendings is 'When something was last sent to an address, be there an account or not: nothing goes there too often.';
comment on column auth.sendings.address_hash is 'sha256 of the address or number in hexadecimal.';
create index sendings_sent_at_idx on auth.sendings (sent_at);

create table auth.mfa_factors (
  id                           uuid primary key,
  user_id                      uuid not null references auth.users on delete cascade,
  friendly_name                text,
  factor_type                  auth.factor_type not null,
  status                       auth.factor_status not null,
  created_at                   timestamptz not null,
  updated_at                   timestamptz not null,
  secret                       text,
  phone                        text,
  last_challenged_at           timestamptz,
  web_authn_credential         jsonb,
  web_authn_aaguid             uuid,
  last_webauthn_challenge_data jsonb,
  last_used_step               bigint,
  failures                     smallint not null default 0,
  locked_until                 timestamptz
);
comment on table auth.mfa_factors is 'Second factors.';
comment on column auth.mfa_factors.secret is 'Sealed with the key of the settings; never in clear.';
comment on column auth.mfa_factors.failures is 'Wrong answers since the last right one; after ten the factor rests.';
comment on column auth.mfa_factors.last_used_step is 'The 30-second step of the last code that was accepted: no code opens twice.';
create unique index mfa_factors_user_friendly_name_unique on auth.mfa_factors (friendly_name, user_id) where trim(friendly_name) <> '';
create unique index unique_phone_factor_per_user on auth.mfa_factors (user_id, phone);
create index factor_id_created_at_idx on auth.mfa_factors (user_id, created_at);
create index mfa_factors_user_id_idx on auth.mfa_factors (user_id);

create table auth.mfa_challenges (
  id                     uuid primary key,
  factor_id              uuid not null references auth.mfa_factors on delete cascade,
  created_at             timestamptz not null,
  verified_at            timestamptz,
  ip_address             inet not null,
  otp_code               text,
  web_authn_session_data jsonb
);
comment on table auth.mfa_challenges is 'Questions put to a second factor, good for five minutes.';
create index mfa_challenge_created_at_idx on auth.mfa_challenges (created_at desc);

create table auth.mfa_recovery_codes (
  id         uuid primary key default gen_random_uuid(),
  factor_id  uuid not null references auth.mfa_factors on delete cascade,
  code_hash  text not null,
  used_at    timestamptz,
  created_at timestamptz not null default now(),
  unique (factor_id, code_hash)
);
comment on table auth.mfa_recovery_codes is 'Codes that stand in for a lost second factor, each once; hashed.';

create table auth.webauthn_credentials (
  id               uuid primary key default gen_random_uuid(),
  user_id          uuid not null references auth.users on delete cascade,
  credential_id    bytea not null,
  credential       jsonb not null,
  friendly_name    text not null default '',
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  last_used_at     timestamptz
);
comment on table auth.webauthn_credentials is 'Passkeys: public halves only.';
comment on column auth.webauthn_credentials.credential is 'Public key, counter and flags, as the server''s library keeps them.';
create unique index webauthn_credentials_credential_id_key on auth.webauthn_credentials (credential_id);
create index webauthn_credentials_user_id_idx on auth.webauthn_credentials (user_id);

create table auth.webauthn_challenges (
  id             uuid primary key default gen_random_uuid(),
  user_id        uuid references auth.users on delete cascade,
  challenge_type text not null check (challenge_type in ('registration', 'authentication')),
  session_data   jsonb not null,
  created_at     timestamptz not null default now(),
  expires_at     timestamptz not null
);
comment on table auth.webauthn_challenges is 'Questions put to a passkey, used once.';
create index webauthn_challenges_user_id_idx on auth.webauthn_challenges (user_id);
create index webauthn_challenges_expires_at_idx on auth.webauthn_challenges (expires_at);

create table auth.custom_oauth_providers (
  id                     uuid primary key default gen_random_uuid(),
  provider_type          text not null check (provider_type in ('oauth2', 'oidc')),
  identifier             text not null unique check (identifier ~ '^custom:[a-z0-9][a-z0-9_-]{0,62}$'),
  name                   text not null check (char_length(name) between 1 and 100),
  client_id              text not null check (char_length(client_id) between 1 and 512),
  client_secret          text not null default '',
  acceptable_client_ids  text[] not null default '{}',
  scopes                 text[] not null default '{}',
  pkce_enabled           boolean not null default true,
  attribute_mapping      jsonb not null default '{}',
  custom_claims_allowlist text[] not null default '{}',
  authorization_params   jsonb not null default '{}',
  enabled                boolean not null default true,
  email_optional         boolean not null default false,
  issuer                 text,
  discovery_url          text,
  skip_nonce_check       boolean not null default false,
  authorization_url      text,
  token_url              text,
  userinfo_url           text,
  jwks_uri               text,
  created_at             timestamptz not null default now(),
  updated_at             timestamptz not null default now()
);
comment on table auth.custom_oauth_providers is 'Providers that an operator added while the server runs.';
comment on column auth.custom_oauth_providers.client_secret is 'Sealed with the key of the settings.';

create table auth.audit_log_entries (
  instance_id uuid,
  id          uuid primary key default gen_random_uuid(),
  payload     json,
  created_at  timestamptz default now(),
  ip_address  varchar(64) not null default ''
);
comment on table auth.audit_log_entries is 'Who did what to which account, and when.';
create index audit_logs_instance_id_idx on auth.audit_log_entries (instance_id);

create table auth.revocations (
  kind       text not null check (kind in ('session', 'banned', 'deleted')),
  id         uuid not null,
  revoked_at timestamptz not null default clock_timestamp(),
  until      timestamptz not null,
  primary key (id, kind)
);
comment on table auth.revocations is 'Sessions and people whose access tokens are refused although they have not expired; kept until they have.';
comment on column auth.revocations.id is 'Of the session when that is the kind, else of the person.';
create index revocations_until_idx on auth.revocations (until);

alter table auth.one_time_tokens enable row level security;
alter table auth.sendings enable row level security;
alter table auth.flow_state enable row level security;
alter table auth.mfa_factors enable row level security;
alter table auth.mfa_challenges enable row level security;
alter table auth.mfa_recovery_codes enable row level security;
alter table auth.webauthn_credentials enable row level security;
alter table auth.webauthn_challenges enable row level security;
alter table auth.custom_oauth_providers enable row level security;
alter table auth.audit_log_entries enable row level security;
alter table auth.revocations enable row level security;

reset role;
