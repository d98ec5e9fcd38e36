-- Who sees what admins have opened.
set local search_path = public, tests;
select plan(4);

insert into oversight_grants (admin_id, conversation_id, reason, expires_at) values (tests.id('dee'), tests.conversation('dm'), 'A report', now());
select tests.be('dee');
select isnt_empty('select from oversight_grants', 'an admin sees what they opened');
select throws_ok($$ update oversight_grants set expires_at = 'infinity' $$, '42501', null, 'and does not keep it open');
select tests.be('ana');
select is_empty('select from oversight_grants', 'nobody else sees it');
select tests.be('nobody');
select throws_ok('select from oversight_grants', '42501', null, 'nobody sees any');

select * from finish();
