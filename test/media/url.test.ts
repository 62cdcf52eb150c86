import { inspect } from 'node:util';
import { expect } from 'chai';
import { connect, serve } from '../../lib/index.ts';
import { listenerOf, mediumOf } from '../../lib/media/url.ts';
import { expectFailure } from '../support/failing.ts';
import { Executions, verbs } from '../support/verbs.ts';

const good: readonly (readonly [url: string, address: string])[] = [
  ['tcp://127.0.0.1:4155', 'tcp://127.0.0.1:4155'],
  ['tcp://127.0.0.1:4155/', 'tcp://127.0.0.1:4155'],
  ['tcp://localhost:0', 'tcp://localhost:0'],
  ['tcp://[::1]:65535', 'tcp://[::1]:65535'],
  ['unix:/run/holdfast.sock', 'unix:/run/holdfast.sock'],
  ['unix:///run/holdfast.sock', 'unix:/run/holdfast.sock'],
  ['unix:relative.sock', 'unix:relative.sock'],
  ['unix:/with space/and%20percent?and#more', 'unix:/with space/and%20percent?and#more'],
];

const bad: readonly (readonly [url: string, text: RegExp])[] = [
  ['', /must start with one of tcp:, unix:/],
  ['127.0.0.1:4155', /must start with one of tcp:, unix:/],
  ['localhost:4155', /unknown scheme "localhost" \(known: tcp:, unix:/],
  ['/run/holdfast.sock', /must start with one of tcp:, unix:/],
  ['://127.0.0.1:4155', /must start with one of/],
  ['TCP://127.0.0.1:4155', /must start with one of/],
  [' tcp://127.0.0.1:4155', /must start with one of/],
  ['tpc://127.0.0.1:4155', /unknown scheme "tpc"; did you mean "tcp"\?/],
  ['unxi:/run/holdfast.sock', /unknown scheme "unxi"; did you mean "unix"\?/],
  ['http://127.0.0.1:4155', /unknown scheme "http".*known: tcp:, unix:/],
  ['constructor:x', /unknown scheme "constructor" \(known/],
  ['__proto__:x', /must start with one of/],
  ['tcp:', /host is missing/],
  ['tcp://', /host is missing/],
  ['tcp:127.0.0.1:4155', /host is missing/],
  ['tcp://:4155', /tcp:\/\/127\.0\.0\.1:4155/],
  ['tcp://127.0.0.1', /port is missing, e\.g\. tcp:/],
  ['tcp://127.0.0.1:', /port is missing/],
  ['tcp://127.0.0.1:65536', /port from 0 to 65535/],
  ['tcp://127.0.0.1:-1', /port from 0 to 65535/],
  ['tcp://127.0.0.1:http', /port from 0 to 65535/],
  ['tcp://127.0.0.1:4155:4156', /tcp:\/\/127\.0\.0\.1:4155/],
  ['tcp://::1:4155', /tcp:\/\/\[::1\]:4155/],
  ['tcp://[::1:4155', /tcp:\/\/\[::1\]:4155/],
  ['tcp://exa mple:4155', /tcp:\/\/127\.0\.0\.1:4155/],
  ['tcp://127.0.0.1:4155/path', /ends after the port/],
  ['tcp://127.0.0.1:4155?nodelay', /ends after the port/],
  ['tcp://127.0.0.1:4155#top', /ends after the port/],
  ['tcp://me@127.0.0.1:4155', /no user or password/],
  ['tcp://me:secret@127.0.0.1:4155', /no user or password/],
  ['unix:', /1 to 107 bytes.*got 0 bytes/],
  [`unix:/${'x'.repeat(107)}`, /1 to 107 bytes.*got 108 bytes/],
  [`unix:/${'ü'.repeat(54)}`, /1 to 107 bytes.*got 109 bytes/],
  ['unix:\0abstract', /no NUL/],
];

describe('URLs of media', () => {
  for (const url of ['tcp://127.0.0.1:1', 'tls://127.0.0.1:1']) {
    it(`says of ${url} that a network may lose what is sent`, () => {
      expect(mediumOf(url).losesPackets).to.equal(true);
    });
  }

  for (const url of [
    'unix:/x',
    'pipe:?command=x',
    'ssh://me@host/?command=x',
    'openssh://host/?command=x',
  ]) {
    it(`does not say so of ${url}`, () => {
      expect(mediumOf(url).losesPackets ?? false).to.equal(false);
    });
  }

  for (const [url, address] of good) {
    it(`takes ${url}`, () => {
      expect(mediumOf(url).address).to.equal(address);
      expect(listenerOf(url)).to.respondTo('listen');
    });
  }

  for (const [url, text] of bad) {
    it(`refuses ${JSON.stringify(url.slice(0, 40))} and says why`, async () => {
      for (const parse of [mediumOf, listenerOf]) {
        const error = await expectFailure(() => parse(url), 'ERR_HOLDFAST_URL', text);
        expect(error.final).to.equal(true);
        expect(error.outcome).to.equal('not-executed');
      }
    });
  }

  it('takes a path of just so many bytes as the system does', () => {
    const path = `/${'x'.repeat(106)}`;
    expect(mediumOf(`unix:${path}`).address).to.equal(`unix:${path}`);
  });

  it('never shows a password, whatever else is wrong with the URL', async () => {
    const urls = [
      'tpc://me:secret@127.0.0.1:4155',
      'tcp://me:secret@127.0.0.1:4155',
      'tcp://me:secret@127.0.0.1',
      'tcp://me:secret@:4155',
      'tcp://me:secret@127.0.0.1:99999',
      'tcp://me:secret@127.0.0.1:4155/path',
      'sssh://me:secret/with@signs@host/',
      'me:secret@127.0.0.1:4155',
    ];
    for (const url of urls) {
      const error = await expectFailure(() => mediumOf(url), 'ERR_HOLDFAST_URL');
      expect(inspect(error, { depth: 10 }), url).not.to.include('secret');
    }
  });

  it('shows a URL that is far too long in part only', async () => {
    const error = await expectFailure(
      () => mediumOf(`unix:/${'x'.repeat(100_000)}`),
      'ERR_HOLDFAST_URL',
    );
    expect(error.message.length).to.be.below(300);
  });

  it('fails at connect and at serve, before anything is opened', async () => {
    await expectFailure(() => connect('tpc://127.0.0.1:1', verbs), 'ERR_HOLDFAST_URL', 'tcp');
    const handlers = new Executions().handlers();
    const listen = ['tcp://127.0.0.1:0', 'tpc://127.0.0.1:1'];
    await expectFailure(serve(verbs, handlers, { listen }), 'ERR_HOLDFAST_URL', 'tcp');
  });
});
