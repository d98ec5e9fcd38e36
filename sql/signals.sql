-- Who is heard: shadow bans, and what people keep to themselves.

create or replace function app.is_shadow_banned(p_conversation uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- nobody may read that they are
as $$
  select exists (
    select
      from public.user_restrictions r
     where r.user_id = (select auth.uid())
       and r.restriction_type = 'shadow_ban'
       and (r.conversation_id is null or r.conversation_id = p_conversation)
       and r.lifted_at is null
       and (r.expires_at is null or r.expires_at > now())
  )
$$;
comment on function app.is_shadow_banned(uuid) is
  'Takes a conversation; tells whether what the person asking sends there is for their own eyes alone.';

create or replace function app.may_signal(p_conversation uuid, p_extension text)
returns boolean
language sql stable
security definer set search_path = ''  -- as is_shadow_banned
as $$
  select case p_extension
           when 'broadcast' then not app.is_shadow_banned(p_conversation)
                             and coalesce((select s.show_typing from public.user_privacy_settings s where s.user_id = (select auth.uid())), true)
           when 'presence' then coalesce((select s.show_presence from public.user_privacy_settings s where s.user_id = (select auth.uid())), true)
           else false
         end
     and app.is_member(p_conversation)
$$;
comment on function app.may_signal(uuid, text) is
  'Takes a conversation and broadcast or presence; tells whether the others there may be told that the person asking types, or is there.';
