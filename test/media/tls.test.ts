import net from 'node:net';
import nodeTls, { type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type Client, type ClientState, connect, serve } from '../../lib/index.ts';
import { type TlsOptions, tls } from '../../lib/media/tls.ts';
import { selfSigned } from '../support/certificates.ts';
import { expectFailure } from '../support/failing.ts';
import { Recorder, writeOnce } from '../support/recorder.ts';
import { authority, future, here, past, stranger, TlsBench } from '../support/tls-bench.ts';
import { Executions, verbs } from '../support/verbs.ts';

const serverIdentity = authority.issue({ ...here, names: ['localhost'] });
const clientIdentity = authority.issue({ commonName: 'client 7' });
const ca = authority.cert;

describe('The TLS medium', () => {
  let bench: TlsBench;

  beforeEach(() => {
    bench = new TlsBench();
  });

  afterEach(() => bench.close());

  it('tells that the connect was answered, while the server is silent', async () => {
    const silent = net.createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as net.AddressInfo;
    const stop = new AbortController();
    const answered = new Promise<void>((resolve) => {
      tls({ port, ca })
        .dial(stop.signal, resolve)
        .catch(() => {});
    });
    await answered;
    stop.abort();
    await new Promise((resolve) => silent.close(resolve));
  });

  describe('when a certificate is wrong', () => {
    let port: number;
    let executions: Executions;
    let steady: Client<typeof verbs>;
    let states: ClientState[];

    beforeEach(async () => {
      executions = new Executions();
      port = await bench.start(tls({ port: 0, ca, ...serverIdentity }), executions);
      steady = bench.open(tls({ port, ca, ...clientIdentity }));
      states = [];
      steady.on('state', ({ next }) => states.push(next));
      await steady.call.read('first');
    });

    afterEach(async () => {
      expect(await steady.call.mutate('last')).to.equal('done last');
      expect(states, 'of a connection beside').to.deep.equal(['connecting', 'ready']);
      expect(executions.of('x')).to.equal(0);
    });

    const faults: Readonly<Record<string, [options: Omit<TlsOptions, 'port'>, text: RegExp]>> = {
      'comes from an authority that we do not know': [
        { ...clientIdentity, ca: stranger.cert },
        /authority that is not known here: give the authority's certificate as "ca"/,
      ],
      'comes from an authority that nobody knows': [
        clientIdentity,
        /authority that is not known here/,
      ],
      'is for another name': [
        { ca, ...clientIdentity, servername: 'other.example' },
        /for another name \(Host: other\.example\. is not in.*DNS:localhost.*give that as "servername"/,
      ],
      'of ours is missing': [{ ca }, /it wants a client certificate: give "cert" and "key"/],
      'of ours comes from an authority that the server does not know': [
        { ca, ...stranger.issue() },
        /the client certificate is not accepted \(UNABLE_TO_/,
      ],
      'of ours is self-signed': [
        { ca, ...selfSigned() },
        /the client certificate is not accepted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
      ],
      'of ours has expired': [
        { ca, ...authority.issue(past) },
        /the client certificate is not accepted \(CERT_HAS_EXPIRED\)/,
      ],
    };
    for (const [what, [options, text]] of Object.entries(faults)) {
      it(`fails for good and disturbs nobody else: one that ${what}`, async () => {
        await bench.expectFinal(tls({ port, ...options }), text);
      });
    }

    const serverFaults: Readonly<Record<string, [identity: Partial<TlsOptions>, text: RegExp]>> = {
      'has expired': [authority.issue({ ...here, ...past }), /has expired: it must be renewed/],
      'is not valid yet': [authority.issue({ ...here, ...future }), /not valid yet: compare the/],
      'is self-signed': [selfSigned(here), /is self-signed: if it is the right one, give it/],
      'is not for the address that was dialled': [
        authority.issue({ names: ['localhost'] }),
        /for another name \(IP: 127\.0\.0\.1 is not in the cert's list/,
      ],
    };
    for (const [what, [identity, text]] of Object.entries(serverFaults)) {
      it(`fails for good when that of the server ${what}`, async () => {
        const other = await bench.start(tls({ port: 0, ...identity }));
        await bench.expectFinal(tls({ port: other, ca }), text);
      });
    }
  });

  describe('when what listens there is something else', () => {
    const foreigners: Readonly<Record<string, [make: () => net.Server, text: RegExp]>> = {
      'greets in plain text': [
        () => net.createServer((socket) => socket.write('220 mail.example ESMTP\r\n')),
        /does not speak TLS: use tcp: for a server without it/,
      ],
      'answers in plain text': [
        () =>
          net.createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400\r\n'))),
        /does not speak TLS/,
      ],
      'speaks TLS and knows no ALPN': [
        () => nodeTls.createServer({ ...serverIdentity }),
        /it speaks TLS, but not holdfast\/1/,
      ],
      'speaks another protocol over TLS': [
        () => nodeTls.createServer({ ...serverIdentity, ALPNProtocols: ['h2', 'http/1.1'] }),
        /it speaks TLS, but not holdfast\/1/,
      ],
      'knows only old versions of TLS': [
        () =>
          nodeTls.createServer({
            ...serverIdentity,
            minVersion: 'TLSv1',
            maxVersion: 'TLSv1.1',
            ciphers: 'DEFAULT@SECLEVEL=0',
          }),
        /it speaks no version of TLS that is accepted here \(1\.2 or 1\.3\)/,
      ],
      'wants a client certificate in the manner of Node': [
        () =>
          nodeTls.createServer({
            ...serverIdentity,
            ca,
            requestCert: true,
            ALPNProtocols: ['holdfast/1'],
          }),
        /it wants a client certificate: give "cert" and "key"/,
      ],
    };
    for (const [what, [make, text]] of Object.entries(foreigners)) {
      it(`fails for good when it ${what}`, async () => {
        const port = await bench.startForeign(make());
        await bench.expectFinal(tls({ port, ca }), text);
      });
    }

    it('fails for good at a holdfast server without TLS, which stays up', async () => {
      const server = await serve(verbs, new Executions().handlers(), {
        listen: 'tcp://127.0.0.1:0',
      });
      bench.endWith(server);
      const port = Number(new URL(server.urls[0] as string).port);
      await bench.expectFinal(tls({ port, ca }), /does not speak TLS/);
      const plain = connect(server.urls[0] as string, verbs);
      expect(await plain.call.read('x')).to.equal('done x');
      await plain.close();
    });

    it('tries again when it closes without a word, as a server does that starts', async () => {
      let connections = 0;
      const port = await bench.startForeign(
        net.createServer((socket) => {
          connections++;
          socket.destroy();
        }),
      );
      const call = bench.open(tls({ port, ca })).call.read('x', { timeoutMs: 200 });
      await expectFailure(call, 'ERR_HOLDFAST_DEADLINE', 'before secure TLS connection');
      expect(connections).to.be.greaterThan(1);
    });

    it('gives up in time when it never answers', async () => {
      const port = await bench.startForeign(net.createServer(() => {}));
      const call = bench.open(tls({ port, ca })).call.read('x', { timeoutMs: 100 });
      await expectFailure(call, 'ERR_HOLDFAST_DEADLINE');
    });
  });

  it('verifies also where the environment tells Node not to', async () => {
    const port = await bench.start(tls({ port: 0, ...selfSigned(here) }));
    const warn = process.emitWarning;
    process.emitWarning = () => {};
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await bench.expectFinal(tls({ port, ca }), /is self-signed/);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      process.emitWarning = warn;
    }
  });

  it('delivers what a server says in the very packet that ends the handshake', async () => {
    const port = await bench.startForeign(
      nodeTls
        .createServer({ ...serverIdentity, ALPNProtocols: ['holdfast/1'] })
        .on('secureConnection', (socket: TLSSocket) => socket.write('first words')),
    );
    const channel = await tls({ port, ca }).dial(new AbortController().signal);
    const user = new Recorder(channel);
    expect((await user.take(11)).toString()).to.equal('first words');
    expect(await writeOnce(channel, Buffer.from('x'))).to.equal(true);
    channel.destroy();
    await user.closed;
  });
});
