// Passkeys and security keys, as the stock client asks a browser for them. The browser is stood in
// for by the few globals that the client looks at, and by a device made of node:crypto.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import { test } from 'node:test'

import { connect, ok, password, refusal } from './cast.mjs'

const PAGE = new URL('http://localhost:3000/')

// What a device says of a ceremony: somebody is there, it knows who, and it has a new key.
const PRESENT = 0x01
const VERIFIED = 0x04
const NEW_KEY = 0x40

const sha256 = (bytes) => createHash('sha256').update(bytes).digest()

// What `navigator.credentials` gives; the client writes it as JSON itself.
class PublicKeyCredential {
  type = 'public-key'
  authenticatorAttachment = 'platform'

  constructor(id, response) {
    this.id = id
    this.response = response
  }

  getClientExtensionResults() {
    return {}
  }
}

// A device with one key, for one page.
class Device {
  id = randomBytes(16)
  keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  uses = 0

  create({ publicKey: { challenge, rp, user } }) {
    this.user = user.id
    const about = this.about(rp.id, PRESENT | VERIFIED | NEW_KEY)
    const authData = Buffer.concat([about, Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, this.coseKey()])
    // The map of three, as CBOR writes it: no attestation, nothing to it, and the data.
    const head = Buffer.from('a363666d74646e6f6e656761747453746d74a0686175746844617461', 'hex')
    const attestationObject = Buffer.concat([head, Buffer.from([0x58, authData.length]), authData])
    return this.credential({ attestationObject, clientDataJSON: this.clientData('webauthn.create', challenge) })
  }

  get({ publicKey: { challenge, rpId } }) {
    this.uses += 1
    const authenticatorData = this.about(rpId, PRESENT | VERIFIED)
    const clientDataJSON = this.clientData('webauthn.get', challenge)
    const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)])
    const signature = sign('sha256', signed, this.keys.privateKey)
    return this.credential({ authenticatorData, clientDataJSON, signature, userHandle: this.user })
  }

  credential(response) {
    return new PublicKeyCredential(this.id.toString('base64url'), response)
  }

  about(domain, flags) {
    const uses = Buffer.alloc(4)
    uses.writeUInt32BE(this.uses)
    return Buffer.concat([sha256(domain), Buffer.from([flags]), uses])
  }

  clientData(type, challenge) {
    const text = Buffer.from(challenge).toString('base64url')
    return Buffer.from(JSON.stringify({ type, challenge: text, origin: PAGE.origin, crossOrigin: false }))
  }

  // The public half as COSE writes points of P-256 for ES256.
  coseKey() {
    const { x, y } = this.keys.publicKey.export({ format: 'jwk' })
    const part = (text) => Buffer.from(text, 'base64url')
    return Buffer.concat([Buffer.from('a5010203262001215820', 'hex'), part(x), Buffer.from('225820', 'hex'), part(y)])
  }
}

// The page of a browser that has this device.
function browser(t, device) {
  const nothing = () => {}
  const page = { location: PAGE, PublicKeyCredential, addEventListener: nothing, removeEventListener: nothing }
  const globals = { window: page, document: { visibilityState: 'visible' }, PublicKeyCredential }
  Object.assign(globalThis, globals)
  const credentials = { create: async (asked) => device.create(asked), get: async (asked) => device.get(asked) }
  Object.defineProperty(navigator, 'credentials', { value: credentials, configurable: true })
  t.after(() => {
    for (const name of Object.keys(globals)) delete globalThis[name]
    delete navigator.credentials
  })
}

// A client that shares nothing with the others of this page.
function alone(t) {
  const storageKey = randomUUID()
  return connect(t, undefined, { auth: { storageKey, persistSession: false, autoRefreshToken: false } })
}

// Somebody new at a browser with this device.
async function somebody(t, device) {
  browser(t, device)
  const [client, email] = [alone(t), `${randomUUID()}@example.com`]
  await ok(client.auth.signUp({ email, password }))
  return { client, email }
}

const level = async (client) => (await ok(client.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel

test('a passkey signs in without a name, and can be named and taken away', async (t) => {
  const { client, email } = await somebody(t, new Device())
  const made = await ok(client.auth.registerPasskey())
  await ok(client.auth.passkey.update({ passkeyId: made.id, friendlyName: 'My phone' }))
  const known = await ok(client.auth.passkey.list())
  assert.deepEqual(known.map(({ id, friendly_name }) => [id, friendly_name]), [[made.id, 'My phone']])

  const other = alone(t)
  const { user, session } = await ok(other.auth.signInWithPasskey())
  assert.equal(user.email, email)
  assert.equal((await ok(other.auth.getUser(session.access_token))).user.email, email)
  assert.equal(await level(other), 'aal1')

  await ok(client.auth.passkey.delete({ passkeyId: made.id }))
  const refused = await refusal(alone(t).auth.signInWithPasskey())
  assert.equal(refused.code, 'webauthn_credential_not_found')
})

test('a passkey of nobody signs nobody in', async (t) => {
  const stranger = new Device()
  stranger.user = randomBytes(16)
  browser(t, stranger)
  const refused = await refusal(alone(t).auth.signInWithPasskey())
  assert.equal(refused.code, 'webauthn_credential_not_found')
})

test('a security key raises the session', async (t) => {
  const { client, email } = await somebody(t, new Device())
  await ok(client.auth.mfa.webauthn.register({ friendlyName: 'key ring' }))
  assert.equal(await level(client), 'aal2')
  const { webauthn } = await ok(client.auth.mfa.listFactors())
  assert.deepEqual(webauthn.map(({ status, friendly_name }) => [status, friendly_name]), [['verified', 'key ring']])

  const other = alone(t)
  await ok(other.auth.signInWithPassword({ email, password }))
  assert.equal(await level(other), 'aal1')
  await ok(other.auth.mfa.webauthn.authenticate({ factorId: webauthn[0].id }))
  assert.equal(await level(other), 'aal2')
})

test('another key does not stand in for it', async (t) => {
  const { client, email } = await somebody(t, new Device())
  await ok(client.auth.mfa.webauthn.register({ friendlyName: 'key ring' }))
  const { webauthn } = await ok(client.auth.mfa.listFactors())

  const other = alone(t)
  await ok(other.auth.signInWithPassword({ email, password }))
  browser(t, new Device())
  const refused = await refusal(other.auth.mfa.webauthn.authenticate({ factorId: webauthn[0].id }))
  assert.equal(refused.code, 'mfa_verification_failed')
  assert.equal(await level(other), 'aal1')
})
