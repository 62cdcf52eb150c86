import { expect } from 'chai';
import { HoldfastError } from '../../../lib/errors.ts';
import {
  encodeFailure,
  encodeRefusal,
  encodeUnknown,
} from '../../../lib/protocols/holdfast/answer-frames.ts';
import { HoldfastCallWriter } from '../../../lib/protocols/holdfast/call-writer.ts';
import { HoldfastClientWire } from '../../../lib/protocols/holdfast/client-wire.ts';
import { packTable } from '../../../lib/protocols/holdfast/packed-table.ts';
import { ReplyWriter } from '../../../lib/protocols/holdfast/reply-writer.ts';
import { HoldfastServerWire } from '../../../lib/protocols/holdfast/server-wire.ts';
import { ClientRecorder, type Event, ServerRecorder } from './sinks.ts';
import { end, type Golden, streamingClient, streamingServer, streams } from './stream-vectors.ts';
import { clientHello, serverHello, session, vector, vectors } from './vectors.ts';

const maxFrameBytes = 16_777_216;

const clientWire = (): HoldfastClientWire =>
  new HoldfastClientWire(new ClientRecorder(), clientHello);
const serverWire = (): HoldfastServerWire =>
  new HoldfastServerWire(new ServerRecorder(), maxFrameBytes);

interface CallFields {
  readonly number: number;
  readonly verbIndex: number;
  readonly attempt: number;
  readonly remainingMs: number;
  readonly key?: string;
  readonly isReplay?: true;
  readonly value: unknown;
}

function call(fields: CallFields): Golden {
  const { number, verbIndex, attempt, remainingMs, key, isReplay, value } = fields;
  return {
    name: `CALL ${number === 2 ** 48 - 1 ? '2^48 − 1' : number} `,
    encode: () => {
      const writer = new HoldfastCallWriter();
      writer.write(number, 'verb', key, value, maxFrameBytes);
      writer.stamp(writer, verbIndex, attempt, remainingMs, isReplay);
      return Buffer.from(writer.buffer.subarray(writer.start, writer.end));
    },
    heard: ['call', { key, ...fields }],
  };
}

function reply(number: number, value: unknown): Golden {
  return {
    name: `REPLY ${number}, `,
    encode: () => {
      const writer = new ReplyWriter();
      writer.write(number, value, maxFrameBytes);
      return Buffer.from(writer.buffer.subarray(writer.start, writer.end));
    },
    heard: ['reply', number, value],
  };
}

const remote = { code: 'ENOENT', message: 'no such file', data: { path: 'a' } };
const passing = { code: 'EBUSY', message: 'try later', transient: true };
const busy = { code: 'ERR_HOLDFAST_REFUSED', message: 'busy', retryAfterMs: 500, final: false };
const late = {
  code: 'ERR_HOLDFAST_DEADLINE',
  message: 'too late',
  retryAfterMs: undefined,
  final: true,
};
const retried = { code: 'EDOWN', message: 'gave up', retried: true } as const;
const retriedRefusal = { ...busy, retried: true } as const;
const unfinished = { code: 'ERR_HOLDFAST_UNFINISHED', message: 'began' };
const fault = new HoldfastError('ERR_HOLDFAST_PROTOCOL', 'bad');
const full = new HoldfastError('ERR_HOLDFAST_TOO_MANY_CONNECTIONS', 'full', {
  retryAfterMs: 1_000,
});

/** A server's wire that has said hello. */
function greetedServerWire(): HoldfastServerWire {
  const wire = serverWire();
  wire.hello(serverHello);
  return wire;
}

const fromClient: readonly Golden[] = [
  call({ number: 1, verbIndex: 0, attempt: 1, remainingMs: 30_000, value: undefined }),
  call({ number: 2, verbIndex: 0, attempt: 1, remainingMs: 1_500, value: { path: 'a' } }),
  call({
    number: 3,
    verbIndex: 1,
    attempt: 2,
    remainingMs: 0xffff_ffff,
    key: 'k-1',
    value: Buffer.from([1, 2, 3]),
  }),
  call({ number: 4, verbIndex: 0, attempt: 2, remainingMs: 100, isReplay: true, value: 'a' }),
  call({ number: 2 ** 48 - 1, verbIndex: 65_535, attempt: 255, remainingMs: 1, value: null }),
  { name: 'CANCEL 258', encode: () => clientWire().cancel(258), heard: ['cancel', 258] },
  {
    name: 'ACKNOWLEDGE 258',
    encode: () => clientWire().acknowledge(258),
    heard: ['acknowledge', 258],
  },
  {
    name: 'ACKNOWLEDGE that names 300 and 301 behind 258',
    encode: () => clientWire().acknowledge(258, [300, 301]),
    heard: ['acknowledge', 258, 300, 301],
  },
  { name: 'ASK 258', encode: () => clientWire().ask([258, 259]), heard: ['ask', [258, 259]] },
];

const fromServer: readonly Golden[] = [
  reply(1, undefined),
  reply(2, 'ok'),
  reply(3, Buffer.from([0xff, 0])),
  {
    name: 'ERROR 4',
    encode: () => encodeFailure(4, remote, 1_000_000),
    heard: ['error', 4, remote],
  },
  {
    name: 'ERROR 5',
    encode: () => encodeFailure(5, { code: 'ERROR', message: 'boom' }, 1_000_000),
    heard: ['error', 5, { code: 'ERROR', message: 'boom' }],
  },
  {
    name: 'ERROR 9',
    encode: () => encodeFailure(9, passing, 1_000_000),
    heard: ['error', 9, passing],
  },
  {
    name: 'ERROR 10',
    encode: () => encodeFailure(10, retried, 1_000_000),
    heard: ['error', 10, retried],
  },
  {
    name: 'REFUSED 11',
    encode: () => encodeRefusal(11, retriedRefusal, 1_000_000),
    heard: ['refused', 11, retriedRefusal],
  },
  {
    name: 'REFUSED 6',
    encode: () => encodeRefusal(6, busy, 1_000_000),
    heard: ['refused', 6, busy],
  },
  {
    name: 'REFUSED 7',
    encode: () => encodeRefusal(7, late, 1_000_000),
    heard: ['refused', 7, late],
  },
  {
    name: 'UNKNOWN 8',
    encode: () => encodeUnknown(8, unfinished, 1_000_000),
    heard: ['unknown', 8, unfinished],
  },
  {
    name: 'VERDICTS',
    encode: () => serverWire().verdicts([258], ['done']),
    heard: ['verdict', 258, 'done'],
  },
  { name: 'LINE', encode: () => serverWire().line(258), heard: ['line', 258] },
  { name: 'DRAIN', encode: () => serverWire().drain(10_000), heard: ['drain', 10_000] },
  {
    name: 'FAULT, ',
    encode: () => greetedServerWire().fault(fault),
    heard: [
      'fault',
      {
        code: 'ERR_HOLDFAST_PROTOCOL',
        message: 'Peer gave the link up: bad',
        retryAfterMs: undefined,
        final: false,
      },
    ],
  },
];

const ping: Golden = {
  name: 'PING 1',
  encode: () => clientWire().ping(1),
  heard: ['ping', 1],
};
const pong: Golden = {
  name: 'PONG 4294967294',
  encode: () => clientWire().pong(0xffff_fffe),
  heard: ['pong', 0xffff_fffe],
};

const clientGreeting: Golden = {
  name: 'client greeting',
  encode: () => clientWire().greeting,
  heard: ['hello', clientHello],
};
const withCredentials = { ...clientHello, credentials: { token: 't' } };
const credentialGreeting: Golden = {
  name: 'greeting of a client with credentials',
  encode: () => new HoldfastClientWire(new ClientRecorder(), withCredentials).greeting,
  heard: ['hello', withCredentials],
};
const serverGreeting: Golden = {
  name: 'server greeting',
  encode: () => serverWire().hello(serverHello),
  heard: ['hello', serverHello],
};
const inherited = { ...serverHello, completions: 'c', heirOf: ['s0'] };
const heirGreeting: Golden = {
  name: 'heir greeting',
  encode: () => serverWire().hello(inherited),
  heard: ['hello', inherited],
};
const named = { ...serverHello, table: packTable(serverHello.verbs).hash };
const namedGreeting: Golden = {
  name: 'greeting of a server that names its table',
  encode: () => serverWire().hello(named),
  heard: ['hello', named],
};
const layered = { ...serverHello, layers: true };
const layeredGreeting: Golden = {
  name: 'greeting of a server that knows replays',
  encode: () => serverWire().hello(layered),
  heard: ['hello', layered],
};
const { verbs: _, ...unnamed } = named;
const knownGreeting: Golden = {
  name: 'greeting of the same server',
  encode: () => serverWire().hello(unnamed),
  heard: ['hello', unnamed],
};
const offering = { ...clientHello, tables: [named.table] };
const offeringGreeting: Golden = {
  name: 'greeting of a client that has that table',
  encode: () => new HoldfastClientWire(new ClientRecorder(), offering).greeting,
  heard: ['hello', offering],
};
const streamingGreeting: Golden = {
  name: 'greeting of a client that takes streams',
  encode: () => new HoldfastClientWire(new ClientRecorder(), streamingClient).greeting,
  heard: ['hello', streamingClient],
};
const streamedGreeting: Golden = {
  name: 'greeting of a server that takes streams',
  encode: () => serverWire().hello(streamingServer),
  heard: ['hello', streamingServer],
};
const otherClientGreetings = [credentialGreeting, offeringGreeting, streamingGreeting];
const otherServerGreetings = [
  heirGreeting,
  namedGreeting,
  knownGreeting,
  layeredGreeting,
  streamedGreeting,
];
const otherGreetings = [...otherClientGreetings, ...otherServerGreetings];
const earlyFault: Golden = {
  name: 'FAULT instead',
  encode: () => serverWire().fault(full),
  heard: [
    'fault',
    {
      code: 'ERR_HOLDFAST_TOO_MANY_CONNECTIONS',
      message: 'Peer gave the link up: full',
      retryAfterMs: 1_000,
      final: false,
    },
  ],
};

/** What a server hears of these bytes, whole or in chunks of so many bytes. */
function heardByServer(bytes: Buffer, chunkBytes = bytes.length): readonly Event[] {
  const sink = new ServerRecorder();
  const wire = new HoldfastServerWire(sink, maxFrameBytes);
  feed(wire, bytes, chunkBytes);
  return sink.events;
}

/** What a client hears of these bytes. */
function heardByClient(bytes: Buffer, chunkBytes = bytes.length): readonly Event[] {
  const sink = new ClientRecorder();
  const wire = new HoldfastClientWire(sink, clientHello);
  feed(wire, bytes, chunkBytes);
  return sink.events;
}

function feed(wire: { receive(chunk: Buffer): void }, bytes: Buffer, chunkBytes: number): void {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    wire.receive(Buffer.from(bytes.subarray(at, at + chunkBytes)));
  }
}

describe('golden vectors of PROTOCOL.md', () => {
  const toServer = [clientGreeting, ...fromClient, ping, pong];
  const toClient = [serverGreeting, ...fromServer, ping, pong, earlyFault];

  it('has a test for every vector', () => {
    const all = [...toServer, ...toClient, ...otherGreetings, ...streams, end];
    const names = new Set(all.map(({ name }) => name));
    const untested = [...vectors.keys()].filter(
      (full) => ![...names].some((name) => full.startsWith(name)),
    );
    expect(untested).to.deep.equal([]);
    expect(vectors.size).to.equal(names.size);
  });

  for (const { name, encode } of new Set([...toServer, ...toClient, ...otherGreetings])) {
    it(`encodes: ${name}`, () => {
      expect(Buffer.from(encode()).toString('hex')).to.equal(vector(name).toString('hex'));
    });
  }

  for (const { name, heard } of [...fromClient, ping, pong]) {
    it(`is understood by the server: ${name}`, () => {
      const bytes = Buffer.concat([vector('client greeting'), vector(name)]);
      const expected = [['hello', clientHello], heard];
      expect(heardByServer(bytes)).to.deep.equal(expected);
      expect(heardByServer(bytes, 1)).to.deep.equal(expected);
    });
  }

  for (const { name, heard } of [...fromServer, ping, pong]) {
    it(`is understood by the client: ${name}`, () => {
      const bytes = Buffer.concat([vector('server greeting'), vector(name)]);
      const expected = [['hello', serverHello], heard];
      expect(heardByClient(bytes)).to.deep.equal(expected);
      expect(heardByClient(bytes, 1)).to.deep.equal(expected);
    });
  }

  for (const { name, encode, heard } of [...streams, end]) {
    it(`encodes: ${name}`, () => {
      expect(Buffer.from(encode()).toString('hex')).to.equal(vector(name).toString('hex'));
    });

    it(`is understood by the server: ${name}`, () => {
      const bytes = Buffer.concat([vector(streamingGreeting.name), vector(name)]);
      const expected = [['hello', streamingClient], heard];
      expect(heardByServer(bytes)).to.deep.equal(expected);
      expect(heardByServer(bytes, 1)).to.deep.equal(expected);
    });
  }

  for (const { name, heard } of streams) {
    it(`is understood by the client: ${name}`, () => {
      const bytes = Buffer.concat([vector(streamedGreeting.name), vector(name)]);
      expect(heardByClient(bytes, 1)).to.deep.equal([['hello', streamingServer], heard]);
    });
  }

  for (const { name } of [...streams, end]) {
    it(`is not expected of a client that does not take streams: ${name}`, () => {
      const bytes = Buffer.concat([vector('client greeting'), vector(name)]);
      expect(() => heardByServer(bytes))
        .to.throw(HoldfastError)
        .with.property('final', false);
    });
  }

  for (const { name, heard } of otherClientGreetings) {
    it(`is understood by the server: ${name}`, () => {
      expect(heardByServer(vector(name))).to.deep.equal([heard]);
      expect(heardByServer(vector(name), 1)).to.deep.equal([heard]);
    });
  }

  for (const { name, heard } of otherServerGreetings) {
    it(`is understood by the client: ${name}`, () => {
      expect(heardByClient(vector(name))).to.deep.equal([heard]);
      expect(heardByClient(vector(name), 1)).to.deep.equal([heard]);
    });
  }

  it('is understood by the client: a FAULT instead of a greeting', () => {
    expect(heardByClient(vector(earlyFault.name))).to.deep.equal([earlyFault.heard]);
    expect(heardByClient(vector(earlyFault.name), 1)).to.deep.equal([earlyFault.heard]);
  });

  it('hears the same of all frames together, cut at every offset', () => {
    const bytes = Buffer.concat(toServer.map(({ name }) => vector(name)));
    const expected = toServer.map(({ heard }) => heard);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const sink = new ServerRecorder();
      const wire = new HoldfastServerWire(sink, maxFrameBytes);
      wire.receive(Buffer.from(bytes.subarray(0, cut)));
      wire.receive(Buffer.from(bytes.subarray(cut)));
      expect(sink.events, `cut at ${cut}`).to.deep.equal(expected);
    }
  });

  it('takes fields of a hello in any order and ignores those that it does not know', () => {
    const hello = Buffer.from(
      `83ad6d61784672616d654279746573cd0400a3666f6fc0a773657373696f6ec410${session.toString('hex')}`,
      'hex',
    );
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(hello.length + 1);
    frame[4] = 1;
    const bytes = Buffer.concat([vector('client greeting').subarray(0, 8), frame, hello]);
    const expected = { session, maxFrameBytes: 1_024, credentials: undefined };
    expect(heardByServer(bytes)).to.deep.equal([['hello', expected]]);
  });
});
