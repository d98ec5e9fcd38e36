-- The best twenty of what the person in 300 conversations finds by :word.
begin;
select set_config('role', 'authenticated', true),
       set_config('request.jwt.claims', json_build_object('role', 'authenticated', 'sub', b.id)::text, true)
  from public.bench_searcher b;
select snippet from public.search_messages(:word);
commit;
