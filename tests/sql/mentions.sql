-- Who is named in what is said. MSG-11
set local search_path = public, tests;
select plan(28);

create function pg_temp.of(p_body text, p_wished uuid[] default '{}') returns text language sql security definer as
  $$ select coalesce(string_agg(p.username, ' ' order by p.username), '')
       from unnest(app.mentioned(tests.conversation('watercooler'), p_body, p_wished, tests.id('ana'))) named
       join public.profiles p on p.id = named $$;
select is(pg_temp.of('@bo hi'), 'bo', 'an @username');
select is(pg_temp.of('Hi @Bo.'), 'bo', 'at the end of a sentence, in any case');
select is(pg_temp.of('(@bo) @bo @bo'), 'bo', 'once');
select is(pg_temp.of('mail@bo @@bo x_@bo'), '', 'not in the middle of something else');
select is(pg_temp.of('@cy @nobody'), '', 'who is not in is not meant');
select is(pg_temp.of('@ana'), '', 'nor is the sender');
select is(pg_temp.of('Hi', array[tests.id('bo'), tests.id('cy')]), 'bo', 'a client may name members');
select is(pg_temp.of(null), '', 'nothing names nobody');

select tests.be('ana');
create temporary table said as select * from send_message(tests.conversation('watercooler'), '@bo look');
grant select on said to public;
select is((select mentions from said), array[tests.id('bo')], 'the message bears whom it names');
select tests.be('bo');
select is((select count(*) from message_mentions), 1::bigint, 'who finds it');
select is((select mention_count from get_conversations(p_filter => 'mentions')), 1, 'and counts it');
select tests.be('ana');
select is_empty('select from message_mentions', 'nobody else does');
select lives_ok($$ select edit_message(conversation_id, id, '@bo look!') from said $$, 'a correction');
select tests.be('bo');
select is((select mention_count from get_conversations(p_filter => 'mentions')), 1, 'does not tell again');
select lives_ok($$ select mark_read(tests.conversation('watercooler'), (select seq from said)) $$, 'reading');
select is_empty($$ select from get_conversations(p_filter => 'mentions') $$, 'ends it');
select tests.be('ana');
select lives_ok($$ select edit_message(conversation_id, id, 'look!') from said $$, 'a correction that names nobody');
select is((select mentions from messages where id = (select id from said)), '{}'::uuid[], 'names nobody');
create temporary table later as select * from send_message(tests.conversation('watercooler'), 'Lunch?');
grant select on later to public;
select lives_ok($$ select edit_message(conversation_id, id, 'Lunch, @bo?') from later $$, 'one that adds somebody');
select tests.be('bo');
select is((select mention_count from get_conversations(p_filter => 'mentions')), 1, 'tells them once');
select is((select count(*) from message_mentions), 1::bigint, 'where they are named now');

-- Everybody
select tests.be('ana');
select ok((send_message(tests.conversation('watercooler'), '@all lunch!')).mentions_all, '@all calls everybody');
select ok(not (send_message(tests.conversation('watercooler'), '@allan lunch!')).mentions_all, 'nothing else does');
select tests.be('bo');
select is((select mention_count from get_conversations(p_filter => 'mentions')), 2, 'who count it');
select tests.be('administrator');
update conversations set member_count = 101 where slug = 'watercooler';
select tests.be('bo');
select ok(not (send_message(tests.conversation('watercooler'), '@all lunch!')).mentions_all, 'among many only moderators do');
select tests.be('ana');
select ok((send_message(tests.conversation('watercooler'), '@all lunch!')).mentions_all, 'as ana is one');

-- Who does not want to be named
select tests.be('administrator');
insert into user_privacy_settings (user_id, allow_mentions_from) values (tests.id('bo'), 'contacts');
select is(pg_temp.of('@bo'), '', 'is not');
insert into user_contacts (owner_id, contact_id) values (tests.id('bo'), tests.id('ana'));
select is(pg_temp.of('@bo'), 'bo', 'except by contacts');

select * from finish();
