import { EventEmitter } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { expect } from 'chai';
import type { ClientChannel } from 'ssh2';
import { SshChannel } from '../../../lib/media/ssh/channel.ts';
import type { SshConnection } from '../../../lib/media/ssh/connection.ts';
import { resolveSshOptions } from '../../../lib/media/ssh/options.ts';
import { Recorder, settled } from '../../support/recorder.ts';

/** A channel of ssh2 as this medium sees it; the test says what becomes of a write. */
class FakeChannel extends Duplex {
  readonly incoming = { state: 'open' };
  readonly outgoing = { state: 'open' };
  readonly stderr = new PassThrough();
  /** Reports the outstanding write, as ssh2 does when it has given it to its socket. */
  given: () => void = () => {};
  onWrite: () => void = () => {};
  writes = 0;

  constructor() {
    super({ emitClose: false });
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, callback: () => void): void {
    this.writes++;
    this.given = callback;
    this.onWrite();
  }
}

/** A connection with a socket of which the test says how it is. */
class FakeConnection {
  isDead = false;
  heardBytes = 0;
  cause: Error | undefined;
  ends = 0;
  onError: () => void = () => {};
  onEnding: () => void = () => {};
  onClosed: () => void = () => {};
  readonly socket = Object.assign(new EventEmitter(), {
    writableNeedDrain: false,
    cork: () => {},
    uncork: () => {},
    ref: () => {},
    unref: () => {},
  });

  end(): void {
    this.ends++;
  }

  destroy(cause?: Error): void {
    this.cause = cause;
    this.isDead = true;
  }
}

describe('A channel of ssh2', () => {
  let far: FakeChannel;
  let connection: FakeConnection;
  let channel: SshChannel;
  let user: Recorder;
  let reports: boolean[];

  beforeEach(() => {
    far = new FakeChannel();
    connection = new FakeConnection();
    reports = [];
    channel = new SshChannel(
      connection as unknown as SshConnection,
      far as unknown as ClientChannel,
      { medium: 'ssh', address: 'a' },
      'ssh://a',
      resolveSshOptions({ host: 'h', user: 'u', command: 'c', keepaliveMs: 0 }),
    );
    user = new Recorder(channel);
  });

  function write(): void {
    channel.write([Buffer.from('x')], (possibly) => reports.push(possibly));
  }

  /** As ssh2 ends a channel, for whatever reason. */
  async function close(): Promise<void> {
    far.emit('close');
    await user.closed;
    await settled(() => reports.length);
  }

  it('says of a write that ssh2 holds that it was not taken', async () => {
    write();
    await close();
    expect(reports).to.deep.equal([false]);
  });

  it('says of a write that ssh2 has given to its socket that it may have been taken', async () => {
    write();
    far.given();
    await settled(() => reports.length);
    expect(reports).to.deep.equal([true]);
    await close();
    expect(reports).to.deep.equal([true]);
  });

  it('says nothing of a write that waits in the socket when all ends', async () => {
    connection.socket.writableNeedDrain = true;
    write();
    far.given();
    await settled(() => reports.length);
    expect(reports).to.deep.equal([]);
    await close();
    expect(reports).to.deep.equal([]);
  });

  it('waits until the socket has room for more', async () => {
    connection.socket.writableNeedDrain = true;
    write();
    far.given();
    await settled(() => reports.length);
    connection.socket.emit('drain');
    expect(reports).to.deep.equal([true]);
    await close();
  });

  it('says nothing of a write that ssh2 has given to its socket in the very turn of the end', async () => {
    far.onWrite = () => far.given();
    write();
    far.emit('close');
    await user.closed;
    expect(reports).to.not.include(false);
  });

  it('says nothing of a write at which ssh2 threw, and ends the connection', async () => {
    far.onWrite = () => {
      throw new Error('Instance unusable');
    };
    write();
    expect(connection.cause?.message).to.equal('Instance unusable');
    expect(channel.dead).to.equal(true);
    await close();
    expect(reports).to.not.include(false);
  });

  const signs: Readonly<Record<string, () => void>> = {
    'the connection': () => {
      connection.isDead = true;
    },
    'the state of the incoming side': () => {
      far.incoming.state = 'eof';
    },
    'the state of the outgoing side': () => {
      far.outgoing.state = 'closing';
    },
    'the exit': () => {
      far.emit('exit', 0);
    },
    'its own close': () => channel.close(),
    'its own destroy': () => channel.destroy(),
  };

  for (const [what, show] of Object.entries(signs)) {
    it(`is dead as soon as ${what} shows it, and ssh2 is given nothing more`, async () => {
      expect(channel.dead).to.equal(false);
      show();
      expect(channel.dead).to.equal(true);
      write();
      await settled(() => reports.length);
      expect(reports).to.deep.equal([false]);
      expect(far.writes).to.equal(0);
      await close();
    });
  }

  it('says so in time when nothing but its exit comes, and reads on while bytes come', async () => {
    far.emit('exit', 7);
    const startedAt = performance.now();
    const trickle = setInterval(() => {
      connection.heardBytes++;
    }, 20);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(connection.ends, 'while bytes come').to.equal(0);
    clearInterval(trickle);
    while (connection.ends === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(performance.now() - startedAt).to.be.below(10_000);
    await close();
    expect(user.cause?.message).to.match(/exited with code 7$/);
  });
});
