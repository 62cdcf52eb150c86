import { readFileSync } from 'node:fs';

const specification = new URL('../../../lib/protocols/holdfast/PROTOCOL.md', import.meta.url);

/** The golden vectors, as the specification prints them: bytes by description. */
function read(): ReadonlyMap<string, Buffer> {
  const [, section = ''] = readFileSync(specification, 'utf8').split('## 14. Golden vectors');
  const rows = section.matchAll(/^- (?<name>.+):\n {2}`(?<hex>[0-9a-f]+)`$/gm);
  const found = new Map<string, Buffer>();
  for (const { groups } of rows) {
    found.set(groups?.['name'] as string, Buffer.from(groups?.['hex'] as string, 'hex'));
  }
  return found;
}

/** Every golden vector of PROTOCOL.md. */
export const vectors: ReadonlyMap<string, Buffer> = read();

/** The only vector whose description begins with `start`. */
export function vector(start: string): Buffer {
  const found = [...vectors].filter(([name]) => name.startsWith(start));
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new Error(`PROTOCOL.md has ${found.length} vectors that begin with "${start}"`);
  }
  return Buffer.from(only[1]);
}

/** The session of the vectors. */
export const session: Buffer = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

/** The table of the vectors. */
export const rows = [
  { name: 'get', safety: 'read', kind: 'unary', settings: {} },
  { name: 'pay', safety: 'once', kind: 'unary', settings: { timeoutMs: 5_000 } },
] as const;

/** What the vectors' server says of itself. */
export const serverHello = {
  server: 's1',
  maxFrameBytes: 16_777_216,
  maxCalls: 4_096,
  verbs: rows,
} as const;

/** What the vectors' client says of itself. */
export const clientHello = { session, maxFrameBytes: 16_777_216, credentials: undefined } as const;
