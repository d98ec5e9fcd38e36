select app.reset('public.inbox');

-- Pointers are moved by functions; what is one's own choice may be written directly.
grant select,
      update (notify_level, muted_until, pinned_at, pin_order, priority, draft)
   on public.inbox to authenticated;
grant select, insert, update, delete on public.inbox to service_role;

create policy "people read their own inbox, where they are in"
on public.inbox for select to authenticated
using (member_id = (select auth.uid()) and conversation_id in (select app.my_conversations()));

create policy "people keep their own inbox"
on public.inbox for update to authenticated
using (member_id = (select auth.uid()));
