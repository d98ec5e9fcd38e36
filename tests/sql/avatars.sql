-- Pictures of people and personas. FIL-13
set local search_path = public, tests;
select plan(19);

select be('administrator');
update org_members set role = 'admin' where user_id = id('dee');
select be('dee');
create temporary table sam as select id from create_persona('Sam');
grant select on sam to public;
select be('ana');
select ok(app.may_dress(id('ana') || '/1.png'), 'one''s own folder is one''s own');
select ok(not app.may_dress(id('bo') || '/1.png'), 'another''s is not');
select ok(not app.may_dress('1.png'), 'and there is nothing beside the folders');
select ok(not app.may_dress(id('ana') || '/../' || id('bo') || '/1.png'), 'or behind');
select ok(not app.may_dress((select id from sam) || '/1.png'), 'a persona is not everybody''s to dress');
select be('dee');
select ok(app.may_dress((select id from sam) || '/1.png'), 'but the admins''');
select ok(not app.may_dress(id('ana') || '/1.png'), 'who dress no people');
select be('administrator');
select is((select concat_ws(' ', public, file_size_limit, allowed_mime_types && '{image/svg+xml,text/html}') from storage.buckets where id = 'avatars'),
          't 2000000 f', 'two megabytes of a picture, for all to see');

-- Worn, changed, taken off
create function pg_temp.put(p_name text) returns uuid language sql as $$ select tests.put(p_name, 4, 'image/png', 'image/png', p_bucket => 'avatars') $$;
select pg_temp.put(id('ana') || '/1.png'), pg_temp.put(id('ana') || '/2.png'), pg_temp.put(id('bo') || '/1.png');
select be('ana');
update profiles set avatar_path = id('ana') || '/1.png' where id = id('ana');
select is((select count(*) from storage.objects), 2::bigint, 'putting one on removes none');
update profiles set avatar_path = id('ana') || '/2.png' where id = id('ana');
select is((select array_agg(split_part(name, '/', 2)) from storage.objects), '{2.png}', 'changing it removes the old one');
update profiles set avatar_path = id('bo') || '/1.png' where id = id('ana');
update profiles set avatar_path = null where id = id('ana');
select be('administrator');
select is((select array_agg(name) from storage.objects where bucket_id = 'avatars'), array[id('bo') || '/1.png'], 'but nobody else''s');
select lives_ok($$ delete from auth.users where id = id('bo') $$, 'whoever goes');
select is_empty($$ select from storage.objects where bucket_id = 'avatars' $$, 'leaves no picture');
select be('dee');
update profiles set avatar_path = (select id from sam) || '/1.png' where id = (select id from sam);
select is((select avatar_path from profiles where display_name = 'Sam'), (select id from sam) || '/1.png', 'personas wear them too');
select be('bo');
select ok(not app.may_dress(id('bo') || '/1.png'), 'who is gone puts up nothing');

-- Who made a persona
select be('ana');
select is((select count(*) from profiles where kind = 'persona'), 1::bigint, 'members see a persona');
select throws_ok($$ select created_by from profiles $$, '42703', null, 'but not who made it');
select is_empty($$ select from audit_log $$, 'there or elsewhere');
select be('administrator');
select isnt_empty($$ select from audit_log where action = 'create_persona' and actor_id = id('dee') $$, 'though it is on record');

select * from finish();
