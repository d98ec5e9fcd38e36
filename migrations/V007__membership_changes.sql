-- Policies look at memberships all the time, and every message read moves a pointer there. With
-- the whole old row in the log the server sees that a moved pointer changes nobody's rights.
-- Takes no lock that stops readers or writers for longer than a moment.
alter table public.conversation_members replica identity full;
