\ir extensions.sql
\ir auth.sql
\ir realtime.sql
\ir authorizer.sql
