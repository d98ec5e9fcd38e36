-- Restrictions end when they say; nothing has to run for that.

create or replace function app.reckon_expiry()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.expires_at is null and new.duration_hours is not null then
    new.expires_at := new.created_at + make_interval(hours => new.duration_hours);
  end if;
  return new;
end
$$;
comment on function app.reckon_expiry() is 'Trigger: a restriction of so many hours ends that long after it began.';

create or replace trigger on_user_restrictions_insert__reckon_expiry
before insert on public.user_restrictions
for each row execute function app.reckon_expiry();
