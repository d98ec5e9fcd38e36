-- The functions of storage belong to who owns its tables, whoever installs them; they may do what it
-- may, and no more.

do $$
declare
  own regprocedure;
begin
  for own in
    select p.oid
      from pg_catalog.pg_proc p
     where p.pronamespace = 'storage'::regnamespace
       and p.proowner <> 'supabase_storage_admin'::regrole
  loop
    execute format('alter function %s owner to supabase_storage_admin', own);
  end loop;
end
$$;
