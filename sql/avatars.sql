-- Pictures of people and personas: objects of bucket avatars, in a folder of each one's id.

create or replace function app.may_dress(p_path text)
returns boolean
language sql stable
security definer set search_path = ''  -- looks at personas whichever policy profiles have
as $$
  select exists (
    select
      from public.profiles p
     where p.id = case when p_path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[^/]+$' then split_part(p_path, '/', 1)::uuid end
       and p.erased_at is null
       and (p.id = (select auth.uid())
            or p.kind = 'persona' and p.org_id = app.my_org() and app.is_admin((select auth.uid()))))
$$;
comment on function app.may_dress(text) is
  'Takes a path in bucket avatars; tells whether it is in the folder of the person asking, or of a persona that they may dress.';

create or replace function app.drop_avatar()
returns trigger
language plpgsql
security definer set search_path = ''  -- as drop_objects
as $$
declare
  before text := coalesce(current_setting('storage.allow_delete_query', true), '');
begin
  perform set_config('storage.allow_delete_query', 'true', true);
  -- Whatever else is in the folder of somebody who is there may be worn next.
  delete from storage.objects o
   where o.bucket_id = 'avatars'
     and o.name collate "C" between old.id || '/' and old.id || '0'
     and (o.name = old.avatar_path or new.erased_at is not null);
  perform set_config('storage.allow_delete_query', before, true);
  return null;
end
$$;
comment on function app.drop_avatar() is 'Trigger: a picture that is not worn any more goes, and with a person all of theirs.';

create or replace trigger on_profiles_update__drop_avatar
after update of avatar_path, erased_at on public.profiles
for each row when (old.avatar_path <> coalesce(new.avatar_path, '') or old.erased_at is null and new.erased_at is not null)
execute function app.drop_avatar();
