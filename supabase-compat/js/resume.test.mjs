// Channels that come back: what `resume.js` keeps, and what the stock client does without it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { test } from 'node:test'

import { Heard, changesFlow, connect, group, hear, ok, password, person, send, sql, token } from './cast.mjs'
import { resuming } from './resume.js'

const SECRET = 'a secret that only the servers of these tests know'

// A server of the test's own on the same database, which can be killed.
class Server {
  static async start(t, slot) {
    await sql(`alter role authenticator password 'resumed'`)
    const server = new Server()
    server.slot = slot
    server.port = await freePort()
    server.url = `http://127.0.0.1:${server.port}`
    t.after(async () => {
      await server.kill()
      await sql(`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active`, [slot])
      await sql(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1`, [slot])
    })
    await server.run()
    return server
  }

  async run() {
    const database = new URL(process.env.SUPABASE_DB_URL)
    Object.assign(database, { username: 'authenticator', password: 'resumed' })
    const flags = ['--port', this.port, '--jwt-secret', SECRET, '--realtime-slot', this.slot, '--log', 'error']
    const args = ['serve', '--database-url', String(database), ...flags]
    const { WALKIE_BIN, ...env } = process.env
    this.process = spawn(WALKIE_BIN, args, { stdio: 'inherit', cwd: '/', env })
    while (!(await fetch(`${this.url}/ready`).then((answer) => answer.ok, () => false))) {
      assert.equal(this.process.exitCode, null, 'the server ended')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  kill() {
    const gone = new Promise((resolve) => this.process.once('exit', resolve))
    if (this.process.exitCode !== null || !this.process.kill('SIGKILL')) return
    return gone
  }

  async person(t, name, transport) {
    const key = token({ role: 'anon', exp: 4_000_000_000 }, SECRET)
    const client = connect(t, key, { realtime: { transport } }, this.url)
    await ok(client.auth.signInWithPassword({ email: `${name}@example.com`, password }))
    return client
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

// A transport that counts what it opens.
function counting(WebSocket) {
  const opened = new Heard()
  const transport = class extends WebSocket {
    constructor(...args) {
      super(...args)
      opened.add(opened.all.length + 1)
    }
  }
  return { opened, transport }
}

const bodies = (heard) => heard.all.map((change) => change.new.body)

test('a server that is gone for seconds loses nothing for a channel that resumes', async (t) => {
  // RT-05
  const server = await Server.start(t, 'walkie_killed')
  const gaps = new Heard()
  const { opened, transport } = counting(resuming({ onGap: gaps.add }))
  const [ana, resumed, stock] = [
    await person(t, 'ana'), await server.person(t, 'ana', transport), await server.person(t, 'ana'),
  ]
  const place = await group(ana)
  const filter = `conversation_id=eq.${place.id}`
  const [all, live] = [await hear(resumed, 'messages', { filter }), await hear(stock, 'messages', { filter })]
  await send(ana, place, 'Before')
  await Promise.all([all, live].map((heard) => heard.first((change) => change.new.body === 'Before')))

  await server.kill()
  await send(ana, place, 'Missed 1')
  // The second attempt since: it backs off, and does not give up.
  const before = opened.all.length
  await opened.first((count) => count >= before + 2)
  await send(ana, place, 'Missed 2')
  const back = new Heard()
  stock.getChannels()[0].on('system', {}, ({ extension, status }) => back.add(`${extension} ${status}`))
  await server.run()

  await back.first((told) => told === 'postgres_changes ok')
  await all.first((change) => change.new.body === 'Missed 2')
  await send(ana, place, 'After')
  await Promise.all([all, live].map((heard) => heard.first((change) => change.new.body === 'After')))
  assert.deepEqual(bodies(all), ['Before', 'Missed 1', 'Missed 2', 'After'])
  assert.deepEqual(bodies(live), ['Before', 'After'])
  assert.deepEqual(gaps.all, [])
})

test('a channel that joins again on its socket hears nothing twice', async (t) => {
  const server = await Server.start(t, 'walkie_rejoined')
  const client = await server.person(t, 'ana', resuming())
  const ana = await person(t, 'ana')
  const place = await group(ana)
  const heard = await hear(client, 'messages', { filter: `conversation_id=eq.${place.id}` })
  await send(ana, place, 'One')
  await heard.first((change) => change.new.body === 'One')

  const joined = new Heard()
  const [channel] = client.getChannels()
  channel.on('system', {}, ({ extension }) => joined.add(extension))
  // As when the server ends it.
  channel.channelAdapter.getChannel().trigger('phx_error', {})
  await joined.first((extension) => extension === 'postgres_changes')
  await send(ana, place, 'Two')
  await heard.first((change) => change.new.body === 'Two')
  assert.deepEqual(bodies(heard), ['One', 'Two'])
})

test('who was away for too long is told what is gone', async (t) => {
  const server = await Server.start(t, 'walkie_gap')
  const gaps = new Heard()
  const client = await server.person(t, 'ana', resuming({ onGap: gaps.add }))
  const ana = await person(t, 'ana')
  const place = await group(ana)
  const filter = `conversation_id=eq.${place.id}`
  const heard = await hear(client, 'messages', { filter })
  await send(ana, place, 'Before')
  await heard.first((change) => change.new.body === 'Before')

  await server.kill()
  await sql(`select pg_drop_replication_slot('walkie_gap')`)
  await send(ana, place, 'Gone')
  await server.run()
  const gap = await gaps.first((gap) => gap)
  assert.equal(gap.topic, 'realtime:messages')
  await send(ana, place, 'After')
  await heard.first((change) => change.new.body === 'After')
  assert.deepEqual(bodies(heard), ['Before', 'After'])
})

test('a channel that was left is begun anew', async (t) => {
  const server = await Server.start(t, 'walkie_left')
  const client = await server.person(t, 'ana', resuming())
  const ana = await person(t, 'ana')
  const place = await group(ana)
  const wish = { event: '*', schema: 'public', table: 'messages', filter: `conversation_id=eq.${place.id}` }
  const [first, second] = [new Heard(), new Heard()]
  const channel = client.channel('messages').on('postgres_changes', wish, first.add)
  await changesFlow(channel)
  await send(ana, place, 'One')
  await first.first((change) => change.new.body === 'One')
  await client.removeChannel(channel)
  await send(ana, place, 'Two')
  await changesFlow(client.channel('messages').on('postgres_changes', wish, second.add))
  await send(ana, place, 'Three')
  await second.first((change) => change.new.body === 'Three')
  assert(!bodies(second).includes('One'))
})
