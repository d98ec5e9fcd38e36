// Accounts and sessions, as the stock client asks for them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { connect, id, newcomer, ok, password, person, refusal, service } from './cast.mjs'

test('whoever signs up is signed in and has a profile', async (t) => {
  const client = connect(t)
  const email = `${randomUUID()}@example.com`
  const { user, session } = await ok(
    client.auth.signUp({ email, password, options: { data: { display_name: 'Nia' } } }),
  )
  assert.equal(user.email, email)
  assert.equal(session.user.id, user.id)

  // TEN-01
  const profiles = await ok(client.from('profiles').select('id, display_name').eq('id', user.id))
  assert.deepEqual(profiles, [{ id: user.id, display_name: 'Nia' }])
})

test('people change their own profile and nobody else\'s', async (t) => {
  // TEN-01
  const [nia, ana] = await Promise.all([newcomer(t), person(t, 'ana')])
  const rename = (profile) =>
    ok(nia.from('profiles').update({ display_name: 'Nia' }).eq('id', profile).select('display_name'))
  assert.deepEqual(await rename(await id(nia)), [{ display_name: 'Nia' }])

  const others = await id(ana)
  assert.equal((await ok(nia.from('profiles').select('id').eq('id', others))).length, 1)
  assert.deepEqual(await rename(others), [])
})

test('people sign in with their password and are who they say', async (t) => {
  const ana = await person(t, 'ana')
  const { user } = await ok(ana.auth.getUser())
  assert.equal(user.email, 'ana@example.com')
  assert.equal(user.role, 'authenticated')
})

test('a wrong password and an unknown address are refused alike', async (t) => {
  const client = connect(t)
  const attempt = (email) => refusal(client.auth.signInWithPassword({ email, password: 'not this one' }))
  const wrong = await attempt('ana@example.com')
  assert.equal(wrong.status, 400)
  assert.equal(wrong.code, 'invalid_credentials')
  assert.deepEqual(await attempt(`${randomUUID()}@example.com`), wrong)
})

test('a taken address and a short password are refused', async (t) => {
  const client = connect(t)
  const taken = await refusal(client.auth.signUp({ email: 'ana@example.com', password }))
  assert.equal(taken.code, 'user_already_exists')
  const weak = await refusal(client.auth.signUp({ email: `${randomUUID()}@example.com`, password: 'abc' }))
  assert.equal(weak.code, 'weak_password')
})

test('people change their metadata and their password', async (t) => {
  const nia = await newcomer(t)
  const { user } = await ok(nia.auth.updateUser({ data: { theme: 'dark' }, password: 'a new password' }))
  assert.equal(user.user_metadata.theme, 'dark')

  const again = connect(t)
  const attempt = (word) => again.auth.signInWithPassword({ email: user.email, password: word })
  assert.equal((await refusal(attempt(password))).code, 'invalid_credentials')
  await ok(attempt('a new password'))
})

test('a session is refreshed with a new refresh token', async (t) => {
  // AUT-01
  const nia = await newcomer(t)
  const before = (await ok(nia.auth.getSession())).session
  const after = (await ok(nia.auth.refreshSession())).session
  assert.notEqual(after.refresh_token, before.refresh_token)
  assert.equal(after.user.id, before.user.id)
  await ok(nia.auth.getUser())
})

test('who signs out is out at once', async (t) => {
  const nia = await newcomer(t)
  const { session } = await ok(nia.auth.getSession())
  await ok(nia.auth.getUser(session.access_token))
  assert.ifError((await nia.auth.signOut()).error)

  const gone = await refusal(nia.auth.getUser(session.access_token))
  assert.match(gone.message, /session/i)
  const { error } = await nia.auth.refreshSession({ refresh_token: session.refresh_token })
  assert.equal(error.code, 'refresh_token_not_found')
})

test('the service makes, lists and deletes accounts', async (t) => {
  const { admin } = service(t).auth
  const email = `${randomUUID()}@example.com`
  const { user } = await ok(admin.createUser({ email, password, email_confirm: true }))
  await ok(connect(t).auth.signInWithPassword({ email, password }))

  const { users } = await ok(admin.listUsers({ perPage: 1000 }))
  assert(users.some((listed) => listed.id === user.id))

  await ok(admin.deleteUser(user.id))
  const left = await ok(admin.listUsers({ perPage: 1000 }))
  assert(!left.users.some((listed) => listed.id === user.id))
})

test('nobody but the service administers accounts', async (t) => {
  const ana = await person(t, 'ana')
  const { session } = await ok(ana.auth.getSession())
  const asAna = connect(t, undefined, { global: { headers: { Authorization: `Bearer ${session.access_token}` } } })
  const refused = await refusal(asAna.auth.admin.listUsers())
  assert.equal(refused.status, 403)
  assert.equal(refused.code, 'not_admin')
})

test('people see where they are signed in and end it there', async (t) => {
  // AUT-06
  const email = `${randomUUID()}@example.com`
  const [phone, laptop] = [connect(t), connect(t)]
  await ok(phone.auth.signUp({ email, password }))
  await ok(laptop.auth.signInWithPassword({ email, password }))

  const sessions = await ok(laptop.rpc('my_sessions'))
  assert.deepEqual(sessions.map((session) => session.is_current), [true, false])
  assert.equal(await ok(laptop.rpc('revoke_session', { id: sessions[1].id })), true)

  const { error } = await phone.from('profiles').select('id').limit(1)
  assert.equal(error.message, 'The session has ended')
  await ok(laptop.from('profiles').select('id').limit(1))
})
