-- Who may write to whom. TEN-03 to TEN-08, TEN-13
set local search_path = public, tests;
select plan(47);

create function pg_temp.verdict(p_from text, p_to text) returns text language sql as
  $$ select coalesce((app.can_message(tests.id(p_from), tests.id(p_to))).code, 'yes') $$;
-- What somebody gets who opens the conversation of two.
create function pg_temp.opens(p_from text, p_to text) returns text language plpgsql as $$
declare
  other uuid := tests.id(p_to);
  hint text;
begin
  perform tests.be(p_from);
  perform public.get_or_create_conversation(other);
  raise sqlstate 'XX999';
exception
  when sqlstate 'XX999' then return 'yes';
  when others then
    get stacked diagnostics hint = pg_exception_hint;
    return hint;
end
$$;
create function pg_temp.rule(p_rules text, p_more text default '{}') returns void language sql as
  $$ update public.orgs set settings = p_more::jsonb || jsonb_build_object('dm_policy', p_rules::jsonb) where slug = 'default' $$;

-- open (S4): any two
select is(pg_temp.verdict('ana', 'cy'), 'yes', 'by default people write to each other');

-- TEN-05, TEN-06: team
select pg_temp.rule('["team"]');
insert into teams (id, org_id, name) values ('40000000-0000-4000-8000-000000000001', app.first_org(), 'Red');
insert into team_members (team_id, user_id) select '40000000-0000-4000-8000-000000000001', tests.id(name) from unnest(array['ana', 'bo']) name;
select is(pg_temp.opens('ana', 'bo'), 'yes', 'team: who shares one');
select is(pg_temp.opens('ana', 'dee'), 'not_same_team', 'team: nobody else');
update org_members set role = 'admin' where user_id = tests.id('dee');
select is(pg_temp.opens('dee', 'ana'), 'yes', 'admins write across teams');
select pg_temp.rule('["team"]', '{"admins_cross_team": false}');
select is(pg_temp.opens('dee', 'ana'), 'not_same_team', 'unless they may not');
update org_members set role = 'superadmin' where user_id = tests.id('dee');
select is(pg_temp.opens('dee', 'ana'), 'yes', 'superadmins always');
update org_members set role = 'member' where user_id = tests.id('dee');

-- TEN-08: on every path
select tests.be('ana');
select hint_ok($$ select get_or_create_conversation(tests.id('dee')) $$, 'PT403', 'not_same_team', 'a conversation of two is refused');
select hint_ok($$ select create_group('Us', array[tests.id('dee')]) $$, 'PT403', 'not_same_team', 'and a group');
select hint_ok($$ select add_members(tests.conversation('watercooler'), array[tests.id('cy')]) $$, 'PT403', 'not_same_team', 'and to add somebody');
select hint_ok($$ select invite_member(tests.conversation('watercooler'), tests.id('cy')) $$, 'PT403', 'not_same_team', 'and to ask somebody in');
select throws_ok($$ insert into conversation_members (conversation_id, member_id) values (tests.conversation('watercooler'), tests.id('cy')) $$,
                 '42501', null, 'and to write the membership');
select is((send_message(tests.conversation('watercooler'), 'Look, @cy')).mentions, '{}'::uuid[], 'a mention brings nobody in');
select is(app.may_signal(tests.conversation('watercooler'), 'broadcast'), true, 'a broadcast goes where one is');
select tests.be('dee');
select is(app.may_signal(tests.conversation('watercooler'), 'broadcast'), false, 'and nowhere else');
select hint_ok($$ select forward_message(tests.conversation('lunch'), '20000000-0000-4000-8000-000000000004', array[tests.conversation('dm')]) $$,
               '42501', 'cannot_post', 'nor forwarding');
select hint_ok($$ select send_as_persona(tests.conversation('watercooler'), tests.id('ana'), 'Hi') $$, 'PT403', 'not_admin', 'nor speaking as somebody there');
select throws_ok($$ insert into realtime.messages (topic, extension, event, payload, private)
                    values ('conversation:' || tests.conversation('watercooler'), 'broadcast', 'x', '{}', true) $$, '42501', null, 'nor a broadcast by table');
-- A pair that no rule lets any more reads on
select tests.be('administrator');
delete from team_members;
select tests.be('ana');
select hint_ok($$ select send_message(tests.conversation('dm'), 'Hi') $$, '42501', 'blocked', 'who shares no team any more does not write');
select isnt_empty($$ select from messages where conversation_id = tests.conversation('dm') $$, 'but reads');

-- TEN-03, TEN-04: engagement, one status after the other, from both sides
select tests.be('administrator');
select pg_temp.rule('["engagement"]');
select is(pg_temp.opens('ana', 'cy'), 'no_engagement', 'engagement: nobody without one');
insert into engagements (org_id, client_id, consultant_id, title) values (app.first_org(), tests.id('ana'), tests.id('cy'), 'Site');
create temporary table statuses (status text, client text, consultant text);
do $$
declare
  one text;
begin
  foreach one in array array['bidding', 'negotiating', 'active', 'completed', 'cancelled', 'declined'] loop
    update public.engagements set status = one;
    insert into statuses values (one, pg_temp.opens('ana', 'cy'), pg_temp.opens('cy', 'ana'));
  end loop;
end
$$;
select is((select string_agg(status || ' ' || client, ', ') from statuses),
          'bidding yes, negotiating yes, active yes, completed no_engagement, cancelled no_engagement, declined no_engagement', 'as the client');
select is((select string_agg(status || ' ' || consultant, ', ') from statuses),
          'bidding yes, negotiating yes, active yes, completed no_engagement, cancelled no_engagement, declined no_engagement', 'as the consultant');
update org_members set role = 'admin' where user_id = tests.id('cy');
update engagements set status = 'active';
select is(pg_temp.verdict('ana', 'cy'), 'admin_read_only', 'admins never');
update org_members set role = 'member' where user_id = tests.id('cy');

-- Rules add up
select pg_temp.rule('["team", "engagement"]');
select is(pg_temp.verdict('ana', 'cy'), 'yes', 'of several rules one is enough');
select is(pg_temp.verdict('ana', 'dee'), 'not_same_team', 'and the first tells why not');

-- persona
select pg_temp.rule('["persona"]');
select is(pg_temp.verdict('ana', 'cy'), 'persona_only', 'persona: clients do not write to each other');

-- community
select pg_temp.rule('["community"]', '{"new_account_hours": 24, "new_account_dms": 1}');
update profiles set created_at = now() - interval '2 days' where id <> tests.id('cy');
select is(pg_temp.verdict('cy', 'dee'), 'yes', 'community: a new account writes to one');
insert into conversations (org_id, kind, dm_key, created_by) values (app.first_org(), 'dm', tests.id('bo') || ':' || tests.id('cy'), tests.id('cy'));
select is(pg_temp.verdict('cy', 'dee'), 'new_account_limit', 'and not to more in a day');
select is(pg_temp.verdict('ana', 'dee'), 'yes', 'others do');
insert into user_privacy_settings (user_id, discoverable) values (tests.id('dee'), false);
select is(pg_temp.verdict('bo', 'dee'), 'privacy', 'who does not want to be found is not written to');

-- TEN-13: privacy
select pg_temp.rule('["open"]');
update user_privacy_settings set who_can_dm = 'contacts';
select is(pg_temp.verdict('bo', 'dee'), 'privacy', 'contacts only');
insert into user_contacts (owner_id, contact_id) values (tests.id('dee'), tests.id('bo'));
select is(pg_temp.verdict('bo', 'dee'), 'yes', 'who is one');
update user_privacy_settings set who_can_dm = 'shared';
select is(pg_temp.verdict('bo', 'dee'), 'privacy', 'who shares something only');
select is(pg_temp.verdict('ana', 'dee'), 'yes', 'who is in a group together');
update user_privacy_settings set who_can_dm = 'nobody';
select is(pg_temp.verdict('ana', 'dee'), 'privacy', 'or nobody');
select tests.be('ana');
select hint_ok($$ select get_or_create_conversation(tests.id('dee')) $$, 'PT403', 'privacy', 'which the writer is told');

-- Blocks
select tests.be('dee');
select lives_ok($$ select block_user(tests.id('bo')) $$, 'dee blocks bo');
select hint_ok($$ select block_user(tests.id('dee')) $$, 'PT422', 'self', 'nobody blocks themselves');
select hint_ok($$ select block_user(gen_random_uuid()) $$, 'PT404', 'no_such_person', 'or a stranger');
update user_privacy_settings set who_can_dm = 'everyone';
select tests.be('administrator');
select is(pg_temp.verdict('bo', 'dee'), 'blocked', 'a block holds');
select is(pg_temp.verdict('dee', 'bo'), 'blocked', 'in both directions');
select tests.be('bo');
select hint_ok($$ select get_or_create_conversation(tests.id('dee')) $$, 'PT403', 'privacy', 'and is not told to the blocked');
select tests.be('dee');
select lives_ok($$ select block_user(tests.id('bo'), 1) $$, 'for an hour');
select tests.be('administrator');
do $$ begin perform set_config('app.test_now', (now() + interval '61 minutes')::text, true); end $$;
select is(pg_temp.verdict('bo', 'dee'), 'yes', 'after which it is over');
do $$ begin perform set_config('app.test_now', '', true); end $$;
select tests.be('dee');
select lives_ok($$ select unblock_user(tests.id('bo')) $$, 'or ended');
select tests.be('administrator');
select is(pg_temp.verdict('bo', 'dee'), 'yes', 'early');
update profiles set deactivated_at = now() where id = tests.id('dee');
select is(pg_temp.verdict('bo', 'dee'), 'no_such_person', 'who is not active is not there');

select * from finish();
