-- Who is asking, as policies and functions read it from the request's claims.
-- The request.jwt.claim.* settings are the older form, one setting per claim; they still come first.
-- One claim is read from json as it stands: making jsonb of all of them costs three times as much.

create or replace function auth.uid()
returns uuid
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '')
  )::uuid
$$;
comment on function auth.uid() is 'Gives the id of the person asking, or null when nobody is signed in.';

create or replace function auth.role()
returns text
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'role', '')
  )
$$;
comment on function auth.role() is 'Gives the role in the request''s token (anon, authenticated, service_role), or null.';

create or replace function auth.email()
returns text
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'email', '')
  )
$$;
comment on function auth.email() is 'Gives the e-mail address in the request''s token, or null.';

create or replace function auth.jwt()
returns jsonb
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;
comment on function auth.jwt() is 'Gives all claims of the request''s token, or null.';

alter function auth.uid() owner to supabase_auth_admin;
alter function auth.role() owner to supabase_auth_admin;
alter function auth.email() owner to supabase_auth_admin;
alter function auth.jwt() owner to supabase_auth_admin;

grant execute on function auth.uid(), auth.role(), auth.email(), auth.jwt() to anon, authenticated, service_role;
