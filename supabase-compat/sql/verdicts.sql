-- How the server asks many people one question: with a plan that is kept, in one call.

create or replace function realtime.prepare_question(p_name text, p_question text)
returns void
language plpgsql
as $$
begin
  if not exists (select from pg_catalog.pg_prepared_statements where name = p_name) then
    execute format('prepare %I (text) as %s', p_name, p_question);
  end if;
end
$$;
comment on function realtime.prepare_question(text, text) is
  'Takes a name and a query with one text parameter that gives an array of booleans; prepares it for this session, unless that is done.';

create or replace function realtime.ask_each(p_name text, p_claims text[], p_params text[])
returns text[]
language plpgsql
as $$
declare
  answer text;
  answers text[] := '{}';
begin
  for person in 1 .. cardinality(p_claims) loop
    perform set_config('request.jwt.claims', p_claims[person], true);
    execute format('execute %I (%L)', p_name, p_params[person]) into answer;
    answers := answers || answer;
  end loop;
  return answers;
end
$$;
comment on function realtime.ask_each(text, text[], text[]) is
  'Takes a prepared question, and for each person their claims and the value of its parameter; gives each person''s answer as text, asked under their claims and the present role. Raises what the question raises.';

alter function realtime.prepare_question(text, text) owner to supabase_realtime_admin;
alter function realtime.ask_each(text, text[], text[]) owner to supabase_realtime_admin;
revoke execute on function realtime.prepare_question(text, text) from public;
grant execute on function realtime.prepare_question(text, text) to authenticator;
-- Asked under whatever role is being judged; it can do nothing that the role could not.
grant execute on function realtime.ask_each(text, text[], text[]) to public;
