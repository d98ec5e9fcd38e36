// The AWS SDK for JavaScript against /storage/v1/s3: as a server with a pair of keys, and as a
// person with their own token.

import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { test } from 'node:test'

import * as s3 from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

import { newcomer, ok, service, sql } from './cast.mjs'

const { SUPABASE_URL, SUPABASE_ANON_KEY } = process.env

// What `walkie dev` knows, as the Supabase CLI prints it.
const servers = {
  accessKeyId: '625729a08b95bf1b7ff351a663f3a23c',
  secretAccessKey: '850181e4652dd023b7a98c58ae0d2d34bd487ee0cc3254aed6eda37307425907',
}

function connect(t, credentials = servers, more) {
  const client = new s3.S3Client({
    region: 'local',
    endpoint: `${SUPABASE_URL}/storage/v1/s3`,
    forcePathStyle: true,
    credentials,
    ...more,
  })
  t.after(() => client.destroy())
  return client
}

// A bucket that no other test knows.
async function bucket(client) {
  const Bucket = `s3-${randomUUID()}`
  await client.send(new s3.CreateBucketCommand({ Bucket }))
  return Bucket
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function rejects(promise, name, status) {
  const error = await promise.then(() => assert.fail(`${name} was expected`), (error) => error)
  assert.equal(error.name, name, error)
  assert.equal(error.$metadata.httpStatusCode, status)
}

test('S3: an object goes up and comes down with all that is said of it', async (t) => {
  const client = connect(t)
  const Bucket = await bucket(client)
  const Key = 'folder/año & 100+1.txt'
  await client.send(new s3.PutObjectCommand({
    Bucket, Key, Body: 'hello', ContentType: 'text/plain', CacheControl: 'max-age=60', Metadata: { mood: 'good' },
  }))
  const got = await client.send(new s3.GetObjectCommand({ Bucket, Key }))
  assert.equal(await got.Body.transformToString(), 'hello')
  assert.deepEqual(
    [got.ContentType, got.CacheControl, got.Metadata, got.ETag],
    ['text/plain', 'max-age=60', { mood: 'good' }, `"${createHash('md5').update('hello').digest('hex')}"`],
  )
  const part = await client.send(new s3.GetObjectCommand({ Bucket, Key, Range: 'bytes=1-2' }))
  assert.equal(await part.Body.transformToString(), 'el')
  const head = await client.send(new s3.HeadObjectCommand({ Bucket, Key }))
  assert.equal(head.ContentLength, 5)
  await rejects(client.send(new s3.GetObjectCommand({ Bucket, Key: 'none' })), 'NoSuchKey', 404)
  await rejects(client.send(new s3.HeadObjectCommand({ Bucket, Key: 'none' })), 'NotFound', 404)

  // The stock client of Supabase sees the same object.
  const seen = await ok(service(t).storage.from(Bucket).download(Key))
  assert.equal(await seen.text(), 'hello')
})

test('S3: streams come with each kind of checksum behind them', async (t) => {
  const client = connect(t)
  const Bucket = await bucket(client)
  const bytes = randomBytes(300_000)
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    const Key = ChecksumAlgorithm
    const Body = Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)])
    await client.send(new s3.PutObjectCommand({ Bucket, Key, Body, ContentLength: bytes.length, ChecksumAlgorithm }))
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key }))
    assert.equal(sha256(await got.Body.transformToByteArray()), sha256(bytes), ChecksumAlgorithm)
  }
})

test('S3: large files go up in parts', async (t) => {
  const client = connect(t)
  const Bucket = await bucket(client)
  const bytes = randomBytes(17 * 1024 * 1024)
  const upload = new Upload({ client, params: { Bucket, Key: 'large', Body: Readable.from([bytes]) }, partSize: 5 * 1024 * 1024 })
  const done = await upload.done()
  assert.match(done.ETag, /-4"$/)
  const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'large' }))
  assert.equal(sha256(await got.Body.transformToByteArray()), sha256(bytes))

  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: 'given up' }))
  await client.send(new s3.UploadPartCommand({ Bucket, Key: 'given up', UploadId, PartNumber: 1, Body: 'x' }))
  const { Parts } = await client.send(new s3.ListPartsCommand({ Bucket, Key: 'given up', UploadId }))
  assert.deepEqual(Parts.map((part) => [part.PartNumber, part.Size]), [[1, 1]])
  await client.send(new s3.AbortMultipartUploadCommand({ Bucket, Key: 'given up', UploadId }))
  const { Uploads } = await client.send(new s3.ListMultipartUploadsCommand({ Bucket }))
  assert.equal(Uploads, undefined)
})

test('S3: lists go on page by page, and folders are one entry', async (t) => {
  const client = connect(t)
  const Bucket = await bucket(client)
  const keys = ['a.txt', 'b/1', 'b/2', 'c/3', 'd & e.txt']
  await Promise.all(keys.map((Key) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body: 'x' }))))
  const seen = []
  for await (const page of s3.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket, Delimiter: '/' })) {
    seen.push(...(page.Contents ?? []).map((it) => it.Key), ...(page.CommonPrefixes ?? []).map((it) => it.Prefix))
  }
  assert.deepEqual(seen.sort(), ['a.txt', 'b/', 'c/', 'd & e.txt'])
  await client.send(new s3.CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/${encodeURIComponent('d & e.txt')}` }))
  const { Deleted } = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }))
  assert.deepEqual(Deleted.map((it) => it.Key), keys)
  const left = await client.send(new s3.ListObjectsV2Command({ Bucket }))
  assert.deepEqual(left.Contents.map((it) => it.Key), ['copy'])
  await client.send(new s3.DeleteObjectCommand({ Bucket, Key: 'copy' }))
  await client.send(new s3.DeleteBucketCommand({ Bucket }))
  await rejects(client.send(new s3.HeadBucketCommand({ Bucket })), 'NotFound', 404)
})

test('S3: presigned URLs and forms work without keys', async (t) => {
  const client = connect(t)
  const Bucket = await bucket(client)
  const put = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: 'x.txt' }), { expiresIn: 60 })
  assert.equal((await fetch(put, { method: 'PUT', body: 'hello' })).status, 200)
  const get = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: 'x.txt' }), { expiresIn: 60 })
  assert.equal(await (await fetch(get)).text(), 'hello')
  assert.equal((await fetch(get.replace('x.txt', 'y.txt'))).status, 403)

  const { url, fields } = await createPresignedPost(client, {
    Bucket, Key: 'form/${filename}', Conditions: [['content-length-range', 1, 10]], Expires: 60,
  })
  const post = (text) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', new Blob([text]), 'cat.txt')
    return fetch(url, { method: 'POST', body: form })
  }
  assert.equal((await post('meow')).status, 204)
  assert.equal((await post('far too long a text')).status, 413)
  const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'form/cat.txt' }))
  assert.equal(await got.Body.transformToString(), 'meow')
})

test('S3: a person with their own token is bound by policies', async (t) => {
  const Bucket = await bucket(connect(t))
  const policy = `own ${Bucket}`
  await sql(`create policy "${policy}" on storage.objects for all to authenticated
    using (bucket_id = '${Bucket}' and (storage.foldername(name))[1] = auth.uid()::text)`)
  t.after(() => sql(`drop policy "${policy}" on storage.objects`))
  const someone = async () => {
    const supabase = await newcomer(t)
    const { session } = await ok(supabase.auth.getSession())
    const credentials = { accessKeyId: SUPABASE_ANON_KEY, secretAccessKey: SUPABASE_ANON_KEY, sessionToken: session.access_token }
    return { folder: session.user.id, client: connect(t, credentials) }
  }
  const [ana, bo] = [await someone(), await someone()]
  const Key = `${ana.folder}/x.txt`
  await ana.client.send(new s3.PutObjectCommand({ Bucket, Key, Body: 'mine' }))
  const got = await ana.client.send(new s3.GetObjectCommand({ Bucket, Key }))
  assert.equal(await got.Body.transformToString(), 'mine')
  await rejects(bo.client.send(new s3.GetObjectCommand({ Bucket, Key })), 'NoSuchKey', 404)
  await rejects(bo.client.send(new s3.PutObjectCommand({ Bucket, Key, Body: 'his' })), 'AccessDenied', 403)
  const wrong = connect(t, { ...servers, secretAccessKey: 'another' })
  await rejects(wrong.send(new s3.GetObjectCommand({ Bucket, Key })), 'SignatureDoesNotMatch', 403)
})
