-- Who may use a conversation's private channel. RT-01
set local search_path = public, tests;
select plan(9);

insert into realtime.messages (topic, extension)
select 'conversation:' || tests.conversation('watercooler'), extension
  from unnest(array['broadcast', 'presence', 'postgres_changes']) extension;
insert into realtime.messages (topic, extension) values ('elsewhere', 'broadcast');
do $$ begin perform set_config('realtime.topic', 'conversation:' || tests.conversation('watercooler'), true); end $$;
select is((select count(*) from realtime.messages), 4::bigint, 'there is something to hear');

select tests.be('bo');
select is((select string_agg(extension, ' ' order by extension) from realtime.messages), 'broadcast presence', 'a member listens');
select lives_ok($$ insert into realtime.messages (topic, extension) values (realtime.topic(), 'broadcast') $$, 'and sends');
select throws_ok($$ insert into realtime.messages (topic, extension) values ('elsewhere', 'broadcast') $$, '42501', null, 'on that topic only');

select tests.be('cy');
select is_empty('select from realtime.messages', 'an outsider hears nothing');
select throws_ok($$ insert into realtime.messages (topic, extension) values (realtime.topic(), 'broadcast') $$, '42501', null, 'and sends nothing');

select tests.be('nobody');
select is_empty('select from realtime.messages', 'nobody hears nothing');

select tests.be('bo');
do $$ begin perform set_config('realtime.topic', 'elsewhere', true); end $$;
select is_empty('select from realtime.messages', 'another private topic is refused');
do $$ begin perform set_config('realtime.topic', '', true); end $$;
select is_empty('select from realtime.messages', 'and so is none');

select * from finish();
