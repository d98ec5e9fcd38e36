-- Groups of personas: each newcomer has one, made by the organisation; only admins make others.
-- Run it as the database's owner, for the organisation default, or for another, and beside other rules:
--   PGOPTIONS='-c walkie.org=acme -c walkie.mix=on' psql "$DATABASE_URL" -f docs/presets/persona.sql
select app.use_preset('persona', '{"groups_by": "admins", "persona_groups": true, "default_persona_count": 20, "default_role": "client", "clients_delete_own": false}');
