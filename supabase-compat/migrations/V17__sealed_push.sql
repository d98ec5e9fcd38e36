-- Where a browser is woken, and with which keys, is sealed with a key that is not in the database.
-- Rewrites walkie.push_subscriptions, which is small.

alter table walkie.push_subscriptions
  add column endpoint_digest bytea,
  add column sealed text,
  alter column endpoint drop not null,
  alter column p256dh drop not null,
  alter column auth drop not null,
  drop constraint push_subscriptions_endpoint_key;

update walkie.push_subscriptions set endpoint_digest = sha256(convert_to(endpoint, 'UTF8'));

alter table walkie.push_subscriptions
  alter column endpoint_digest set not null,
  add constraint push_subscriptions_endpoint_digest_key unique (endpoint_digest),
  add constraint push_subscriptions_sealed_check
      check (num_nonnulls(endpoint, p256dh, auth) = case when sealed is null then 3 else 0 end);

comment on column walkie.push_subscriptions.endpoint_digest is
  'SHA-256 of where the browser is woken: one row a browser.';
comment on column walkie.push_subscriptions.sealed is
  'Endpoint and keys as JSON, sealed by a server. Null for the moment until one has done so; then endpoint, p256dh and auth are null.';

-- It is restated with other columns, which only a new one can have.
drop function if exists walkie.push_target(uuid);

insert into walkie.jobs (kind, payload)
select 'push_seal', jsonb_build_object('subscription', s.id)
  from walkie.push_subscriptions s;
