-- Who sees who is there. PRS-08
set local search_path = public, tests;
select plan(7);

insert into user_presence (user_id, status, last_seen_at) select id, 'online', now() from profiles;
select is((select count(*) from user_presence), 4::bigint, 'all are there');
select tests.be('ana');
select is((select count(*) from user_presence), 3::bigint, 'one sees oneself and whom one talks with');
select tests.be('bo');
select is((select count(*) from user_presence), 2::bigint, 'each their own');
select throws_ok($$ update user_presence set status = 'offline' $$, '42501', null, 'and writes by function');
select tests.be('cy');
select is((select array_agg(user_id) from user_presence), array[tests.id('cy')], 'who talks with nobody sees nobody else');
select tests.be('administrator');
insert into teams (id, org_id, name) values ('40000000-0000-4000-8000-000000000001', app.first_org(), 'Red');
insert into team_members (team_id, user_id) select '40000000-0000-4000-8000-000000000001', tests.id(name) from unnest(array['cy', 'dee']) name;
select tests.be('cy');
select is((select array_agg(user_id order by user_id) from user_presence), array[tests.id('cy'), tests.id('dee')], 'except who shares a team');
select tests.be('nobody');
select throws_ok('select user_id from user_presence', '42501', null, 'nobody sees any');

select * from finish();
