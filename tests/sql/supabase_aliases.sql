-- Which views may stand for a table in subscriptions: those that hide none of its rows.
set local search_path = public, tests;
select plan(30);

create table posts (id int primary key, author int, body text, "odd {name}" text default ') {:quals');
create table authors (id int primary key, name text);
create function pg_temp.name_it(p_select text, p_columns text default '{"id": "id"}') returns text language plpgsql as $$
begin
  execute 'create or replace view public.letters as ' || p_select;
  insert into realtime.aliases (view_name, table_name, columns) values ('letters', 'posts', p_columns::jsonb);
  delete from realtime.aliases where view_name = 'letters';
  drop view public.letters;
  return 'taken';
exception when others then
  return sqlstate;
end
$$;

-- What shows every row
select is(pg_temp.name_it(shown, '{"id": "id", "words": "body"}'), 'taken', shown)
  from (values ('select id, body as words from posts'),
               ('select p.*, body as words, a.name from posts p left join authors a on a.id = p.author'),
               ('select p.id, body as words from posts p left join authors a on a.id = p.author left join authors b on b.id = a.id and b.name <> ''x'''),
               ('select id, body as words, (select count(*) from authors where id > 3) from posts'),
               ('select id, body as words, exists (select from authors a where a.id = author group by a.name having count(*) > 1 limit 1) from posts'),
               ('select id, body as words, row_number() over (order by id), "odd {name}", '') {}:quals'' as x from posts'),
               ('select id, body as words from posts order by id')) good (shown);

-- What does not
select is(pg_temp.name_it(shown), '22023', shown)
  from (values ('select * from posts where id > 3'),
               ('select p.* from posts p join authors a on a.id = p.author'),
               ('select p.* from posts p, authors a'),
               ('select p.* from authors a left join posts p on a.id = p.author'),
               ('select p.* from posts p right join authors a on a.id = p.author'),
               ('select p.* from posts p full join authors a on a.id = p.author'),
               ('select p.id from (posts p join authors a on a.id = p.author) left join authors b on b.id = a.id'),
               ('select distinct id from posts'),
               ('select distinct on (author) id from posts'),
               ('select max(id) as id from posts'),
               ('select id from posts group by id'),
               ('select id from posts limit 3'),
               ('select id from posts offset 3'),
               ('select id from posts union all select id from authors'),
               ('select id from (select id from posts where id > 3) few'),
               ('with few as (select id from posts) select id from few'),
               ('select id from posts tablesample system (10)'),
               ('select id from authors'),
               ('select generate_series(1, author) as id from posts'),
               ('select 1 as id')) bad (shown);

-- What is not there
select throws_ok($$ insert into realtime.aliases (view_name, table_name, columns) values ('nothing', 'posts', '{}') $$, '42P01', 'there is no view public.nothing', 'there is a view');
create view letters as select id, body from posts;
select throws_ok($$ insert into realtime.aliases (view_name, table_name, columns) values ('letters', 'posts', '{"id": "number"}') $$, '42703', 'the table has no column number', 'with columns of the table');
select throws_ok($$ insert into realtime.aliases (view_name, table_name, columns) values ('letters', 'posts', '{"words": "body"}') $$, '42703', 'the view has no column words', 'and of its own');

select * from finish();
