-- Saying, reading, correcting and taking back.
set local search_path = public, tests;
select plan(72);

-- MSG-01: both ways of saying
select tests.be('bo');
create temporary table said (way text, message messages);
insert into said select 'rpc', send_message(tests.conversation('watercooler'), 'By function');
with inserted as (
  insert into messages (conversation_id, body) values (tests.conversation('watercooler'), 'By table') returning messages
)
insert into said select 'table', inserted.messages from inserted;
select is((select (message).seq from said where way = 'rpc'), 4::bigint, 'a function call returns the message with its number');
select is((select (message).seq from said where way = 'table'), 5::bigint, 'and so does an insert, with the next');
select is((select count(*) from said where (message).sender_id = tests.id('bo') and (message).created_at is not null), 2::bigint,
          'sender and time are filled in');
select throws_ok($$ insert into messages (conversation_id, body, sender_id) values (tests.conversation('watercooler'), 'x', tests.id('ana')) $$,
                 '42501', null, 'a client cannot name the sender');
select throws_ok($$ insert into messages (conversation_id, body, seq) values (tests.conversation('watercooler'), 'x', 99) $$,
                 '42501', null, 'or the number');
select throws_ok($$ insert into messages (conversation_id, body, visibility) values (tests.conversation('watercooler'), 'x', 'shadow') $$,
                 '42501', null, 'or the visibility');
select hint_ok($$ select send_message(tests.conversation('watercooler'), E' \n ') $$, 'PT422', 'no_words', 'a message says something');
select hint_ok($$ select send_message(tests.conversation('watercooler'), null) $$, 'PT422', 'no_words', 'and is not null');
select throws_ok($$ select send_message(tests.conversation('watercooler'), repeat('x', 40001)) $$, 'PT422', null, 'and is not endless');
select is((select last_seq from conversations where slug = 'watercooler'), 5::bigint, 'what was refused took no number');

-- The same client_id is the same message
select is((send_message(tests.conversation('watercooler'), 'Once', '30000000-0000-4000-8000-000000000001')).seq, 6::bigint, 'sent');
select is((send_message(tests.conversation('watercooler'), 'Once', '30000000-0000-4000-8000-000000000001')).seq, 6::bigint, 'sent again, it is the same');
select throws_ok($$ insert into messages (conversation_id, body, client_id)
                    values (tests.conversation('watercooler'), 'Once', '30000000-0000-4000-8000-000000000001') $$,
                 '23505', null, 'a plain insert is told that it was there');
select is_empty($$ insert into messages (conversation_id, body, client_id)
                   values (tests.conversation('watercooler'), 'Once', '30000000-0000-4000-8000-000000000001')
                   on conflict (conversation_id, sender_id, client_id) do nothing returning 1 $$, 'unless it asked to be let off');
select is((select last_seq from conversations where slug = 'watercooler'), 6::bigint, 'a repeat takes no number');
select tests.be('ana');
select is((send_message(tests.conversation('watercooler'), 'Mine', '30000000-0000-4000-8000-000000000001')).seq, 7::bigint, 'another''s client_id is another message');

-- Replies
select lives_ok($$ select send_message(tests.conversation('watercooler'), 'Indeed', null, '20000000-0000-4000-8000-000000000002') $$, 'one answers a message');
select hint_ok($$ select send_message(tests.conversation('lunch'), 'Indeed', null, '20000000-0000-4000-8000-000000000002') $$,
               'PT422', 'bad_reply', 'of the same conversation');

-- CNV-04: the conversation keeps its last message
select is((select last_message_id from conversations where slug = 'watercooler'),
          (select id from messages where conversation_id = tests.conversation('watercooler') order by seq desc limit 1), 'the last message is kept');
select is((select last_message_at from conversations where slug = 'watercooler'),
          (select created_at from messages where conversation_id = tests.conversation('watercooler') order by seq desc limit 1), 'with its time');
select is((select last_preview from conversations where slug = 'watercooler'), 'Indeed', 'and its first words');
select lives_ok($$ select edit_message(conversation_id, id, E'Indeed,\n  indeed') from messages where body = 'Indeed' $$, 'corrected');
select hint_ok($$ select edit_message(conversation_id, id, ' ') from messages where body = E'Indeed,\n  indeed' $$, 'PT422', 'no_words', 'though not away');
select is((select last_preview from conversations where slug = 'watercooler'), 'Indeed, indeed', 'the preview follows, on one line');

-- Correcting
select is((select rev from messages where body like 'Indeed%'), (select last_rev from conversations where slug = 'watercooler'), 'a change takes the next rev');
select ok((select edited_at is not null from messages where body like 'Indeed%'), 'and its time');
select lives_ok($$ update messages set body = 'Well' where body like 'Indeed%' $$, 'a plain update does as well');
select hint_ok($$ select edit_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002', 'x') $$, 'PT403', 'not_yours', 'nobody corrects another');
select hint_ok($$ select edit_message(tests.conversation('watercooler'), gen_random_uuid(), 'x') $$, 'PT404', 'no_such_message', 'or nothing');
select tests.be('cy');
select hint_ok($$ select edit_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002', 'x') $$, 'PT404', 'no_such_message',
               'an outsider is not told that it is there');

-- MSG-06: taking back
select tests.be('bo');
select hint_ok($$ select delete_message(tests.conversation('watercooler'), (select id from messages where body = 'Well')) $$, 'PT403', 'not_yours',
               'a member does not take back another''s words');
select tests.be('ana');
select is((delete_message(conversation_id, id)).body, null, 'a deleted message loses its words') from messages where body = 'Well';
select is((select last_preview from conversations where slug = 'watercooler'), 'This message was deleted', 'the preview says so');
select is((select count(*) from messages where conversation_id = tests.conversation('watercooler')), 8::bigint, 'its row stays');
select lives_ok($$ select delete_message(conversation_id, id) from messages where deleted_at is not null $$, 'deleting twice is deleting');
select is((select deleted_by from messages where deleted_at is not null), tests.id('ana'), 'it is on record who did');
select throws_ok($$ delete from messages $$, '42501', null, 'nobody deletes a row');
select hint_ok($$ select edit_message(conversation_id, id, 'x') from messages where deleted_at is not null $$, 'PT404', 'no_such_message', 'it is beyond correction');
select lives_ok($$ select delete_message(tests.conversation('watercooler'), id) from messages where body = 'By table' $$, 'an owner takes back any');

-- Pages
select is((select array_agg(seq) from get_messages(tests.conversation('watercooler'), p_limit => 3)), '{6,7,8}'::bigint[], 'the newest, in order');
select is((select array_agg(seq) from get_messages(tests.conversation('watercooler'), p_before_seq => 6, p_limit => 3)), '{3,4,5}'::bigint[], 'the page before');
select is((select array_agg(seq) from get_messages(tests.conversation('watercooler'), p_after_seq => 6)), '{7,8}'::bigint[], 'what came after');
select is((select array_agg(seq) from get_messages(tests.conversation('watercooler'), 8, 2, 3)), '{3,4,5}'::bigint[], 'between two');

-- Catching up by rev: 8 sent, 2 corrections and 2 deletions later the clock stands at 12
select is((select array_agg(rev) from sync_conversation(tests.conversation('watercooler'), 6)), '{7,11,12}'::bigint[], 'what is new or changed, each once');
select is((select max(rev) from sync_conversation(tests.conversation('watercooler'), 0)),
          (select last_rev from conversations where slug = 'watercooler'), 'up to the clock');

-- Shadow messages move nothing (CNV-04)
select tests.be('administrator');
insert into messages (conversation_id, sender_id, body, visibility) values (tests.conversation('watercooler'), tests.id('bo'), 'Psst', 'shadow');
select is((select (last_seq, last_rev, root_count, last_preview)::text from conversations where slug = 'watercooler'),
          '(8,12,8,"This message was deleted")', 'a shadow message moves no clock and no preview');
insert into messages (conversation_id, sender_id, body, visibility) values (tests.conversation('watercooler'), tests.id('bo'), 'Psst again', 'shadow');
select tests.be('bo');
select is((select array_agg(body order by seq, sub) from messages where visibility = 'shadow'), '{Psst,Psst again}'::text[], 'its sender sees it, in order');
select tests.be('ana');
select is_empty($$ select from messages where body like 'Psst%' $$, 'others do not');
select is((select unread from get_conversations() where title = 'Watercooler'), 0::bigint, 'and count nothing');
select is((send_message(tests.conversation('watercooler'), 'Next')).seq, 9::bigint, 'the next number is the next');


-- MSG-03, MSG-04: types and length
select throws_ok($$ insert into messages (conversation_id, body, message_type) values (tests.conversation('watercooler'), 'x', 'nonsense') $$, '23514', null, 'a type is known');
select hint_ok($$ insert into messages (conversation_id, body, message_type) values (tests.conversation('watercooler'), 'x', 'system') $$, 'PT422', 'bad_type', 'the system''s is not a client''s');
select hint_ok($$ insert into messages (conversation_id, body, message_type) values (tests.conversation('watercooler'), 'x', 'file') $$, 'PT422', 'no_attachment', 'a file message has a file');
select is((select message_type from messages where seq = 9 and conversation_id = tests.conversation('watercooler')), 'standard', 'by default it is words');
select throws_ok($$ select send_message(tests.conversation('watercooler'), 'x', p_meta => '[]') $$, '23514', null, 'what clients add is an object');
select throws_ok($$ select send_message(tests.conversation('watercooler'), 'x', p_meta => jsonb_build_object('x', (select string_agg(gen_random_uuid()::text, '') from generate_series(1, 400)))) $$,
                 '23514', null, 'of some size');
select is((send_message(tests.conversation('watercooler'), '*x*', p_format => 'markdown', p_meta => '{"a": 1}')).meta, '{"a": 1}'::jsonb, 'which is kept');
select tests.be('administrator');
update orgs set settings = '{"max_message_len": 4000}' where slug = 'default';
select tests.be('ana');
select lives_ok($$ select send_message(tests.conversation('watercooler'), repeat('ä', 4000)) $$, 'as long as the organisation allows');
select hint_ok($$ select send_message(tests.conversation('watercooler'), repeat('x', 4001)) $$, 'PT422', 'too_long', 'and no longer');
create function pg_temp.limit_told() returns text language plpgsql as $$
declare
  detail text;
begin
  perform public.send_message(tests.conversation('watercooler'), repeat('x', 4001));
  return 'nothing';
exception when others then
  get stacked diagnostics detail = pg_exception_detail;
  return detail;
end
$$;
select is(pg_temp.limit_told(), 'limit=4000', 'which is told');
select hint_ok($$ update messages set body = repeat('x', 4001) where body = '*x*' $$, 'PT422', 'too_long', 'by correction neither');

-- MSG-07: earlier wordings
create temporary table versioned as select (send_message(tests.conversation('watercooler'), 'v1')).id;
grant select on versioned to public;
select lives_ok($$ select edit_message(tests.conversation('watercooler'), (select id from versioned), 'v2') $$, 'corrected');
select lives_ok($$ select edit_message(tests.conversation('watercooler'), (select id from versioned), 'v3') $$, 'again');
select lives_ok($$ select edit_message(tests.conversation('watercooler'), (select id from versioned), 'v4') $$, 'and again');
select is((select string_agg(version || body || (edited_by = tests.id('ana')), ' ' order by version) from message_history(tests.conversation('watercooler'), (select id from versioned))),
          '1v1true 2v2true 3v3true 4v4true', 'all four wordings are there, with who made them');
select tests.be('bo');
select is((select count(*) from message_history(tests.conversation('watercooler'), (select id from versioned))), 4::bigint, 'members read them');
select throws_ok($$ select from message_edits $$, '42501', null, 'so only');
select tests.be('cy');
select hint_ok($$ select message_history(tests.conversation('watercooler'), (select id from versioned)) $$, 'PT404', 'no_such_message', 'outsiders do not');
select tests.be('administrator');
update orgs set settings = '{"show_history": false}' where slug = 'default';
select tests.be('bo');
select hint_ok($$ select message_history(tests.conversation('watercooler'), (select id from versioned)) $$, 'PT404', 'no_such_message', 'where it is not shown, members neither');
select tests.be('ana');
select isnt_empty($$ select from message_history(tests.conversation('watercooler'), (select id from versioned)) $$, 'but who wrote it');
select lives_ok($$ select delete_message(tests.conversation('watercooler'), (select id from versioned)) $$, 'what is taken back');
select hint_ok($$ select message_history(tests.conversation('watercooler'), (select id from versioned)) $$, 'PT404', 'no_such_message', 'has no history either');

select * from finish();
