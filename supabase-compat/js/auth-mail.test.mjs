// Codes and links in mail, as the stock client asks for them and uses them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { connect, mail, ok, password, refusal, service } from './cast.mjs'

const address = () => `${randomUUID()}@example.com`

// Where a link leads.
async function follow(link) {
  const answer = await fetch(link, { redirect: 'manual' })
  assert.equal(answer.status, 303)
  return new URL(answer.headers.get('location'))
}

test('a code signs in, and makes the account if there is none', async (t) => {
  const [client, email] = [connect(t), address()]
  await ok(client.auth.signInWithOtp({ email, options: { data: { display_name: 'Nia' } } }))
  const { code } = await mail(email)

  const wrong = await refusal(client.auth.verifyOtp({ email, token: code === '000000' ? '111111' : '000000', type: 'email' }))
  assert.equal(wrong.code, 'otp_expired')
  const { user } = await ok(client.auth.verifyOtp({ email, token: code, type: 'email' }))
  assert.equal(user.email, email)
  assert.equal(user.user_metadata.display_name, 'Nia')
  const { claims } = await ok(client.auth.getClaims())
  assert.equal(claims.amr[0].method, 'otp')
})

test('nobody is made an account who shall not be', async (t) => {
  const refused = await refusal(connect(t).auth.signInWithOtp({ email: address(), options: { shouldCreateUser: false } }))
  assert.equal(refused.code, 'otp_disabled')
})

test('a link leads to the app with a session', async (t) => {
  const [client, email] = [connect(t), address()]
  await ok(client.auth.signInWithOtp({ email }))
  const values = new URLSearchParams((await follow((await mail(email)).link)).hash.slice(1))
  const { user } = await ok(
    client.auth.setSession({ access_token: values.get('access_token'), refresh_token: values.get('refresh_token') }),
  )
  assert.equal(user.email, email)
})

test('with PKCE the link leads back with a code for this client alone', async (t) => {
  const [client, email] = [connect(t, undefined, { auth: { flowType: 'pkce' } }), address()]
  await ok(client.auth.signInWithOtp({ email }))
  const code = (await follow((await mail(email)).link)).searchParams.get('code')

  const stranger = connect(t, undefined, { auth: { flowType: 'pkce', storageKey: randomUUID() } })
  assert((await stranger.auth.exchangeCodeForSession(code)).error)
  const { user } = await ok(client.auth.exchangeCodeForSession(code))
  assert.equal(user.email, email)
})

test('a forgotten password is replaced', async (t) => {
  const [client, email] = [connect(t), address()]
  await ok(client.auth.signUp({ email, password }))
  await ok(client.auth.signOut())
  await ok(client.auth.resetPasswordForEmail(email))
  await ok(client.auth.verifyOtp({ email, token: (await mail(email)).code, type: 'recovery' }))
  await ok(client.auth.updateUser({ password: 'something new' }))
  await ok(client.auth.signInWithPassword({ email, password: 'something new' }))
  await ok(client.auth.resetPasswordForEmail(address()))
})

test('whoever is signed in proves it with a code', async (t) => {
  const [client, email] = [connect(t), address()]
  await ok(client.auth.signUp({ email, password }))
  await ok(client.auth.reauthenticate())
  assert((await mail(email)).code)
})

test('the service invites, and makes links of every kind', async (t) => {
  const [admin, guest] = [service(t), address()]
  const { user } = await ok(admin.auth.admin.inviteUserByEmail(guest, { data: { display_name: 'Guest' } }))
  assert(user.invited_at)
  const client = connect(t)
  const secret = new URL((await mail(guest)).link).searchParams.get('token')
  await ok(client.auth.verifyOtp({ token_hash: secret, type: 'invite' }))
  await ok(client.auth.updateUser({ password }))

  for (const [type, more] of [['recovery'], ['magiclink'], ['email_change_new', { newEmail: address() }]]) {
    const { properties } = await ok(admin.auth.admin.generateLink({ type, email: guest, ...more }))
    assert.equal(properties.verification_type, type)
    assert(properties.action_link.includes(properties.hashed_token))
  }
  const { properties } = await ok(admin.auth.admin.generateLink({ type: 'magiclink', email: guest }))
  const signedIn = await ok(
    connect(t).auth.verifyOtp({ token_hash: properties.hashed_token, type: properties.verification_type }),
  )
  assert.equal(signedIn.user.email, guest)
})

test('what was sent is sent again on request, but not at once', async (t) => {
  const [client, email] = [connect(t), address()]
  await ok(client.auth.signInWithOtp({ email }))
  const soon = await refusal(client.auth.signInWithOtp({ email }))
  assert.equal(soon.status, 429)
  assert.equal(soon.code, 'over_email_send_rate_limit')
  await ok(client.auth.resend({ type: 'signup', email }))
})
