-- Fills an installed database with :messages messages in 1,000 conversations, of which one person is in 300.
-- A word is in one of twenty, another in one of twenty thousand. Triggers are left out: through them it would take an hour.
\set ON_ERROR_STOP on
begin;
update app.rate_rules set rate = 1e9, burst = 1e9;
create table public.bench_searcher as select base.uuid7() as id;
create table public.bench_searched as select n, base.uuid7() as id from generate_series(1, 1000) n;
insert into public.profiles (id, org_id, display_name, username)
select b.id, app.first_org(), 'Searcher', 'bench-searcher' from public.bench_searcher b;
insert into public.conversations (id, org_id, kind, title)
select p.id, app.first_org(), 'group', 'Searched ' || p.n from public.bench_searched p;
insert into public.conversation_members (conversation_id, member_id)
select p.id, b.id from public.bench_searched p, public.bench_searcher b where p.n <= 300;

set local session_replication_role = replica;
insert into public.messages (conversation_id, id, seq, ord, rev, chapter, sender_id, org_id, body)
select p.id, base.uuid7(), said.n / 1000 + 1, said.n / 1000 + 1, said.n / 1000 + 1, 0, b.id, app.first_org(),
       concat_ws(' ', case when said.n % 20 = 0 then 'common' end, case when said.n % 20000 = 7 then 'rare' end,
                 'words' || said.n % 5000, 'of', 'number' || said.n % 777, 'with thing' || said.n % 33)
  from generate_series(1, :messages) said (n)
  join public.bench_searched p on p.n = said.n::bigint * 7919 % 1000 + 1
 cross join public.bench_searcher b;
insert into app.message_words (conversation_id, message_id, chapter, sender_id, message_type, has_link, created_at, words)
select m.conversation_id, m.id, m.chapter, m.sender_id, m.message_type, false, m.created_at, app.words('english', m.body)
  from public.messages m
  join public.bench_searched p on p.id = m.conversation_id;
commit;
vacuum analyze;
