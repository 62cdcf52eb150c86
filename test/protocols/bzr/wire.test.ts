import { expect } from 'chai';
import { HoldfastError } from '../../../lib/index.ts';
import { bzr } from '../../../lib/protocols/bzr/index.ts';
import type { ClientWire } from '../../../lib/protocols/protocol.ts';
import { answerOf } from '../../support/bzr-peer.ts';
import { ClientRecorder } from '../holdfast/sinks.ts';

describe('The wire of the Bazaar protocol', () => {
  const protocol = bzr();
  const version = answerOf(['ok', '2']);
  let sink: ClientRecorder;
  let wire: ClientWire;

  beforeEach(() => {
    sink = new ClientRecorder();
    const hello = { session: Buffer.alloc(16), maxFrameBytes: 10_000, credentials: undefined };
    wire = protocol.clientWire(sink, hello);
  });

  function told(): string[] {
    return sink.events.map(([name]) => name);
  }

  it('is up when the server has said what version it speaks', () => {
    wire.receive(version.subarray(0, 30));
    expect([told(), wire.atBoundary]).to.deep.equal([[], false]);
    wire.receive(version.subarray(30));
    expect([told(), wire.atBoundary]).to.deep.equal([['hello'], true]);
  });

  it('gives each link a server of its own, for none can be known again', () => {
    wire.receive(version);
    const other = protocol.clientWire(sink, {
      ...{ session: Buffer.alloc(16), maxFrameBytes: 10_000, credentials: undefined },
    });
    other.receive(version);
    const servers = sink.events.map(([, hello]) => (hello as { server: string }).server);
    expect(new Set(servers).size).to.equal(2);
  });

  for (const [what, answer] of [
    ['an error', answerOf(['error', 'no'], { status: 'E' })],
    ['something else', answerOf(['yes'])],
    ['nothing', answerOf([])],
    ['a list', answerOf([['ok']])],
  ] as const) {
    it(`is not up when the server answers with ${what}`, () => {
      expect(() => wire.receive(answer)).to.throw(HoldfastError, 'does not say what version');
      expect(told()).to.deep.equal([]);
    });
  }

  it('takes nothing for a sign of life that more follows upon', () => {
    wire.receive(version);
    wire.ping(7);
    expect(() => wire.receive(Buffer.concat([version, Buffer.from('b')]))).to.throw(
      HoldfastError,
      '1 bytes came that no request asked for',
    );
    expect(told()).to.deep.equal(['hello']);
  });

  it('tells the number of the ping, and of the call, that was asked last', () => {
    wire.receive(version);
    wire.ping(7);
    wire.receive(version);
    wire.sending?.(42);
    wire.receive(answerOf(['x']));
    expect(sink.events.slice(1).map(([name, number]) => [name, number])).to.deep.equal([
      ['pong', 7],
      ['reply', 42],
    ]);
    expect(() => wire.receive(version)).to.throw(HoldfastError, 'no request asked for');
  });

  it('tells nothing once it was stopped', () => {
    wire.stop();
    wire.receive(version);
    expect(told()).to.deep.equal([]);
  });
});
