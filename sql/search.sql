-- Finding messages by their words.

create or replace function app.search_language(p_org uuid)
returns regconfig
language sql stable
set search_path = ''
as $$
  select (app.setting(p_org, 'search_language') #>> '{}')::regconfig
$$;
comment on function app.search_language(uuid) is 'Takes an organisation; gives the text search configuration for what is said there.';

create or replace function app.words(p_language regconfig, p_body text)
returns tsvector
language sql immutable
set search_path = ''
as $$
  -- The parser would take what follows a < for a tag and pass over it.
  select to_tsvector(p_language, replace(p_body, '<', ' '))
$$;
comment on function app.words(regconfig, text) is 'Takes a language and a body; gives its words as searches compare them.';

create or replace function app.index_words()
returns trigger
language plpgsql
security definer set search_path = ''  -- words are nobody's to write directly
as $$
begin
  if tg_op = 'UPDATE' then
    delete from app.message_words w
     where w.conversation_id = new.conversation_id
       and w.message_id = new.id;
  end if;
  if new.visibility = 'normal' and new.body is not null then
    insert into app.message_words (conversation_id, message_id, chapter, sender_id, message_type, has_link, created_at, words)
    values (new.conversation_id, new.id, new.chapter, new.sender_id, new.message_type, new.body ~* 'https?://',
            new.created_at, app.words(app.search_language(new.org_id), new.body));
  end if;
  return null;
end
$$;
comment on function app.index_words() is 'Trigger: what a message says can be searched for, as long as it says that.';

create or replace trigger on_messages_insert__index_words
after insert on public.messages
for each row when (new.visibility = 'normal' and new.message_type <> 'system')
execute function app.index_words();
create or replace trigger on_messages_update__index_words
after update on public.messages
for each row when (new.message_type <> 'system'
                   and (new.body is distinct from old.body or new.visibility is distinct from old.visibility))
execute function app.index_words();

create or replace function app.index_words_anew()
returns trigger
language plpgsql
security definer set search_path = ''  -- words are nobody's to write directly
as $$
begin
  update app.message_words w
     set words = app.words(app.search_language(new.id), m.body)
    from public.messages m
   where m.org_id = new.id
     and m.conversation_id = w.conversation_id
     and m.id = w.message_id;
  return null;
end
$$;
comment on function app.index_words_anew() is
  'Trigger: an organisation that changes its language has its messages read anew, all in the change''s transaction.';

create or replace trigger on_orgs_update__index_words_anew
after update of settings on public.orgs
for each row when (old.settings -> 'search_language' is distinct from new.settings -> 'search_language')
execute function app.index_words_anew();

create or replace function app.snippet(p_language regconfig, p_body text, p_query tsquery)
returns text
language sql immutable
set search_path = ''
as $$
  -- Marks are control characters until all else is escaped, and a < is one too, since the parser
  -- would drop what looks like a tag; those that the body has of its own are left out.
  select replace(replace(replace(replace(replace(replace(replace(
           ts_headline(p_language, translate(p_body, E'<\x01\x02\x03', E'\x03'), p_query,
                       E'StartSel=\x01, StopSel=\x02, '
                       || case when char_length(p_body) <= 240 then 'HighlightAll=true'
                               else 'MaxWords=30, MinWords=10, MaxFragments=2, FragmentDelimiter=" … "' end),
           '&', '&amp;'), E'\x03', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;'), E'\x01', '<mark>'), E'\x02', '</mark>')
$$;
comment on function app.snippet(regconfig, text, tsquery) is
  'Takes a language, a body and a query; gives it, or of a long one the parts around the words found, as HTML: they stand in <mark>, all else is escaped.';

create or replace function public.search_messages(
  p_query text,
  p_conversation uuid default null,
  p_from uuid default null,
  p_has text default null,
  p_after timestamptz default null,
  p_before timestamptz default null,
  p_kind text default null,
  p_cursor text default null,
  p_limit integer default 20
)
returns table (
  conversation_id uuid,
  message_id uuid,
  seq bigint,
  thread_id uuid,
  sender_id uuid,
  message_type text,
  created_at timestamptz,
  snippet text,
  rank real,
  cursor text
)
language plpgsql
security definer set search_path = ''  -- no operator of text search may run below a policy, so it would use no index
set plan_cache_mode = force_custom_plan  -- a rare word and a common one want different plans
as $$
declare
  me uuid := app.me();
  language regconfig := app.search_language(app.my_org());
  query tsquery := websearch_to_tsquery(language, left(p_query, 500));
  behind_rank real;
  behind_id uuid;
begin
  perform app.take('search');
  if p_has not in ('link', 'file', 'image') or p_cursor !~ '^[0-9]{1,9}([.][0-9]{1,20})?(e-[0-2]?[0-9])?:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    perform app.refuse('bad_filter');
  end if;
  behind_rank := split_part(p_cursor, ':', 1)::real;
  behind_id := split_part(p_cursor, ':', 2)::uuid;
  -- A query that only says what not to find would have to look at everything.
  if query is null or querytree(query) in ('', 'T') then
    return;
  end if;

  return query
  with hits as (
    -- The newest of what there is plenty of; no more are weighed against each other.
    select w.conversation_id, w.message_id, ts_rank(w.words, query) as rank
      from app.message_words w
      join public.conversation_members k on k.conversation_id = w.conversation_id
     where w.words @@ query
       and k.member_id = me
       and k.left_at is null
       and k.joined_chapter <= w.chapter
       and (p_conversation is null or w.conversation_id = p_conversation)
       and (p_from is null or w.sender_id = p_from)
       and (p_kind is null or w.message_type = p_kind)
       and (p_has is null or case p_has when 'link' then w.has_link
                                        when 'image' then w.message_type = 'image'
                                        else w.message_type in ('file', 'image') end)
       and (p_after is null or w.created_at >= p_after)
       and (p_before is null or w.created_at < p_before)
     order by w.message_id desc
     limit 10000
  ),
  page as (
    select h.*
      from hits h
     where (p_cursor is null or (h.rank, h.message_id) < (behind_rank, behind_id))
       and not exists (select
                         from public.message_hides x
                        where x.user_id = me
                          and x.conversation_id = h.conversation_id
                          and x.message_id = h.message_id)
     order by h.rank desc, h.message_id desc
     limit least(greatest(p_limit, 0), 100)
  )
  select m.conversation_id,
         m.id,
         m.seq,
         m.thread_id,
         m.sender_id,
         m.message_type,
         m.created_at,
         app.snippet(language, m.body, query),
         page.rank,
         page.rank || ':' || m.id
    from page
    join public.messages m on m.conversation_id = page.conversation_id and m.id = page.message_id
   order by page.rank desc, page.message_id desc;
end
$$;
comment on function public.search_messages(text, uuid, uuid, text, timestamptz, timestamptz, text, text, integer) is
  'Takes words as a search engine does ("a phrase", or, -not), and, each if given, a conversation, a sender, what it has (link, file, image), times to be from and before, a message type, the cursor of the last hit seen and how many (at most 100); gives hits in the caller''s conversations, the best first, each with a snippet in HTML where the words stand in <mark>. Of very many hits only the newest 10,000 are weighed. Errors: PT401 signed_out, PT422 bad_filter, PT429 rate_limited.';
