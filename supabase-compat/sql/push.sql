-- Waking browsers: who may be woken where, and the jobs that do it.

create or replace function walkie.subscribe_push(person uuid, subscription jsonb, agent text)
returns void
language sql
security definer set search_path = ''   -- people neither read keys nor write for others
as $$
  -- A browser has one endpoint, whoever signs in there: the last one is meant.
  insert into walkie.push_subscriptions (user_id, endpoint, p256dh, auth, user_agent, expires_at)
  values (person, subscription ->> 'endpoint', subscription -> 'keys' ->> 'p256dh', subscription -> 'keys' ->> 'auth', left(agent, 500),
          to_timestamp((subscription ->> 'expirationTime')::double precision / 1000))
  on conflict (endpoint) do update
     set user_id = excluded.user_id,
         p256dh = excluded.p256dh,
         auth = excluded.auth,
         user_agent = excluded.user_agent,
         expires_at = excluded.expires_at,
         created_at = now();
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
       and s.endpoint = unsubscribe_push.endpoint
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
returns table (endpoint text, p256dh text, auth text)
language sql stable
security definer set search_path = ''
as $$
  select s.endpoint, s.p256dh, s.auth from walkie.push_subscriptions s where s.id = subscription
$$;
comment on function walkie.push_target is 'Takes a subscription; gives where it leads and the keys of that browser, nothing when it is gone.';

create or replace function walkie.drop_push_target(subscription uuid)
returns void
language sql
security definer set search_path = ''
as $$
  delete from walkie.push_subscriptions s where s.id = subscription
$$;
comment on function walkie.drop_push_target is 'Takes a subscription that leads nowhere any more; forgets it.';

revoke execute on function walkie.subscribe_push, walkie.unsubscribe_push, walkie.can_push, walkie.push,
                           walkie.push_target, walkie.drop_push_target from public;
grant execute on function walkie.push_target, walkie.drop_push_target to authenticator;
