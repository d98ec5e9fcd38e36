-- The tools that policies/ begins with close everything.
set local search_path = public, tests;
select plan(7);

create table app.open_house (id integer);
grant select on app.open_house to anon, authenticated;
grant update (id) on app.open_house to authenticated;
create policy "everybody" on app.open_house using (true);
select ok(has_table_privilege('anon', 'app.open_house', 'select'), 'a table was open');

select app.reset('app.open_house');
select ok(not has_table_privilege('anon', 'app.open_house', 'select'), 'reset takes the rights on the table');
select ok(not has_column_privilege('authenticated', 'app.open_house', 'id', 'update'), 'reset takes the rights on columns');
select is_empty($$ select from pg_policy where polrelid = 'app.open_house'::regclass $$, 'reset drops the policies');
select ok((select relrowsecurity from pg_class where oid = 'app.open_house'::regclass), 'reset switches row security on');

create function public.open_door() returns integer language sql return 1;
select ok(has_function_privilege('anon', 'public.open_door()', 'execute'), 'a function was open');
select app.close_functions();
select ok(not has_function_privilege('anon', 'public.open_door()', 'execute'),
          'close_functions takes the rights on what this transaction has stated');

select * from finish();
