import { expect } from 'chai';
import {
  type Client,
  type ClientOptions,
  connect,
  type Medium,
  type Safety,
  type Server,
  serve,
} from '../../lib/index.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { failureOf } from '../support/failure.ts';
import { HeldHandlers } from '../support/held-handlers.ts';
import { lostLink } from '../support/lost-link.ts';
import { Middleman } from '../support/middleman.ts';
import { needPrograms } from '../support/programs.ts';
import { Socat } from '../support/socat.ts';
import { sshMedium } from '../support/ssh-scene.ts';
import { Sshd } from '../support/sshd.ts';
import { verbs } from '../support/verbs.ts';

const heartbeatMs = 200;
const heartbeatTimeoutMs = 500;

/** For a busy machine. */
const marginMs = 1_000;

const classes: readonly Safety[] = ['read', 'once', 'mutate'];

/** More than all that lies between can hold. */
const large: readonly string[] = Array.from({ length: 8 }, (_, index) =>
  `${index} `.padEnd(3_000_000, 'x'),
);

/** What the client's bytes go through before they come to the middleman. */
const ways = ['tcp', 'socat', 'ssh', 'ssh+tcp', 'openssh'] as const;

describe('A peer that is half closed, stopped or slow', () => {
  let cli: Compiled;
  let sshd: Sshd;
  let handlers: HeldHandlers;
  let server: Server;
  let middleman: Middleman;
  let socat: Socat | undefined;
  let client: Client<typeof verbs>;

  before(async function () {
    needPrograms(this, 'socat', 'sshd', 'ssh', 'ssh-keygen', 'ps');
    [cli, sshd] = await Promise.all([compile('../../lib/cli/main.ts'), Sshd.start()]);
  });

  after(() => Promise.all([cli?.remove(), sshd?.stop()]));

  beforeEach(async () => {
    handlers = new HeldHandlers();
    const limits = { idlePingMs: heartbeatMs, heartbeatTimeoutMs, maxOutgoingBytes: 64_000_000 };
    server = await serve(verbs, handlers.all, { listen: 'tcp://127.0.0.1:0', ...limits });
    middleman = await Middleman.before(server.urls[0] as string);
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    await socat?.stop();
    socat = undefined;
    await middleman.close();
    await server.close();
  });

  async function mediumFor(way: (typeof ways)[number]): Promise<Medium | string> {
    const { port } = middleman;
    if (way === 'tcp') return `tcp://127.0.0.1:${port}`;
    if (way === 'socat') {
      socat = await Socat.before(port);
      return socat.url;
    }
    const command = `'${process.execPath}' '${cli.path}' bridge tcp://127.0.0.1:${port}`;
    return sshMedium(sshd, way, { command, port });
  }

  async function open(way: (typeof ways)[number], options: ClientOptions = {}): Promise<void> {
    const usual = { heartbeatMs, heartbeatTimeoutMs, reconnectBaseMs: 5, reconnectCapMs: 50 };
    client = connect(await mediumFor(way), verbs, { ...usual, ...options });
    await client.ready();
  }

  /** Resolves with how long it takes until the link is known to be lost. */
  async function lostIn(): Promise<number> {
    const start = performance.now();
    await lostLink(client);
    return performance.now() - start;
  }

  /** Calls of three classes that are held, begun. */
  async function begin(): Promise<readonly Promise<string>[]> {
    const calls = classes.map((safety) => client.call[safety](`held ${safety}`));
    await handlers.begun(classes.map((safety) => `held ${safety}`));
    return calls;
  }

  async function expectFinished(calls: readonly Promise<string>[]): Promise<void> {
    handlers.release();
    const done = classes.map((safety) => `done held ${safety}`);
    expect(await Promise.all(calls)).to.deep.equal(done);
    expect(handlers.executions.of('held once')).to.equal(1);
    expect(handlers.executions.of('held mutate')).to.equal(1);
  }

  for (const way of ways) {
    describe(`by ${way}`, () => {
      it('is left at once when it says that it will send no more, and costs no call', async () => {
        await open(way, { heartbeatMs: 30_000 });
        const calls = await begin();
        const gone = lostIn();
        middleman.last.cut('down');
        expect(await gone).to.be.below(marginMs);
        await expectFinished(calls);
      });

      it('is left in time when it takes no more and says nothing, and costs no call', async () => {
        await open(way);
        const calls = await begin();
        const gone = lostIn();
        middleman.last.cut('up');
        expect(await gone).to.be.below(heartbeatMs + heartbeatTimeoutMs + marginMs);
        await expectFinished(calls);
      });
    });
  }

  for (const way of ['tcp', 'ssh', 'openssh'] as const) {
    describe(`by ${way}, with much on the way`, () => {
      it('is left in time when it reads no more, and nothing is lost or run twice', async () => {
        await open(way);
        middleman.last.halt('up');
        const gone = lostIn();
        const calls = large.map((name) => client.call.mutate(name));
        // While something still gets into the buffers on the way, it counts as alive.
        expect(await gone).to.be.below(heartbeatMs + 3 * heartbeatTimeoutMs + marginMs);
        expect(await Promise.all(calls)).to.deep.equal(large.map((name) => `done ${name}`));
        expect(large.map((name) => handlers.executions.of(name))).to.deep.equal(Array(8).fill(1));
      });

      it('that reads no more on any connection costs calls their time, and they are not executed', async () => {
        await open(way);
        middleman.onLine = (line) => line.halt('up');
        middleman.last.halt('up');
        const start = performance.now();
        const failures = await Promise.all(
          large.map((name) => failureOf(client.call.mutate(name, { timeoutMs: 1_000 }))),
        );
        expect(performance.now() - start).to.be.below(1_000 + marginMs);
        expect(new Set(failures.map(({ code }) => code))).to.have.all.keys('ERR_HOLDFAST_DEADLINE');
        // Of what lies in a buffer on the way nobody can tell; the last of them never left.
        expect(failures.at(-1)?.outcome).to.equal('not-executed');
        client.destroy();
        for (const line of middleman.lines) line.resume('up');
        await client.closed;
        // What lay in buffers on the way arrives now.
        while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
        for (const [index, { outcome }] of failures.entries()) {
          const most = { 'not-executed': 0, unknown: 1, executed: -1 }[outcome];
          expect(handlers.executions.of(large[index] as string)).to.be.at.most(most);
        }
      });

      it('is cut off by the server when it does not read its replies, and gets them later', async () => {
        // The client does not look, so that the server alone must notice.
        await open(way, { heartbeatMs: 30_000 });
        const names = large.map((name) => `held ${name}`);
        const calls = names.map((name) => client.call.mutate(name));
        await handlers.begun(names);
        const { last } = middleman;
        last.halt('down');
        handlers.release();
        const start = performance.now();
        while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
        const bound = heartbeatMs + 3 * heartbeatTimeoutMs + marginMs;
        expect(performance.now() - start).to.be.below(bound);
        last.resume('down');
        expect(await Promise.all(calls)).to.deep.equal(names.map((name) => `done ${name}`));
        expect(names.map((name) => handlers.executions.of(name))).to.deep.equal(Array(8).fill(1));
      });
    });
  }

  for (const way of ['tcp', 'ssh+tcp', 'openssh'] as const) {
    it(`is given its time when it is slow in both directions, by ${way}`, async () => {
      await open(way, { heartbeatTimeoutMs: 1_500 });
      let losses = 0;
      client.on('state', () => losses++);
      middleman.last.slow(6_000);
      const name = 'x'.repeat(6_000_000);
      expect(await client.call.mutate(name)).to.equal(`done ${name}`);
      expect(losses).to.equal(0);
      expect(handlers.executions.of(name)).to.equal(1);
    });
  }

  it('is left in time when its process is stopped, and what it then says comes too late', async () => {
    await open('socat');
    const calls = await begin();
    const gone = lostIn();
    socat?.pause();
    expect(await gone).to.be.below(heartbeatMs + heartbeatTimeoutMs + marginMs);
    socat?.resume();
    await expectFinished(calls);
  });
});
