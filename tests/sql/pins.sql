-- Pins, stars, forwarding. MSG-13, MSG-19
set local search_path = public, tests;
select plan(27);

select tests.be('bo');
select hint_ok($$ select pin_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001') $$, 'PT403', 'not_manager', 'a member pins nothing');
select lives_ok($$ select pin_message(tests.conversation('dm'), '20000000-0000-4000-8000-000000000005') $$, 'except in a pair');
select tests.be('ana');
select is((pin_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001')).pinned_by, tests.id('ana'), 'an owner pins');
select is((pin_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001')).pinned_by, tests.id('ana'), 'twice is once');
select tests.be('bo');
select is((select is_pinned from messages where id = '20000000-0000-4000-8000-000000000001'), true, 'the message says so');
select is((select count(*) from conversation_pins where conversation_id = tests.conversation('watercooler')), 1::bigint, 'and members see the list');
select tests.be('ana');
select lives_ok($$ select unpin_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001') $$, 'taken down');
select is((select is_pinned from messages where id = '20000000-0000-4000-8000-000000000001'), false, 'it is no more');
select hint_ok($$ select pin_message(tests.conversation('watercooler'), gen_random_uuid()) $$, 'PT404', 'no_such_message', 'nothing is not pinned');
select lives_ok($$ select pin_message(tests.conversation('watercooler'), (send_message(tests.conversation('watercooler'), 'Pin ' || n)).id)
                     from generate_series(1, 50) n $$, 'fifty');
select hint_ok($$ select pin_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001') $$, 'PT422', 'pins_full', 'are all');
select lives_ok($$ select delete_message(conversation_id, id) from messages where body = 'Pin 1' $$, 'what is taken back');
select lives_ok($$ select pin_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001') $$, 'makes room');

-- Stars
select tests.be('bo');
select lives_ok($$ select star_message(tests.conversation('dm'), '20000000-0000-4000-8000-000000000005') $$, 'one stars');
select lives_ok($$ select star_message(tests.conversation('dm'), '20000000-0000-4000-8000-000000000005') $$, 'also twice');
select is((select count(*) from message_stars), 1::bigint, 'it is there');
select throws_ok($$ select star_message(tests.conversation('lunch'), '20000000-0000-4000-8000-000000000004') $$, '42501', null, 'not what one cannot read');
select lives_ok($$ select star_message(tests.conversation('dm'), '20000000-0000-4000-8000-000000000005', false) $$, 'and no longer');
select is_empty('select from message_stars', 'it is gone');

-- Forwarding
select tests.be('ana');
select is((forward_message(tests.conversation('dm'), '20000000-0000-4000-8000-000000000005', array[tests.conversation('watercooler')])).forwarded ->> 'sender_id',
          tests.id('bo')::text, 'a copy tells where it is from, where all can read it there');
select is((forward_message(tests.conversation('dm'), '20000000-0000-4000-8000-000000000005', array[tests.conversation('lunch')])).forwarded, '{}'::jsonb,
          'else it does not');
select is((select sender_id from messages where forwarded = '{}'), tests.id('ana'), 'it is said by whoever forwards');
select tests.be('dee');
select is((select body from messages where forwarded = '{}'), 'Keep it quiet: I broke it in the first place.', 'with its words');
select hint_ok($$ select forward_message(tests.conversation('dm'), '20000000-0000-4000-8000-000000000005', array[tests.conversation('lunch')]) $$,
               'PT404', 'no_such_message', 'nobody forwards what they cannot read');
select hint_ok($$ select forward_message(tests.conversation('lunch'), '20000000-0000-4000-8000-000000000004', array[tests.conversation('dm')]) $$,
               '42501', 'cannot_post', 'or to where they do not speak');
select hint_ok($$ select forward_message(tests.conversation('lunch'), '20000000-0000-4000-8000-000000000004', (select array_agg(gen_random_uuid()) from generate_series(1, 21))) $$,
               'PT422', 'too_many', 'or everywhere');
select tests.be('administrator');
update conversations set no_forward = true where title = 'Lunch';
select tests.be('ana');
select hint_ok($$ select forward_message(tests.conversation('lunch'), '20000000-0000-4000-8000-000000000004', array[tests.conversation('dm')]) $$,
               'PT403', 'no_forward', 'what must stay stays');

select * from finish();
