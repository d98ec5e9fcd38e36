-- Views show what the tables behind them show.
set local search_path = public, tests;
select plan(8);

select is_empty($$ select from pg_class c
                    where c.relnamespace = 'public'::regnamespace
                      and c.relkind = 'v'
                      and not coalesce(c.reloptions @> '{security_invoker=true}', false) $$, 'each asks as the one who reads');
select isnt_empty('select from chat_groups', 'there is something to see');
select tests.be('cy');
select is_empty('select from chat_groups', 'an outsider sees none');
select is_empty('select from user_conversations', 'of either');
select tests.be('bo');
select throws_ok($$ update user_conversations set title = 'x' $$, '55000', null, 'lists are for reading');
select throws_ok($$ delete from chat_groups $$, '42501', null, 'also the other one');
select tests.be('nobody');
select throws_ok('select from chat_groups', '42501', null, 'nobody sees any');
select throws_ok('select from user_conversations', '42501', null, 'of either');

select * from finish();
