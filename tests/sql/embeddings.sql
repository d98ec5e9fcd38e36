-- Finding messages by what they mean. Servers with pgvector and without each answer in their way.
set local search_path = public, tests;
select plan(22);

create temporary table server as select app.vector_schema() is not null as has_vectors;
grant select on server to public;

insert into message_embeddings (conversation_id, message_id, embedding, model)
values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', '{1, 0, 0}', 'toy'),
       (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000002', '{0, 1, 0}', 'toy'),
       (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000003', '{0.9, 0.1, 0}', 'toy'),
       (tests.conversation('dm'), '20000000-0000-4000-8000-000000000005', '{1, 0}', 'another');
select throws_ok($$ update message_embeddings set embedding = '{}' $$, '23514', null, 'a vector has dimensions');
select throws_ok($$ update message_embeddings set embedding = '{1, null}' $$, '23514', null, 'and values in all');

create function pg_temp.found(p_query text, p_embedding real[]) returns text language plpgsql as $$
declare
  hint text;
begin
  return (select string_agg(h.seq::text, ',' order by h.score desc) from public.search_hybrid(p_query, p_embedding) h);
exception when sqlstate 'PT501' then
  get stacked diagnostics hint = pg_exception_hint;
  return hint;
end
$$;

select tests.be('bo');
select is(pg_temp.found('bean', null), '3', 'without a vector words decide');
select is(pg_temp.found('bean', '{}'), '3', 'as with an empty one');
select is(pg_temp.found('zebra', '{1, 0, 0}'), (select case when has_vectors then '1,3,2' else 'no_vectors' end from server),
          'what is near in meaning comes first, or one is told that this server cannot');
select is(pg_temp.found('bean', '{1, 0, 0}'), (select case when has_vectors then '3,1,2' else 'no_vectors' end from server),
          'what is near and has the word comes before what is nearest');
select is(pg_temp.found('zebra', '{1, 0, 0, 0}'), (select case when has_vectors then null else 'no_vectors' end from server), 'vectors of another model are not compared');
select hint_ok($$ select search_hybrid('x', array_fill(1::real, array[2001])) $$, (select case when has_vectors then 'PT422' else 'PT501' end from server),
               (select case when has_vectors then 'too_many' else 'no_vectors' end from server), 'a vector has at most 2000 dimensions');
select tests.be('cy');
select is(pg_temp.found('bean', '{1, 0, 0}'), (select case when has_vectors then null else 'no_vectors' end from server), 'an outsider finds nothing');

select tests.be('ana');
select lives_ok($$ select edit_message(tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', 'Tea is ready.') $$, 'what is corrected');
select tests.be('administrator');
select is((select count(*) from message_embeddings), 3::bigint, 'has lost its meaning');
select is((select count(*) from pg_indexes where indexname = 'message_embeddings_3_idx'), 0::bigint, 'an index is the operator''s to make');

-- Asking a model, where a server can
select tests.be('administrator');
delete from message_embeddings;
delete from walkie.jobs;
create function pg_temp.conclude(p_vector jsonb) returns void language sql as $$
  select app.keep_embeddings(j.payload, jsonb_build_object('model', walkie.offered('embedding_model'), 'vectors',
           (select jsonb_agg(p_vector) from jsonb_array_elements(j.payload -> 'keys'))))
    from walkie.jobs j where j.kind = 'embed';
  delete from walkie.jobs;
$$;
select app.ask_for_embeddings();
select is_empty('select from walkie.jobs', 'nobody is asked where no server can');
select is_empty('select from app.embedding_queue', 'and nothing waits');
insert into walkie.offers values ('embedding_model', 'toy');
select app.ask_for_embeddings();
select is((select count(*) from walkie.jobs j, jsonb_array_elements(j.payload -> 'texts')), (select count(*) from app.message_words), 'else everything is asked once');
select is_empty('select from app.embedding_queue', 'and waits no longer');
update messages set body = 'The kettle is back.' where id = '20000000-0000-4000-8000-000000000001';
select pg_temp.conclude('[0.5, 1, 0]');
select is((select array_agg(distinct embedding::text || model) from message_embeddings), '{"{0.5,1,0}toy"}', 'answers are kept');
select is_empty($$ select from message_embeddings where message_id = '20000000-0000-4000-8000-000000000001' $$, 'but not of what has changed meanwhile');
select app.ask_for_embeddings();
select is((select payload ->> 'texts' from walkie.jobs), '["The kettle is back."]', 'which is asked anew');
select pg_temp.conclude('[1, 0, 0]');
select tests.be('bo');
select send_message(tests.conversation('watercooler'), 'Fresh');
select tests.be('administrator');
select app.ask_for_embeddings();
select is((select payload ->> 'texts' from walkie.jobs), '["Fresh"]', 'as is what is new');
select pg_temp.conclude('[1, 0, 0]');
update walkie.offers set value = 'better' where name = 'embedding_model';
select app.ask_for_embeddings();
select is_empty('select from message_embeddings', 'another model begins anew');
select pg_temp.conclude('[1, 0]');
select is((select array_agg(distinct model) from message_embeddings), '{better}', 'with all of it');

select * from finish();
