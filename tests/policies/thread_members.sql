-- Who sees which threads are followed: the follower.
set local search_path = public, tests;
select plan(4);

select tests.be('bo');
select send_message(tests.conversation('watercooler'), 'And tea?', p_thread_id => '20000000-0000-4000-8000-000000000001');
select is((select array_agg(user_id) from thread_members), array[tests.id('bo')], 'one sees what one follows');
select throws_ok('update thread_members set last_read_reply = 0', '42501', null, 'and writes no pointer');
select tests.be('ana');
select is((select array_agg(user_id) from thread_members), array[tests.id('ana')], 'as does another, nobody else''s');
select tests.be('nobody');
select throws_ok('select from thread_members', '42501', null, 'nobody sees any');

select * from finish();
