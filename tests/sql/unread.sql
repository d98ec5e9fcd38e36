-- How far each has read, and what others learn. RCP-01 to RCP-04, RCP-06, RCP-07
set local search_path = public, tests;
select plan(44);

select tests.be('bo');
select is((select unread from get_conversations() where title = 'Watercooler'), 1::bigint, 'bo has something unread');
select is((mark_read(tests.conversation('watercooler'), 3)).last_read_seq, 3::bigint, 'he reads it');
select is((select unread from get_conversations() where title = 'Watercooler'), 0::bigint, 'and nothing is unread');
select is((mark_read(tests.conversation('watercooler'), 1)).last_read_seq, 3::bigint, 'a lower number does not move him back');
select is((mark_read(tests.conversation('watercooler'), 999)).last_read_seq, 3::bigint, 'nobody reads what was not said yet');
select is((mark_read(tests.conversation('watercooler'), null)).last_read_seq, 3::bigint, 'null reads nothing');
select throws_ok('update inbox set last_read_seq = 9', '42501', null, 'the pointer is not written directly');

select tests.be('ana');
select lives_ok('select send_message(tests.conversation(''watercooler''), ''More'')', 'ana speaks');
select is((select unread from get_conversations() where title = 'Watercooler'), 0::bigint, 'whoever speaks has read');
select tests.be('bo');
select is((select unread from get_conversations() where title = 'Watercooler'), 1::bigint, 'others have one more to read');

select tests.be('cy');
select hint_ok('select mark_read(tests.conversation(''watercooler''), 1)', 'PT404', 'not_member', 'an outsider reads nothing');
select hint_ok('select mark_read(gen_random_uuid(), 1)', 'PT404', 'not_member', 'and cannot tell whether there is something');


-- What others learn (RCP-02, RCP-06)
select tests.be('bo');
select lives_ok($$ select mark_read(tests.conversation('watercooler'), 4) $$, 'bo reads');
select tests.be('ana');
create function pg_temp.told() returns bigint language sql as
  $$ select last_read_seq from conversation_members where conversation_id = tests.conversation('watercooler') and member_id = tests.id('bo') $$;
create function pg_temp.last_message() returns messages language sql as
  $$ select m from messages m where conversation_id = tests.conversation('watercooler') order by seq desc, sub desc limit 1 $$;
select is(pg_temp.told(), 4::bigint, 'and ana is told');
-- RCP-03
select is((select read_by(tests.conversation('watercooler'), (pg_temp.last_message()).id) #>> '{members,0,member_id}'), tests.id('bo')::text, 'who has read a message');
select ok((select (read_by(tests.conversation('watercooler'), (pg_temp.last_message()).id) #>> '{members,0,read_at}')::timestamptz > now()), 'and when');
select ok(read_at(pg_temp.last_message()) is not null, 'also as a column of the message');
select is((select read_at(m) from messages m where seq = 2 and conversation_id = tests.conversation('watercooler')), null, 'one''s own reading does not count');
select is((mark_delivered(jsonb_build_object(tests.conversation('watercooler'), 4))), 1, 'a device tells what it has');
select is((mark_delivered(jsonb_build_object(tests.conversation('watercooler'), 2))), 0, 'never less');
select hint_ok($$ select mark_delivered('[]') $$, 'PT422', 'too_many', 'as an object');
select tests.be('bo');
insert into user_privacy_settings (user_id, show_read_receipts) values (tests.id('bo'), false);
select tests.be('ana');
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'And now?') $$, 'ana speaks again');
select tests.be('bo');
select is((mark_read(tests.conversation('watercooler'), 5)).last_read_seq, 5::bigint, 'who hides it reads');
select is(read_by(tests.conversation('watercooler'), (pg_temp.last_message()).id) ->> 'members', null, 'does not learn it of others');
select is_empty('select from read_marks', 'in no way');
select is(mark_delivered(jsonb_build_object(tests.conversation('watercooler'), 5)), 1, 'his device tells what it has');
select tests.be('ana');
select is((select last_delivered_seq from conversation_members where conversation_id = tests.conversation('watercooler') and member_id = tests.id('bo')), 5::bigint,
          'so what was sent is delivered');
select is(pg_temp.told(), 4::bigint, 'and not read, as far as others are told');
select is(read_by(tests.conversation('watercooler'), (pg_temp.last_message()).id), '{"count": 0, "members": []}'::jsonb, 'in no way');
select tests.be('administrator');
update conversations set receipts_mode = 'count' where slug = 'watercooler';
delete from user_privacy_settings;
select tests.be('ana');
select is(read_by(tests.conversation('watercooler'), (pg_temp.last_message()).id), '{"count": 1, "members": null}'::jsonb, 'where receipts are counted, the number alone');
select tests.be('administrator');
update conversations set receipts_mode = 'all', member_count = 101 where slug = 'watercooler';
select tests.be('ana');
select is(read_by(tests.conversation('watercooler'), (pg_temp.last_message()).id), '{"count": 1, "members": null}'::jsonb, 'as among more than a hundred');
select tests.be('administrator');
update conversations set receipts_mode = 'off', member_count = 2 where slug = 'watercooler';
select tests.be('ana');
select is(read_by(tests.conversation('watercooler'), (pg_temp.last_message()).id) ->> 'count', null, 'or nothing');
select hint_ok($$ select read_by(tests.conversation('watercooler'), gen_random_uuid()) $$, 'PT404', 'no_such_message', 'of nothing nothing');

-- Back
select tests.be('bo');
select is((mark_unread(tests.conversation('watercooler'), 4)).last_read_seq, 3::bigint, 'one may have read less');
select is((select unread from get_conversations() where title = 'Watercooler'), 2::bigint, 'what is from there on is unread');
select is((mark_unread(tests.conversation('watercooler'), 5)).last_read_seq, 3::bigint, 'marking less does nothing');
select is((mark_all_read()), 1, 'or have read all');
select is((select sum(unread) from get_conversations()), 0::numeric, 'at once');
select is((mark_all_read()), 0, 'which is all');
select tests.be('cy');
select hint_ok($$ select mark_unread(tests.conversation('watercooler'), 1) $$, 'PT404', 'not_member', 'an outsider unreads nothing');

-- RCP-04: after any sequence, unread is what is behind the pointer in the main line, and not one's own.
select tests.be('administrator');
insert into auth.users (id, email) values ('e0000000-0000-4000-8000-00000000000e', 'eve@example.com');
insert into conversation_members (conversation_id, member_id)
select tests.conversation('watercooler'), tests.id(name) from unnest(array['cy', 'dee', 'eve']) name;
create function pg_temp.differences() returns bigint language sql as $$
  select count(*)
    from public.inbox i
    join public.conversations c on c.id = i.conversation_id
   where c.slug = 'watercooler'
     and greatest(c.root_count - i.last_read_ord, 0) <> (
       select count(*)
         from public.messages m
        where m.conversation_id = c.id
          and m.seq > i.last_read_seq
          and m.sender_id <> i.member_id
          and m.thread_id is null
          and m.visibility = 'normal')
$$;
create function pg_temp.anything_happens(p_times integer) returns integer language plpgsql as $$
declare
  place uuid := tests.conversation('watercooler');
  wrong integer := 0;
  newest bigint;
  any_message uuid;
begin
  perform setseed(0.42);
  for n in 1 .. p_times loop
    perform tests.be((array['ana', 'bo', 'cy', 'dee', 'eve'])[1 + floor(random() * 5)]);
    select last_seq into newest from public.conversations where id = place;
    select id into any_message from public.messages where conversation_id = place order by random() limit 1;
    begin
      case floor(random() * 8)
        when 0, 1, 2 then perform public.send_message(place, 'Hi');
        when 3 then perform public.send_message(place, 'Hi', p_thread_id => any_message);
        when 4 then perform public.mark_read(place, floor(random() * newest)::bigint + 1);
        when 5 then perform public.mark_unread(place, floor(random() * newest)::bigint + 1);
        when 6 then perform public.delete_message(place, any_message);
        else perform public.mark_all_read();
      end case;
    exception when sqlstate 'PT403' or sqlstate 'PT404' then null;  -- another's message is not deleted, or one that is
    end;
    perform tests.be('administrator');
    wrong := wrong + pg_temp.differences();
  end loop;
  return wrong;
end
$$;
select is(pg_temp.anything_happens(400), 0, 'unread counts are true after each of 400 random steps of five people');
select ok((select count(*) > 100 from messages where conversation_id = tests.conversation('watercooler')), 'in which much was said');
select is((select array_agg(seq order by seq) from messages where conversation_id = tests.conversation('watercooler') and sub = 0),
          (select array_agg(n) from generate_series(1, (select last_seq from conversations where slug = 'watercooler')) n), 'without a gap in the numbers');

-- RCP-07: what one message writes does not depend on how many are in
create function pg_temp.writes_of_one() returns bigint language plpgsql as $$
declare
  before bigint;
begin
  select sum(n_tup_ins + n_tup_upd + n_tup_del) into before from pg_stat_xact_user_tables;
  perform public.send_message(tests.conversation('watercooler'), 'One');
  return (select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_xact_user_tables) - before;
end
$$;
create temporary table writes as select 5 as members, pg_temp.writes_of_one() as rows where false;
grant all on writes to public;
select tests.be('ana');
insert into writes select 5, pg_temp.writes_of_one();
select tests.be('administrator');
insert into profiles (id, org_id, display_name) select gen_random_uuid(), app.first_org(), 'P' || n from generate_series(1, 1000) n;
insert into conversation_members (conversation_id, member_id)
select tests.conversation('watercooler'), id from profiles where display_name ~ '^P[0-9]+$';
select tests.be('ana');
insert into writes select 1005, pg_temp.writes_of_one();
select ok((select count(distinct rows) = 1 and min(rows) between 3 and 6 from writes), 'a message to a thousand writes what a message to five does');

select * from finish();
