-- One's own list. CNV-05, CNV-06, CNV-12 to CNV-15, CNV-17 to CNV-19
set local search_path = public, tests;
select plan(62);

create function pg_temp.titles(p_filter text default 'all', p_category uuid default null, p_priority text default null, p_query text default null)
returns text language sql as
  $$ select coalesce(string_agg(title, ', '), '') from get_conversations(50, p_filter, p_category, p_priority, p_query) $$;
create function pg_temp.prefs(p_name text, p_prefs jsonb) returns inbox language sql as
  $$ select set_conversation_prefs(tests.conversation(p_name), p_prefs) $$;

select is(app.preview(repeat('x', 100)), repeat('x', 80), 'a preview is the first 80 letters');

-- Ana's: the latest spoken in first
select tests.be('ana');
select lives_ok($$ select send_message(tests.conversation('lunch'), 'A'), send_message(tests.conversation('watercooler'), 'B') $$, 'things are said');
select is(pg_temp.titles(), 'Watercooler, Lunch, Bo', 'the latest first');
select is((select last_preview from get_conversations(1)), 'B', 'with the last words');

-- CNV-12
select is((pg_temp.prefs('dm', '{"pinned": true}')).pin_order, 1::double precision, 'one is pinned');
select is(pg_temp.titles(), 'Bo, Watercooler, Lunch', 'and comes first');
select is((pg_temp.prefs('lunch', '{"pinned": true}')).pin_order, 2::double precision, 'another');
select is(pg_temp.titles(), 'Bo, Lunch, Watercooler', 'comes after it');
select is((pg_temp.prefs('lunch', '{"pin_order": 0.5}')).pin_order, 0.5::double precision, 'moved');
select is(pg_temp.titles('pinned'), 'Lunch, Bo', 'in an order of one''s own');
select tests.be('bo');
select is(pg_temp.titles(), 'Watercooler, Ana', 'which is nobody else''s');
select tests.be('ana');
select lives_ok($$ select pg_temp.prefs('lunch', '{"pinned": false}'), pg_temp.prefs('dm', '{"pinned": false}') $$, 'unpinned');
select is(pg_temp.titles('pinned'), '', 'none is');

-- CNV-13
select ok((pg_temp.prefs('watercooler', '{"archived": true}')).archived_at is not null, 'one is archived');
select is(pg_temp.titles('active'), 'Lunch, Bo', 'and not active');
select is(pg_temp.titles('archived'), 'Watercooler', 'but archived');
select tests.be('bo');
select is(pg_temp.titles('archived'), '', 'for ana alone');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'C') $$, 'bo speaks there');
select tests.be('ana');
select is(pg_temp.titles('archived'), '', 'which brings it back');
select is((select is_muted from get_conversations(1)), false, 'it is not muted');
select lives_ok($$ select pg_temp.prefs('watercooler', '{"archived": true, "muted_until": "infinity"}') $$, 'archived and muted');
select tests.be('bo');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'D') $$, 'bo speaks');
select tests.be('ana');
select is(pg_temp.titles('archived'), 'Watercooler', 'it stays away');

-- CNV-14
select is(pg_temp.titles('muted'), 'Watercooler', 'what is muted');
select is((select unread from get_conversations(p_filter => 'muted')), 2::bigint, 'still counts');
select lives_ok($$ select pg_temp.prefs('watercooler', jsonb_build_object('archived', false, 'muted_until', now() - interval '1 s')) $$, 'until a time');
select is(pg_temp.titles('muted'), '', 'that passes');
select lives_ok($$ select pg_temp.prefs('watercooler', jsonb_build_object('muted_until', now() + interval '1 hour')) $$, 'or has still to come');
select is(pg_temp.titles('muted'), 'Watercooler', 'until then');
set local app.test_now = '2099-01-01';
select is(pg_temp.titles('muted'), '', 'and no longer');
set local app.test_now = '';

-- CNV-11, CNV-15, CNV-17
insert into conversation_categories (org_id, owner_id, name) values (app.my_org(), tests.id('ana'), 'Fun');
select ok((pg_temp.prefs('lunch', jsonb_build_object('category_id', (select id from conversation_categories)))).category_id is not null, 'a heading of one''s own');
select is(pg_temp.titles(p_category => (select id from conversation_categories)), 'Lunch', 'lists what is under it');
select is((pg_temp.prefs('lunch', '{"priority": "high"}')).priority, 'high', 'a priority of one''s own');
select is(pg_temp.titles(p_priority => 'high'), 'Lunch', 'too');
select throws_ok($$ select pg_temp.prefs('lunch', '{"priority": "extreme"}') $$, '23514', null, 'that is known');
select is(pg_temp.titles('unread'), 'Watercooler, Bo', 'what is unread');
select is(pg_temp.titles('unread', p_priority => 'high'), '', 'filters combine');
select is(pg_temp.titles('all', (select id from conversation_categories), 'high', 'lun'), 'Lunch', 'all of them');
delete from conversation_categories;
select is((select category_id from get_conversations(p_query => 'Lunch')), null, 'without its heading it is under none');
-- A heading of the organisation, under which a conversation is for all
select tests.be('administrator');
insert into conversation_categories (id, org_id, name) values ('70000000-0000-4000-8000-000000000001', app.first_org(), 'Food');
select tests.be('ana');
update conversations set category_id = '70000000-0000-4000-8000-000000000001' where title = 'Lunch';
select is(pg_temp.titles(p_category => '70000000-0000-4000-8000-000000000001'), 'Lunch', 'a conversation is moved under a heading');
select tests.be('dee');
select is(pg_temp.titles(p_category => '70000000-0000-4000-8000-000000000001'), 'Lunch', 'for everybody in it');
select tests.be('administrator');
delete from conversation_categories;
select tests.be('ana');
select is((select category_id from get_conversations(p_query => 'Lunch')), null, 'until that is deleted');
select hint_ok($$ select pg_temp.prefs('lunch', jsonb_build_object('category_id', gen_random_uuid())) $$, 'PT422', 'bad_setting', 'another''s heading is none');
select hint_ok($$ select pg_temp.prefs('lunch', '{"unread": 0}') $$, 'PT422', 'bad_setting', 'what there is not cannot be set');
select hint_ok($$ select get_conversations(p_filter => 'nonsense') $$, 'PT422', 'bad_filter', 'or asked for');
select is((pg_temp.prefs('lunch', '{"draft": "Not y"}')).draft, 'Not y', 'a draft is kept');
select is((select draft from get_conversations(p_query => 'Lunch')), 'Not y', 'and found on another device');

-- CNV-06
select is(pg_temp.titles(p_query => 'WATER'), 'Watercooler', 'found by title');
select is(pg_temp.titles(p_query => 'dee'), 'Lunch', 'or by who is in');
select is(pg_temp.titles(p_query => 'cy'), '', 'only among one''s own');
select is(pg_temp.titles(p_query => '%'), '', 'as written');

-- CNV-15: twelve conversations, each filter alone and some together
select tests.be('administrator');
insert into auth.users (id, email) values ('e0000000-0000-4000-8000-00000000000e', 'eve@example.com');
insert into conversations (id, org_id, kind, title, created_by, last_message_at)
select ('80000000-0000-4000-8000-0000000000' || to_char(n, 'FM00'))::uuid, app.first_org(), 'group', 'C' || to_char(n, 'FM00'), tests.id('bo'), now() - make_interval(mins => n)
  from generate_series(1, 12) n;
insert into conversation_members (conversation_id, member_id, role)
select c.id, person, 'member' from conversations c, unnest(array[tests.id('eve'), tests.id('bo')]) person where c.title ~ '^C[0-9]{2}$';
select tests.be('bo');
select send_message(c.id, case when c.title = 'C05' then 'Hi @eve' else 'Hi' end) from conversations c where c.title in ('C01', 'C03', 'C05', 'C07') order by c.title desc;
select tests.be('administrator');
insert into conversation_categories (id, org_id, owner_id, name) values ('70000000-0000-4000-8000-000000000002', app.first_org(), tests.id('eve'), 'Mine');
select tests.be('eve');
select pg_temp.prefs(name, prefs)
  from (values ('c02', '{"archived": true}'::jsonb), ('c03', '{"archived": true}'), ('c04', '{"pinned": true}'), ('c06', '{"muted_until": "infinity"}'),
               ('c07', '{"muted_until": "infinity", "archived": true, "priority": "high"}'), ('c08', '{"category_id": "70000000-0000-4000-8000-000000000002"}'),
               ('c05', '{"category_id": "70000000-0000-4000-8000-000000000002", "priority": "high"}'), ('c09', '{"priority": "low"}')) wish (name, prefs);
select is(array[pg_temp.titles(), pg_temp.titles('active'), pg_temp.titles('archived'), pg_temp.titles('unread'), pg_temp.titles('muted'), pg_temp.titles('pinned'), pg_temp.titles('mentions')],
          array['C04, C01, C03, C05, C07, C02, C06, C08, C09, C10, C11, C12', 'C04, C01, C05, C06, C08, C09, C10, C11, C12', 'C03, C07, C02', 'C01, C03, C05, C07', 'C07, C06', 'C04', 'C05'],
          'each filter gives what it says');
select is(array[pg_temp.titles(p_category => '70000000-0000-4000-8000-000000000002'), pg_temp.titles(p_priority => 'high'), pg_temp.titles(p_priority => 'low'), pg_temp.titles(p_priority => 'urgent'),
                pg_temp.titles(p_query => 'c1'), pg_temp.titles('unread', p_priority => 'high'), pg_temp.titles('archived', p_priority => 'high'),
                pg_temp.titles('unread', '70000000-0000-4000-8000-000000000002', 'high', 'c0'), pg_temp.titles('muted', '70000000-0000-4000-8000-000000000002')],
          array['C05, C08', 'C05, C07', 'C09', '', 'C10, C11, C12', 'C05, C07', 'C07', 'C05', ''], 'alone and together');
select tests.be('bo');
select is(pg_temp.titles('unread', p_query => 'C0'), '', 'and another''s filters are another''s');
select tests.be('ana');

-- CNV-19: page by page
select lives_ok($$ select create_group('G' || lpad(n::text, 2, '0')) from generate_series(1, 20) n $$, 'twenty more');
create temporary table pages (title text, cursor text);
do $$
declare
  place text;
begin
  for n in 1 .. 6 loop
    insert into pg_temp.pages select page.title, page.cursor from public.get_conversations(5, p_cursor => place) page;
    select cursor into place from pg_temp.pages order by ctid desc limit 1;
  end loop;
end
$$;
select is((select count(*) || ' ' || count(distinct title) from pages), '23 23', 'pages follow each other without gap or repeat');
select hint_ok($$ select get_conversations(p_cursor => 'nonsense') $$, 'PT422', 'bad_filter', 'a cursor is one that was given');
select tests.be('dee');
select hint_ok($$ select pg_temp.prefs('watercooler', '{"archived": true}') $$, 'PT404', 'not_member', 'an outsider keeps nothing');

-- CNV-18: rooms
select is((select string_agg(slug, ' ') from search_rooms()), 'lobby', 'open rooms are found, others'' private ones are not');
select is((select is_member from search_rooms('lob')), false, 'also by whom they are open to');
select tests.be('bo');
select is((select string_agg(slug, ' ' order by slug) from search_rooms('')), 'lobby watercooler', 'and one''s own private ones');
select is_empty($$ select from search_rooms('nothing of that name') $$, 'by what they are called');

select * from finish();
