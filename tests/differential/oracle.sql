-- The judge of the differential test: what changed, and who may see it, told by Postgres alone.
-- Nothing here is known to the server: the journal is written by triggers, the verdicts are plain
-- selects under somebody's role and claims.

create schema oracle;
-- Rows that are not in their table any more are judged in a table of the same name and policies.
create schema twin;
grant usage on schema twin to public;

create table oracle.journal (
  number bigint generated always as identity primary key,
  xid bigint not null default (pg_current_xact_id()::text::numeric % 4294967296)::bigint,
  leaf oid not null,
  kind text not null,
  has_old boolean not null,
  old_text text,
  new_text text,
  old_row jsonb,
  new_row jsonb
);

create function oracle.note()
returns trigger
language plpgsql
security definer set search_path = ''
as $$
begin
  insert into oracle.journal (leaf, kind, has_old, old_text, new_text, old_row, new_row)
  select tg_relid,
         tg_op,
         (select relreplident = 'f' from pg_catalog.pg_class where oid = tg_relid),
         case when tg_op <> 'INSERT' then old::text end,
         case when tg_op <> 'DELETE' then new::text end,
         case when tg_op <> 'INSERT' then to_jsonb(old) end,
         case when tg_op <> 'DELETE' then to_jsonb(new) end;
  return null;
end
$$;

-- Asks a yes-or-no question as somebody. An error is no.
create function oracle.ask(role text, claims text, question text)
returns text
language plpgsql
as $$
declare
  answer boolean;
  failure text;
begin
  begin
    perform set_config('request.jwt.claims', claims, true);
    perform set_config('role', role, true);
    execute question into answer;
  exception when others then
    failure := sqlstate;
  end;
  perform set_config('role', 'none', true);
  return case when failure is not null then failure when answer then 'yes' else 'no' end;
end
$$;

-- A table with the policies of another, whose rows are whatever is put into it.
create function oracle.make_twin(original oid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  name text;
  whole_row text;
  policy record;
begin
  select relname into name from pg_catalog.pg_class where oid = original;
  execute format('create table twin.%I (like %s)', name, original::regclass);
  execute format('grant select on twin.%I to public', name);
  if (select relrowsecurity from pg_catalog.pg_class where oid = original) then
    execute format('alter table twin.%I enable row level security', name);
  end if;
  -- A policy may hand the whole row on as the table's own type.
  select format('ROW(%s)::%s', string_agg(format('%I.%I', name, attname), ', ' order by attnum), original::regclass)
    into whole_row
    from pg_catalog.pg_attribute
   where attrelid = original and attnum > 0 and not attisdropped;
  for policy in
    select p.polname,
           p.polpermissive,
           coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') as expression,
           (select string_agg(case when role = 0 then 'public' else quote_ident(r.rolname) end, ', ')
              from unnest(p.polroles) as role
              left join pg_catalog.pg_roles r on r.oid = role) as roles
      from pg_catalog.pg_policy p
     where p.polrelid = original and p.polcmd in ('r', '*')
  loop
    execute format('create policy %I on twin.%I as %s for select to %s using (%s)',
      policy.polname, name,
      case when policy.polpermissive then 'permissive' else 'restrictive' end,
      policy.roles,
      replace(policy.expression, quote_ident(name) || '.*', whole_row));
  end loop;
end
$$;

-- What is to be known of a table, the same for all of its changes.
create function oracle.table_of(leaf oid)
returns table (original oid, schema_name text, table_name text, is_published boolean, key text[])
language sql stable
as $$
  select c.oid,
         n.nspname,
         c.relname,
         exists (select
                   from pg_publication_tables p
                  where p.pubname = 'supabase_realtime'
                    and p.schemaname = n.nspname
                    and p.tablename = c.relname),
         array(select a.attname::text
                 from pg_index i
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                where i.indrelid = c.oid and i.indisprimary
                order by a.attnum)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = case when (select pubviaroot from pg_publication where pubname = 'supabase_realtime')
                      then coalesce(pg_partition_root(leaf)::oid, leaf)
                      else leaf
                 end
$$;

-- Judges one image for everybody: 'yes', 'no' or the SQLSTATE of its error, in their order.
-- The row as it is now is selected from its table, anything else from the twin.
create function oracle.judge_image(original oid, image text, image_row jsonb, key text[], people jsonb)
returns jsonb
language plpgsql
as $$
declare
  quoted text := original::regclass::text;
  twin text := (select format('twin.%I', relname) from pg_class where oid = original);
  by_key text;
  is_now boolean;
  person jsonb;
  answer text;
  by_table text;
  verdicts jsonb := '[]';
begin
  if image is null then
    return jsonb_build_object('is_now', false, 'verdicts', '[]'::jsonb);
  end if;
  select string_agg(format('%I = %L', name, image_row ->> name), ' and ') into by_key from unnest(key) as name;
  execute format('select exists (select from %s as row_now where %s and to_jsonb(row_now) = $1)', quoted, by_key)
     into is_now using image_row;
  execute format('insert into %s select ($1::%s).*', twin, quoted) using image;
  for person in select jsonb_array_elements(people) loop
    answer := oracle.ask(person ->> 'role', person ->> 'claims', format('select exists (select from %s)', twin));
    if is_now then
      by_table := oracle.ask(person ->> 'role', person ->> 'claims',
        format('select exists (select from %s where %s)', quoted, by_key));
      -- Who may not select the key is asked about the twin alone.
      if (by_table = 'yes') <> (answer = 'yes')
         and not exists (select
                           from unnest(key) as name
                          where not has_column_privilege(person ->> 'role', original, name, 'select'))
      then
        raise exception 'the judge contradicts himself: table %, image %, person %: table says %, twin says %',
          quoted, image, person, by_table, answer;
      end if;
    end if;
    verdicts := verdicts || to_jsonb(answer);
  end loop;
  execute format('delete from %s', twin);
  return jsonb_build_object('is_now', is_now, 'verdicts', verdicts);
end
$$;

-- Everything that changed after `mark`, and who may see it as things are now. To be rolled back.
create function oracle.judge(mark bigint, people jsonb)
returns jsonb
language plpgsql
as $$
declare
  noted record;
  judged jsonb := '[]';
begin
  for noted in
    select distinct t.original
      from oracle.journal j, oracle.table_of(j.leaf) t
     where j.number > mark and t.is_published
  loop
    perform oracle.make_twin(noted.original);
  end loop;
  for noted in
    select j.*, t.*
      from oracle.journal j
      left join lateral oracle.table_of(j.leaf) t on true
     where j.number > mark
     order by j.number
  loop
    if not coalesce(noted.is_published, false) then
      judged := judged || jsonb_build_object('number', noted.number, 'xid', noted.xid, 'is_published', false);
      continue;
    end if;
    judged := judged || jsonb_build_object(
      'number', noted.number,
      'xid', noted.xid,
      'is_published', true,
      'schema', noted.schema_name,
      'table', noted.table_name,
      'kind', noted.kind,
      'has_old', noted.has_old,
      'key', noted.key,
      'old_row', noted.old_row,
      'new_row', noted.new_row,
      'old', oracle.judge_image(noted.original, case when noted.has_old then noted.old_text end,
                                noted.old_row, noted.key, people),
      'new', oracle.judge_image(noted.original, noted.new_text, noted.new_row, noted.key, people),
      'columns', (select jsonb_agg(array(
                    select a.attname
                      from pg_attribute a
                     where a.attrelid = noted.original and a.attnum > 0 and not a.attisdropped
                       and has_column_privilege(person ->> 'role', noted.original, a.attnum, 'select')
                     order by a.attnum) order by place)
                   from jsonb_array_elements(people) with ordinality as person (person, place)),
      'is_bound', (select jsonb_agg(oracle.ask(person ->> 'role', person ->> 'claims',
                          format('select row_security_active(%s::oid)', noted.original)) = 'yes' order by place)
                     from jsonb_array_elements(people) with ordinality as person (person, place)),
      'may_have_policy', (select jsonb_agg(exists (
                            select from pg_policy p
                             where p.polrelid = noted.original and p.polpermissive and p.polcmd in ('r', '*')
                               and (p.polroles = '{0}' or exists (
                                 select from unnest(p.polroles) as role
                                  where pg_has_role(person ->> 'role', role, 'usage')))) order by place)
                            from jsonb_array_elements(people) with ordinality as person (person, place)));
  end loop;
  return judged;
end
$$;
