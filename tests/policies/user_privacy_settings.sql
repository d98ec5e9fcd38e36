-- Who reads and changes what people show of themselves. TYP-05
set local search_path = public, tests;
select plan(9);

insert into user_privacy_settings (user_id) values (tests.id('bo'));
select isnt_empty('select from user_privacy_settings', 'there is something to see');

select tests.be('ana');
select is_empty('select from user_privacy_settings', 'nobody sees another''s');
select is_empty($$ update user_privacy_settings set show_typing = false returning 1 $$, 'or changes them');
select throws_ok($$ insert into user_privacy_settings (user_id) values (tests.id('cy')) $$, '42501', null, 'or makes them');
select lives_ok($$ insert into user_privacy_settings as s (user_id, show_typing) values (tests.id('ana'), false)
                   on conflict (user_id) do update set user_id = excluded.user_id, show_typing = excluded.show_typing $$, 'one makes one''s own');
select isnt_empty($$ update user_privacy_settings set show_typing = true returning 1 $$, 'and changes them');
select throws_ok($$ update user_privacy_settings set user_id = tests.id('cy') $$, '42501', null, 'but does not give them away');
select throws_ok('delete from user_privacy_settings', '42501', null, 'nobody deletes them');

select tests.be('nobody');
select throws_ok('select from user_privacy_settings', '42501', null, 'nobody sees any');

select * from finish();
