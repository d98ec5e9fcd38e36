-- Who sees what is held up.
set local search_path = public, tests;
select plan(5);

insert into conversation_pins (conversation_id, message_id, pinned_by, chapter)
values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', tests.id('ana'), 0);
select tests.be('bo');
select isnt_empty('select from conversation_pins', 'members do');
select throws_ok('delete from conversation_pins', '42501', null, 'and take it down by function');
select tests.be('cy');
select is_empty('select from conversation_pins', 'outsiders do not');
select tests.be('administrator');
insert into conversation_members (conversation_id, member_id, joined_chapter) values (tests.conversation('watercooler'), tests.id('cy'), 1);
select tests.be('cy');
select is_empty('select from conversation_pins', 'nor who came later and may not read it');
select tests.be('nobody');
select throws_ok('select from conversation_pins', '42501', null, 'nobody sees any');

select * from finish();
