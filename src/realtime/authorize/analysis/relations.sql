-- Relations, and what the log tells of their rows. $2 names the publications that are followed.
with wanted as (
  select c.oid, c.relname, c.relnamespace, c.relkind, c.relpersistence, c.relreplident, c.relispartition,
         case when c.relispartition
              then array(select ancestor.relid::oid from pg_partition_ancestors(c.oid) as ancestor (relid))
              else array[c.oid]
         end as line
    from pg_catalog.pg_class c
   where c.oid = any ($1)
),
-- Where a table, or a partitioned table that it is part of, is published with all that happens.
published as (
  select w.oid, pub.pubviaroot, member.relid
    from wanted w
    cross join pg_catalog.pg_publication pub
    cross join unnest(w.line) as member (relid)
    join pg_catalog.pg_class c on c.oid = member.relid
   where pub.pubname = any ($2)
     and pub.pubinsert and pub.pubupdate and pub.pubdelete and pub.pubtruncate
     and (pub.puballtables
          or exists (select
                       from pg_catalog.pg_publication_rel r
                      where r.prpubid = pub.oid and r.prrelid = member.relid
                        and r.prqual is null and r.prattrs is null)
          or exists (select
                       from pg_catalog.pg_publication_namespace s
                      where s.pnpubid = pub.oid and s.pnnspid = c.relnamespace))
),
-- The tables that hold the rows, whose identity is what the log knows an old row by.
leaves as (
  select w.oid, leaf.oid as leaf, leaf.relreplident
    from wanted w
    join pg_catalog.pg_class leaf
      on leaf.oid = w.oid and w.relkind <> 'p'
      or w.relkind = 'p' and leaf.relkind = 'r'
         and leaf.oid in (select tree.relid from pg_partition_tree(w.oid) as tree where tree.isleaf)
)
select w.oid,
       -- The name that the log uses.
       coalesce((select p.relid
                   from published p
                  where p.oid = w.oid and p.pubviaroot and w.relispartition
                  order by array_position(w.line, p.relid) desc
                  limit 1), w.oid) as logged_as,
       format('%I.%I', n.nspname, w.relname) as name,
       w.relkind::text as kind,
       w.relpersistence::text as persistence,
       n.nspname in ('pg_catalog', 'information_schema', 'pg_toast') as is_system,
       w.relkind <> 'p' and exists (select from pg_catalog.pg_inherits i where i.inhparent = w.oid) as has_children,
       exists (select from published p
                where p.oid = w.oid and (w.relkind <> 'p' or p.pubviaroot)
                  and (p.relid = w.oid or p.pubviaroot)) as is_told,
       array(select a.attnum from pg_catalog.pg_attribute a
              where a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as numbers,
       array(select a.attname::text from pg_catalog.pg_attribute a
              where a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as names,
       array(select a.attnum from pg_catalog.pg_attribute a
              where a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> '') as generated,
       -- Columns that old images hold in every leaf.
       array(select a.attnum from pg_catalog.pg_attribute a
              where a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
                and exists (select from leaves l where l.oid = w.oid)
                and not exists (
                  select
                    from leaves l
                   where l.oid = w.oid
                     and not case l.relreplident
                           when 'f' then true
                           when 'n' then false
                           else exists (
                             select
                               from pg_catalog.pg_index i
                               join pg_catalog.pg_attribute known
                                 on known.attrelid = l.leaf and known.attnum = any (i.indkey)
                              where i.indrelid = l.leaf
                                and case l.relreplident when 'd' then i.indisprimary else i.indisreplident end
                                and known.attname = a.attname)
                         end)) as identity,
       -- Columns of its unique indexes, an array of numbers as text each.
       array(select i.indkey::text
               from pg_catalog.pg_index i
              where i.indrelid = w.oid and i.indisunique and i.indisvalid and i.indimmediate
                and i.indpred is null and i.indexprs is null and i.indnkeyatts = i.indnatts) as unique_keys
  from wanted w
  join pg_catalog.pg_namespace n on n.oid = w.relnamespace
