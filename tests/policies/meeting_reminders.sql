-- Who sees reminders: the reminded.
set local search_path = public, tests;
select plan(5);

select tests.be('ana');
select schedule_meeting(tests.conversation('watercooler'), 'Plan', 'other', 'https://a.example', now() + interval '1 day', now() + interval '2 days');
select isnt_empty('select from meeting_reminders', 'one sees one''s own');
select throws_ok('update meeting_reminders set due_at = now()', '42501', null, 'and moves none');
select tests.be('bo');
select is((select array_agg(distinct user_id) from meeting_reminders), array[tests.id('bo')], 'as does another, each their own');
select tests.be('cy');
select is_empty('select from meeting_reminders', 'an outsider sees none');
select tests.be('nobody');
select throws_ok('select from meeting_reminders', '42501', null, 'nobody sees any');

select * from finish();
