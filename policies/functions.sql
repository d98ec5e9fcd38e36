-- Who may call what. What is not named here is the business of triggers and of other functions.

select app.close_functions();

-- Policies and row triggers run as the caller, who must therefore be able to name the rules.
grant usage on schema app to authenticated, service_role, authenticator;
-- Whoever inserts a row with a default written out calls the default's function.
grant usage on schema base to authenticated, service_role;
grant execute on function
  app.my_org(),
  app.is_member(uuid),
  app.my_conversations(),
  app.can_manage(uuid),
  app.can_read(uuid, integer, text, uuid),
  app.can_post(uuid),
  app.can_edit(uuid, uuid),
  app.can_delete(uuid, uuid),
  app.refuse_message(uuid, uuid),
  app.conversation_of_topic(text),
  app.may_signal(uuid, text)
to authenticated, service_role;

grant execute on function
  public.get_or_create_conversation(uuid),
  public.create_group(text, uuid[], text),
  public.get_conversations(integer),
  public.add_members(uuid, uuid[]),
  public.remove_member(uuid, uuid),
  public.leave_conversation(uuid),
  public.join_room(text),
  public.send_message(uuid, text, uuid, uuid),
  public.get_messages(uuid, bigint, bigint, integer),
  public.sync_conversation(uuid, bigint, integer),
  public.edit_message(uuid, uuid, text),
  public.delete_message(uuid, uuid),
  public.mark_read(uuid, bigint),
  public.my_sessions(),
  public.revoke_session(uuid),
  public.delete_my_account()
to authenticated, service_role;
