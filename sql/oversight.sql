-- Admins read everywhere, where their organisation says so, and leave a trace when they must.

create or replace function public.open_oversight(p_conversation uuid, p_reason text, p_minutes integer default 60)
returns public.oversight_grants
language plpgsql
security definer set search_path = ''  -- grants and records are nobody's to write
as $$
declare
  made public.oversight_grants;
begin
  perform app.require_admin();
  if not exists (select
                   from public.conversations c
                  where c.id = p_conversation
                    and c.org_id = app.my_org()
                    and app.setting(c.org_id, 'oversight_mode') <> '"off"') then
    perform app.refuse('not_member');
  end if;
  insert into public.oversight_grants (admin_id, conversation_id, reason, expires_at)
  values (app.me(), p_conversation, p_reason, app.now() + make_interval(mins => least(greatest(p_minutes, 1), 1440)))
  returning * into made;
  perform app.audit('open_oversight', 'conversations', p_conversation::text, jsonb_build_object('expires_at', made.expires_at), p_reason);
  return made;
end
$$;
comment on function public.open_oversight(uuid, text, integer) is
  'Takes a conversation of the caller''s organisation, a reason and for how many minutes (at most 1440); lets the admin read it by oversee_messages and puts that on record. Errors: PT401 signed_out, PT403 not_admin, PT404 not_member where the organisation has no oversight, 23514 without a reason.';

create or replace function public.oversee_messages(p_conversation uuid, p_before_seq bigint default null, p_limit integer default 50)
returns setof public.messages
language plpgsql stable
security definer set search_path = ''  -- reads past the policies, by a grant that has an end
as $$
begin
  perform app.require_admin();
  -- No policy knows this grant: it ends by itself, and a policy that asks the time could not be remembered.
  if not exists (select
                   from public.oversight_grants g
                   join public.conversations c on c.id = g.conversation_id
                  where g.admin_id = auth.uid()
                    and g.conversation_id = p_conversation
                    and g.expires_at > app.now()
                    and c.org_id = app.my_org()
                    and app.setting(c.org_id, 'oversight_mode') <> '"off"') then
    perform app.refuse('no_grant');
  end if;
  return query
    select page.*
      from (select m.*
              from public.messages m
             where m.conversation_id = p_conversation
               and m.seq < coalesce(p_before_seq, 9223372036854775807)
             order by m.seq desc, m.sub desc
             limit least(greatest(p_limit, 0), 1000)) page
     order by page.seq, page.sub;
end
$$;
comment on function public.oversee_messages(uuid, bigint, integer) is
  'Takes a conversation that the admin has opened, a seq to stay below and how many (at most 1000); gives messages in order. Errors: PT401 signed_out, PT403 not_admin or no_grant.';
