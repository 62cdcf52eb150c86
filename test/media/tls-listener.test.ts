import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import nodeTls, { type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { connect, type Peer, read, serve } from '../../lib/index.ts';
import { Handshakes } from '../../lib/media/tls/handshakes.ts';
import { type TlsOptions, tls } from '../../lib/media/tls.ts';
import { expectFailure } from '../support/failing.ts';
import { Recorder } from '../support/recorder.ts';
import { authority, here, stranger, TlsBench, textOf } from '../support/tls-bench.ts';

const serverIdentity = authority.issue({ ...here, names: ['localhost', 'backup.example'] });
const clientIdentity = authority.issue({ commonName: 'client 7', names: ['client.example'] });
const ca = authority.cert;

describe('A TLS listener', () => {
  let bench: TlsBench;

  beforeEach(() => {
    bench = new TlsBench();
  });

  afterEach(() => bench.close());

  it('tells a client without ALPN why it is refused', async () => {
    const port = await bench.start(tls({ port: 0, ...serverIdentity }));
    const socket = nodeTls.connect({ port, host: '127.0.0.1', ca });
    const text = await textOf(socket);
    expect(text).to.equal(
      'holdfast refuses this TLS connection: it takes only holdfast/1 (ALPN), which the client does not offer\n',
    );
  });

  it('ends a client that offers another protocol', async () => {
    const port = await bench.start(tls({ port: 0, ...serverIdentity }));
    const socket = nodeTls.connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
    const [error] = await new Promise<[Error]>((resolve) => {
      socket.on('error', (one) => resolve([one]));
    });
    expect(error).to.have.property('code').that.includes('NO_APPLICATION_PROTOCOL');
  });

  it('takes no version of TLS before 1.2', async () => {
    const port = await bench.start(tls({ port: 0, ...serverIdentity }));
    const socket = nodeTls.connect({
      port,
      host: '127.0.0.1',
      ca,
      ALPNProtocols: ['holdfast/1'],
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const error = await new Promise<Error>((resolve) => socket.on('error', resolve));
    expect(error).to.have.property('code').that.includes('PROTOCOL_VERSION');
  });

  it('lets a client without TLS wait no longer than for a handshake, and serves the others', async () => {
    const listener = tls({ port: 0, ...serverIdentity, handshakeTimeoutMs: 20 });
    const port = await bench.start(listener);
    const plain = bench.open(`tcp://127.0.0.1:${port}`);
    const call = plain.call.read('x', { timeoutMs: 300 });
    await expectFailure(call, 'ERR_HOLDFAST_DEADLINE', 'ended the connection before it said hello');
    expect(await bench.open(tls({ port, ca })).call.read('x')).to.equal('done x');
  });

  it('closes a connection that does not finish its handshake in time', async () => {
    const port = await bench.start(tls({ port: 0, ...serverIdentity, handshakeTimeoutMs: 50 }));
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
  });

  it('ends unfinished handshakes when it closes', async () => {
    const listening = await tls({ port: 0, ...serverIdentity }).listen(() => {});
    const socket = net.connect(Number(new URL(listening.url).port), '127.0.0.1');
    socket.on('error', () => {});
    await new Promise((resolve) => socket.on('connect', resolve));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.resume();
    // Not accepted yet, or in its handshake: it must end in either case.
    await listening.close();
    await closed;
  });

  it('bounds the handshakes that are under way', () => {
    const handshakes = new Handshakes();
    const sockets = Array.from({ length: 1_002 }, (_, remotePort) => new FakeSocket(remotePort));
    const [first, second, ...others] = sockets as [FakeSocket, FakeSocket, ...FakeSocket[]];
    const add = (socket: FakeSocket): void => handshakes.add(socket as unknown as net.Socket);
    sockets.forEach(add);
    expect(sockets.filter(({ isDestroyed }) => isDestroyed)).to.deep.equal(sockets.slice(1_000));
    // One that ends and one that is through make room for two.
    first.emit('close');
    handshakes.handOver(second as unknown as net.Socket);
    const late = [2_000, 2_001, 2_002].map((port) => new FakeSocket(port));
    late.forEach(add);
    expect(late.map(({ isDestroyed }) => isDestroyed)).to.deep.equal([false, false, true]);
    handshakes.destroyAll();
    expect([first, second].some(({ isDestroyed }) => isDestroyed)).to.equal(false);
    expect([...others, ...late].every(({ isDestroyed }) => isDestroyed)).to.equal(true);
  });

  it('is asked for by name where there is one (SNI)', async () => {
    const server = nodeTls.createServer({ ...serverIdentity, ALPNProtocols: ['holdfast/1'] });
    const port = await bench.startForeign(server);
    const names: string[] = [];
    for (const options of [{ host: 'localhost' }, { servername: 'backup.example' }, {}]) {
      const secured = once(server, 'secureConnection');
      const channel = await tls({ port, ca, ...options }).dial(new AbortController().signal);
      const [socket] = (await secured) as [TLSSocket];
      names.push(socket.servername || 'no name');
      const user = new Recorder(channel);
      channel.destroy();
      await user.closed;
    }
    expect(names).to.deep.equal(['localhost', 'backup.example', 'no name']);
  });

  describe('identities', () => {
    const whoAmI = { whoAmI: read<void, string>() };

    async function seenBy(
      options: Partial<TlsOptions>,
      client: Partial<TlsOptions>,
    ): Promise<Peer> {
      let peer: Peer | undefined;
      const server = await serve(
        whoAmI,
        {
          whoAmI: (_input, call) => {
            peer = call.peer;
            return '';
          },
        },
        { listen: tls({ port: 0, ...serverIdentity, ...options }) },
      );
      bench.endWith(server);
      const port = Number(new URL(server.urls[0] as string).port);
      const caller = connect(tls({ port, ca, ...client }), whoAmI);
      await caller.call.whoAmI();
      await caller.close();
      return peer as Peer;
    }

    it('come from verified certificates, at both ends', async () => {
      const { identity } = await seenBy({ ca }, clientIdentity);
      expect(identity).to.deep.include({
        kind: 'certificate',
        subject: 'CN=client 7',
        subjectAltName: 'DNS:client.example',
      });
      expect(identity?.fingerprint256).to.match(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
      const port = await bench.start(tls({ port: 0, ...serverIdentity }));
      const channel = await tls({ port, ca }).dial(new AbortController().signal);
      expect(channel.peer.identity).to.have.property('subject', 'CN=Test');
      const user = new Recorder(channel);
      channel.destroy();
      await user.closed;
    });

    it('are missing where no certificate was asked for, or none was shown', async () => {
      expect(await seenBy({}, clientIdentity)).not.to.have.property('identity');
      const optional = { ca, clientCertificates: 'optional' } as const;
      expect(await seenBy(optional, {})).not.to.have.property('identity');
    });

    it('are there where a certificate is optional and shown, which must then be right', async () => {
      const optional = { ca, clientCertificates: 'optional' } as const;
      const { identity } = await seenBy(optional, clientIdentity);
      expect(identity).to.have.property('subject', 'CN=client 7');
      const port = await bench.start(tls({ port: 0, ...serverIdentity, ...optional }));
      await bench.expectFinal(
        tls({ port, ca, ...stranger.issue() }),
        /client certificate is not accepted/,
      );
    });
  });
});

/** As much of a socket as is looked at. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort: number;
  isDestroyed = false;

  constructor(remotePort: number) {
    super();
    this.remotePort = remotePort;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}
