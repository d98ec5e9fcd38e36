select app.reset('public.files');

-- Made by uploads, deleted by delete_file.
grant select, update (name, folder) on public.files to authenticated;
grant select, insert, update, delete on public.files to service_role;

create policy "members see the files of their conversations"
on public.files for select to authenticated
using (current_version is not null and app.can_read(conversation_id, chapter, visibility, owner_id));

create policy "people see what they have brought"
on public.files for select to authenticated
using (owner_id = (select auth.uid()) and app.is_member(conversation_id));

create policy "admins see files where their organisation oversees"
on public.files for select to authenticated
using (current_version is not null and org_id in (select app.my_overseen_orgs()));

create policy "owners, and who renames the conversation, name and file it"
on public.files for update to authenticated
using (deleted_at is null
       and (owner_id = (select auth.uid()) and app.can_post(conversation_id) or app.can_do(conversation_id, 'rename')));
