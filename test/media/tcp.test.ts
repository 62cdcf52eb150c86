import net, { type AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { connect, type Listening, serve, tcp } from '../../lib/index.ts';
import { mediumOf } from '../../lib/media/url.ts';
import { expectFailure } from '../support/failing.ts';
import { Recorder } from '../support/recorder.ts';
import { Executions, verbs } from '../support/verbs.ts';

const wrongOptions: readonly (readonly [options: unknown, text: RegExp])[] = [
  [{}, /Option "port" must be a whole number from 0 to 65535, got undefined/],
  [{ port: undefined }, /Option "port" must be/],
  [{ port: '4155' }, /Option "port" must be a whole number from 0 to 65535, got "4155"/],
  [{ port: Number.NaN }, /Option "port" must be/],
  [{ port: -1 }, /Option "port" must be/],
  [{ port: 65_536 }, /Option "port" must be/],
  [{ port: 1.5 }, /Option "port" must be/],
  [{ port: Number.POSITIVE_INFINITY }, /Option "port" must be/],
  [{ port: 1, host: 7 }, /Option "host" must be a string, got 7/],
  [{ port: 1, host: '' }, /Option "host" must/],
  [{ port: 1, hots: 'localhost' }, /Unknown tcp option "hots"; did you mean "host"\?/],
  [{ prot: 1 }, /Unknown tcp option "prot"; did you mean "port"\?/],
  [null, /tcp option must be an object, got null/],
  [undefined, /Option "port" must be/],
  ['tcp://127.0.0.1:1', /tcp option must be an object/],
];

describe('The TCP medium', () => {
  for (const [options, text] of wrongOptions) {
    it(`refuses the options ${inspect(options)}`, async () => {
      const error = await expectFailure(
        () => tcp(options as { port: number }),
        'ERR_HOLDFAST_OPTION',
        text,
      );
      expect(error.final).to.equal(true);
    });
  }

  it('dials and listens on the loopback address by default', async () => {
    const listening = await tcp({ port: 0 }).listen(() => {});
    expect(listening.url).to.match(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    await listening.close();
  });

  it('names an IPv6 address in brackets', async () => {
    const listening = await tcp({ host: '::1', port: 0 }).listen((channel) => channel.destroy());
    expect(listening.url).to.match(/^tcp:\/\/\[::1\]:\d+$/);
    const channel = await mediumOf(listening.url).dial(new AbortController().signal);
    expect(channel.peer.address).to.equal(listening.url.slice('tcp://'.length));
    await new Recorder(channel).closed;
    await listening.close();
  });

  it('keeps the process alive only while a channel is held', async () => {
    const alive = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const before = alive();
    const listening = await tcp({ port: 0 }).listen((channel) => channel.destroy());
    const channel = await mediumOf(listening.url).dial(new AbortController().signal);
    const user = new Recorder(channel);
    expect(alive()).to.equal(before);
    channel.ref();
    expect(alive()).to.equal(before + 1);
    channel.unref();
    expect(alive()).to.equal(before);
    await user.closed;
    await listening.close();
  });

  describe('when it cannot listen', () => {
    let listening: Listening | undefined;
    let other: net.Server;
    let port: number;

    beforeEach(async () => {
      other = net.createServer();
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      ({ port } = other.address() as AddressInfo);
    });

    afterEach(async () => {
      await listening?.close();
      await new Promise((resolve) => other.close(resolve));
    });

    it('says which address is in use and what to do', async () => {
      const url = `tcp://127.0.0.1:${port}`;
      const handlers = new Executions().handlers();
      const error = await expectFailure(
        serve(verbs, handlers, { listen: url }),
        'ERR_HOLDFAST_LISTEN',
        `Cannot listen at ${url}: the address is in use: stop the other server or choose another`,
      );
      expect(error.final).to.equal(true);
      expect(error.cause).to.have.property('code', 'EADDRINUSE');
    });

    it('leaves none of several addresses open when one of them is in use', async () => {
      const handlers = new Executions().handlers();
      const first = await tcp({ port: 0 }).listen(() => {});
      await first.close();
      const listen = [first.url, `tcp://127.0.0.1:${port}`];
      await expectFailure(serve(verbs, handlers, { listen }), 'ERR_HOLDFAST_LISTEN', `:${port}`);
      const again = await serve(verbs, handlers, { listen: first.url });
      await again.close();
    });

    it('says that the machine does not have the address', async () => {
      const listen = 'tcp://192.0.2.1:1';
      await expectFailure(
        serve(verbs, new Executions().handlers(), { listen }),
        'ERR_HOLDFAST_LISTEN',
        `Cannot listen at ${listen}: this machine does not have the address`,
      );
    });
  });

  it('ends the call in time and says why when nobody listens', async () => {
    const listening = await tcp({ port: 0 }).listen(() => {});
    await listening.close();
    const client = connect(listening.url, verbs, { reconnectCapMs: 20 });
    const call = client.call.read('x', { timeoutMs: 100 });
    const error = await expectFailure(
      call,
      'ERR_HOLDFAST_DEADLINE',
      /deadline of 100 ms passed.*ECONNREFUSED/,
    );
    expect(error.outcome).to.equal('not-executed');
    await client.close();
  });
});
