import { expect } from 'chai';
import { type ErrorCode, HoldfastError } from '../../../lib/errors.ts';
import { memory, serve } from '../../../lib/index.ts';
import { HoldfastClientWire } from '../../../lib/protocols/holdfast/client-wire.ts';
import { HoldfastServerWire } from '../../../lib/protocols/holdfast/server-wire.ts';
import { packValue } from '../../../lib/protocols/holdfast/values.ts';
import { defineVerbs, read } from '../../../lib/verbs/define.ts';
import { tableOf } from '../../../lib/verbs/table.ts';
import type { AnyVerb } from '../../../lib/verbs/verb.ts';
import { failureOf } from '../../support/failure.ts';
import { ClientRecorder, ServerRecorder } from './sinks.ts';
import { clientHello, serverHello, session, vector, vectors } from './vectors.ts';

const maxFrameBytes = 16_777_216;

interface Wire {
  receive(chunk: Buffer): void;
}

function frame(type: number, body: Uint8Array | string): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'hex') : body;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length + 1);
  head[4] = type;
  return Buffer.concat([head, bytes]);
}

function helloOf(fields: unknown): Buffer {
  const preamble = vector('client greeting').subarray(0, 8);
  return Buffer.concat([preamble, frame(1, packValue(fields))]);
}

function client(): { wire: HoldfastClientWire; sink: ClientRecorder } {
  const sink = new ClientRecorder();
  return { wire: new HoldfastClientWire(sink, clientHello), sink };
}

function server(): { wire: HoldfastServerWire; sink: ServerRecorder } {
  const sink = new ServerRecorder();
  return { wire: new HoldfastServerWire(sink, maxFrameBytes), sink };
}

function greetedClient(): { wire: HoldfastClientWire; sink: ClientRecorder } {
  const made = client();
  made.wire.receive(vector('server greeting'));
  made.sink.events.length = 0;
  return made;
}

function greetedServer(): { wire: HoldfastServerWire; sink: ServerRecorder } {
  const made = server();
  made.wire.receive(vector('client greeting'));
  made.sink.events.length = 0;
  return made;
}

function expectFatal(wire: Wire, bytes: Buffer, code: ErrorCode, what?: string): void {
  expect(() => wire.receive(bytes), what ?? bytes.toString('hex'))
    .to.throw(HoldfastError)
    .with.property('code', code);
}

const fromClient = ['CALL 1', 'CANCEL', 'PING', 'PONG'].map(vectorFrom);
const fromServer = ['REPLY 1', 'ERROR 4', 'REFUSED 6', 'PING', 'PONG', 'DRAIN'].map(vectorFrom);

function vectorFrom(start: string): Buffer {
  const [name] = [...vectors.keys()].filter((key) => key.startsWith(start));
  return vector(name as string);
}

describe('the server wire', () => {
  it('takes nothing before the hello', () => {
    const preamble = vector('client greeting').subarray(0, 8);
    for (const early of [...fromClient, ...fromServer, frame(2, '94a0a0c0c2'), frame(0x99, '')]) {
      const { wire, sink } = server();
      expectFatal(wire, Buffer.concat([preamble, early]), 'ERR_HOLDFAST_PROTOCOL');
      expect(sink.events).to.deep.equal([]);
    }
  });

  it('takes no second hello, no fault, no answer and no unknown frame', () => {
    const hello = vector('client greeting').subarray(8);
    const answers = fromServer.filter((bytes) => ![0x30, 0x31].includes(bytes[4] as number));
    for (const wrong of [
      hello,
      ...answers,
      frame(2, '94a0a0c0c2'),
      frame(0x12, ''),
      frame(0, ''),
    ]) {
      const { wire, sink } = greetedServer();
      expectFatal(wire, wrong, 'ERR_HOLDFAST_PROTOCOL');
      expect(sink.events).to.deep.equal([]);
    }
  });

  it('refuses frames that are shorter or longer than their fields', () => {
    const wrong = [
      ...['', '00', '0000000000', '00000000000000'].map((hex) => frame(0x11, hex)),
      ...['', '000000', '0000000000'].flatMap((hex) => [frame(0x30, hex), frame(0x31, hex)]),
    ];
    for (const bytes of wrong) {
      expectFatal(greetedServer().wire, bytes, 'ERR_HOLDFAST_PROTOCOL');
    }
    const call = vectorFrom('CALL 3');
    const keyEnd = 20 + 3;
    for (let length = 1; length < keyEnd - 4; length++) {
      const cut = Buffer.from(call.subarray(0, length + 4));
      cut.writeUInt32BE(length);
      expectFatal(greetedServer().wire, cut, 'ERR_HOLDFAST_PROTOCOL', `CALL of ${length} bytes`);
    }
  });

  it('refuses a hello that is not one', () => {
    const wrong: Readonly<Record<string, unknown>> = {
      'no map': [],
      nothing: null,
      'no session': { maxFrameBytes: 1_024 },
      'a session of 15 bytes': { session: session.subarray(1), maxFrameBytes: 1_024 },
      'a session of text': { session: 'x'.repeat(16), maxFrameBytes: 1_024 },
      'no limit': { session },
      'a limit of 0': { session, maxFrameBytes: 0 },
      'half a byte': { session, maxFrameBytes: 1.5 },
      'a limit of text': { session, maxFrameBytes: '1024' },
      'a limit beyond what is exact': { session, maxFrameBytes: 2 ** 53 },
    };
    for (const [what, fields] of Object.entries(wrong)) {
      const { wire, sink } = server();
      expectFatal(wire, helloOf(fields), 'ERR_HOLDFAST_PROTOCOL', what);
      expect(sink.events).to.deep.equal([]);
    }
    const preamble = vector('client greeting').subarray(0, 8);
    for (const hex of ['', 'c1', '81', 'd4720081a16101', '82a161']) {
      const bytes = Buffer.concat([preamble, frame(1, hex)]);
      expect(() => server().wire.receive(bytes), hex).to.throw(HoldfastError);
    }
  });

  it('takes a hello of 256 KiB and no larger frame before it', () => {
    const fields = (padding: number): unknown => ({ ...clientHello, padding: 'x'.repeat(padding) });
    const overhead = helloOf(fields(70_000)).length - 8 - 70_000;
    const { wire, sink } = server();
    wire.receive(helloOf(fields(262_144 - overhead)));
    expect(sink.events.length).to.equal(1);
    expectFatal(server().wire, helloOf(fields(262_145 - overhead)), 'ERR_HOLDFAST_FRAME_TOO_LARGE');
  });

  it('holds later frames to its own limit', () => {
    const sink = new ServerRecorder();
    const wire = new HoldfastServerWire(sink, 1_024);
    wire.receive(vector('client greeting'));
    wire.receive(frame(0x10, Buffer.alloc(1_019, 0).fill(2, 0, 1)));
    expect(sink.events.map(([name]) => name)).to.deep.equal(['hello', 'call']);
    expectFatal(wire, frame(0x10, Buffer.alloc(1_020)), 'ERR_HOLDFAST_FRAME_TOO_LARGE');
  });

  it('says why it gives up with the preamble in front, unless it has said hello', () => {
    const { wire } = server();
    const error = new HoldfastError('ERR_HOLDFAST_PROTOCOL', 'bad');
    const early = wire.fault(error);
    wire.hello(serverHello);
    const late = wire.fault(error);
    expect(early.subarray(0, 8).equals(vector('server greeting').subarray(0, 8))).to.equal(true);
    expect(early.subarray(8).equals(late)).to.equal(true);
  });

  it('refuses to publish more verbs than a hello carries, and can still say why', () => {
    const { wire } = server();
    const verbs = tableOf(defineVerbs(manyVerbs()));
    expect(() => wire.hello({ ...serverHello, verbs }))
      .to.throw(HoldfastError, 'too many verbs')
      .with.property('code', 'ERR_HOLDFAST_REGISTRY');
    const fault = wire.fault(new HoldfastError('ERR_HOLDFAST_REGISTRY', 'too many verbs'));
    expect(fault.subarray(0, 8).equals(vector('server greeting').subarray(0, 8))).to.equal(true);
  });

  it('is not even made by a server whose verbs do not fit into a hello', async () => {
    const verbs = manyVerbs();
    const handlers = Object.fromEntries(Object.keys(verbs).map((name) => [name, () => undefined]));
    const listening = serve(defineVerbs(verbs), handlers, { listen: memory() });
    const { code, message } = await failureOf(listening);
    expect(code).to.equal('ERR_HOLDFAST_REGISTRY');
    expect(message).to.contain('too many verbs');
  });
});

/** Verbs whose names alone are longer than a hello may be. */
function manyVerbs(): Record<string, AnyVerb> {
  const names = Array.from({ length: 4_000 }, (_, index) => `verb.${index}.${'x'.repeat(90)}`);
  return Object.fromEntries(names.map((name) => [name, read()]));
}

describe('the client wire', () => {
  it('takes nothing before the hello but a fault', () => {
    const preamble = vector('server greeting').subarray(0, 8);
    for (const early of [...fromServer, ...fromClient, frame(0x99, '')]) {
      const { wire, sink } = client();
      expectFatal(wire, Buffer.concat([preamble, early]), 'ERR_HOLDFAST_PROTOCOL');
      expect(sink.events).to.deep.equal([]);
    }
  });

  it('takes no second hello, no call, no cancel and no unknown frame', () => {
    const hello = vector('server greeting').subarray(8);
    const calls = fromClient.filter((bytes) => ![0x30, 0x31].includes(bytes[4] as number));
    for (const wrong of [hello, ...calls, frame(0x25, ''), frame(0xff, '')]) {
      const { wire, sink } = greetedClient();
      expectFatal(wire, wrong, 'ERR_HOLDFAST_PROTOCOL');
      expect(sink.events).to.deep.equal([]);
    }
  });

  it('refuses frames that are shorter or longer than their fields', () => {
    const wrong = [0x20, 0x21, 0x22].flatMap((type) =>
      ['', '00', '000000000000'].map((hex) => frame(type, hex)),
    );
    const fixed = [0x30, 0x31, 0x40].flatMap((type) =>
      ['', '000000', '0000000000'].map((hex) => frame(type, hex)),
    );
    for (const bytes of [...wrong, ...fixed]) {
      expectFatal(greetedClient().wire, bytes, 'ERR_HOLDFAST_PROTOCOL');
    }
  });

  it('refuses lists that are none, and codes and messages that are no text', () => {
    const number = '000000000001';
    const hostile = packValue({ toString: 1, valueOf: 2 }).toString('hex');
    for (const hex of [
      '80',
      'c0',
      'a161',
      '90',
      `93${hostile}a16dc0`,
      `93a163${hostile}c0`,
      '92c0c0',
    ]) {
      for (const bytes of [frame(0x21, number + hex), frame(0x22, number + hex), frame(2, hex)]) {
        const { wire, sink } = greetedClient();
        expectFatal(wire, bytes, 'ERR_HOLDFAST_PROTOCOL');
        expect(sink.events).to.deep.equal([]);
      }
    }
  });

  it('takes only sensible numbers as hints, and only true as final', () => {
    const hints: readonly [hex: string, ms: number | undefined][] = [
      ['00', 0],
      ['cb4059000000000000', 100],
      ['c0', undefined],
      ['ff', undefined],
      ['cb7ff0000000000000', undefined],
      ['cb7ff8000000000000', undefined],
      ['a131', undefined],
      ['80', undefined],
    ];
    for (const [hex, retryAfterMs] of hints) {
      for (const [last, final] of [
        ['c3', true],
        ['c2', false],
        ['01', false],
        ['c0', false],
      ] as const) {
        const { wire, sink } = greetedClient();
        wire.receive(frame(0x22, `00000000000194a163a16d${hex}${last}`));
        const refusal = { code: 'c', message: 'm', retryAfterMs, final };
        expect(sink.events).to.deep.equal([['refused', 1, refusal]]);
      }
    }
  });

  it('tells of a reply that cannot be decoded, and goes on', () => {
    for (const body of ['01c1', '0191', '03', '0000', '01', '0181c0c0']) {
      const { wire, sink } = greetedClient();
      const [form, value] = [body.slice(0, 2), body.slice(2)];
      wire.receive(frame(0x20, `${form}000000000007${value}`));
      wire.receive(vectorFrom('REPLY 2'));
      expect(sink.events).to.deep.equal([
        ['undecodable', 7, 'ERR_HOLDFAST_DECODE'],
        ['reply', 2, 'ok'],
      ]);
    }
  });

  it('takes an unknown code of a fault as an error of protocol', () => {
    const { wire, sink } = greetedClient();
    wire.receive(frame(2, packValue(['ERR_OF_THE_FUTURE', 'later', null, true])));
    expect(sink.events[0]?.[1]).to.include({ code: 'ERR_HOLDFAST_PROTOCOL', final: true });
    wire.receive(frame(2, packValue(['toString', 'no code of ours', null, false])));
    expect(sink.events[1]?.[1]).to.include({ code: 'ERR_HOLDFAST_PROTOCOL', final: false });
  });

  it('refuses a hello that is not one', () => {
    const wrong: Readonly<Record<string, object>> = {
      'no name': { server: undefined },
      'a name of bytes': { server: Buffer.from('s') },
      'no limit of frames': { maxFrameBytes: undefined },
      'no limit of calls': { maxCalls: 0 },
      'no table': { verbs: undefined },
      'a table that is a map': { verbs: {} },
      'a hash of 15 bytes': { table: Buffer.alloc(15) },
      'a hash in hex': { table: '00'.repeat(16) },
    };
    const right = { server: 's', maxFrameBytes: 1_024, maxCalls: 1, verbs: [] };
    for (const [what, fields] of Object.entries(wrong)) {
      const { wire, sink } = client();
      expectFatal(wire, helloOf({ ...right, ...fields }), 'ERR_HOLDFAST_PROTOCOL', what);
      expect(sink.events).to.deep.equal([]);
    }
    const { wire, sink } = client();
    wire.receive(helloOf(right));
    expect(sink.events).to.deep.equal([['hello', right]]);
  });

  it('tells whether something has begun that is not complete', () => {
    const { wire } = greetedClient();
    const reply = vectorFrom('REPLY 2');
    expect(wire.atBoundary).to.equal(true);
    wire.receive(reply.subarray(0, 6));
    expect(wire.atBoundary).to.equal(false);
    wire.receive(reply.subarray(6));
    expect(wire.atBoundary).to.equal(true);
  });

  it('takes nothing more once it is stopped in the middle of a chunk', () => {
    const { wire, sink } = greetedClient();
    sink.onPing = (token) => {
      sink.events.push(['ping', token]);
      wire.stop();
    };
    wire.receive(Buffer.concat([vectorFrom('REPLY 1'), vectorFrom('PING'), vectorFrom('REPLY 2')]));
    wire.receive(vectorFrom('REPLY 2'));
    expect(sink.events.map(([name]) => name)).to.deep.equal(['reply', 'ping']);
  });
});

describe('memory of both wires', () => {
  const values = {
    text: 'some text',
    bytes: Buffer.from('0123456789'),
    nested: { bytes: [Buffer.from('abc')], text: ['ä', 'longer than any header'] },
    long: Buffer.alloc(20_000, 0x61),
    longNested: [Buffer.alloc(20_000, 0x62), 'x'.repeat(20_000)],
  };

  it('is never seen in a value after it was reused', () => {
    for (const chunkBytes of [1, 7, 100, 65_536]) {
      const { wire, sink } = client();
      const shared = Buffer.alloc(chunkBytes);
      const replies = Object.values(values).map((value, index) => {
        const form = value instanceof Uint8Array ? 2 : 1;
        const body = form === 2 ? (value as Buffer) : packValue(value);
        const head = Buffer.from([form, 0, 0, 0, 0, 0, index + 1]);
        return frame(0x20, Buffer.concat([head, body]));
      });
      const stream = Buffer.concat([vector('server greeting'), ...replies]);
      for (let at = 0; at < stream.length; ) {
        const place = wire.readInto();
        const target = place ?? shared;
        const length = stream.copy(target, 0, at, at + Math.min(chunkBytes, target.length));
        wire.receive(target.subarray(0, length));
        if (place === undefined) shared.fill(0xee);
        at += length;
      }
      const expected = Object.values(values).map((value, index) => ['reply', index + 1, value]);
      expect(sink.events).to.deep.equal([['hello', serverHello], ...expected]);
    }
  });
});
