-- Who sees meetings: whoever reads their card.
set local search_path = public, tests;
select plan(5);

select tests.be('ana');
select schedule_meeting(tests.conversation('watercooler'), 'Plan', 'other', 'https://a.example', now() + interval '1 day', now() + interval '2 days');
select isnt_empty('select from meetings', 'a member sees it');
select throws_ok('update meetings set title = ''x''', '42501', null, 'and changes nothing past the functions');
select tests.be('bo');
select isnt_empty('select from meetings', 'as does another');
select tests.be('cy');
select is_empty('select from meetings', 'an outsider sees none');
select tests.be('nobody');
select throws_ok('select from meetings', '42501', null, 'nobody sees any');

select * from finish();
