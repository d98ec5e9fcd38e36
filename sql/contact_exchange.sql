-- Telephone numbers and addresses in messages, where an organisation wants both to agree first.

create or replace function app.contact_pattern()
returns text
language sql immutable
set search_path = ''
as $$
  -- An e-mail address, also one spelt with (at), or seven digits and more with what people put between them.
  select '([[:alnum:]._%+-]+[[:space:]]*(@|[(\[][[:space:]]*at[[:space:]]*[)\]])[[:space:]]*[[:alnum:]-]+([.][[:alnum:]-]+)+'
      || '|[+]?[(]?[0-9]([[:space:]().\/-]{0,3}[0-9]){6,})'
$$;
comment on function app.contact_pattern() is 'Gives the regular expression of what counts as a contact.';

create or replace function app.may_exchange_contacts(p_conversation uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- consents are their owner's
as $$
  select not exists (
    select
      from public.conversation_members m
      join public.profiles p on p.id = m.member_id
     where m.conversation_id = p_conversation
       and m.left_at is null
       and p.kind = 'human'
       and not exists (select
                         from public.consents k
                        where k.user_id = m.member_id
                          and k.purpose = 'contact_exchange'
                          and k.conversation_id = p_conversation
                          and k.withdrawn_at is null))
$$;
comment on function app.may_exchange_contacts(uuid) is 'Takes a conversation; tells whether all people in it have agreed that contacts are told there.';

create or replace function app.contact_rule(p_org uuid, p_conversation uuid, p_body text)
returns text
language sql stable
security definer set search_path = ''  -- as may_exchange_contacts
as $$
  select case when app.setting(p_org, 'contact_exchange') #>> '{}' = 'free'
                or p_body !~* app.contact_pattern()
                or app.may_exchange_contacts(p_conversation)
              then 'free'
              else app.setting(p_org, 'contact_exchange') #>> '{}' end
$$;
comment on function app.contact_rule(uuid, uuid, text) is
  'Takes an organisation, a conversation in it and a body; gives what becomes of a message that says so: free, mask or hold.';

create or replace function app.mask_contacts(p_body text)
returns text
language sql immutable
set search_path = ''
as $$
  select regexp_replace(p_body, app.contact_pattern(), '•••', 'gi')
$$;
comment on function app.mask_contacts(text) is 'Takes a body; gives it without contacts.';

create or replace function public.allow_contact_exchange(p_conversation uuid, p_allow boolean default true)
returns boolean
language plpgsql
security definer set search_path = ''  -- consents are written by functions only
as $$
declare
  me uuid := app.me();
begin
  if not app.is_member(p_conversation) then
    perform app.refuse('not_member');
  elsif p_allow then
    insert into public.consents (user_id, purpose, conversation_id)
    values (me, 'contact_exchange', p_conversation)
    on conflict do nothing;
  else
    update public.consents k
       set withdrawn_at = clock_timestamp()
     where k.user_id = me
       and k.purpose = 'contact_exchange'
       and k.conversation_id = p_conversation
       and k.withdrawn_at is null;
  end if;
  return app.may_exchange_contacts(p_conversation);
end
$$;
comment on function public.allow_contact_exchange(uuid, boolean) is
  'Takes a conversation and whether the caller agrees that contacts are told there, or no longer; tells whether now all agree. Errors: PT401 signed_out, PT404 not_member.';
