-- Waking browsers: who may be woken where, and the jobs that do it.

create or replace function walkie.endpoint_digest(endpoint text)
returns bytea
language sql immutable strict parallel safe
as $$
  select sha256(convert_to(endpoint, 'UTF8'))
$$;
comment on function walkie.endpoint_digest(text) is
  'Takes where a browser is woken; gives by what it is known once that is sealed.';

create or replace function walkie.subscribe_push(person uuid, subscription jsonb, agent text)
returns void
language sql
security definer set search_path = ''   -- people neither read keys nor write for others
as $$
  -- A browser has one endpoint, whoever signs in there: the last one is meant.
  with kept as (
    insert into walkie.push_subscriptions (user_id, endpoint_digest, endpoint, p256dh, auth, user_agent, expires_at)
    values (person, walkie.endpoint_digest(subscription ->> 'endpoint'),
            subscription ->> 'endpoint', subscription -> 'keys' ->> 'p256dh', subscription -> 'keys' ->> 'auth', left(agent, 500),
            to_timestamp((subscription ->> 'expirationTime')::double precision / 1000))
    on conflict (endpoint_digest) do update
       set user_id = excluded.user_id,
           endpoint = excluded.endpoint,
           p256dh = excluded.p256dh,
           auth = excluded.auth,
           sealed = null,
           user_agent = excluded.user_agent,
           expires_at = excluded.expires_at,
           created_at = now()
    returning id)
  insert into walkie.jobs (kind, payload)
  select 'push_seal', jsonb_build_object('subscription', kept.id) from kept;
  delete from walkie.push_subscriptions s
   where s.id in (select old.id
                    from walkie.push_subscriptions old
                   where old.user_id = person
                   order by old.created_at desc, old.id
                  offset 20);
$$;
comment on function walkie.subscribe_push is
  'Takes a person, what PushSubscription.toJSON() gives, and the name of the browser; has the person woken there. Of more than 20 the oldest go.';

create or replace function walkie.unsubscribe_push(person uuid, endpoint text)
returns boolean
language sql
security definer set search_path = ''
as $$
  with gone as (
    delete from walkie.push_subscriptions s
     where s.user_id = person
       and s.endpoint_digest = walkie.endpoint_digest(unsubscribe_push.endpoint)
    returning 1)
  select exists (select from gone)
$$;
comment on function walkie.unsubscribe_push is 'Takes a person and an endpoint; they are woken there no longer. False when they were not.';

create or replace function walkie.can_push(person uuid)
returns boolean
language sql stable
security definer set search_path = ''
as $$
  select exists (select from walkie.push_subscriptions s where s.user_id = person)
     and walkie.offered('push_key') is not null
$$;
comment on function walkie.can_push is 'Takes a person; tells whether there is a browser of theirs to wake, and a server that can.';

create or replace function walkie.push(person uuid, body jsonb, topic text default null, ttl_s integer default 86400)
returns integer
language sql
security definer set search_path = ''
as $$
  with asked as (
    insert into walkie.jobs (kind, payload, max_attempts)
    select 'push', jsonb_build_object('subscription', s.id, 'body', body, 'topic', topic, 'ttl_s', ttl_s), 6
      from walkie.push_subscriptions s
     where s.user_id = person
       and (s.expires_at is null or s.expires_at > now())
    returning 1)
  select count(*)::integer from asked
$$;
comment on function walkie.push is
  'Takes a person, what is to be said to their browsers (some 3,900 bytes), a word of up to 32 letters of which only the newest is kept while a browser is away, and for how long it is worth saying; gives how many browsers are asked for.';

create or replace function walkie.push_target(subscription uuid)
returns table (plain text, sealed text)
language sql stable
security definer set search_path = ''
as $$
  select case when s.sealed is null then json_build_object('endpoint', s.endpoint, 'p256dh', s.p256dh, 'auth', s.auth)::text end, s.sealed
    from walkie.push_subscriptions s
   where s.id = subscription
$$;
comment on function walkie.push_target is
  'Takes a subscription; gives where it leads and the keys of that browser as JSON, plain or sealed, nothing when it is gone.';

create or replace function walkie.seal_push_target(subscription uuid, plain text, sealed text)
returns void
language sql
security definer set search_path = ''
as $$
  update walkie.push_subscriptions s
     set endpoint = null,
         p256dh = null,
         auth = null,
         sealed = seal_push_target.sealed
   where s.id = subscription
     and s.sealed is null
     -- One that was kept anew meanwhile has a job of its own.
     and json_build_object('endpoint', s.endpoint, 'p256dh', s.p256dh, 'auth', s.auth)::text = seal_push_target.plain
$$;
comment on function walkie.seal_push_target is
  'Takes a subscription, what walkie.push_target gave of it, and the same sealed; keeps only that.';

create or replace function walkie.drop_push_target(subscription uuid)
returns void
language sql
security definer set search_path = ''
as $$
  delete from walkie.push_subscriptions s where s.id = subscription
$$;
comment on function walkie.drop_push_target is 'Takes a subscription that leads nowhere any more; forgets it.';

revoke execute on function walkie.subscribe_push, walkie.unsubscribe_push, walkie.can_push, walkie.push,
                           walkie.endpoint_digest, walkie.push_target, walkie.seal_push_target, walkie.drop_push_target from public;
grant execute on function walkie.push_target, walkie.seal_push_target, walkie.drop_push_target to authenticator;
