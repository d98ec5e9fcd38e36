-- Tools that policies/ begins with: everything is closed first, then opened by name.

create or replace function app.reset(p_table regclass)
returns void
language plpgsql
set search_path = ''
as $$
declare
  policy name;
begin
  for policy in
    select polname from pg_catalog.pg_policy where polrelid = p_table
  loop
    execute format('drop policy %I on %s', policy, p_table);
  end loop;
  execute format('revoke all on %s from public, anon, authenticated, service_role', p_table);
  execute format('alter table %s enable row level security', p_table);
end
$$;
comment on function app.reset(regclass) is
  'Takes a table; drops its policies, revokes all rights of the API roles and switches row security on.';

create or replace function app.close_functions()
returns void
language plpgsql
set search_path = ''
as $$
declare
  restated regprocedure;
begin
  for restated in
    select p.oid
      from pg_catalog.pg_proc p
     where p.pronamespace in ('app'::regnamespace, 'public'::regnamespace)
       and p.xmin = pg_current_xact_id()::xid
  loop
    execute format('revoke all on function %s from public, anon, authenticated, service_role', restated);
  end loop;
end
$$;
comment on function app.close_functions() is
  'Revokes from everybody the functions that this transaction has stated, and no others: a function of the operator''s own keeps its rights.';
