select app.reset('public.message_hides');

-- delete_message hides; taking a row away shows the message again.
grant select, delete on public.message_hides to authenticated;
grant select, insert, update, delete on public.message_hides to service_role;

create policy "people read what they have hidden from themselves"
on public.message_hides for select to authenticated
using (user_id = (select auth.uid()));

create policy "people show themselves again what they had hidden"
on public.message_hides for delete to authenticated
using (user_id = (select auth.uid()));
