-- Views that stand for a table in subscriptions: only such as hide none of its rows, since the log has
-- the table's rows and nobody asks the view about them. What a view selects is read from its rule.

create or replace function realtime.node_fields(node text)
returns jsonb
language sql immutable
set search_path = ''
as $$
  with tokens as (
    select m.found[1] as token,
           m.place,
           sum(case when m.found[1] in ('{', '(') then 1 when m.found[1] in ('}', ')') then -1 else 0 end) over (order by m.place) as depth
      from regexp_matches(node, '(\\.|[{}()]|[^\\{}()]+)', 'g') with ordinality m (found, place)
  ),
  marked as (
    select string_agg(case when t.depth = 1 then replace(t.token, ' :', E'\x01') else t.token end, '' order by t.place) as whole
      from tokens t
  )
  select coalesce(jsonb_object_agg(split_part(field.text, ' ', 1), btrim(substr(field.text, strpos(field.text, ' ')), ' }')), '{}')
    from marked,
         regexp_split_to_table(marked.whole, E'\x01') with ordinality field (text, place)
   where field.place > 1
$$;
comment on function realtime.node_fields is
  'Takes a node of a rule as pg_node_tree prints it; gives its fields as text, without a closing brace at the end of one.';

create or replace function realtime.node_items(list text)
returns text[]
language sql immutable
set search_path = ''
as $$
  with tokens as (
    select m.found[1] as token,
           m.place,
           sum(case when m.found[1] in ('{', '(') then 1 when m.found[1] in ('}', ')') then -1 else 0 end) over (order by m.place) as depth
      from regexp_matches(list, '(\\.|[{}()]|[^\\{}()]+)', 'g') with ordinality m (found, place)
  )
  select string_to_array(string_agg(case when t.depth = 1 and btrim(t.token) = '' then E'\x01' else t.token end, '' order by t.place), E'\x01')
    from tokens t
   where t.depth > 1 or t.depth = 1 and t.token <> '('
$$;
comment on function realtime.node_items is 'Takes a list of nodes as pg_node_tree prints it; gives them one by one.';

create or replace function realtime.shows_all_of(view regclass, of_table regclass)
returns boolean
language plpgsql stable
set search_path = ''
as $$
declare
  query jsonb;
  source jsonb;
  item text;
  entry jsonb;
begin
  select realtime.node_fields(substr(r.ev_action::text, 2)) into query
    from pg_catalog.pg_rewrite r
    join pg_catalog.pg_class c on c.oid = r.ev_class
   where r.ev_class = view
     and c.relkind = 'v';
  source := realtime.node_fields(query ->> 'jointree' || '}');
  if query is null
     or source ->> 'quals' is distinct from '<>'
     or exists (select
                  from unnest(array['groupClause', 'groupingSets', 'havingQual', 'distinctClause', 'limitOffset', 'limitCount', 'setOperations']) field
                 where query ->> field is distinct from '<>')
     or query ->> 'hasAggs' is distinct from 'false'
     or query ->> 'hasTargetSRFs' is distinct from 'false'
     or cardinality(realtime.node_items(source ->> 'fromlist')) is distinct from 1
  then
    return false;
  end if;
  item := (realtime.node_items(source ->> 'fromlist'))[1];
  -- A left join hides nothing of its left side.
  while item like '{JOINEXPR %' loop
    entry := realtime.node_fields(item);
    if entry ->> 'jointype' is distinct from '1' then
      return false;
    end if;
    item := entry ->> 'larg' || '}';
  end loop;
  entry := realtime.node_fields((realtime.node_items(query ->> 'rtable'))[(realtime.node_fields(item) ->> 'rtindex')::integer]);
  return coalesce(entry ->> 'rtekind' = '0'
                  and (entry ->> 'relid')::oid = of_table
                  and entry ->> 'tablesample' = '<>', false);
end
$$;
comment on function realtime.shows_all_of is
  'Takes a view and a table; tells whether the view shows every row of the table: selects from it, joins by left joins at most, and leaves nothing out.';

create or replace function realtime.check_alias()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  view regclass := to_regclass(format('%I.%I', new.view_schema, new.view_name));
  of_table regclass := to_regclass(format('%I.%I', new.table_schema, new.table_name));
  missing text;
begin
  if view is null or of_table is null then
    raise exception using errcode = 'undefined_table',
      message = format('there is no %s', case when view is null then format('view %I.%I', new.view_schema, new.view_name)
                                              else format('table %I.%I', new.table_schema, new.table_name) end);
  end if;
  select case when shown.attname is null then format('the view has no column %I', named.here)
              else format('the table has no column %I', named.there) end
    into missing
    from jsonb_each_text(new.columns) named (here, there)
    left join pg_catalog.pg_attribute shown on shown.attrelid = view and shown.attname = named.here and not shown.attisdropped
    left join pg_catalog.pg_attribute kept on kept.attrelid = of_table and kept.attname = named.there and not kept.attisdropped
   where shown.attname is null
      or kept.attname is null
   order by named.here
   limit 1;
  if missing is not null then
    raise exception using errcode = 'undefined_column', message = missing;
  elsif not realtime.shows_all_of(view, of_table) then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('the view %s does not show every row of %s, so subscribers would hear of rows that it hides', view, of_table),
      hint = 'Select from the table itself, with left joins at most, and without where, group by, distinct or limit: let a policy of the table hide rows, or subscribers filter.';
  end if;
  return new;
end
$$;
comment on function realtime.check_alias is
  'Trigger: a view stands for a table only if it is there, its columns are the table''s, and it hides no row. Errors: 42P01, 42703, 22023.';

create or replace trigger on_aliases_write__check
before insert or update on realtime.aliases
for each row execute function realtime.check_alias();

revoke execute on function realtime.node_fields, realtime.node_items, realtime.shows_all_of, realtime.check_alias from public;
