import { isDeepStrictEqual } from 'node:util';
import { type ErrorCode, isHoldfastError } from '../../lib/index.ts';
import { HoldfastClientWire } from '../../lib/protocols/holdfast/client-wire.ts';
import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import {
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  encodeServerHello,
} from '../../lib/protocols/holdfast/hello.ts';
import { HoldfastServerWire } from '../../lib/protocols/holdfast/server-wire.ts';
import { packValue, unpackValue } from '../../lib/protocols/holdfast/values.ts';
import { Generator } from '../protocols/holdfast/generator.ts';
import { ClientRecorder, type Event, ServerRecorder } from '../protocols/holdfast/sinks.ts';
import { clientHello, serverHello, vectors } from '../protocols/holdfast/vectors.ts';
import type { Target } from './target.ts';

/** What may be wrong with bytes. */
const allowed: readonly ErrorCode[] = [
  'ERR_HOLDFAST_PROTOCOL',
  'ERR_HOLDFAST_VERSION',
  'ERR_HOLDFAST_FRAME_TOO_LARGE',
  'ERR_HOLDFAST_DECODE',
];

/** Runs; gives the code of the error that it throws, which must be one of the allowed ones. */
function codeOf(run: () => void): ErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (isHoldfastError(error) && allowed.includes(error.code)) return error.code;
    throw error;
  }
}

/** A wire of one side, and what it has told. */
interface Hearing {
  readonly wire: {
    receive(chunk: Buffer): void;
    readInto(): Buffer | undefined;
    stop(): void;
  };
  readonly events: readonly Event[];
}

/** What a wire makes of bytes that come in a certain way. */
interface Heard {
  readonly events: readonly Event[];
  readonly code: ErrorCode | undefined;
}

type Feed = (wire: Hearing['wire'], bytes: Buffer) => void;

const atOnce: Feed = (wire, bytes) => wire.receive(Buffer.from(bytes));

const inBytes: Feed = (wire, bytes) => {
  // The same memory each time, as sockets have it.
  const one = Buffer.alloc(1);
  for (const byte of bytes) {
    one[0] = byte;
    wire.receive(one);
  }
};

/** As a socket that reads to where its user wants the bytes. */
const inPlace: Feed = (wire, bytes) => {
  for (let at = 0; at < bytes.length; ) {
    const place = wire.readInto() ?? Buffer.alloc(7);
    const read = bytes.copy(place, 0, at, at + place.length);
    wire.receive(place.subarray(0, read));
    at += read;
  }
};

function heard(open: () => Hearing, feed: Feed, bytes: Buffer): Heard {
  const { wire, events } = open();
  const code = codeOf(() => feed(wire, bytes));
  wire.stop();
  return { events, code };
}

/** However bytes arrive, they mean the same. */
function takeBytes(open: () => Hearing, bytes: Buffer): void {
  const whole = heard(open, atOnce, bytes);
  for (const feed of [inBytes, inPlace]) {
    const other = heard(open, feed, bytes);
    if (!isDeepStrictEqual(whole, other)) {
      throw new Error(`It is heard differently in parts: ${show(whole)} and ${show(other)}`);
    }
  }
}

function show({ events, code }: Heard): string {
  return `${events.length} events, ${code}`;
}

const maxFrameBytes = 65_536;
const streaming = { streams: true };

function openClient(): Hearing {
  const sink = new ClientRecorder();
  const hello = { ...clientHello, ...streaming, maxFrameBytes };
  return { wire: new HoldfastClientWire(sink, hello), events: sink.events };
}

function openServer(): Hearing {
  const sink = new ServerRecorder();
  return { wire: new HoldfastServerWire(sink, maxFrameBytes), events: sink.events };
}

/** A wire that has heard the hello already. */
function greeted(open: () => Hearing, greeting: Buffer): () => Hearing {
  return () => {
    const hearing = open();
    hearing.wire.receive(greeting);
    return hearing;
  };
}

const fromServer = encodeServerHello({ ...serverHello, ...streaming, maxFrameBytes });
const fromClient = encodeClientHello({ ...clientHello, ...streaming, maxFrameBytes });

const all = [...vectors.values()];
const frames = all.map((bytes) =>
  bytes.subarray(0, preamble.length).equals(preamble) ? bytes.subarray(preamble.length) : bytes,
);
const greetings = [...all, fromServer, fromClient];
const bodies = frames.map((bytes) => bytes.subarray(5));
const types = Object.values(FrameType).map((type) => Buffer.of(0, 0, 0, 7, type));
const keys = [
  ...['session', 'maxFrameBytes', 'credentials', 'acknowledged', 'resume', 'tables', 'link'],
  ...['server', 'maxCalls', 'verbs', 'table', 'verdicts', 'completions', 'heirOf', 'streams'],
].map((key) => Buffer.from(packValue(key)));
const tokens = Array.from({ length: 0x80 }, (_, index) => Buffer.of(0x80 + index));
const generator = new Generator(99);
const values = Array.from({ length: 40 }, () => generator.next().bytes);

const wholeHellos = greetings.map((bytes) => bytes.subarray(preamble.length + 5));

/** A value that was taken is the same when it is sent again. */
function takeValue(input: Buffer): void {
  const [form = 0] = input;
  const bytes = input.subarray(1);
  let value: unknown;
  if (codeOf(() => (value = unpackValue(form & 3, Buffer.from(bytes), 0, bytes.length, false)))) {
    return;
  }
  const owned = unpackValue(form & 3, Buffer.from(bytes), 0, bytes.length, true);
  if (!isDeepStrictEqual(value, owned)) throw new Error('It depends on whose memory it is in');
  if ((form & 3) !== 1) return;
  const packed = packValue(value);
  const again = unpackValue(1, packed, 0, packed.length, false);
  if (!isDeepStrictEqual(again, value))
    throw new Error('It is another value when it is sent again');
}

/** A hello that was taken is the same when it is sent again. */
function takeHello(input: Buffer): void {
  for (const [decode, encode] of [
    [decodeClientHello, encodeClientHello],
    [decodeServerHello, encodeServerHello],
  ] as const) {
    const read = (bytes: Buffer): object => decode(bytes, 0, bytes.length);
    let hello: object | undefined;
    codeOf(() => {
      hello = read(input);
    });
    if (hello === undefined) continue;
    const again = read((encode as (hello: object) => Buffer)(hello).subarray(preamble.length + 5));
    if (!isDeepStrictEqual(again, hello))
      throw new Error('It is another hello when it is sent again');
  }
}

/** All that a peer's bytes meet first. */
export const wireTargets: readonly Target[] = [
  {
    name: 'client-greeting',
    seeds: greetings,
    words: [...types, ...keys, ...tokens],
    take: (input) => takeBytes(openClient, input),
  },
  {
    name: 'server-greeting',
    seeds: greetings,
    words: [...types, ...keys, ...tokens],
    take: (input) => takeBytes(openServer, input),
  },
  {
    name: 'client-frames',
    seeds: [...frames, Buffer.concat(frames)],
    words: [...types, ...tokens, ...frames],
    take: (input) => takeBytes(greeted(openClient, fromServer), input),
  },
  {
    name: 'server-frames',
    seeds: [...frames, Buffer.concat(frames)],
    words: [...types, ...tokens, ...frames],
    take: (input) => takeBytes(greeted(openServer, fromClient), input),
  },
  {
    name: 'hello',
    seeds: wholeHellos,
    words: [...keys, ...tokens, ...values],
    take: takeHello,
  },
  {
    name: 'values',
    seeds: [...values, ...bodies].map((bytes) => Buffer.concat([Buffer.of(1), bytes])),
    words: [...tokens, ...values],
    take: takeValue,
  },
];
