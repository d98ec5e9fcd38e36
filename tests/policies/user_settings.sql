-- How people like their screen.
set local search_path = public, tests;
select plan(7);

select tests.be('bo');
insert into user_settings (theme) values ('dark');
select is((select concat_ws(' ', theme, density, sounds, enter_to_send) from user_settings), 'dark comfortable t t', 'one says it for oneself; the rest is as usual');
select isnt_empty($$ update user_settings set keyboard_mode = 'vim' returning 1 $$, 'changes it');
select throws_ok($$ update user_settings set theme = 'plaid' $$, '23514', null, 'to what there is');
select throws_ok($$ update user_settings set user_id = tests.id('ana') $$, '42501', null, 'one speaks for nobody else');
select tests.be('ana');
select is_empty('select from user_settings', 'another''s are not seen');
select is_empty($$ update user_settings set theme = 'light' returning 1 $$, 'nor changed');
select tests.be('nobody');
select throws_ok('select from user_settings', '42501', null, 'nobody has any');

select * from finish();
