import { Readable } from 'node:stream';
import {
  type CallContext,
  type Client,
  type ClientOptions,
  connect,
  defineVerbs,
  drainOnSignals,
  type Handlers,
  idempotent,
  inherit,
  type Listener,
  mutate,
  once,
  type Reconcile,
  type Reconcilers,
  read,
  type StandardSchema,
  semi,
  serve,
  unix,
} from '../../lib/index.ts';

/** Compiles exactly when the public types flow: every `@ts-expect-error` marks what must not. */

declare const positive: StandardSchema<string, number>;
declare const shout: StandardSchema<number, string>;

const files = defineVerbs({
  get: read<{ path: string }, Uint8Array>(),
  put: idempotent<{ path: string; bytes: Uint8Array }, void>(),
  lock: semi<{ path: string }, string>({ leaseMs: 30_000 }),
  append: mutate<{ path: string }, number>({ timeoutMs: 5_000 }),
  transfer: once<{ cents: number }, { id: string }>(),
  ping: read(),
  maybe: read<string | undefined, string>(),
  parsed: read({ input: positive, output: shout }),
});

const client = connect('tcp://127.0.0.1:1', files);

export async function calls(): Promise<void> {
  const bytes: Uint8Array = await client.call.get({ path: 'a' });
  const nothing: undefined = (await client.call.put({ path: 'a', bytes })) as undefined;
  const token: string = await client.call.lock({ path: 'a' }, { timeoutMs: 500 });
  const { id }: { id: string } = await client.call.transfer({ cents: 1 }, { key: 'k' });
  await client.call.ping();
  await client.call.ping(undefined, { replay: 'never' });
  await client.call.maybe(undefined);
  // The caller gives what the input schema takes and gets what the output schema yields.
  const text: string = await client.call.parsed('1');
  const untyped: unknown = await client.invoke('anything', { at: 'all' });
  void [nothing, token, id, text, untyped];

  const { value, attempts } = await client.withHistory.get({ path: 'a' }, { timeoutMs: 500 });
  const told: [Uint8Array, string | undefined] = [value, attempts[0]?.why];
  await client.call.ping(undefined, { onAttempt: ({ why, durationMs }) => void [why, durationMs] });
  client.on('attempt', ({ verb, decision }) => void [verb, decision]);
  const rates: number[] = client.routes().map(({ actualRate, total }) => actualRate + total.calls);
  void [told, rates];
  // @ts-expect-error a wrong input
  await client.withHistory.get({ path: 1 });

  // @ts-expect-error a wrong input
  await client.call.get({ path: 1 });
  // @ts-expect-error a missing input
  await client.call.get();
  // @ts-expect-error an input that has too much
  await client.call.get({ path: 'a', mode: 1 });
  // @ts-expect-error an unknown verb
  await client.call.gett({ path: 'a' });
  // @ts-expect-error a wrong output
  const wrong: string = await client.call.append({ path: 'a' });
  // @ts-expect-error an unknown option
  await client.call.append({ path: 'a' }, { timeout: 5 });
  // @ts-expect-error a wrong setting
  await client.call.append({ path: 'a' }, { replay: 'mutate' });
  // @ts-expect-error what the input schema does not take
  await client.call.parsed(1);
  void wrong;
}

export async function servers(): Promise<void> {
  const good = {
    get: ({ path }: { path: string }) => new Uint8Array(path.length),
    put: async () => {},
    lock: (_input: unknown, call: CallContext) => call.verb,
    append: async ({ path }: { path: string }) => path.length,
    transfer: () => ({ id: 'x' }),
    ping: () => {},
    maybe: (name: string | undefined) => name ?? '',
    // The handler gets what the input schema yields and gives what the output schema takes.
    parsed: (value: number): number => value,
  };
  const listen = 'tcp://127.0.0.1:0';
  await serve(files, good, { listen });

  const { get, ...missing } = good;
  void get;
  // @ts-expect-error a missing handler
  await serve(files, missing, { listen });
  // @ts-expect-error a handler that returns something else
  await serve(files, { ...good, append: async () => 'x' }, { listen });
  // @ts-expect-error a handler that takes something else
  await serve(files, { ...good, get: (_path: number) => new Uint8Array() }, { listen });
  const more = { ...good, other: () => 1 };
  // @ts-expect-error a handler without a verb
  const handlers: Handlers<typeof files> = { ...good, other: more.other };
  await serve(files, handlers, { listen });
  // @ts-expect-error no address
  await serve(files, good, {});
  // @ts-expect-error an unknown option
  await serve(files, good, { listen, maxConnection: 1 });
}

export function reconciling(): void {
  const cannotTell = { result: 'unknown' } as const;
  const other: Client<typeof files> = connect('tcp://127.0.0.1:1', files, {
    reconcile: {
      // It may make calls with the client that it belongs to, when that has a type.
      append: async ({ path }, { verb, key, attempts, signal }) => {
        const bytes: Uint8Array = await other.call.get({ path }, { signal });
        void [verb, key, attempts[0]?.evidence];
        return { result: 'applied', output: bytes.length };
      },
      put: () => ({ result: 'applied' }),
      lock: ({ path }) => (path === '' ? { result: 'not-applied' } : cannotTell),
      // What the handler would have returned: the output schema is applied to it.
      parsed: () => ({ result: 'applied', output: 1 }),
    },
  });
  const any: Reconcile = () => ({ result: 'not-applied' });
  const shared: ClientOptions = { reconcile: { append: any } };
  connect('tcp://127.0.0.1:1', files, shared);
  connect('tcp://127.0.0.1:1', undefined, { reconcile: { anything: any } });
  const typed: Reconcilers<typeof files> = { append: any };
  void typed;

  // @ts-expect-error an unknown verb
  connect('tcp://127.0.0.1:1', files, { reconcile: { apend: any } });
  // @ts-expect-error an unknown answer
  connect('tcp://127.0.0.1:1', files, { reconcile: { append: () => ({ result: 'maybe' }) } });
  // @ts-expect-error a missing output
  connect('tcp://127.0.0.1:1', files, { reconcile: { append: () => ({ result: 'applied' }) } });
  const wrongOutput = (): { result: 'applied'; output: string } => ({
    result: 'applied',
    output: '',
  });
  // @ts-expect-error a wrong output
  connect('tcp://127.0.0.1:1', files, { reconcile: { append: wrongOutput } });
  const wrongInput = (_input: number): { result: 'unknown' } => ({ result: 'unknown' });
  // @ts-expect-error a wrong input
  connect('tcp://127.0.0.1:1', files, { reconcile: { append: wrongInput } });
}

export function events(): void {
  client.on('state', ({ next, previous }) => void [next === 'ready', previous === 'idle']);
  client.on('replay', ({ verb, evidence }) => void [verb, evidence === 'handed-over']);
  // @ts-expect-error no such state
  client.on('state', ({ next }) => next === 'open');
  // @ts-expect-error no such event
  client.on('error', () => {});
  // @ts-expect-error an unknown option
  connect('tcp://127.0.0.1:1', files, { heartBeatMs: 1 });
  // @ts-expect-error verbs are made by read(), idempotent(), …
  defineVerbs({ get: { safety: 'read' } });
}

export async function restarts(): Promise<void> {
  const listen = inherit() ?? 'tcp://127.0.0.1:0';
  const names: string[] | undefined = inherit()?.map(({ name }) => name);
  const named: Listener[] = inherit(['tcp://127.0.0.1:0', unix({ path: '/x' })]);
  // @ts-expect-error an address, not a number
  inherit(4155);
  const server = await serve(defineVerbs({}), {}, { listen });
  const off: () => void = drainOnSignals(server, {
    signals: ['SIGTERM'],
    timeoutMs: 1_000,
    onDrained: ({ cut }) => cut.length,
  });
  // @ts-expect-error no signal
  drainOnSignals(server, { signals: ['TERM'] });
  // @ts-expect-error an unknown option
  drainOnSignals(server, { timeout: 1 });
  void [names, named, off];
}

/** `accept` is given what the call resolves with. */
const priced = defineVerbs({
  price: read<string, number>({ accept: (price) => price > 0 }),
  shouted: read({ output: shout, accept: (text) => text.endsWith('!') }),
  // @ts-expect-error it is not given a text
  wrong: read<string, number>({ accept: (price: string) => price.length > 0 }),
});
declare const pricing: Client<typeof priced>;
export const accepted: readonly Promise<unknown>[] = [
  pricing.call.price('tea', {
    accept: (price) => price > 1,
    retryIf: ({ transient }) => transient,
  }),
  pricing.call.price('tea', { accept: async (price) => price.toFixed() === '7' }),
  // @ts-expect-error it must say yes or no
  pricing.call.price('tea', { accept: (price) => price.toFixed() }),
  pricing.invoke('price', 'tea', { accept: (price) => price === 7 }),
];

/** Verbs with streams, and their handlers. */
const streams = defineVerbs({
  watch: read.serverStream<{ path: string }, { at: number }>({
    resumeFrom: (input, last, delivered) => ({ path: `${input.path}${last.at + delivered}` }),
  }),
  upload: mutate.clientStream<{ path: string }, Uint8Array, number>({ timeoutMs: 5_000 }),
  chat: mutate.duplex<void, string, string>(),
  tail: read.serverStream({ input: positive, items: shout }),
  sum: idempotent.clientStream({ input: positive, sent: positive, output: shout }),
  talk: semi.duplex({ sent: positive, items: shout }),
});
// @ts-expect-error only what changes nothing is called again in the midst
mutate.serverStream<void, string>({ resumeFrom: () => {} });
// @ts-expect-error it gives an input
read.serverStream<number, string>({ resumeFrom: () => '1' });
// @ts-expect-error a recorded answer cannot hold a stream
once.clientStream<void, string>();
// @ts-expect-error streams have no such bound
read.duplex({ attemptTimeoutMs: 5 });
// @ts-expect-error and calls none of those
read({ inactivityTimeoutMs: 5 });

const served: Handlers<typeof streams> = {
  async *watch({ path }, call) {
    yield { at: path.length + call.attempt };
  },
  async upload({ path }, { items, signal }) {
    let length = path.length;
    for await (const chunk of items) length += chunk.byteLength;
    return signal.aborted ? 0 : length;
  },
  async *chat(_input, { items }) {
    for await (const line of items) yield line.toUpperCase();
  },
  tail: (from: number) => [from, from + 1],
  sum: async (from: number, { items }) => {
    let sum = from;
    for await (const one of items) sum += one;
    return sum;
  },
  talk: async (_input, { items }) => Readable.from(items) as AsyncIterable<number>,
};
await serve(streams, served, { listen: 'tcp://127.0.0.1:0' });
// @ts-expect-error a handler that yields something else
await serve(streams, { ...served, chat: () => [1] }, { listen: 'tcp://127.0.0.1:0' });
// @ts-expect-error one that yields nothing
await serve(streams, { ...served, chat: () => 'x' as unknown }, { listen: 'tcp://127.0.0.1:0' });
// @ts-expect-error one that returns something else
await serve(streams, { ...served, upload: async () => 'x' }, { listen: 'tcp://127.0.0.1:0' });
