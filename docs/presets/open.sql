-- Open rooms: any two people of the organisation write to each other.
-- Run it as the database's owner, for the organisation default, or for another, and beside other rules:
--   PGOPTIONS='-c walkie.org=acme -c walkie.mix=on' psql "$DATABASE_URL" -f docs/presets/open.sql
select app.use_preset('open', '{}');
