-- Meetings. MTG-01, MTG-03 to MTG-06
set local search_path = public, tests;
select plan(64);

set local app.test_now = '2030-01-01 12:00+00';
create function pg_temp.meet(p_provider text, p_url text, p_starts timestamptz default '2030-01-02 09:00+00', p_ends timestamptz default '2030-01-02 10:00+00',
                             p_tz text default 'Europe/Vienna', p_participants uuid[] default null, p_reminders integer[] default '{0,1}')
returns uuid language sql as
  $$ select (schedule_meeting(tests.conversation('watercooler'), 'Planning; part 1, of 2', p_provider, p_url, p_starts, p_ends, p_tz, p_participants, p_reminders)).id $$;
create function pg_temp.reminded() returns text language sql security definer as
  $$ select string_agg(left(p.display_name, 1) || r.minutes_before, ',' order by r.minutes_before desc, p.display_name)
       from app.due_reminders() r join public.profiles p on p.id = r.user_id where r.starts_at < '2030-01-05' $$;

-- MTG-01
select tests.be('ana');
select lives_ok(format('select pg_temp.meet(%L, %L)', provider, url), url)
  from (values ('meet', 'https://meet.google.com/abc-defg-hij'), ('zoom', 'https://us02web.zoom.us/j/123?pwd=x'), ('zoom', 'https://ZOOM.us/j/1'),
               ('teams', 'https://teams.microsoft.com/l/meetup-join/19%3a'), ('teams', 'https://teams.live.com/meet/1'), ('other', 'https://meet.example:8443/a')) good (provider, url);
select hint_ok(format('select pg_temp.meet(%L, %L)', provider, url), 'PT422', 'bad_link', coalesce(url, 'no link'))
  from (values ('meet', 'http://meet.google.com/a'), ('meet', 'https://meet.google.com.evil.example/a'), ('meet', 'https://meet.google.com@evil.example/'),
               ('meet', 'https://meet.google.com\@evil.example'), ('zoom', 'https://evilzoom.us/j/1'), ('teams', 'https://zoom.us/j/1'),
               ('other', 'javascript:alert(1)'), ('other', 'https://'), ('other', E'https://a.example/\nx'), ('other', 'https://a.example/"x'),
               ('skype', 'https://meet.google.com/a'), ('meet', null)) bad (provider, url);
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', '2030-01-02 09:00+00', '2030-01-02 09:00+00') $$, 'PT422', 'bad_time', 'it ends after it starts');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', '2029-01-02 09:00+00', '2029-01-02 10:00+00') $$, 'PT422', 'bad_time', 'and is not over');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', '2030-01-02 09:00+00', '2030-02-02 09:00+00') $$, 'PT422', 'bad_time', 'within a week');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', null, null) $$, 'PT422', 'bad_time', 'at some time');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', p_tz => 'Moon/Crater') $$, 'PT422', 'bad_time', 'on this earth');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', p_participants => array[tests.id('cy')]) $$, 'PT404', 'no_such_member', 'with members');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', p_reminders => '{-1}') $$, 'PT422', 'bad_reminder', 'who are reminded before it');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', p_reminders => '{1,2,3,4,5,6}') $$, 'PT422', 'bad_reminder', 'not all the time');
select tests.be('cy');
select hint_ok($$ select pg_temp.meet('other', 'https://a.example', p_participants => array[tests.id('ana')]) $$, 'PT404', 'not_member', 'an outsider calls none, and learns of nobody');
select tests.be('ana');
select hint_ok($$ insert into messages (conversation_id, body, message_type) values (tests.conversation('watercooler'), 'x', 'meeting') $$, 'PT422', 'bad_type', 'a card is not made by hand');
select throws_ok($$ insert into messages (conversation_id, body, message_type, event) values (tests.conversation('watercooler'), 'x', 'meeting', '{}') $$, '42501', null, 'in no way');

-- MTG-05: the card
select tests.be('administrator');
delete from meetings;
select tests.be('ana');
create temporary table planning as select pg_temp.meet('meet', 'https://meet.google.com/abc') as id;
grant select on planning to public;
create function pg_temp.card() returns public.messages language sql as
  $$ select m.* from messages m join meetings t on t.message_id = m.id where t.id = (select id from planning) $$;
select tests.be('bo');
select is((select event ->> 'title' || ' ' || (event ->> 'state') from pg_temp.card()), 'Planning; part 1, of 2 scheduled', 'the card tells of the meeting');
select is((select (event ->> 'starts_at')::timestamptz from pg_temp.card()), '2030-01-02 09:00+00'::timestamptz, 'when it is');
select is((select message_type || ': ' || body from pg_temp.card()), 'meeting: Meeting: Planning; part 1, of 2', 'also in words');

-- MTG-06
select is((select string_agg(p.display_name || ' ' || a.response, ',' order by p.display_name) from meeting_participants a join profiles p on p.id = a.user_id
            where meeting_id = (select id from planning)), 'Ana yes,Bo invited', 'all members are asked');
select is((respond_meeting((select id from planning), 'maybe')).response, 'maybe', 'one answers');
select is_empty($$ update meeting_participants set response = 'no' where user_id = tests.id('ana') returning 1 $$, 'for oneself');
select hint_ok($$ select respond_meeting((select id from planning), 'perhaps') $$, 'PT422', 'bad_response', 'in words that are understood');
select tests.be('cy');
select hint_ok($$ select respond_meeting((select id from planning), 'yes') $$, 'PT404', 'no_such_meeting', 'an outsider is not asked');
select is_empty('select from meetings', 'sees none');
select hint_ok($$ select meeting_ics((select id from planning)) $$, 'PT404', 'no_such_meeting', 'and gets none');

-- MTG-04
select tests.be('bo');
select is((select title || ' ' || response from list_meetings()), 'Planning; part 1, of 2 maybe', 'upcoming');
select is_empty($$ select from list_meetings('past') $$, 'and not past');
select hint_ok($$ select list_meetings('soon') $$, 'PT422', 'bad_filter', 'there is no other list');
select is(replace(regexp_replace(meeting_ics((select id from planning)), '(UID|DTSTAMP):[^\r]*', '\1:', 'g'), E'\r\n', '|'),
          'BEGIN:VCALENDAR|VERSION:2.0|PRODID:-//Walkie//Meetings//EN|METHOD:PUBLISH|BEGIN:VEVENT|UID:|DTSTAMP:|DTSTART:20300102T090000Z|DTEND:20300102T100000Z|'
          || 'SEQUENCE:0|STATUS:CONFIRMED|SUMMARY:Planning\; part 1\, of 2|LOCATION:https://meet.google.com/abc|END:VEVENT|END:VCALENDAR|', 'a calendar takes it');
select tests.be('administrator');
select is(app.ics_line('X', repeat('a', 100) || E'\nEND:VEVENT'), 'X:' || repeat('a', 71) || E'\r\n ' || repeat('a', 29) || E'\\nEND:VEVENT\r\n', 'in short lines, of which none can be smuggled in');
select is((select max(octet_length(line)) <= 75 from regexp_split_to_table(app.ics_line('X', repeat('ä€🍵', 60)), E'\r\n') line), true, 'counted in octets');

-- MTG-03
select tests.be('bo');
select is(pg_temp.reminded(), null, 'nobody is reminded early');
set local app.test_now = '2030-01-02 08:59+00';
select is(pg_temp.reminded(), 'A1,B1', 'each is when it is time');
select is(pg_temp.reminded(), null, 'once');
select hint_ok($$ select reschedule_meeting((select id from planning), '2030-01-02 11:00+00', '2030-01-02 12:00+00') $$, 'PT403', 'not_organizer', 'who called it');
select tests.be('ana');
select is((reschedule_meeting((select id from planning), '2030-01-02 11:00+00', '2030-01-02 12:00+00')).sequence, 1, 'moves it');
select is((select (event ->> 'starts_at')::timestamptz from pg_temp.card()), '2030-01-02 11:00+00'::timestamptz, 'with its card');
set local app.test_now = '2030-01-02 09:00+00';
select is(pg_temp.reminded(), null, 'and its reminders');
select tests.be('bo');
select respond_meeting((select id from planning), 'no');
set local app.test_now = '2030-01-02 11:00+00';
select is(pg_temp.reminded(), 'A1,A0', 'of which nobody is told who does not come');
select tests.be('ana');
select hint_ok($$ select reschedule_meeting((select id from planning), '2030-01-02 13:00+00', '2030-01-02 14:00+00', 'https://zoom.us/j/1') $$, 'PT422', 'bad_link', 'the link stays one of the provider');
select lives_ok($$ select reschedule_meeting((select id from planning), '2030-01-02 13:00+00', '2030-01-02 14:00+00') $$, 'moved once more');
select is((cancel_meeting((select id from planning))).state, 'cancelled', 'it is cancelled');
select is((select event ->> 'state' from pg_temp.card()), 'cancelled', 'the card says so');
set local app.test_now = '2030-01-02 13:00+00';
select is(pg_temp.reminded(), null, 'and nobody is reminded');
select hint_ok($$ select cancel_meeting((select id from planning)) $$, 'PT404', 'no_such_meeting', 'once');
select is((select state from list_meetings('past') where id = (select id from planning)), 'cancelled', 'it is past');

-- Whom nobody hears nobody meets; who comes late knows nothing of before
select tests.be('administrator');
insert into user_restrictions (user_id, restriction_type) values (tests.id('bo'), 'shadow_ban');
select tests.be('bo');
create temporary table alone as select pg_temp.meet('other', 'https://a.example', '2030-02-01', '2030-02-02') as id;
grant select on alone to public;
select isnt_empty('select from meetings where id = (select id from alone)', 'a meeting of one who is not heard is there for that one');
select tests.be('ana');
select is_empty('select from meetings where id = (select id from alone)', 'alone');
select is_empty('select from meeting_participants where meeting_id = (select id from alone) and user_id = tests.id(''ana'')', 'and asks nobody');
select add_members(tests.conversation('watercooler'), array[tests.id('cy')]);
select tests.be('cy');
select is_empty('select from meetings', 'who comes late sees no meeting of before');

select * from finish();
