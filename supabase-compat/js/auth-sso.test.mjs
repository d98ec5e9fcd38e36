// Sign-in with a company's directory (SAML 2.0), as the stock client asks for it. The directory is
// one that runs here, with a key of tests/keys.

import assert from 'node:assert/strict'
import { createHash, createSign, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inflateRawSync } from 'node:zlib'

import { connect, ok, refusal } from './cast.mjs'

const { SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY } = process.env
const keys = new URL('../../tests/keys/', import.meta.url)
const key = readFileSync(new URL('rsa.pem', keys))
const certificate = readFileSync(new URL('rsa.crt', keys), 'utf8').replace(/-----.*-----/g, '')

const entity = `https://directory.example/${randomUUID()}`
const domain = `${randomUUID()}.example`
const site = 'http://127.0.0.1:3000'

const ds = 'http://www.w3.org/2000/09/xmldsig#'
const saml = 'urn:oasis:names:tc:SAML:2.0'

// Makes the directory known, once.
let provider
async function company() {
  if (provider) return
  const answer = await fetch(`${SUPABASE_URL}/auth/v1/admin/sso/providers`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SUPABASE_SERVICE_ROLE_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'saml',
      domains: [domain],
      attribute_mapping: { keys: { name: { name: 'displayName' } } },
      metadata_xml: `<EntityDescriptor xmlns="${saml}:metadata" entityID="${entity}">
        <IDPSSODescriptor protocolSupportEnumeration="${saml}:protocol">
          <KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="${ds}"><ds:X509Data><ds:X509Certificate>
            ${certificate}
          </ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
          <SingleSignOnService Binding="${saml}:bindings:HTTP-Redirect" Location="${entity}/sso"/>
        </IDPSSODescriptor></EntityDescriptor>`,
    }),
  })
  assert.equal(answer.status, 201)
  provider = (await answer.json()).id
}

// An element in canonical form, with the directory's signature within.
function signed(element, id) {
  const digest = createHash('sha256').update(element).digest('base64')
  const exclusive = 'http://www.w3.org/2001/10/xml-exc-c14n#'
  const parts =
    `<ds:CanonicalizationMethod Algorithm="${exclusive}"></ds:CanonicalizationMethod>` +
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod>' +
    `<ds:Reference URI="#${id}"><ds:Transforms><ds:Transform Algorithm="${ds}enveloped-signature"></ds:Transform>` +
    `<ds:Transform Algorithm="${exclusive}"></ds:Transform></ds:Transforms>` +
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>' +
    `<ds:DigestValue>${digest}</ds:DigestValue></ds:Reference>`
  const info = `<ds:SignedInfo xmlns:ds="${ds}">${parts}</ds:SignedInfo>`
  const value = createSign('RSA-SHA256').update(info).sign(key, 'base64')
  const signature =
    `<ds:Signature xmlns:ds="${ds}"><ds:SignedInfo>${parts}</ds:SignedInfo>` +
    `<ds:SignatureValue>${value}</ds:SignatureValue></ds:Signature>`
  return element.replace('</saml:Issuer>', `</saml:Issuer>${signature}`)
}

// Goes to the directory, where Nia is at the desk, and gives where the app goes on.
async function visit(url, name) {
  const asked = new URL(url)
  assert.equal(`${asked.origin}${asked.pathname}`, `${entity}/sso`)
  const request = inflateRawSync(Buffer.from(asked.searchParams.get('SAMLRequest'), 'base64')).toString()
  const told = (attribute) => request.match(`${attribute}="([^"]*)"`)[1]
  const [question, recipient] = [told(' ID'), told('AssertionConsumerServiceURL')]
  const audience = request.match('<saml:Issuer>([^<]*)')[1]
  const [id, now] = [`_${randomUUID()}`, Date.now()]
  const [from, until] = [now - 5_000, now + 60_000].map((time) => new Date(time).toISOString())
  const assertion =
    `<saml:Assertion xmlns:saml="${saml}:assertion" ID="${id}" IssueInstant="${from}" Version="2.0">` +
    `<saml:Issuer>${entity}</saml:Issuer><saml:Subject>` +
    `<saml:NameID Format="${saml}:nameid-format:persistent">${name}</saml:NameID>` +
    `<saml:SubjectConfirmation Method="${saml}:cm:bearer"><saml:SubjectConfirmationData ` +
    `InResponseTo="${question}" NotOnOrAfter="${until}" Recipient="${recipient}">` +
    '</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>' +
    `<saml:Conditions NotBefore="${from}" NotOnOrAfter="${until}"><saml:AudienceRestriction>` +
    `<saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
    `<saml:AuthnStatement AuthnInstant="${from}"></saml:AuthnStatement><saml:AttributeStatement>` +
    `<saml:Attribute Name="mail"><saml:AttributeValue>${name}@${domain}</saml:AttributeValue></saml:Attribute>` +
    '<saml:Attribute Name="displayName"><saml:AttributeValue>Nia</saml:AttributeValue></saml:Attribute>' +
    '</saml:AttributeStatement></saml:Assertion>'
  const response =
    `<samlp:Response xmlns:samlp="${saml}:protocol" Destination="${recipient}" ID="_${randomUUID()}" ` +
    `InResponseTo="${question}" IssueInstant="${from}" Version="2.0"><samlp:Status>` +
    `<samlp:StatusCode Value="${saml}:status:Success"></samlp:StatusCode></samlp:Status>` +
    `${signed(assertion, id)}</samlp:Response>`
  const answer = await fetch(recipient, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({
      SAMLResponse: Buffer.from(response).toString('base64'),
      RelayState: asked.searchParams.get('RelayState'),
    }),
  })
  assert.equal(answer.status, 303, await answer.text())
  return new URL(answer.headers.get('location'))
}

test('people sign in with the directory of their company', async (t) => {
  await company()
  const name = randomUUID()
  const client = connect(t, undefined, { auth: { flowType: 'pkce' } })
  const options = { redirectTo: `${site}/in` }
  const { url } = await ok(client.auth.signInWithSSO({ domain, options }))

  const landing = await visit(url, name)
  assert.equal(landing.pathname, '/in')
  const { user } = await ok(client.auth.exchangeCodeForSession(landing.searchParams.get('code')))

  assert.equal(user.email, `${name}@${domain}`)
  assert.equal(user.app_metadata.provider, `sso:${provider}`)
  assert.equal(user.user_metadata.name, 'Nia')
  const refused = await refusal(client.auth.updateUser({ password: 'a password of her own' }))
  assert.deepEqual([refused.status, refused.code], [422, 'user_sso_managed'])
})

test('without PKCE the session comes in the fragment', async (t) => {
  await company()
  const client = connect(t, undefined, { auth: { flowType: 'implicit' } })
  const { url } = await ok(client.auth.signInWithSSO({ providerId: provider, options: { redirectTo: site } }))

  const landing = await visit(url, randomUUID())
  const values = new URLSearchParams(landing.hash.slice(1))
  const [access_token, refresh_token] = [values.get('access_token'), values.get('refresh_token')]
  const { user } = await ok(client.auth.setSession({ access_token, refresh_token }))

  assert.equal(user.app_metadata.provider, `sso:${provider}`)
})

test('a company that is not known cannot sign anybody in', async (t) => {
  const refused = await refusal(connect(t).auth.signInWithSSO({ domain: 'nobody.example' }))
  assert.deepEqual([refused.status, refused.code], [404, 'sso_provider_not_found'])
})
