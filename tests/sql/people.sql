-- Accounts become people, and people may write to people of their organisation.
set local search_path = public, tests;
select plan(25);

-- TEN-01
insert into auth.users (id, email, raw_user_meta_data)
values ('e0000000-0000-4000-8000-00000000000e', 'eve@example.com', '{"full_name": " Eve Adams "}'),
       ('f0000000-0000-4000-8000-00000000000f', 'flo@example.com', '{}'),
       ('f0000000-0000-4000-8000-0000000000ff', null, jsonb_build_object('name', repeat('x', 300)));
select is((select display_name from profiles where id = tests.id('eve')), 'Eve Adams', 'an account gets a profile with the name it gave');
select is((select display_name from profiles where id = tests.id('flo')), 'flo', 'without a name the address lends one');
select is((select char_length(display_name) from profiles where id = 'f0000000-0000-4000-8000-0000000000ff'), 100,
          'a name too long is cut rather than refused');
select is(app.display_name(null, null), 'Guest', 'without anything it is a guest');

insert into orgs (slug, name) values ('elsewhere', 'Elsewhere');
update profiles set org_id = (select id from orgs where slug = 'elsewhere') where id = tests.id('flo');

select is((app.can_message(tests.id('ana'), tests.id('bo'))).allowed, true, 'people of one organisation may write to each other');
select is((app.can_message(tests.id('ana'), tests.id('bo'))).reasons,
          '[{"check": "self", "passed": true}, {"check": "no_such_person", "passed": true}, {"check": "not_same_org", "passed": true},
            {"check": "restricted", "passed": true}, {"check": "blocked", "passed": true}, {"check": "dm_policy", "passed": true},
            {"check": "privacy", "passed": true}]'::jsonb,
          'the verdict names every check');
select is((app.can_message(tests.id('ana'), tests.id('ana'))).code, 'self', 'nobody writes to themselves');
select is((app.can_message(tests.id('ana'), gen_random_uuid())).code, 'no_such_person', 'nobody writes to a stranger to the system');
select is((app.can_message(tests.id('ana'), null)).code, 'no_such_person', 'nobody writes to null');
select is((app.can_message(tests.id('ana'), tests.id('flo'))).code, 'not_same_org', 'nobody writes to another organisation');
select is((app.can_message(tests.id('ana'), tests.id('flo'))).reasons -> -1, '{"check": "not_same_org", "passed": false}'::jsonb,
          'the verdict ends with the refusal');
select hint_ok($$ select app.require_can_message(tests.id('ana'), tests.id('flo')) $$, 'PT404', 'no_such_person',
               'another organisation''s people are not admitted to exist');
select hint_ok($$ select app.require_can_message(tests.id('ana'), tests.id('ana')) $$, 'PT422', 'self', 'writing to oneself is told apart');

select hint_ok('select app.me()', 'PT401', 'signed_out', 'nobody signed in is nobody');

-- Deleting an account
select isnt_empty($$ select from conversation_members where member_id = tests.id('ana') and left_at is null $$, 'ana is in conversations');
create temporary table gone as select tests.id('ana') as id;
delete from auth.users where id = tests.id('ana');
select is((select display_name from profiles where id = (select id from gone)), 'Deleted user', 'a deleted account leaves a nameless profile');
select is_empty($$ select from conversation_members where member_id = (select id from gone) and left_at is null $$,
                'and no membership');
select isnt_empty($$ select from messages where sender_id = (select id from gone) and body is not null $$, 'its words stay');
select is((select role from conversation_members where conversation_id = tests.conversation('lunch') and member_id = tests.id('dee')), 'owner',
          'what it owned passes to who was there longest');
do $$ begin perform set_config('request.jwt.claims', jsonb_build_object('sub', (select id from gone))::text, true); end $$;
select hint_ok('select app.me()', 'PT401', 'signed_out', 'its token outlives it in vain');


-- Usernames
select tests.be('administrator');
select is((select username from profiles where id = tests.id('bo')), 'bo', 'a username is the address''s first part');
insert into auth.users (id, email, raw_user_meta_data) values ('60000000-0000-4000-8000-0000000abcde', 'other@example.org', '{"username": "B.o"}'),
                                                              ('60000000-0000-4000-8000-0000000fffff', 'bo@example.org', '{}');
select is((select username from profiles where id = '60000000-0000-4000-8000-0000000abcde'), 'b.o', 'or what was wished for');
select is((select username from profiles where id = '60000000-0000-4000-8000-0000000fffff'), 'bo-0fffff', 'who comes second gets a piece of their id');
select is(app.username(app.first_org(), '60000000-0000-4000-8000-0000000fffff', '!!!'), 'user-0fffff', 'or nothing but that');
select is((select role from org_members where user_id = '60000000-0000-4000-8000-0000000fffff'), 'member', 'newcomers are members');

select * from finish();
