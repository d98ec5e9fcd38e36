-- Finding messages by what they mean.

create or replace function app.drop_embedding()
returns trigger
language plpgsql
security definer set search_path = ''  -- embeddings are the service's
as $$
begin
  delete from public.message_embeddings e
   where e.conversation_id = new.conversation_id
     and e.message_id = new.id;
  return null;
end
$$;
comment on function app.drop_embedding() is 'Trigger: a message that says something else, or nothing, no longer means what it meant.';

create or replace trigger on_messages_update__drop_embedding
after update on public.messages
for each row when (new.body is distinct from old.body)
execute function app.drop_embedding();

create or replace function app.want_embedding()
returns trigger
language plpgsql
security definer set search_path = ''  -- the queue is nobody's to write
as $$
begin
  if walkie.offered('embedding_model') is not null then
    insert into app.embedding_queue (conversation_id, message_id)
    values (new.conversation_id, new.message_id)
    on conflict do nothing;
  end if;
  return null;
end
$$;
comment on function app.want_embedding() is 'Trigger: what can be found by its words is to be found by its meaning too, where a server can ask for it.';

create or replace trigger on_message_words_insert__want_embedding
after insert on app.message_words
for each row execute function app.want_embedding();

create or replace function app.ask_for_embeddings()
returns void
language plpgsql
security definer set search_path = ''  -- reads what everybody says
as $$
declare
  latest text := walkie.offered('embedding_model');
  asked jsonb;
begin
  if latest is null then
    return;
  end if;
  if latest is distinct from (select k.name from app.embedding_model k) then
    -- All of it once: vectors of different models cannot be compared.
    delete from public.message_embeddings e where e.model <> latest;
    insert into app.embedding_queue (conversation_id, message_id)
    select w.conversation_id, w.message_id
      from app.message_words w
     where not exists (select
                         from public.message_embeddings e
                        where e.conversation_id = w.conversation_id
                          and e.message_id = w.message_id)
    on conflict do nothing;
    insert into app.embedding_model (name) values (latest)
    on conflict (is_only) do update set name = excluded.name;
  end if;

  -- A few batches at a time, so that what a job holds of people's words is little and short-lived.
  for batch in 1 .. 4 loop
    with taken as (
      delete from app.embedding_queue q
       using (select w.conversation_id, w.message_id
                from app.embedding_queue w
               limit 16
                 for update skip locked) next_
       where q.conversation_id = next_.conversation_id
         and q.message_id = next_.message_id
      returning q.conversation_id, q.message_id
    )
    select jsonb_build_object('keys', jsonb_agg(jsonb_build_array(m.conversation_id, m.id) order by m.id),
                              'texts', jsonb_agg(left(m.body, 8000) order by m.id))
      into asked
      from taken
      join public.messages m on m.conversation_id = taken.conversation_id and m.id = taken.message_id
     where m.body is not null;
    exit when asked ->> 'keys' is null;
    perform walkie.enqueue_question('embed', asked, 'app.keep_embeddings');
  end loop;
end
$$;
comment on function app.ask_for_embeddings() is
  'Has up to 64 messages asked for that have no vector yet; all of them anew when servers have another model. For a schedule.';
select walkie.schedule('ask for embeddings', 'app.ask_for_embeddings', interval '2 seconds');

create or replace function app.keep_embeddings(p_asked jsonb, p_answer jsonb)
returns void
language sql
security definer set search_path = ''  -- embeddings are the service's
as $$
  -- What has changed since it was asked about is asked about anew.
  insert into public.message_embeddings (conversation_id, message_id, embedding, model)
  select m.conversation_id, m.id, array(select v::text::real from jsonb_array_elements(answer.vector) v), p_answer ->> 'model'
    from jsonb_array_elements(p_asked -> 'keys') with ordinality asked (key, place)
    join jsonb_array_elements(p_answer -> 'vectors') with ordinality answer (vector, place) using (place)
    join jsonb_array_elements_text(p_asked -> 'texts') with ordinality said (body, place) using (place)
    join public.messages m on m.conversation_id = (asked.key ->> 0)::uuid and m.id = (asked.key ->> 1)::uuid and left(m.body, 8000) = said.body
   where p_answer ->> 'model' = (select k.name from app.embedding_model k)
  on conflict (conversation_id, message_id) do update
     set embedding = excluded.embedding,
         model = excluded.model
$$;
comment on function app.keep_embeddings(jsonb, jsonb) is
  'Takes what was asked and the answer; keeps the vectors of messages that still say what they said.';

create or replace function app.vector_schema()
returns text
language sql stable
set search_path = ''
as $$
  select quote_ident(n.nspname)
    from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace
   where e.extname = 'vector'
$$;
comment on function app.vector_schema() is 'Gives the schema that pgvector is in, quoted, or null where it is not installed.';

create or replace function app.index_embeddings(p_dimensions integer)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if app.vector_schema() is null then
    perform app.refuse('no_vectors');
  end if;
  execute format('create index if not exists message_embeddings_%1$s_idx on public.message_embeddings
                    using hnsw ((embedding::%2$s.vector(%1$s)) %2$s.vector_cosine_ops) where cardinality(embedding) = %1$s',
                 p_dimensions, app.vector_schema());
end
$$;
comment on function app.index_embeddings(integer) is
  'Takes how many dimensions the model''s vectors have; makes the index that finds the nearest. For the operator, once. Errors: PT501 no_vectors.';

create or replace function app.nearest(p_embedding real[], p_limit integer)
returns table (conversation_id uuid, message_id uuid, distance double precision)
language plpgsql
security definer set search_path = ''  -- embeddings are the service's
as $$
begin
  -- Under a filter an index gives its nearest, of which few may be left; so it is asked on until there are enough.
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  return query execute format(
    'select e.conversation_id, e.message_id, e.embedding::%2$s.vector(%1$s) operator(%2$s.<=>) $1::%2$s.vector(%1$s)
       from public.message_embeddings e
      where cardinality(e.embedding) = %1$s
        and exists (select
                      from app.message_words w
                      join public.conversation_members k on k.conversation_id = w.conversation_id
                     where w.conversation_id = e.conversation_id
                       and w.message_id = e.message_id
                       and k.member_id = $2
                       and k.left_at is null
                       and k.joined_chapter <= w.chapter)
      order by e.embedding::%2$s.vector(%1$s) operator(%2$s.<=>) $1::%2$s.vector(%1$s)
      limit $3',
    cardinality(p_embedding), app.vector_schema())
  using p_embedding, auth.uid(), p_limit;
end
$$;
comment on function app.nearest(real[], integer) is
  'Takes a vector and how many; gives the messages nearest to it that the person asking may read, of those with vectors of as many dimensions.';

create or replace function public.search_hybrid(p_query text, p_embedding real[] default null, p_k integer default 20)
returns table (
  conversation_id uuid,
  message_id uuid,
  seq bigint,
  sender_id uuid,
  created_at timestamptz,
  snippet text,
  score double precision
)
language plpgsql
security definer set search_path = ''  -- as search_messages
as $$
declare
  language regconfig := app.search_language(app.my_org());
  query tsquery := websearch_to_tsquery(language, left(p_query, 500));
  by_meaning boolean := coalesce(cardinality(p_embedding), 0) > 0;
begin
  if by_meaning and app.vector_schema() is null then
    perform app.refuse('no_vectors');
  elsif cardinality(p_embedding) > 2000 then
    perform app.refuse('too_many', 'limit=2000');
  end if;

  -- Reciprocal ranks add up: what both ways find early comes first, and no scale need fit another.
  return query
  with found as (
    select w.conversation_id, w.message_id, row_number() over (order by w.rank desc, w.message_id desc) as place
      from public.search_messages(p_query, p_limit => 100) w
    union all
    select n.conversation_id, n.message_id, row_number() over (order by n.distance, n.message_id)
      from app.nearest(p_embedding, 100) n
     where by_meaning
  ),
  fused as (
    select f.conversation_id, f.message_id, sum(1.0 / (60 + f.place))::double precision as score
      from found f
     group by f.conversation_id, f.message_id
     order by 3 desc, 2 desc
     limit least(greatest(p_k, 0), 100)
  )
  select m.conversation_id, m.id, m.seq, m.sender_id, m.created_at, app.snippet(language, m.body, query), f.score
    from fused f
    join public.messages m on m.conversation_id = f.conversation_id and m.id = f.message_id
   order by f.score desc, m.id desc;
end
$$;
comment on function public.search_hybrid(text, real[], integer) is
  'Takes words, the vector that the model of message_embeddings gives for them, and how many (at most 100); gives messages found by words, by meaning, or best by both. Without a vector, by words alone. Errors: PT401 signed_out, PT422 too_many, PT429 rate_limited, PT501 no_vectors where a vector is given and the server lacks pgvector.';
