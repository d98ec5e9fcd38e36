// Apps of others that act for people, as the stock client registers them, asks people and takes
// back what they granted.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { connect, id, newcomer, ok, refusal, service } from './cast.mjs'

const home = 'https://app.example/callback'
const auth = `${process.env.SUPABASE_URL}/auth/v1`

// An app that the operator registers.
const app = (t, more) =>
  ok(service(t).auth.admin.oauth.createClient({ client_name: 'App', redirect_uris: [home], ...more }))

// Sends somebody to be asked; gives the id by which the page asks, and what proves who began.
async function ask({ client_id }, scope = 'email') {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: home,
    state: 'a state',
    scope,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const answer = await fetch(`${auth}/oauth/authorize?${query}`, { redirect: 'manual' })
  assert.equal(answer.status, 302, await answer.text())
  const page = new URL(answer.headers.get('location'))
  assert.equal(page.pathname, '/oauth/consent')
  return { authorization: page.searchParams.get('authorization_id'), verifier }
}

// What the app gets for the code it was sent.
async function take(client, redirect, code_verifier) {
  const landing = new URL(redirect)
  assert.deepEqual([landing.origin + landing.pathname, landing.searchParams.get('state')], [home, 'a state'])
  const { client_id, client_secret } = client
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code: landing.searchParams.get('code'),
    redirect_uri: home,
    client_id,
    client_secret,
    code_verifier,
  })
  const answer = await fetch(`${auth}/oauth/token`, { method: 'POST', body })
  assert.equal(answer.status, 200)
  return answer.json()
}

const as = (t, { access_token }) =>
  connect(t, undefined, { global: { headers: { Authorization: `Bearer ${access_token}` } } })

test('an app is let in, acts for a person, and is shut out again', async (t) => {
  const client = await app(t)
  const nia = await newcomer(t)
  const { authorization, verifier } = await ask(client)

  const asked = await ok(nia.auth.oauth.getAuthorizationDetails(authorization))
  assert.deepEqual([asked.client.name, asked.redirect_uri, asked.scope], ['App', home, 'email'])
  assert.equal(asked.user.id, await id(nia))
  const { redirect_url } = await ok(nia.auth.oauth.approveAuthorization(authorization))
  const tokens = await take(client, redirect_url, verifier)

  const theirs = as(t, tokens)
  assert.equal((await ok(theirs.from('profiles').select('id').eq('id', asked.user.id))).length, 1)
  const { user } = await ok(connect(t).auth.getUser(tokens.access_token))
  assert.equal(user.id, asked.user.id)

  const [grant] = await ok(nia.auth.oauth.listGrants())
  assert.deepEqual([grant.client.id, grant.scopes], [client.client_id, ['email']])
  const again = await ask(client)
  const known = await ok(nia.auth.oauth.getAuthorizationDetails(again.authorization))
  await take(client, known.redirect_url, again.verifier)

  await ok(nia.auth.oauth.revokeGrant({ clientId: client.client_id }))
  assert.deepEqual(await ok(nia.auth.oauth.listGrants()), [])
  assert.equal((await refusal(theirs.from('profiles').select('id'))).status, 401)
  const none = await refusal(nia.auth.oauth.revokeGrant({ clientId: client.client_id }))
  assert.equal(none.code, 'oauth_consent_not_found')
})

test('a no is told to the app', async (t) => {
  const client = await app(t)
  const nia = await newcomer(t)
  const { authorization } = await ask(client)
  const { redirect_url } = await ok(nia.auth.oauth.denyAuthorization(authorization))
  assert.equal(new URL(redirect_url).searchParams.get('error'), 'access_denied')
  const late = await refusal(nia.auth.oauth.approveAuthorization(authorization))
  assert.deepEqual([late.status, late.code], [404, 'oauth_authorization_not_found'])
})

test('clients are made, listed, changed, given another secret and removed', async (t) => {
  const { oauth } = service(t).auth.admin
  const made = await app(t, { client_uri: 'https://app.example', scope: 'openid email' })
  assert.equal(made.client_type, 'confidential')
  assert.equal(made.token_endpoint_auth_method, 'client_secret_basic')
  assert.deepEqual(made.grant_types, ['authorization_code', 'refresh_token'])

  const { client_secret, ...shown } = made
  assert.deepEqual(await ok(oauth.getClient(made.client_id)), shown)
  const { clients, total } = await ok(oauth.listClients({ page: 1, perPage: 100 }))
  assert(clients.some(({ client_id }) => client_id === made.client_id))
  assert(total >= 1)
  const changed = await ok(oauth.updateClient(made.client_id, { client_name: 'Other' }))
  assert.deepEqual([changed.client_name, changed.client_uri], ['Other', 'https://app.example'])
  const renewed = await ok(oauth.regenerateClientSecret(made.client_id))
  assert.notEqual(renewed.client_secret, client_secret)

  await ok(oauth.deleteClient(made.client_id))
  assert.equal((await refusal(oauth.getClient(made.client_id))).code, 'oauth_client_not_found')
  const wrong = oauth.createClient({ client_name: 'App', redirect_uris: ['http://app.example'] })
  assert.equal((await refusal(wrong)).code, 'validation_failed')
})

test('nobody but the service administers clients', async (t) => {
  const nia = await newcomer(t)
  assert.equal((await refusal(nia.auth.admin.oauth.listClients())).status, 403)
})
