\ir rights.sql
\ir people.sql
\ir conversations.sql
\ir members.sql
\ir signals.sql
\ir messages.sql
\ir unread.sql
