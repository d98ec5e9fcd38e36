-- Who sees and gives reactions.
set local search_path = public, tests;
select plan(10);

insert into message_reactions (conversation_id, message_id, actor_id, emoji, chapter)
values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', tests.id('ana'), 'a', 0);
select tests.be('bo');
select is((select count(*) from message_reactions), 1::bigint, 'members see them');
select throws_ok($$ insert into message_reactions (conversation_id, message_id, emoji, actor_id)
                    values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', 'b', tests.id('ana')) $$, '42501', null, 'give them as themselves');
select is_empty('delete from message_reactions returning 1', 'and take back no others');
select lives_ok($$ insert into message_reactions (conversation_id, message_id, emoji)
                   values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', 'b') $$, 'but give their own');
select is((select count(*) from message_reactions where actor_id = tests.id('bo')), 1::bigint, 'under their name');
select isnt_empty('delete from message_reactions returning 1', 'and take it back');
select throws_ok($$ update message_reactions set emoji = 'c' $$, '42501', null, 'a reaction does not change');
select tests.be('cy');
select is_empty('select from message_reactions', 'outsiders see none');
select throws_ok($$ insert into message_reactions (conversation_id, message_id, emoji)
                    values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', 'b') $$, 'PT404', null, 'and give none');
select tests.be('nobody');
select throws_ok('select from message_reactions', '42501', null, 'nobody sees any');

select * from finish();
