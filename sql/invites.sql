-- Asking people in.

create or replace function public.invite_member(p_conversation uuid, p_invitee uuid, p_role text default 'member')
returns public.conversation_invites
language plpgsql
security definer set search_path = ''  -- invitations are written by functions only
as $$
declare
  me uuid := app.me();
  made public.conversation_invites;
begin
  perform app.require_right(p_conversation, 'invite');
  perform app.require_may_give(p_conversation, p_role);
  if p_role = 'owner' then
    perform app.refuse('bad_role');
  end if;
  perform app.require_can_join(p_conversation, p_invitee);
  perform app.take('open');

  insert into public.conversation_invites as i (conversation_id, invitee_id, invited_by, role, expires_at)
  values (p_conversation, p_invitee, me, p_role, app.now() + interval '14 days')
  on conflict (conversation_id, invitee_id) where state = 'pending' do update
     set invited_by = excluded.invited_by,
         role = excluded.role,
         expires_at = excluded.expires_at
  returning * into made;
  return made;
end
$$;
comment on function public.invite_member(uuid, uuid, text) is
  'Takes a conversation, a person and the role they would have; asks them in for 14 days and gives the invitation, the same one if it is still open. For owners, admins and moderators. Errors: PT401 signed_out, PT403 not_manager or the rule that forbids it, PT404 not_member or no_such_person, PT422 bad_role, PT429 rate_limited.';

create or replace function public.invite_by_email(p_conversation uuid, p_email text, p_role text default 'member')
returns public.conversation_invites
language plpgsql
security definer set search_path = ''  -- invitations are written by functions only
as $$
declare
  me uuid := app.me();
  address text := lower(btrim(p_email));
  made public.conversation_invites;
begin
  perform app.require_right(p_conversation, 'invite');
  perform app.require_may_give(p_conversation, p_role);
  if p_role = 'owner' then
    perform app.refuse('bad_role');
  end if;
  perform app.take('mail_invite');

  select i.* into made
    from public.conversation_invites i
   where i.conversation_id = p_conversation
     and i.email = address
     and i.state = 'pending';
  if made.id is null then
    insert into public.conversation_invites (conversation_id, email, invited_by, role, expires_at)
    values (p_conversation, address, me, p_role, app.now() + interval '14 days')
    returning * into made;
  end if;
  -- The same for whoever has an account and whoever has not, so that nobody learns which.
  perform walkie.enqueue_job('mail', jsonb_build_object(
            'to', address,
            'subject', format('%s invites you to %s', p.display_name, coalesce(c.title, 'a conversation')),
            'text', format(E'%s invites you to %s.\n\nSign in or sign up with this address to answer: {{site_url}}\n', p.display_name, coalesce(c.title, 'a conversation')),
            'html', format('<p>%s invites you to <b>%s</b>.</p><p><a href="{{site_url}}">Sign in or sign up with this address to answer</a></p>',
                           app.html(p.display_name), app.html(coalesce(c.title, 'a conversation')))))
     from public.profiles p, public.conversations c
    where p.id = me
      and c.id = p_conversation;
  perform app.attach_invites(address);
  return made;
exception when check_violation or not_null_violation then
  perform app.refuse('bad_address');
end
$$;
comment on function public.invite_by_email(uuid, text, text) is
  'Takes a conversation, an address and the role; sends mail, and whoever has or makes an account with that address, confirmed, finds the invitation there, if the two may write to each other. Gives the invitation. For owners, admins and moderators. Errors: PT401 signed_out, PT403 not_manager, PT404 not_member, PT422 bad_role or bad_address, PT429 rate_limited.';

create or replace function app.attach_invites(p_email text)
returns void
language sql
security definer set search_path = ''  -- accounts are their owner's
as $$
  update public.conversation_invites i
     set invitee_id = u.id
    from auth.users u
    join public.profiles p on p.id = u.id
   where i.email = lower(p_email)
     and i.invitee_id is null
     and i.state = 'pending'
     and i.expires_at > app.now()
     and u.email = lower(p_email)
     and u.email_confirmed_at is not null
     and u.id <> i.invited_by
     and (app.can_message(i.invited_by, u.id)).allowed
     and not exists (select
                       from public.conversation_invites other
                      where other.conversation_id = i.conversation_id
                        and other.invitee_id = u.id
                        and other.state = 'pending')
$$;
comment on function app.attach_invites(text) is 'Takes an address; open invitations that were sent there become those of the person whose it is, if it is confirmed and the rules let the two write to each other.';

create or replace function app.find_invites()
returns trigger
language plpgsql
security definer set search_path = ''  -- the account is written by a role that has no rights in public
as $$
begin
  perform app.attach_invites(new.email);
  return null;
end
$$;
comment on function app.find_invites() is 'Trigger: whoever confirms an address finds the invitations sent to it.';

create or replace trigger on_auth_users_insert__take_invites
after insert on auth.users
for each row when (new.email_confirmed_at is not null)
execute function app.find_invites();
create or replace trigger on_auth_users_update__take_invites
after update of email, email_confirmed_at on auth.users
for each row when (new.email_confirmed_at is not null
                   and (old.email_confirmed_at is null or old.email is distinct from new.email))
execute function app.find_invites();

create or replace function public.answer_invite(p_invite uuid, p_accept boolean)
returns public.conversation_invites
language plpgsql
security definer set search_path = ''  -- the invited writes no memberships
as $$
declare
  me uuid := app.me();
  answered public.conversation_invites;
begin
  -- The one who asked takes it back; the invited accepts or declines.
  update public.conversation_invites i
     set state = case when i.invitee_id <> me then 'revoked' when p_accept then 'accepted' else 'declined' end,
         answered_at = app.now()
   where i.id = p_invite
     and i.state = 'pending'
     and i.expires_at > app.now()
     and (i.invitee_id = me or i.invited_by = me and not p_accept)
  returning i.* into answered;
  if answered.id is null then
    perform app.refuse('no_such_invite');
  end if;
  if answered.state = 'accepted' then
    perform app.admit(answered.conversation_id, array[me], answered.role, false);
  end if;
  return answered;
end
$$;
comment on function public.answer_invite(uuid, boolean) is
  'Takes an invitation and whether it is accepted; the invited comes in or declines, the one who asked takes it back with false. Gives the invitation. Errors: PT401 signed_out, PT404 no_such_invite, also when it has expired.';
