-- Stored generated columns are streamed like others. Before PostgreSQL 18 the log leaves them out.

do $$
begin
  -- A publication that somebody else made stays as they made it.
  if current_setting('server_version_num')::int >= 180000
     and exists (
       select from pg_catalog.pg_publication
        where pubname = 'supabase_realtime'
          and obj_description(oid, 'pg_publication') like 'Tables in it reach subscribers live.%') then
    execute 'alter publication supabase_realtime set (publish_generated_columns = stored)';
  end if;
end
$$;
