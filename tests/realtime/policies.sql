-- Tables and functions that the policies of policies.txt speak of.
set check_function_bodies = off;  -- one of them does not parse

create table public.doc (
  id uuid primary key, room uuid, owner uuid, kind text, size int, big bigint, open boolean,
  amount numeric, born timestamptz, day date, tags text[], owner_text text, code varchar(9),
  mood text, twice int generated always as (size * 2) stored
);
alter table public.doc enable row level security;
alter publication supabase_realtime add table public.doc;
create table public.member (room uuid, person uuid, role text, level int, primary key (room, person));
create table public.room (id uuid primary key, org uuid, open boolean, slot int unique);
create table public.org_person (id bigserial primary key, org uuid, person uuid);
create table public.ban (person uuid primary key);
create table public.friend (one uuid, other uuid, primary key (one, other));
create table public.bare (room uuid, person uuid);
create unlogged table public.unlogged_member (room uuid, person uuid, primary key (room, person));
create view public.member_view as select * from public.member;
create table public.guarded (room uuid, person uuid, primary key (room, person));
alter table public.guarded enable row level security;
create policy own on public.guarded using (person = auth.uid());
create type public.mood as enum ('good', 'bad');
create domain public.short as text check (length(value) < 9);
grant usage on schema public to authenticator;

create function public.my_rooms() returns setof uuid language sql stable security definer
  as 'select m.room from public.member m where m.person = auth.uid()';
create function public.is_in(p_room uuid) returns boolean language sql stable security definer
  as 'select exists (select from public.member m where m.room = p_room and m.person = (select auth.uid()))';
create function public.is_in_as(p_room uuid, p_person uuid default auth.uid()) returns boolean language sql stable
  as 'select exists (select from public.member m where m.room = p_room and m.person = p_person)';
create function public.is_in_atomic(p_room uuid) returns boolean language sql stable
  return exists (select from public.member m where m.room = p_room and m.person = auth.uid());
create function public.my_level(p_room uuid) returns int language sql stable
  as 'select level from public.member m where m.room = p_room and m.person = auth.uid()';
create function public.rooms_and_roles() returns table (room uuid, role text) language sql stable
  as 'select m.room, m.role from public.member m where m.person = auth.uid()';
create function public.member_rows() returns setof public.member language sql stable
  as 'select * from public.member m where m.person = auth.uid()';
create function public.one_of_my_rooms() returns setof uuid language sql stable
  as 'select m.room from public.member m where m.person = auth.uid() limit 1';
create function public.my_org() returns uuid language sql stable
  as 'select org from public.org_person where person = auth.uid()';
create function public.two_steps() returns boolean language sql as 'select 1; select true';
create function public.flags_as_text() returns setof text language sql stable as 'select open from public.room';
create function public.opaque(uuid) returns boolean language plpgsql as 'begin return true; end';
create function public.declared(uuid) returns boolean language plpgsql as 'begin return true; end';
comment on function public.declared(uuid) is 'Tells. @reads public.member(room, person)';
create function public.declares_nothing(uuid) returns boolean language plpgsql as 'begin return true; end';
comment on function public.declares_nothing(uuid) is '@reads nothing';
create function public.guarded_rooms() returns setof uuid language sql stable as 'select room from public.guarded';
create function public.guarded_rooms_as_owner() returns setof uuid language sql stable security definer
  as 'select room from public.guarded';
create function public.calls_itself(int) returns boolean language sql stable
  as 'select case when $1 > 0 then public.calls_itself($1 - 1) else true end';
create function public.escapes() returns boolean language sql
  as 'select true; end; drop table public.ban; create function public.x() returns int language sql begin atomic select 1';
