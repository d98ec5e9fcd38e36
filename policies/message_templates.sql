select app.reset('public.message_templates');

grant select,
      insert (scope, shortcut, title, body, category),
      update (scope, shortcut, title, body, category),
      delete
   on public.message_templates to authenticated;
grant select, insert, update, delete on public.message_templates to service_role;

create policy "people read their own templates, shared ones, and admins the admins'"
on public.message_templates for select to authenticated
using (app.may_use_template(scope, org_id, owner_id));

create policy "people write their own templates, admins shared ones"
on public.message_templates for insert to authenticated
with check (app.may_write_template(scope, org_id, owner_id));

create policy "people change their own templates, admins shared ones"
on public.message_templates for update to authenticated
using (app.may_write_template(scope, org_id, owner_id));

create policy "people delete their own templates, admins shared ones"
on public.message_templates for delete to authenticated
using (app.may_write_template(scope, org_id, owner_id));
