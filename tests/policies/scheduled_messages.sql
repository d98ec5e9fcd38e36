-- Who sees what is to be said later: whoever will say it.
set local search_path = public, tests;
select plan(5);

select tests.be('ana');
select lives_ok($$ select schedule_message(tests.conversation('watercooler'), 'Later', now() + interval '1 hour') $$, 'one plans');
select isnt_empty('select from scheduled_messages', 'and sees it');
select throws_ok($$ update scheduled_messages set state = 'sent' $$, '42501', null, 'its state is not written');
select tests.be('bo');
select is_empty('select from scheduled_messages', 'others do not see it');
select tests.be('nobody');
select throws_ok('select from scheduled_messages', '42501', null, 'nor does anybody else');

select * from finish();
