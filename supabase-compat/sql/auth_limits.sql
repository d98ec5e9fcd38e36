-- How much is too much, and who may have an account: the rules, as rows say them.

create or replace function auth.take(key text, amount integer, period interval, burst integer)
returns interval
language plpgsql
security definer set search_path = ''
as $$
declare
  -- A bucket is told by when it is full again: each request puts that off by one share of the period.
  share interval := period / amount;
  now timestamptz := clock_timestamp();
begin
  insert into auth.buckets as b (key, full_at)
  values (take.key, now + share)
  on conflict on constraint buckets_pkey do update
     set full_at = greatest(b.full_at, now) + share
   where greatest(b.full_at, now) + share <= now + share * burst;
  if found then
    return null;
  end if;
  return (select greatest(b.full_at + share - now - share * burst, interval '0') from auth.buckets b where b.key = take.key);
end
$$;
comment on function auth.take(text, integer, interval, integer) is
  'Takes one of amount a period from the bucket of this name, which holds burst; gives null, or how long to wait when it is empty. Exact however many ask at once.';

create or replace function auth.pass(p_endpoint text, p_address text, p_account text)
returns integer
language plpgsql
security definer set search_path = ''
as $$
declare
  rule auth.rate_limits;
  wait interval;
begin
  for rule in select * from auth.rate_limits r where r.endpoint = p_endpoint order by r.per loop
    wait := case rule.per
      when 'address' then
        case when p_address is not null then auth.take(auth.bucket(rule, p_address), rule.amount, rule.period, rule.burst) end
      when 'all' then auth.take(auth.bucket(rule, ''), rule.amount, rule.period, rule.burst)
      -- Only failures are counted against an account, or it could be locked by anybody who asks.
      else (select b.full_at + rule.period / rule.amount * (1 - rule.burst) - clock_timestamp()
              from auth.buckets b
             where b.key = auth.bucket(rule, p_account))
    end;
    if wait > interval '0' then
      return ceil(extract(epoch from wait));
    end if;
  end loop;
  return 0;
end
$$;
comment on function auth.pass(text, text, text) is
  'Takes an endpoint, and the address and account it is asked by and for, where known; gives 0, or how many seconds to wait.';

create or replace function auth.count_failure(p_endpoint text, p_account text)
returns void
language sql
security definer set search_path = ''
as $$
  select auth.take(auth.bucket(r, p_account), r.amount, r.period, r.burst)
    from auth.rate_limits r
   where r.endpoint = p_endpoint and r.per = 'account'
$$;
comment on function auth.count_failure(text, text) is 'Counts a failed proof against an account.';

create or replace function auth.bucket(rule auth.rate_limits, whose text)
returns text
language sql stable
set search_path = ''
as $$
  select format('%s %s %s', rule.endpoint, rule.per, encode(sha256(convert_to(whose, 'UTF8')), 'hex'))
$$;
comment on function auth.bucket(auth.rate_limits, text) is 'Gives the name of a bucket; nobody''s address stands in it.';

create or replace function auth.sweep_buckets()
returns void
language sql
security definer set search_path = ''
as $$
  delete from auth.buckets b where b.full_at < now()
$$;
comment on function auth.sweep_buckets() is 'Forgets buckets that are full again.';

create or replace function auth.check_sign_up(email text)
returns void
language plpgsql stable
set search_path = ''
as $$
declare
  theirs text := lower(substring(email from '@(.*)$'));
begin
  if theirs is null then
    return;
  end if;
  if exists (select from auth.email_domains d where not d.is_allowed and (theirs = d.domain or theirs like '%.' || d.domain)) then
    raise sqlstate 'PT422' using message = 'Addresses of this provider are not accepted', hint = 'email_address_invalid';
  end if;
  if exists (select from auth.email_domains d where d.is_allowed)
     and not exists (select from auth.email_domains d where d.is_allowed and (theirs = d.domain or theirs like '%.' || d.domain)) then
    raise sqlstate 'PT422' using message = 'Only addresses of certain domains are accepted', hint = 'email_address_not_authorized';
  end if;
end
$$;
comment on function auth.check_sign_up(text) is
  'Takes the address of a new account; raises PT422 (email_address_invalid, email_address_not_authorized) when auth.email_domains is against it.';

alter function auth.take(text, integer, interval, integer) owner to supabase_auth_admin;
alter function auth.pass(text, text, text) owner to supabase_auth_admin;
alter function auth.count_failure(text, text) owner to supabase_auth_admin;
alter function auth.bucket(auth.rate_limits, text) owner to supabase_auth_admin;
alter function auth.sweep_buckets() owner to supabase_auth_admin;
alter function auth.check_sign_up(text) owner to supabase_auth_admin;
revoke execute on function
  auth.take(text, integer, interval, integer), auth.pass(text, text, text), auth.count_failure(text, text),
  auth.sweep_buckets(), auth.check_sign_up(text)
from public;
