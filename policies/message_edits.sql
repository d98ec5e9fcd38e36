select app.reset('public.message_edits');

-- Earlier wordings are read through message_history, which asks whether the message may still be read.
grant select on public.message_edits to service_role;
