-- Who reads what people are told.
set local search_path = public, tests;
select plan(6);

delete from notifications;
select tests.be('ana');
select send_message(tests.conversation('dm'), 'Hello');
select tests.be('bo');
select isnt_empty('select from notifications', 'one reads what one was told');
select throws_ok('update notifications set read_at = null', '42501', null, 'and rewrites none of it');
select throws_ok($$ insert into notifications (user_id, kind) values (tests.id('ana'), 'system') $$, '42501', null, 'or tells others');
select throws_ok('delete from notifications', '42501', null, 'or takes away');
select tests.be('ana');
select is_empty('select from notifications', 'another''s are not seen');
select tests.be('nobody');
select throws_ok('select from notifications', '42501', null, 'nobody sees any');

select * from finish();
