select app.reset('public.user_blocks');

-- Blocks are made by block_user, which also asks whether the person is there.
grant select on public.user_blocks to authenticated;
grant select, insert, update, delete on public.user_blocks to service_role;

create policy "people read whom they have blocked, and not who has blocked them"
on public.user_blocks for select to authenticated
using (blocker_id = (select auth.uid()));
