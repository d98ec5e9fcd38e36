-- How people want to be told: quiet hours, digests, browsers to wake.

create or replace function app.timezone_of(p_user uuid)
returns text
language plpgsql stable
security definer set search_path = ''  -- asked about others
as $$
declare
  zone text := (select p.timezone from public.profiles p where p.id = p_user);
begin
  perform now() at time zone zone;
  return coalesce(zone, 'UTC');
exception when invalid_parameter_value then
  return 'UTC';  -- people type what they like into their profile
end
$$;
comment on function app.timezone_of(uuid) is 'Takes a person; gives their time zone, UTC if they name none that exists.';

create or replace function app.quiet_until(p_user uuid)
returns timestamptz
language sql stable
security definer set search_path = ''  -- settings are their owner's
as $$
  select (here.today + case when s.quiet_from < s.quiet_to or here.clock < s.quiet_to then 0 else 1 end + s.quiet_to) at time zone here.zone
    from public.notification_settings s
   cross join lateral (select z.zone, (app.now() at time zone z.zone)::date as today, (app.now() at time zone z.zone)::time as clock
                         from (select app.timezone_of(s.user_id) as zone) z) here
   where s.user_id = p_user
     and case when s.quiet_from <= s.quiet_to then here.clock >= s.quiet_from and here.clock < s.quiet_to
              else here.clock >= s.quiet_from or here.clock < s.quiet_to end
$$;
comment on function app.quiet_until(uuid) is 'Takes a person; gives when their quiet hours end, if they are in them, else null.';

create or replace function app.next_digest(p_user uuid, p_digest text, p_at time)
returns timestamptz
language sql stable
security definer set search_path = ''  -- as timezone_of
as $$
  select case p_digest
           when 'hourly' then date_trunc('hour', app.now()) + interval '1 hour'
           when 'daily' then (here.today + case when here.clock < p_at then 0 else 1 end + p_at) at time zone here.zone
           when 'weekly' then (here.monday + case when here.today = here.monday and here.clock < p_at then 0 else 7 end + p_at) at time zone here.zone
         end
    from (select z.zone,
                 (app.now() at time zone z.zone)::date as today,
                 (app.now() at time zone z.zone)::time as clock,
                 date_trunc('week', app.now() at time zone z.zone)::date as monday
            from (select app.timezone_of(p_user) as zone) z) here
$$;
comment on function app.next_digest(uuid, text, time) is
  'Takes a person, how often and at what time of their day; gives when their next digest is due: on the hour, or every day or Monday at that time; null when off.';

create or replace function app.plan_digest()
returns trigger
language plpgsql
security definer set search_path = ''  -- as timezone_of
as $$
begin
  if tg_op = 'INSERT' then
    new.user_id := coalesce(auth.uid(), new.user_id);
  end if;
  new.digest_next := app.next_digest(new.user_id, new.digest, new.digest_at);
  return new;
end
$$;
comment on function app.plan_digest() is 'Trigger: fills whose the settings are, and when the next digest is due.';

create or replace trigger on_notification_settings_insert__plan_digest
before insert on public.notification_settings
for each row execute function app.plan_digest();
create or replace trigger on_notification_settings_update__plan_digest
before update of digest, digest_at on public.notification_settings
for each row execute function app.plan_digest();

create or replace function app.replan_digest()
returns trigger
language plpgsql
security definer set search_path = ''  -- digest_next is nobody's to write
as $$
begin
  update public.notification_settings s
     set digest_next = app.next_digest(s.user_id, s.digest, s.digest_at)
   where s.user_id = new.id;
  return null;
end
$$;
comment on function app.replan_digest() is 'Trigger: whoever moves to another time zone gets digests by its clock.';

create or replace trigger on_profiles_update__replan_digest
after update of timezone on public.profiles
for each row when (old.timezone is distinct from new.timezone)
execute function app.replan_digest();

create or replace function app.fill_owner()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.user_id := coalesce((select auth.uid()), new.user_id);
  return new;
end
$$;
comment on function app.fill_owner() is 'Trigger: whose a row is need not be said.';

create or replace trigger on_notification_preferences_insert__fill_owner
before insert on public.notification_preferences
for each row execute function app.fill_owner();
create or replace trigger on_user_settings_insert__fill_owner
before insert on public.user_settings
for each row execute function app.fill_owner();

create or replace function public.push_key()
returns text
language sql stable
security definer set search_path = ''  -- what servers offer is not served
as $$
  select walkie.offered('push_key')
$$;
comment on function public.push_key() is
  'Gives the public key for pushManager.subscribe({userVisibleOnly: true, applicationServerKey}), or null where no server wakes browsers.';

create or replace function public.save_push_subscription(p_subscription jsonb, p_user_agent text default null)
returns void
language plpgsql
security definer set search_path = ''  -- subscriptions are the platform's
as $$
begin
  perform app.take('signal');
  perform walkie.subscribe_push(app.me(), p_subscription, p_user_agent);
exception when check_violation or not_null_violation or invalid_text_representation or numeric_value_out_of_range or datetime_field_overflow then
  perform app.refuse('bad_subscription');
end
$$;
comment on function public.save_push_subscription(jsonb, text) is
  'Takes what PushSubscription.toJSON() gives, and a name for the browser; from now on it is woken when the caller is told of something while away. Errors: PT401 signed_out, PT422 bad_subscription, PT429 rate_limited.';

create or replace function public.drop_push_subscription(p_endpoint text)
returns boolean
language sql
security definer set search_path = ''  -- as save_push_subscription
as $$
  select walkie.unsubscribe_push(app.me(), p_endpoint)
$$;
comment on function public.drop_push_subscription(text) is
  'Takes an endpoint of the caller''s; that browser is woken no longer. False if it was not. Errors: PT401 signed_out.';
