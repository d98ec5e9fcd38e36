-- Who reads what people have agreed to.
set local search_path = public, tests;
select plan(4);

select tests.be('bo');
select allow_contact_exchange(tests.conversation('dm'));
select isnt_empty('select from consents', 'one reads one''s own');
select throws_ok('update consents set withdrawn_at = now()', '42501', null, 'which are not written by hand');
select tests.be('ana');
select is_empty('select from consents', 'another''s are not seen');
select tests.be('nobody');
select throws_ok('select from consents', '42501', null, 'nobody has any');

select * from finish();
