-- Telling people. NTF-01, NTF-08, NTF-11, MTG-03
set local search_path = public, tests;
select plan(51);

create function pg_temp.told(p_name text) returns text language sql security definer as
  $$ select string_agg(concat_ws(' ', n.kind, n.count, p.display_name), ', ' order by n.kind, n.told_at)
       from public.notifications n left join public.profiles p on p.id = n.actor_id
      where n.user_id = tests.id(p_name) and n.read_at is null $$;
create function pg_temp.clear() returns void language sql security definer as 'delete from public.notifications';

-- A conversation of two
select pg_temp.clear();
select tests.be('ana');
select send_message(tests.conversation('dm'), 'Hello');
select is(pg_temp.told('bo'), 'dm 1 Ana', 'one is told of what is said to one alone');
select send_message(tests.conversation('dm'), 'Still there, @bo?');
select is(pg_temp.told('bo'), 'dm 2 Ana', 'by one row that counts');
select is(pg_temp.told('ana'), null, 'and not of what one says oneself');
select tests.be('bo');
select is((select concat_ws('|', kind, body, actor_name, count) from get_notifications()), 'dm|Still there, @bo?|Ana|2', 'it says what was said last, and by whom');
select is((select count(*)::int from notifications), 1, 'by table too');
select tests.be('cy');
select is_empty('select from notifications', 'which is one''s own');
select is_empty('select from get_notifications()', 'in every way');

select tests.be('ana');
select send_message(tests.conversation('dm'), null, p_attachments => jsonb_build_array(jsonb_build_object('file_id', (tests.bring('dm', 'plan.txt')).file_id)));
select tests.be('bo');
select is((select body from get_notifications()), 'Sent a file: plan.txt', 'a file without words is told by its name');
select tests.be('administrator');
select is((select w.body from notifications n, app.notice_words(n) w where n.user_id = tests.id('bo')), 'Sent a file: plan.txt', 'outside the house too');

-- Read on one device is read on the other
select tests.be('bo');
select mark_read(tests.conversation('dm'), 1);
select is(pg_temp.told('bo'), 'dm 3 Ana', 'reading what was before clears nothing');
select mark_read(tests.conversation('dm'), 100);
select is(pg_temp.told('bo'), null, 'reading it clears it');
select tests.be('ana');
select send_message(tests.conversation('dm'), 'Good');
select is(pg_temp.told('bo'), 'dm 1 Ana', 'the next one is a new row');
select tests.be('bo');
select send_message(tests.conversation('dm'), 'Yes');
select is(pg_temp.told('bo'), null, 'whoever answers has read');
select tests.be('ana');
select is(mark_notifications(p_read => false), 1, 'a notice is seen');
select is(mark_notifications(p_read => false), 0, 'once');
select is((select seen_at is not null and read_at is null from get_notifications()), true, 'which is not read');
select is(mark_notifications(array[gen_random_uuid()]), 0, 'others are not one''s own to mark');
select is(mark_notifications(), 1, 'all are');
select is_empty('select from get_notifications(p_unread => true)', 'none is left unread');
select isnt_empty('select from get_notifications()', 'they stay');
select hint_ok($$ select get_notifications(p_cursor => 'x') $$, 'PT422', 'bad_filter', 'a cursor is one that was given');
select tests.be('nobody');
select throws_ok('select get_notifications()', '42501', null, 'nobody is told nothing');

-- A room: who is named, answered or given a reaction; nobody else
select pg_temp.clear();
select tests.be('ana');
select send_message(tests.conversation('watercooler'), 'Just saying');
select is(pg_temp.told('bo'), null, 'what is said in a room is no notice');
select send_message(tests.conversation('watercooler'), 'Look, @bo', '40000000-0000-4000-8000-000000000001');
select is(pg_temp.told('bo'), 'mention 1 Ana', 'but to those who are named');
select edit_message(tests.conversation('watercooler'), (select id from messages where client_id = '40000000-0000-4000-8000-000000000001'), 'Look here, @bo');
select is(pg_temp.told('bo'), 'mention 1 Ana', 'a correction that names the same tells nobody again');
select pg_temp.clear();
select send_message(tests.conversation('watercooler'), 'Look there', '40000000-0000-4000-8000-000000000002');
select is(pg_temp.told('bo'), null, 'what names nobody');
select edit_message(tests.conversation('watercooler'), (select id from messages where client_id = '40000000-0000-4000-8000-000000000002'), 'Look there, @bo and @cy');
select is(pg_temp.told('bo'), 'mention 1 Ana', 'tells whom a correction adds, once (MSG-11)');
select is(pg_temp.told('cy'), null, 'and nobody who is not there');
select pg_temp.clear();
select send_message(tests.conversation('watercooler'), 'Oh', p_reply_to => '20000000-0000-4000-8000-000000000002');
select is(pg_temp.told('bo'), 'reply 1 Ana', 'to whom is quoted');
select send_message(tests.conversation('watercooler'), 'And', p_thread_id => '20000000-0000-4000-8000-000000000002');
select is(pg_temp.told('bo'), 'reply 2 Ana', 'to whom is answered in a thread');
select toggle_reaction(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002', '☕');
select is(pg_temp.told('bo'), 'reaction 1 Ana, reply 2 Ana', 'and to whose words get a reaction');
select tests.be('bo');
select mark_thread_read(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002');
select is(pg_temp.told('bo'), 'reaction 1 Ana', 'reading the thread clears what is of the thread');
select mark_all_read();
select is(pg_temp.told('bo'), null, 'reading all clears all');
select tests.be('ana');
select send_message(tests.conversation('watercooler'), 'Tea, @all');
select is(pg_temp.told('bo'), 'mention 1 Ana', 'who calls all tells all');

-- Not of what one has turned down
select pg_temp.clear();
select tests.be('bo');
update inbox set muted_until = 'infinity' where conversation_id = tests.conversation('dm');
select tests.be('ana');
select send_message(tests.conversation('dm'), 'Psst');
select is(pg_temp.told('bo'), null, 'a muted conversation tells nothing');
select tests.be('administrator');
select is_empty('select from app.notice_outbox', 'anywhere (CNV-14)');
insert into app.clock (ahead) values (interval '2 hours');
update inbox set muted_until = now() + interval '1 hour' where member_id = tests.id('bo') and conversation_id = tests.conversation('dm');
select tests.be('ana');
select send_message(tests.conversation('dm'), 'Psst');
select is(pg_temp.told('bo'), 'dm 1 Ana', 'until the time is over');
select tests.be('administrator');
delete from app.clock;
select pg_temp.clear();
select tests.be('bo');
update inbox set muted_until = null, notify_level = 'mentions' where conversation_id = tests.conversation('watercooler');
select tests.be('ana');
select send_message(tests.conversation('watercooler'), 'Oh', p_reply_to => '20000000-0000-4000-8000-000000000002');
select is(pg_temp.told('bo'), null, 'one where only mentions count');
select send_message(tests.conversation('watercooler'), '@bo');
select is(pg_temp.told('bo'), 'mention 1 Ana', 'tells of these');
select pg_temp.clear();
select tests.be('bo');
update inbox set muted_until = null where conversation_id = tests.conversation('dm');
insert into notification_preferences (channel, kind, enabled) values ('app', 'dm', false);
select tests.be('ana');
select send_message(tests.conversation('dm'), 'Psst');
select tests.be('bo');
select is_empty('select from get_notifications()', 'who does not want it in the app has it not there');
select is_empty('select from notifications', 'nor in the table');
select is(pg_temp.told('bo'), 'dm 1 Ana', 'though elsewhere');
insert into notification_preferences (channel, kind, enabled) values ('mail', 'dm', false), ('push', 'dm', false);
select pg_temp.clear();
select tests.be('ana');
select send_message(tests.conversation('dm'), 'Psst');
select is(pg_temp.told('bo'), null, 'who wants it nowhere has none');

-- Each kind in each channel, as one wants it (NTF-08)
select tests.be('administrator');
create function pg_temp.told_where(p_kind text, p_app boolean, p_push boolean, p_mail boolean) returns text language plpgsql as $$
declare
  outcome text;
begin
  delete from public.notifications;
  delete from public.notification_preferences;
  insert into public.notification_preferences (user_id, channel, kind, enabled)
  values (tests.id('bo'), 'app', p_kind, p_app), (tests.id('bo'), 'push', p_kind, p_push), (tests.id('bo'), 'mail', p_kind, p_mail);
  perform app.notify(array[tests.id('bo')], p_kind, tests.conversation('dm'), p_actor => tests.id('ana'));
  select concat_ws(' ', n.in_app, o.push_at is not null, o.mail_at is not null) into outcome
    from public.notifications n left join app.notice_outbox o on o.notification_id = n.id;
  return coalesce(outcome, 'f f f');
end
$$;
select walkie.offer('push_key', 'BKey');
select walkie.subscribe_push(tests.id('bo'), jsonb_build_object('endpoint', 'https://push.example/1', 'keys', jsonb_build_object('p256dh', repeat('B', 87), 'auth', repeat('c', 22))), 'Firefox');
select is((select count(*)::int
             from unnest(array['dm', 'mention', 'reply', 'reaction', 'invite', 'meeting', 'warning', 'report', 'system']) kind,
                  unnest(array[true, false]) app, unnest(array[true, false]) push, unnest(array[true, false]) mail
            where pg_temp.told_where(kind, app, push, mail) = concat_ws(' ', app, push, mail)), 72, 'each kind goes where one wants it, and nowhere else');
delete from notification_preferences;
delete from notifications;

-- Who is not heard is not told of
select tests.be('administrator');
insert into user_restrictions (user_id, restriction_type) values (tests.id('ana'), 'shadow_ban');
select tests.be('ana');
select send_message(tests.conversation('watercooler'), '@bo, hear me');
select toggle_reaction(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002', '🔥');
select is(pg_temp.told('bo'), null, 'neither words nor reactions of one who is not heard');
select tests.be('administrator');
delete from user_restrictions;

-- Meetings and invitations
select tests.be('ana');
select invite_member(tests.conversation('lunch'), tests.id('cy'));
select is(pg_temp.told('cy'), 'invite 1 Ana', 'who is asked in is told');
select tests.be('cy');
select is((select title from get_notifications()), 'Lunch', 'to what');
select tests.be('ana');
select schedule_meeting(tests.conversation('lunch'), 'Plan', 'other', 'https://a.example', app_now + interval '1 hour', app_now + interval '2 hours', p_reminders => '{0,5}')
  from (select now() as app_now) t;
select tests.be('administrator');
insert into app.clock (ahead) values (interval '56 minutes');
select app.remind(), app.remind();
select is(pg_temp.told('dee'), 'meeting 1', 'who has a meeting is reminded once');
select is((select body from notifications where kind = 'meeting' and user_id = tests.id('dee')), 'It starts in 4 minutes.', 'when it starts');
update app.clock set ahead = interval '60 minutes';
select app.remind();
select is((select string_agg(body, ' ' order by told_at) from notifications where kind = 'meeting' and user_id = tests.id('dee')),
          'It starts in 4 minutes. It starts now.', 'for each reminder');

-- The bell reads by an index, for oneself
insert into notifications (user_id, kind) select case n % 100 when 0 then tests.id('bo') else gen_random_uuid() end, 'system' from generate_series(1, 5000) n;
analyze notifications;
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
select ok(pg_temp.plan('select * from notifications where user_id = auth.uid() order by told_at desc limit 20') like '%notifications_told_idx%', 'the list');

select * from finish();
