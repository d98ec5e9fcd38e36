select app.reset('public.conversations');

-- Conversations are opened and changed by functions only; their last words are for members only.
grant select on public.conversations to authenticated;
grant select, insert, update, delete on public.conversations to service_role;

create policy "members read their conversations"
on public.conversations for select to authenticated
using (app.is_member(id));
