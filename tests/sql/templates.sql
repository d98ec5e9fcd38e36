-- What people say often. TPL-01, TPL-02
set local search_path = public, tests;
select plan(23);

create function pg_temp.seen() returns text language sql as $$ select string_agg(title, ',' order by title) from message_templates $$;

-- TPL-01
select tests.be('ana');
select lives_ok($$ insert into message_templates (title, body, shortcut) values ('Mine', 'Hello {{name}}, about {{ topic }}: {{x}}', '/hi') $$, 'one notes one''s own');
select is(render_template((select id from message_templates), '{"name": "Bo", "topic": "{{name}}"}'), 'Hello Bo, about {{name}}: {{x}}',
          'and has its blanks filled, in one pass, as far as there are values');
select is(render_template((select id from message_templates)), 'Hello {{name}}, about {{ topic }}: {{x}}', 'or none');
select tests.be('administrator');
select is(app.fill(E'{{a}}\n{{b}}{{c}} {{', '{"a": 1, "b": null, "c": "x"}'), E'1\n{{b}}x {{', 'wherever they stand');
select is(app.fill('$1 \1 &', '{}'), '$1 \1 &', 'and nothing else is touched');
select tests.be('ana');
select is((select use_count from message_templates), 2::bigint, 'uses are counted');
select throws_ok($$ insert into message_templates (title, body, shortcut) values ('Another', 'x', '/hi') $$, '23505', null, 'a shortcut means one thing');
select throws_ok($$ insert into message_templates (title, body, shortcut) values ('Another', 'x', 'hi there') $$, '23514', null, 'and is a word');
select throws_ok($$ insert into message_templates (title, body, use_count) values ('Another', 'x', 9) $$, '42501', null, 'counts are not written');
select throws_ok($$ insert into message_templates (title, body, scope) values ('For all', 'x', 'org') $$, '42501', null, 'shared ones are for admins');
select throws_ok($$ update message_templates set scope = 'org' $$, '42501', null, 'and are not made of one''s own');
select hint_ok($$ select render_template((select id from message_templates), '[]') $$, 'PT422', 'bad_variables', 'values are an object');
create temporary table hers as select id from message_templates;
grant select on hers to public;

select tests.be('bo');
select is(pg_temp.seen(), null, 'another''s are not seen');
select hint_ok($$ select render_template((select id from hers)) $$, 'PT404', 'no_such_template', 'or used');

-- TPL-02
select tests.be('administrator');
update org_members set role = 'admin' where user_id = tests.id('dee');
select tests.be('dee');
select lives_ok($$ insert into message_templates (title, body, scope, shortcut) values ('For all', 'Welcome', 'org', '/hi'), ('Quick', 'One moment', 'admin', '/hi') $$,
                'an admin writes shared ones');
select is(pg_temp.seen(), 'For all,Quick', 'and reads them');
select is((select array_agg(owner_id) from message_templates), '{null,null}'::uuid[], 'they have no owner');
select is(render_template((select id from message_templates where scope = 'admin')), 'One moment', 'and uses them');
create temporary table quick as select id from message_templates where scope = 'admin';
grant select on quick to public;
select tests.be('bo');
select is(pg_temp.seen(), 'For all', 'people see what is for all, not what is for admins');
select hint_ok($$ select render_template((select id from quick)) $$, 'PT404', 'no_such_template', 'nor can they use that');
select is_empty($$ update message_templates set body = 'x' returning 1 $$, 'and change nothing');
select is_empty($$ delete from message_templates returning 1 $$, 'that is not theirs');

-- An account that goes takes its own with it
select tests.be('administrator');
delete from auth.users where id = tests.id('ana');
select is(pg_temp.seen(), 'For all,Quick', 'what was one''s own goes with the account');

select * from finish();
