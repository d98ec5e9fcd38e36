-- Who sees blocks.
set local search_path = public, tests;
select plan(5);

insert into user_blocks (blocker_id, blocked_id) values (tests.id('bo'), tests.id('ana'));
select tests.be('bo');
select isnt_empty('select from user_blocks', 'one sees whom one has blocked');
select throws_ok($$ insert into user_blocks (blocker_id, blocked_id) values (tests.id('bo'), tests.id('cy')) $$, '42501', null, 'and blocks by function');
select throws_ok('delete from user_blocks', '42501', null, 'and unblocks so');
select tests.be('ana');
select is_empty('select from user_blocks', 'the blocked one is not told');
select tests.be('nobody');
select throws_ok('select from user_blocks', '42501', null, 'nobody sees any');

select * from finish();
