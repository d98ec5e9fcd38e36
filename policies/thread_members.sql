select app.reset('public.thread_members');

-- Written by triggers, follow_thread and mark_thread_read alone.
grant select on public.thread_members to authenticated;
grant select, insert, update, delete on public.thread_members to service_role;

create policy "people read which threads they follow"
on public.thread_members for select to authenticated
using (user_id = (select auth.uid()));
