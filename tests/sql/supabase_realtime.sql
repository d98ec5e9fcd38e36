-- Broadcasts sent from SQL, the partitions of realtime.messages, and the channel being judged.
set local search_path = public, tests;
select plan(24);

select is((select count(*) from pg_partition_tree('realtime.messages') where isleaf
             and substr(relid::regclass::text, 19)::text between to_char(timezone('utc', now()) - interval '1 day', 'YYYY_MM_DD')
                                                            and to_char(timezone('utc', now()) + interval '3 days', 'YYYY_MM_DD')), 5::bigint,
          'there is a partition for each day from yesterday to three days ahead');
select lives_ok('select realtime.ensure_partitions()', 'asking again is well');
do $$ begin execute format('drop table realtime.%I', 'messages_' || to_char(timezone('utc', now()) + interval '3 days', 'YYYY_MM_DD')); end $$;
select lives_ok('set local role supabase_realtime_admin; select realtime.ensure_partitions(); reset role', 'the server makes what is missing');
select isnt_empty($$ select from pg_class where relname = 'messages_' || to_char(timezone('utc', now()) + interval '3 days', 'YYYY_MM_DD')
                        and relowner = 'supabase_realtime_admin'::regrole $$, 'and owns it');

select is(realtime.topic(), null, 'outside a judgement there is no topic');
set local realtime.topic = 'room-1';
select is(realtime.topic(), 'room-1', 'inside, it is the channel''s name');


-- Sending
do $$ begin perform realtime.send('{"a": 1}', 'e', 'room-1'); end $$;
select is((select (event, private, extension, payload -> 'a', payload ->> 'id' = id::text, binary_payload)::text from realtime.messages where topic = 'room-1'),
          '(e,t,broadcast,1,t,)', 'an object is sent, privately, under its id');
select is(realtime.topic(), 'room-1', 'and the channel is named');
do $$ begin perform realtime.send('{"id": 7}', 'e', 'room-2', false); end $$;
select is((select (private, payload)::text from realtime.messages where topic = 'room-2'), '(f,"{""id"": 7}")', 'an id of its own stays');
do $$ begin perform realtime.send('[1]', 'e', 'room-3'); perform realtime.send('"id"', 'e', 'room-3'); end $$;
select is((select array_agg(payload::text order by payload) from realtime.messages where topic = 'room-3'), '{"\"id\"",[1]}'::text[], 'other JSON goes as it is');
do $$ begin perform realtime.send_binary('\x00ff', 'e', 'room-4'); end $$;
select is((select (private, binary_payload, payload)::text from realtime.messages where topic = 'room-4'), '(t,"\\x00ff",)', 'and so do bytes');

select lives_ok($$ select realtime.send('{}', 'e', null) $$, 'a message that cannot be stored is a warning');
do $$ begin execute format('drop table realtime.%I', 'messages_' || to_char(timezone('utc', now()), 'YYYY_MM_DD')); end $$;
select lives_ok($$ select realtime.send('{}', 'e', 'room-5') $$, 'and so it is without a partition');
select is_empty($$ select from realtime.messages where topic in ('room-1', 'room-5') $$, 'where it is lost');
do $$ begin perform realtime.ensure_partitions(); end $$;

-- Row triggers, as people's own migrations have them
create table public.moves (id bigint primary key, game text);
create function public.moves_changed() returns trigger security definer language plpgsql as $$
begin
  perform realtime.broadcast_changes('topic:' || coalesce(new.id, old.id)::text, tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
  return null;
end $$;
create trigger moves_changed after insert or update or delete on public.moves for each row execute function public.moves_changed();
insert into public.moves values (1, 'a');
update public.moves set game = 'b';
delete from public.moves;
select is((select array_agg(event order by ctid) from realtime.messages where topic = 'topic:1'), '{INSERT,UPDATE,DELETE}'::text[], 'each change is a broadcast');
select is((select payload - 'id' from realtime.messages where topic = 'topic:1' and event = 'UPDATE'),
          '{"table": "moves", "schema": "public", "operation": "UPDATE", "record": {"id": 1, "game": "b"}, "old_record": {"id": 1, "game": "a"}}'::jsonb,
          'with both rows');
select is((select payload -> 'record' from realtime.messages where topic = 'topic:1' and event = 'DELETE'), 'null'::jsonb, 'as far as there are two');
select throws_ok($$ select realtime.broadcast_changes('t', 'e', 'TRUNCATE', 'moves', 'public', null::moves, null::moves) $$, 'P0001',
                 'Failed to process the row: Unexpected operation type: TRUNCATE', 'other operations are refused');
select throws_ok($$ select realtime.broadcast_changes('t', 'e', 'INSERT', 'moves', 'public', null::moves, null::moves, 'STATEMENT') $$, 'P0001',
                 'Failed to process the row: function can only be triggered for each row, not for each statement', 'and so are triggers of statements');

-- Whoever sends does so by their own rights
create temporary table sent as select count(*) from realtime.messages;
select tests.be('cy');
do $$ begin perform realtime.send('{}', 'e', 'conversation:' || tests.conversation('watercooler')); end $$;
select tests.be('bo');
do $$ begin perform realtime.send('{}', 'e', 'conversation:' || tests.conversation('watercooler')); end $$;
select tests.be('administrator');
select is((select count(*) from realtime.messages) - (select count from sent), 1::bigint, 'a member is heard, an outsider is not');

-- Old partitions
create table realtime.messages_2001_02_03 partition of realtime.messages for values from ('2001-02-03') to ('2001-02-04');
alter table realtime.messages_2001_02_03 owner to supabase_realtime_admin;
create table realtime.messages_2001_02_05 partition of realtime.messages for values from ('2001-02-05') to ('2001-02-06');
create table realtime.keepsakes partition of realtime.messages for values from ('2001-02-04') to ('2001-02-05');
select is(realtime.drop_partitions('72 hours'), 0, 'old partitions are dropped');
select is(to_regclass('realtime.messages_2001_02_03'), null, 'so that they are gone');
select is(to_regclass('realtime.keepsakes') is not null, true, 'and others stay');
select is((select count(*) from pg_partition_tree('realtime.messages') where isleaf), 7::bigint, 'as do those of the days we need');

select * from finish();
