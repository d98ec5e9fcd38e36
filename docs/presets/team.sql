-- Team chat: people write to people of their teams, admins to all.
-- Run it as the database's owner, for the organisation default, or for another, and beside other rules:
--   PGOPTIONS='-c walkie.org=acme -c walkie.mix=on' psql "$DATABASE_URL" -f docs/presets/team.sql
select app.use_preset('team', '{"admins_cross_team": true, "max_message_len": 4000}');
