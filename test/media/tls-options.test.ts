import { createPrivateKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { serve } from '../../lib/index.ts';
import { listenerFromUrl, mediumFromUrl, type TlsOptions, tls } from '../../lib/media/tls.ts';
import { listenerOf, mediumOf } from '../../lib/media/url.ts';
import { expectFailure } from '../support/failing.ts';
import { authority, here, stranger, TlsBench } from '../support/tls-bench.ts';
import { Executions, verbs } from '../support/verbs.ts';

const identity = authority.issue(here);
const other = authority.issue(here);
const ca = authority.cert;
const passphrase = 'correct horse';
const encrypted = createPrivateKey(identity.key)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase })
  .toString();

const wrongOptions: readonly (readonly [options: unknown, text: RegExp])[] = [
  [{}, /Option "port" must be a whole number from 0 to 65535, got undefined/],
  [{ port: 65_536 }, /Option "port" must be/],
  [{ port: 1, host: '' }, /Option "host" must not be empty/],
  [{ port: 1, hots: 'localhost' }, /Unknown tls option "hots"; did you mean "host"\?/],
  [{ port: 1, serverName: 'x' }, /Unknown tls option "serverName"; did you mean "servername"\?/],
  [{ port: 1, rejectUnauthorized: false }, /Unknown tls option "rejectUnauthorized"/],
  [{ port: 1, servername: '' }, /Option "servername" must not be empty/],
  [{ port: 1, servername: '10.0.0.1' }, /must be a name, not an address, got "10\.0\.0\.1"/],
  [{ port: 1, servername: '::1' }, /must be a name, not an address/],
  [{ port: 1, ca: 7 }, /Option "ca" must be text or bytes in PEM format/],
  [{ port: 1, ca: [ca, 7] }, /Option "ca" must be text or bytes in PEM format/],
  [{ port: 1, ca: 'no certificate' }, /tls option "ca" has no certificate in PEM format/],
  [{ port: 1, ca: [ca, ''] }, /tls option "ca" has no certificate in PEM format/],
  [{ port: 1, ca: identity.key }, /tls option "ca" has no certificate in PEM format/],
  [{ port: 1, cert: identity.cert }, /"cert" and "key" both must be given, or none/],
  [{ port: 1, key: identity.key }, /"cert" and "key" both must be given, or none/],
  [{ port: 1, ...identity, cert: identity.key }, /"cert" has no certificate in PEM format/],
  [{ port: 1, ...identity, key: identity.cert }, /"key" has no private key in PEM format/],
  [{ port: 1, ...identity, key: other.key }, /"key" does not belong to the certificate in "cert"/],
  [{ port: 1, ...identity, key: encrypted }, /is encrypted: give its "passphrase" too/],
  [
    { port: 1, ...identity, key: encrypted, passphrase: 'wrong horse' },
    /"key" cannot be read with this "passphrase"/,
  ],
  [{ port: 1, passphrase }, /"passphrase" is of use only with "key"/],
  [{ port: 1, passphrase: 7 }, /Option "passphrase" must be a string/],
  [{ port: 1, ca, clientCertificates: 'always' }, /must be one of "required", "optional", "none"/],
  [{ port: 1, clientCertificates: 'required' }, /"clientCertificates" there must be a "ca"/],
  [{ port: 1, ca: [], clientCertificates: 'optional' }, /there must be a "ca"/],
  [{ port: 1, handshakeTimeoutMs: 0 }, /Option "handshakeTimeoutMs" must be/],
  [null, /tls option must be an object, got null/],
];

const wrongUrls: readonly (readonly [url: string, text: RegExp])[] = [
  ['tls:', /the host is missing, e\.g\. tls:\/\//],
  ['tls://', /it must look like tls:\/\/|the host is missing/],
  ['tls://host', /the port is missing, e\.g\. tls:\/\//],
  ['tls://host:65536', /it must look like tls:\/\//],
  ['tls://me:secret@host:1', /a tls URL has no user or password/],
  ['tls://host:1/path', /behind the port there may be parameters only/],
  ['tls://host:1#top', /behind the port there may be parameters only/],
  ['tls://host:1?ca=', /parameter "ca" is empty/],
  ['tls://host:1?ca=a&ca=b', /parameter "ca" is there twice/],
  ['tls://host:1?cret=a', /unknown parameter "cret"; did you mean "cert"\?/],
  ['tls://host:1?passphrase=secret', /unknown parameter "passphrase"/],
  ['tls://host:1?cert=a', /of "cert" and "key" both must be there, or none/],
];

describe('The options of the TLS medium', () => {
  for (const [options, text] of wrongOptions) {
    const shown = inspect(options, { breakLength: Number.POSITIVE_INFINITY });
    const name = `${shown.replaceAll(/-----BEGIN[^']*/g, '…')}: ${text.source}`;
    it(`refuse ${name}, and show no secret`, async () => {
      const error = await expectFailure(
        () => tls(options as TlsOptions),
        'ERR_HOLDFAST_OPTION',
        text,
      );
      expect(error.final).to.equal(true);
      expectNoSecret(error);
    });
  }

  it('take bytes and lists where they take text', async () => {
    const bench = new TlsBench();
    const bytes = {
      cert: Buffer.from(identity.cert),
      key: Uint8Array.from(Buffer.from(encrypted)),
      passphrase,
    };
    const port = await bench.start(tls({ port: 0, ...bytes }));
    const both = [stranger.cert, Buffer.from(ca)];
    for (const one of [both, both.join('')]) {
      expect(await bench.open(tls({ port, ca: one })).call.read('x')).to.equal('done x');
    }
    await bench.close();
  });

  it('are enough for a listener only with a certificate', async () => {
    const listen = tls({ port: 0, ca });
    const serving = serve(verbs, new Executions().handlers(), { listen });
    const text = 'Cannot listen at tls://127.0.0.1:0: a TLS server needs "cert" and "key"';
    const error = await expectFailure(serving, 'ERR_HOLDFAST_LISTEN', text);
    expect(error.final).to.equal(true);
  });
});

describe('URLs of the TLS medium', () => {
  let folder: string;
  let bench: TlsBench;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    bench = new TlsBench();
  });

  afterEach(async () => {
    await bench.close();
    await rm(folder, { recursive: true });
  });

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  }

  function url(port: number, ...names: readonly ('ca' | 'cert' | 'key')[]): string {
    const files = names.map((name) => [name, join(folder, name)] as const);
    return `tls://127.0.0.1:${port}?${new URLSearchParams(Object.fromEntries(files))}`;
  }

  for (const [text, why] of wrongUrls) {
    it(`refuse ${text}`, async () => {
      for (const parse of [mediumFromUrl, listenerFromUrl]) {
        const error = await expectFailure(() => parse(text), 'ERR_HOLDFAST_URL', why);
        expect(error.final).to.equal(true);
        expect(inspect(error)).not.to.include('secret@');
      }
    });
  }

  it('name the address without files', () => {
    expect(mediumFromUrl('tls://[::1]:4155?ca=/x').address).to.equal('tls://[::1]:4155');
  });

  it('name files with certificates, to dial and to listen', async () => {
    await write({ ca, ...identity });
    const port = await bench.start(url(0, 'ca', 'cert', 'key'));
    const client = bench.open(url(port, 'ca', 'cert', 'key'));
    expect(await client.call.mutate('x')).to.equal('done x');
    await bench.expectFinal(url(port, 'ca'), 'it wants a client certificate');
  });

  it('ask for another name than that of the host', async () => {
    await write({ ca, ...authority.issue({ names: ['backup.example'] }) });
    const port = await bench.start(url(0, 'cert', 'key'));
    await bench.expectFinal(url(port, 'ca'), 'for another name');
    const client = bench.open(`${url(port, 'ca')}&servername=backup.example`);
    expect(await client.call.read('x')).to.equal('done x');
  });

  it('read the files anew at each dial', async () => {
    await write({ ca, ...identity });
    const port = await bench.start(url(0, 'ca', 'cert', 'key'));
    const medium = mediumOf(url(port, 'ca', 'cert', 'key'));
    await write({ ...stranger.issue() });
    await bench.expectFinal(medium, 'client certificate is not accepted');
    await write({ ...identity });
    expect(await bench.open(medium).call.read('x')).to.equal('done x');
  });

  it('say which file cannot be read, and what is wrong with one', async () => {
    const at = url(1, 'ca', 'cert', 'key');
    await write({ ca });
    await bench.expectFinal(at, /Cannot read the (certificate|private key) .*: ENOENT/);
    await write({ cert: identity.cert, key: other.key });
    const wrong = /Cannot use the files .*key: The tls option "key" does not belong/;
    await bench.expectFinal(at, wrong);
    const serving = serve(verbs, new Executions().handlers(), { listen: listenerOf(at) });
    expectNoSecret(await expectFailure(serving, 'ERR_HOLDFAST_LISTEN', wrong));
  });
});

/** No line of a private key, and no passphrase. */
function expectNoSecret(error: Error): void {
  const shown = inspect(error, { depth: 10, showHidden: true });
  const lines = [identity.key, other.key, encrypted].flatMap((key) => key.split('\n').slice(1, -2));
  for (const secret of [...lines, 'horse']) expect(shown).not.to.include(secret);
}
