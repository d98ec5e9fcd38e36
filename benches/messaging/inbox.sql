-- The inbox of a person in 300 conversations.
begin;
select set_config('role', 'authenticated', true),
       set_config('request.jwt.claims', json_build_object('role', 'authenticated', 'sub', b.id)::text, true)
  from public.bench_people b where b.n = 9999;
select id, unread from public.get_conversations(50);
commit;
