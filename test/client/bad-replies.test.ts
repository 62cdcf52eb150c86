import { inspect } from 'node:util';
import { expect } from 'chai';
import type { HoldfastError } from '../../lib/index.ts';
import { FrameType } from '../../lib/protocols/holdfast/frames.ts';
import { wheelOf } from '../../lib/retry/timer-wheel.ts';
import { systemClock } from '../../lib/util/clock.ts';
import { ampleBudget } from '../support/budgets.ts';
import { expectFailure, failureOf } from '../support/failing.ts';
import { MemoryWatch } from '../support/memory-use.ts';
import {
  declared,
  fault,
  greet,
  hex,
  listFrame,
  ping,
  type RawPeer,
  reply,
  replyOf,
} from '../support/raw-peer.ts';
import { echo, ScriptedServer } from '../support/scripted-server.ts';
import { beginnings, strays } from '../support/strays.ts';

const MiB = 1024 * 1024;

function nested(depth: number): Buffer {
  return Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)]);
}

describe('A client whose server answers wrongly', () => {
  let server: ScriptedServer;
  let client: ScriptedServer['client'];

  afterEach(() => server.close());

  async function start(...script: Parameters<typeof ScriptedServer.start>): Promise<void> {
    server = await ScriptedServer.start(...script);
    ({ client } = server);
  }

  describe('while calls are in flight', () => {
    const wrong = new Map(strays.filter(([what]) => !beginnings.has(what)))
      .set('a fault', fault(['ERR_HOLDFAST_PROTOCOL', 'bad', null, false]))
      .set('the end', Buffer.alloc(0));

    for (const [what, bytes] of wrong) {
      it(`says "unknown" of a mutate call and repeats a read call after ${what}`, async () => {
        await start(
          (peer) => greet(peer),
          (peer, number, index) => {
            if (index > 0) echo(peer, number);
            else if (server.calls[0]?.length === 2) {
              if (bytes.length === 0) peer.sendLast();
              else peer.send(bytes);
            }
          },
        );
        const mutate = expectFailure(client.call.mutate('x'), 'ERR_HOLDFAST_LOST', /may have been/);
        const read = client.call.read('y');
        expect((await mutate).outcome).to.equal('unknown');
        expect((await mutate).attempts).to.have.length(1);
        expect(await read).to.match(/^reply/);
        expect(server.calls[1]).to.have.length(1);
      });
    }

    const undecodable: readonly (readonly [what: string, value: Buffer, form: number])[] = [
      ['is cut', hex('a5 61'), 1],
      ['is empty', hex(''), 1],
      ['has a tail', hex('01 02'), 1],
      ['is nested too deeply', nested(50_000), 1],
      ['declares a huge map', hex('df ffffffff'), 1],
      ['has an extension', hex('d4 07 00'), 1],
      ['has a key that is no string', hex('81 01 02'), 1],
      ['is of an unknown form', hex('01'), 9],
      ['has bytes behind the form of none', hex('01'), 0],
    ];

    for (const [what, value, form] of undecodable) {
      it(`fails only the call whose reply ${what}, as executed`, async () => {
        await start(
          (peer) => greet(peer),
          (peer, number) => {
            if (number === 1) peer.send(replyOf(number, form, value));
            else echo(peer, number);
          },
        );
        const bad = expectFailure(client.call.read('x'), 'ERR_HOLDFAST_DECODE', /cannot be/);
        const others = [client.call.mutate('y'), client.call.once('z')];
        expect((await bad).outcome).to.equal('executed');
        expect(await Promise.all(others)).to.deep.equal(['reply 2', 'reply 3']);
        expect(server.calls).to.have.length(1);
      });
    }

    it('takes no reply that is larger than it has said', async () => {
      await start(
        (peer) => greet(peer),
        (peer, number, index) => {
          if (index === 0) peer.send(reply(number, 'x'.repeat(5_000)));
          else echo(peer, number);
        },
        { maxFrameBytes: 4_096 },
      );
      const mutate = await expectFailure(
        client.call.mutate('x'),
        'ERR_HOLDFAST_LOST',
        /5015 bytes/,
      );
      expect(mutate.outcome).to.equal('unknown');
      expect(mutate.cause).to.have.property('code', 'ERR_HOLDFAST_FRAME_TOO_LARGE');
      expect(await client.call.mutate('y')).to.match(/^reply/);
    });

    it('ends in time with a server that goes wrong at every connection', async () => {
      await start(
        (peer) => greet(peer),
        (peer) => peer.send(Buffer.from('no such thing\n')),
        { retryBudget: ampleBudget },
      );
      const told = await Promise.all([
        expectFailure(client.call.read('x', { timeoutMs: 2_000 }), 'ERR_HOLDFAST_LOST'),
        expectFailure(client.call.mutate('y', { timeoutMs: 2_000 }), 'ERR_HOLDFAST_LOST'),
      ]);
      expect(told.map(({ outcome }) => outcome)).to.deep.equal(['unknown', 'unknown']);
      expect(told[0]?.attempts).to.have.length(5);
    });
  });

  describe('by refusing', () => {
    function refused(retryAfterMs: unknown): (peer: RawPeer, number: number) => void {
      return (peer, number) => {
        const list = ['ERR_HOLDFAST_REFUSED', 'busy', retryAfterMs, false];
        peer.send(listFrame(FrameType.refused, number, list));
      };
    }

    it('leaves nothing behind of a call that is cancelled while it waits to be sent again', async () => {
      await start((peer) => greet(peer), refused(20_000));
      const abort = new AbortController();
      const call = client.call.mutate('x', { signal: abort.signal });
      await new Promise((resolve) => client.once('replay', resolve));
      abort.abort();
      const error = await expectFailure(call, 'ERR_HOLDFAST_ABORTED');
      expect(error.outcome).to.equal('not-executed');
      await server.close();
      expect(wheelOf(systemClock).size).to.equal(0);
    });

    it('fails at once when it asks to wait longer than the call has time', async () => {
      await start((peer) => greet(peer), refused(40_000));
      const error = await expectFailure(client.call.mutate('x'), 'ERR_HOLDFAST_REFUSED', /longer/);
      expect([error.outcome, error.retryAfterMs]).to.deep.equal(['not-executed', 40_000]);
      expect(server.calls).to.deep.equal([[1]]);
    });

    for (const hint of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', {}, [], null, true]) {
      it(`takes ${inspect(hint)} as no hint, and tries again until the deadline`, async () => {
        await start((peer) => greet(peer), refused(hint), { retryBudget: false });
        const call = client.call.mutate('x', { timeoutMs: 200 });
        const { outcome } = (await failureOf(call)) as HoldfastError;
        expect(outcome).to.equal('not-executed');
        expect(server.calls[0]?.length).to.be.within(2, 200);
      });
    }
  });

  describe('without an end', () => {
    it('gives up a server that floods it with pings and reads no answer', async () => {
      const pings = Buffer.concat(Array.from({ length: 20_000 }, (_, index) => ping(index)));
      await start(async (peer, index) => {
        await greet(peer);
        if (index > 0) return;
        peer.socket.pause();
        for (let burst = 0; burst < 200 && !peer.hasEnded; burst++) await peer.sendAll(pings);
      });
      const memory = await MemoryWatch.start();
      await client.ready();
      const cause = await new Promise((resolve) => {
        client.once('state', ({ reason }) => resolve(reason));
      });
      expect(cause).to.have.property('code', 'ERR_HOLDFAST_PROTOCOL');
      expect(await memory.grownBytes(16 * MiB)).to.be.at.most(16 * MiB);
      expect(await client.call.mutate('x')).to.match(/^reply/);
    });

    it('keeps nothing of replies that nobody asked for any more', async () => {
      await start((peer) => greet(peer));
      expect(await client.call.mutate('x')).to.equal('reply 1');
      const memory = await MemoryWatch.start();
      const late = Buffer.concat(
        Array.from({ length: 20_000 }, () => reply(1, 'late '.repeat(20))),
      );
      for (let burst = 0; burst < 20; burst++) await server.peers[0]?.sendAll(late);
      expect(await client.call.read('y')).to.match(/^reply/);
      expect(await memory.grownBytes(16 * MiB)).to.be.at.most(16 * MiB);
    });

    it('takes memory for what a reply brings, not for what it declares', async () => {
      await start(
        (peer) => greet(peer),
        (peer, _, index) => {
          if (index === 0) peer.send(declared(16 * MiB - 4, FrameType.reply, Buffer.alloc(20_000)));
        },
      );
      await client.ready();
      const memory = await MemoryWatch.start();
      const call = client.call.mutate('x', { timeoutMs: 100 });
      const error = await expectFailure(call, 'ERR_HOLDFAST_DEADLINE');
      expect(error.outcome).to.equal('unknown');
      expect(await memory.grownBytes(4 * MiB)).to.be.at.most(4 * MiB);
    });

    it('bears a server that ends each connection as soon as it is made', async () => {
      await start((peer) => peer.destroy());
      const calls = Array.from({ length: 200 }, (_, index) =>
        expectFailure(client.call.mutate(`${index}`, { timeoutMs: 150 }), 'ERR_HOLDFAST_DEADLINE'),
      );
      for (const { outcome } of await Promise.all(calls)) expect(outcome).to.equal('not-executed');
      // The tries are spread: not one for each call, and no storm.
      expect(server.peers.length).to.be.within(2, 150);
    });
  });
});
