-- Who sees who types. TYP-05
set local search_path = public, tests;
select plan(4);

insert into typing_states (conversation_id, actor_id, expires_at) values (tests.conversation('watercooler'), tests.id('bo'), 'infinity');
select tests.be('ana');
select isnt_empty('select from typing_states', 'members do');
select throws_ok($$ insert into typing_states (conversation_id, actor_id, expires_at) values (tests.conversation('watercooler'), tests.id('bo'), 'infinity') $$, '42501', null,
                 'and write by function');
select tests.be('cy');
select is_empty('select from typing_states', 'outsiders do not');
select tests.be('nobody');
select throws_ok('select from typing_states', '42501', null, 'nobody sees any');

select * from finish();
