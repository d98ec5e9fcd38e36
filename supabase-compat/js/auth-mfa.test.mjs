// Second factors, as the stock client adds and shows them.

import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { connect, ok, password, refusal, sql } from './cast.mjs'

const STEP_MS = 30_000

// The code that an authenticator app shows, now or so many steps from now.
function code(secret, steps = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + steps))
  const digest = createHmac('sha1', key).update(counter).digest()
  const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

// Somebody new with an app, whose session has shown it.
async function careful(t) {
  const email = `${randomUUID()}@example.com`
  const client = connect(t, undefined, { auth: { experimental: { recoveryCodes: true } } })
  await ok(client.auth.signUp({ email, password }))
  const { id: factorId, totp } = await ok(client.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }))
  await ok(client.auth.mfa.challengeAndVerify({ factorId, code: code(totp.secret) }))
  return { client, email, factorId, totp }
}

// The same person on a new device: the password alone.
async function again(t, email) {
  const client = connect(t, undefined, { auth: { experimental: { recoveryCodes: true } } })
  await ok(client.auth.signInWithPassword({ email, password }))
  return client
}

test('an app raises the session', async (t) => {
  const { client, email, factorId, totp } = await careful(t)
  assert.match(totp.qr_code, /^data:image\/svg\+xml;utf-8,/)
  const level = await ok(client.auth.mfa.getAuthenticatorAssuranceLevel())
  assert.deepEqual([level.currentLevel, level.nextLevel], ['aal2', 'aal2'])
  assert.deepEqual(level.currentAuthenticationMethods.map(({ method }) => method), ['totp', 'password'])

  const other = await again(t, email)
  const low = await ok(other.auth.mfa.getAuthenticatorAssuranceLevel())
  assert.deepEqual([low.currentLevel, low.nextLevel], ['aal1', 'aal2'])
  const factors = await ok(other.auth.mfa.listFactors())
  assert.deepEqual(factors.totp.map(({ id, friendly_name }) => [id, friendly_name]), [[factorId, 'phone']])
  await ok(other.auth.mfa.challengeAndVerify({ factorId, code: code(totp.secret, 1) }))
  assert.equal((await ok(other.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, 'aal2')
  await ok(other.auth.refreshSession())
  assert.equal((await ok(other.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, 'aal2')
})

test('a code opens once', async (t) => {
  const { client, factorId, totp } = await careful(t)
  const shown = code(totp.secret, 1)
  await ok(client.auth.mfa.challengeAndVerify({ factorId, code: shown }))
  const refused = await refusal(client.auth.mfa.challengeAndVerify({ factorId, code: shown }))
  assert.deepEqual([refused.status, refused.code], [422, 'mfa_verification_failed'])
})

test('a password alone changes nothing that the app guards', async (t) => {
  const { client, email, factorId } = await careful(t)
  const other = await again(t, email)
  const changed = await refusal(other.auth.updateUser({ password: 'another one' }))
  assert.deepEqual([changed.status, changed.code], [401, 'insufficient_aal'])
  const removed = await refusal(other.auth.mfa.unenroll({ factorId }))
  assert.deepEqual([removed.status, removed.code], [422, 'insufficient_aal'])

  await ok(client.auth.mfa.unenroll({ factorId }))
  await ok(client.auth.refreshSession())
  assert.equal((await ok(client.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, 'aal1')
})

// AUT-05
test('a policy can ask for the second factor', async (t) => {
  const table = `secrets_${randomUUID().replaceAll('-', '')}`
  await sql(`
    create table public.${table} (word text);
    insert into public.${table} values ('sesame');
    grant select on public.${table} to authenticated;
    alter table public.${table} enable row level security;
    create policy "secrets need a second factor" on public.${table} for select to authenticated
    using ((select auth.jwt() ->> 'aal') = 'aal2');
    notify pgrst, 'reload schema'`)
  t.after(() => sql(`drop table public.${table}; notify pgrst, 'reload schema'`))
  const { client, email } = await careful(t)
  const other = await again(t, email)

  assert.deepEqual(await known(() => client.from(table).select()), [{ word: 'sesame' }])
  assert.deepEqual(await ok(other.from(table).select()), [])
})

// What is found once the server knows the table.
async function known(ask) {
  for (;;) {
    const { data, error } = await ask()
    if (error?.code !== 'PGRST205') return assert.ifError(error) ?? data
  }
}

test('codes on paper stand in for the app', async (t) => {
  const { client, email } = await careful(t)
  const { codes, total } = await ok(client.auth.mfa.recoveryCodes.generate({ friendlyName: 'paper' }))
  assert.deepEqual([codes.length, total], [10, 10])

  const other = await again(t, email)
  const written = codes[0].match(/.{4}/g).join('-').toUpperCase()
  await ok(other.auth.mfa.recoveryCodes.verify({ code: written }))
  assert.equal((await ok(other.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, 'aal2')
  assert.equal((await ok(other.auth.mfa.recoveryCodes.getStatus())).remaining, 9)
  const twice = await refusal(other.auth.mfa.recoveryCodes.verify({ code: codes[0] }))
  assert.equal(twice.code, 'mfa_verification_failed')

  const fresh = await ok(other.auth.mfa.recoveryCodes.regenerate())
  assert.equal((await refusal(other.auth.mfa.recoveryCodes.verify({ code: codes[1] }))).code, 'mfa_verification_failed')
  await ok(other.auth.mfa.recoveryCodes.verify({ code: fresh.codes[0] }))
  await ok(other.auth.mfa.recoveryCodes.unenroll())
  assert.equal((await refusal(other.auth.mfa.recoveryCodes.getStatus())).code, 'mfa_factor_not_found')
})
