// Sign-in with a provider, as the stock client asks for it. The provider is one that runs here.

import assert from 'node:assert/strict'
import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { before, after, test } from 'node:test'

import { connect, newcomer, ok, password, refusal, service } from './cast.mjs'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const [client_id, client_secret] = ['web', 'the secret of the client']
const identifier = `custom:${randomUUID()}`
const site = 'http://127.0.0.1:3000'

// Who is at the provider's desk.
let person
let issuer
let provider

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

function idToken(claims) {
  const now = Math.floor(Date.now() / 1000)
  const body = { iss: issuer, aud: client_id, iat: now, exp: now + 300, ...person, ...claims }
  const signed = `${part({ alg: 'RS256', kid: 'one' })}.${part(body)}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey).toString('base64url')}`
}

// An OpenID Connect provider: whoever comes is the person at the desk, and says yes.
function serve(request, answer) {
  const url = new URL(request.url, issuer)
  const tell = (value) => answer.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  const grants = serve.grants
  if (url.pathname === '/.well-known/openid-configuration') {
    return tell({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
    })
  }
  if (url.pathname === '/keys') {
    return tell({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] })
  }
  if (url.pathname === '/authorize') {
    const asked = url.searchParams
    const code = randomUUID()
    grants.set(code, { nonce: asked.get('nonce'), challenge: asked.get('code_challenge') })
    const back = new URL(asked.get('redirect_uri'))
    back.search = new URLSearchParams({ code, state: asked.get('state') })
    return answer.writeHead(302, { location: back.href }).end()
  }
  let text = ''
  request.on('data', (chunk) => (text += chunk))
  request.on('end', () => {
    const asked = new URLSearchParams(text)
    const grant = grants.get(asked.get('code'))
    grants.delete(asked.get('code'))
    const shown = createHash('sha256').update(asked.get('code_verifier') ?? '').digest('base64url')
    if (grant?.challenge !== shown) return answer.writeHead(400).end('{"error":"invalid_grant"}')
    tell({ access_token: 'for the provider', token_type: 'Bearer', id_token: idToken({ nonce: grant.nonce }) })
  })
}
serve.grants = new Map()

before(async () => {
  provider = createServer(serve)
  await new Promise((listening) => provider.listen(0, '127.0.0.1', listening))
  issuer = `http://127.0.0.1:${provider.address().port}`
})
after(() => provider.close())

// Somebody nobody knows comes to the desk, at a provider that the service has added.
async function stranger(t) {
  const sub = randomUUID()
  person = { sub, email: `${sub}@provider.example`, email_verified: true, name: 'Nia' }
  const { customProviders } = service(t).auth.admin
  const { providers } = await ok(customProviders.listProviders({ type: 'oidc' }))
  if (providers.some((known) => known.identifier === identifier)) return
  const wanted = { provider_type: 'oidc', identifier, name: 'Here', client_id, client_secret, issuer }
  const made = await ok(customProviders.createProvider(wanted))
  assert.equal(made.identifier, identifier)
  assert.equal(made.client_secret, undefined)
}

// Goes where a browser would, and gives where the app goes on.
async function follow(url) {
  let next = url
  while (!next.startsWith(site)) {
    const answer = await fetch(next, { redirect: 'manual' })
    assert.equal(answer.status, 302, await answer.text())
    next = answer.headers.get('location')
  }
  return new URL(next)
}

test('people sign in with a provider and come back with a code', async (t) => {
  // AUT-03
  await stranger(t)
  const client = connect(t, undefined, { auth: { flowType: 'pkce' } })
  const { url } = await ok(client.auth.signInWithOAuth({ provider: identifier, options: { redirectTo: `${site}/in` } }))

  const landing = await follow(url)
  assert.equal(landing.pathname, '/in')
  const { session, user } = await ok(client.auth.exchangeCodeForSession(landing.searchParams.get('code')))

  assert.equal(user.email, person.email)
  assert.equal(user.app_metadata.provider, identifier)
  assert.equal(session.provider_token, 'for the provider')
  const { identities } = await ok(client.auth.getUserIdentities())
  assert.deepEqual(identities.map(({ id, provider }) => [id, provider]), [[person.sub, identifier]])
  const again = connect(t, undefined, { auth: { flowType: 'pkce' } })
  const stolen = await again.auth.exchangeCodeForSession(landing.searchParams.get('code'))
  assert(stolen.error)
})

test('without PKCE the session comes in the fragment', async (t) => {
  await stranger(t)
  const client = connect(t, undefined, { auth: { flowType: 'implicit' } })
  const { url } = await ok(client.auth.signInWithOAuth({ provider: identifier, options: { redirectTo: site } }))

  const values = new URLSearchParams((await follow(url)).hash.slice(1))
  const [access_token, refresh_token] = [values.get('access_token'), values.get('refresh_token')]
  const { user } = await ok(client.auth.setSession({ access_token, refresh_token }))

  assert.equal(user.email, person.email)
})

test('people link an identity to their account and unlink it', async (t) => {
  await stranger(t)
  const client = connect(t, undefined, { auth: { flowType: 'pkce' } })
  const email = `${randomUUID()}@example.com`
  const own = await ok(client.auth.signUp({ email, password }))

  const { url } = await ok(client.auth.linkIdentity({ provider: identifier, options: { redirectTo: site } }))
  const landing = await follow(url)
  const { user } = await ok(client.auth.exchangeCodeForSession(landing.searchParams.get('code')))
  assert.equal(user.id, own.user.id)
  assert.deepEqual(user.app_metadata.providers, ['email', identifier])

  const linked = user.identities.find(({ provider }) => provider === identifier)
  await ok(client.auth.unlinkIdentity(linked))
  const { identities } = await ok(client.auth.getUserIdentities())
  assert.deepEqual(identities.map(({ provider }) => provider), ['email'])
  assert.equal((await refusal(client.auth.unlinkIdentity(identities[0]))).code, 'single_identity_not_deletable')
})

test('an identity that somebody else signs in with is not linked', async (t) => {
  await stranger(t)
  await ok(connect(t).auth.signInWithIdToken({ provider: identifier, token: idToken() }))

  const nia = await newcomer(t)
  const { url } = await ok(nia.auth.linkIdentity({ provider: identifier, options: { redirectTo: site } }))
  const landing = await follow(url)

  assert.equal(landing.searchParams.get('error_code'), 'identity_already_exists')
  assert.equal(new URLSearchParams(landing.hash.slice(1)).get('error_code'), 'identity_already_exists')
})

test('apps sign in with an id_token and its nonce', async (t) => {
  await stranger(t)
  const nonce = randomUUID()
  const token = idToken({ nonce: createHash('sha256').update(nonce).digest('hex') })
  const client = connect(t)

  const wrong = await refusal(client.auth.signInWithIdToken({ provider: identifier, token, nonce: 'another' }))
  assert.deepEqual([wrong.status, wrong.message], [400, 'Nonces mismatch'])
  const { user } = await ok(client.auth.signInWithIdToken({ provider: identifier, token, nonce }))

  assert.equal(user.email, person.email)
  assert.equal(user.user_metadata.full_name, 'Nia')
})
