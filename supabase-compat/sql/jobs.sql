-- Effects that are due: asked for in the transaction of their cause, taken by one server at a time.
--
-- A job is taken with a lease. Whoever lost the lease can neither finish nor fail the job, since both
-- name the attempt: an effect is accounted for once, however often servers die over it.

create or replace function walkie.enqueue_job(kind text, payload jsonb, run_at timestamptz default now(),
                                              unique_key text default null, max_attempts integer default 10,
                                              priority integer default 0)
returns bigint
language sql
security definer set search_path = ''   -- those who ask for effects may not read what others asked for
as $$
  insert into walkie.jobs (kind, payload, run_at, unique_key, max_attempts, priority)
  values (kind, payload, coalesce(run_at, now()), unique_key, max_attempts, priority)
  on conflict (unique_key) where state in ('ready', 'running') do nothing
  returning id
$$;
comment on function walkie.enqueue_job is
  'Takes what is to be done and when; gives the job''s id, or null when one of the same unique_key waits already. It runs after the commit.';

create or replace function walkie.enqueue_question(kind text, payload jsonb, conclusion regproc)
returns bigint
language sql
set search_path = ''
as $$
  insert into walkie.jobs (kind, payload, conclusion)
  select kind, payload, format('%I.%I', n.nspname, p.proname)
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where p.oid = conclusion
  returning id
$$;
comment on function walkie.enqueue_question is
  'Takes what is to be asked outside, and the function that takes the payload and the answer (both jsonb) when it is there; gives the job''s id. For owners of the database alone, since the function is called as they are.';

create or replace function walkie.announce_jobs()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform pg_catalog.pg_notify('walkie', 'jobs');
  return null;
end
$$;
comment on function walkie.announce_jobs is 'Wakes the servers when the transaction commits.';

create or replace trigger on_jobs_insert__announce
after insert on walkie.jobs
for each statement execute function walkie.announce_jobs();

create or replace function walkie.claim_jobs(worker text, kinds text[], up_to integer, lease interval)
returns table (id bigint, kind text, payload jsonb, attempt smallint)
language sql
security definer set search_path = ''
as $$
  with due as (
    select j.id
      from walkie.jobs j
     where j.state = 'ready' and j.run_at <= now() and j.kind = any (kinds)
     order by j.priority, j.run_at
     limit up_to
       for update skip locked)
  update walkie.jobs j
     set state = 'running',
         attempts = j.attempts + 1,
         locked_by = worker,
         locked_until = clock_timestamp() + lease
    from due
   where j.id = due.id
  returning j.id, j.kind, j.payload, j.attempts
$$;
comment on function walkie.claim_jobs is
  'Takes the name of a server, the kinds it knows, how many it can do and how long it may take; gives the jobs that are its own until then.';

-- It once took no result; with another signature it would stay beside the new one.
drop function if exists walkie.finish_job(bigint, text, integer);
create or replace function walkie.finish_job(job bigint, worker text, attempt integer, result jsonb default null)
returns boolean
language plpgsql
security definer set search_path = ''
as $$
declare
  done walkie.jobs;
begin
  select j.* into done
    from walkie.jobs j
   where j.id = job and j.state = 'running' and j.locked_by = worker and j.attempts = attempt
     for update;
  if done.id is null then
    return false;
  end if;
  if done.conclusion is not null then
    execute format('select %s($1, $2)', done.conclusion) using done.payload, result;
  end if;
  update walkie.jobs j
     set state = 'done', payload = '{}', done_at = now(), locked_by = null, locked_until = null, last_error = null
   where j.id = job;
  return true;
end
$$;
comment on function walkie.finish_job is
  'Says that a job is done and what came of it, which its conclusion is told in the same transaction; false when the lease was lost meanwhile.';

create or replace function walkie.fail_job(job bigint, worker text, attempt integer, error text, is_final boolean)
returns text
language sql
security definer set search_path = ''
as $$
  update walkie.jobs
     set state = case when is_final or attempts >= max_attempts then 'dead' else 'ready' end,
         done_at = case when is_final or attempts >= max_attempts then now() end,
         -- 5 s, 10 s, 20 s ... an hour; a quarter more or less, so that many do not come back at once.
         run_at = now() + least(5 * 2 ^ (attempts - 1), 3600) * (0.75 + random() / 2) * interval '1 second',
         locked_by = null,
         locked_until = null,
         last_error = left(error, 500)
   where id = job and state = 'running' and locked_by = worker and attempts = attempt
  returning state
$$;
comment on function walkie.fail_job is
  'Says that an attempt failed; gives ready when there will be another, dead when not, and nothing when the lease was lost.';

create or replace function walkie.sweep_jobs()
returns integer
language sql
security definer set search_path = ''
as $$
  delete from walkie.jobs
   where state = 'done' and done_at < now() - interval '1 day'
      or state = 'dead' and done_at < now() - interval '30 days';
  -- What was said, or a link, is not kept longer than somebody may want to try again.
  update walkie.jobs
     set payload = '{}'
   where state = 'dead'
     and done_at < now() - interval '1 day'
     and payload <> '{}';
  with lost as (
    select id
      from walkie.jobs
     where state = 'running' and locked_until < clock_timestamp()
       for update skip locked),
  freed as (
    update walkie.jobs j
       set state = case when j.attempts >= j.max_attempts then 'dead' else 'ready' end,
           done_at = case when j.attempts >= j.max_attempts then now() end,
           run_at = now(),
           locked_by = null,
           locked_until = null,
           last_error = 'whoever worked on it was lost'
      from lost
     where j.id = lost.id
    returning 1)
  select count(*)::integer from freed
$$;
comment on function walkie.sweep_jobs is 'Frees jobs whose lease has run out, and gives their number; empties those that died a day ago, and forgets what ended long ago.';

create or replace function walkie.retry_job(job bigint)
returns boolean
language sql
set search_path = ''
as $$
  with revived as (
    update walkie.jobs
       set state = 'ready', attempts = 0, run_at = now(), done_at = null
     where id = job and state = 'dead' and (payload <> '{}' or done_at > now() - interval '1 day')
    returning id)
  select exists (select from revived)
$$;
comment on function walkie.retry_job is 'For a DBA: gives a dead job another row of attempts; false when it is not dead, or has been so for more than a day.';

create or replace function walkie.receive_mail(sender text, recipient text, subject text, plain text, html text)
returns bigint
language sql
security definer set search_path = ''
as $$
  delete from walkie.inbox
   where id <= (select i.id from walkie.inbox i order by i.id desc offset 499 limit 1);
  insert into walkie.inbox (sender, recipient, subject, plain, html)
  values (sender, recipient, subject, plain, html)
  returning id
$$;
comment on function walkie.receive_mail is 'Puts a message into the inbox of a development server; the oldest make way.';

revoke execute on function walkie.enqueue_job, walkie.enqueue_question, walkie.announce_jobs, walkie.claim_jobs, walkie.finish_job,
                           walkie.fail_job, walkie.sweep_jobs, walkie.retry_job, walkie.receive_mail from public;
grant usage on schema walkie to authenticator, supabase_auth_admin, supabase_storage_admin;
grant execute on function walkie.enqueue_job to authenticator, supabase_auth_admin, supabase_storage_admin;
grant execute on function walkie.claim_jobs, walkie.finish_job, walkie.fail_job, walkie.sweep_jobs,
                          walkie.receive_mail to authenticator;
grant select, delete on walkie.inbox to authenticator;
