select app.reset('public.conversations');

-- Conversations are opened and changed by functions only; their last words are for members only.
grant select on public.conversations to authenticated;
grant select, insert, update, delete on public.conversations to service_role;

-- Clients list this table without a filter: one's memberships are gathered once, not asked row by row.
create policy "members read their conversations"
on public.conversations for select to authenticated
using (id in (select app.my_conversations()));
