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
