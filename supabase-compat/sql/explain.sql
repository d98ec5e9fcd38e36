-- Why somebody does or does not hear of a row, step by step, as Postgres itself decides each.

create or replace function realtime.row_values(p_table oid, p_key jsonb)
returns text[]
language plpgsql stable
security definer set search_path = ''  -- the server may not read what it is asked about; the log tells it all the same
-- Nobody's policies count here, and values are printed as the log prints them.
set row_security = off set datestyle = 'ISO' set intervalstyle = 'postgres' set timezone = 'UTC'
set bytea_output = 'hex' set extra_float_digits = 1
as $$
declare
  condition text;
  outputs text;
  found text[];
begin
  if not exists (
    select
      from pg_catalog.pg_publication_tables t
      join pg_catalog.pg_namespace n on n.nspname = t.schemaname
      join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
     where t.pubname in ('supabase_realtime', 'supabase_realtime_bulk') and c.oid = p_table)
  then
    return null;
  end if;

  -- Without the length of a type: a cast to char(2) would cut the value that is looked for.
  select string_agg(format('t.%I = %L::%s', a.attname, p_key ->> a.attname, format_type(a.atttypid, -1)), ' and ')
    into condition
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
   where i.indrelid = p_table
     and i.indisprimary;
  select string_agg(format('case when t.%1$I is distinct from null then format(''%%s'', t.%1$I) end', a.attname), ', ' order by a.attnum)
    into outputs
    from pg_catalog.pg_attribute a
   where a.attrelid = p_table
     and a.attnum > 0
     and not a.attisdropped;

  execute format('select array[%s] from %s as t where %s', outputs, p_table::regclass, coalesce(condition, 'false')) into found;
  return found;
end
$$;
comment on function realtime.row_values(oid, jsonb) is
  'Takes a published table and the values of its primary key by column; gives the values of that row as text, in the order of the columns, whoever may see it. Null when there is no such row or the table is not published. Errors: 22P02 and the like for a value that is none of its type.';

create or replace function realtime.judge(
  p_table regclass,
  p_condition text,
  p_row text,
  p_role text,
  p_claims text,
  p_search_path text,
  out verdict boolean,
  out failure text,
  out took_ms integer
)
language plpgsql
set search_path = ''
as $$
declare
  caller text := current_setting('role');
  caller_claims text := coalesce(current_setting('request.jwt.claims', true), '');
  began timestamptz := clock_timestamp();
begin
  if exists (select from pg_catalog.pg_prepared_statements where name = 'walkie_judge') then
    deallocate walkie_judge;
  end if;
  begin
    -- Parsed as the caller: a person may not enter every schema that a policy names.
    execute format('prepare walkie_judge (text) as select coalesce((select %s from unnest(array[$1::%s]) as %I), false)',
      p_condition, p_table, (select relname from pg_catalog.pg_class where oid = p_table));
    perform set_config('search_path', p_search_path, true),
            set_config('request.jwt.claims', p_claims, true),
            set_config('role', p_role, true);
    execute pg_catalog.format('execute walkie_judge (%L)', p_row) into verdict;
    perform pg_catalog.set_config('role', caller, true),
            pg_catalog.set_config('request.jwt.claims', caller_claims, true),
            pg_catalog.set_config('search_path', '', true);
  exception when others then
    -- What the block had put on is off again.
    failure := format('SQLSTATE %s: %s', sqlstate, sqlerrm);
  end;
  took_ms := extract(epoch from clock_timestamp() - began) * 1000;
end
$$;
comment on function realtime.judge(regclass, text, text, text, text, text) is
  'Takes a table, a condition on its rows, a row as text, and a person (role, claims, search_path); gives whether the condition holds of the row when that person asks, or what it raised, and how long that took. The caller must be allowed to become the role.';

create or replace function realtime.explain(
  p_table regclass,
  p_key jsonb default null,
  p_role text default 'authenticated',
  p_claims jsonb default '{}',
  p_event text default '*',
  p_row text default null,
  p_search_path text default current_setting('search_path')
)
returns table (step text, ok boolean, says text)
language plpgsql
set search_path = ''
as $$
declare
  relation record;
  published record;
  claims text := (jsonb_build_object('role', p_role) || p_claims)::text;
  permissive text;
  restrictive text;
  policy record;
  judged record;
  told text[];
  keys text[];
  hidden text[];
begin
  select c.oid, c.relkind, c.relispartition, c.relreplident, c.relrowsecurity
    into relation
    from pg_catalog.pg_class c
   where c.oid = p_table;

  -- Is it told at all?
  step := 'table';
  ok := relation.relkind in ('r', 'p');
  says := case when ok then format('%s is a table', p_table)
               else format('%s is no table: the log tells of tables alone', p_table) end;
  return next;

  step := 'publication';
  select p.oid,
         p.pubname,
         t.rowfilter,
         t.attnames,
         array_remove(array[case when p.pubinsert then 'INSERT' end,
                            case when p.pubupdate then 'UPDATE' end,
                            case when p.pubdelete then 'DELETE' end], null) as events
    into published
    from pg_catalog.pg_publication p
    left join (
      select t.pubname, t.rowfilter, t.attnames
        from pg_catalog.pg_publication_tables t
        join pg_catalog.pg_namespace n on n.nspname = t.schemaname
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
       where c.oid = p_table) t on t.pubname = p.pubname
   where p.pubname in ('supabase_realtime', 'supabase_realtime_bulk')
   order by t.attnames is null, p.pubname
   limit 1;
  if published.oid is null then
    ok := false;
    says := 'there is no publication supabase_realtime: walkie check has the SQL that makes it';
  elsif published.attnames is null then
    ok := false;
    says := format('%s is not published: alter publication supabase_realtime add table %1$s', p_table);
    if relation.relispartition then
      says := says || '. It is a partition, and changes of partitions are told as those of their table';
    end if;
  elsif p_event in ('INSERT', 'UPDATE', 'DELETE') and not p_event = any (published.events) then
    ok := false;
    says := format('%s is published, but not its %s: only %s', p_table, p_event, array_to_string(published.events, ', '));
  else
    ok := true;
    says := format('%s is published%s: %s', p_table,
      case when published.pubname = 'supabase_realtime_bulk' then ' in ' || published.pubname else '' end,
      array_to_string(published.events, ', '));
    select array_agg(a.attname::text order by a.attnum)
      into hidden
      from pg_catalog.pg_attribute a
     where a.attrelid = p_table
       and a.attnum > 0
       and not a.attisdropped
       and not a.attname = any (published.attnames);
    if hidden is not null then
      says := says || format('; without the columns %s', array_to_string(hidden, ', '));
    end if;
  end if;
  return next;

  step := 'identity';
  select array_agg(a.attname::text order by a.attnum)
    into keys
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
   where i.indrelid = p_table
     and i.indisprimary;
  ok := keys is not null;
  says := case when ok then format('its primary key is (%s)', array_to_string(keys, ', '))
               else format('%s has no primary key: subscribers hear that something happened, and not what', p_table) end
       || case relation.relreplident
            when 'f' then '; replica identity full: the log has rows as they were before'
            when 'n' then '; replica identity nothing: Postgres refuses updates and deletes'
            else '; of a row before an update or a deletion the log has the replica identity alone'
          end;
  return next;

  -- May the role look at it?
  select r.* into judged from realtime.judge(p_table, format('pg_catalog.row_security_active(%s)', p_table::oid), null, p_role, claims, p_search_path) r;
  if judged.failure is not null then
    step := 'role';
    ok := false;
    says := format('the server cannot work as %s: %s', p_role, judged.failure);
    return next;
    return;
  end if;

  step := 'grants';
  select array_agg(a.attname::text order by a.attnum) filter (where not has_column_privilege(p_role, p_table, a.attnum, 'select')),
         array_agg(a.attname::text order by a.attnum) filter (where has_column_privilege(p_role, p_table, a.attnum, 'select'))
    into hidden, told
    from pg_catalog.pg_attribute a
   where a.attrelid = p_table
     and a.attnum > 0
     and not a.attisdropped;
  ok := told is not null and not coalesce(hidden, '{}') && coalesce(keys, '{}');
  says := case when told is null then format('%s may not select any column: grant select on %s to %1$I', p_role, p_table)
               when not ok then format('%s may not select the primary key, so rows are not shown: grant select (%s) on %s to %1$I', p_role, array_to_string(keys, ', '), p_table)
               when hidden is null then format('%s may select every column', p_role)
               else format('%s may not select %s: these are left out', p_role, array_to_string(hidden, ', ')) end;
  return next;

  step := 'row security';
  ok := true;
  says := case when judged.verdict then format('row security is on and binds %s', p_role)
               when relation.relrowsecurity then format('row security is on and does not bind %s', p_role)
               else 'row security is off: every row is shown' end;
  return next;

  -- Which row?
  if p_row is null and p_key is not null and keys is not null then
    step := 'row';
    begin
      if jsonb_typeof(p_key) <> 'object' and cardinality(keys) = 1 then
        p_key := jsonb_build_object(keys[1], p_key);
      end if;
      if jsonb_typeof(p_key) <> 'object' or not p_key ?& keys then
        ok := false;
        says := format('the key does not name the primary key: (%s)', array_to_string(keys, ', '));
        return next;
        return;
      end if;
      told := realtime.row_values(p_table, p_key);
      if told is null then
        ok := false;
        says := format('there is no row with the key %s', p_key);
      else
        ok := true;
        says := format('there is a row with the key %s', p_key);
        select '(' || string_agg(coalesce('"' || replace(replace(v, '\', '\\'), '"', '\"') || '"', ''), ',' order by n) || ')'
          into p_row
          from unnest(told) with ordinality as t (v, n);
      end if;
    exception when others then
      ok := null;
      says := format('the row cannot be looked up: SQLSTATE %s: %s', sqlstate, sqlerrm);
    end;
    return next;
  end if;
  if p_row is not null and published.rowfilter is not null then
    select r.* into policy from realtime.judge(p_table, published.rowfilter, p_row, current_setting('role'), claims, '') r;
    step := 'row filter';
    ok := policy.verdict;
    says := format('the publication tells rows where %s: this one %s', published.rowfilter,
      case when policy.failure is not null then 'fails with ' || policy.failure
           when policy.verdict then 'is told' else 'is not' end);
    return next;
  end if;
  if not judged.verdict then
    if p_row is not null then
      step := 'verdict';
      ok := true;
      says := format('no policy binds %s: they may see this row', p_role);
      return next;
    end if;
    return;
  end if;

  -- Each policy by itself, and then all of them, as they are joined for the person. They stand in
  -- the order in which Postgres asks them, last name first.
  for policy in
    select p.polname, p.polpermissive, coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') as condition
      from pg_catalog.pg_policy p
     where p.polrelid = p_table
       and p.polcmd in ('r', '*')
       and (p.polroles = '{0}' or exists (
             select from unnest(p.polroles) as role where pg_has_role(p_role, role, 'usage')))
     order by p.polpermissive desc, p.polname desc
  loop
    if policy.polpermissive then
      permissive := concat_ws(' or ', permissive, '(' || policy.condition || ')');
    else
      restrictive := concat_ws(' and ', restrictive, '(' || policy.condition || ')');
    end if;
    step := format('policy "%s"', policy.polname);
    ok := null;
    says := case when policy.polpermissive then 'permits rows' else 'restricts what others permit' end;
    if p_row is not null then
      select r.* into judged from realtime.judge(p_table, policy.condition, p_row, p_role, claims, p_search_path) r;
      ok := case when policy.polpermissive and not judged.verdict then null else judged.verdict end;
      says := case when judged.failure is not null then 'fails with ' || judged.failure
                   when judged.verdict and policy.polpermissive then 'permits this row'
                   when judged.verdict then 'leaves this row alone'
                   when policy.polpermissive then 'does not permit this row'
                   else 'forbids this row' end
           || case when judged.took_ms >= 100 then format(', after %s ms', judged.took_ms) else '' end;
    end if;
    return next;
  end loop;

  step := 'verdict';
  if permissive is null then
    ok := false;
    says := format('no policy of %s lets %s select anything', p_table, p_role);
    return next;
  elsif p_row is not null then
    select r.* into judged
      from realtime.judge(p_table, format('(%s) and (%s)', permissive, coalesce(restrictive, 'true')), p_row, p_role, claims, p_search_path) r;
    ok := coalesce(judged.verdict, false);
    says := case when judged.failure is not null then 'row security fails for this row with ' || judged.failure
                 when ok then 'row security lets them see this row'
                 else 'row security does not let them see this row' end;
    return next;
  end if;
end
$$;
comment on function realtime.explain(regclass, jsonb, text, jsonb, text, text, text) is
  'Tells why somebody does or does not hear of a row. Takes a table, a row (the values of its primary key, or the whole row as text), a person (role and claims) and an event; gives the steps in order, ok false where an event is stopped, null where nothing was decided. Policies are asked one by one, as the person. The caller must be allowed to become the role.';

revoke execute on function
  realtime.row_values(oid, jsonb),
  realtime.judge(regclass, text, text, text, text, text),
  realtime.explain(regclass, jsonb, text, jsonb, text, text, text)
from public;
grant execute on function
  realtime.row_values(oid, jsonb),
  realtime.judge(regclass, text, text, text, text, text),
  realtime.explain(regclass, jsonb, text, jsonb, text, text, text)
to authenticator;
