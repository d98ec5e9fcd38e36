-- Opening conversations, and changing what they are.

create or replace function public.get_or_create_conversation(p_other uuid, p_engagement uuid default null)
returns public.conversations
language plpgsql
security definer set search_path = ''  -- memberships are written for both
as $$
declare
  me uuid := app.me();
  pair text := least(me, p_other) || ':' || greatest(me, p_other);
  deal uuid := p_engagement;
  found_or_made public.conversations;
begin
  -- A pair that talks already goes on reading, whatever the rules say now.
  select c.* into found_or_made
    from public.conversations c
   where p_engagement is null
     and c.org_id = app.my_org()
     and c.dm_key = pair;
  if found then
    return found_or_made;
  end if;

  perform app.take('open');
  perform app.require_can_message(me, p_other);
  if p_engagement is not null then
    perform app.require_party(p_engagement, me, p_other);
  elsif app.setting(app.my_org(), 'dm_policy') ? 'engagement' then
    deal := app.live_engagement(me, p_other);
  end if;
  if deal is not null then
    return app.open_engagement(deal);
  end if;

  insert into public.conversations (org_id, kind, dm_key, created_by)
  values (app.my_org(), 'dm', pair, me)
  on conflict (org_id, dm_key) do nothing
  returning * into found_or_made;
  if found_or_made.id is not null then
    insert into public.conversation_members (conversation_id, member_id)
    values (found_or_made.id, least(me, p_other)), (found_or_made.id, greatest(me, p_other));
  end if;
  -- If the other one was quicker, the insert has waited for that commit, so the pair is complete.
  select c.* into strict found_or_made
    from public.conversations c
   where c.org_id = app.my_org()
     and c.dm_key = pair;
  return found_or_made;
end
$$;
comment on function public.get_or_create_conversation(uuid, uuid) is
  'Takes the other person and, where the two talk about an engagement, which one; gives the one conversation, made if need be, however many ask at once. Errors: PT401 signed_out, PT403 with the rule that forbids it, PT404 no_such_person or no_such_engagement, PT422 self, PT429 rate_limited.';

create or replace function app.require_party(p_engagement uuid, p_one uuid, p_other uuid)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if not exists (select
                   from public.engagements e
                  where e.id = p_engagement
                    and (e.client_id, e.consultant_id) in ((p_one, p_other), (p_other, p_one))
                    and e.status in ('bidding', 'negotiating', 'active')) then
    perform app.refuse('no_such_engagement');
  end if;
end
$$;
comment on function app.require_party(uuid, uuid, uuid) is
  'Takes an engagement and two people; returns if it is theirs and live. Errors: PT404 no_such_engagement.';

create or replace function app.require_may_found(p_kind text)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if p_kind is null or p_kind not in ('group', 'room', 'announcement', 'persona_group') then
    perform app.refuse('bad_kind');
  elsif p_kind in ('announcement', 'persona_group') or app.setting(app.my_org(), 'groups_by') = '"admins"' then
    perform app.require_admin();
  end if;
end
$$;
comment on function app.require_may_found(text) is
  'Takes a kind of conversation; returns if the person asking may make one. Errors: PT401 signed_out, PT403 not_admin, PT422 bad_kind.';

create or replace function public.create_group(
  p_title text,
  p_members uuid[] default '{}',
  p_kind text default 'group',
  p_visibility text default null
)
returns public.conversations
language plpgsql
security definer set search_path = ''  -- memberships are written for others
as $$
declare
  me uuid := app.me();
  made public.conversations;
begin
  perform app.require_may_found(p_kind);
  perform app.take('open');
  if cardinality(p_members) > 500 then
    perform app.refuse('too_many', 'limit=500');
  end if;
  perform app.require_can_message(me, member)
    from unnest(p_members) member
   where member is distinct from me;

  insert into public.conversations (kind, visibility, title)
  values (p_kind, coalesce(p_visibility, case p_kind when 'room' then 'org' else 'private' end), p_title)
  on conflict (org_id, slug) do nothing
  returning * into made;
  if made.id is null then
    perform app.refuse('slug_taken');
  end if;
  perform app.admit(made.id, array_remove(p_members, me), 'member', true);
  return made;
end
$$;
comment on function public.create_group(text, uuid[], text, text) is
  'Takes a title, up to 500 people to begin with, a kind (group: by invitation, room: open to the organisation unless p_visibility is private; announcement and persona_group: for admins) and a visibility; gives the conversation, owned by the caller. Errors: PT401 signed_out, PT403 not_admin or the rule that forbids to add somebody, PT404 no_such_person, PT409 slug_taken, PT422 bad_kind, bad_title or too_many, 23514 for a blank or long title.';

create or replace function app.found()
returns trigger
language plpgsql
security definer set search_path = ''  -- founders may not write organisation or maker
as $$
begin
  if auth.uid() is null or new.kind in ('dm', 'engagement') or new.created_for is not null then
    return new;  -- made by the service, or by a function that knows
  end if;
  new.created_by := app.me();
  new.org_id := app.my_org();
  perform app.require_may_found(new.kind);
  new.title := btrim(new.title);
  if new.kind = 'room' and new.slug is null then
    new.slug := app.slug(new.title);
  end if;
  if new.title is null then
    perform app.refuse('bad_title');
  end if;
  if new.kind = 'announcement' then
    new.posting := 'admins';
  end if;
  return new;
end
$$;
comment on function app.found() is
  'Trigger: fills organisation, maker and a room''s slug. Errors: PT403 not_admin, PT422 bad_kind or bad_title.';

create or replace trigger on_conversations_insert__found
before insert on public.conversations
for each row execute function app.found();

create or replace function app.settle_founder()
returns trigger
language plpgsql
security definer set search_path = ''  -- memberships are nobody's to write
as $$
begin
  if auth.uid() is not null and new.kind in ('group', 'room', 'announcement', 'persona_group') and new.created_for is null then
    perform app.admit(new.id, array[new.created_by], 'owner', true);
  end if;
  return null;
end
$$;
comment on function app.settle_founder() is 'Trigger: whoever makes a conversation owns it.';

create or replace trigger on_conversations_insert__settle_founder
after insert on public.conversations
for each row execute function app.settle_founder();

create or replace function app.archive_instead()
returns trigger
language plpgsql
security definer set search_path = ''  -- archiving is nobody's to write directly
as $$
begin
  if auth.uid() is null then
    return old;
  end if;
  update public.conversations c
     set archived_at = coalesce(c.archived_at, app.now())
   where c.id = old.id;
  return null;
end
$$;
comment on function app.archive_instead() is
  'Trigger: a conversation that its owner deletes is put away for all; its words stay. Only the service deletes for good.';

create or replace trigger on_conversations_delete__archive_instead
before delete on public.conversations
for each row execute function app.archive_instead();

create or replace function public.update_conversation_settings(p_conversation uuid, p_settings jsonb)
returns public.conversations
language plpgsql
security definer set search_path = ''  -- people may write fewer columns by themselves
as $$
declare
  wrong text;
  changed public.conversations;
begin
  select given.key into wrong
    from jsonb_object_keys(p_settings) given (key)
   where given.key not in ('title', 'topic', 'description', 'posting', 'visibility', 'category_id', 'priority',
                           'notify_default', 'receipts_mode', 'slow_mode_s', 'edit_window_s', 'no_forward', 'locked', 'archived')
   limit 1;
  if wrong is not null then
    perform app.refuse('bad_setting', wrong);
  end if;
  perform app.require_right(p_conversation, 'rename');

  update public.conversations c
     set title          = case when p_settings ? 'title' then btrim(p_settings ->> 'title') else c.title end,
         topic          = case when p_settings ? 'topic' then p_settings ->> 'topic' else c.topic end,
         description    = case when p_settings ? 'description' then p_settings ->> 'description' else c.description end,
         posting        = coalesce(p_settings ->> 'posting', c.posting),
         visibility     = coalesce(p_settings ->> 'visibility', c.visibility),
         category_id    = case when p_settings ? 'category_id' then (p_settings ->> 'category_id')::uuid else c.category_id end,
         priority       = coalesce(p_settings ->> 'priority', c.priority),
         notify_default = coalesce(p_settings ->> 'notify_default', c.notify_default),
         receipts_mode  = coalesce(p_settings ->> 'receipts_mode', c.receipts_mode),
         slow_mode_s    = coalesce((p_settings ->> 'slow_mode_s')::int, c.slow_mode_s),
         edit_window_s  = case when p_settings ? 'edit_window_s' then (p_settings ->> 'edit_window_s')::int else c.edit_window_s end,
         no_forward     = coalesce((p_settings ->> 'no_forward')::boolean, c.no_forward),
         locked_at      = case (p_settings ->> 'locked')::boolean when true then coalesce(c.locked_at, app.now())
                                                                  when false then null else c.locked_at end,
         archived_at    = case (p_settings ->> 'archived')::boolean when true then coalesce(c.archived_at, app.now())
                                                                    when false then null else c.archived_at end
   where c.id = p_conversation
  returning c.* into changed;
  return changed;
end
$$;
comment on function public.update_conversation_settings(uuid, jsonb) is
  'Takes a conversation and an object of what to change: title, topic, description, posting, visibility, category_id, priority, notify_default, receipts_mode, slow_mode_s, edit_window_s, no_forward, locked, archived; gives the conversation. For its owners and admins. Errors: PT403 not_manager, PT404 not_member, PT422 bad_setting, 23514 for a value out of range.';

create or replace function app.slug(p_title text)
returns text
language plpgsql immutable
set search_path = ''
as $$
declare
  slug text := left(btrim(regexp_replace(lower(p_title), '[^a-z0-9]+', '-', 'g'), '-'), 63);
begin
  if coalesce(slug, '') = '' then
    perform app.refuse('bad_title');
  end if;
  return slug;
end
$$;
comment on function app.slug(text) is
  'Takes a title; gives its letters and digits joined by hyphens, for addresses. Errors: PT422 bad_title.';
