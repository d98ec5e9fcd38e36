-- Who may call what.
set local search_path = public, tests;
select plan(6);

select isnt_empty($$ select from pg_proc where pronamespace = 'app'::regnamespace $$, 'there are functions');
select is((select string_agg(oid::regproc::text, ' ' order by proname)
             from pg_proc
            where pronamespace in ('app'::regnamespace, 'public'::regnamespace)
              and has_function_privilege('anon', oid, 'execute')), 'push_key unsubscribe', 'nobody calls any that needs a person');
select is((select string_agg(proname, ' ' order by proname)
             from pg_proc
            where pronamespace = 'app'::regnamespace
              and has_function_privilege('authenticated', oid, 'execute')),
          'can_delete can_do can_edit can_post can_react can_read conversation_of_topic hidden_people i_show_receipts is_admin is_member knows may_download may_dress may_manage_role may_manage_team may_signal may_upload may_use_template may_write_template my_conversations my_org my_orgs_teams my_overseen_orgs now readable_file refusals refuse refuse_message role_in role_of sees_message shows_presence_to_me',
          'people may name the rules, and no machinery');
select is_empty($$ select from pg_proc
                    where pronamespace = 'public'::regnamespace
                      and not has_function_privilege('authenticated', oid, 'execute') $$, 'people call what is public');
select is_empty($$ select from pg_proc
                    where pronamespace in ('app'::regnamespace, 'public'::regnamespace)
                      and prosecdef
                      and not coalesce(proconfig @> '{"search_path=\"\""}', false) $$, 'a definer function fixes its search path');
select is_empty($$ select from pg_proc
                    where pronamespace in ('app'::regnamespace, 'public'::regnamespace, 'base'::regnamespace)
                      and obj_description(oid, 'pg_proc') is null $$, 'each function says what it is');

select * from finish();
