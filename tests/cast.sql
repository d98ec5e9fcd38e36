-- The people and conversations that every test and the demo know. Can be run again and again.
-- Password of all: walkie-demo.
--   ana, bo   share the room watercooler and a conversation of two
--   cy        is in the organisation, but in neither
--   dee       is in the organisation and in the group lunch, which ana owns
-- The room lobby is open to all of them and empty.

insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
                        raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
select '00000000-0000-0000-0000-000000000000',
       person.id,
       'authenticated',
       'authenticated',
       lower(person.name) || '@example.com',
       '$2a$10$wHoLu6lD5s.wMbHE8q4yBOMZ7KnjqzfnG1lxA51OS6LOEH.mLR68e',
       now(),
       '{"provider": "email", "providers": ["email"]}',
       jsonb_build_object('display_name', person.name),
       now(),
       now()
  from (values ('a0000000-0000-4000-8000-00000000000a'::uuid, 'Ana'),
               ('b0000000-0000-4000-8000-00000000000b', 'Bo'),
               ('c0000000-0000-4000-8000-00000000000c', 'Cy'),
               ('d0000000-0000-4000-8000-00000000000d', 'Dee')) person (id, name)
on conflict (id) do nothing;

insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
select u.id::text,
       u.id,
       jsonb_build_object('sub', u.id, 'email', u.email, 'email_verified', true),
       'email',
       now(),
       now(),
       now()
  from auth.users u
 where u.email in ('ana@example.com', 'bo@example.com', 'cy@example.com', 'dee@example.com')
on conflict (provider_id, provider) do nothing;

insert into public.conversations (id, org_id, kind, visibility, title, slug, dm_key, created_by)
select place.id, ana.org_id, place.kind, place.visibility, place.title, place.slug, place.dm_key, ana.id
  from (values ('10000000-0000-4000-8000-000000000001'::uuid, 'room', 'private', 'Watercooler', 'watercooler', null),
               ('10000000-0000-4000-8000-000000000002', 'room', 'org', 'Lobby', 'lobby', null),
               ('10000000-0000-4000-8000-000000000003', 'group', 'private', 'Lunch', null, null),
               ('10000000-0000-4000-8000-000000000004', 'dm', 'private', null, null,
                'a0000000-0000-4000-8000-00000000000a:b0000000-0000-4000-8000-00000000000b')
       ) place (id, kind, visibility, title, slug, dm_key)
  join public.profiles ana on ana.id = 'a0000000-0000-4000-8000-00000000000a'
on conflict (id) do nothing;

insert into public.conversation_members (conversation_id, member_id, role)
values ('10000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-00000000000a', 'owner'),
       ('10000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-00000000000b', 'member'),
       ('10000000-0000-4000-8000-000000000003', 'a0000000-0000-4000-8000-00000000000a', 'owner'),
       ('10000000-0000-4000-8000-000000000003', 'd0000000-0000-4000-8000-00000000000d', 'member'),
       ('10000000-0000-4000-8000-000000000004', 'a0000000-0000-4000-8000-00000000000a', 'member'),
       ('10000000-0000-4000-8000-000000000004', 'b0000000-0000-4000-8000-00000000000b', 'member')
on conflict (conversation_id, member_id) do nothing;

insert into public.messages (conversation_id, id, sender_id, client_id, body)
select said.place, said.id, said.sender, said.id, said.body
  from (values ('10000000-0000-4000-8000-000000000001'::uuid, '20000000-0000-4000-8000-000000000001'::uuid,
                'a0000000-0000-4000-8000-00000000000a'::uuid, 'The coffee machine is back.'),
               ('10000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000002',
                'b0000000-0000-4000-8000-00000000000b', 'At last!'),
               ('10000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000003',
                'a0000000-0000-4000-8000-00000000000a', 'It even grinds the beans now.'),
               ('10000000-0000-4000-8000-000000000003', '20000000-0000-4000-8000-000000000004',
                'a0000000-0000-4000-8000-00000000000a', 'Noon, at the usual table?'),
               ('10000000-0000-4000-8000-000000000004', '20000000-0000-4000-8000-000000000005',
                'b0000000-0000-4000-8000-00000000000b', 'Keep it quiet: I broke it in the first place.')
       ) said (place, id, sender, body)
on conflict (conversation_id, sender_id, client_id) do nothing;
