// Channels, as the stock client uses them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { postgresChangesFilter } from '@supabase/supabase-js'

import {
  Heard, changesFlow, connect, firstStatus, group, hear, id, ok, password, people, person, send, service,
  sql, token,
} from './cast.mjs'

test('a new and a corrected message arrive by the plainest subscription there is', async (t) => {
  // RT-01, RT-02
  const [ana, supabase] = await people(t, 'ana', 'bo')
  const place = await group(ana, supabase)
  const heard = new Heard()
  const cb = heard.add
  const channel = supabase.channel('messages').on('postgres_changes', { event: '*', schema: 'public', table: 'messages' }, cb)
  await changesFlow(channel)

  const said = await send(ana, place, 'Helo')
  const inserted = await heard.first((change) => change.eventType === 'INSERT' && change.new.id === said.id)
  assert.deepEqual([inserted.schema, inserted.table, inserted.errors], ['public', 'messages', null])
  assert.deepEqual(inserted.old, {})

  await ok(ana.rpc('edit_message', { p_conversation: place.id, p_message: said.id, p_body: 'Hello' }))
  const updated = await heard.first((change) => change.eventType === 'UPDATE' && change.new.id === said.id)
  assert.equal(updated.new.body, 'Hello')
  assert.equal(updated.new.rev, said.rev + 1)
  assert.equal(updated.old.id, said.id)
})

test('a deleted row is told to those who could read it', async (t) => {
  const admin = service(t)
  const [ana, cy] = await people(t, 'ana', 'cy')
  const [place, elsewhere] = [await group(ana), await group(cy)]
  const said = await send(ana, place, 'Soon gone')
  const others = await send(cy, elsewhere, 'Gone next')
  const [anaHears, cyHears] = await Promise.all([ana, cy].map((one) => hear(one, 'messages', { event: 'DELETE' })))
  for (const message of [said, others]) {
    await ok(admin.from('messages').delete().eq('conversation_id', message.conversation_id).eq('id', message.id))
  }

  const deleted = await anaHears.first((change) => change.old.id === said.id)
  assert.equal(deleted.eventType, 'DELETE')
  assert.deepEqual(deleted.new, {})
  await cyHears.first((change) => change.old.id === others.id)
  assert(!cyHears.all.some((change) => change.old.id === said.id))
})

test('a filter lets one conversation through', async (t) => {
  const ana = await person(t, 'ana')
  const [wanted, other] = [await group(ana), await group(ana)]
  const heard = await hear(ana, 'messages', { name: 'one', filter: `conversation_id=eq.${wanted.id}` })
  await send(ana, other, 'Not for this channel')
  const said = await send(ana, wanted, 'For this channel')
  await heard.first((change) => change.new.id === said.id)
  assert.deepEqual(heard.all.map((change) => change.new.id), [said.id])
})

test('filters are made with the client\'s own builder', async (t) => {
  // RT-03
  const ana = await person(t, 'ana')
  const place = await group(ana)
  const here = () => postgresChangesFilter().eq('conversation_id', place.id)
  const filters = {
    like: here().like('body', 'Hello, %'),
    in: here().in('body', ['Hello, "you"', 'x']),
    range: here().gt('seq', 1).lte('seq', 2).neq('body', 'x'),
    match: here().imatch('body', '^hello\\W'),
    not: here().not('body', 'in', ['One', 'Two']).is('reply_to_id', null).isDistinct('body', 'Three'),
  }
  const heard = {}
  for (const [name, filter] of Object.entries(filters)) heard[name] = await hear(ana, 'messages', { name, filter })
  const all = await hear(ana, 'messages', { name: 'all', filter: here() })
  for (const body of ['One', 'Two', 'Hello, "you"', 'Three']) await send(ana, place, body)
  await all.first((change) => change.new.body === 'Three')

  const bodies = (name) => heard[name].all.map((change) => change.new.body)
  for (const name of ['like', 'in', 'match', 'not']) assert.deepEqual(bodies(name), ['Hello, "you"'], name)
  assert.deepEqual(bodies('range'), ['Two'])
})

test('selected columns come with the key alone', async (t) => {
  const ana = await person(t, 'ana')
  const place = await group(ana)
  const heard = await hear(ana, 'messages', { filter: `conversation_id=eq.${place.id}`, select: ['body'] })
  const said = await send(ana, place, 'Only this')
  const { new: record } = await heard.first((change) => change.new.id === said.id)
  assert.deepEqual(record, { id: said.id, conversation_id: place.id, body: 'Only this' })
})

test('numbers of eight bytes arrive digit by digit where that is asked for', async (t) => {
  const admin = service(t)
  await sql(`
    create table if not exists public.large_numbers (id bigint primary key, label text);
    alter table public.large_numbers enable row level security;
    do $$ begin alter publication supabase_realtime add table public.large_numbers;
    exception when duplicate_object then null; end $$`)
  const heard = await hear(admin, 'large_numbers', { int8: 'string' })
  await sql("insert into public.large_numbers values (9007199254740993, 'odd')")
  const inserted = await heard.first((change) => change.eventType === 'INSERT')
  assert.equal(inserted.new.id, '9007199254740993')
})

test('rows that were read and the changes after them are everything, once', async (t) => {
  // RT-05
  const [ana, bo] = await people(t, 'ana', 'bo')
  const { session } = await ok(bo.auth.getSession())
  const place = await group(ana, bo)
  const filter = `conversation_id=eq.${place.id}`
  let isOver = false
  const speaking = (async () => {
    for (let n = 0; !isOver; n++) await send(ana, place, `Message ${n}`)
  })()

  const readers = []
  for (let round = 0; round < 5; round++) {
    let after
    const fetching = async (...request) => {
      const answer = await fetch(...request)
      after = answer.headers.get('walkie-place') ?? after
      return answer
    }
    const reader = connect(t, undefined, { global: { fetch: fetching } })
    await ok(reader.auth.setSession(session))
    const rows = await ok(reader.from('messages').select('id').eq('conversation_id', place.id))
    readers.push({ rows, heard: await hear(reader, 'messages', { event: 'INSERT', filter, after }) })
  }
  isOver = true
  await speaking
  const last = await send(ana, place, 'The last')

  assert(readers.some(({ rows }) => rows.length > 0), 'there was something to read')
  const everything = (await ok(ana.from('messages').select('id').eq('conversation_id', place.id))).map(({ id }) => id)
  for (const { rows, heard } of readers) {
    await heard.first((change) => change.new.id === last.id)
    const known = [...rows, ...heard.all.map((change) => change.new)].map(({ id }) => id)
    assert.deepEqual(known.sort(), everything.sort())
  }
})

test('whoever is removed hears nothing of what follows', async (t) => {
  const [ana, bo] = await people(t, 'ana', 'bo')
  const place = await group(ana, bo)
  const elsewhere = await group(bo)
  const heard = await hear(bo, 'messages')
  const before = await send(ana, place, 'With bo')
  await heard.first((change) => change.new.id === before.id)

  await ok(ana.rpc('remove_member', { p_conversation: place.id, p_member: await id(bo) }))
  const after = await send(ana, place, 'Without bo')
  const marker = await send(bo, elsewhere, 'Still here')
  await heard.first((change) => change.new.id === marker.id)
  assert(!heard.all.some((change) => change.new.id === after.id))
})

test('a table that nobody publishes is refused with words', async (t) => {
  const ana = await person(t, 'ana')
  await assert.rejects(hear(ana, 'no_such_table'), /Unable to subscribe to changes with given parameters/)
})

test('clients say things to each other, and to themselves if they want', async (t) => {
  const [ana, bo] = [connect(t), connect(t)]
  const topic = `party-${randomUUID()}`
  const join = async (client, broadcast) => {
    const heard = new Heard()
    const channel = client.channel(topic, { config: { broadcast } }).on('broadcast', { event: 'wave' }, heard.add)
    assert.equal((await firstStatus(channel)).status, 'SUBSCRIBED')
    return { channel, heard }
  }
  const first = await join(ana, { ack: true, self: true })
  const second = await join(bo, { ack: true })

  const wave = (channel, payload) => channel.send({ type: 'broadcast', event: 'wave', payload })
  assert.equal(await wave(first.channel, { to: 'all' }), 'ok')
  await second.heard.first(({ payload }) => payload.to === 'all')
  await first.heard.first(({ payload }) => payload.to === 'all')

  assert.equal(await wave(second.channel, { to: 'ana' }), 'ok')
  await first.heard.first(({ payload }) => payload.to === 'ana')
  assert(!second.heard.all.some(({ payload }) => payload.to === 'ana'))
})

test('a private channel is for members, and what they say stays there', async (t) => {
  // RT-01
  const [ana, bo, cy] = await people(t, 'ana', 'bo', 'cy')
  const place = await group(ana, bo)
  const heard = new Heard()
  const room = (client) => client.channel(`conversation:${place.id}`, { config: { private: true, broadcast: { ack: true } } })

  const anas = room(ana).on('broadcast', { event: 'typing' }, heard.add)
  assert.equal((await firstStatus(anas)).status, 'SUBSCRIBED')
  const bos = room(bo)
  assert.equal((await firstStatus(bos)).status, 'SUBSCRIBED')
  assert.equal(await bos.send({ type: 'broadcast', event: 'typing', payload: { who: 'bo' } }), 'ok')
  await heard.first(({ payload }) => payload.who === 'bo')

  const outsider = await firstStatus(room(cy))
  assert.equal(outsider.status, 'CHANNEL_ERROR')
  assert.match(outsider.reason, /Unauthorized/)
})

test('a new token keeps the channel open', async (t) => {
  // AUT-01
  const ana = await person(t, 'ana')
  const place = await group(ana)
  const heard = await hear(ana, 'messages')
  const token = async () => (await ok(ana.auth.getSession())).session.access_token
  const before = await token()
  await ok(ana.auth.refreshSession())
  // Refreshed within the same second a token is the same; that of another session never is.
  await ok(ana.auth.signInWithPassword({ email: 'ana@example.com', password }))
  assert.notEqual(await token(), before)
  await ana.realtime.setAuth()

  const said = await send(ana, place, 'Still on the line')
  await heard.first((change) => change.new.id === said.id)
  assert.deepEqual(ana.getChannels().map((channel) => channel.state), ['joined'])
})

test('an expired token is no way into a channel', async (t) => {
  // AUT-01
  const now = Math.floor(Date.now() / 1000)
  const claims = { role: 'authenticated', sub: await id(await person(t, 'ana')) }
  const join = async (exp) => {
    const client = connect(t)
    await client.realtime.setAuth(token({ ...claims, exp }))
    return firstStatus(client.channel('x'))
  }
  assert.equal((await join(now + 60)).status, 'SUBSCRIBED')
  const expired = await join(now - 60)
  assert.equal(expired.status, 'CHANNEL_ERROR')
  assert.match(expired.reason, /Token has expired/)
})

test('everybody sees who is present, and nobody flickers', async (t) => {
  // PRS-01
  const topic = `lobby-${randomUUID()}`
  const join = async (client, key) => {
    const heard = new Heard()
    const channel = client.channel(topic, { config: { presence: { key } } })
    for (const event of ['sync', 'join', 'leave']) {
      channel.on('presence', { event }, (news) => {
        heard.add({ ...news, event, state: structuredClone(channel.presenceState()) })
      })
    }
    assert.equal((await firstStatus(channel)).status, 'SUBSCRIBED')
    return { channel, heard }
  }
  const [anas, bos] = [connect(t), connect(t)]
  const [ana, bo] = [await join(anas, 'ana'), await join(bos, 'bo')]

  assert.equal(await ana.channel.track({ mood: 'calm' }), 'ok')
  const joined = await bo.heard.first(({ event, key }) => event === 'join' && key === 'ana')
  assert.equal(joined.newPresences[0].mood, 'calm')
  await ana.heard.first(({ event, state }) => event === 'sync' && state.ana)
  const late = await join(connect(t), 'cy')
  await late.heard.first(({ event, state }) => event === 'sync' && state.ana?.[0].mood === 'calm')

  assert.equal(await ana.channel.track({ mood: 'merry' }), 'ok')
  const changed = await bo.heard.first(({ event, state }) => event === 'sync' && state.ana?.[0].mood === 'merry')
  assert.deepEqual(Object.keys(changed.state), ['ana'])
  assert.equal(changed.state.ana.length, 1)
  const since = bo.heard.all.slice(bo.heard.all.indexOf(joined) + 1)
  assert(since.filter(({ event }) => event === 'sync').every(({ state }) => state.ana))

  bo.heard.all = []
  assert.equal(await ana.channel.untrack(), 'ok')
  await bo.heard.first(({ event, state }) => event === 'sync' && !state.ana)
  assert.equal(await ana.channel.track({ mood: 'back' }), 'ok')
  await bo.heard.first(({ event, state }) => event === 'sync' && state.ana?.[0].mood === 'back')
  await anas.realtime.disconnect()
  await bo.heard.first(({ event, leftPresences }) => event === 'leave' && leftPresences[0].mood === 'back')
})

test('presence of a private channel is for its members', async (t) => {
  const [ana, cy] = await people(t, 'ana', 'cy')
  const place = await group(ana)
  const heard = new Heard()
  const room = (client) => client.channel(`conversation:${place.id}`, { config: { private: true, presence: { key: 'k' } } })
  const channel = room(ana).on('presence', { event: 'sync' }, () => heard.add(structuredClone(channel.presenceState())))
  assert.equal((await firstStatus(channel)).status, 'SUBSCRIBED')
  assert.equal(await channel.track({ typing: false }), 'ok')
  await heard.first((state) => state.k?.[0].typing === false)
  assert.equal((await firstStatus(room(cy))).status, 'CHANNEL_ERROR')
})

test('whoever signs out hears nothing more', async (t) => {
  const ana = await person(t, 'ana')
  const ended = new Heard()
  const channel = ana.channel('mine').on('system', {}, ended.add)
  const closed = new Promise((resolve) => channel.subscribe((status) => status === 'CLOSED' && resolve()))
  await ok(service(t).auth.admin.signOut((await ok(ana.auth.getSession())).session.access_token))
  await ended.first(({ message }) => message === 'The session has ended')
  await closed
})

test('keys of the newer kind are as good as tokens', async (t) => {
  const ana = connect(t, 'sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH')
  assert.equal((await firstStatus(ana.channel('before'))).status, 'SUBSCRIBED')
  await ok(ana.auth.signInWithPassword({ email: 'ana@example.com', password }))
  const place = await group(ana)
  const heard = await hear(ana, 'messages')
  const said = await send(ana, place, 'With a new key')
  await heard.first((change) => change.new.id === said.id)

  const admin = connect(t, 'sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz')
  const { users } = await ok(admin.auth.admin.listUsers())
  assert(users.length > 0)
})
