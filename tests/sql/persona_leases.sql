-- Speaking as a persona. PER-02 to PER-06
set local search_path = public, tests;
select plan(50);

update org_members set role = 'admin' where user_id in (tests.id('dee'), tests.id('cy'));
update orgs set settings = '{"dm_policy": ["persona"], "persona_groups": true, "default_persona_count": 2}' where slug = 'default';
select tests.be('dee');
select create_persona('Sam');
select create_persona('Kim');
create temporary table cast_ as
  select (create_client_group(tests.id('ana'))).id as place,
         (select id from profiles where display_name = 'Sam') as sam,
         (select id from profiles where display_name = 'Kim') as kim;
grant select on cast_ to public;

-- PER-02
create temporary table said as select (send_as_persona(place, sam, 'Hello, I am Sam', '7f000000-0000-4000-8000-000000000001')).id from cast_;
grant select on said to public;
select tests.be('ana');
select is((select p.display_name from messages m join profiles p on p.id = m.sender_id where m.id = (select id from said)), 'Sam', 'the persona says it');
select is((select unread from get_conversations() where id = (select place from cast_)), 1::bigint, 'as anybody would');
select tests.be('dee');
select is((select (send_as_persona(place, sam, 'Hello again', '7f000000-0000-4000-8000-000000000001')).id from cast_), (select id from said), 'the same id is the same message');
select hint_ok($$ select send_as_persona(place, tests.id('ana'), 'x') from cast_ $$, 'PT404', 'no_such_persona', 'nobody speaks as a person');
select hint_ok($$ select send_as_persona(tests.conversation('lunch'), sam, 'x') from cast_ $$, 'PT404', 'no_such_persona', 'or where the persona is not');
select is(auth.uid(), tests.id('dee'), 'and an admin is an admin again afterwards');
select hint_ok($$ select send_as_persona(place, sam, ' ') from cast_ $$, 'PT422', 'no_words', 'a persona has something to say');
select is(auth.uid(), tests.id('dee'), 'also when it is refused');
select tests.be('ana');
select hint_ok($$ select send_as_persona(place, sam, 'x') from cast_ $$, 'PT403', 'not_admin', 'clients do not');
select hint_ok($$ select take_persona(place, sam) from cast_ $$, 'PT403', 'not_admin', 'or keep a persona');
select throws_ok($$ select app.speak_as(tests.id('bo')) $$, '42501', null, 'and nobody becomes another');

-- PER-03
select tests.be('cy');
select is((select admin_id from persona_leases), tests.id('dee'), 'another admin sees who speaks');
select hint_ok($$ select send_as_persona(place, sam, 'x') from cast_ $$, 'PT409', 'persona_taken', 'is kept from that persona');
select lives_ok($$ select send_as_persona(place, kim, 'Hello, I am Kim') from cast_ $$, 'may be another');
select is((select (take_persona(place, sam, 60, true)).admin_id from cast_), tests.id('cy'), 'and may insist');
select tests.be('administrator');
select is((select diff ->> 'from' from audit_log where action = 'force_persona'), tests.id('dee')::text, 'on record');
select tests.be('dee');
select hint_ok($$ select take_persona(place, sam) from cast_ $$, 'PT409', 'persona_taken', 'then the first is kept from it');
select lives_ok($$ select release_persona(place, sam) from cast_ $$, 'who cannot release it');
select hint_ok($$ select take_persona(place, sam) from cast_ $$, 'PT409', 'persona_taken', 'for the other');
set local app.test_now = '2100-01-01';
select lives_ok($$ select take_persona(place, sam) from cast_ $$, 'it ends by itself');
set local app.test_now = '';
select lives_ok($$ select release_persona(place, sam) from cast_ $$, 'or is released');
select tests.be('cy');
select lives_ok($$ select take_persona(place, sam, 1800) from cast_ $$, 'and free for others');
select lives_ok($$ select send_as_persona(place, sam, 'One moment') from cast_ $$, 'who keep it as long as they said');
select ok((select expires_at > now() + interval '20 minutes' from persona_leases where persona_id = (select sam from cast_)), 'however much they speak');

-- PER-04, PER-05, PER-06
select is((select array_agg(real_sender_id order by created_at, message_id) from message_private), array[tests.id('dee'), tests.id('cy'), tests.id('cy')], 'admins read who it was');
select is((select array_agg(sent_by_admin order by created_at) from chat_messages where group_id = (select place from cast_)), null, 'where they may read at all');
select tests.be('administrator');
update orgs set settings = settings || '{"oversight_mode": "open"}' where slug = 'default';
select tests.be('cy');
select is((select array_agg(admin_id order by id) from chat_messages where group_id = (select place from cast_)), array[tests.id('dee'), tests.id('cy'), tests.id('cy')], 'under the other name too');
select tests.be('ana');
select is_empty('select from message_private', 'a client does not');
select is((select array_agg(coalesce(admin_id::text, sent_by_admin::text, '-')) from chat_messages where group_id = (select place from cast_)), '{-,-,-}'::text[], 'under no name');
select is_empty('select from persona_leases', 'nor sees who speaks');
select is_empty($$ select from messages m where m::text like '%' || tests.id('dee') || '%' and m.conversation_id = (select place from cast_) $$, 'and no column tells');
select tests.be('administrator');
select is((select count(*) from audit_log where action = 'send_as_persona' and actor_id in (tests.id('dee'), tests.id('cy'))), 3::bigint, 'each is on record');
select hint_ok('delete from message_private', '42501', 'append_only', 'which nobody takes away');
select tests.be('service');
select throws_ok('delete from message_private', '42501', null, 'not even the service');
select tests.be('administrator');
select is_empty($$ select from pg_publication_tables where tablename = 'message_private' $$, 'and it is not streamed');

-- In a conversation of two the persona answers
select tests.be('ana');
create temporary table two as select (get_or_create_conversation(sam)).id from cast_;
grant select on two to public;
select send_message(id, 'Just us') from two;
select tests.be('cy');
select lives_ok($$ select send_as_persona((select id from two), sam, 'Yes') from cast_ $$, 'a persona answers whom it may talk to');

-- Later, as a persona. TPL-03
select tests.be('cy');
select is((schedule_message((select id from two), 'In a while', now() + interval '1 minute', sam)).persona_id, sam, 'an admin has a persona say something later') from cast_;
select is((select concat_ws('|', sender_id = (select sam from cast_), admin_id = tests.id('cy'), message, status) from chat_scheduled_messages), 't|t|In a while|waiting', 'which is theirs alone to see');
select tests.be('ana');
select hint_ok($$ select schedule_message((select id from two), 'x', now() + interval '1 minute', sam) from cast_ $$, 'PT403', 'not_admin', 'nobody else has');
select is_empty('select from chat_scheduled_messages', 'or knows of it');
select tests.be('administrator');
do $$ begin perform set_config('app.test_now', (now() + interval '2 minutes')::text, true); end $$;
select is(app.send_due_messages(), 1, 'when it is time it is said');
select is((select sender_id from messages where body = 'In a while'), (select sam from cast_), 'by the persona');
select is((select real_sender_id from message_private p join messages m on m.id = p.message_id where m.body = 'In a while'), tests.id('cy'), 'for whom it is on record');
select is(app.send_due_messages(), 0, 'once');
do $$ begin perform set_config('app.test_now', '', true); end $$;

-- Files
select tests.be('administrator');
delete from persona_leases;
select tests.be('dee');
create temporary table asked as select request_upload_as_persona(place, sam, 'sam.txt', 4) as said from cast_;
grant select on asked to public;
select is(auth.uid(), tests.id('dee'), 'an admin asks for a persona and stays who they are');
select ok(app.may_upload((select said ->> 'path' from asked)), 'and brings the file');
select tests.be('ana');
select ok(not app.may_upload((select said ->> 'path' from asked)), 'which nobody else does');
select hint_ok($$ select request_upload_as_persona(place, sam, 'x.txt', 4) from cast_ $$, 'PT403', 'not_admin', 'clients do not ask');
select tests.be('dee');
select tests.put((select said ->> 'path' from asked));
select is((select attachments -> 0 ->> 'name' from cast_, send_as_persona(place, sam, null, p_attachments => jsonb_build_array(jsonb_build_object('file_id', (select said ->> 'file_id' from asked))))), 'sam.txt', 'the persona shows it');
select tests.be('ana');
select is((select owner_id from files where name = 'sam.txt'), (select sam from cast_), 'as its own');

select * from finish();
