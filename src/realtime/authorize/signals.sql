-- A text that changes whenever something may change who sees what without a trace in the log;
-- the first transaction that may still be running and the next to begin; Postgres's clock in microseconds since 1970.
select md5(concat_ws('|',
         (select string_agg(concat_ws(',', oid, rolname, rolsuper, rolinherit, rolbypassrls, rolconfig), ';' order by oid)
            from pg_catalog.pg_roles),
         (select string_agg(concat_ws(',', roleid, member, xmin), ';' order by roleid, member, xmin::text)
            from pg_catalog.pg_auth_members),
         (select string_agg(concat_ws(',', setdatabase, setrole, xmin), ';' order by setdatabase, setrole)
            from pg_catalog.pg_db_role_setting),
         (select concat(count(*), sum(hashtext(xmin::text)::bigint)) from pg_catalog.pg_policy),
         (select concat(count(*), sum(hashtext(concat(oid, xmin))::bigint)) from pg_catalog.pg_proc where oid >= 16384),
         (select concat(count(*), sum(hashtext(concat(oid, xmin))::bigint)) from pg_catalog.pg_namespace),
         (select concat(count(*), sum(hashtext(concat(oid, relrowsecurity, relforcerowsecurity, relowner, relacl::text, reloptions::text))::bigint))
            from pg_catalog.pg_class where relkind in ('r', 'p', 'v')),
         (select concat(count(*), sum(hashtext(concat(attrelid, attnum, attacl::text))::bigint))
            from pg_catalog.pg_attribute where attacl is not null),
         (select concat(count(*), sum(hashtext(concat(oid, xmin))::bigint)) from pg_catalog.pg_publication),
         (select concat(count(*), sum(hashtext(concat(oid, xmin))::bigint)) from pg_catalog.pg_publication_rel))),
       pg_snapshot_xmin(pg_current_snapshot())::text,
       pg_snapshot_xmax(pg_current_snapshot())::text,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint
