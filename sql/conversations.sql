-- Opening conversations and listing one's own.

create or replace function public.get_or_create_conversation(p_other uuid)
returns public.conversations
language plpgsql
security definer set search_path = ''  -- memberships are written for both
as $$
declare
  me uuid := app.me();
  found_or_made public.conversations;
begin
  perform app.require_can_message(me, p_other);

  insert into public.conversations (org_id, kind, dm_key, created_by)
  select p.org_id, 'dm', least(me, p_other) || ':' || greatest(me, p_other), me
    from public.profiles p
   where p.id = me
  on conflict (org_id, dm_key) do nothing
  returning * into found_or_made;

  if found_or_made.id is not null then
    insert into public.conversation_members (conversation_id, member_id)
    values (found_or_made.id, me), (found_or_made.id, p_other);
  else
    -- The other one was quicker: the insert has waited for that commit, so the pair is complete.
    select c.* into strict found_or_made
      from public.conversations c
     where c.org_id = app.my_org()
       and c.dm_key = least(me, p_other) || ':' || greatest(me, p_other);
  end if;
  return found_or_made;
end
$$;
comment on function public.get_or_create_conversation(uuid) is
  'Takes the other person; gives the one conversation of the two, made if need be, however many ask at once. Errors: PT401 signed_out, PT404 no_such_person, PT422 self.';

create or replace function public.create_group(p_title text, p_members uuid[] default '{}', p_kind text default 'group')
returns public.conversations
language plpgsql
security definer set search_path = ''  -- memberships are written for others
as $$
declare
  me uuid := app.me();
  made public.conversations;
begin
  if p_kind is null or p_kind not in ('group', 'room') then
    raise sqlstate 'PT422' using message = 'Only groups and rooms can be made this way.', hint = 'bad_kind';
  end if;

  insert into public.conversations (org_id, kind, visibility, title, slug, created_by)
  select p.org_id,
         p_kind,
         case p_kind when 'room' then 'org' else 'private' end,
         btrim(p_title),
         case p_kind when 'room' then app.slug(p_title) end,
         me
    from public.profiles p
   where p.id = me
  on conflict (org_id, slug) do nothing
  returning * into made;
  if made.id is null then
    raise sqlstate 'PT409' using message = 'There is a room of that name already.', hint = 'slug_taken';
  end if;

  perform app.admit(made.id, array[me], 'owner', true);
  perform app.require_can_message(me, member)
    from unnest(p_members) member
   where member is distinct from me;
  perform app.admit(made.id, array_remove(p_members, me), 'member', true);
  return made;
end
$$;
comment on function public.create_group(text, uuid[], text) is
  'Takes a title, the people to begin with and group (by invitation) or room (anyone of the organisation may join); gives the conversation, owned by the caller. Errors: PT401 signed_out, PT404 no_such_person, PT409 slug_taken, PT422 bad_kind or bad_title, 23514 for a blank or long title.';

create or replace function app.slug(p_title text)
returns text
language plpgsql immutable
as $$
declare
  slug text := left(btrim(regexp_replace(lower(p_title), '[^a-z0-9]+', '-', 'g'), '-'), 63);
begin
  if coalesce(slug, '') = '' then
    raise sqlstate 'PT422' using message = 'A room''s title needs a letter from a to z or a digit.', hint = 'bad_title';
  end if;
  return slug;
end
$$;
comment on function app.slug(text) is
  'Takes a title; gives its letters and digits joined by hyphens, for addresses. Errors: PT422 bad_title.';

create or replace function public.get_conversations(p_limit integer default 50)
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
  unread          bigint
)
language sql stable
as $$
  select page.id,
         page.kind,
         coalesce(page.title, other.display_name),
         page.slug,
         other.id,
         page.last_message_id,
         page.last_message_at,
         page.last_preview,
         page.last_seq,
         page.last_rev,
         page.last_read_seq,
         greatest(page.root_count - page.last_read_ord, 0)
    from (select c.*, mine.member_id, mine.last_read_seq, mine.last_read_ord
            from public.conversation_members mine
            join public.conversations c on c.id = mine.conversation_id
           where mine.member_id = (select auth.uid())
             and mine.left_at is null
           order by coalesce(c.last_message_at, c.created_at) desc, c.id
           limit least(greatest(p_limit, 0), 1000)) page
    left join lateral (
      select p.id, p.display_name
        from public.conversation_members m
        join public.profiles p on p.id = m.member_id
       where page.kind = 'dm'
         and m.conversation_id = page.id
         and m.member_id <> page.member_id
    ) other on true
   order by coalesce(page.last_message_at, page.created_at) desc, page.id
$$;
comment on function public.get_conversations(integer) is
  'Takes how many (at most 1000); gives the caller''s conversations, the latest spoken in first, each with its unread count; a pair bears the other''s name.';
