-- Fills an installed database with what the scripts beside this one ask: 10,000 people, a conversation
-- of all of them, 500 of two, one person in 300, and a conversation of :messages messages.
\set ON_ERROR_STOP on
update app.rate_rules set rate = 1e9, burst = 1e9;

create table public.bench_people (n integer primary key, id uuid not null);
insert into public.bench_people select n, base.uuid7() from generate_series(1, 10000) n;
insert into public.profiles (id, org_id, display_name, username)
select b.id, app.first_org(), 'Bench ' || b.n, 'bench' || b.n from public.bench_people b;
insert into public.org_members (org_id, user_id) select app.first_org(), b.id from public.bench_people b;

create table public.bench_places (name text not null, n integer not null, id uuid not null, primary key (name, n));
insert into public.bench_places
select 'large', 1, base.uuid7() union all
select 'long', 1, base.uuid7() union all
select 'small', n, base.uuid7() from generate_series(1, 500) n;
insert into public.conversations (id, org_id, kind, title)
select p.id, app.first_org(), 'group', p.name || ' ' || p.n from public.bench_places p;
insert into public.conversation_members (conversation_id, member_id)
select p.id, b.id from public.bench_places p join public.bench_people b on p.name = 'large' or p.name = 'long' and b.n <= 2
union all
select p.id, b.id from public.bench_places p join public.bench_people b on p.name = 'small' and (b.n = 2 * p.n or b.n = 2 * p.n - 1)
union all
select p.id, b.id from public.bench_places p join public.bench_people b on p.name = 'small' and b.n = 9999 and p.n <= 300;

-- The long conversation without triggers, through which it would take an hour; then as they would have left it.
begin;
set local session_replication_role = replica;
insert into public.messages (conversation_id, id, seq, ord, rev, chapter, sender_id, org_id, body)
select p.id, base.uuid7(), said.n, said.n, said.n, 0, b.id, app.first_org(), 'Said ' || said.n
  from generate_series(1, :messages) said (n), public.bench_places p, public.bench_people b
 where p.name = 'long' and b.n = 1;
update public.conversations c
   set last_seq = :messages, last_rev = :messages, root_count = :messages, last_message_at = now(), last_preview = 'Said ' || :messages
  from public.bench_places p
 where p.name = 'long' and p.id = c.id;
commit;
vacuum analyze;
