-- A community: whoever can be found is written to; newcomers begin private and write to a few a day.
-- Run it as the database's owner, for the organisation default, or for another, and beside other rules:
--   PGOPTIONS='-c walkie.org=acme -c walkie.mix=on' psql "$DATABASE_URL" -f docs/presets/community.sql
select app.use_preset('community', '{"private_defaults": true, "new_account_hours": 24, "new_account_dms": 5, "max_message_len": 4000, "edit_window_s": 900}');
