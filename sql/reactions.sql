-- Emoji on messages.

create or replace function app.can_react(p_conversation uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- asks post_refusal, which people may not
as $$
  select coalesce(app.post_refusal(p_conversation), 'posting_closed') = 'posting_closed'
$$;
comment on function app.can_react(uuid) is
  'Takes a conversation; tells whether the person asking may react there: whoever may speak, and whoever only listens because others have the word.';

create or replace function app.fill_reaction()
returns trigger
language plpgsql
security definer set search_path = ''  -- the message is locked, which reactors may not
as $$
declare
  target public.messages;
begin
  new.actor_id := coalesce(auth.uid(), new.actor_id);
  perform app.take('react');
  select m.* into target
    from public.messages m
   where m.conversation_id = new.conversation_id
     and m.id = new.message_id
     and m.deleted_at is null
     and (auth.uid() is null or app.can_read(m.conversation_id, m.chapter, m.visibility, m.sender_id))
     for no key update;
  if target.id is null then
    perform app.refuse('no_such_message');
  elsif auth.uid() is not null and not app.can_react(new.conversation_id) then
    perform app.refuse(app.post_refusal(new.conversation_id));
  elsif not target.reaction_counts ? new.emoji and (select count(*) from jsonb_object_keys(target.reaction_counts)) >= 20 then
    perform app.refuse('reactions_full');
  end if;
  new.chapter := target.chapter;
  new.created_at := clock_timestamp();
  new.visibility := case when target.visibility <> 'normal'
                           or app.is_restricted(new.actor_id, array['shadow_ban'], new.conversation_id)
                         then 'shadow' else 'normal' end;
  return new;
end
$$;
comment on function app.fill_reaction() is
  'Trigger: fills who, when and for whose eyes. Errors: 42501 as for speaking, PT404 no_such_message, PT422 reactions_full, PT429 rate_limited.';

create or replace trigger on_message_reactions_insert__fill
before insert on public.message_reactions
for each row execute function app.fill_reaction();

create or replace function app.count_reaction()
returns trigger
language plpgsql
security definer set search_path = ''  -- counters are nobody's to write
as $$
declare
  changed public.message_reactions := case tg_op when 'DELETE' then old else new end;
  step integer := case tg_op when 'DELETE' then -1 else 1 end;
begin
  update public.messages m
     set reaction_counts = case when coalesce((m.reaction_counts ->> changed.emoji)::int, 0) + step > 0
                                then m.reaction_counts || jsonb_build_object(changed.emoji,
                                       coalesce((m.reaction_counts ->> changed.emoji)::int, 0) + step)
                                else m.reaction_counts - changed.emoji end
   where m.conversation_id = changed.conversation_id
     and m.id = changed.message_id;
  return null;
end
$$;
comment on function app.count_reaction() is 'Trigger: a message counts its reactions, and changes by that.';

create or replace trigger on_message_reactions_insert__count
after insert on public.message_reactions
for each row when (new.visibility = 'normal')
execute function app.count_reaction();
create or replace trigger on_message_reactions_delete__count
after delete on public.message_reactions
for each row when (old.visibility = 'normal')
execute function app.count_reaction();

create or replace function public.toggle_reaction(p_conversation uuid, p_message uuid, p_emoji text)
returns boolean
language plpgsql
as $$
begin
  delete from public.message_reactions r
   where r.conversation_id = p_conversation
     and r.message_id = p_message
     and r.actor_id = (select auth.uid())
     and r.emoji = p_emoji;
  if found then
    return false;
  end if;
  insert into public.message_reactions (conversation_id, message_id, emoji)
  values (p_conversation, p_message, p_emoji)
  on conflict do nothing;
  return true;
end
$$;
comment on function public.toggle_reaction(uuid, uuid, text) is
  'Takes a conversation, a message and an emoji; gives the caller''s reaction or takes it back, and tells whether it is there now. Errors: 42501 as for speaking, PT404 no_such_message, PT422 reactions_full, PT429 rate_limited, 23514 for a blank or long emoji.';
