-- An archive of films: every kind of column that is searched, and every way between tables.
create type place as (city text, days integer);

create table directors (
  id        integer primary key,
  name      text not null,
  country   text,
  born      integer,
  mentor_id integer references directors
);
create table films (
  id          integer primary key,
  title       text not null,
  year        integer,
  director_id integer references directors,
  budget      numeric,
  notes       text,
  tags        text[],
  span        int4range,
  data        jsonb,
  made        place
);
create table actors (
  id   integer primary key,
  name text not null
);
create table roles (
  film_id  integer references films,
  actor_id integer references actors,
  part     text not null,
  primary key (film_id, actor_id)
);
create table specs (
  film_id integer primary key references films,
  camera  text
);
create table halls (
  city   text,
  number integer,
  seats  integer,
  primary key (city, number)
);
create table showings (
  id       integer primary key,
  film_id  integer references films,
  city     text,
  hall     integer,
  visitors integer,
  constraint showings_hall foreign key (city, hall) references halls
);
create table reels (
  id      integer,
  film_id integer references films,
  kind    text,
  primary key (id, kind)
) partition by list (kind);
create table reels_long partition of reels for values in ('long');
create table reels_short partition of reels for values in ('short');

insert into directors values
  (1, 'Ada', 'DE', 1900, null), (2, 'Ben', 'FR', 1920, 1), (3, 'Cleo', 'FR', 1930, 1);
insert into films values
  (1, 'Rain', 1950, 1, 100, 'The rain falls on the city', '{silent,city}', '[1,5)',
   '{"mood": "sad", "takes": [1, 2, 3]}', row('Berlin', 4)),
  (2, 'Sun', 1960, 2, 200, 'Children run in the sun', '{city}', '[5,9)',
   '{"mood": "glad", "takes": [9]}', row('Paris', 2)),
  (3, 'Fog', 1960, 2, 50, null, '{}', '[3,7)', null, null),
  (4, 'Ice', 1970, null, null, 'Nothing happens', null, null, '{}', null);
insert into actors values (1, 'Xe'), (2, 'Yo'), (3, 'Zu');
insert into roles values (1, 1, 'thief'), (1, 2, 'cop'), (2, 1, 'king');
insert into specs values (1, 'Debrie'), (2, 'Arri');
insert into halls values ('Berlin', 1, 300), ('Paris', 1, 100);
insert into showings values (1, 1, 'Berlin', 1, 40), (2, 1, 'Paris', 1, 60), (3, 2, 'Paris', 1, 10);
insert into reels values (1, 1, 'short'), (2, 1, 'long'), (3, 2, 'long'), (4, 1, 'short');

-- Columns that are computed.
create function label(f films) returns text
language sql stable as $$ select f.title || ' (' || f.year || ')' $$;

create function words(f films) returns tsvector
language sql immutable as $$ select to_tsvector('simple', f.title) $$;

create function century(d directors) returns integer
language sql stable as $$ select d.born / 100 + 1 $$;

-- Relationships that are computed.
create function same_year(f films) returns setof films
language sql stable as $$ select * from films where year = f.year and id <> f.id $$;

create function teacher(d directors) returns setof directors rows 1
language sql stable as $$ select * from directors where id = d.mentor_id $$;

-- Stands before the key that leads there.
create function showings(f films) returns setof showings
language sql stable as $$ select * from showings where film_id = f.id and visitors > 50 $$;

create function from_country(code text) returns setof directors
language sql stable as $$ select * from directors where country = code $$;

-- Views: over a join, over another view, over a schema that is not served, stored, and a union.
create view film_list as
select f.id as film_id, f.title, f.director_id as by_id, d.name as director_name
from films f left join directors d on d.id = f.director_id;

create view later_films as
with late as (select film_id, title, by_id from film_list where film_id > 1)
select * from late;

create view people as select id as person_id, name from directors;

create schema hidden;
create table hidden.prizes (
  id      integer primary key,
  film_id integer references films,
  name    text
);
insert into hidden.prizes values (1, 1, 'Bear'), (2, 2, 'Palm');
create view prizes as select * from hidden.prizes;

create materialized view film_totals as select id, title, director_id from films;

create view everybody as
select id, name from directors union all select id, name from actors;

grant select, insert, update, delete on all tables in schema public to anon;
analyze;
