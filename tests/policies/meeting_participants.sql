-- Who sees and says who comes.
set local search_path = public, tests;
select plan(8);

select tests.be('ana');
select schedule_meeting(tests.conversation('watercooler'), 'Plan', 'other', 'https://a.example', now() + interval '1 day', now() + interval '2 days');
select isnt_empty('select from meeting_participants', 'a member sees who is asked');
select throws_ok('update meeting_participants set user_id = user_id', '42501', null, 'and asks nobody past the functions');
select tests.be('bo');
select is((select count(*) from meeting_participants), 2::bigint, 'as does another');
select is((select count(*) from (select 1) x, lateral (select respond_meeting(meeting_id, 'yes') from meeting_participants where user_id = tests.id('bo')) y), 1::bigint, 'and answers');
select is((select array_agg(response order by response) from meeting_participants), '{yes,yes}'::text[], 'for themselves');
select tests.be('ana');
select remove_member(tests.conversation('watercooler'), tests.id('bo'));
select tests.be('bo');
update meeting_participants set response = 'no';
select tests.be('administrator');
select is((select response from meeting_participants where user_id = tests.id('bo')), 'yes', 'who is out answers no more');
select tests.be('cy');
select is_empty('select from meeting_participants', 'an outsider sees none');
select tests.be('nobody');
select throws_ok('select from meeting_participants', '42501', null, 'nobody sees any');

select * from finish();
