-- Who is asking, in both forms that a request may state it, and accounts as people's seeds write them.
set local search_path = public, tests;
select plan(16);

select is(auth.uid(), null::uuid, 'without claims nobody asks');
select is(auth.jwt(), null::jsonb, 'and there is no token');

set local request.jwt.claims = '{"sub": "a0000000-0000-4000-8000-00000000000a", "role": "authenticated", "email": "ana@example.com"}';
select is(auth.uid(), tests.id('ana'), 'the claims name the person');
select is(auth.role(), 'authenticated', 'and the role');
select is(auth.email(), 'ana@example.com', 'and the address');
select is(auth.jwt() ->> 'email', 'ana@example.com', 'and are there whole');

set local request.jwt.claim.sub = 'b0000000-0000-4000-8000-00000000000b';
select is(auth.uid(), tests.id('bo'), 'the older form comes first');
set local request.jwt.claim.sub = '';
select is(auth.uid(), tests.id('ana'), 'unless it is empty');

set local request.jwt.claims = '{"role": "anon"}';
select is(auth.uid(), null::uuid, 'claims without a person name none');
set local request.jwt.claims = '{"sub": ""}';
select is(auth.uid(), null::uuid, 'an empty person is none');
set local request.jwt.claims = '';
select is(auth.role(), null, 'empty claims are none');

select lives_ok($$ insert into auth.users (id, email, confirmation_token, recovery_token, email_change_token_new)
                   values (gen_random_uuid(), 'one@example.com', '', '', ''), (gen_random_uuid(), 'two@example.com', '', '', '') $$,
                'many accounts may have empty tokens');
select throws_ok($$ insert into auth.users (id, email) values (gen_random_uuid(), 'one@example.com') $$, '23505', null,
                 'an address is one account');
select lives_ok($$ select extensions.uuid_generate_v4() $$, 'people''s migrations find uuid_generate_v4');

select tests.be('ana');
select throws_ok('select from auth.users', '42501', null, 'people do not read accounts');
select tests.be('service');
select throws_ok('select from auth.refresh_tokens', '42501', null, 'nor does the service read tokens');

select * from finish();
