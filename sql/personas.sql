-- Groups that an organisation makes for each newcomer, with personas in them.

create or replace function app.make_client_group(p_client uuid)
returns uuid
language plpgsql
security definer set search_path = ''  -- called when an account is made, by a role without rights here
as $$
declare
  org uuid := (select p.org_id from public.profiles p where p.id = p_client);
  made uuid;
begin
  insert into public.conversations (org_id, kind, title, created_for)
  select org, 'persona_group', left('Group of ' || p.display_name, 200), p_client
    from public.profiles p
   where p.id = p_client
  returning id into made;
  perform app.admit(made, array[p_client], 'member', true);
  -- Those who sit in the fewest groups come first, so that all are seen about as often.
  perform app.admit(made, array_agg(chosen.id), 'member', true)
    from (select p.id
            from public.profiles p
           where p.org_id = org
             and p.kind = 'persona'
             and p.deactivated_at is null
             and p.erased_at is null
           order by (select count(*) from public.conversation_members m where m.member_id = p.id and m.left_at is null), p.id
           limit app.setting(org, 'default_persona_count')::int) chosen
  having count(*) > 0;
  return made;
end
$$;
comment on function app.make_client_group(uuid) is
  'Takes a new person; makes their persona_group, with as many personas as the organisation''s default_persona_count says and has, and gives its id.';

create or replace function public.create_client_group(p_client uuid)
returns public.conversations
language plpgsql
security definer set search_path = ''  -- memberships are written for others
as $$
declare
  new_id uuid;
  made public.conversations;
begin
  perform app.require_admin();
  if not exists (select
                   from public.profiles p
                  where p.id = p_client
                    and p.org_id = app.my_org()
                    and p.kind = 'human'
                    and p.erased_at is null) then
    perform app.refuse('no_such_person');
  end if;
  new_id := app.make_client_group(p_client);
  select c.* into made from public.conversations c where c.id = new_id;
  perform app.audit('create_client_group', 'conversations', made.id::text);
  return made;
end
$$;
comment on function public.create_client_group(uuid) is
  'Takes a person; makes a group for them with the organisation''s personas and gives it. For admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_person.';

create or replace function public.create_persona(p_name text, p_avatar text default null, p_bio text default null)
returns public.profiles
language plpgsql
security definer set search_path = ''  -- nobody else makes people
as $$
declare
  made public.profiles;
  new_id uuid := base.uuid7();
begin
  perform app.require_admin();
  insert into public.profiles (id, org_id, kind, display_name, username, avatar_path, bio)
  values (new_id, app.my_org(), 'persona', btrim(p_name), app.username(app.my_org(), new_id, p_name), p_avatar, p_bio)
  returning * into made;
  perform app.audit('create_persona', 'profiles', made.id::text);
  return made;
end
$$;
comment on function public.create_persona(text, text, text) is
  'Takes a name, an avatar''s path and a biography; makes a persona and gives it. For admins. Errors: PT401 signed_out, PT403 not_admin, 23514 for a blank or long name.';

create or replace function public.retire_persona(p_persona uuid, p_retired boolean default true)
returns public.profiles
language plpgsql
security definer set search_path = ''  -- deactivated_at is nobody's to write directly
as $$
declare
  changed public.profiles;
begin
  perform app.require_admin();
  update public.profiles p
     set deactivated_at = case when p_retired then coalesce(p.deactivated_at, app.now()) end
   where p.id = p_persona
     and p.kind = 'persona'
     and p.org_id = app.my_org()
     and p.erased_at is null
  returning p.* into changed;
  if changed.id is null then
    perform app.refuse('no_such_persona');
  end if;
  delete from public.persona_leases l where l.persona_id = p_persona and p_retired;
  perform app.audit(case when p_retired then 'retire_persona' else 'recall_persona' end, 'profiles', p_persona::text);
  return changed;
end
$$;
comment on function public.retire_persona(uuid, boolean) is
  'Takes a persona and whether it is retired, or comes back; a retired one keeps what it has said, speaks no more and is written to no more. Gives it. For admins. Errors: PT401 signed_out, PT403 not_admin, PT404 no_such_persona.';

create or replace function app.audit_group(p_conversation uuid, p_action text, p_target uuid)
returns void
language sql
security definer set search_path = ''  -- records are nobody's to write
as $$
  select app.audit(p_action, 'conversations', p_conversation::text, jsonb_build_object('target', p_target))
    from public.conversations c
   where c.id = p_conversation
     and c.kind = 'persona_group'
$$;
comment on function app.audit_group(uuid, text, uuid) is
  'Takes a conversation, what was done in it and to whom or what; puts that on record if it is a group that the organisation makes for people.';

create or replace function app.require_admin()
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if not app.is_admin(app.me()) then
    perform app.refuse('not_admin');
  end if;
end
$$;
comment on function app.require_admin() is
  'Returns if the person asking is an admin of their organisation. Errors: PT401 signed_out, PT403 not_admin.';
