-- The partitions of realtime.messages, and the channel being judged.
set local search_path = public, tests;
select plan(6);

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

select * from finish();
