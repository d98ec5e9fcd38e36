// What people do with messages, over the wire.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { group, hear, id, newcomer, ok, people, refusal, send } from './cast.mjs'

test('a message is sent by a row or by a call, and always in one\'s own name', async (t) => {
  // MSG-01
  const [ana, bo] = await people(t, 'ana', 'bo')
  const place = await group(ana, bo)
  const called = await send(ana, place, 'By a call')
  const inserted = await ok(
    ana.from('messages').insert({ conversation_id: place.id, body: 'By a row' }).select().single(),
  )
  assert.deepEqual([called.seq, inserted.seq], [1, 2])
  for (const message of [called, inserted]) {
    assert.equal(message.sender_id, await id(ana))
    assert(!Number.isNaN(Date.parse(message.created_at)))
  }

  const forged = { conversation_id: place.id, body: 'Not me', sender_id: await id(bo) }
  assert.equal((await refusal(ana.from('messages').insert(forged))).code, '42501')
  assert.equal((await ok(bo.from('messages').select('id').eq('conversation_id', place.id))).length, 2)
})

test('the same message sent twice is there once', async (t) => {
  // MSG-01
  const [ana] = await people(t, 'ana')
  const place = await group(ana)
  const message = { p_conversation_id: place.id, p_body: 'Once', p_client_id: randomUUID() }
  const [first, second] = await Promise.all([ana.rpc('send_message', message), ana.rpc('send_message', message)].map(ok))
  assert.equal(first.id, second.id)
  assert.equal((await ok(ana.from('messages').select('id').eq('conversation_id', place.id))).length, 1)
})

test('two people have one conversation, however many ask for it at once', async (t) => {
  // CNV-03
  const [one, other] = await Promise.all([newcomer(t), newcomer(t)])
  const [oneId, otherId] = await Promise.all([id(one), id(other)])
  const asked = Array.from({ length: 50 }, (_, turn) =>
    turn % 2
      ? one.rpc('get_or_create_conversation', { p_other: otherId })
      : other.rpc('get_or_create_conversation', { p_other: oneId }),
  )
  const given = await Promise.all(asked.map(ok))
  assert.equal(new Set(given.map((conversation) => conversation.id)).size, 1)
  assert.equal((await ok(one.from('conversations').select('id').eq('kind', 'dm'))).length, 1)
})

test('a conversation knows its last message', async (t) => {
  // CNV-04
  const [ana] = await people(t, 'ana')
  const place = await group(ana)
  const said = await send(ana, place, 'The last word')
  const read = () =>
    ok(ana.from('conversations').select('last_message_id, last_message_at, last_preview').eq('id', place.id).single())
  assert.deepEqual(await read(), {
    last_message_id: said.id,
    last_message_at: said.created_at,
    last_preview: 'The last word',
  })

  await ok(ana.rpc('delete_message', { p_conversation: place.id, p_message: said.id }))
  assert.match((await read()).last_preview, /deleted/)
})

test('what is read stays read, and the other device hears of it', async (t) => {
  // RCP-01
  const [ana, bo] = await people(t, 'ana', 'bo')
  const place = await group(ana, bo)
  const inbox = async () =>
    (await ok(bo.rpc('get_conversations'))).find((conversation) => conversation.id === place.id)
  await send(ana, place, 'One')
  const two = await send(ana, place, 'Two')
  assert.equal((await inbox()).unread, 2)

  const [device] = await people(t, 'bo')
  const heard = await hear(device, 'conversation_members', { event: 'UPDATE' })
  await ok(bo.rpc('mark_read', { p_conversation: place.id, p_seq: two.seq }))
  assert.equal((await inbox()).unread, 0)
  const boId = await id(bo)
  await heard.first(({ new: row }) =>
    row.conversation_id === place.id && row.member_id === boId && row.last_read_seq === two.seq)

  const pointer = await ok(bo.rpc('mark_read', { p_conversation: place.id, p_seq: 1 }))
  assert.equal(pointer.last_read_seq, two.seq)
  assert.equal((await inbox()).unread, 0)
})
