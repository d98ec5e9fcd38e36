// The type that `walkie types` prints, as the stock client and the compiler take it.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const walkie = process.env.WALKIE_BIN ?? join(here, '../../target/debug/walkie')

// Lines marked with @ts-expect-error must not compile; all others must.
const program = `
import { createClient } from '@supabase/supabase-js'
import { Constants, type Database, type Tables, type TablesInsert, type TablesUpdate } from './database.types'

const client = createClient<Database>('http://localhost', 'key')

export async function rows() {
  const { data } = await client.from('messages').select('id, body, profiles(display_name)').single()
  if (!data) return
  const id: string | number = data.id
  const body: string | null = data.body
  // @ts-expect-error there is no such column in what was selected
  const nothing = data.nothing
  return { id, body, nothing }
}

export async function calls() {
  await client.rpc('send_message', { p_conversation_id: 'x', p_body: 'y' })
  // @ts-expect-error there is no such function
  await client.rpc('send_massage', {})
  // @ts-expect-error there is no such table
  await client.from('massages').select()
}

export const row = (message: Tables<'messages'>): string | null => message.body
export const elsewhere = (message: Tables<{ schema: 'public' }, 'messages'>): string | null => message.body
export const change: TablesUpdate<'messages'> = { body: 'new' }
// @ts-expect-error a change is of columns there are
export const wrong: TablesUpdate<'messages'> = { bodi: 'new' }
export type Insert = TablesInsert<'messages'>
export const constants: object = Constants.public.Enums
`

test('types compile with the stock client', () => {
  // It knows no setting of the tests' own.
  const { WALKIE_BIN: _, ...env } = process.env
  const types = execFileSync(walkie, ['types', '--database-url', process.env.SUPABASE_DB_URL], { env })
  // Inside of here, where the client is found.
  const folder = mkdtempSync(join(here, 'node_modules/.types-'))
  try {
    writeFileSync(join(folder, 'database.types.ts'), types)
    writeFileSync(join(folder, 'program.ts'), program)
    const compiler = join(here, 'node_modules/.bin/tsc')
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'preserve']
    const { status, stdout } = spawnSync(compiler, [...flags, join(folder, 'program.ts')])
    assert.equal(status, 0, stdout?.toString())
  } finally {
    rmSync(folder, { recursive: true })
  }
})
