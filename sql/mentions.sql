-- Who is named in what is said.

create or replace function app.mentioned(p_conversation uuid, p_body text, p_wished uuid[], p_sender uuid)
returns uuid[]
language plpgsql stable
security definer set search_path = ''  -- settings of others decide
as $$
declare
  words text[];
begin
  -- Most messages name nobody, and that must cost nothing.
  if coalesce(strpos(p_body, '@'), 0) = 0 and coalesce(cardinality(p_wished), 0) = 0 then
    return '{}';
  end if;
  -- The full stop after a name ends the sentence.
  select array_agg(distinct name) into words
    from regexp_matches(p_body, '(?:^|[^[:alnum:]_@])@([[:alnum:]][[:alnum:]_.-]{0,31})', 'g') word,
         unnest(array[lower(word[1]), rtrim(lower(word[1]), '.-')]) name;
  return (
    select coalesce(array_agg(named.id order by named.id), '{}')
      from (select meant.id
              from (select p.id
                      from public.conversations c
                      join public.profiles p on p.org_id = c.org_id and p.username = any (words)
                     where c.id = p_conversation
                    union
                    select wished
                      from unnest(p_wished) wished) meant
             where meant.id <> p_sender
               and app.role_in(p_conversation, meant.id) is not null
               and not exists (select
                                 from public.user_privacy_settings s
                                where s.user_id = meant.id
                                  and (s.allow_mentions_from = 'nobody'
                                       or s.allow_mentions_from = 'contacts'
                                          and not exists (select
                                                            from public.user_contacts k
                                                           where k.owner_id = meant.id
                                                             and k.contact_id = p_sender)))
             order by meant.id
             limit 50) named);
end
$$;
comment on function app.mentioned(uuid, text, uuid[], uuid) is
  'Takes a conversation, a body, people whom the client names and the sender; gives the members, at most 50, who are meant by id or @username and let themselves be mentioned.';

create or replace function app.mentions_all(p_conversation uuid, p_body text)
returns boolean
language plpgsql stable
security definer set search_path = ''  -- as is_member
as $$
begin
  if coalesce(strpos(p_body, '@'), 0) = 0
     or p_body !~* '(^|[^[:alnum:]_@])@(all|here|channel)([^[:alnum:]_]|$)' then
    return false;
  end if;
  return (select c.member_count <= 100 or app.can_do(c.id, 'pin')
            from public.conversations c
           where c.id = p_conversation);
end
$$;
comment on function app.mentions_all(uuid, text) is
  'Takes a conversation and a body; tells whether it calls everybody: by @all, @here or @channel, among more than 100 for moderators only.';

create or replace function app.note_mentions()
returns trigger
language plpgsql
security definer set search_path = ''  -- inboxes are their owners'
as $$
declare
  newly uuid[];
begin
  delete from public.message_mentions k
   where k.conversation_id = new.conversation_id
     and k.message_id = new.id
     and not k.mentioned_id = any (new.mentions);
  with noted as (
    insert into public.message_mentions (conversation_id, message_id, mentioned_id, seq)
    select new.conversation_id, new.id, named, new.seq
      from unnest(new.mentions) named
    on conflict do nothing
    returning mentioned_id
  )
  select coalesce(array_agg(noted.mentioned_id), '{}') into newly from noted;

  if new.mentions_all and (tg_op = 'INSERT' or not old.mentions_all) then
    newly := (select array_agg(m.member_id)
                from public.conversation_members m
               where m.conversation_id = new.conversation_id
                 and m.left_at is null
                 and m.member_id <> new.sender_id);
  end if;

  update public.inbox i
     set mention_count = i.mention_count + 1
   where i.conversation_id = new.conversation_id
     and i.member_id = any (newly)
     and i.last_read_seq < new.seq;
  return null;
end
$$;
comment on function app.note_mentions() is
  'Trigger: whoever is mentioned finds it, and has one mention more in what is unread; a correction tells only those whom it adds.';

create or replace trigger on_messages_insert__note_mentions
after insert on public.messages
for each row when (new.visibility = 'normal' and (new.mentions <> '{}' or new.mentions_all))
execute function app.note_mentions();
create or replace trigger on_messages_update__note_mentions
after update on public.messages
for each row when (new.visibility = 'normal'
                   and (new.mentions is distinct from old.mentions or new.mentions_all is distinct from old.mentions_all))
execute function app.note_mentions();
