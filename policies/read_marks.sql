select app.reset('public.read_marks');

grant select on public.read_marks to authenticated;
grant select, insert, update, delete on public.read_marks to service_role;

create policy "members who show how far they have read see it of the others"
on public.read_marks for select to authenticated
using (app.is_member(conversation_id) and app.i_show_receipts());
