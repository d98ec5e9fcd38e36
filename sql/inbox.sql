-- One's own list of conversations: order, filters, and how each is kept.

create or replace function public.set_conversation_prefs(p_conversation uuid, p_prefs jsonb)
returns public.inbox
language plpgsql
security definer set search_path = ''  -- asks the conversation's clock, and pins are put in order
as $$
declare
  me uuid := app.me();
  wrong text;
  changed public.inbox;
begin
  select given.key into wrong
    from jsonb_object_keys(p_prefs) given (key)
   where given.key not in ('archived', 'pinned', 'pin_order', 'muted_until', 'notify_level', 'category_id', 'priority', 'draft')
   limit 1;
  if wrong is not null then
    perform app.refuse('bad_setting', wrong);
  elsif not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  elsif p_prefs ->> 'category_id' is not null and not exists (
    select
      from public.conversation_categories k
     where k.id = (p_prefs ->> 'category_id')::uuid
       and k.org_id = app.my_org()
       and coalesce(k.owner_id, me) = me
  ) then
    perform app.refuse('bad_setting', 'category_id');
  end if;

  update public.inbox i
     set archived_at  = case (p_prefs ->> 'archived')::boolean when true then app.now() when false then null else i.archived_at end,
         archived_seq = case (p_prefs ->> 'archived')::boolean when true then c.last_seq when false then null else i.archived_seq end,
         pinned_at    = case (p_prefs ->> 'pinned')::boolean when true then coalesce(i.pinned_at, app.now())
                                                             when false then null else i.pinned_at end,
         pin_order    = case when (p_prefs ->> 'pinned')::boolean is false then null
                             when p_prefs ? 'pin_order' then (p_prefs ->> 'pin_order')::double precision
                             when (p_prefs ->> 'pinned')::boolean
                             then coalesce(i.pin_order, (select coalesce(max(x.pin_order), 0) + 1 from public.inbox x where x.member_id = me))
                             else i.pin_order end,
         muted_until  = case when p_prefs ? 'muted_until' then (p_prefs ->> 'muted_until')::timestamptz else i.muted_until end,
         notify_level = case when p_prefs ? 'notify_level' then p_prefs ->> 'notify_level' else i.notify_level end,
         category_id  = case when p_prefs ? 'category_id' then (p_prefs ->> 'category_id')::uuid else i.category_id end,
         priority     = case when p_prefs ? 'priority' then p_prefs ->> 'priority' else i.priority end,
         draft        = case when p_prefs ? 'draft' then nullif(p_prefs ->> 'draft', '') else i.draft end
    from public.conversations c
   where c.id = p_conversation
     and i.conversation_id = c.id
     and i.member_id = me
  returning i.* into changed;
  return changed;
end
$$;
comment on function public.set_conversation_prefs(uuid, jsonb) is
  'Takes a conversation and an object of what to change for the caller alone: archived, pinned, pin_order, muted_until (a time, infinity, or null to unmute), notify_level, category_id, priority, draft; gives the inbox row. Errors: PT401 signed_out, PT404 not_member, PT422 bad_setting, 23514 for a value that is not known.';

create or replace function public.get_conversations(
  p_limit integer default 50,
  p_filter text default 'all',
  p_category uuid default null,
  p_priority text default null,
  p_query text default null,
  p_engagement uuid default null,
  p_cursor text default null
)
returns table (
  id              uuid,
  kind            text,
  title           text,
  slug            text,
  other_id        uuid,
  last_message_id uuid,
  last_message_at timestamptz,
  last_preview    text,
  last_seq        bigint,
  last_rev        bigint,
  last_read_seq   bigint,
  unread          bigint,
  mention_count   integer,
  is_muted        boolean,
  is_archived     boolean,
  is_pinned       boolean,
  category_id     uuid,
  priority        text,
  draft           text,
  engagement_id   uuid,
  member_count    integer,
  cursor          text
)
language plpgsql stable
security definer set search_path = ''  -- asks for one's own once, where policies would be asked row by row
as $$
declare
  me uuid := auth.uid();
  moment timestamptz := app.now();
  after_rank double precision;
  after_at timestamptz;
  after_id uuid;
begin
  after_rank := split_part(p_cursor, '~', 1);
  after_at := split_part(p_cursor, '~', 2);
  after_id := split_part(p_cursor, '~', 3);
  if p_filter is null or p_filter not in ('all', 'active', 'archived', 'unread', 'muted', 'pinned', 'mentions') then
    perform app.refuse('bad_filter', p_filter);
  end if;
  return query
  select page.id,
         page.kind,
         page.title,
         page.slug,
         page.other_id,
         page.last_message_id,
         page.last_message_at,
         page.last_preview,
         page.last_seq,
         page.last_rev,
         page.last_read_seq,
         page.unread,
         page.mention_count,
         page.is_muted,
         page.is_archived,
         page.is_pinned,
         page.category_id,
         page.priority,
         page.draft,
         page.engagement_id,
         page.member_count,
         format('%s~%s~%s', page.rank, page.at, page.id)
    from (select c.id,
                 c.kind,
                 coalesce(c.title, other.display_name) as title,
                 c.slug,
                 other.id as other_id,
                 c.last_message_id,
                 c.last_message_at,
                 c.last_preview,
                 c.last_seq,
                 c.last_rev,
                 i.last_read_seq,
                 greatest(c.root_count - i.last_read_ord, 0) as unread,
                 i.mention_count,
                 coalesce(i.muted_until > moment, false) as is_muted,
                 -- What is said later brings an archived conversation back, unless it is muted.
                 c.archived_at is not null
                   or i.archived_at is not null
                      and (c.last_seq <= i.archived_seq or coalesce(i.muted_until > moment, false)) as is_archived,
                 i.pinned_at is not null as is_pinned,
                 coalesce(i.category_id, c.category_id) as category_id,
                 coalesce(i.priority, c.priority) as priority,
                 i.draft,
                 c.engagement_id,
                 c.member_count,
                 case when i.pinned_at is null then 'infinity' else coalesce(i.pin_order, 0) end::double precision as rank,
                 coalesce(c.last_message_at, c.created_at) as at
            from public.conversation_members mine
            join public.conversations c on c.id = mine.conversation_id
            join public.inbox i on i.member_id = mine.member_id and i.conversation_id = mine.conversation_id
            left join lateral (
              select p.id, p.display_name
                from public.conversation_members m
                join public.profiles p on p.id = m.member_id
               where c.kind = 'dm'
                 and m.conversation_id = c.id
                 and m.member_id <> me
               limit 1  -- asked for pairs alone, instead of joined with all members of all
            ) other on true
           where mine.member_id = me
             and mine.left_at is null) page
   where (p_filter <> 'active' or not page.is_archived)
     and (p_filter <> 'archived' or page.is_archived)
     and (p_filter <> 'unread' or page.unread > 0)
     and (p_filter <> 'muted' or page.is_muted)
     and (p_filter <> 'pinned' or page.is_pinned)
     and (p_filter <> 'mentions' or page.mention_count > 0)
     and (p_category is null or page.category_id = p_category)
     and (p_priority is null or page.priority = p_priority)
     and (p_engagement is null or page.engagement_id = p_engagement)
     and (p_query is null
          or strpos(lower(page.title), lower(p_query)) > 0
          or exists (select
                       from public.conversation_members m
                       join public.profiles p on p.id = m.member_id
                      where m.conversation_id = page.id
                        and m.left_at is null
                        and m.member_id <> me
                        and strpos(lower(p.display_name), lower(p_query)) > 0))
     and (p_cursor is null
          or page.rank > after_rank
          or page.rank = after_rank and (page.at < after_at or page.at = after_at and page.id > after_id))
   order by page.rank, page.at desc, page.id
   limit least(greatest(p_limit, 0), 1000);
exception when invalid_text_representation or invalid_datetime_format or datetime_field_overflow then
  perform app.refuse('bad_filter', 'p_cursor');
end
$$;
comment on function public.get_conversations(integer, text, uuid, text, text, uuid, text) is
  'Takes how many (at most 1000), a filter (all, active, archived, unread, muted, pinned, mentions), a category, a priority, words to find in a title or a member''s name, an engagement, and the cursor of the last one received; gives the caller''s conversations that fit all of these: pinned ones first in their order, then the latest spoken in, each with its unread count; a pair bears the other''s name. Errors: PT422 bad_filter.';

create or replace function public.search_rooms(p_query text default '', p_limit integer default 50)
returns table (id uuid, slug text, title text, topic text, visibility text, member_count integer, is_member boolean)
language sql stable
security definer set search_path = ''  -- outsiders do not see rooms
as $$
  select c.id, c.slug, c.title, c.topic, c.visibility, c.member_count, c.id in (select app.my_conversations())
    from public.conversations c
   where c.org_id = app.my_org()
     and c.kind = 'room'
     and c.archived_at is null
     and (c.visibility in ('org', 'public') or c.id in (select app.my_conversations()))
     and (coalesce(p_query, '') = ''
          or strpos(lower(concat_ws(' ', c.title, c.slug, c.topic, c.description)), lower(p_query)) > 0)
   order by c.member_count desc, c.slug
   limit least(greatest(p_limit, 0), 200)
$$;
comment on function public.search_rooms(text, integer) is
  'Takes words and how many (at most 200); gives rooms that have them in title, topic or description: the open ones of the caller''s organisation, and the private ones they are in.';
