-- How much is too much for those who sign in, and whose addresses may have an account. Operators
-- change the rows; new ones of a later version are not theirs to lose, so each is put in once.

set local role supabase_auth_admin;

create table auth.rate_limits (
  endpoint text not null,
  per      text not null check (per in ('address', 'account', 'all')),
  amount   integer not null check (amount > 0),
  period   interval not null check (period > interval '0'),
  burst    integer not null check (burst > 0),
  primary key (endpoint, per)
);
comment on table auth.rate_limits is 'So many requests a period, and so many at once; delete a row to lift a limit.';
comment on column auth.rate_limits.endpoint is 'Method and path below /auth/v1; for POST /token the grant type too.';
comment on column auth.rate_limits.per is 'Counted by the caller''s address, by the account that is asked for, or all together.';

insert into auth.rate_limits (endpoint, per, amount, period, burst) values
  ('POST /token password',               'address', 10,  '1 minute',   10),
  ('POST /token password',               'account', 30,  '5 minutes',  30),
  ('POST /token refresh_token',          'address', 150, '5 minutes',  30),
  ('POST /token pkce',                   'address', 150, '5 minutes',  30),
  ('POST /token id_token',               'address', 150, '5 minutes',  30),
  ('POST /token web3',                   'address', 30,  '5 minutes',  30),
  ('POST /verify',                       'address', 30,  '5 minutes',  30),
  ('GET /verify',                        'address', 30,  '5 minutes',  30),
  ('GET /authorize',                     'address', 150, '5 minutes',  60),
  ('POST /signup',                       'address', 30,  '5 minutes',  30),
  ('POST /signup anonymous',             'address', 30,  '1 hour',     30),
  ('POST /otp',                          'address', 30,  '5 minutes',  30),
  ('POST /magiclink',                    'address', 30,  '5 minutes',  30),
  ('POST /recover',                      'address', 30,  '5 minutes',  30),
  ('POST /resend',                       'address', 30,  '5 minutes',  30),
  ('PUT /user',                          'address', 30,  '5 minutes',  30),
  ('POST /sso',                          'address', 30,  '5 minutes',  30),
  ('POST /factors/{id}/challenge',       'address', 15,  '1 minute',   30),
  ('POST /factors/{id}/verify',          'address', 15,  '1 minute',   30),
  ('POST /passkeys/authentication/options', 'address', 30, '5 minutes', 30),
  ('email',                              'all',     30,  '1 hour',     30),
  ('sms',                                'all',     30,  '1 hour',     30);

create unlogged table auth.buckets (
  key     text primary key,
  full_at timestamptz not null
);
comment on table auth.buckets is 'When each bucket is full again; one that is full has no row worth keeping.';
create index buckets_full_at_idx on auth.buckets (full_at);

create table auth.email_domains (
  domain     text primary key check (domain = lower(domain) and domain <> ''),
  is_allowed boolean not null,
  note       text not null default ''
);
comment on table auth.email_domains is 'Domains whose addresses may have an account, subdomains included: once any is allowed only those are, and a refused one never is.';

alter table auth.rate_limits enable row level security;
alter table auth.buckets enable row level security;
alter table auth.email_domains enable row level security;

reset role;
