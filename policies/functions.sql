-- Who may call what. What is not named here is the business of triggers and of other functions.

select app.close_functions();

-- Policies and row triggers run as the caller, who must therefore be able to name the rules.
grant usage on schema app to authenticated, service_role, authenticator;
-- Whoever inserts a row with a default written out calls the default's function.
grant usage on schema base to authenticated, service_role;
grant execute on function
  app.my_org(),
  app.my_overseen_orgs(),
  app.my_orgs_teams(),
  app.my_conversations(),
  app.is_member(uuid),
  app.is_admin(uuid),
  app.role_of(uuid),
  app.role_in(uuid, uuid),
  app.may_manage_role(uuid, uuid, text),
  app.may_manage_team(uuid, uuid),
  app.can_do(uuid, text),
  app.can_read(uuid, integer, text, uuid),
  app.can_post(uuid),
  app.can_react(uuid),
  app.can_edit(uuid, uuid, text, timestamptz),
  app.can_delete(uuid, uuid, timestamptz),
  app.sees_message(uuid, uuid),
  app.i_show_receipts(),
  app.shows_presence_to_me(uuid),
  app.refuse(text, text, double precision),
  app.refusals(),
  app.refuse_message(uuid, uuid, text),
  app.conversation_of_topic(text),
  app.may_signal(uuid, text)
to authenticated, service_role;

grant execute on function
  public.get_or_create_conversation(uuid, uuid),
  public.create_group(text, uuid[], text, text),
  public.update_conversation_settings(uuid, jsonb),
  public.create_client_group(uuid),
  public.create_persona(text, text, text),
  public.get_conversations(integer, text, uuid, text, text, uuid, text),
  public.set_conversation_prefs(uuid, jsonb),
  public.search_rooms(text, integer),
  public.add_members(uuid, uuid[], text),
  public.remove_member(uuid, uuid),
  public.set_member_role(uuid, uuid, text),
  public.leave_conversation(uuid),
  public.join_room(text),
  public.invite_member(uuid, uuid, text),
  public.answer_invite(uuid, boolean),
  public.block_user(uuid, integer),
  public.unblock_user(uuid),
  public.send_message(uuid, text, uuid, uuid, uuid, uuid[], text, jsonb),
  public.get_messages(uuid, bigint, bigint, integer, uuid, uuid),
  public.sync_conversation(uuid, bigint, integer),
  public.sync_all(jsonb, integer),
  public.edit_message(uuid, uuid, text),
  public.delete_message(uuid, uuid, text),
  public.message_history(uuid, uuid),
  public.forward_message(uuid, uuid, uuid[]),
  public.toggle_reaction(uuid, uuid, text),
  public.pin_message(uuid, uuid),
  public.unpin_message(uuid, uuid),
  public.star_message(uuid, uuid, boolean),
  public.mark_read(uuid, bigint),
  public.mark_unread(uuid, bigint),
  public.mark_all_read(),
  public.mark_delivered(jsonb),
  public.read_by(uuid, uuid),
  public.read_at(public.messages),
  public.heartbeat(text, boolean),
  public.set_status(text, text, text, timestamptz),
  public.who_is_online(uuid[]),
  public.set_typing(uuid, boolean, uuid),
  public.who_is_typing(uuid),
  public.open_oversight(uuid, text, integer),
  public.oversee_messages(uuid, bigint, integer)
to authenticated, service_role;
