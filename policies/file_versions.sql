select app.reset('public.file_versions');

-- Made by uploads and restore_file_version.
grant select on public.file_versions to authenticated;
grant select, insert, update, delete on public.file_versions to service_role;

create policy "members see the versions that were found clean"
on public.file_versions for select to authenticated
using (scan_status in ('clean', 'skipped') and app.can_read(conversation_id, chapter, visibility, uploaded_by));

create policy "people see what they have brought"
on public.file_versions for select to authenticated
using (uploaded_by = (select auth.uid()) and app.is_member(conversation_id));

create policy "admins see clean versions where their organisation oversees"
on public.file_versions for select to authenticated
using (scan_status in ('clean', 'skipped') and org_id in (select app.my_overseen_orgs()));
