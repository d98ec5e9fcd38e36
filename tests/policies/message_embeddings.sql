-- Who sees what messages mean: the service.
set local search_path = public, tests;
select plan(5);

select tests.be('service');
select lives_ok($$ insert into message_embeddings (conversation_id, message_id, embedding, model)
                   values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', '{1, 0}', 'toy') $$, 'the service writes it');
select isnt_empty('select from message_embeddings', 'and reads it');
select tests.be('ana');
select throws_ok('select from message_embeddings', '42501', null, 'people do not, whose words they are');
select throws_ok('delete from message_embeddings', '42501', null, 'or change it');
select tests.be('nobody');
select throws_ok('select from message_embeddings', '42501', null, 'nor does anybody else');

select * from finish();
