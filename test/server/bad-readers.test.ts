import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { FrameType, preamble } from '../../lib/protocols/holdfast/frames.ts';
import { VirtualClock } from '../../lib/testing/index.ts';
import { MemoryWatch } from '../support/memory-use.ts';
import { call, clientHello, declared, numberOf, ping, RawPeer } from '../support/raw-peer.ts';
import { seededBytes, settled } from '../support/recorder.ts';
import { MiB, slow, TriedServer } from '../support/tried-server.ts';
import { verbs } from '../support/verbs.ts';

describe('A server whose memory is tried', () => {
  let tried: TriedServer;

  afterEach(() => tried.stop());

  describe('by clients that read slowly or not at all', () => {
    it('stops reading from a client that does not read, and goes on when it does', async () => {
      tried = await TriedServer.withBystander({ maxOutgoingBytes: 2 * MiB });
      const memory = await MemoryWatch.start();
      const peer = await RawPeer.greeted(tried.url);
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
      expect(tried.faults).to.deep.equal([]);
    });

    for (const [replies, what] of [
      [3, 'when less than the limit waits'],
      [5, 'when more waits'],
    ] as const) {
      it(`keeps a client that reads slowly, however long it takes, ${what}`, async () => {
        const clock = new VirtualClock({ turns: 'real' });
        tried = await TriedServer.start({ clock, idlePingMs: 60_000, heartbeatTimeoutMs: 10_000 });
        const peer = await RawPeer.greeted(tried.url, { maxFrameBytes: 16 * MiB });
        const numbers = Array.from({ length: replies }, (_, index) => index + 1);
        peer.send(...numbers.map((number) => call({ number, value: 'huge' })));
        // A ping of the server waits behind the replies, so the client cannot answer it.
        for (let part = 1; part < replies * 4; part++) {
          await peer.receive(part * 4 * MiB);
          await clock.pass(9_000);
        }
        peer.socket.resume();
        for (const number of numbers) {
          expect(numberOf(await peer.nextOf(FrameType.reply))).to.equal(number);
        }
        peer.send(ping(77));
        await peer.nextOf(FrameType.pong);
        expect(tried.faults).to.deep.equal([]);
      });
    }

    it('cuts a client off that has stopped reading, when it does not answer a ping', async () => {
      const clock = new VirtualClock({ turns: 'real' });
      tried = await TriedServer.start({ clock, idlePingMs: 60_000, heartbeatTimeoutMs: 10_000 });
      const peer = await RawPeer.greeted(tried.url, { maxFrameBytes: 16 * MiB });
      peer.send(call({ number: 1, value: 'huge' }));
      await peer.receive(MiB);
      await clock.pass(59_000);
      expect(tried.server.connections).to.equal(1);
      await clock.pass(100_000);
      expect(tried.server.connections).to.equal(0);
    });

    it('answers a client that reads, however many replies come at once', async function () {
      this.timeout(30_000);
      tried = await TriedServer.start();
      const client = connect(tried.url, verbs);
      const disturbances: unknown[] = [];
      client.on('replay', (event) => disturbances.push(event));
      client.on('reconnecting', (event) => disturbances.push(event));
      // All handlers end in one turn of the loop: four times maxOutgoingBytes at one go.
      const calls = Array.from({ length: 2_600 }, () => client.call.semi('large'));
      await settled(() => tried.gates.length);
      expect(tried.gates).to.have.length(calls.length);
      tried.openAll();
      expect(new Set(await Promise.all(calls)).size).to.equal(1);
      expect(disturbances).to.deep.equal([]);
      expect(tried.faults).to.deep.equal([]);
      await client.close();
    });

    it('cuts a client off of which nothing gets through for heartbeatTimeoutMs', async () => {
      const clock = new VirtualClock({ turns: 'real' });
      tried = await TriedServer.start({ clock, maxOutgoingBytes: MiB, heartbeatTimeoutMs: 10_000 });
      const peer = await RawPeer.greeted(tried.url, { maxFrameBytes: 16 * MiB });
      peer.socket.pause();
      peer.send(call({ number: 1, value: 'huge' }));
      await tried.connections();
      // What the kernel took at first counts as progress.
      await clock.pass(9_900);
      expect(tried.server.connections).to.equal(1);
      await clock.pass(10_200);
      expect(tried.faults).to.deep.equal(['ERR_HOLDFAST_OUTGOING_FULL']);
      expect(tried.server.connections).to.equal(0);
    });

    it('cuts a client off at once when far too much waits for it', async () => {
      tried = await TriedServer.withBystander({ maxOutgoingBytes: MiB });
      const memory = await MemoryWatch.start();
      const peer = await RawPeer.greeted(tried.url);
      peer.socket.pause();
      // More than the kernel keeps for a reader, in replies that all come when it does not read.
      const value = 'v'.repeat(100_000);
      peer.send(...Array.from({ length: 400 }, (_, index) => slow(index + 1, value)));
      await settled(() => tried.gates.length);
      expect(tried.gates).to.have.length(400);
      tried.openAll();
      await settled(() => tried.faults.length);
      expect(tried.faults).to.deep.equal(['ERR_HOLDFAST_OUTGOING_FULL']);
      expect(await memory.grownBytes(64 * MiB)).to.be.at.most(64 * MiB);
    });

    it('keeps little for a client that floods with pings and reads no answer', async () => {
      tried = await TriedServer.withBystander();
      const memory = await MemoryWatch.start();
      const peer = await RawPeer.greeted(tried.url);
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
      expect(tried.faults).to.deep.equal([]);
    });
  });

  describe('by many clients', () => {
    it('is taken for bytes that are there, not for lengths that are declared', async () => {
      tried = await TriedServer.withBystander();
      const memory = await MemoryWatch.start();
      for (let index = 0; index < 200; index++) {
        const peer = await RawPeer.greeted(tried.url);
        await peer.sendAll(declared(16 * MiB - 4, FrameType.call, Buffer.alloc(9_000)));
      }
      await tried.connections();
      expect(await memory.grownBytes(300 * MiB)).to.be.at.most(300 * MiB);
    });

    it('does not grow with connections that send rubbish and go', async function () {
      this.timeout(30_000);
      tried = await TriedServer.withBystander();
      const memory = await MemoryWatch.start();
      const rubbish = seededBytes(3, 64 * 1024);
      for (let round = 0; round < 10; round++) {
        const peers = await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const peer = await RawPeer.connect(tried.url);
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
      tried = await TriedServer.withBystander();
      const memory = await MemoryWatch.start();
      for (let round = 0; round < 300; round++) {
        const peer = await RawPeer.greeted(tried.url);
        peer.send(call({ number: 1, verb: 4 }), call({ number: 2 }));
        await peer.nextOf(FrameType.reply);
        peer.destroy();
      }
      expect(await memory.grownBytes(8 * MiB)).to.be.at.most(8 * MiB);
    });
  });
});
