// The people of tests/cast.sql as stock clients, and what tests wait with.

import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'

import { createClient } from '@supabase/supabase-js'
import pg from 'pg'

const { SUPABASE_URL, SUPABASE_ANON_KEY, SUPABASE_SERVICE_ROLE_KEY, SUPABASE_DB_URL } = process.env
assert(SUPABASE_URL, 'run me by `npm test`, which starts a server')

export const password = 'walkie-demo'
export const watercooler = '10000000-0000-4000-8000-000000000001'

// How long anything may take that is waited for.
const PATIENCE_MS = 15_000

// A client with the settings it comes with, gone when the test is over.
export function connect(t, key = SUPABASE_ANON_KEY, options, url = SUPABASE_URL) {
  const client = createClient(url, key, options)
  t.after(async () => {
    await client.removeAllChannels()
    await client.realtime.disconnect()
  })
  return client
}

export const service = (t) => connect(t, SUPABASE_SERVICE_ROLE_KEY)

// The database, as its administrator: what migrations and triggers do.
export async function sql(text, values) {
  const client = new pg.Client(SUPABASE_DB_URL)
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

// One of the cast, signed in: ana, bo, cy or dee.
export async function person(t, name) {
  const client = connect(t)
  await ok(client.auth.signInWithPassword({ email: `${name}@example.com`, password }))
  return client
}

export const people = (t, ...names) => Promise.all(names.map((name) => person(t, name)))

// Somebody who has just signed up, and whom no other test knows.
export async function newcomer(t) {
  const client = connect(t)
  await ok(client.auth.signUp({ email: `${randomUUID()}@example.com`, password }))
  return client
}

export async function id(client) {
  const { session } = await ok(client.auth.getSession())
  return session.user.id
}

// A group that no other test knows: its owner, and who else is in it.
export async function group(owner, ...members) {
  const p_members = await Promise.all(members.map(id))
  return ok(owner.rpc('create_group', { p_title: `Group ${randomUUID()}`, p_members }))
}

export const send = (client, place, body) =>
  ok(client.rpc('send_message', { p_conversation_id: place.id, p_body: body }))

// The data of an answer that must be no error.
export async function ok(answer) {
  const { data, error } = await answer
  assert.ifError(error)
  return data
}

// The error of an answer that must be one, with its status.
export async function refusal(answer) {
  const { error, status } = await answer
  assert(error, 'an error was expected')
  return { status: error.status ?? status, code: error.code, message: error.message, hint: error.hint }
}

// What a listener heard, in order.
export class Heard {
  all = []
  #waiting = []

  add = (item) => {
    this.all.push(item)
    this.#waiting = this.#waiting.filter((wait) => !wait(item))
  }

  // The first that `wanted` accepts, heard already or still to come.
  async first(wanted) {
    const heard = this.all.find(wanted)
    if (heard) return heard
    let timer
    const next = new Promise((resolve, reject) => {
      this.#waiting.push((item) => wanted(item) && (resolve(item), true))
      timer = setTimeout(
        () => reject(new Error(`not heard: ${wanted}\nheard: ${JSON.stringify(this.all, null, 1)}`)),
        PATIENCE_MS,
      )
    })
    return next.finally(() => clearTimeout(timer))
  }
}

// Subscribes, and waits until the server has said that changes flow.
export function changesFlow(channel) {
  return new Promise((resolve, reject) => {
    channel.on('system', {}, ({ extension, status, message }) => {
      if (extension !== 'postgres_changes') return
      status === 'ok' ? resolve(channel) : reject(new Error(message))
    })
    channel.subscribe((status, error) => {
      if (status !== 'SUBSCRIBED') reject(error ?? new Error(status))
    })
  })
}

// Subscribes, and gives the first status and its error.
export function firstStatus(channel) {
  return new Promise((resolve) => {
    channel.subscribe((status, error) => resolve({ status, reason: error?.message }))
  })
}

// Changes of a table, heard by one client from now on.
export async function hear(client, table, { name = table, event = '*', ...wishes } = {}) {
  const heard = new Heard()
  const channel = client.channel(name)
  channel.on('postgres_changes', { event, schema: 'public', table, ...wishes }, heard.add)
  await changesFlow(channel)
  return heard
}

// A token for `role`, signed with the secret that development servers share unless told otherwise.
export function token(claims, secret = 'super-secret-jwt-token-with-at-least-32-characters-long') {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

// The newest message to an address, once it has so many: its text, and the code and the link in it.
export async function mail(email, count = 1) {
  const api = `${SUPABASE_URL}/inbox/api/v1`
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await (await fetch(`${api}/search?query=${encodeURIComponent(`to:${email}`)}`)).json()
    if (found.total === count) {
      const { Text: text } = await (await fetch(`${api}/message/${found.messages[0].ID}`)).json()
      return { text, code: text.match(/\b\d{6}\b/)?.[0], link: text.match(/http\S+\/verify\S+/)?.[0] }
    }
    assert(Date.now() < until, `${count} messages to ${email}: there are ${found.total}`)
    await new Promise((wake) => setTimeout(wake, 20))
  }
}
