-- The schemas behind public, time-ordered ids, and the record of installed functions.

create schema base;
comment on schema base is 'Functions that defaults and indexes rely on; made by migrations, never restated.';

create schema app;
comment on schema app is 'Rules, triggers and records behind public; not served to clients.';

create function base.uuid7()
returns uuid
language sql volatile parallel safe
as $$
  -- A random uuid whose first 48 bits become the milliseconds since 1970, and its version 4 a 7.
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid
$$;
comment on function base.uuid7() is
  'Gives a uuid of version 7: later ones sort after earlier ones, so index inserts stay in one place.';

create table app.installed_functions (
  signature text primary key
);
comment on table app.installed_functions is
  'The functions in public that the product installed, so that only these are dropped when it no longer has them.';

create type app.verdict as (
  allowed boolean,
  code    text,
  reasons jsonb
);
comment on type app.verdict is
  'A rule''s answer: whether, the machine word of the first refusal, and every check made in order.';
