-- What people say often.

create or replace function app.file_template()
returns trigger
language plpgsql
security definer set search_path = ''  -- the organisation is the writer's, whatever the row says
as $$
begin
  if auth.uid() is not null then
    new.org_id := app.my_org();
  end if;
  new.owner_id := case when new.scope = 'personal' then coalesce(new.owner_id, auth.uid()) end;
  return new;
end
$$;
comment on function app.file_template() is 'Trigger: a template belongs to its writer''s organisation, a personal one to the writer.';

create or replace trigger on_message_templates_write__file
before insert or update of scope on public.message_templates
for each row execute function app.file_template();

create or replace function app.may_use_template(p_scope text, p_org uuid, p_owner uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- looks up organisation and role
as $$
  select case p_scope
           when 'personal' then p_owner = (select auth.uid())
           when 'org' then p_org = app.my_org()
           else p_org = app.my_org() and app.is_admin((select auth.uid()))
         end
$$;
comment on function app.may_use_template(text, uuid, uuid) is
  'Takes a template''s scope, organisation and owner; tells whether the person asking may read and use it.';

create or replace function app.may_write_template(p_scope text, p_org uuid, p_owner uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- as may_use_template
as $$
  select case p_scope
           when 'personal' then p_owner = (select auth.uid())
           else p_org = app.my_org() and app.is_admin((select auth.uid()))
         end
$$;
comment on function app.may_write_template(text, uuid, uuid) is
  'Takes a template''s scope, organisation and owner; tells whether the person asking may write it: their own, or as an admin those that are shared.';

create or replace function app.fill(p_text text, p_values jsonb)
returns text
language sql immutable
set search_path = ''
as $$
  -- In one pass, so that a value that looks like a blank stays what it is.
  select string_agg(part.piece[1] || coalesce(p_values ->> part.piece[3], part.piece[2], ''), '' order by part.place)
    from regexp_matches(p_text, '(.*?)(?:(\{\{\s*([[:alnum:]_]+)\s*\}\})|$)', 'g') with ordinality part (piece, place)
$$;
comment on function app.fill(text, jsonb) is
  'Takes a text with {{blanks}} and an object; gives the text with those filled that the object has.';

create or replace function public.render_template(p_template uuid, p_vars jsonb default '{}')
returns text
language plpgsql
security definer set search_path = ''  -- counting is nobody's to write
as $$
declare
  used text;
begin
  perform app.me();
  if jsonb_typeof(p_vars) is distinct from 'object' or pg_column_size(p_vars) > 65536 then
    perform app.refuse('bad_variables');
  end if;
  update public.message_templates t
     set use_count = t.use_count + 1
   where t.id = p_template
     and app.may_use_template(t.scope, t.org_id, t.owner_id)
  returning t.body into used;
  if used is null then
    perform app.refuse('no_such_template');
  end if;
  return app.fill(used, p_vars);
end
$$;
comment on function public.render_template(uuid, jsonb) is
  'Takes a template and an object of values; gives its words with the blanks filled and counts the use. Blanks without a value stay as they are. Errors: PT401 signed_out, PT404 no_such_template, PT422 bad_variables.';
