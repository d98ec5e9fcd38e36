select app.reset('public.typing_states');

grant select on public.typing_states to authenticated;
grant select, insert, update, delete on public.typing_states to service_role;

create policy "members see who types"
on public.typing_states for select to authenticated
using (app.is_member(conversation_id));
