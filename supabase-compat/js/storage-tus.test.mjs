// Uploads that survive a bad network, as tus-js-client makes them, and pictures in other sizes.

import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { crc32, deflateSync } from 'node:zlib'

import { Upload } from 'tus-js-client'

import { id, ok, person, sql } from './cast.mjs'

const bucket = `resumable-${randomUUID()}`
const policy = `people have a folder in ${bucket}`

before(async () => {
  await sql(`create policy "${policy}" on storage.objects for all to authenticated
             using (bucket_id = '${bucket}' and (storage.foldername(name))[1] = (select auth.uid())::text)
             with check (bucket_id = '${bucket}' and (storage.foldername(name))[1] = (select auth.uid())::text)`)
  await sql(`insert into storage.buckets (id, name) values ($1, $1)`, [bucket])
})

after(() => sql(`drop policy "${policy}" on storage.objects`))

async function options(client, name) {
  const { data } = await client.auth.getSession()
  return {
    endpoint: `${process.env.SUPABASE_URL}/storage/v1/upload/resumable`,
    headers: { authorization: `Bearer ${data.session.access_token}` },
    metadata: { bucketName: bucket, objectName: name, contentType: 'application/octet-stream', cacheControl: '3600' },
    retryDelays: null,
  }
}

function send(bytes, settings) {
  const { promise, resolve, reject } = Promise.withResolvers()
  const upload = new Upload(bytes, { ...settings, onSuccess: () => resolve(upload), onError: reject })
  upload.start()
  return promise
}

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')

test('a file that was cut off goes on where it stopped', async (t) => {
  const client = await person(t, 'ana')
  const name = `${await id(client)}/cut.bin`
  const bytes = randomBytes(3_000_000)
  const settings = { ...(await options(client, name)), chunkSize: 1_000_000 }

  const { promise: stopped, resolve: stop } = Promise.withResolvers()
  const first = new Upload(bytes, {
    ...settings,
    onChunkComplete: () => first.abort().then(() => stop(first.url)),
  })
  first.start()
  const uploadUrl = await stopped
  assert((await client.storage.from(bucket).download(name)).error, 'nothing half-written is seen')

  const offsets = []
  await send(bytes, { ...settings, uploadUrl, onChunkComplete: (size, sent) => offsets.push(sent) })
  assert.deepEqual(offsets, [2_000_000, 3_000_000])
  const kept = await ok(client.storage.from(bucket).download(name))
  assert.equal(digest(Buffer.from(await kept.arrayBuffer())), digest(bytes))
  assert.equal((await ok(client.storage.from(bucket).info(name))).cacheControl, 'max-age=3600')
})

test('policies decide, and an upload that is ended is gone', async (t) => {
  const client = await person(t, 'ana')
  const elsewhere = `${randomUUID()}/not-mine.bin`
  const refused = await send(randomBytes(10), await options(client, elsewhere)).catch((error) => error)
  assert.equal(refused.originalResponse.getStatus(), 403)

  const settings = { ...(await options(client, `${await id(client)}/ended.bin`)), chunkSize: 10 }
  const { promise, resolve } = Promise.withResolvers()
  const upload = new Upload(randomBytes(100), { ...settings, onChunkComplete: () => upload.abort(true).then(resolve) })
  upload.start()
  await promise
  const answer = await fetch(upload.url, { method: 'HEAD', headers: { ...settings.headers, 'tus-resumable': '1.0.0' } })
  assert([404, 410].includes(answer.status), `${answer.status}`)
})

/** A picture of one colour, as PNG. */
function png(width, height) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data])
    const ends = Buffer.alloc(8)
    ends.writeUInt32BE(data.length, 0)
    ends.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  const rows = Buffer.concat(Array(height).fill(Buffer.concat([Buffer.of(0), Buffer.alloc(width * 3, 200)])))
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

test('pictures come in the size that is asked for', async (t) => {
  const client = await person(t, 'ana')
  const files = client.storage.from(bucket)
  const name = `${await id(client)}/picture.png`
  await ok(files.upload(name, png(80, 40), { contentType: 'image/png' }))
  const transform = { width: 20, height: 10, format: 'origin' }

  const size = async (blob) => {
    const bytes = Buffer.from(await blob.arrayBuffer())
    return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
  }
  assert.deepEqual(await size(await ok(files.download(name, { transform }))), [20, 10])
  const { signedUrl } = await ok(files.createSignedUrl(name, 60, { transform }))
  const answer = await fetch(signedUrl)
  assert.equal(answer.headers.get('content-type'), 'image/png')
  assert.deepEqual(await size(await answer.blob()), [20, 10])
})
