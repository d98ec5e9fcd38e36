-- A marketplace: clients and consultants write to each other about a bid or project; admins read.
-- Run it as the database's owner, for the organisation default, or for another, and beside other rules:
--   PGOPTIONS='-c walkie.org=acme -c walkie.mix=on' psql "$DATABASE_URL" -f docs/presets/engagement.sql
select app.use_preset('engagement', '{"oversight_mode": "open", "max_message_len": 4000}');
