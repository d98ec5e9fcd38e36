-- Every way to be refused is on one list.
set local search_path = public, tests;
select plan(8);

select is_empty('select hint from app.refusals() group by hint having count(*) > 1', 'a word has one meaning');
select is_empty($$ select from app.refusals() where code !~ '^(PT4[0-9][0-9]|PT501|42501)$' or message !~ '\.$' or meaning = '' $$,
                'each has a status, a sentence for people and when it comes');
select hint_ok($$ select app.refuse('not_yours') $$, 'PT403', 'not_yours', 'a refusal gives its word');
select throws_ok($$ select app.refuse('not_yours') $$, 'PT403', 'This message is not yours to change.', 'and its sentence');
select throws_ok($$ select app.refuse('nonsense') $$, 'P0002', null, 'what is not on the list cannot be raised');
select throws_ok($$ select app.refuse('slow_mode', p_retry_after_s => 2.1) $$, 'PGRST',
                 '{"code": "PT429", "hint": "slow_mode", "details": "retry_after=3", "message": "This conversation is in slow mode."}',
                 'what ends by waiting says how long');
-- What functions and triggers use is on the list, and nothing is on it that none uses.
select is_empty($$ select used.word
                     from pg_proc p,
                          regexp_matches(p.prosrc, 'app\.refuse\(\s*''([a-z_]+)''', 'g') found,
                          lateral (select found[1] as word) used
                    where p.pronamespace in ('app'::regnamespace, 'public'::regnamespace)
                      and used.word not in (select r.hint from app.refusals() r) $$, 'every word used is on it');
select is_empty($$ select r.hint
                     from app.refusals() r
                    where not exists (select
                                        from pg_proc p
                                       where p.pronamespace in ('app'::regnamespace, 'public'::regnamespace)
                                         and p.proname <> 'refusals'
                                         and p.prosrc ~ format('''%s''', r.hint)) $$, 'and every word on it is used');

select * from finish();
