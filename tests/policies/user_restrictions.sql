-- Nobody learns that they are shadow-banned. TYP-05
set local search_path = public, tests;
select plan(5);

insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'shadow_ban');
select isnt_empty('select from user_restrictions', 'there is something to see');

select tests.be('bo');
select throws_ok('select from user_restrictions', '42501', null, 'not even whom it is about sees it');
select throws_ok('update user_restrictions set lifted_at = now()', '42501', null, 'or lifts it');

select tests.be('nobody');
select throws_ok('select from user_restrictions', '42501', null, 'nobody sees any');

select tests.be('service');
select isnt_empty('update user_restrictions set lifted_at = now() returning 1', 'the service lifts it');

select * from finish();
