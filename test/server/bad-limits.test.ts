import { expect } from 'chai';
import { type Server, type ServerOptions, serve } from '../../lib/index.ts';
import { closeTimeoutMs } from '../../lib/link/limits.ts';
import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import { Bystander } from '../support/bystander.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryWatch, settledBytes } from '../support/memory-use.ts';
import {
  call,
  cancel,
  clientHello,
  declared,
  endRawPeers,
  listOf,
  numberOf,
  ping,
  RawPeer,
} from '../support/raw-peer.ts';
import { seededBytes, settled } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const MiB = 1024 * 1024;

/** Replies of the `read` verb that have a size. */
const sized = new Map([
  ['large', Buffer.alloc(100_000, 'x').toString('latin1')],
  ['huge', Buffer.alloc(16 * MiB - 100, 'x').toString('latin1')],
]);

describe('A server whose limits are tried', () => {
  let executions: Executions;
  let server: Server;
  let url: string;
  let bystander: Bystander | undefined;
  let faults: string[];
  /** Opens the handlers of the `semi` verb, which wait. */
  let gates: (() => void)[];
  let heldBefore: number;

  beforeEach(async () => {
    executions = new Executions();
    faults = [];
    gates = [];
    heldBefore = await settledBytes();
  });

  afterEach(async () => {
    for (const open of gates.splice(0)) open();
    await endRawPeers();
    await bystander?.stop();
    await server.close();
    bystander = undefined;
    // Nothing of what was tried is kept when it is over, but the last reply until the next.
    await settled(() => server.connections);
    const left = (await settledBytes(heldBefore + 20 * MiB)) - heldBefore;
    expect(left).to.be.at.most(20 * MiB);
  });

  async function start(options: Omit<ServerOptions, 'listen'> = {}): Promise<void> {
    const handlers = {
      ...executions.handlers(),
      read: (name: string) => sized.get(name) ?? executions.note(name),
      semi: async (name: string) => {
        executions.note(name);
        await new Promise<void>((resolve) => gates.push(resolve));
        return `done ${name}`;
      },
    };
    server = await serve(verbs, handlers, { ...options, listen: 'tcp://127.0.0.1:0' });
    server.on('fault', ({ error }) => faults.push(error.code));
    url = server.urls[0] as string;
  }

  async function startWithBystander(options?: Omit<ServerOptions, 'listen'>): Promise<void> {
    await start(options);
    bystander = await Bystander.at(url);
  }

  /** A call of the verb that waits. */
  function slow(number: number, value: string | Uint8Array = `slow ${number}`): Buffer {
    return typeof value === 'string'
      ? call({ number, verb: 2, value })
      : call({ number, verb: 2, form: 2, bytes: value });
  }

  async function nextRefusal(peer: RawPeer): Promise<readonly [number, unknown, unknown]> {
    const refused = await peer.nextOf(FrameType.refused);
    const [code, message, , final] = listOf(refused);
    expect(message).to.be.a('string').and.match(/limit/);
    return [numberOf(refused), code, final];
  }

  describe('handshakeTimeoutMs', () => {
    const clock = new FakeClock({ turns: 'real' });
    const silent: readonly (readonly [what: string, bytes: Buffer])[] = [
      ['says nothing', Buffer.alloc(0)],
      ['says half a preamble', preamble.subarray(0, 4)],
      ['says half a hello', clientHello().subarray(0, -1)],
      ['declares a long hello', Buffer.concat([preamble, declared(200_000, 1)])],
    ];

    for (const [what, bytes] of silent) {
      it(`ends a connection that ${what}, with a reason`, async () => {
        await start({ clock, handshakeTimeoutMs: 5_000 });
        const peer = await RawPeer.connect(url);
        await peer.sendAll(bytes);
        await settled(() => server.connections);
        await clock.pass(4_900);
        expect(server.connections).to.equal(1);
        await clock.pass(200);
        const fault = await peer.fault();
        expect(fault.code).to.equal('ERR_HOLDFAST_HANDSHAKE_TIMEOUT');
        expect(fault.message).to.include('No hello within 5000 ms');
      });
    }

    it('is not put off by bytes that come one at a time', async () => {
      await start({ clock, handshakeTimeoutMs: 5_000 });
      const peer = await RawPeer.connect(url);
      for (const byte of clientHello().subarray(0, 20)) {
        peer.send(Buffer.of(byte));
        await clock.pass(300);
      }
      expect((await peer.fault()).code).to.equal('ERR_HOLDFAST_HANDSHAKE_TIMEOUT');
    });

    it('lets a peer go that does not end its side after the reason', async () => {
      await start({ clock, handshakeTimeoutMs: 5_000 });
      const peer = await RawPeer.connect(url);
      // Reads nothing, so that it never sees the end either.
      peer.socket.pause();
      await settled(() => server.connections);
      await clock.pass(5_100);
      expect(server.connections).to.equal(1);
      await clock.pass(closeTimeoutMs + 100);
      expect(server.connections).to.equal(0);
    });
  });

  describe('maxConnections', () => {
    it('tells those beyond it the reason, and takes new ones when there is room', async () => {
      await startWithBystander({ maxConnections: 3 });
      const two = [await RawPeer.greeted(url), await RawPeer.greeted(url)];
      for (let index = 0; index < 20; index++) {
        const peer = await RawPeer.connect(url);
        peer.send(clientHello(), call({ number: 1, value: 'beyond' }));
        const fault = await peer.fault();
        expect(fault.code).to.equal('ERR_HOLDFAST_TOO_MANY_CONNECTIONS');
        expect(fault.message).to.include('maxConnections (3)');
        expect(fault.final).to.equal(false);
      }
      expect(executions.of('beyond')).to.equal(0);
      two[0]?.destroy();
      await two[0]?.closed;
      await settled(() => server.connections);
      await RawPeer.greeted(url);
    });

    it('is not used up by those beyond it that hold on', async () => {
      await start({ maxConnections: 2 });
      const first = await RawPeer.greeted(url);
      const second = await RawPeer.greeted(url);
      const holding: RawPeer[] = [];
      for (let index = 0; index < 50; index++) {
        const peer = await RawPeer.connect(url);
        peer.socket.pause();
        holding.push(peer);
      }
      await settled(() => server.connections + faults.length);
      first.destroy();
      await first.closed;
      await settled(() => server.connections);
      await RawPeer.greeted(url);
      second.destroy();
    });
  });

  describe('maxCalls', () => {
    it('refuses what is beyond it, for now, and runs what comes when there is room', async () => {
      await startWithBystander({ maxCalls: 3 });
      const peer = await RawPeer.greeted(url);
      peer.send(...[1, 2, 3, 4, 5].map((number) => slow(number)));
      for (const number of [4, 5]) {
        const expected = [number, 'ERR_HOLDFAST_TOO_MANY_CALLS', false];
        expect(await nextRefusal(peer)).to.deep.equal(expected);
        expect(executions.of(`slow ${number}`)).to.equal(0);
      }
      // Another link has a count of its own.
      const other = await RawPeer.greeted(url);
      other.send(slow(1, 'other'), ping(1));
      await other.nextOf(FrameType.pong);
      expect(executions.of('other')).to.equal(1);
      gates.shift()?.();
      expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(1);
      peer.send(slow(6), slow(7));
      expect((await nextRefusal(peer))[0]).to.equal(7);
      expect(executions.of('slow 6')).to.equal(1);
    });

    it('counts a call until its handler is done, also when it was cancelled', async () => {
      await start({ maxCalls: 2 });
      const peer = await RawPeer.greeted(url);
      peer.send(slow(1), slow(2), cancel(1), cancel(2), slow(3));
      expect((await nextRefusal(peer))[0]).to.equal(3);
      for (const open of gates.splice(0)) open();
      peer.send(ping(1));
      await peer.nextOf(FrameType.pong);
      peer.send(slow(4), ping(2));
      await peer.nextOf(FrameType.pong);
      expect(executions.of('slow 4')).to.equal(1);
    });
  });

  describe('maxIncomingBytes', () => {
    it('refuses what is beyond it, for now, and counts what runs only', async () => {
      await startWithBystander({ maxIncomingBytes: 100_000 });
      const peer = await RawPeer.greeted(url);
      const half = Buffer.alloc(50_000);
      peer.send(slow(1, half), slow(2, half), slow(3, half));
      const expected = [3, 'ERR_HOLDFAST_INCOMING_FULL', false];
      expect(await nextRefusal(peer)).to.deep.equal(expected);
      gates.shift()?.();
      await peer.nextOf(FrameType.reply);
      peer.send(slow(4, half), ping(1));
      await peer.nextOf(FrameType.pong);
      expect(gates).to.have.length(2);
    });

    it('refuses for good what alone is beyond it', async () => {
      await start({ maxIncomingBytes: 100_000 });
      const peer = await RawPeer.greeted(url);
      peer.send(slow(1, Buffer.alloc(100_001)));
      const expected = [1, 'ERR_HOLDFAST_INCOMING_FULL', true];
      expect(await nextRefusal(peer)).to.deep.equal(expected);
    });
  });

  describe('maxOutgoingBytes', () => {
    it('stops reading from a client that does not read, and goes on when it does', async () => {
      await startWithBystander({ maxOutgoingBytes: 2 * MiB });
      const memory = await MemoryWatch.start();
      const peer = await RawPeer.greeted(url);
      peer.socket.pause();
      const total = 1_000;
      let sent = 0;
      const sending = (async () => {
        while (sent < total) {
          await peer.sendAll(call({ number: ++sent, value: 'large', remainingMs: 0xffff_ffff }));
        }
      })();
      await settled(() => sent);
      expect(await memory.grownBytes(24 * MiB)).to.be.at.most(24 * MiB);
      peer.socket.resume();
      await sending;
      for (let number = 1; number <= total; number++) {
        expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(number);
      }
      expect(faults).to.deep.equal([]);
    });

    it('keeps a client that reads slowly, however long it takes', async () => {
      const clock = new FakeClock({ turns: 'real' });
      await start({ clock, idlePingMs: 60_000, heartbeatTimeoutMs: 10_000 });
      const peer = await RawPeer.greeted(url, { maxFrameBytes: 16 * MiB });
      peer.send(...[1, 2, 3, 4, 5].map((number) => call({ number, value: 'huge' })));
      // The pings of the server wait behind the replies, so the client cannot answer them.
      for (let part = 1; part <= 18; part++) {
        await peer.receive(part * 4 * MiB);
        await clock.pass(9_000);
      }
      peer.socket.resume();
      for (const number of [1, 2, 3, 4, 5]) {
        expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(number);
      }
      expect((await peer.next()).type).to.equal(FrameType.ping);
      expect(server.connections).to.equal(1);
    });

    it('cuts a client off that has stopped reading, when it does not answer a ping', async () => {
      const clock = new FakeClock({ turns: 'real' });
      await start({ clock, idlePingMs: 60_000, heartbeatTimeoutMs: 10_000 });
      const peer = await RawPeer.greeted(url, { maxFrameBytes: 16 * MiB });
      peer.send(call({ number: 1, value: 'huge' }));
      await peer.receive(MiB);
      await clock.pass(59_000);
      expect(server.connections).to.equal(1);
      await clock.pass(100_000);
      expect(server.connections).to.equal(0);
    });

    it('cuts a client off that does not read while replies go on coming', async () => {
      await startWithBystander({ maxOutgoingBytes: MiB });
      const memory = await MemoryWatch.start();
      const peer = await RawPeer.greeted(url);
      peer.socket.pause();
      // More than the kernel keeps for a reader, in replies that all come when it does not read.
      const value = 'v'.repeat(100_000);
      peer.send(...Array.from({ length: 400 }, (_, index) => slow(index + 1, value)));
      await settled(() => gates.length);
      expect(gates).to.have.length(400);
      for (const open of gates.splice(0)) open();
      await settled(() => faults.length);
      expect(faults).to.deep.equal(['ERR_HOLDFAST_OUTGOING_FULL']);
      expect(await memory.grownBytes(64 * MiB)).to.be.at.most(64 * MiB);
    });

    it('keeps little for a client that floods with pings and reads no answer', async () => {
      await startWithBystander();
      const memory = await MemoryWatch.start();
      const peer = await RawPeer.greeted(url);
      peer.socket.pause();
      const pings = Buffer.concat(Array.from({ length: 20_000 }, (_, index) => ping(index)));
      let sent = 0;
      const sending = (async () => {
        while (sent < 500 && !peer.socket.destroyed) {
          await peer.sendAll(pings);
          sent++;
        }
      })();
      await settled(() => sent);
      expect(sent).to.be.below(500);
      expect(await memory.grownBytes(16 * MiB)).to.be.at.most(16 * MiB);
      // It is slowed down, not cut off: when it reads, it gets its answers.
      const waiting = peer.receivedBytes;
      await peer.receive(waiting + 500_000);
      peer.destroy();
      await sending;
      expect(faults).to.deep.equal([]);
    });
  });

  describe('memory', () => {
    it('is taken for bytes that are there, not for lengths that are declared', async () => {
      await startWithBystander();
      const memory = await MemoryWatch.start();
      for (let index = 0; index < 200; index++) {
        const peer = await RawPeer.greeted(url);
        await peer.sendAll(declared(16 * MiB - 4, FrameType.call, Buffer.alloc(9_000)));
      }
      await settled(() => server.connections);
      expect(await memory.grownBytes(300 * MiB)).to.be.at.most(300 * MiB);
    });

    it('does not grow with connections that send rubbish and go', async function () {
      this.timeout(30_000);
      await startWithBystander();
      const memory = await MemoryWatch.start();
      const rubbish = seededBytes(3, 64 * 1024);
      for (let round = 0; round < 10; round++) {
        const peers = await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const peer = await RawPeer.connect(url);
            const start = index % 2 === 0 ? clientHello() : preamble;
            peer.send(start, rubbish.subarray(index * 100));
            return peer;
          }),
        );
        await Promise.all(peers.map(({ closed }) => closed));
        expect(await memory.grownBytes(16 * MiB), `round ${round}`).to.be.at.most(16 * MiB);
      }
    });

    it('does not grow with sessions that come and go', async function () {
      this.timeout(30_000);
      await startWithBystander();
      const memory = await MemoryWatch.start();
      for (let round = 0; round < 300; round++) {
        const peer = await RawPeer.greeted(url);
        peer.send(call({ number: 1, verb: 4 }), call({ number: 2 }));
        await peer.nextOf(FrameType.reply);
        peer.destroy();
      }
      expect(await memory.grownBytes(8 * MiB)).to.be.at.most(8 * MiB);
    });
  });
});
