-- Drops the functions that sql/ no longer states. Runs in the transaction that has just stated the others,
-- so a function of ours that this transaction did not write is an orphan. In app all functions are ours;
-- in public only those that an earlier sweep recorded.
do $$
declare
  orphan regprocedure;
  users text;
begin
  perform set_config('search_path', '', true);  -- a signature is written with its schemas, whoever installs

  for orphan in
    select p.oid
      from pg_catalog.pg_proc p
     where p.xmin <> pg_current_xact_id()::xid
       and (p.pronamespace = 'app'::regnamespace
            or p.pronamespace = 'public'::regnamespace
               and exists (select
                             from app.installed_functions ours
                            where ours.signature = p.oid::regprocedure::text))
  loop
    begin
      execute format('drop %s %s',
        case (select prokind from pg_catalog.pg_proc where oid = orphan) when 'p' then 'procedure' else 'function' end,
        orphan);
    exception when dependent_objects_still_exist then
      get stacked diagnostics users = pg_exception_detail;
      raise exception '% is no longer part of the product, but something still uses it', orphan
        using errcode = 'dependent_objects_still_exist',
              detail = users,
              hint = 'Change or drop what uses it, then install again.';
    end;
  end loop;

  delete from app.installed_functions;
  insert into app.installed_functions (signature)
  select p.oid::regprocedure::text
    from pg_catalog.pg_proc p
   where p.pronamespace = 'public'::regnamespace
     and p.xmin = pg_current_xact_id()::xid;
end
$$;
