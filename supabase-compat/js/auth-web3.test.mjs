// Sign-in with a wallet, as the stock client asks one: here a wallet of Solana, made of node:crypto.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'

import { connect, ok, refusal } from './cast.mjs'

// A page of the app that `walkie dev` knows.
const url = 'http://127.0.0.1:3000/welcome'

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

function base58(bytes) {
  const zeros = bytes.findIndex((byte) => byte !== 0)
  let [number, text] = [BigInt(`0x${bytes.toString('hex')}`), '']
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text
  return '1'.repeat(zeros) + text
}

// What Solana's wallets offer to a page.
function wallet() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const address = base58(Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url'))
  return {
    publicKey: { toBase58: () => address },
    signMessage: async (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  }
}

const enter = (client, wallet, options = { url }) =>
  client.auth.signInWithWeb3({ chain: 'solana', wallet, statement: 'Come in', options })

test('a wallet is an account, and the same one on another device', async (t) => {
  const own = wallet()
  const { user, session } = await ok(enter(connect(t), own))
  assert.equal(user.identities[0].id, `web3:solana:${own.publicKey.toBase58()}`)
  assert.deepEqual(user.app_metadata, { provider: 'web3', providers: ['web3'] })
  assert.equal(session.token_type, 'bearer')

  const other = connect(t)
  assert.equal((await ok(enter(other, own))).user.id, user.id)
  assert.equal((await ok(other.auth.getUser())).user.id, user.id)
  assert.notEqual((await ok(enter(connect(t), wallet()))).user.id, user.id)
})

test('a text for another site, or signed by another wallet, opens nothing', async (t) => {
  const client = connect(t)
  const elsewhere = await refusal(enter(client, wallet(), { url: 'https://elsewhere.example/' }))
  assert.equal(elsewhere.status, 400)
  assert.match(elsewhere.message, /not allowed on this server/)

  const stolen = { ...wallet(), publicKey: wallet().publicKey }
  assert.match((await refusal(enter(client, stolen))).message, /Signature does not match/)
})
