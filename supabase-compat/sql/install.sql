\ir extensions.sql
\ir auth.sql
\ir auth_sessions.sql
\ir realtime.sql
\ir verdicts.sql
\ir authorizer.sql
\ir explain.sql
