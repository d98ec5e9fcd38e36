-- Finding people. SRC-05, SRC-06
set local search_path = public, tests;
select plan(17);

create function pg_temp.found(p_query text) returns text language sql as
  $$ select string_agg(display_name, ',') from search_users(p_query) $$;

-- SRC-05
insert into profiles (id, org_id, display_name, username)
select gen_random_uuid(), org_id, 'Hannah ' || chr(64 + n), 'hannah' || n from profiles, generate_series(1, 25) n where id = tests.id('ana');
select tests.be('ana');
select is(pg_temp.found('bo'), 'Bo', 'by name');
select is(pg_temp.found('B'), 'Bo,Hannah B', 'by its beginning, first by that of the first name');
select is((select count(*) from search_users('anna')), 20::bigint, 'by a part of it, twenty at most');
select is((select count(*) from search_users('hann', 1000000)), 20::bigint, 'whatever is asked for');
select is((select count(*) from search_users('hannah', 3)), 3::bigint, 'or fewer');
select is((select display_name from search_users('hannah25', 1)), 'Hannah Y', 'by username');
select is(pg_temp.found('ana'), null, 'never oneself');
select is(pg_temp.found('%'), null, 'a sign that means all to the database means itself here');
select is(pg_temp.found('  '), null, 'nothing finds nobody');
select is(pg_temp.found(null), null, 'nor does nothing at all');

select tests.be('administrator');
insert into user_privacy_settings (user_id, discoverable) values (tests.id('cy'), false), (tests.id('bo'), false);
insert into user_blocks (blocker_id, blocked_id) values (tests.id('dee'), tests.id('ana'));
select tests.be('ana');
select is(pg_temp.found('cy'), null, 'who does not want to be found by strangers is not');
select is(pg_temp.found('bo'), 'Bo', 'but by people who know them');
select is(pg_temp.found('dee'), null, 'nor is whoever does not take messages from one');
select tests.be('administrator');
update orgs set settings = '{"dm_policy": ["team"]}' where slug = 'default';
select tests.be('ana');
select is(pg_temp.found('hannah'), null, 'the organisation''s rule decides');

-- SRC-06
select tests.be('administrator');
update orgs set settings = '{}' where slug = 'default';
delete from user_blocks;
select tests.be('ana');
select is((select string_agg(display_name, ',') from recent_contacts()), 'Bo', 'with whom one has spoken alone');
select send_message((get_or_create_conversation(tests.id('dee'))).id, 'Hi');
select get_or_create_conversation((select id from search_users('hannah3', 1)));
select is((select string_agg(display_name, ',') from recent_contacts()), 'Dee,Bo', 'the latest first, and none with whom one has not');
select is((select string_agg(display_name, ',') from recent_contacts(1)), 'Dee', 'as many as asked for');

select * from finish();
