-- How fast people may go.

create or replace function app.take(p_name text, p_cost double precision default 1)
returns void
language plpgsql
security definer set search_path = ''  -- allowances are nobody's to write
as $$
declare
  who uuid := auth.uid();
  rule app.rate_rules;
  left_over double precision;
begin
  if who is null then
    return;  -- the service goes as fast as it likes
  end if;

  select r.* into rule
    from app.rate_rules r
   where r.name = p_name
     and r.role in ('', coalesce((select m.role from public.org_members m where m.user_id = who limit 1), ''))
   order by r.role desc
   limit 1;
  if rule.name is null then
    return;
  end if;

  -- One statement refills, takes, and finds too little: two at once wait for each other here.
  insert into app.rate_buckets as bucket (key, tokens, at)
  values (p_name || ':' || who, rule.burst - p_cost, clock_timestamp())
  on conflict (key) do update
     set tokens = least(rule.burst, bucket.tokens
                      + rule.rate * greatest(extract(epoch from clock_timestamp() - bucket.at), 0)) - p_cost,
         at = clock_timestamp()
   where least(rule.burst, bucket.tokens
             + rule.rate * greatest(extract(epoch from clock_timestamp() - bucket.at), 0)) >= p_cost
  returning bucket.tokens into left_over;

  if left_over is null then
    select greatest((p_cost - b.tokens) / rule.rate - extract(epoch from clock_timestamp() - b.at), 1) into left_over
      from app.rate_buckets b
     where b.key = p_name || ':' || who;
    perform app.refuse('rate_limited', p_retry_after_s => left_over);
  end if;
end
$$;
comment on function app.take(text, double precision) is
  'Takes an allowance''s name and a cost; takes that from the allowance of the person asking, as app.rate_rules says for their role. Errors: PT429 rate_limited.';
