-- Who sees the buckets of the product.
set local search_path = public, tests;
select plan(6);

select be('administrator');
insert into storage.buckets (id, name) values ('other', 'other');
select is((select max_signed_seconds from storage.buckets where id = 'chat'), 300, 'a link to a file lives five minutes');
select is((select public from storage.buckets where id = 'chat'), false, 'and is the only way without signing in');
select be('ana');
select is((select array_agg(id order by id) from storage.buckets), '{avatars,chat}', 'people see what theirs take');
update storage.buckets set public = true where id = 'chat';
select is((select public from storage.buckets where id = 'chat'), false, 'and change nothing');
select throws_ok($$ insert into storage.buckets (id, name) values ('mine', 'mine') $$, '42501', null, 'or make any');
select be('nobody');
select is((select count(*) from storage.buckets), 0::bigint, 'nobody sees them');

select * from finish();
