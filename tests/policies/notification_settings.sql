-- Who says when people are told.
set local search_path = public, tests;
select plan(7);

select tests.be('bo');
insert into notification_settings (digest) values ('daily');
select isnt_empty('select from notification_settings', 'one says it for oneself');
select isnt_empty($$ update notification_settings set digest = 'off' returning 1 $$, 'changes it');
select throws_ok('update notification_settings set digest_next = now()', '42501', null, 'when the next is due is reckoned');
select throws_ok('update notification_settings set user_id = tests.id(''ana'')', '42501', null, 'one speaks for nobody else');
select tests.be('ana');
select is_empty('select from notification_settings', 'another''s are not seen');
select is_empty($$ update notification_settings set digest = 'hourly' returning 1 $$, 'nor changed');
select tests.be('nobody');
select throws_ok('select from notification_settings', '42501', null, 'nobody has any');

select * from finish();
