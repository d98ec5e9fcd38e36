-- A message of one person into one place: -D name=small -D places=500, or -D name=large -D places=1.
\set n random(1, :places)
select p.id as place, b.id as person
  from public.bench_places p, public.bench_people b
 where p.name = ':name' and p.n = :n and b.n = 2 * :n \gset
begin;
select set_config('role', 'authenticated', true),
       set_config('request.jwt.claims', '{"role": "authenticated", "sub": ":person"}', true);
select seq from public.send_message(':place', 'Hello');
commit;
