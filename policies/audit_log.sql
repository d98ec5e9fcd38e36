select app.reset('public.audit_log');

-- Records come from functions and triggers alone; not even the service writes or removes one.
grant select on public.audit_log to authenticated, service_role;

create policy "overseers read what was done in their organisation"
on public.audit_log for select to authenticated
using (org_id in (select app.my_overseen_orgs()));
