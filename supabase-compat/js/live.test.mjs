// What one does, the others hear at once; and what outsiders get of all that.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { firstStatus, group, hear, Heard, id, newcomer, ok, people, refusal, send } from './cast.mjs'

// What is heard of an act: within a second of its answer.
async function soon(heard, act, wanted) {
  const answer = await act
  const answered = performance.now()
  const event = await heard.first(wanted)
  assert(performance.now() - answered < 1000, 'later than a second')
  return { answer, event }
}

async function upload(client, place, name) {
  const asked = await ok(client.rpc('request_upload', { p_conversation: place.id, p_name: name, p_size: 4 }))
  await ok(client.storage.from('chat').upload(asked.path, 'text', { contentType: 'text/plain' }))
  return ok(client.rpc('complete_upload', { p_upload: asked.upload_id }))
}

test('an outsider reads nothing, writes nothing and hears nothing', async (t) => {
  // TEN-11
  const [ana, bo, outsider] = [...await people(t, 'ana', 'bo'), await newcomer(t)]
  const place = await group(ana, bo)
  const of = (column) => (query) => query.eq(column, place.id)
  const file = await upload(ana, place, 'plan.txt')
  const said = await ok(ana.rpc('send_message', { p_conversation_id: place.id, p_body: 'Among us', p_attachments: [{ file_id: file.file_id }] }))
  await ok(bo.rpc('toggle_reaction', { p_conversation: place.id, p_message: said.id, p_emoji: '👍' }))
  await ok(ana.rpc('pin_message', { p_conversation: place.id, p_message: said.id }))

  const tables = {
    messages: of('conversation_id'), conversation_members: of('conversation_id'), files: of('conversation_id'),
    file_versions: of('conversation_id'), message_attachments: of('conversation_id'), message_reactions: of('conversation_id'),
    conversation_pins: of('conversation_id'), conversations: of('id'), user_messages: of('conversation_id'), participants: of('conversation_id'),
  }
  for (const [table, where] of Object.entries(tables)) {
    assert.notEqual((await ok(where(bo.from(table).select()))).length, 0, table)
    assert.deepEqual(await ok(where(outsider.from(table).select())), [], table)
  }
  assert.deepEqual(await ok(outsider.rpc('get_messages', { p_conversation: place.id })), [])
  assert.deepEqual(await ok(outsider.rpc('search_messages', { p_query: 'among' })), [])
  assert((await outsider.storage.from('chat').download(file.object_path)).error)
  assert.equal((await outsider.storage.from('chat').createSignedUrl(file.object_path, 60)).error.statusCode, '404')

  const { id: place_id } = place
  for (const [table, row] of Object.entries({
    messages: { conversation_id: place_id, body: 'Let me in' },
    conversation_members: { conversation_id: place_id, member_id: await id(outsider) },
    files: { conversation_id: place_id, name: 'x' },
    conversation_pins: { conversation_id: place_id, message_id: said.id },
  })) {
    assert.equal((await refusal(outsider.from(table).insert(row))).code, '42501', table)
  }
  // Where a member may write, the message is not there for an outsider.
  const reaction = { conversation_id: place_id, message_id: said.id, emoji: '👎' }
  assert.equal((await refusal(outsider.from('message_reactions').insert(reaction))).hint, 'no_such_message')
  assert.equal((await refusal(outsider.rpc('send_message', { p_conversation_id: place_id, p_body: 'Let me in' }))).code, '42501')
  assert.equal((await refusal(outsider.rpc('mark_read', { p_conversation: place_id, p_seq: 1 }))).hint, 'not_member')
  assert.equal((await firstStatus(outsider.channel(`conversation:${place_id}`, { config: { private: true } }))).status, 'CHANNEL_ERROR')

  const all = await hear(outsider, 'messages', { name: 'all' })
  const here = await hear(outsider, 'messages', { name: 'here', filter: `conversation_id=eq.${place_id}` })
  await send(ana, place, 'Between us')
  await send(bo, place, 'Quite')
  const own = await group(outsider)
  await send(outsider, own, 'To myself')
  await all.first((change) => change.new.body === 'To myself')
  await ok(ana.rpc('add_members', { p_conversation: place_id, p_members: [await id(outsider)] }))
  await send(ana, place, 'Welcome')
  await here.first((change) => change.new.body === 'Welcome')
  assert.deepEqual(all.all.map((change) => change.new.body), ['To myself', 'Welcome'])
  assert.deepEqual(here.all.map((change) => change.new.body), ['Welcome'])
})

test('what becomes of a message reaches the others at once', async (t) => {
  // MSG-05 MSG-06 MSG-12 MSG-13
  const [ana, bo] = await people(t, 'ana', 'bo')
  const place = await group(ana, bo)
  const filter = `conversation_id=eq.${place.id}`
  const [messages, pins] = [await hear(bo, 'messages', { filter }), await hear(bo, 'conversation_pins', { filter })]
  const reactions = await hear(ana, 'message_reactions', { filter })
  const { answer: said } = await soon(messages, send(ana, place, 'Teh'), (change) => change.new.body === 'Teh')
  const message = { p_conversation: place.id, p_message: said.id }

  const edited = await soon(messages, ok(ana.rpc('edit_message', { ...message, p_body: 'The' })), (change) => change.new.body === 'The')
  assert.deepEqual([edited.event.eventType, edited.event.new.edit_count], ['UPDATE', 1])
  assert.deepEqual(await ok(bo.from('messages').update({ body: 'Mine' }).eq('id', said.id).select()), [])

  await soon(reactions, ok(bo.rpc('toggle_reaction', { ...message, p_emoji: '👍' })), (change) => change.new.emoji === '👍')
  await messages.first((change) => change.new.reaction_counts?.['👍'] === 1)
  await soon(messages, ok(ana.rpc('pin_message', message)), (change) => change.new.is_pinned)
  await pins.first((change) => change.new.message_id === said.id)

  const { event: gone } = await soon(messages, ok(ana.rpc('delete_message', message)), (change) => change.new.deleted_at)
  assert.deepEqual([gone.eventType, gone.new.body, gone.new.is_pinned], ['UPDATE', null, false])
  assert.equal((await refusal(bo.rpc('delete_message', { p_conversation: place.id, p_message: (await send(ana, place, 'Stays')).id }))).hint, 'not_yours')
})

test('who has read is told to the one who wrote, once, unless the reader hides it', async (t) => {
  // RCP-02 RCP-06
  const [ana, shy] = [(await people(t, 'ana'))[0], await newcomer(t)]
  const place = await group(ana, shy)
  const members = await hear(ana, 'conversation_members', { filter: `conversation_id=eq.${place.id}` })
  const reader = await id(shy)
  const first = await send(ana, place, 'One')
  await soon(members, ok(shy.rpc('mark_read', { p_conversation: place.id, p_seq: first.seq })), (change) => change.new.last_read_seq === first.seq)
  await ok(shy.rpc('mark_read', { p_conversation: place.id, p_seq: first.seq }))

  await ok(shy.from('user_privacy_settings').upsert({ user_id: reader, show_read_receipts: false }))
  const second = await send(ana, place, 'Two')
  await ok(shy.rpc('mark_read', { p_conversation: place.id, p_seq: second.seq }))
  await soon(members, ok(shy.rpc('mark_delivered', { p_items: { [place.id]: second.seq } })), (change) => change.new.last_delivered_seq === second.seq)
  const told = members.all.filter((change) => change.new.member_id === reader)
  assert.deepEqual(told.map(({ new: row }) => [row.last_read_seq, row.last_delivered_seq]), [[first.seq, first.seq], [first.seq, second.seq]])
})

test('settings, answers to meetings, presence and typing reach the others at once', async (t) => {
  // CNV-16 MTG-05 MTG-06 PRS-03 PRS-07 TYP-01
  const [ana, bo] = [(await people(t, 'ana'))[0], await newcomer(t)]
  const place = await group(ana, bo)
  const boId = await id(bo)
  const conversations = await hear(bo, 'conversations', { filter: `id=eq.${place.id}` })
  const settings = { title: 'Tea', topic: 'Green', notify_default: 'mentions', slow_mode_s: 5 }
  const { event } = await soon(conversations, ok(ana.rpc('update_conversation_settings', { p_conversation: place.id, p_settings: settings })), (change) => change.new.topic === 'Green')
  for (const [name, value] of Object.entries(settings)) assert.equal(event.new[name], value)
  assert.equal((await refusal(bo.rpc('update_conversation_settings', { p_conversation: place.id, p_settings: { title: 'Mine' } }))).hint, 'not_manager')

  const hour = 3600_000
  const at = (hours) => new Date(Date.now() + hours * hour).toISOString()
  const cards = await hear(bo, 'messages', { name: 'cards', filter: `conversation_id=eq.${place.id}` })
  const answers = await hear(ana, 'meeting_participants')
  const meeting = await ok(ana.rpc('schedule_meeting', {
    p_conversation: place.id, p_title: 'Tasting', p_provider: 'other', p_url: 'https://a.example', p_starts: at(2), p_ends: at(3),
  }))
  await soon(answers, ok(bo.rpc('respond_meeting', { p_meeting: meeting.id, p_response: 'maybe' })), (change) => change.new.user_id === boId && change.new.response === 'maybe')
  await soon(cards, ok(ana.rpc('cancel_meeting', { p_meeting: meeting.id })), (change) => change.new.event?.state === 'cancelled')

  // Whoever has signed in is there already.
  await ok(bo.rpc('heartbeat', { p_status: 'offline' }))
  const presence = await hear(ana, 'user_presence', { filter: `user_id=eq.${boId}` })
  const shows = (status) => (change) => change.new.status === status
  await soon(presence, ok(bo.rpc('heartbeat')), shows('online'))
  await soon(presence, ok(bo.rpc('set_status', { p_status: 'busy' })), shows('busy'))
  assert.equal(await ok(bo.rpc('heartbeat')), 'busy')
  const [shown] = await ok(ana.from('user_presence').select().eq('user_id', boId))
  assert.equal(shown.status, 'busy')
  assert(Date.now() - Date.parse(shown.last_seen_at) < 60_000)
  await soon(presence, ok(bo.rpc('heartbeat', { p_status: 'offline' })), shows('offline'))

  const typing = new Heard()
  const channel = ana.channel(`conversation:${place.id}`, { config: { private: true } }).on('broadcast', { event: 'typing' }, typing.add)
  assert.equal((await firstStatus(channel)).status, 'SUBSCRIBED')
  await soon(typing, ok(bo.rpc('set_typing', { p_conversation: place.id })), ({ payload }) => payload.user_id === boId && payload.typing)
  assert.deepEqual((await ok(ana.rpc('who_is_typing', { p_conversation: place.id }))).map(({ user_id }) => user_id), [boId])
  await soon(cards, send(bo, place, 'There'), (change) => change.new.body === 'There')
  assert.deepEqual(await ok(ana.rpc('who_is_typing', { p_conversation: place.id })), [])
})

test('a room is made, read, changed and put away by table', async (t) => {
  // CNV-25
  const [ana, bo] = await people(t, 'ana', 'bo')
  const room = await ok(ana.from('conversations').insert({ kind: 'room', visibility: 'org', title: `Attic ${Date.now()}` }).select().single())
  assert.match(room.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  await ok(bo.rpc('join_room', { p_slug: room.slug }))
  await send(bo, room, 'Dusty')
  const one = (client) => ok(client.from('conversations').select('topic, archived_at, last_preview').eq('id', room.id).single())
  assert.deepEqual(await one(bo), { topic: null, archived_at: null, last_preview: 'Dusty' })
  assert.deepEqual(await ok(bo.from('conversations').update({ topic: 'Mine' }).eq('id', room.id).select()), [])
  assert.equal((await ok(ana.from('conversations').update({ topic: 'Old things' }).eq('id', room.id).select())).length, 1)

  await ok(bo.from('conversations').delete().eq('id', room.id))
  assert.equal((await one(ana)).archived_at, null)
  await ok(ana.from('conversations').delete().eq('id', room.id))
  assert.notEqual((await one(bo)).archived_at, null)
  const archived = await ok(bo.rpc('get_conversations', { p_filter: 'archived' }))
  assert(archived.some(({ id }) => id === room.id))
  assert.equal((await refusal(bo.rpc('send_message', { p_conversation_id: room.id, p_body: 'Hello?' }))).hint, 'locked')
})
