\ir functions.sql
\ir orgs.sql
\ir profiles.sql
\ir conversations.sql
\ir conversation_members.sql
\ir messages.sql
\ir realtime_messages.sql
