-- Saying who came, left or was removed, where the organisation wants it said.

create or replace function app.names_of(p_members uuid[])
returns text
language sql stable
security definer set search_path = ''  -- names those who have just gone, too
as $$
  select string_agg(who.display_name, ', ' order by who.place) filter (where who.place <= 3)
         || case when count(*) > 3 then format(' and %s more', count(*) - 3) else '' end
    from (select p.display_name, row_number() over (order by p.display_name, p.id) as place
            from public.profiles p
           where p.id = any (p_members)) who
$$;
comment on function app.names_of(uuid[]) is 'Takes people; gives the names of three of them, and how many more there are.';

create or replace function app.tell_membership(p_conversation uuid, p_kind text, p_members uuid[], p_by uuid)
returns void
language plpgsql
security definer set search_path = ''  -- nobody says it themselves
as $$
begin
  -- From the one concerned, since whoever is behind it may be an admin whom nobody there is to know.
  -- Nothing of those who are there from the founding on.
  insert into public.messages (conversation_id, sender_id, message_type, body, event)
  select c.id,
         p_members[1],
         'system',
         app.names_of(p_members) || case p_kind when 'joined' then ' joined' when 'left' then ' left' else ' was removed' end,
         jsonb_strip_nulls(jsonb_build_object('kind', p_kind, 'members', p_members,
           'by', case when c.kind <> 'persona_group' and app.role_in(c.id, p_by) is not null then p_by end))
    from public.conversations c
   where c.id = p_conversation
     and c.kind in ('group', 'room', 'announcement', 'persona_group')
     and c.created_at < now()
     and app.setting(c.org_id, 'membership_messages')::boolean;
end
$$;
comment on function app.tell_membership(uuid, text, uuid[], uuid) is
  'Takes a conversation, joined, left or removed, the members concerned and who did it; has the conversation say so, if its organisation wants that.';

create or replace function app.tell_arrivals()
returns trigger
language plpgsql
security definer set search_path = ''  -- as tell_membership
as $$
begin
  perform app.tell_membership(came.conversation_id, 'joined', came.members, auth.uid())
    from (select j.conversation_id, array_agg(j.member_id order by j.member_id) as members
            from joined j
           where j.left_at is null
           group by j.conversation_id) came;
  return null;
end
$$;
comment on function app.tell_arrivals() is 'Trigger: it is said who came.';

create or replace trigger on_conversation_members_insert__tell_arrivals
after insert on public.conversation_members
referencing new table as joined
for each statement execute function app.tell_arrivals();

create or replace function app.tell_changes()
returns trigger
language plpgsql
security definer set search_path = ''  -- as tell_membership
as $$
begin
  perform app.tell_membership(moved.conversation_id, moved.what, moved.members, moved.by)
    from (select now_.conversation_id,
                 change.what,
                 array_agg(now_.member_id order by now_.member_id) as members,
                 coalesce(min(now_.removed_by::text)::uuid, auth.uid()) as by
            from after now_
            join before was using (conversation_id, member_id)
           cross join lateral (select case when now_.left_at is null then 'joined'
                                           when now_.removed_by is null then 'left'
                                           else 'removed' end as what) change
           where (now_.left_at is null) <> (was.left_at is null)
           group by now_.conversation_id, change.what) moved;
  return null;
end
$$;
comment on function app.tell_changes() is 'Trigger: it is said who left, was removed, or came back.';

create or replace trigger on_conversation_members_update__tell
after update on public.conversation_members
referencing old table as before new table as after
for each statement execute function app.tell_changes();
