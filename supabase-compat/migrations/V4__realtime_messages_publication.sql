-- Broadcasts from SQL ride on the log: rows inserted into realtime.messages are published, under
-- the name of the whole table, to the server alone. Subscribers follow supabase_realtime.

create publication supabase_realtime_messages_publication
  for table realtime.messages
  with (publish = 'insert', publish_via_partition_root = true);
comment on publication supabase_realtime_messages_publication is
  'What realtime.send writes, for the server to hand to the channels.';
