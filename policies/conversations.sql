select app.reset('public.conversations');

-- Clocks, counters and last words are filled by triggers; the other settings by functions.
grant select,
      insert (kind, title, slug, description, topic, visibility, category_id, posting),
      update (title, description, topic, category_id, posting, slow_mode_s, no_forward, priority),
      delete
   on public.conversations to authenticated;
grant select, insert, update, delete on public.conversations to service_role;

-- Clients list this table without a filter: one's memberships are gathered once, not asked row by row.
create policy "members read their conversations"
on public.conversations for select to authenticated
using (id in (select app.my_conversations()));

-- An insert is answered before its maker is a member.
create policy "makers read a conversation in which nobody is yet"
on public.conversations for select to authenticated
using (created_by = (select auth.uid()) and member_count = 0);

create policy "admins read where their organisation oversees"
on public.conversations for select to authenticated
using (org_id in (select app.my_overseen_orgs()));

create policy "people make groups and rooms of their organisation"
on public.conversations for insert to authenticated
with check (created_by = (select auth.uid()) and org_id = (select app.my_org()));

create policy "owners and admins say what a conversation is"
on public.conversations for update to authenticated
using (app.can_do(id, 'rename'));

-- A trigger puts it away instead.
create policy "owners put a conversation away"
on public.conversations for delete to authenticated
using (app.role_in(id, (select auth.uid())) = 'owner' and kind not in ('dm', 'engagement'));
