/** Changes between two places of the log that are not kept any more: read again. */
export interface Gap {
  /** The channel's topic, `realtime:` included. */
  topic: string
  from: string
  to: string
}

/**
 * A WebSocket for `createClient(url, key, { realtime: { transport } })`. Channels that come back
 * go on where they stood; one that is left while it is joined is forgotten.
 */
export function resuming(options?: {
  onGap?: (gap: Gap) => void
  WebSocket?: typeof globalThis.WebSocket
}): typeof globalThis.WebSocket
