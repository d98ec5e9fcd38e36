-- Contacts in messages. TEN-12
set local search_path = public, tests;
select plan(28);

create function pg_temp.rule(p_rule text) returns void language sql security definer as
  $$ update public.orgs set settings = settings || jsonb_build_object('contact_exchange', p_rule) $$;
create function pg_temp.say(p_body text) returns text language sql as $$ select body || ' ' || visibility from send_message(tests.conversation('dm'), p_body) $$;

-- What is a contact, and what only looks like one
select is(app.mask_contacts(said), masked, said)
  from (values ('Write to ana.b+c@mail.example.com now', 'Write to ••• now'),
               ('ana (at) example.com', '•••'),
               ('call +43 (0)660 123-45-67!', 'call •••!'),
               ('0660/1234567', '•••'),
               ('ANA@EXAMPLE.COM, 555.123.4567', '•••, •••'),
               ('at 10:30 on 24.12.', 'at 10:30 on 24.12.'),
               ('It costs 123456 euros, @bo', 'It costs 123456 euros, @bo'),
               ('3 of 4, 10 of 20', '3 of 4, 10 of 20')) example (said, masked);

select tests.be('ana');
select is(pg_temp.say('ana@example.com'), 'ana@example.com normal', 'where nothing is said it is free');
select pg_temp.rule('mask');
select is(pg_temp.say('ana@example.com'), '••• normal', 'where contacts are masked it is');
select is(pg_temp.say('Hello'), 'Hello normal', 'and nothing else');
select is((edit_message(tests.conversation('dm'), (select id from messages where conversation_id = tests.conversation('dm') order by seq desc limit 1), '0660 1234567')).body, '•••', 'a correction is no way round');
select is((select m.body from send_message(tests.conversation('dm'), '@bo: bo@example.com') m), '@bo: •••', 'mentions stay');

select is(allow_contact_exchange(tests.conversation('dm')), false, 'one alone does not agree');
select is(pg_temp.say('ana@example.com'), '••• normal', 'so it stays masked');
select tests.be('bo');
select is(allow_contact_exchange(tests.conversation('dm')), true, 'two do');
select is(pg_temp.say('bo@example.com'), 'bo@example.com normal', 'then it passes');
select is((select count(*)::int from consents), 1, 'one''s consent is on record');
select is(allow_contact_exchange(tests.conversation('dm'), false), false, 'and can be withdrawn');
select is((select withdrawn_at is not null from consents), true, 'which is on record too');
select is(pg_temp.say('bo@example.com'), '••• normal', 'from then on it is masked');
select hint_ok($$ select allow_contact_exchange(tests.conversation('lunch')) $$, 'PT404', 'not_member', 'outsiders have no say');

select pg_temp.rule('hold');
select is(pg_temp.say('bo@example.com'), 'bo@example.com held', 'where contacts are held the message is');
select tests.be('ana');
select is_empty($$ select from messages where visibility = 'held' $$, 'nobody else sees it');
select allow_contact_exchange(tests.conversation('dm'));
select tests.be('bo');
select allow_contact_exchange(tests.conversation('dm'));
select is(pg_temp.say('bo@example.com'), 'bo@example.com normal', 'until both agree');
select tests.be('ana');
select hint_ok($$ insert into messages (conversation_id, body, message_type) values (tests.conversation('dm'), 'a@b.example', 'system') $$, 'PT422', 'bad_type', 'other rules hold as before');
select tests.be('administrator');
select hint_ok($$ update orgs set settings = '{"contact_exchange": "sometimes"}' $$, 'PT422', 'bad_setting', 'there is no other rule');
select tests.be('ana');
select throws_ok($$ insert into consents (user_id, purpose) values (tests.id('ana'), 'contact_exchange') $$, '42501', null, 'consents are not written by hand');

select * from finish();
