import type { BeginRequest } from '../../lib/index.ts';

export const keepMs = 60_000;
let tickets = 0;

/** A request as a server makes it. */
export function requestFor(key: string, more: Partial<BeginRequest> = {}): BeginRequest {
  const ticket = ++tickets;
  return { key, fingerprint: 'f1', keepMs, owner: 'one', ticket, takesOver: false, ...more };
}
