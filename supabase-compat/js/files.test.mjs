// Files of conversations and pictures of people, by stock clients.

import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { group, hear, id, newcomer, ok, people, refusal, sql } from './cast.mjs'

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const picture = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')

// Asks for an upload, uploads, and gives the version that it became.
async function bring(client, place, name, bytes, type, more = {}) {
  const upload = await ok(client.rpc('request_upload', { p_conversation: place.id, p_name: name, p_size: bytes.length, p_mime: type, ...more }))
  await ok(client.storage.from(upload.bucket).upload(upload.path, bytes, { contentType: type }))
  return ok(client.rpc('complete_upload', { p_upload: upload.upload_id }))
}

test('a member uploads, another downloads the same bytes, and nobody else does', async (t) => {
  // FIL-01
  const [ana, bo, cy] = await people(t, 'ana', 'bo', 'cy')
  const place = await group(ana, bo)
  const messages = await hear(bo, 'messages', { filter: `conversation_id=eq.${place.id}` })
  const bytes = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(300_000)])
  const file = await bring(ana, place, 'Über uns.pdf', bytes, 'application/pdf', { p_sha256: sha256(bytes) })
  await ok(ana.rpc('send_message', { p_conversation_id: place.id, p_body: null, p_attachments: [{ file_id: file.file_id }] }))

  const { new: message } = await messages.first((change) => change.new?.message_type === 'file')
  const [attachment] = message.attachments
  assert.deepEqual([attachment.name, attachment.mime_type, attachment.size_bytes], ['Über uns.pdf', 'application/pdf', bytes.length])
  const got = await ok(bo.storage.from('chat').download(attachment.path))
  assert.equal(sha256(Buffer.from(await got.arrayBuffer())), sha256(bytes))

  const { error } = await cy.storage.from('chat').download(attachment.path)
  assert.equal(error.status ?? error.originalError?.status, 400)
  assert.equal((await refusal(cy.rpc('request_upload', { p_conversation: place.id, p_name: 'x.txt', p_size: 1 }))).hint, 'cannot_post')
  const put = await cy.storage.from('chat').upload(`${place.id}/${file.file_id}/${randomUUID()}/x.txt`, 'x')
  assert.equal(put.error.statusCode, '403')
  assert.deepEqual(await ok(cy.from('files').select()), [])
  const [embedded] = await ok(bo.from('messages').select('id, message_attachments(position, file_versions(name, sha256))').eq('id', message.id))
  assert.deepEqual(embedded.message_attachments, [{ position: 1, file_versions: { name: 'Über uns.pdf', sha256: sha256(bytes) } }])
})

test('a link to a file is a member\'s to make, names the file, and ends', async (t) => {
  // FIL-02 FIL-08
  const [ana, bo, cy] = await people(t, 'ana', 'bo', 'cy')
  const place = await group(ana, bo)
  const file = await bring(ana, place, 'cat.png', picture, 'image/png')
  const chat = bo.storage.from('chat')
  const { signedUrl } = await ok(chat.createSignedUrl(file.object_path, 3600, { download: 'My cat.png' }))
  const got = await fetch(signedUrl)
  assert.equal(got.status, 200)
  assert.match(got.headers.get('content-disposition'), /^attachment;.*filename\*=UTF-8''My%20cat\.png/)
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), picture)
  const { iat, exp } = JSON.parse(Buffer.from(new URL(signedUrl).searchParams.get('token').split('.')[1], 'base64url'))
  assert.equal(exp - iat, 300)

  const { error } = await cy.storage.from('chat').createSignedUrl(file.object_path, 60)
  assert.equal(error.statusCode, '404')
  const many = await ok(chat.createSignedUrls([file.object_path, 'nowhere'], 60))
  assert.deepEqual(many.map(({ error }) => error === null), [true, false])

  await ok(ana.rpc('remove_member', { p_conversation: place.id, p_member: await id(bo) }))
  assert.equal((await chat.createSignedUrl(file.object_path, 60)).error.statusCode, '404')
  assert.equal((await chat.exists(file.object_path)).data, false)
})

test('nobody overwrites, moves, copies or deletes a file behind its conversation', async (t) => {
  // FIL-12
  const [ana, bo] = await people(t, 'ana', 'bo')
  const place = await group(ana, bo)
  const { object_path: path } = await bring(ana, place, 'plan.txt', Buffer.from('plan'), 'text/plain')
  for (const client of [ana, bo]) {
    const chat = client.storage.from('chat')
    assert.equal((await chat.upload(path, 'mine', { upsert: true })).error.statusCode, '403')
    assert.equal((await chat.update(path, 'mine')).error.statusCode, '403')
    assert.equal((await chat.createSignedUploadUrl(path, { upsert: true })).error.statusCode, '403')
    assert((await chat.move(path, `${path}.txt`)).error)
    assert.equal((await chat.copy(path, `${path}.txt`)).error.statusCode, '403')
    assert.deepEqual((await chat.remove([path])).data, [])
    assert.equal(await (await ok(chat.download(path))).text(), 'plan')
  }
})

test('what becomes of a file is heard at once', async (t) => {
  // FIL-07
  const [ana, bo] = await Promise.all([newcomer(t), newcomer(t)])
  const place = await group(ana, bo)
  const scanners = await sql("insert into storage.scanners (name) values ('clamd') on conflict do nothing returning name")
  t.after(() => scanners.length && sql('delete from storage.scanners'))
  const versions = await hear(ana, 'file_versions', { filter: `conversation_id=eq.${place.id}` })
  const messages = await hear(bo, 'messages', { name: 'messages', filter: `conversation_id=eq.${place.id}` })
  const file = await bring(ana, place, 'odd.txt', Buffer.from('odd'), 'text/plain')
  assert.equal(file.scan_status, 'pending')
  await ok(ana.rpc('send_message', { p_conversation_id: place.id, p_body: 'Look', p_attachments: [{ file_id: file.file_id }] }))
  assert.equal((await messages.first((change) => change.new.body === 'Look')).new.attachments[0].status, 'pending')

  await sql("select storage.record_verdict($1, 'infected', 'test', 'Odd')", [file.object_version])
  await versions.first((change) => change.new?.scan_status === 'infected')
  await messages.first((change) => change.eventType === 'UPDATE' && change.new.attachments[0].status === 'infected')
  assert.equal((await bo.storage.from('chat').download(file.object_path)).error !== null, true)
})

test('a picture of oneself is seen by all, live', async (t) => {
  // FIL-13
  const [ana, bo] = await people(t, 'ana', 'bo')
  const profiles = await hear(bo, 'profiles', { filter: `id=eq.${await id(ana)}` })
  const path = `${await id(ana)}/${randomUUID()}.png`
  const avatars = ana.storage.from('avatars')
  await ok(avatars.upload(path, picture, { contentType: 'image/png' }))
  await ok(ana.from('profiles').update({ avatar_path: path }).eq('id', await id(ana)))
  t.after(() => ok(ana.from('profiles').update({ avatar_path: null }).eq('id', 'a0000000-0000-4000-8000-00000000000a')))
  const { new: profile } = await profiles.first((change) => change.new.avatar_path === path)
  const seen = await fetch(bo.storage.from('avatars').getPublicUrl(profile.avatar_path).data.publicUrl)
  assert.deepEqual(Buffer.from(await seen.arrayBuffer()), picture)
  assert(seen.headers.get('etag') && seen.headers.get('cache-control'))

  const large = Buffer.concat([picture, Buffer.alloc(2_000_000)])
  assert.equal((await avatars.upload(path, large, { contentType: 'image/png', upsert: true })).error.statusCode, '413')
  assert.equal((await avatars.upload(`${path}.txt`, 'me', { contentType: 'text/plain' })).error.statusCode, '415')
  assert.equal((await bo.storage.from('avatars').upload(`${await id(ana)}/x.png`, picture, { contentType: 'image/png' })).error.statusCode, '403')
  assert((await bo.storage.from('avatars').remove([path])).data.length === 0)
})
