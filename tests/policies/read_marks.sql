-- Who learns how far others have read. RCP-02
set local search_path = public, tests;
select plan(5);

insert into read_marks (conversation_id, member_id, seq) values (tests.conversation('watercooler'), tests.id('bo'), 3);
select tests.be('ana');
select isnt_empty('select from read_marks', 'members do');
insert into user_privacy_settings (user_id, show_read_receipts) values (tests.id('ana'), false);
select is_empty('select from read_marks', 'unless they hide their own');
select throws_ok('delete from read_marks', '42501', null, 'nobody rewrites it');
select tests.be('cy');
select is_empty('select from read_marks', 'outsiders do not');
select tests.be('nobody');
select throws_ok('select from read_marks', '42501', null, 'nobody sees any');

select * from finish();
