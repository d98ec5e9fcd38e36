// The examples of docs/messaging.md, run as they stand.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { group, id, newcomer, ok, person, sql } from './cast.mjs'

const page = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../../docs/messaging.md'), 'utf8')

test('every example of the page runs', async (t) => {
  const examples = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code)
  assert(examples.length > 8)
  // An organisation where admins oversee, and one of them; both are put back for other tests.
  const dee = await person(t, 'dee')
  const [{ settings }] = await sql("select settings from orgs where slug = 'default'")
  const admin = (role) => sql("update org_members set role = $1 where user_id = 'd0000000-0000-4000-8000-00000000000d'", [role])
  t.after(async () => {
    await sql("update orgs set settings = $1 where slug = 'default'", [settings])
    await admin('member')
  })
  await sql(`update orgs set settings = settings || '{"oversight_mode": "break_glass"}' where slug = 'default'`)
  await admin('admin')

  const people = { ana: await newcomer(t), bo: await newcomer(t), cy: await newcomer(t), dee }
  // Something that waits for a moderator.
  const held = await group(people.bo)
  await sql("insert into messages (conversation_id, sender_id, body, visibility) values ($1, $2, '123456', 'held')", [held.id, await id(people.bo)])
  const AsyncFunction = (async () => {}).constructor
  const last = `
    return { page, next, rooms, people, wordings, newest, older, newer, around, thread, changed, news, readers, withTime, there, typing, overseen,
             hits, more, context, both, whom, lately, filled, templates, later, upcoming, calendar, comes, threads, spoken, who, persona, dee: await me(dee), day,
             told, bell, key, unknown, agreed,
             limits, first, shown, link, bytes, versions, folders, listed, address }`
  const seen = await new AsyncFunction(...Object.keys(people), examples.join('\n') + last)(...Object.values(people))

  assert(seen.page.some((conversation) => conversation.title === 'Tea'))
  assert(seen.rooms.some((room) => room.slug.startsWith('garden-')))
  assert.equal(seen.people.length, 2)
  assert.deepEqual(seen.wordings.map(({ body }) => body), ['Who wants *tea*?', 'Who wants tea?'])
  assert.deepEqual(seen.newest.map(({ body }) => body), ['I do.'])
  assert.deepEqual(seen.thread.map(({ body }) => body), ['With milk?'])
  assert(seen.around.length >= 1 && seen.changed.length + seen.news.length >= 1)
  assert.equal(seen.readers.count, 1)
  assert(seen.withTime.read_at)
  assert.equal(seen.there[0].status, 'online')
  assert.equal(seen.typing.length, 1)
  assert.equal(seen.hits[0].snippet, 'The <mark>kettle</mark> is &lt;b&gt;<mark>boiling</mark>&lt;/b&gt;: https://tea.example')
  assert.deepEqual(seen.more, [])
  assert(seen.context.some(({ id }) => id === seen.hits[0].message_id))
  assert.equal(seen.both.length, 1)
  assert(Array.isArray(seen.whom))
  assert.equal(seen.lately.length, 1)
  assert.equal(seen.filled, 'Hello Bo!')
  assert.equal(seen.templates.length, 1)
  assert.equal(seen.later.state, 'waiting')
  assert.deepEqual(seen.upcoming.map(({ title, response }) => [title, response]), [['Tasting', 'yes']])
  assert(seen.calendar.startsWith('BEGIN:VCALENDAR\r\n') && seen.calendar.includes(`DTSTART:${seen.day.replaceAll('-', '')}T110000Z`))
  assert.deepEqual(seen.comes.map(({ response }) => response), ['yes', 'yes'])
  assert.deepEqual([seen.threads[0].preview, seen.threads[0].unread], ['Sugar or honey?', 1])
  assert.equal(seen.spoken.sender_id, seen.persona.id)
  assert.deepEqual(seen.who, [{ real_sender_id: seen.dee }])
  assert(seen.told.some(({ kind, actor_name }) => kind === 'reply' && actor_name))
  assert(Number.isInteger(seen.bell))
  assert(seen.key === null || seen.key.length === 87)
  assert.equal(seen.unknown.hint, 'no_such_mail')
  assert.equal(seen.agreed, false)
  assert.equal(seen.overseen.length, 9)
  const reviewed = await ok(people.bo.from('messages').select('seq, visibility').eq('conversation_id', held.id))
  assert.deepEqual(reviewed, [{ seq: 1, visibility: 'normal' }])
  assert.equal(seen.limits.refusal, null)
  assert.deepEqual([seen.first.version, seen.first.mime_type, seen.first.note], [1, 'text/plain', 'First draft'])
  assert.equal(seen.shown.message_type, 'file')
  assert.equal(await seen.bytes.text(), 'Assam, Darjeeling, Ceylon\n')
  const linked = await fetch(seen.link.signedUrl)
  assert.equal(linked.status, 400, 'the file is deleted by the end of the page')
  assert.deepEqual(seen.versions.map(({ version }) => version), [2, 1])
  assert.deepEqual(seen.folders.map(({ folder, files }) => [folder, files]), [['Lists', 1]])
  assert.deepEqual(seen.listed.map(({ name, current_version }) => [name, current_version]), [['leaves.txt', 3]])
  assert.equal((await fetch(seen.address)).headers.get('content-type'), 'image/png')
})

test('every call has an example', async () => {
  const calls = await sql(`
    select p.proname as name
      from pg_proc p
     where p.pronamespace = 'public'::regnamespace
       and has_function_privilege('authenticated', p.oid, 'execute')
       and p.prorettype <> 'trigger'::regtype
       -- Those of accounts are told in docs/auth.md.
       and p.proname not in ('delete_my_account', 'my_sessions', 'revoke_session')
       and p.oid in (select to_regprocedure(signature) from app.installed_functions)`)
  assert(calls.length > 40)
  const missing = calls.map(({ name }) => name).filter((name) => !page.includes(`'${name}'`) && !page.includes(`, ${name}'`))
  assert.deepEqual(missing, [])
})
