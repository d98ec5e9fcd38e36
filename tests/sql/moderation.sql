-- What moderators do with messages that are held, and with people. TEN-12, NTF-01
set local search_path = public, tests;
select plan(46);

create function pg_temp.say(p_place text, p_body text) returns uuid language sql as
  $$ select (send_message(tests.conversation(p_place), p_body)).id $$;
create function pg_temp.waits() returns text language sql as
  $$ select string_agg(concat_ws(': ', sender_name, coalesce(title, kind), body), ' | ' order by held_since) from held_messages() $$;
create function pg_temp.unread(p_name text) returns bigint language sql security definer as
  $$ select c.root_count - i.last_read_ord from public.inbox i join public.conversations c on c.id = i.conversation_id
      where i.member_id = tests.id(p_name) and c.id = tests.conversation('watercooler') $$;
create function pg_temp.told(p_name text, p_kind text) returns text language sql security definer as
  $$ select string_agg(concat_ws(': ', n.title, n.body), ' | ' order by n.created_at) from public.notifications n where n.user_id = tests.id(p_name) and n.kind = p_kind $$;

update orgs set settings = settings || '{"contact_exchange": "hold"}';
update org_members set role = 'moderator' where user_id = tests.id('dee');
select tests.be('bo');
create temporary table held as
select pg_temp.say('watercooler', '@ana call 0660 1234567') as first, pg_temp.say('watercooler', 'or bo@example.com') as second, pg_temp.say('dm', 'bo@example.com') as paired;
grant select on held to public;
select tests.be('administrator');
select is((select (last_seq, root_count, last_preview)::text from conversations where slug = 'watercooler'), '(3,3,"It even grinds the beans now.")',
          'what is held moves no clock and no preview');
select is(pg_temp.told('ana', 'mention'), null, 'and tells nobody');

-- Who finds what
select tests.be('dee');
select is(pg_temp.waits(), 'Bo: Watercooler: @ana call 0660 1234567 | Bo: Watercooler: or bo@example.com | Bo: dm: bo@example.com', 'a moderator of the organisation finds all that is held');
select is((select count(*) from held_messages(2)), 2::bigint, 'as many as asked for');
select is((select count(*) from held_messages(-1)), 0::bigint, 'and none for nonsense');
select tests.be('ana');
select is(pg_temp.waits(), 'Bo: Watercooler: @ana call 0660 1234567 | Bo: Watercooler: or bo@example.com', 'who moderates a conversation, what is held there');
select tests.be('bo');
select is(pg_temp.waits(), null, 'others nothing, not even their own');
select hint_ok($$ select review_message(tests.conversation('watercooler'), (select first from held), true) $$, 'PT404', 'no_such_message', 'and let nothing through');
select tests.be('cy');
select is(pg_temp.waits(), null, 'nor do outsiders');
select hint_ok($$ select review_message(tests.conversation('dm'), (select paired from held), true) $$, 'PT404', 'no_such_message', 'in any way');
select tests.be('ana');
select hint_ok($$ select review_message(tests.conversation('dm'), (select paired from held), true) $$, 'PT404', 'no_such_message', 'whoever it is for lets nothing through');
select tests.be('nobody');
select throws_ok('select held_messages()', '42501', null, 'nobody asks');

-- Let through: it is said now, by who said it
select tests.be('ana');
select pg_temp.say('watercooler', 'Meanwhile');
select is(pg_temp.unread('bo'), 1::bigint, 'bo has something unread');
select is((select concat_ws(' ', m.id = held.first, m.seq, m.visibility, m.sender_id = tests.id('bo'))
             from held, review_message(tests.conversation('watercooler'), held.first, true) m), 't 5 normal t', 'let through, it takes the next number');
select is((select last_preview from conversations where slug = 'watercooler'), '@ana call 0660 1234567', 'is the latest');
select isnt_empty($$ select from messages where id = (select first from held) $$, 'and is there for all');
select isnt_empty($$ select from search_messages('call') $$, 'who find it');
select is(pg_temp.unread('ana'), 1::bigint, 'as something unread');
select is((select mention_count from get_conversations() where title = 'Watercooler'), 1, 'that names them');
select is(pg_temp.unread('bo'), 1::bigint, 'its sender has read no more by that, and has no more to read');
select tests.be('administrator');
select is((select string_agg(kind, ' ') from notifications where user_id = tests.id('ana') and message_id = (select first from held)), 'mention', 'they are told of it');
select is((select concat_ws(' ', actor_id = tests.id('ana'), diff ->> 'released', diff ->> 'sender_id' = tests.id('bo')::text) from audit_log where action = 'review_message'), 't true t', 'it is on record who let it through');
select is(auth.uid(), null, 'and nobody speaks in another''s name after that');
select tests.be('ana');
select hint_ok($$ select review_message(tests.conversation('watercooler'), (select first from held), false) $$, 'PT404', 'no_such_message', 'once');
select tests.be('bo');
select is((select array_agg(body order by seq, sub) from messages where conversation_id = tests.conversation('watercooler') and seq > 3 or body like 'or bo%'),
          '{or bo@example.com,Meanwhile,"@ana call 0660 1234567"}'::text[], 'its sender sees it where it now is');
select is((mark_read(tests.conversation('watercooler'), 5)).last_read_seq, 5::bigint, 'reads on');
select is(pg_temp.unread('bo'), 0::bigint, 'and has read all');

-- Not let through
select tests.be('dee');
select is((select concat_ws(' ', m.body is null, m.deleted_at is not null, m.visibility) from held, review_message(tests.conversation('watercooler'), held.second, false, 'No addresses here') m), 't t held', 'what is not let through is taken back');
select tests.be('bo');
select is((select deleted_at is not null from messages where id = (select second from held)), true, 'which its sender sees');
select is((select concat_ws(': ', kind, title, body) from get_notifications()), 'system: A message of yours was not let through: No addresses here', 'and is told, with the reason');
select tests.be('administrator');
select is((select last_seq from conversations where slug = 'watercooler'), 5::bigint, 'for the others nothing has happened');
select is((select reason from audit_log where action = 'review_message' and diff ->> 'released' = 'false'), 'No addresses here', 'it is on record too');

-- With files, in a thread, as a persona; nobody for themselves
select tests.be('ana');
select is((select visibility from send_message(tests.conversation('watercooler'), 'ana@example.com', p_thread_id => '20000000-0000-4000-8000-000000000002',
                                               p_attachments => jsonb_build_array(jsonb_build_object('file_id', (tests.bring('watercooler', 'card.txt')).file_id)))), 'held', 'an owner''s own is held as well');
create temporary table card as select id from messages where body = 'ana@example.com';
grant select on card to public;
select is(pg_temp.waits(), null, 'but not theirs to find');
select hint_ok($$ select review_message(tests.conversation('watercooler'), (select id from card), true) $$, 'PT403', 'own_message', 'or to let through');
select tests.be('dee');
select is((select concat_ws(' ', message_type, thread_id is not null, attachments -> 0 ->> 'name') from review_message(tests.conversation('watercooler'), (select id from card), true)), 'file t card.txt', 'a moderator lets it through whole');
select tests.be('bo');
select is((select reply_count from messages where id = '20000000-0000-4000-8000-000000000002'), 1, 'the thread counts it');
select is((select v.name from message_attachments a join file_versions v on v.file_id = a.file_id and v.version = a.version where a.message_id = (select id from card)), 'card.txt', 'and its file can be had');
select is(pg_temp.unread('bo'), 0::bigint, 'it is nothing unread of the main line');

-- Warnings
select tests.be('dee');
select lives_ok($$ select warn_user(tests.id('bo'), 'No addresses, please.', tests.conversation('watercooler'), (select first from held)) $$, 'a moderator warns');
select hint_ok($$ select warn_user(tests.id('ana'), 'x', tests.conversation('watercooler'), (select first from held)) $$, 'PT404', 'no_such_message', 'of what one has said oneself');
select hint_ok($$ select warn_user(tests.id('bo'), ' ') $$, 'PT422', 'no_words', 'in words');
select hint_ok($$ select warn_user(gen_random_uuid(), 'x') $$, 'PT404', 'no_such_person', 'somebody');
select is(pg_temp.told('bo', 'warning'), 'A warning: No addresses, please.', 'who is told');
select tests.be('ana');
select hint_ok($$ select warn_user(tests.id('bo'), 'x') $$, 'PT403', 'not_moderator', 'others do not');
select tests.be('administrator');
select is((select reason from audit_log where action = 'warn_user' and row_key = tests.id('bo')::text), 'No addresses, please.', 'it is on record');

select * from finish();
