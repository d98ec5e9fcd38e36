-- Other names for conversations. CNV-02, CNV-23
set local search_path = public, tests;
select plan(8);

select tests.be('bo');
select is((select string_agg(title || ' ' || unread, ', ' order by title) from user_conversations), 'Ana 0, Watercooler 1', 'one''s own, with what is unread');
select is((select other_id from user_conversations where kind = 'dm'), tests.id('ana'), 'a pair says who the other is');
select is((select string_agg(name, ' ' order by name) from chat_groups), 'Watercooler', 'groups are those one is in');
select is_empty($$ update chat_groups set name = 'x' returning 1 $$, 'a member does not rename');
select throws_ok($$ update chat_groups set created_by = null $$, '42501', null, 'or rewrite who made it');
select tests.be('ana');
select isnt_empty($$ update chat_groups set name = 'Kitchen', description = 'Coffee' where name = 'Watercooler' returning 1 $$, 'an owner does');
select is((select (title, description)::text from conversations where slug = 'watercooler'), '(Kitchen,Coffee)', 'which is the conversation''s');
select tests.be('cy');
select is_empty('select from user_conversations', 'an outsider has none');

select * from finish();
