select app.reset('public.consents');

-- Written by functions alone, since what is withdrawn stays on record.
grant select on public.consents to authenticated;
grant select, insert, update, delete on public.consents to service_role;

create policy "people read what they have agreed to"
on public.consents for select to authenticated
using (user_id = (select auth.uid()));
