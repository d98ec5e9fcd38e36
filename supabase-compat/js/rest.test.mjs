// Reading and writing rows, as the stock client asks for it.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { connect, group, id, ok, people, person, refusal, send, service, token, watercooler } from './cast.mjs'

// A group of ana's own with four messages: one, two, three, four.
async function counted(t) {
  const ana = await person(t, 'ana')
  const place = await group(ana)
  for (const body of ['one', 'two', 'three', 'four']) await send(ana, place, body)
  const messages = (columns, options) =>
    ana.from('messages').select(columns, options).eq('conversation_id', place.id)
  return { ana, place, messages }
}

const bodies = async (answer) => (await ok(answer)).map(({ body }) => body)

test('columns are chosen, rows filtered, ordered and limited', async (t) => {
  const { messages } = await counted(t)
  assert.deepEqual(await ok(messages('seq, text:body').order('seq', { ascending: false }).limit(2)), [
    { seq: 4, text: 'four' },
    { seq: 3, text: 'three' },
  ])

  const found = (query) => bodies(query.order('seq'))
  assert.deepEqual(await found(messages('body').neq('body', 'two')), ['one', 'three', 'four'])
  assert.deepEqual(await found(messages('body').gt('seq', 3)), ['four'])
  assert.deepEqual(await found(messages('body').gte('seq', 2).lt('seq', 4)), ['two', 'three'])
  assert.deepEqual(await found(messages('body').lte('seq', 1)), ['one'])
  assert.deepEqual(await found(messages('body').in('body', ['two', 'four', 'a, "b"'])), ['two', 'four'])
  assert.deepEqual(await found(messages('body').like('body', 't%')), ['two', 'three'])
  assert.deepEqual(await found(messages('body').ilike('body', 'T%O')), ['two'])
  assert.equal((await found(messages('body').is('deleted_at', null))).length, 4)
})

test('a range is a page of a whole that is counted', async (t) => {
  const { messages } = await counted(t)
  const { data, count, error } = await messages('body', { count: 'exact' }).order('seq').range(1, 2)
  assert.ifError(error)
  assert.deepEqual(data.map(({ body }) => body), ['two', 'three'])
  assert.equal(count, 4)

  const counted_only = await messages('*', { count: 'exact', head: true })
  assert.equal(counted_only.count, 4)
  assert.equal(counted_only.data, null)
})

test('one row is asked for as one', async (t) => {
  const { messages } = await counted(t)
  assert.deepEqual(await ok(messages('body').eq('seq', 1).single()), { body: 'one' })
  assert.equal(await ok(messages('body').eq('seq', 9).maybeSingle()), null)
  assert.equal((await refusal(messages('body').eq('seq', 9).single())).code, 'PGRST116')
  assert.equal((await refusal(messages('body').single())).code, 'PGRST116')
})

test('messages come with the profiles of their senders', async (t) => {
  const bo = await person(t, 'bo')
  const read = (columns) =>
    ok(bo.from('messages').select(columns).eq('conversation_id', watercooler).order('seq').limit(2))
  const expected = [
    { body: 'The coffee machine is back.', sender: { display_name: 'Ana' } },
    { body: 'At last!', sender: { display_name: 'Bo' } },
  ]
  assert.deepEqual(await read('body, sender:sender_id(display_name)'), expected)
  assert.deepEqual(await read('body, sender:profiles!sender_id(display_name)'), expected)
  assert.deepEqual((await read('body, profiles(display_name)'))[1].profiles, { display_name: 'Bo' })

  const place = await ok(
    bo.from('conversations').select('title, messages(body)').eq('id', watercooler).single(),
  )
  assert(place.messages.some(({ body }) => body === 'At last!'))
})

test('embeds are spread, ordered by, looked for and left out', async (t) => {
  const { ana, place } = await counted(t)
  const messages = (columns) => ana.from('messages').select(columns).eq('conversation_id', place.id)
  const first = await ok(messages('body, ...profiles(by:display_name)').order('seq').limit(1))
  assert.deepEqual(first, [{ body: 'one', by: 'Ana' }])
  assert.deepEqual(await bodies(messages('body, profiles()').order('profiles(display_name)').order('seq').limit(1)), [
    'one',
  ])
  assert.deepEqual(await ok(messages('body, profiles()').is('profiles', null)), [])
  assert.equal((await ok(messages('body, profiles()').not('profiles', 'is', null))).length, 4)
  const spread = await ok(ana.from('conversations').select('id, ...messages(body)').eq('id', place.id).order('seq', {
    referencedTable: 'messages',
  }))
  assert.deepEqual(spread, [{ id: place.id, body: ['one', 'two', 'three', 'four'] }])
})

test('text is searched', async (t) => {
  const { messages } = await counted(t)
  const found = (words, options) => bodies(messages('body').textSearch('body', words, options).order('seq'))
  assert.deepEqual(await found('one | three', { config: 'simple' }), ['one', 'three'])
  assert.deepEqual(await found('four', { config: 'english', type: 'plain' }), ['four'])
  assert.deepEqual(await found('two or four', { config: 'simple', type: 'websearch' }), ['two', 'four'])
})

test('rows are counted, guessed, or both', async (t) => {
  const { messages } = await counted(t)
  for (const count of ['planned', 'estimated']) {
    const answer = await messages('body', { count }).limit(1)
    assert.ifError(answer.error)
    assert(answer.count >= 1, `${count}: ${answer.count}`)
  }
})

test('rows are inserted, updated, upserted and deleted', async (t) => {
  const orgs = () => service(t).from('orgs')
  const slug = `org-${randomUUID()}`
  const made = await ok(orgs().insert({ slug, name: 'First' }).select('id, name').single())
  assert.equal(made.name, 'First')
  assert.equal(await ok(orgs().insert({ slug: `${slug}-2`, name: 'Unseen' })), null)

  assert.deepEqual(await ok(orgs().update({ name: 'Second' }).eq('id', made.id).select('name')), [{ name: 'Second' }])
  const merged = await ok(orgs().upsert({ slug, name: 'Third' }, { onConflict: 'slug' }).select('id, name'))
  assert.deepEqual(merged, [{ id: made.id, name: 'Third' }])
  const ignored = orgs().upsert({ slug, name: 'Fourth' }, { onConflict: 'slug', ignoreDuplicates: true })
  assert.deepEqual(await ok(ignored.select('name')), [])

  const both = [slug, `${slug}-2`]
  assert.deepEqual(await ok(orgs().delete().in('slug', both).select('name').order('name')), [
    { name: 'Third' },
    { name: 'Unseen' },
  ])
  assert.deepEqual(await ok(orgs().select('id').in('slug', both)), [])
})

test('a change of more rows than allowed, or of other than one, is undone', async (t) => {
  const orgs = () => service(t).from('orgs')
  const slug = `org-${randomUUID()}`
  const both = [slug, `${slug}-2`]
  assert.equal(await ok(orgs().insert(both.map((slug) => ({ slug, name: 'Same' })))), null)

  const limited = await orgs().update({ name: 'Other' }).in('slug', both).maxAffected(1)
  assert.equal(limited.error.code, 'PGRST124')
  const single = await orgs().delete().in('slug', both).select('id').single()
  assert.equal(single.error.code, 'PGRST116')
  assert.deepEqual(await ok(orgs().select('name').in('slug', both)), [{ name: 'Same' }, { name: 'Same' }])
  assert.equal(await ok(orgs().delete().in('slug', both).maxAffected(2)), null)
})

test('functions are called by POST and by GET, and their rows read like a table\'s', async (t) => {
  const { ana, place } = await counted(t)
  const p_conversation = place.id
  assert.equal((await ok(ana.rpc('get_messages', { p_conversation }))).length, 4)
  assert.deepEqual(
    await bodies(ana.rpc('get_messages', { p_conversation }, { get: true }).select('body').order('seq').limit(1)),
    ['one'],
  )
})

test('a mistake is answered in PostgREST\'s words', async (t) => {
  const [ana, bo] = await people(t, 'ana', 'bo')
  const place = await group(ana)
  const messages = () => ana.from('messages')

  assert.equal((await refusal(ana.from('no_such_table').select())).code, 'PGRST205')
  assert.equal((await refusal(messages().select('no_such_column'))).code, '42703')
  assert.equal((await refusal(messages().select().filter('body', 'no_such_operator', 'x'))).code, 'PGRST100')
  assert.equal((await refusal(messages().select('body, orgs(name)'))).code, 'PGRST200')
  assert.equal((await refusal(messages().insert({ no_such_column: 1 }))).code, 'PGRST204')
  assert.equal((await refusal(messages().select().eq('seq', 'many'))).code, '22P02')
  assert.equal((await refusal(ana.rpc('no_such_function'))).code, 'PGRST202')

  const blank = await refusal(messages().insert({ conversation_id: place.id, body: ' ' }))
  assert.deepEqual([blank.status, blank.code, blank.hint], [422, 'PT422', 'no_words'])
  const untitled = await refusal(ana.rpc('create_group', { p_title: ' ' }))
  assert.deepEqual([untitled.status, untitled.code], [400, '23514'])
  const raised = await refusal(ana.rpc('join_room', { p_slug: 'no-such-room' }))
  assert.deepEqual([raised.status, raised.hint], [404, 'no_such_room'])
  const forbidden = await refusal(bo.from('messages').insert({ conversation_id: place.id, body: 'hi' }))
  assert.deepEqual([forbidden.status, forbidden.code], [403, '42501'])
})

test('who has no token has the rights of nobody, and an expired one is refused', async (t) => {
  // AUT-01
  const nobody = await refusal(connect(t).from('messages').select())
  assert.deepEqual([nobody.status, nobody.code], [401, '42501'])

  const ana = await person(t, 'ana')
  const now = Math.floor(Date.now() / 1000)
  const claims = { role: 'authenticated', aud: 'authenticated', sub: await id(ana), iat: now - 7200 }
  const holder = (exp) => connect(t, undefined, { accessToken: async () => token({ ...claims, exp }) })
  assert.notEqual((await ok(holder(now + 60).from('messages').select('id').limit(1))).length, 0)
  const expired = await refusal(holder(now - 3600).from('messages').select())
  assert.deepEqual([expired.status, expired.code], [401, 'PGRST303'])
})
