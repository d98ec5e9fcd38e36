-- Saying who came, left or was removed.
set local search_path = public, tests;
select plan(22);

create function pg_temp.said() returns text language sql as
  $$ select string_agg(m.body || ' ' || (m.event ->> 'kind'), '; ' order by m.seq) from messages m
      where m.conversation_id = tests.conversation('watercooler') and m.message_type = 'system' $$;
create function pg_temp.unread() returns bigint language sql as $$ select unread from get_conversations() where title = 'Watercooler' $$;
create temporary table place as select tests.conversation('watercooler') as id;
grant select on place to public;

select tests.be('ana');
select lives_ok($$ select add_members(id, array[tests.id('dee')]) from place $$, 'somebody comes');
select is(pg_temp.said(), null, 'of which nothing is said unless the organisation wants it');
select lives_ok($$ select remove_member(id, tests.id('dee')) from place $$, 'or goes');
select is(pg_temp.said(), null, 'as little');

select tests.be('administrator');
update orgs set settings = settings || '{"membership_messages": true}' where slug = 'default';
update profiles set display_name = '@all Cy' where id = tests.id('cy');
select tests.be('bo');
select mark_read(id, 100) from place;
create temporary table before as select pg_temp.unread() as unread, c.last_preview, c.last_message_at, c.root_count from conversations c join place using (id);
grant select on before to public;
select tests.be('ana');
select lives_ok($$ select add_members(id, array[tests.id('cy')]) from place $$, 'now somebody comes');
select is(pg_temp.said(), '@all Cy joined joined', 'and it is said, in words and for programs');
select is((select sender_id || ' ' || (event ->> 'by') from messages where message_type = 'system'), tests.id('cy') || ' ' || tests.id('ana'), 'of whom, and by whom');
select is((select seq from messages where message_type = 'system'), 4::bigint, 'in its place');
select ok((select not mentions_all from messages where message_type = 'system'), 'a name calls nobody');
select tests.be('bo');
select is(pg_temp.unread(), (select unread from before), 'it is nothing to read');
select is((select (c.last_message_at, c.root_count)::text from conversations c join place using (id)), (select (last_message_at, root_count)::text from before), 'and no news');
select lives_ok($$ select send_message(id, 'Hello Cy') from place $$, 'what is said after it');
select tests.be('ana');
select is(pg_temp.unread(), 1::bigint, 'is');
select mark_unread(id, 1) from place;
select is(pg_temp.unread(), 2::bigint, 'and counted back it is not counted either');
select hint_ok($$ insert into messages (conversation_id, body, message_type) select id, 'Bo left', 'system' from place $$, 'PT422', 'bad_type', 'nobody says so themselves');
select is_empty($$ update messages set body = 'x' where message_type = 'system' returning 1 $$, 'or puts it otherwise');

select lives_ok($$ select remove_member(id, tests.id('cy')) from place $$, 'removed');
select tests.be('bo');
select lives_ok($$ select leave_conversation(id) from place $$, 'and left');
select tests.be('ana');
select is(pg_temp.said(), '@all Cy joined joined; @all Cy was removed removed; Bo left left', 'it is said which');
select lives_ok($$ select add_members(id, array[tests.id('bo'), tests.id('cy'), tests.id('dee')]) from place $$, 'coming back');
select is(pg_temp.said(), '@all Cy joined joined; @all Cy was removed removed; Bo left left; @all Cy, Bo, Dee joined joined', 'is said at once for all');
select create_group('New', array[tests.id('bo')]);
select is_empty($$ select from messages m join conversations c on c.id = m.conversation_id where c.title = 'New' $$, 'at the founding there is nobody to tell');

select * from finish();
