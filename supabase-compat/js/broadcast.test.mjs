// Broadcasts that come from SQL and over HTTP, and those of the past, as the stock client hears them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { Heard, connect, firstStatus, group, id, newcomer, ok, people, person, service, sql } from './cast.mjs'

// Joins, and gives the channel and what is heard on it.
async function join(client, topic, config = {}) {
  const heard = new Heard()
  const channel = client.channel(topic, { config }).on('broadcast', { event: '*' }, heard.add)
  assert.deepEqual(await firstStatus(channel), { status: 'SUBSCRIBED', reason: undefined })
  return { channel, heard }
}

const say = (topic, event, payload, isPrivate = true) =>
  sql('select realtime.send($1, $2, $3, $4)', [JSON.stringify(payload), event, topic, isPrivate])

const isEvent = (name) => ({ event }) => event === name

test('what SQL says reaches the members, and nobody else', async (t) => {
  // RT-01
  const [ana, cy] = await people(t, 'ana', 'cy')
  const topic = `conversation:${(await group(ana)).id}`
  const inside = await join(ana, topic, { private: true })
  assert.match((await firstStatus(cy.channel(topic, { config: { private: true } }))).reason, /Unauthorized/)
  await cy.removeAllChannels()
  const outside = await join(cy, topic)

  await say(topic, 'secret', { n: 1 })
  await say(topic, 'open', { n: 2 }, false)
  const { payload, meta } = await inside.heard.first(isEvent('secret'))
  assert.equal(payload.n, 1)
  assert.deepEqual(meta, { id: payload.id })
  await outside.heard.first(isEvent('open'))
  assert(!outside.heard.all.some(isEvent('secret')))
  assert(!inside.heard.all.some(isEvent('open')))
})

test('bytes, lists and a megabyte arrive as they were sent', async (t) => {
  const topic = `party-${randomUUID()}`
  const { heard } = await join(connect(t), topic)
  await sql('select realtime.send_binary($1, $2, $3, false)', [Buffer.from([0, 255]), 'bytes', topic])
  await say(topic, 'list', [1, 'two'], false)
  await say(topic, 'large', { text: 'x'.repeat(1_000_000) }, false)
  assert.deepEqual([...new Uint8Array((await heard.first(isEvent('bytes'))).payload)], [0, 255])
  assert.deepEqual((await heard.first(isEvent('list'))).payload, [1, 'two'])
  assert.equal((await heard.first(isEvent('large'))).payload.text.length, 1_000_000)
})

test('what SQL says without a row is heard like any other, in public and in private', async (t) => {
  const [ana, cy] = await people(t, 'ana', 'cy')
  const topic = `conversation:${(await group(ana)).id}`
  const inside = await join(ana, topic, { private: true })
  const outside = await join(cy, topic)

  const text = (event, rest) => JSON.stringify({ topic, event, ...rest })
  const open = { private: false, payload: { n: 1 } }
  for (const [event, rest] of [['secret', {}], ['open', open]]) {
    await sql('select pg_notify($1, $2)', ['walkie', text(`${event} notify`, rest)])
    await sql('select pg_logical_emit_message(true, $1, $2)', ['walkie', text(`${event} message`, rest)])
    await sql('select pg_logical_emit_message(false, $1, $2)', ['walkie', text(`${event} at once`, rest)])
    await say(topic, `${event} row`, {}, event === 'secret')
  }
  for (const means of ['notify', 'message', 'at once', 'row']) {
    assert.equal((await inside.heard.first(isEvent(`secret ${means}`))).payload.n, undefined)
    await outside.heard.first(isEvent(`open ${means}`))
  }
  assert.deepEqual((await outside.heard.first(isEvent('open notify'))).payload, { n: 1 })
  assert.deepEqual([inside, outside].map(({ heard }) => heard.all.length), [4, 4])
})

test('a trigger as in the guide broadcasts the changes of its table', async (t) => {
  // https://supabase.com/docs/guides/realtime/subscribing-to-database-changes
  const ana = await person(t, 'ana')
  const topic = `conversation:${(await group(ana)).id}`
  const table = `moves_${randomUUID().replaceAll('-', '')}`
  await sql(`
    create table public.${table} (id bigint primary key, topic text);
    create or replace function public.${table}_changes()
    returns trigger
    security definer
    language plpgsql
    as $$
    begin
      perform realtime.broadcast_changes(
        coalesce(NEW.topic, OLD.topic), -- topic
        TG_OP,                          -- event
        TG_OP,                          -- operation
        TG_TABLE_NAME,                  -- table
        TG_TABLE_SCHEMA,                -- schema
        NEW,                            -- new record
        OLD                             -- old record
      );
      return null;
    end;
    $$;
    create trigger handle_changes
    after insert or update or delete
    on public.${table}
    for each row
    execute function ${table}_changes ();`)
  const { heard } = await join(ana, topic, { private: true })
  await sql(`insert into public.${table} values (1, '${topic}')`)
  await sql(`delete from public.${table}`)

  const record = { id: 1, topic }
  const inserted = (await heard.first(isEvent('INSERT'))).payload
  assert.deepEqual([inserted.operation, inserted.schema, inserted.table], ['INSERT', 'public', table])
  assert.deepEqual([inserted.record, inserted.old_record], [record, null])
  assert.deepEqual((await heard.first(isEvent('DELETE'))).payload.old_record, record)
})

test('what was said before one came is replayed once, and then what is new', async (t) => {
  const ana = await person(t, 'ana')
  const topic = `conversation:${(await group(ana)).id}`
  const since = Date.now() - 60_000
  for (const event of ['one', 'two', 'three']) await say(topic, event, {})
  const { heard } = await join(ana, topic, { private: true, broadcast: { replay: { since, limit: 2 } } })
  await say(topic, 'four', {})
  await heard.first(isEvent('four'))
  assert.deepEqual(
    heard.all.map(({ event, meta }) => [event, meta.replayed ?? false]),
    [['two', true], ['three', true], ['four', false]],
  )
})

test('httpSend reaches those who listen', async (t) => {
  const [speaker, listener] = [connect(t), connect(t)]
  const topic = `party / ${randomUUID()} ü`
  const { heard } = await join(listener, topic)
  const channel = speaker.channel(topic)
  assert.deepEqual(await channel.httpSend('wave?', { to: 'all' }), { success: true })
  assert.deepEqual(await channel.httpSend('bytes', new Uint8Array([1, 2]).buffer), { success: true })
  assert.deepEqual((await heard.first(isEvent('wave?'))).payload, { to: 'all' })
  assert.deepEqual([...new Uint8Array((await heard.first(isEvent('bytes'))).payload)], [1, 2])
})

test('httpSend into a private channel is for members', async (t) => {
  const [ana, bo, cy] = await people(t, 'ana', 'bo', 'cy')
  const topic = `conversation:${(await group(ana, bo)).id}`
  const { heard } = await join(ana, topic, { private: true })
  const speak = (client) => client.channel(topic, { config: { private: true } }).httpSend('hello', {})
  await assert.rejects(speak(cy), /Unauthorized/)
  assert.deepEqual(await speak(bo), { success: true })
  await heard.first(isEvent('hello'))
  assert.equal(heard.all.length, 1)
})

test('what is sent before joining goes over HTTP', async (t) => {
  const topic = `party-${randomUUID()}`
  const { heard } = await join(connect(t), topic)
  const early = connect(t).channel(topic)
  assert.equal(await early.send({ type: 'broadcast', event: 'early', payload: { n: 1 } }), 'ok')
  assert.deepEqual((await heard.first(isEvent('early'))).payload, { n: 1 })
})

test('typing of the shadow-banned and of those who show none reaches nobody', async (t) => {
  // TYP-05
  const ana = await person(t, 'ana')
  const [banned, shy] = [await newcomer(t), await newcomer(t)]
  const place = await group(ana, banned, shy)
  await ok(service(t).from('user_restrictions').insert({
    user_id: await id(banned), conversation_id: place.id, restriction_type: 'shadow_ban',
  }))
  await ok(shy.from('user_privacy_settings').upsert({ user_id: await id(shy), show_typing: false }))

  const hears = []
  for (const client of [banned, shy, ana]) {
    const { channel, heard } = await join(client, `conversation:${place.id}`, { private: true })
    hears.push(heard)
    await channel.send({ type: 'broadcast', event: 'typing', payload: {} })
    // What a socket sends is handled in order: when this is answered, so is that.
    assert.equal((await firstStatus(client.channel('next'))).status, 'SUBSCRIBED')
    if (client === ana) await channel.httpSend('end', {})
  }
  for (const heard of hears) await heard.first(isEvent('end'))
  assert.deepEqual(hears.map((heard) => heard.all.map(({ event }) => event)), [['typing', 'end'], ['typing', 'end'], ['end']])
})
