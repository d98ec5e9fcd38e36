// Files, as the stock client puts, gets, lists, signs and deletes them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'

import { connect, id, ok, people, person, service, sql } from './cast.mjs'

const bucket = `files-${randomUUID()}`
const policy = `people have a folder in ${bucket}`

before(async () => {
  await sql(`create policy "${policy}" on storage.objects for all to authenticated
             using (bucket_id = '${bucket}' and (storage.foldername(name))[1] = (select auth.uid())::text)
             with check (bucket_id = '${bucket}' and (storage.foldername(name))[1] = (select auth.uid())::text)`)
  await sql(`insert into storage.buckets (id, name) values ($1, $1)`, [bucket])
})

after(() => sql(`drop policy "${policy}" on storage.objects`))

async function owner(t, name = 'ana') {
  const client = await person(t, name)
  const folder = `${await id(client)}/${randomUUID()}`
  return { client, folder, files: client.storage.from(bucket) }
}

const text = async (answer) => (await ok(answer)).text()

test('buckets are made, listed, changed, emptied and deleted', async (t) => {
  const { storage } = service(t)
  const name = `bucket-${randomUUID()}`
  await ok(storage.createBucket(name, { public: false, fileSizeLimit: '1mb', allowedMimeTypes: ['text/*'] }))
  const made = await ok(storage.getBucket(name))
  assert.deepEqual([made.file_size_limit, made.allowed_mime_types, made.public], [1_000_000, ['text/*'], false])
  assert((await ok(storage.listBuckets())).some((listed) => listed.id === name))
  await ok(storage.updateBucket(name, { public: true }))
  assert.equal((await ok(storage.getBucket(name))).public, true)
  await ok(storage.from(name).upload('a.txt', 'hello', { contentType: 'text/plain' }))
  assert.equal((await storage.deleteBucket(name)).error.statusCode, '409')
  await ok(storage.emptyBucket(name))
  await ok(storage.deleteBucket(name))
  assert.equal((await storage.getBucket(name)).error.code, 'NoSuchBucket')
})

test('a file goes up with what is said about it, and comes down again', async (t) => {
  const { files, folder } = await owner(t)
  const path = `${folder}/Grüße an Bo.txt`
  const body = new Blob(['hello'], { type: 'text/plain' })
  const put = await ok(files.upload(path, body, { cacheControl: '77', metadata: { mood: 'good' } }))
  assert.equal(put.path, path)
  assert.equal(put.fullPath, `${bucket}/${path}`)
  assert.equal(await text(files.download(path)), 'hello')
  const info = await ok(files.info(path))
  assert.deepEqual([info.size, info.contentType, info.cacheControl, info.metadata], [5, 'text/plain', 'max-age=77', { mood: 'good' }])
  assert.equal((await files.exists(path)).data, true)
  assert.equal((await files.exists(`${folder}/none`)).data, false)

  assert.equal((await files.upload(path, 'again')).error.statusCode, '409')
  await ok(files.upload(path, 'again', { upsert: true }))
  assert.equal(await text(files.download(path)), 'again')
  await ok(files.update(path, Buffer.from('bytes')))
  assert.equal(await text(files.download(path)), 'bytes')
})

test('others find nothing and write nothing', async (t) => {
  const { files, folder } = await owner(t)
  await ok(files.upload(`${folder}/a.txt`, 'mine'))
  const bo = (await person(t, 'bo')).storage.from(bucket)
  assert.equal((await bo.download(`${folder}/a.txt`)).error.statusCode, '404')
  assert.deepEqual(await ok(bo.list(folder)), [])
  assert.equal((await bo.upload(`${folder}/b.txt`, 'x')).error.statusCode, '403')
  assert.equal((await bo.createSignedUrl(`${folder}/a.txt`, 60)).error.code, 'NoSuchKey')
  assert.deepEqual(await ok(bo.remove([`${folder}/a.txt`])), [])
  assert.equal(await text(files.download(`${folder}/a.txt`)), 'mine')
})

test('lists go through folders and pages', async (t) => {
  const { files, folder } = await owner(t)
  for (const name of ['1.txt', '2.txt', 'deep/3.txt']) await ok(files.upload(`${folder}/${name}`, name))
  const names = (entries) => entries.map(({ name }) => name)
  assert.deepEqual(names(await ok(files.list(folder))), ['1.txt', '2.txt', 'deep'])
  assert.deepEqual(names(await ok(files.list(folder, { search: '2' }))), ['2.txt'])
  const page = await ok(files.listV2({ prefix: `${folder}/`, with_delimiter: true, limit: 2 }))
  assert.equal(page.hasNext, true)
  const rest = await ok(files.listV2({ prefix: `${folder}/`, with_delimiter: true, cursor: page.nextCursor }))
  assert.deepEqual(names(rest.folders), [`${folder}/deep/`])
})

test('files are moved, copied and deleted', async (t) => {
  const { files, folder } = await owner(t)
  await ok(files.upload(`${folder}/a.txt`, 'a'))
  await ok(files.move(`${folder}/a.txt`, `${folder}/b.txt`))
  assert.equal((await files.download(`${folder}/a.txt`)).error.statusCode, '404')
  const copied = await ok(files.copy(`${folder}/b.txt`, `${folder}/c.txt`))
  assert.equal(copied.path, `${bucket}/${folder}/c.txt`)
  const gone = await ok(files.remove([`${folder}/b.txt`, `${folder}/c.txt`, `${folder}/none`]))
  assert.equal(gone.length, 2)
})

test('signed URLs let others read and write once', async (t) => {
  const { files, folder } = await owner(t)
  await ok(files.upload(`${folder}/a b.txt`, 'signed'))
  const { signedUrl } = await ok(files.createSignedUrl(`${folder}/a b.txt`, 60, { download: 'x.txt' }))
  const answer = await fetch(signedUrl)
  assert.equal(await answer.text(), 'signed')
  assert.match(answer.headers.get('content-disposition'), /x\.txt/)
  const many = await ok(files.createSignedUrls([`${folder}/a b.txt`, 'none'], 60))
  assert.equal(await (await fetch(many[0].signedUrl)).text(), 'signed')
  assert(many[1].error)

  const { path, token } = await ok(files.createSignedUploadUrl(`${folder}/up.txt`))
  const stranger = connect(t).storage.from(bucket)
  await ok(stranger.uploadToSignedUrl(path, token, 'from outside'))
  assert.equal(await text(files.download(`${folder}/up.txt`)), 'from outside')
  assert.equal((await stranger.uploadToSignedUrl(path, token, 'again')).error.statusCode, '409')
})

test('a public bucket is read by everybody', async (t) => {
  const { storage } = service(t)
  const name = `public-${randomUUID()}`
  await ok(storage.createBucket(name, { public: true }))
  await ok(storage.from(name).upload('a.txt', 'for all', { contentType: 'text/plain' }))
  const { data } = connect(t).storage.from(name).getPublicUrl('a.txt')
  assert.equal(await (await fetch(data.publicUrl)).text(), 'for all')
})

test('a bucket keeps versions, and lets go of them by its rules', async (t) => {
  const { storage } = service(t)
  const name = `versions-${randomUUID()}`
  await ok(storage.createBucket(name, { public: false, versioningStatus: 'ENABLED' }))
  const files = storage.from(name)
  for (const body of ['one', 'two']) await ok(files.upload('a.txt', body, { upsert: true }))
  const listed = await ok(files.list('', { noncurrentVersions: 'include' }))
  assert.equal(listed.length, 2)
  const old = listed.find(({ archived_at }) => archived_at)
  assert.equal(await text(files.download('a.txt', { versionId: old.version })), 'one')
  await ok(files.remove(['a.txt']))
  assert.equal((await files.exists('a.txt')).data, false)
  await ok(files.copy('a.txt', 'b.txt', { sourceVersionId: old.version }))
  assert.equal(await text(files.download('b.txt')), 'one')

  assert.equal((await storage.getBucketLifecycle(name)).error.code, 'NoSuchLifecycleConfiguration')
  const rules = [{ id: 'old', status: 'Enabled', filter: {}, noncurrentVersionExpiration: { noncurrentDays: 30 } }]
  assert.deepEqual((await ok(storage.updateBucketLifecycle(name, { rules }))).rules, rules)
  assert.deepEqual((await ok(storage.getBucketLifecycle(name))).rules, rules)
  await ok(storage.deleteBucketLifecycle(name))
})

test('whoever loses a right loses the file at once', async (t) => {
  const [ana] = await people(t, 'ana')
  const files = ana.storage.from(bucket)
  const path = `${await id(ana)}/${randomUUID()}`
  await ok(files.upload(path, 'x'))
  await ok(files.download(path))
  await sql(`update storage.objects set name = 'elsewhere/' || name where name = $1`, [path])
  assert.equal((await files.download(`elsewhere/${path}`)).error.statusCode, '404')
})
