-- Emoji on messages. MSG-12
set local search_path = public, tests;
select plan(24);

create function pg_temp.counts() returns text language sql security definer as
  $$ select reaction_counts::text from public.messages where id = '20000000-0000-4000-8000-000000000001' $$;
create function pg_temp.toggle(p_emoji text) returns boolean language sql as
  $$ select toggle_reaction(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', p_emoji) $$;

select tests.be('bo');
select is(pg_temp.toggle('👍'), true, 'a reaction is given');
select is(pg_temp.counts(), '{"👍": 1}', 'and counted');
select is((select rev from messages where id = '20000000-0000-4000-8000-000000000001'), (select last_rev from conversations where slug = 'watercooler'),
          'which is a change that others catch up with');
select is(pg_temp.toggle('👍'), false, 'given again it is taken back');
select is(pg_temp.counts(), '{}', 'and nothing is left');
select lives_ok($$ insert into message_reactions (conversation_id, message_id, emoji)
                   values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', '👍') $$, 'by table');
select throws_ok($$ insert into message_reactions (conversation_id, message_id, emoji)
                    values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', '👍') $$, '23505', null, 'once');
select is(pg_temp.counts(), '{"👍": 1}', 'twice does not double');
select tests.be('ana');
select is(pg_temp.toggle('👍'), true, 'another''s');
select is(pg_temp.counts(), '{"👍": 2}', 'counts too');
select lives_ok($$ delete from message_reactions where actor_id = tests.id('bo') $$, 'nobody takes back another''s');
select is(pg_temp.counts(), '{"👍": 2}', 'it stays');
select throws_ok($$ select pg_temp.toggle(' ') $$, '23514', null, 'a reaction shows something');
select throws_ok($$ select pg_temp.toggle(repeat('x', 33)) $$, '23514', null, 'something short');
select lives_ok($$ select pg_temp.toggle('e' || n) from generate_series(1, 19) n $$, 'twenty kinds');
select hint_ok($$ select pg_temp.toggle('e20') $$, 'PT422', 'reactions_full', 'are enough');
select is(pg_temp.toggle('👍'), false, 'what is there can be toggled on');
select tests.be('cy');
select hint_ok($$ select pg_temp.toggle('👍') $$, 'PT404', 'no_such_message', 'an outsider finds nothing to react to');

-- Where only admins speak, the others may nod
select tests.be('administrator');
update conversations set posting = 'admins' where slug = 'watercooler';
select tests.be('bo');
select is(pg_temp.toggle('e1'), true, 'listeners react');
select tests.be('administrator');
update conversations set locked_at = now() where slug = 'watercooler';
select tests.be('bo');
select hint_ok($$ select pg_temp.toggle('e2') $$, '42501', 'locked', 'but not where all is over');

-- Shadow
select tests.be('administrator');
update conversations set locked_at = null where slug = 'watercooler';
insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'shadow_ban');
select tests.be('bo');
select is(pg_temp.toggle('e3'), true, 'a shadow-banned one reacts');
select is((select visibility from message_reactions where emoji = 'e3' and actor_id = tests.id('bo')), 'shadow', 'for themselves');
select tests.be('ana');
select is(pg_temp.counts() like '%"e3": 1%', true, 'and counts for nobody');
select is((select count(*) from message_reactions where emoji = 'e3'), 1::bigint, 'nor is it seen');

select * from finish();
