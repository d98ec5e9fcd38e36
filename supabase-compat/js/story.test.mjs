// The main job, end to end.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { group, hear, ok, people, send } from './cast.mjs'

test('a message reaches, live, exactly those whom the policies let see it', async (t) => {
  const [ana, bo, cy] = await people(t, 'ana', 'bo', 'cy')
  const room = await group(ana, bo)
  const elsewhere = await group(cy)

  const [anaHears, boHears, cyHears] = await Promise.all([ana, bo, cy].map((one) => hear(one, 'messages')))
  const said = await send(ana, room, 'Are you there?')
  const answer = await ok(
    bo.from('messages').insert({ conversation_id: room.id, body: 'Always.' }).select().single(),
  )

  const question = await boHears.first((change) => change.new.id === said.id)
  assert.equal(question.eventType, 'INSERT')
  assert.deepEqual(question.new, said)
  const reply = await anaHears.first((change) => change.new.id === answer.id)
  assert.deepEqual(reply.new, answer)

  // Changes come in the order of their commits: once cy has this one, nothing earlier is on its way.
  const marker = await send(cy, elsewhere, 'Nobody here but me.')
  await cyHears.first((change) => change.new.id === marker.id)
  assert.deepEqual(cyHears.all.filter((change) => change.new.conversation_id === room.id), [])
  assert.deepEqual(await ok(cy.from('messages').select().eq('conversation_id', room.id)), [])
})
