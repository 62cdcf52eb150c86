import { expect } from 'chai';
import { closeTimeoutMs } from '../../lib/link/limits.ts';
import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import {
  call,
  cancel,
  clientHello,
  declared,
  listOf,
  numberOf,
  ping,
  RawPeer,
} from '../support/raw-peer.ts';
import { settled } from '../support/recorder.ts';
import { slow, TriedServer } from '../support/tried-server.ts';

describe('A server whose limits are tried', () => {
  let tried: TriedServer;

  afterEach(() => tried.stop());

  async function nextRefusal(peer: RawPeer): Promise<readonly [number, unknown, unknown]> {
    const refused = await peer.nextOf(FrameType.refused);
    const [code, message, , final] = listOf(refused);
    expect(message).to.be.a('string').and.match(/limit/);
    return [numberOf(refused), code, final];
  }

  describe('handshakeTimeoutMs', () => {
    const clock = new VirtualClock({ turns: 'real' });
    const silent: readonly (readonly [what: string, bytes: Buffer])[] = [
      ['says nothing', Buffer.alloc(0)],
      ['says half a preamble', preamble.subarray(0, 4)],
      ['says half a hello', clientHello().subarray(0, -1)],
      ['declares a long hello', Buffer.concat([preamble, declared(200_000, 1)])],
    ];

    for (const [what, bytes] of silent) {
      it(`ends a connection that ${what}, with a reason`, async () => {
        tried = await TriedServer.start({ clock, handshakeTimeoutMs: 5_000 });
        const peer = await RawPeer.connect(tried.url);
        await peer.sendAll(bytes);
        await tried.connections();
        await clock.pass(4_900);
        expect(tried.server.connections).to.equal(1);
        await clock.pass(200);
        const fault = await peer.fault();
        expect(fault.code).to.equal('ERR_HOLDFAST_HANDSHAKE_TIMEOUT');
        expect(fault.message).to.include('No hello within 5000 ms');
      });
    }

    it('is not put off by bytes that come one at a time', async () => {
      tried = await TriedServer.start({ clock, handshakeTimeoutMs: 5_000 });
      const peer = await RawPeer.connect(tried.url);
      for (const byte of clientHello().subarray(0, 20)) {
        peer.send(Buffer.of(byte));
        await clock.pass(300);
      }
      expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_HANDSHAKE_TIMEOUT');
    });

    it('lets a peer go that does not end its side after the reason', async () => {
      tried = await TriedServer.start({ clock, handshakeTimeoutMs: 5_000 });
      const peer = await RawPeer.connect(tried.url);
      // Reads nothing, so that it never sees the end either.
      peer.socket.pause();
      await tried.connections();
      await clock.pass(5_100);
      expect(tried.server.connections).to.equal(1);
      await clock.pass(closeTimeoutMs + 100);
      expect(tried.server.connections).to.equal(0);
    });
  });

  describe('maxConnections', () => {
    it('tells those beyond it the reason, and takes new ones when there is room', async () => {
      tried = await TriedServer.withBystander({ maxConnections: 3 });
      const two = [await RawPeer.greeted(tried.url), await RawPeer.greeted(tried.url)];
      for (let index = 0; index < 20; index++) {
        const peer = await RawPeer.connect(tried.url);
        peer.send(clientHello(), call({ number: 1, value: 'beyond' }));
        const fault = await peer.fault();
        expect(fault.code).to.equal('ERR_HOLDFAST_TOO_MANY_CONNECTIONS');
        expect(fault.message).to.include('maxConnections (3)');
        expect(fault.final).to.equal(false);
      }
      expect(tried.executions.of('beyond')).to.equal(0);
      two[0]?.destroy();
      await two[0]?.closed;
      await tried.connections();
      await RawPeer.greeted(tried.url);
    });

    it('is not used up by those beyond it that hold on', async () => {
      tried = await TriedServer.start({ maxConnections: 2 });
      const first = await RawPeer.greeted(tried.url);
      const second = await RawPeer.greeted(tried.url);
      const holding: RawPeer[] = [];
      for (let index = 0; index < 50; index++) {
        const peer = await RawPeer.connect(tried.url);
        peer.socket.pause();
        holding.push(peer);
      }
      await settled(() => tried.server.connections + tried.faults.length);
      first.destroy();
      await first.closed;
      await tried.connections();
      await RawPeer.greeted(tried.url);
      second.destroy();
    });
  });

  describe('maxCalls', () => {
    it('refuses what is beyond it, for now, and runs what comes when there is room', async () => {
      tried = await TriedServer.withBystander({ maxCalls: 3 });
      const peer = await RawPeer.greeted(tried.url);
      peer.send(...[1, 2, 3, 4, 5].map((number) => slow(number)));
      for (const number of [4, 5]) {
        const expected = [number, 'ERR_HOLDFAST_TOO_MANY_CALLS', false];
        expect(await nextRefusal(peer)).to.deep.equal(expected);
        expect(tried.executions.of(`slow ${number}`)).to.equal(0);
      }
      // Another link has a count of its own.
      const other = await RawPeer.greeted(tried.url);
      other.send(slow(1, 'other'), ping(1));
      await other.nextOf(FrameType.pong);
      expect(tried.executions.of('other')).to.equal(1);
      tried.gates.shift()?.();
      expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(1);
      peer.send(slow(6), slow(7));
      expect((await nextRefusal(peer))[0]).to.equal(7);
      expect(tried.executions.of('slow 6')).to.equal(1);
    });

    it('counts a call until its handler is done, also when it was cancelled', async () => {
      tried = await TriedServer.start({ maxCalls: 2 });
      const peer = await RawPeer.greeted(tried.url);
      peer.send(slow(1), slow(2), cancel(1), cancel(2), slow(3));
      expect((await nextRefusal(peer))[0]).to.equal(3);
      tried.openAll();
      peer.send(ping(1));
      await peer.nextOf(FrameType.pong);
      peer.send(slow(4), ping(2));
      await peer.nextOf(FrameType.pong);
      expect(tried.executions.of('slow 4')).to.equal(1);
    });
  });

  describe('maxIncomingBytes', () => {
    it('refuses what is beyond it, for now, and counts what runs only', async () => {
      tried = await TriedServer.withBystander({ maxIncomingBytes: 100_000 });
      const peer = await RawPeer.greeted(tried.url);
      const half = Buffer.alloc(50_000);
      peer.send(slow(1, half), slow(2, half), slow(3, half));
      const expected = [3, 'ERR_HOLDFAST_INCOMING_FULL', false];
      expect(await nextRefusal(peer)).to.deep.equal(expected);
      tried.gates.shift()?.();
      await peer.nextOf(FrameType.reply);
      peer.send(slow(4, half), ping(1));
      await peer.nextOf(FrameType.pong);
      expect(tried.gates).to.have.length(2);
    });

    it('refuses for good what alone is beyond it', async () => {
      tried = await TriedServer.start({ maxIncomingBytes: 100_000 });
      const peer = await RawPeer.greeted(tried.url);
      peer.send(slow(1, Buffer.alloc(100_001)));
      const expected = [1, 'ERR_HOLDFAST_INCOMING_FULL', true];
      expect(await nextRefusal(peer)).to.deep.equal(expected);
    });
  });
});
