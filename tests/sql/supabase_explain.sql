-- Why somebody does not hear of a row, as whoever runs the database asks it in psql.
set local search_path = public, tests;
select plan(17);

create table public.papers (id int primary key, owner uuid, body text);
create function public.steps(key jsonb, who text, event text default '*') returns table (step text, ok boolean, says text)
language sql as $$ select * from realtime.explain('public.papers', key, 'authenticated', jsonb_build_object('sub', tests.id(who)), event) $$;
insert into public.papers values (1, tests.id('ana'), 'a "quoted, (text)\');

select is((select says from public.steps('1', 'ana') where not ok limit 1),
          'public.papers is not published: alter publication supabase_realtime add table public.papers', 'what is not published is said first');
alter publication supabase_realtime add table public.papers;
select is((select says from public.steps('1', 'ana') where step = 'row security'), 'row security is off: every row is shown', 'open tables are called so');
revoke all on public.papers from authenticated;
alter table public.papers enable row level security;
select is((select says from public.steps('1', 'ana') where not ok limit 1),
          'authenticated may not select any column: grant select on public.papers to authenticated', 'then what is not granted');
grant select (id, owner) on public.papers to authenticated;
select is((select says from public.steps('1', 'ana') where step = 'grants'), 'authenticated may not select body: these are left out', 'columns are named');
select is((select says from public.steps('1', 'ana') where not ok limit 1), 'no policy of public.papers lets authenticated select anything', 'then that there is no policy');

create policy "owners read" on public.papers for select to authenticated using (owner = (select auth.uid()));
create policy "quoted" on public.papers for select using (body = 'a "quoted, (text)\');
create policy "raises" on public.papers as restrictive for select to authenticated using (body::int > 0);
select is((select (ok, says)::text from public.steps('1', 'ana') where step = 'policy "owners read"'), '(t,"permits this row")', 'each policy is judged');
select is((select (ok, says)::text from public.steps('1', 'bo') where step = 'policy "owners read"'), '(,"does not permit this row")', 'as the person');
select is((select ok from public.steps('1', 'bo') where step = 'policy "quoted"'), true, 'on the row as it is');
select is((select says from public.steps('1', 'ana') where step = 'policy "raises"') like 'fails with SQLSTATE 22P02%', true, 'one that raises is told apart');
select is((select says from public.steps('1', 'ana') where step = 'verdict' and not ok) like '%22P02%', true, 'and fails them all');
drop policy "raises" on public.papers;
select is((select ok from public.steps('1', 'ana') where step = 'verdict'), true, 'all together let the owner see it');
select is((select says from public.steps('{"id": 7}', 'ana') where step = 'row'), 'there is no row with the key {"id": 7}', 'a row that is not there is told');
select is((select says from public.steps('{"owner": 7}', 'ana') where not ok), 'the key does not name the primary key: (id)', 'a key must be whole');
select is((select ok from public.steps('"x"', 'ana') where step = 'row'), null, 'and so is a key that cannot be one');

select is(current_setting('role') || coalesce(nullif(current_setting('request.jwt.claims', true), ''), ' and nobody'), 'none and nobody', 'whoever asked stays who they were');
select is((select says from realtime.explain('public.papers', '1', 'no such role') where not ok limit 1) like 'the server cannot work as no such role: %', true, 'a role that is none is told');
select tests.be('ana');
select throws_ok($$ select realtime.explain('public.papers', '1', 'authenticated', '{}') $$, '42501', null, 'people do not ask it themselves');

select * from finish();
