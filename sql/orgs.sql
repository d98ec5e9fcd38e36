-- Organisations: their settings, the roles of their people, and who oversees.

create or replace function app.default_settings()
returns jsonb
language sql immutable
set search_path = ''
as $$
  select '{
    "dm_policy": ["open"],
    "admins_cross_team": true,
    "groups_by": "anyone",
    "default_role": "member",
    "private_defaults": false,
    "edit_window_s": 0,
    "delete_window_s": 0,
    "max_message_len": 40000,
    "show_history": true,
    "oversight_mode": "off",
    "persona_groups": false,
    "default_persona_count": 20,
    "new_account_hours": 0,
    "new_account_dms": 5,
    "search_language": "english",
    "membership_messages": false,
    "clients_delete_own": true,
    "contact_exchange": "free",
    "conversation_path": "/c/{id}",
    "max_file_mb": 50,
    "strip_pictures": false,
    "allowed_mime": ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic", "image/heif", "image/bmp", "image/tiff",
                     "audio/*", "video/*", "text/plain", "text/markdown", "text/csv", "text/calendar", "text/vcard",
                     "application/pdf", "application/rtf", "application/json", "application/zip", "application/gzip",
                     "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
                     "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                     "application/vnd.openxmlformats-officedocument.presentationml.presentation",
                     "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet",
                     "application/vnd.oasis.opendocument.presentation"]
  }'::jsonb
$$;
comment on function app.default_settings() is
  'Gives every setting of an organisation with its default. Windows in seconds, 0 for without end; megabytes of 1048576 bytes.';

create or replace function app.setting(p_org uuid, p_name text)
returns jsonb
language sql stable
security definer set search_path = ''  -- rules ask it for people who may not read the organisation
as $$
  select coalesce(o.settings -> p_name, app.default_settings() -> p_name)
    from public.orgs o
   where o.id = p_org
$$;
comment on function app.setting(uuid, text) is 'Takes an organisation and a setting''s name; gives its value there.';

create or replace function app.use_preset(p_rule text, p_settings jsonb)
returns void
language sql
set search_path = ''
as $$
  update public.orgs o
     set settings = o.settings || p_settings || jsonb_build_object('dm_policy',
           case when coalesce(current_setting('walkie.mix', true), '') <> 'on' or not o.settings ? 'dm_policy'
                then jsonb_build_array(p_rule)
                when o.settings -> 'dm_policy' ? p_rule
                then o.settings -> 'dm_policy'
                else (o.settings -> 'dm_policy') || jsonb_build_array(p_rule) end)
   where o.slug = coalesce(nullif(current_setting('walkie.org', true), ''), 'default')
$$;
comment on function app.use_preset(text, jsonb) is
  'Takes a rule of who may write to whom and settings; gives them to the organisation that the setting walkie.org names, else to default. With walkie.mix = on the rule is added to those that there are.';

create or replace function app.check_settings()
returns trigger
language plpgsql
security definer set search_path = ''  -- whoever changes an organisation need not be able to name the defaults
as $$
declare
  wrong text;
begin
  select given.key into wrong
    from jsonb_each(new.settings) given
    left join jsonb_each(app.default_settings()) known on known.key = given.key
   where known.key is null
      or jsonb_typeof(given.value) <> jsonb_typeof(known.value)
      or jsonb_typeof(given.value) = 'number' and not (given.value)::numeric between 0 and 2147483647
      or given.key = 'max_message_len' and not (given.value)::numeric between 1 and 40000
      or given.key = 'default_persona_count' and not (given.value)::numeric between 0 and 200
      or given.key = 'dm_policy' and not (given.value <@ '["open", "team", "engagement", "persona", "community"]'
                                          and given.value <> '[]')
      or given.key = 'groups_by' and given.value not in ('"anyone"', '"admins"')
      or given.key = 'oversight_mode' and given.value not in ('"off"', '"open"', '"break_glass"')
      or given.key = 'search_language' and not exists (select
                                                          from pg_catalog.pg_ts_config c
                                                         where c.cfgname = given.value #>> '{}'
                                                           and c.cfgnamespace = 'pg_catalog'::regnamespace)
      or given.key = 'contact_exchange' and given.value not in ('"free"', '"mask"', '"hold"')
      or given.key = 'conversation_path' and given.value #>> '{}' !~ '^/[A-Za-z0-9/_.?=&{}-]{0,199}$'
      or given.key = 'allowed_mime' and exists (
           select
             from jsonb_array_elements(case when jsonb_typeof(given.value) = 'array' then given.value else '[]' end) allowed
            where jsonb_typeof(allowed) <> 'string'
               or allowed #>> '{}' !~ '^(\*/\*|[a-z0-9][a-z0-9.+-]*/(\*|[a-z0-9][a-z0-9.+-]*))$')
      or given.key = 'default_role' and given.value not in ('"client"', '"consultant"', '"member"')
   order by given.key
   limit 1;
  if wrong is not null then
    perform app.refuse('bad_setting', wrong);
  end if;
  return new;
end
$$;
comment on function app.check_settings() is
  'Trigger: an organisation has only settings that exist, with values of their kind. Errors: PT422 bad_setting, details names it.';

create or replace trigger on_orgs_write__check_settings
before insert or update of settings on public.orgs
for each row execute function app.check_settings();

create or replace function app.role_of(p_user uuid)
returns text
language sql stable
security definer set search_path = ''  -- rules ask it about others
as $$
  select m.role
    from public.org_members m
    join public.profiles p on p.id = m.user_id and p.org_id = m.org_id
   where m.user_id = p_user
     and m.suspended_at is null
$$;
comment on function app.role_of(uuid) is 'Takes a person; gives their role in their organisation, null when suspended.';

create or replace function app.is_admin(p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as role_of
as $$
  select coalesce(app.role_of(p_user) in ('admin', 'superadmin'), false)
$$;
comment on function app.is_admin(uuid) is 'Takes a person; tells whether they are an admin or superadmin of their organisation.';

create or replace function app.may_manage_role(p_org uuid, p_user uuid, p_role text)
returns boolean
language sql stable
security definer set search_path = ''  -- as role_of
as $$
  select p_org = app.my_org()
     and p_user <> (select auth.uid())
     and (app.role_of((select auth.uid())) = 'superadmin'
          or app.role_of((select auth.uid())) = 'admin' and p_role <> 'superadmin')
$$;
comment on function app.may_manage_role(uuid, uuid, text) is
  'Takes an organisation, a person and a role; tells whether the person asking may give or take it: superadmins all, admins all but superadmin, nobody their own.';

create or replace function app.my_overseen_orgs()
returns setof uuid
language sql stable
security definer set search_path = ''  -- policies ask it
as $$
  select o.org_id
    from app.overseers o
   where o.user_id = (select auth.uid())
$$;
comment on function app.my_overseen_orgs() is 'Gives the organisations whose every conversation the person asking may read.';

create or replace function app.appoint_overseers()
returns trigger
language plpgsql
security definer set search_path = ''  -- who oversees is nobody's to write
as $$
declare
  changed uuid[];
begin
  if tg_table_name = 'orgs' then
    changed := array[new.id];
  elsif tg_op = 'DELETE' then
    changed := array[old.org_id];
  else
    changed := array[new.org_id];
  end if;
  delete from app.overseers o
   where o.org_id = any (changed)
     and not exists (select
                       from public.org_members m
                      where m.org_id = o.org_id
                        and m.user_id = o.user_id
                        and m.role in ('admin', 'superadmin')
                        and m.suspended_at is null
                        and app.setting(m.org_id, 'oversight_mode') = '"open"');
  insert into app.overseers (org_id, user_id)
  select m.org_id, m.user_id
    from public.org_members m
   where m.org_id = any (changed)
     and m.role in ('admin', 'superadmin')
     and m.suspended_at is null
     and app.setting(m.org_id, 'oversight_mode') = '"open"'
  on conflict do nothing;
  return null;
end
$$;
comment on function app.appoint_overseers() is
  'Trigger: where an organisation''s oversight is open, exactly its admins are overseers.';

create or replace trigger on_orgs_update__appoint_overseers
after update of settings on public.orgs
for each row when (old.settings is distinct from new.settings)
execute function app.appoint_overseers();
create or replace trigger on_org_members_update__appoint_overseers
after update or delete on public.org_members
for each row execute function app.appoint_overseers();
create or replace trigger on_org_members_insert__appoint_overseers
after insert on public.org_members
for each row when (new.role in ('admin', 'superadmin'))
execute function app.appoint_overseers();

create or replace function app.record_role()
returns trigger
language plpgsql
security definer set search_path = ''  -- records are nobody's to write
as $$
begin
  perform app.audit('change_role', 'org_members', new.user_id::text,
                    jsonb_build_object('from', old.role, 'to', new.role, 'suspended_at', new.suspended_at));
  return null;
end
$$;
comment on function app.record_role() is 'Trigger: a changed role is on record.';

create or replace trigger on_org_members_update__record_role
after update on public.org_members
for each row when (old.role is distinct from new.role or old.suspended_at is distinct from new.suspended_at)
execute function app.record_role();

create or replace function app.my_orgs_teams()
returns setof uuid
language sql stable
security definer set search_path = ''  -- policies ask it
as $$
  select t.id
    from public.teams t
   where t.org_id = (select app.my_org())
$$;
comment on function app.my_orgs_teams() is 'Gives the teams of the organisation of the person asking.';

create or replace function app.may_manage_team(p_team uuid, p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as role_of
as $$
  select app.is_admin((select auth.uid()))
     and exists (
       select
         from public.teams t
         join public.profiles p on p.org_id = t.org_id
        where t.id = p_team
          and t.org_id = app.my_org()
          and p.id = p_user)
$$;
comment on function app.may_manage_team(uuid, uuid) is
  'Takes a team and a person; tells whether the person asking may put them in, change or take them out: an admin of the organisation of both.';
