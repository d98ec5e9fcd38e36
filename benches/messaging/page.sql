-- A page of 50 at any depth of the long conversation.
\set seq random(51, :messages)
begin;
select set_config('role', 'authenticated', true),
       set_config('request.jwt.claims', json_build_object('role', 'authenticated', 'sub', b.id)::text, true)
  from public.bench_people b where b.n = 2;
select seq, body from public.get_messages((select p.id from public.bench_places p where p.name = 'long'), :seq);
commit;
