/** A module as `holdfast serve` takes it. */
import { EventEmitter } from 'node:events';
import {
  defineVerbs,
  type Handlers,
  idempotent,
  mutate,
  once,
  read,
  refuse,
  type ServerOptions,
} from '../../lib/index.ts';

export const verbs = defineVerbs({
  list: read<void, readonly string[]>(),
  echo: read<unknown, unknown>({ timeoutMs: 20_000 }),
  put: idempotent<string, void>({ maxAttempts: 2, maxReplayAgeMs: 1_500 }),
  pay: once<number, number>(),
  fail: mutate<string, void>(),
  refuse: mutate<void, void>(),
  refuseForGood: mutate<void, void>(),
  hang: mutate<void, void>(),
  pid: read<void, number>(),
  count: read.serverStream<number, number>(),
  join: mutate.clientStream<void, unknown, unknown[]>(),
  first: mutate.clientStream<void, unknown, unknown>(),
  shout: mutate.duplex<void, string, string>(),
});

/** Emits `hangs`, with the handler's signal, when a call hangs. */
export const hanging: EventEmitter = new EventEmitter();

const lines: string[] = [];
let paid = 0;

export const handlers: Handlers<typeof verbs> = {
  count: async function* (count) {
    for (let item = 1; item <= count; item++) yield item;
  },
  join: async (_input, { items }) => {
    const joined: unknown[] = [];
    for await (const item of items) joined.push(item);
    return joined;
  },
  first: async (_input, { items }) => {
    for await (const item of items) return item;
    return undefined;
  },
  shout: async function* (_input, { items }) {
    for await (const text of items) yield text.toUpperCase();
  },
  list: () => lines,
  echo: (input) => input,
  put: (line) => {
    lines.push(line);
  },
  pay: (cents) => {
    paid += cents;
    return paid;
  },
  fail: (message) => {
    throw Object.assign(new Error(message), { code: 'E_FAILED', data: { at: 3 } });
  },
  refuse: () => {
    throw refuse({ retryAfterMs: 10 });
  },
  refuseForGood: () => {
    throw refuse();
  },
  hang: (_, { signal }) =>
    new Promise((resolve) => {
      hanging.emit('hangs', signal);
      if (process.env['HANGING'] !== undefined) console.log('hangs');
      signal.addEventListener('abort', () => resolve());
    }),
  pid: () => process.pid,
};

export const options: Partial<ServerOptions> = {
  authenticate: (credentials) => {
    const secret = process.env['SECRET'];
    if (secret !== undefined && credentials !== secret) throw new Error('who are you?');
    return 'ada';
  },
};
