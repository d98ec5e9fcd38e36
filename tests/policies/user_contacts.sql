-- Whom people know.
set local search_path = public, tests;
select plan(7);

insert into user_contacts (owner_id, contact_id) values (tests.id('bo'), tests.id('ana'));
select isnt_empty('select from user_contacts', 'there is something to see');
select tests.be('ana');
select is_empty('select from user_contacts', 'whom others know is theirs');
select lives_ok($$ insert into user_contacts (owner_id, contact_id) values (tests.id('ana'), tests.id('cy')) $$, 'one notes whom one knows');
select throws_ok($$ insert into user_contacts (owner_id, contact_id) values (tests.id('bo'), tests.id('cy')) $$, '42501', null, 'for oneself');
select isnt_empty($$ delete from user_contacts returning 1 $$, 'and forgets');
select tests.be('bo');
select isnt_empty('select from user_contacts', 'for oneself');
select tests.be('nobody');
select throws_ok('select from user_contacts', '42501', null, 'nobody sees any');

select * from finish();
