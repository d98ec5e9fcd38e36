-- For oids of tables: a text each that changes whenever the table's shape, grants, policies or publications do. Versions of catalog rows say so; ANALYZE and VACUUM write them in place.
select c.oid,
       md5(concat_ws('|',
         c.xmin,
         (select string_agg(concat_ws(',', attnum, xmin), ';' order by attnum)
            from pg_catalog.pg_attribute where attrelid = c.oid and attnum > 0),
         (select string_agg(concat_ws(',', oid, xmin), ';' order by oid)
            from pg_catalog.pg_policy where polrelid = c.oid),
         (select string_agg(concat_ws(',', indexrelid, xmin), ';' order by indexrelid)
            from pg_catalog.pg_index where indrelid = c.oid and (indisprimary or indisreplident)),
         (select string_agg(concat_ws(',', inhparent, xmin), ';' order by inhparent)
            from pg_catalog.pg_inherits where inhrelid = c.oid),
         (select string_agg(concat_ws(',', oid, xmin), ';' order by oid)
            from pg_catalog.pg_publication_rel where prrelid = c.oid),
         (select string_agg(concat_ws(',', oid, xmin), ';' order by oid)
            from pg_catalog.pg_publication_namespace where pnnspid = c.relnamespace),
         (select string_agg(concat_ws(',', oid, xmin), ';' order by oid)
            from pg_catalog.pg_publication)))
  from pg_catalog.pg_class c
 where c.oid = any ($1)
