-- Finding messages by their words. SRC-01 to SRC-03, SRC-07
set local search_path = public, tests;
select plan(38);

create function pg_temp.say(p_where text, p_body text) returns uuid language sql as
  $$ select (send_message(tests.conversation(p_where), p_body)).id $$;
create function pg_temp.found(p_query text) returns text language sql as
  $$ select string_agg(snippet, ' | ' order by created_at) from search_messages(p_query) $$;

-- SRC-01
select tests.be('ana');
select is(pg_temp.found('grinding bean'), 'It even <mark>grinds</mark> the <mark>beans</mark> now.', 'words are found in other forms');
select is((select count(*) from search_messages('coffee OR table')), 2::bigint, 'in all of one''s own conversations');
select is(pg_temp.found('machine -noon'), 'The coffee <mark>machine</mark> is back.', 'as search engines take words');
select is_empty($$ select from search_messages('"machine coffee"') $$, 'a phrase has its order');
select isnt_empty($$ select from search_messages('"coffee machine"') $$, 'which is this one');
select tests.be('cy');
select is_empty($$ select from search_messages('coffee') $$, 'an outsider finds nothing');
select tests.be('dee');
select is((select count(*) from search_messages('coffee OR table')), 1::bigint, 'and a member of one place only what is there');
select tests.be('ana');
select is_empty($$ select from search_messages('-coffee') $$, 'what only says what not to find, finds nothing');
select is_empty($$ select from search_messages('the of') $$, 'nor do words that are everywhere');
select is_empty($$ select from search_messages('') $$, 'nor nothing');
select is_empty($$ select from search_messages(null) $$, 'at all');

-- What is taken back, corrected, hidden, or shadowed
create temporary table deploy as select pg_temp.say('watercooler', 'The deployment failed.') as id;
grant select on deploy to public;
select isnt_empty($$ select from search_messages('deploy failed') $$, 'what was just said is found');
select lives_ok($$ select edit_message(tests.conversation('watercooler'), (select id from deploy), 'The deployment succeeded.') $$, 'corrected');
select is_empty($$ select from search_messages('deploy failed') $$, 'it is not found by what it said');
select isnt_empty($$ select from search_messages('deploying succeeds') $$, 'but by what it says');
select tests.be('bo');
select lives_ok($$ select delete_message(tests.conversation('watercooler'), (select id from deploy), 'me') $$, 'hidden by one');
select is_empty($$ select from search_messages('deployment') $$, 'it is gone from that one''s hits');
select tests.be('ana');
select isnt_empty($$ select from search_messages('deployment') $$, 'not from others''');
select lives_ok($$ select delete_message(tests.conversation('watercooler'), (select id from deploy)) $$, 'taken back');
select is_empty($$ select from search_messages('deployment') $$, 'it is gone from all');
select tests.be('administrator');
insert into messages (conversation_id, sender_id, body, visibility) values (tests.conversation('watercooler'), tests.id('bo'), 'Secretly grinding', 'shadow');
select is((select count(*) from app.message_words), 5::bigint, 'shadows have no words to find');

-- Whoever came late finds what they may read
select tests.be('ana');
select lives_ok($$ select add_members(tests.conversation('watercooler'), array[tests.id('cy')]) $$, 'cy comes in');
select pg_temp.say('watercooler', 'More coffee for Cy');
select tests.be('cy');
select is(pg_temp.found('coffee'), 'More <mark>coffee</mark> for Cy', 'and finds what was said since');

-- SRC-02
select tests.be('bo');
select pg_temp.say('watercooler', 'Grinders: https://beans.example/grind?x=1');
select pg_temp.say('dm', 'I grind my teeth');
create function pg_temp.hits(p_args text) returns text language plpgsql as $$
declare
  got text;
begin
  execute format('select string_agg(left(m.body, 5), '','' order by m.created_at) from public.search_messages(''grind OR grinders'', %s) s
                  join public.messages m on m.id = s.message_id', p_args) into got;
  return got;
end
$$;
select is(array[pg_temp.hits('p_limit => 9'), pg_temp.hits('p_conversation => tests.conversation(''dm'')'),
                pg_temp.hits('p_from => tests.id(''ana'')'), pg_temp.hits('p_from => tests.id(''bo'')'), pg_temp.hits('p_has => ''link'''),
                pg_temp.hits('p_has => ''file'''), pg_temp.hits('p_kind => ''standard'''), pg_temp.hits('p_kind => ''image'''),
                pg_temp.hits('p_before => (select created_at from public.messages where body like ''Grinders%'')'),
                pg_temp.hits('p_after => (select created_at from public.messages where body like ''Grinders%'')'),
                pg_temp.hits('p_from => tests.id(''bo''), p_conversation => tests.conversation(''watercooler''), p_has => ''link''')],
          array['It ev,Grind,I gri', 'I gri', 'It ev', 'Grind,I gri', 'Grind', null, 'It ev,Grind,I gri', null, 'It ev', 'Grind,I gri', 'Grind'],
          'each filter alone and together');
select hint_ok($$ select search_messages('x', p_has => 'legs') $$, 'PT422', 'bad_filter', 'what messages cannot have is refused');
select hint_ok($$ select search_messages('x', p_cursor => 'x') $$, 'PT422', 'bad_filter', 'as a cursor that is none');
select hint_ok($$ select search_messages('x', p_cursor => '1..e:' || gen_random_uuid()) $$, 'PT422', 'bad_filter', 'however it is spelt');

-- Ranks and pages
select pg_temp.say('dm', 'grind grind grind');
select is((select snippet from search_messages('grind', p_limit => 1)), '<mark>grind</mark> <mark>grind</mark> <mark>grind</mark>', 'the best comes first');
create function pg_temp.walk() returns text language plpgsql as $$
declare
  page record;
  upto text;
  seen text := '';
begin
  loop
    select * into page from public.search_messages('grind OR grinders', p_limit => 1, p_cursor => upto);
    exit when page.cursor is null;
    seen := seen || left(page.snippet, 14) || ',';
    upto := page.cursor;
  end loop;
  return seen;
end
$$;
select is(pg_temp.walk(), (select string_agg(left(snippet, 14) || ',', '') from search_messages('grind OR grinders')), 'page by page all come once, in order');

-- SRC-03: what is said is text, not HTML
select pg_temp.say('watercooler', '<script>alert("xss & more")</script> <img src=x onerror=''alert(1)''>' || E'\x01 \x03b\x02');
select is(pg_temp.found('xss'), '&lt;script&gt;alert(&quot;<mark>xss</mark> &amp; more&quot;)&lt;/script&gt; &lt;img src=x onerror=&#39;alert(1)&#39;&gt; b', 'only marks are tags');
select isnt_empty($$ select from search_messages('onerror') $$, 'and what looks like a tag is found');
select lives_ok($$ select search_messages(repeat('a & <b> :* ! " ( ', 2000)) $$, 'no query is too odd');

create temporary table long as select pg_temp.say('watercooler', repeat('Lions met tigers here. ', 100) || 'Zebras & co. ' || repeat('Lions met tigers here. ', 100)) as id;
select ok(length(pg_temp.found('zebra')) < 300 and pg_temp.found('zebra') like '%<mark>Zebras</mark> &amp; co%', 'of what is long one sees the part with the words');

-- SRC-04 asks for an index at every size; here that there is one
select tests.be('administrator');
select ok((select pg_get_indexdef('app.message_words_words_idx'::regclass)) like '%gin (words) WITH (fastupdate=off)', 'words have their index');
insert into messages (conversation_id, sender_id, body)
select tests.conversation('watercooler'), tests.id('ana'), 'Plenty ' || n from generate_series(1, 3000) n;
analyze app.message_words;
create function pg_temp.scans() returns bigint language sql as $$ select pg_stat_get_xact_numscans('app.message_words_words_idx'::regclass) $$;
create temporary table scanned as select pg_temp.scans() as before;
select search_messages('zebra') from tests.be('ana');
select tests.be('administrator');
select ok((select pg_temp.scans() > before from scanned), 'which a search uses (MSG-18)');
select is_empty($$ select from pg_publication_tables where tablename in ('message_words', 'message_embeddings') $$, 'and are not streamed');

-- The language is the organisation's
update orgs set settings = settings || '{"search_language": "german"}' where slug = 'default';
select tests.be('ana');
select pg_temp.say('watercooler', 'Viele Häuser');
select is(pg_temp.found('haus'), 'Viele <mark>Häuser</mark>', 'another language has other forms');
select tests.be('administrator');
select hint_ok($$ update orgs set settings = '{"search_language": "klingon"}' $$, 'PT422', 'bad_setting', 'one that the server knows');

select * from finish();
