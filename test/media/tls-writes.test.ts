import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { TlsChannel } from '../../lib/media/tls/channel.ts';
import { tls } from '../../lib/media/tls.ts';
import { Breaker } from '../support/breaker.ts';
import { Recorder, settled, writeOnce } from '../support/recorder.ts';
import { authority, here } from '../support/tls-bench.ts';

describe('What a TLS channel says of a write', () => {
  it('is a proof when the system takes nothing of it', async () => {
    const far: Recorder[] = [];
    const { cert: ca } = authority;
    const listening = await tls({ port: 0, ...authority.issue(here) }).listen((channel) => {
      far.push(new Recorder(channel));
    });
    const breaker = await Breaker.before(listening.url.replace('tls:', 'tcp:'));
    const port = Number(new URL(breaker.url).port);
    const channel = await tls({ port, ca }).dial(new AbortController().signal);
    const near = new Recorder(channel);
    expect(await writeOnce(channel, Buffer.from('first'))).to.equal(true);
    while (far.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await far[0]?.take(5);
    breaker.last.reset();
    // In the same turn: nothing tells us yet that the connection is dead.
    expect(channel.dead).to.equal(false);
    expect(await writeOnce(channel, Buffer.from('second'))).to.equal(false);
    await Promise.all([near.closed, far[0]?.closed]);
    expect(far[0]?.bytes.toString()).to.equal('first');
    await breaker.close();
    await listening.close();
  });

  for (const [when, isProof] of [
    ['in its own turn', true],
    ['later', false],
  ] as const) {
    it(`${isProof ? 'is' : 'is not'} a proof when it fails ${when}`, async () => {
      // TLS may have bytes of its own behind ours: a later error can be about those.
      const socket = new FailingSocket(when === 'later');
      const channel = new TlsChannel(socket as unknown as TLSSocket, {
        medium: 'tls',
        address: '',
      });
      const user = new Recorder(channel);
      expect(await writeOnce(channel, Buffer.from('a'), Buffer.from('b'))).to.equal(!isProof);
      await user.closed;
    });
  }

  it('is a proof when the channel was destroyed before it', async () => {
    const socket = new FailingSocket(false);
    const channel = new TlsChannel(socket as unknown as TLSSocket, { medium: 'tls', address: '' });
    const user = new Recorder(channel);
    channel.destroy();
    const reports: boolean[] = [];
    channel.write([Buffer.from('a')], (possibly) => reports.push(possibly));
    await user.closed;
    await settled(() => reports.length);
    expect(reports).to.deep.equal([false]);
    expect(socket.writes).to.equal(0);
  });
});

/** As much of a socket as a channel needs; every write fails. */
class FailingSocket extends Duplex {
  writes = 0;
  readonly #isLate: boolean;

  constructor(isLate: boolean) {
    super();
    this.#isLate = isLate;
  }

  ref(): void {}
  unref(): void {}
  override _read(): void {}

  override _writev(_chunks: unknown, done: (error: Error) => void): void {
    this.#fail(done);
  }

  override _write(_chunk: Buffer, _encoding: string, done: (error: Error) => void): void {
    this.#fail(done);
  }

  #fail(done: (error: Error) => void): void {
    this.writes++;
    const error = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    if (this.#isLate) setImmediate(done, error);
    else done(error);
  }
}
