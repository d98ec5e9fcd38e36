-- Records that are only ever added to.

create or replace function app.keep_record()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  -- Earlier wordings, and who really said it, go with their message, when a conversation is deleted for good.
  if tg_op = 'DELETE' and tg_table_name in ('message_edits', 'message_private') then
    if not exists (select
                     from public.messages m
                    where m.conversation_id = old.conversation_id
                      and m.id = old.message_id) then
      return old;
    end if;
  end if;
  perform app.refuse('append_only');
  return null;
end
$$;
comment on function app.keep_record() is 'Trigger: refuses changes and deletions, whoever asks. Errors: 42501 append_only.';

create or replace trigger on_audit_log_change__refuse
before update or delete on public.audit_log
for each row execute function app.keep_record();
create or replace trigger on_audit_log_truncate__refuse
before truncate on public.audit_log
for each statement execute function app.keep_record();
create or replace trigger on_message_edits_change__refuse
before update or delete on public.message_edits
for each row execute function app.keep_record();

create or replace function app.audit(
  p_action text,
  p_table text default null,
  p_key text default null,
  p_diff jsonb default null,
  p_reason text default null
)
returns void
language sql
security definer set search_path = ''  -- nobody writes records directly
as $$
  insert into public.audit_log (org_id, actor_id, action, table_name, row_key, diff, reason)
  values (app.my_org(), auth.uid(), p_action, p_table, p_key, p_diff, p_reason)
$$;
comment on function app.audit(text, text, text, jsonb, text) is
  'Takes what was done, to which table and row, what changed and why; records it with the person asking and the time.';
