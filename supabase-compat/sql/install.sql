\ir extensions.sql
\ir auth.sql
\ir realtime.sql
\ir verdicts.sql
\ir authorizer.sql
\ir explain.sql
\ir jobs.sql
