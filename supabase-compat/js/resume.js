// A transport with which supabase-js misses nothing: each channel that comes back goes on where
// it stood, hears nothing twice, and is told when something is gone for good.
//
//   const client = createClient(url, key, { realtime: { transport: resuming({ onGap }) } })

// Places as texts that sort alike. `X/Y` alone stands after all changes of its commit.
const sortable = (place) => {
  const [, high, low, number] = /^(\w+)\/(\w+)(?::(\d+))?$/.exec(place)
  return high.padStart(8, '0') + low.padStart(8, '0') + (number?.padStart(10, '0') ?? '~')
}

export function resuming({ onGap, WebSocket = globalThis.WebSocket } = {}) {
  const channels = new Map()

  // A channel joins: from where it stands, if it is one that stood somewhere.
  const join = (topic, { config }) => {
    const bindings = config?.postgres_changes ?? []
    const wish = JSON.stringify(bindings)
    if (channels.get(topic)?.wish !== wish) channels.set(topic, { wish, ids: new Set() })
    const { place } = channels.get(topic)
    if (place) for (const binding of bindings) binding.after = place
  }

  // A change; gives whether it was heard before.
  const hear = (channel, { ids, data: { lsn } }) => {
    const isLater = sortable(lsn) > sortable(channel.place)
    if (!isLater && (lsn !== channel.place || ids.every((id) => channel.ids.has(id)))) return true
    if (isLater) channel.ids.clear()
    for (const id of ids) channel.ids.add(id)
    channel.place = lsn
    return false
  }

  return class extends WebSocket {
    constructor(...args) {
      super(...args)
      for (const channel of channels.values()) channel.isJoined = false
      this.addEventListener('message', (message) => {
        if (this.#isOld(message.data)) message.stopImmediatePropagation()
      })
    }

    send(data) {
      if (typeof data !== 'string') return super.send(data)
      const message = JSON.parse(data)
      const { topic, event, payload } = read(message)
      if (event === 'phx_join') join(topic, payload)
      // A join that took too long is left too, to be tried again.
      if (event === 'phx_leave' && channels.get(topic)?.isJoined) channels.delete(topic)
      super.send(JSON.stringify(message))
    }

    #isOld(data) {
      if (typeof data !== 'string') return false
      const { topic, event, payload } = read(JSON.parse(data))
      const channel = channels.get(topic)
      if (!channel) return false
      if (event === 'postgres_changes') return hear(channel, payload)
      if (event === 'phx_reply' && payload.response?.lsn) {
        channel.isJoined = true
        channel.place ??= payload.response.lsn
      }
      if (event === 'system' && payload.to) {
        channel.place = payload.to
        onGap?.({ topic, from: payload.from, to: payload.to })
      }
      return false
    }
  }
}

// Both serializers: 2.0.0 is an array, 1.0.0 an object.
const read = (message) =>
  Array.isArray(message) ? { topic: message[2], event: message[3], payload: message[4] } : message
