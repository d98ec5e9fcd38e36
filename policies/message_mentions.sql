select app.reset('public.message_mentions');

grant select on public.message_mentions to authenticated;
grant select, insert, update, delete on public.message_mentions to service_role;

create policy "people find where they are mentioned, while they are members"
on public.message_mentions for select to authenticated
using (mentioned_id = (select auth.uid()) and app.is_member(conversation_id));
