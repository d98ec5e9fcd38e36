-- What the REST bench reads and writes: 10,000 items of 100 owners, and notes behind a row policy.

create role bench_login login noinherit password 'bench';
create role bench_anon nologin;
create role bench_person nologin;
grant bench_anon, bench_person to bench_login;

create table owners (
  id   int primary key,
  name text not null
);
create table items (
  id         int primary key,
  owner_id   int not null references owners,
  name       text not null,
  amount     int not null,
  created_at timestamptz not null default now()
);
create index on items (owner_id);
insert into owners select n, 'Owner ' || n from generate_series(1, 100) as n;
insert into items select n, n % 100 + 1, 'Item number ' || n, n * 7 % 1000 from generate_series(1, 10000) as n;

create table notes (
  id        bigint generated always as identity primary key,
  person_id uuid not null default (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid,
  body      text not null
);
alter table notes enable row level security;
create policy own on notes to bench_person
  using (person_id = (select (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid))
  with check (person_id = (select (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid));

grant select on owners, items to bench_anon, bench_person;
grant select, insert on notes to bench_person;
analyze;
