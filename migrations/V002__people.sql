-- Organisations and the people in them.

create table public.orgs (
  id         uuid primary key default base.uuid7(),
  slug       text not null,
  name       text not null,
  created_at timestamptz not null default now(),
  constraint orgs_slug_unique unique (slug),
  constraint orgs_slug_is_url_word check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  constraint orgs_name_not_blank check (name ~ '\S')
);
comment on table public.orgs is 'Organisations: people of one never meet people of another.';

insert into public.orgs (slug, name) values ('default', 'Default');

create table public.profiles (
  id           uuid primary key,
  org_id       uuid not null references public.orgs,
  display_name text not null,
  avatar_path  text,
  bio          text,
  created_at   timestamptz not null default now(),
  erased_at    timestamptz,
  constraint profiles_display_name_fits check (display_name ~ '\S' and char_length(display_name) <= 100),
  constraint profiles_avatar_path_fits check (char_length(avatar_path) <= 1024),
  constraint profiles_bio_fits check (char_length(bio) <= 2000)
);
comment on table public.profiles is 'How people appear to each other: one row per person, made when their account is.';
comment on column public.profiles.id is
  'The account''s id in auth.users. No foreign key: the profile stays, nameless, when the account goes, since messages point here.';
comment on column public.profiles.erased_at is 'When the account was deleted; the profile then names nobody.';

create index profiles_org_id_idx on public.profiles (org_id);
