-- Pages, threads and catching up. MSG-02, MSG-09
set local search_path = public, tests;
select plan(40);

create function pg_temp.say(p_body text, p_thread uuid default null) returns uuid language sql as
  $$ select (send_message(tests.conversation('watercooler'), p_body, p_thread_id => p_thread)).id $$;

-- MSG-09: threads have one level and are no part of the main line
select tests.be('bo');
create temporary table root as select '20000000-0000-4000-8000-000000000001'::uuid as id;
create temporary table reply as select pg_temp.say('In the thread', (select id from root)) as id;
grant select on root, reply to public;
select is((select (reply_count, last_reply_at is not null)::text from messages where id = (select id from root)), '(1,t)', 'the root counts its replies');
select is((select count(*) from get_messages(tests.conversation('watercooler'))), 3::bigint, 'a reply is not in the main line');
select is((select array_agg(body) from get_messages(tests.conversation('watercooler'), p_thread => (select id from root))), '{In the thread}'::text[],
          'but in its thread');
select is((select last_preview from conversations where slug = 'watercooler'), 'It even grinds the beans now.', 'it is no news of the conversation');
select is((select unread from get_conversations() where title = 'Watercooler'), 1::bigint, 'and makes nothing read');
select tests.be('ana');
select is((select unread from get_conversations() where title = 'Watercooler'), 0::bigint, 'or unread');
insert into messages (conversation_id, body, parent_message_id) values (tests.conversation('watercooler'), 'On the reply', (select id from reply));
select is((select thread_id from messages where body = 'On the reply'), (select id from root), 'a reply to a reply hangs on the same root');
select is((select parent_message_id from messages where body = 'On the reply'), (select id from reply), 'and tells what it answers');
select is((select reply_count from messages where id = (select id from root)), 2, 'which counts both');
select hint_ok($$ select send_message(tests.conversation('lunch'), 'x', p_thread_id => (select id from root)) $$, 'PT422', 'bad_reply', 'a thread is where its root is');
select hint_ok($$ insert into messages (conversation_id, body, parent_message_id, thread_id)
                  values (tests.conversation('watercooler'), 'x', (select id from reply), '20000000-0000-4000-8000-000000000002') $$, 'PT422', 'bad_reply',
               'and an answer in the thread of what it answers');
select hint_ok($$ select send_message(tests.conversation('lunch'), 'x', p_reply_to => (select id from root)) $$, 'PT422', 'bad_reply', 'as a quote is (MSG-10)');

-- Around one
select lives_ok($$ select pg_temp.say('Line ' || n) from generate_series(1, 20) n $$, 'twenty lines');
select is((select array_agg(body order by seq) from get_messages(tests.conversation('watercooler'), p_limit => 4,
                                                                 p_around => (select id from messages where body = 'Line 10'))),
          '{Line 8,Line 9,Line 10,Line 11}'::text[], 'those around one');
select is((select count(*) from get_messages(tests.conversation('watercooler'), p_around => gen_random_uuid(), p_limit => 4)), 4::bigint,
          'around nothing, the newest');
select is((select count(*) from get_messages(tests.conversation('watercooler'), p_limit => 2000000)), 23::bigint, 'no page is endless, or fails for being asked too much');

-- Everything at once
select is((select count(*) from sync_all('{}')), (select count(*) from messages), 'from nothing, all');
select is_empty($$ select from sync_all((select jsonb_object_agg(id, last_rev) from conversations)) $$, 'from the end, nothing');
create temporary table seen as select jsonb_object_agg(id, last_rev) as revs from conversations;
grant select on seen to public;
select lives_ok($$ select edit_message(tests.conversation('watercooler'), (select id from root), 'It is back.') $$, 'a correction');
select lives_ok($$ select send_message(tests.conversation('lunch'), 'Today?') $$, 'and news elsewhere');
select is((select string_agg(body, '|' order by body) from sync_all((select revs from seen))), 'It is back.|Today?', 'are what is new');
select tests.be('cy');
select is_empty($$ select from sync_all('{}') $$, 'an outsider gets nothing');

-- It asks for itself what the policies say, so it must say the same: shadows, and chapters that newcomers may not read
select tests.be('administrator');
insert into messages (conversation_id, sender_id, body, visibility) values (tests.conversation('watercooler'), tests.id('bo'), 'Psst', 'shadow');
select tests.be('ana');
select lives_ok($$ select add_members(tests.conversation('watercooler'), array[tests.id('cy')]) $$, 'cy comes in');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Welcome') $$, 'and is greeted');
create function pg_temp.agree() returns text language sql as $$
  select count(*) || ' ' || (select count(*) from messages m where not exists (select from sync_all('{}', 1000) a where a.id = m.id)) from sync_all('{}', 1000)
$$;
select is(pg_temp.agree(), (select count(*) || ' 0' from messages), 'ana');
select tests.be('bo');
select is(pg_temp.agree(), (select count(*) || ' 0' from messages), 'bo, who said something for himself');
select isnt_empty($$ select from sync_all('{}') where body = 'Psst' $$, 'which he gets');
select tests.be('cy');
select is(pg_temp.agree(), '1 0', 'and cy, who came late, get exactly what they may read');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'x', p_reply_to => (select id from root)) $$, 'PT422', 'bad_reply', 'who cannot quote what they cannot read (MSG-10)');
select hint_ok($$ select send_message(tests.conversation('watercooler'), 'x', p_thread_id => (select id from root)) $$, 'PT422', 'bad_reply', 'or answer it');

-- A client that catches up in small steps, and now and then loses what it last received, ends with what there is
select tests.be('administrator');
create temporary table held (id uuid primary key, rev bigint, body text, is_deleted boolean, reactions jsonb);
grant all on held to public;
create function pg_temp.catch_up(p_times integer) returns void language plpgsql as $$
declare
  place uuid := tests.conversation('watercooler');
  upto bigint := 0;
  one uuid;
  got integer;
begin
  perform setseed(0.7);
  for n in 1 .. p_times loop
    perform tests.be((array['ana', 'bo'])[1 + floor(random() * 2)]);
    select m.id into one from public.messages m where m.conversation_id = place and m.sender_id = auth.uid() and m.deleted_at is null order by random() limit 1;
    case floor(random() * 5)
      when 0, 1 then perform public.send_message(place, 'Step ' || n);
      when 2 then perform public.edit_message(place, one, 'Corrected ' || n);
      when 3 then perform public.toggle_reaction(place, one, 'x');
      else perform public.delete_message(place, one);
    end case;
    perform tests.be('ana');
    if random() < 0.2 or n = p_times then
      if random() < 0.3 then
        upto := greatest(upto - floor(random() * 20)::bigint, 0);
        delete from pg_temp.held where rev > upto;
      end if;
      loop
        insert into pg_temp.held
        select m.id, m.rev, m.body, m.deleted_at is not null, m.reaction_counts
          from public.sync_conversation(place, upto, 3) m
        on conflict (id) do update
           set rev = excluded.rev, body = excluded.body, is_deleted = excluded.is_deleted, reactions = excluded.reactions;
        get diagnostics got = row_count;
        select coalesce(max(rev), 0) into upto from pg_temp.held;
        exit when got < 3 and n < p_times or got = 0;
      end loop;
    end if;
  end loop;
end
$$;
select lives_ok('select pg_temp.catch_up(300)', 'three hundred steps of two people');
select tests.be('ana');
select is_empty($$ (select id, rev, body, deleted_at is not null, reaction_counts from messages where conversation_id = tests.conversation('watercooler')
                    except table held)
                   union all
                   (table held
                    except select id, rev, body, deleted_at is not null, reaction_counts from messages where conversation_id = tests.conversation('watercooler')) $$,
                'the client has every message as it is, and no other');

-- What a page, a thread and catching up cost under the policies: an index each (MSG-18)
select tests.be('administrator');
insert into messages (conversation_id, sender_id, body)
select tests.conversation('watercooler'), tests.id('ana'), 'Bulk ' || n from generate_series(1, 3000) n;
analyze messages;
create function pg_temp.plan(p_query text) returns text language plpgsql as $$
declare
  line text;
  whole text := '';
begin
  for line in execute 'explain (costs off) ' || p_query loop
    whole := whole || line || E'\n';
  end loop;
  return whole;
end
$$;
select tests.be('bo');
select ok(pg_temp.plan(format('select * from messages where conversation_id = %L and seq < 2000 order by seq desc, sub desc limit 50', tests.conversation('watercooler')))
          like '%Index Scan Backward using messages_%_conversation_id_seq_sub_key%', 'a page reads by number');
select ok(pg_temp.plan(format('select * from messages where conversation_id = %L and rev > 3000 order by rev limit 50', tests.conversation('watercooler')))
          like '%Index Scan using messages_%_conversation_id_rev_idx%', 'catching up reads by rev');
select ok(pg_temp.plan(format('select * from messages where conversation_id = %L and thread_id = %L order by seq limit 50', tests.conversation('watercooler'), (select id from root)))
          like '%messages_%_conversation_id_thread_id_seq_idx%', 'a thread reads by its root');
-- Nor is more judged than is read: the rule is asked about the rows of the page
create temporary table asked as select 0::bigint as before;
grant all on asked to public;
create function pg_temp.asked() returns bigint language sql security definer as
  $$ select coalesce(sum(calls), 0)::bigint from pg_stat_xact_user_functions where funcname = 'can_read' $$;
select tests.be('administrator');
set local track_functions = 'all';
select tests.be('bo');
update asked set before = pg_temp.asked();
select is((select count(*) from get_messages(tests.conversation('watercooler'), p_before_seq => 2000)), 50::bigint, 'a page from the middle of three thousand');
select ok((select pg_temp.asked() - before between 50 and 60 from asked), 'asks about fifty');
update asked set before = pg_temp.asked();
select is((select count(*) from sync_conversation(tests.conversation('watercooler'), 2000, 50)), 50::bigint, 'catching up from there');
select ok((select pg_temp.asked() - before between 50 and 60 from asked), 'asks about fifty');
select ok(pg_temp.plan('select * from inbox where member_id = auth.uid()') ~ 'inbox_pkey|Seq Scan on inbox', 'the inbox is its owner''s');

select * from finish();
