-- Who says where people are told.
set local search_path = public, tests;
select plan(9);

select tests.be('bo');
insert into notification_preferences (channel, kind, enabled) values ('push', 'dm', false);
select isnt_empty('select from notification_preferences', 'one says it for oneself');
select isnt_empty('update notification_preferences set enabled = true returning 1', 'changes it');
select lives_ok($$ insert into notification_preferences (user_id, channel, kind, enabled) values (tests.id('bo'), 'push', 'dm', false)
                   on conflict (user_id, channel, kind) do update set user_id = excluded.user_id, enabled = excluded.enabled $$, 'also by an upsert');
select throws_ok($$ insert into notification_preferences (channel, kind, enabled) values ('fax', 'dm', false) $$, '23514', null, 'on a channel that there is');
insert into notification_preferences (user_id, channel, kind, enabled) values (tests.id('ana'), 'mail', 'dm', false);
select is((select user_id from notification_preferences where channel = 'mail'), tests.id('bo'), 'whoever is named');
select throws_ok($$ update notification_preferences set user_id = tests.id('ana') $$, '42501', null, 'for nobody else');
select tests.be('ana');
select is_empty('select from notification_preferences', 'another''s are not seen');
select is_empty('delete from notification_preferences returning 1', 'nor taken away');
select tests.be('nobody');
select throws_ok('select from notification_preferences', '42501', null, 'nobody has any');

select * from finish();
